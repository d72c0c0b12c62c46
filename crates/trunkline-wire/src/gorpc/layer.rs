//! The handshake byte, and a deflate stream each way.
//!
//! In: the plain stream of one side, turn by turn; bytes of the other. Out: the bytes of the wire, where each turn ends
//! in an empty stored block, for which a Go peer waits; plain bytes, never more than was asked for. A stream never
//! ends by itself: its connection does.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{Gorpc, INFLATED_FREE, PROFILE};
use crate::{Layer, Side, WireError, recognise};

/// How much is inflated for each byte at most before the caller is asked again; a guess that saves clearing memory.
const GUESS: usize = 8;

/// The largest step of a deflater, in bytes of room.
const STEP: usize = 32 << 10;

#[derive(Debug)]
pub(super) struct Deflate {
    dialect: Gorpc,
    /// Still to be said by the side that dials.
    greeting: Option<u8>,
    /// `None`: plain. Made with the first byte, because it is large.
    sending: Option<Box<Compress>>,
    unflushed: bool,
    receiving: Receiving,
    /// The first bytes behind the handshake byte, for a diagnosis.
    first: [u8; 4],
    taken: u64,
    given: u64,
}

#[derive(Debug)]
enum Receiving {
    /// The handshake byte has not come.
    Greeting,
    Plain,
    Inflated(Box<Decompress>),
    /// The peer has finished its stream; it may still hear us.
    Finished,
}

impl Deflate {
    pub(super) fn new(side: Side, dialect: Gorpc) -> Self {
        let (greeting, receiving) = match (side, dialect.compress) {
            (Side::Accepting, _) => (None, Receiving::Greeting),
            (Side::Dialling, false) => (Some(0), Receiving::Plain),
            (Side::Dialling, true) => (Some(1), inflater()),
        };
        Self {
            dialect,
            greeting,
            sending: None,
            unflushed: false,
            receiving,
            first: [0; 4],
            taken: 0,
            given: 0,
        }
    }

    fn is_plain(&self) -> bool {
        matches!(self.receiving, Receiving::Plain)
    }

    fn greet(&mut self, wrapped: &mut Vec<u8>) {
        wrapped.extend(self.greeting.take());
    }

    /// Deflates all of `plain`, and for a flush everything that is held back.
    fn deflate(
        &mut self,
        mut plain: &[u8],
        wrapped: &mut Vec<u8>,
        flush: FlushCompress,
    ) -> Result<(), WireError> {
        let sending = self.sending.get_or_insert_with(|| Box::new(Compress::new(Compression::fast(), false)));
        loop {
            wrapped.reserve(plain.len().saturating_add(64).min(STEP));
            let before = sending.total_in();
            sending.compress_vec(plain, wrapped, flush).map_err(wrong)?;
            let taken = usize::try_from(sending.total_in().wrapping_sub(before)).unwrap_or(plain.len());
            plain = plain.get(taken..).unwrap_or_default();
            // Room that is left says that nothing waits for room.
            if plain.is_empty() && wrapped.len() < wrapped.capacity() {
                return Ok(());
            }
        }
    }

    /// The handshake byte decides for both directions.
    fn greeted(&mut self, byte: u8) -> Result<(), WireError> {
        self.receiving = match (byte, self.dialect.compress) {
            (0, _) => Receiving::Plain,
            (_, true) => inflater(),
            (_, false) => return Err(wrong("the peer wants compression, which is switched off here")),
        };
        self.first = [byte, 0, 0, 0];
        Ok(())
    }

    /// One step of inflating: never more than `max`, and never from nothing to more than the limit.
    fn inflate(&mut self, wrapped: &mut &[u8], plain: &mut Vec<u8>, max: usize) -> Result<(), WireError> {
        let Receiving::Inflated(inflater) = &mut self.receiving else { return Ok(()) };
        if self.taken == 0 {
            self.first.iter_mut().skip(1).zip(wrapped.iter()).for_each(|(first, byte)| *first = *byte);
        }
        let room = max.min(wrapped.len().saturating_mul(GUESS).saturating_add(STEP));
        let start = plain.len();
        plain.resize(start.saturating_add(room), 0);
        let (read, written) = (inflater.total_in(), inflater.total_out());
        let into = plain.get_mut(start..).unwrap_or_default();
        let status = inflater.decompress(wrapped, into, FlushDecompress::None);
        let read = inflater.total_in().wrapping_sub(read);
        let written = inflater.total_out().wrapping_sub(written);
        plain.truncate(start.saturating_add(usize::try_from(written).unwrap_or(0)));
        *wrapped = wrapped.get(usize::try_from(read).unwrap_or(0)..).unwrap_or_default();
        self.taken = self.taken.saturating_add(read);
        self.given = self.given.saturating_add(written);
        match status {
            Ok(Status::StreamEnd) => self.receiving = Receiving::Finished,
            Ok(Status::Ok | Status::BufError) => {}
            Err(error) => return Err(self.diagnose(&error)),
        }
        self.check_ratio()
    }

    fn check_ratio(&self) -> Result<(), WireError> {
        let ratio = u64::from(self.dialect.max_ratio);
        let limit = self.taken.saturating_mul(ratio).max(INFLATED_FREE);
        if self.given <= limit {
            return Ok(());
        }
        let (what, setting) = ("inflated stream", "Gorpc::max_ratio");
        Err(WireError::TooLarge { what, value: self.given, limit, setting })
    }

    /// Nothing was understood yet: perhaps it is not meant for us.
    fn diagnose(&self, error: &flate2::DecompressError) -> WireError {
        match recognise(&self.first).filter(|_| self.given == 0) {
            Some(what) => WireError::Foreign { dialect: PROFILE.name, what },
            None => wrong(error),
        }
    }
}

fn inflater() -> Receiving {
    Receiving::Inflated(Box::new(Decompress::new(false)))
}

fn wrong(what: impl ToString) -> WireError {
    WireError::Layer { layer: "deflate", what: what.to_string() }
}

impl Layer for Deflate {
    fn wrap(&mut self, plain: &[u8], wrapped: &mut Vec<u8>) -> Result<(), WireError> {
        self.greet(wrapped);
        if self.is_plain() {
            wrapped.extend_from_slice(plain);
            return Ok(());
        }
        self.unflushed |= !plain.is_empty();
        self.deflate(plain, wrapped, FlushCompress::None)
    }

    /// Before anything was wrapped this says the handshake byte, if it is ours to say.
    fn flush(&mut self, wrapped: &mut Vec<u8>) -> Result<(), WireError> {
        self.greet(wrapped);
        if !std::mem::take(&mut self.unflushed) {
            return Ok(());
        }
        self.deflate(&[], wrapped, FlushCompress::Sync)
    }

    fn unwrap(&mut self, wrapped: &mut &[u8], plain: &mut Vec<u8>, max: usize) -> Result<(), WireError> {
        if let (Receiving::Greeting, [byte, rest @ ..]) = (&self.receiving, *wrapped) {
            *wrapped = rest;
            self.greeted(*byte)?;
        }
        match self.receiving {
            Receiving::Greeting => Ok(()),
            Receiving::Plain => {
                let (now, rest) = wrapped.split_at(wrapped.len().min(max));
                plain.extend_from_slice(now);
                *wrapped = rest;
                Ok(())
            }
            Receiving::Inflated(_) => self.inflate(wrapped, plain, max),
            Receiving::Finished if wrapped.is_empty() => Ok(()),
            Receiving::Finished => Err(wrong("bytes behind the end of the stream")),
        }
    }
}
