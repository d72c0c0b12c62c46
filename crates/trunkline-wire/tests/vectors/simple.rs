//! `simple_rpc_frames.json`, through the bare frame and through the dialect's objects.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use trunkline_wire::simple::{Flags, Frame, PUSH, Simple};
use trunkline_wire::{Code, EncodeError, Fault, Id, Limits, Message, Name, Route, Side, WireError};

use crate::suite::{self, Generated, Hex, payload, sha256};
use crate::{arrival, say};

/// Go has no limits; these admit what the header can say.
const LIMITS: Limits =
    Limits { max_message: u32::MAX as usize, max_route: u16::MAX as usize, max_metadata: 0 };

/// One vector of the file.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Vector {
    /// Encoding gives the frame, decoding gives the fields.
    Frame {
        version: u8,
        value_len: usize,
        #[serde(flatten)]
        fields: Box<Fields>,
        #[serde(flatten)]
        frame: suite::Frame,
    },
    /// A reader yields these frames and then stops with this end.
    Stream { hex: Hex, frames: Vec<Fields>, end: End },
    /// simple-rpc writes a route that its length field cannot say (defect S24).
    EncodeHazard { type_len_actual: usize },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Fields {
    flags: u8,
    id: String,
    type_hex: Option<Hex>,
    type_len: Option<usize>,
    type_sha256: Option<Hex>,
    value_hex: Option<Hex>,
    value_gen: Option<Generated>,
    value_sha256: Option<Hex>,
}

impl Fields {
    fn frame(&self) -> Frame {
        let route = match (&self.type_hex, &self.type_len, &self.type_sha256) {
            (Some(Hex(bytes)), ..) => bytes.clone(),
            (None, Some(len), Some(Hex(sum))) => repeated(*len, sum),
            _ => panic!("a type is given in hex or by its hash"),
        };
        let body = payload(self.value_hex.as_ref(), self.value_gen);
        if let Some(Hex(sum)) = &self.value_sha256 {
            assert_eq!(&sha256(&body), sum, "the hash of the value");
        }
        Frame::new(Flags(self.flags), self.id.parse().expect("a decimal id"), route, body)
    }
}

/// A type too long to write down is one byte repeated; the hash says which.
fn repeated(len: usize, sum: &[u8]) -> Vec<u8> {
    let found = (0..=u8::MAX).map(|byte| vec![byte; len]).find(|bytes| sha256(bytes) == sum);
    found.expect("a type of one repeated byte")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Eof,
    UnexpectedEof,
    BadVersion,
}

pub(crate) fn run(vector: &Vector) {
    match vector {
        Vector::Frame { version, value_len, fields, frame: expected } => {
            let frame = fields.frame();
            assert_eq!(*version, 1);
            assert_eq!((fields.type_len, *value_len), (Some(frame.route.len()), frame.body.len()));
            let bytes = encode(&frame);
            expected.check(&bytes);
            let mut stream = BytesMut::from(&bytes[..]);
            assert_eq!(Frame::decode(&mut stream, &LIMITS), Ok(Some(frame.clone())));
            assert!(stream.is_empty());
            for side in [Side::Dialling, Side::Accepting] {
                let heard = arrival::hear(&Simple::new(), side, &LIMITS, &bytes);
                assert_eq!((heard.messages, heard.end), (means(&frame, side), Ok(())));
            }
            said_alike(&frame, &bytes);
        }
        Vector::Stream { hex, frames, end } => {
            let frames: Vec<_> = frames.iter().map(Fields::frame).collect();
            stream(&hex.0, &frames, *end);
        }
        Vector::EncodeHazard { type_len_actual } => refuses_to_send(*type_len_actual),
    }
}

fn encode(frame: &Frame) -> Vec<u8> {
    let mut stream = BytesMut::new();
    frame.encode(&mut stream).expect("within the header's reach");
    stream.to_vec()
}

/// What a frame means to each side: the dispatch rules of simple-rpc, in its order.
fn means(frame: &Frame, side: Side) -> Vec<Message> {
    let Frame { flags: Flags(flags), id, body, .. } = frame.clone();
    let (request, response, stream, end, error) =
        (flags & 1 > 0, flags & 2 > 0, flags & 4 > 0, flags & 8 > 0, flags & 16 > 0);
    let text = String::from_utf8_lossy(&frame.route).into_owned();
    let route = Route::from(text);
    let push = Message::notify(route.clone(), body.clone());
    match side {
        Side::Accepting if request => return vec![Message::request(Id(id), route, body)],
        Side::Accepting if stream && !response => return vec![push],
        Side::Dialling if stream && !request && !response => return vec![push],
        Side::Dialling if id >= PUSH => return vec![push],
        _ => {}
    }
    let id = Id(id);
    if error {
        let message = String::from_utf8_lossy(&body).into_owned();
        let details = if message.as_bytes() == body { Bytes::new() } else { body };
        let fault = Fault::new(Code::Unknown, Name::from(message)).with_details(details);
        return vec![Message::fault(id, route, fault)];
    }
    match (stream, end) {
        (false, _) => vec![Message::reply(id, route, body)],
        (true, false) => vec![Message::Item { id, route, body }],
        (true, true) => vec![Message::Item { id, route: route.clone(), body }, Message::End { id, route }],
    }
}

/// The frames that we send ourselves come out of the encoder byte for byte.
fn said_alike(frame: &Frame, bytes: &[u8]) {
    let Some(name) = Name::from_utf8(frame.route.clone()) else { return };
    let (id, route, body) = (Id(frame.id), Route::Name(name), frame.body.clone());
    let item = |body: &Bytes| Message::Item { id, route: route.clone(), body: body.clone() };
    let end = Message::End { id, route: route.clone() };
    let first = Frame { flags: Flags(0x06), body: "first".into(), ..frame.clone() };
    // What has to be said so that this frame comes out, and the frames that come out before it.
    let (side, say, before) = match frame.flags.0 {
        0x01 if id.0 < PUSH => (Side::Dialling, vec![Message::request(id, route, body)], vec![]),
        0x02 => (Side::Accepting, vec![Message::reply(id, route, body)], vec![]),
        0x04 => (Side::Accepting, vec![Message::notify(route, body)], vec![]),
        0x06 => (Side::Accepting, vec![item(&body), item(&"next".into())], vec![]),
        0x0e => (Side::Accepting, vec![item(&body), end], vec![]),
        0x12 | 0x1e => {
            let Some(text) = Name::from_utf8(body) else { return };
            let fault = Message::fault(id, route.clone(), Fault::new(Code::Internal, text));
            match frame.flags.0 {
                0x12 => (Side::Accepting, vec![fault], vec![]),
                _ => (Side::Accepting, vec![item(&first.body), fault], encode(&first)),
            }
        }
        _ => return,
    };
    let mut said = say::say(&Simple::new(), side, &LIMITS, &say).expect("sayable");
    assert_eq!(said[..before.len()], before);
    let said = &mut said[before.len()..];
    if frame.flags == Flags::STREAM {
        // The id of a push is ours to choose, with the top bit set; nobody looks at the rest of it.
        assert_eq!(said[2] & 0x80, 0x80);
        said[2..10].copy_from_slice(&frame.id.to_be_bytes());
    }
    assert_eq!(said, bytes);
}

fn stream(bytes: &[u8], frames: &[Frame], end: End) {
    let mut rest = BytesMut::from(bytes);
    for frame in frames {
        assert_eq!(Frame::decode(&mut rest, &LIMITS), Ok(Some(frame.clone())));
    }
    let bare = Frame::decode(&mut rest, &LIMITS);
    for side in [Side::Dialling, Side::Accepting] {
        let heard = arrival::hear(&Simple::new(), side, &LIMITS, bytes);
        let expected: Vec<_> = frames.iter().flat_map(|frame| means(frame, side)).collect();
        assert_eq!(heard.messages, expected);
        match (end, heard.end) {
            (End::Eof, Ok(())) => assert_eq!((&bare, rest.len()), (&Ok(None), 0)),
            // As I27: an end before the type or the value is an end inside a frame, whatever Go calls it.
            (End::Eof | End::UnexpectedEof, Err(WireError::Truncated { have, want })) => {
                assert!(have > 0 && want > have);
                assert_eq!((&bare, rest.len()), (&Ok(None), have));
            }
            // S25: a wrong version is named as such, by its first byte.
            (End::BadVersion | End::UnexpectedEof, Err(error @ WireError::Malformed { .. })) => {
                assert!(rest.first().is_some_and(|version| *version != 1), "S25: {error}");
                assert_eq!(bare, Err(error));
            }
            (end, ours) => panic!("{end:?} became {ours:?}"),
        }
    }
}

/// S24: a route longer than its length field can say is refused, and nothing of it is written.
fn refuses_to_send(len: usize) {
    assert!(len > usize::from(u16::MAX), "S24 is about routes over 65535 bytes");
    let refused = |outcome: Result<(), EncodeError>| match outcome {
        Err(EncodeError::TooLarge { what, value, limit, .. }) => {
            assert_eq!((what, value, limit), ("route", len as u64, 65_535), "S24");
        }
        other => panic!("S24: a route of {len} bytes was not refused: {other:?}"),
    };
    let mut stream = BytesMut::new();
    refused(Frame::new(Flags::REQUEST, 1, vec![b'r'; len], "v").encode(&mut stream));
    assert!(stream.is_empty());
    let limits = Limits { max_route: usize::MAX, ..LIMITS };
    let request = Message::request(Id(1), Route::from("r".repeat(len)), "v".into());
    refused(say::say(&Simple::new(), Side::Dialling, &limits, &[request]).map(drop));
}
