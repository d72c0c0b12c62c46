//! A layer between codec and transport: the contract, shown on a toy that compresses runs.
//!
//! The toy keeps the last run back until a flush, as any compressor keeps something back, and one wrapped byte
//! pair can become 255 plain bytes, so that the bound on what is unwrapped at once matters.

#[path = "support/random.rs"]
mod random;

use std::io::IoSlice;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use trunkline_wire::dialect::Codec;
use trunkline_wire::iproto::Iproto;
use trunkline_wire::{
    Decode, Decoded, Dialect, Id, Input, Layer, Limits, Message, Output, Profile, Route, Side, WireError,
};

/// Runs of equal bytes as (count, byte); a count of zero is malformed.
#[derive(Debug, Default)]
struct Runs {
    /// Seen, but perhaps not over: kept back until another byte or a flush.
    open: Option<(u8, u8)>,
    /// Read, but not given out yet.
    owed: (u8, u8),
}

impl Layer for Runs {
    fn wrap(&mut self, plain: &[u8], wrapped: &mut Vec<u8>) -> Result<(), WireError> {
        for &byte in plain {
            match &mut self.open {
                Some((count, of)) if *of == byte && *count < u8::MAX => *count += 1,
                open => {
                    if let Some((count, of)) = open.replace((1, byte)) {
                        wrapped.extend([count, of]);
                    }
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self, wrapped: &mut Vec<u8>) -> Result<(), WireError> {
        wrapped.extend(self.open.take().into_iter().flat_map(|(count, of)| [count, of]));
        Ok(())
    }

    fn unwrap(&mut self, wrapped: &mut &[u8], plain: &mut Vec<u8>, max: usize) -> Result<(), WireError> {
        let full = plain.len() + max;
        loop {
            let (count, byte) = &mut self.owed;
            let now = usize::from(*count).min(full - plain.len());
            plain.extend(std::iter::repeat_n(*byte, now));
            *count -= now as u8;
            let [count, byte, rest @ ..] = *wrapped else { return Ok(()) };
            if self.owed.0 > 0 || plain.len() == full {
                return Ok(());
            }
            if *count == 0 {
                return Err(WireError::Layer { layer: "runs", what: String::from("a run of nothing") });
            }
            self.owed = (*count, *byte);
            *wrapped = rest;
        }
    }
}

/// Any dialect, with the layer around it.
#[derive(Debug)]
struct Wrapped<D>(D);

impl<D: Dialect> Dialect for Wrapped<D> {
    fn profile(&self) -> &'static Profile {
        self.0.profile()
    }

    fn start(&self, side: Side, limits: &Limits) -> Codec {
        Codec { layer: Some(Box::new(Runs::default())), ..self.0.start(side, limits) }
    }
}

/// A write turn, as a driver makes it: everything that waits, slice by slice, and one flush.
fn write_turn(codec: &mut Codec, messages: &[Message]) -> Vec<u8> {
    let mut output = Output::new();
    for message in messages {
        codec.encoder.encode(message, &mut output).expect("sayable");
    }
    let layer = codec.layer.as_mut().expect("a layer");
    let mut wrapped = Vec::new();
    while !output.is_empty() {
        let mut slices = [IoSlice::new(&[]); 3];
        let filled = output.slices(&mut slices);
        let mut taken = 0;
        for slice in &slices[..filled] {
            layer.wrap(slice, &mut wrapped).expect("wraps");
            taken += slice.len();
        }
        output.advance(taken);
    }
    layer.flush(&mut wrapped).expect("flushes");
    wrapped
}

/// The reading side of a driver: unwraps at most `max` bytes at once and decodes what there is in between.
#[derive(Debug)]
struct Reader {
    decoder: Box<dyn Decode>,
    layer: Box<dyn Layer>,
    max: usize,
    wrapped: Vec<u8>,
    plain: Vec<u8>,
}

impl Reader {
    fn new(dialect: &dyn Dialect, max: usize) -> Self {
        let Codec { decoder, layer, .. } = dialect.start(Side::Accepting, &Limits::default());
        Self { decoder, layer: layer.expect("a layer"), max, wrapped: Vec::new(), plain: Vec::new() }
    }

    fn read(&mut self, chunk: &[u8]) -> Result<Vec<Message>, WireError> {
        self.wrapped.extend_from_slice(chunk);
        let mut messages = Vec::new();
        loop {
            let mut rest = &self.wrapped[..];
            let (waiting, before) = (rest.len(), self.plain.len());
            self.layer.unwrap(&mut rest, &mut self.plain, self.max)?;
            let (taken, given) = (waiting - rest.len(), self.plain.len() - before);
            assert!(given <= self.max, "gave {given} bytes, was asked for {}", self.max);
            self.wrapped.drain(..taken);
            let mut input = Input::new(std::mem::take(&mut self.plain));
            while let Decoded::Message(message) = self.decoder.decode(&mut input)? {
                messages.push(message);
            }
            self.plain = input.remaining().to_vec();
            if taken == 0 && given == 0 {
                return Ok(messages);
            }
        }
    }
}

fn message() -> impl Strategy<Value = Message> {
    (1u64..9, prop::collection::vec((any::<u8>(), 1usize..600), 0..6)).prop_map(|(id, runs)| {
        let body: Vec<u8> = runs.into_iter().flat_map(|(byte, count)| vec![byte; count]).collect();
        Message::request(Id(id), Route::Number(1), body.into())
    })
}

/// Failing cases are remembered beside the test that found them.
fn config() -> ProptestConfig {
    let beside = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { failure_persistence: Some(Box::new(beside)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn after_each_flush_the_peer_has_everything(
        turns in prop::collection::vec(prop::collection::vec(message(), 1..5), 1..5), max in 1usize..300, seed: u64,
    ) {
        let dialect = Wrapped(Iproto::new());
        let mut writer = dialect.start(Side::Dialling, &Limits::default());
        let mut reader = Reader::new(&dialect, max);
        for turn in &turns {
            let wrapped = write_turn(&mut writer, turn);
            let mut messages = Vec::new();
            for chunk in random::chunks(&wrapped, seed) {
                messages.extend(reader.read(chunk).expect("well formed"));
            }
            prop_assert_eq!(&messages, turn);
        }
    }
}

#[test]
fn a_layer_compresses_and_a_small_input_may_become_large() {
    let dialect = Wrapped(Iproto::new());
    let message = Message::notify(Route::Number(1), vec![0; 100_000].into());
    let wrapped =
        write_turn(&mut dialect.start(Side::Dialling, &Limits::default()), std::slice::from_ref(&message));
    assert!(wrapped.len() < 1000, "{} bytes", wrapped.len());
    assert_eq!(Reader::new(&dialect, 64).read(&wrapped), Ok(vec![message]));
}

#[test]
fn wrong_bytes_are_the_layers_error() {
    let error =
        Reader::new(&Wrapped(Iproto::new()), 64).read(&[3, b'a', 0, b'b']).expect_err("a run of nothing");
    assert_eq!(error.to_string(), "runs layer: a run of nothing");
}

#[test]
fn a_dialect_without_a_layer_has_none() {
    assert!(Iproto::new().start(Side::Dialling, &Limits::default()).layer.is_none());
}
