//! `packet_framing.json`, through the dialect's objects and through the bare head alike.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use trunkline_wire::packet::{Head, Packet};
use trunkline_wire::{EncodeError, Limits, Message, Route, Side, WireError};

use crate::suite::{Frame, Generated, Hex, payload, sha256};
use crate::{arrival, say};

/// One vector of the file.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Vector {
    /// Encoding gives the frame, decoding gives the payload.
    Packet {
        #[serde(flatten)]
        head: HeadFields,
        payload_len: usize,
        payload_hex: Option<Hex>,
        payload_gen: Option<Generated>,
        payload_sha256: Option<Hex>,
        #[serde(flatten)]
        frame: Frame,
    },
    /// A reader with this limit yields these payloads and then stops with this end.
    Stream {
        #[serde(flatten)]
        head: HeadFields,
        max_recv: usize,
        effective_max_recv: u64,
        hex: Hex,
        payloads_hex: Vec<Hex>,
        end: End,
    },
    /// What link sends though its limit or its header forbids it (defect L5).
    SendHazard {
        #[serde(flatten)]
        head: HeadFields,
        max_send: usize,
        payload_hex: Option<Hex>,
        payload_gen: Option<Generated>,
    },
}

#[derive(Debug, Deserialize)]
pub(crate) struct HeadFields {
    n: u8,
    order: String,
}

impl HeadFields {
    fn head(&self) -> Head {
        format!("{}{}", self.n, self.order).parse().expect("a head")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Eof,
    UnexpectedEof,
    TooLarge,
    /// The Go process dies.
    Panic,
}

pub(crate) fn run(vector: &Vector) {
    match vector {
        Vector::Packet { head, payload_len, payload_hex, payload_gen, payload_sha256, frame } => {
            let body = payload(payload_hex.as_ref(), *payload_gen);
            assert_eq!(body.len(), *payload_len);
            if let Some(Hex(sum)) = payload_sha256 {
                assert_eq!(&sha256(&body), sum, "the hash of the payload");
            }
            packet_both_ways(head.head(), body.into(), frame);
        }
        Vector::Stream { head, max_recv, effective_max_recv, hex, payloads_hex, end } => {
            let head = head.head();
            assert_eq!(head.longest().min(*max_recv as u64), *effective_max_recv, "clamped to the header");
            let payloads: Vec<_> = payloads_hex.iter().map(|Hex(bytes)| Bytes::from(bytes.clone())).collect();
            stream(head, *max_recv, &hex.0, &payloads, *end);
        }
        Vector::SendHazard { head, max_send, payload_hex, payload_gen } => {
            refuses_to_send(head.head(), *max_send, payload(payload_hex.as_ref(), *payload_gen).into());
        }
    }
}

fn packet_both_ways(head: Head, body: Bytes, frame: &Frame) {
    let limits = Limits { max_message: body.len(), ..Limits::default() };
    let message = [Message::notify(Route::NONE, body.clone())];
    let bytes = say::say(&Packet::new(head), Side::Dialling, &limits, &message).expect("within the limit");
    frame.check(&bytes);
    let heard = arrival::hear(&Packet::new(head), Side::Accepting, &limits, &bytes);
    assert_eq!((heard.messages, heard.end), (message.to_vec(), Ok(())));

    let mut stream = BytesMut::new();
    head.encode(&body, body.len(), &mut stream).expect("within the limit");
    assert_eq!(stream, bytes);
    assert_eq!(head.decode(&mut stream, body.len()), Ok(Some(body)));
    assert!(stream.is_empty());
}

fn stream(head: Head, max_recv: usize, bytes: &[u8], payloads: &[Bytes], end: End) {
    let limits = Limits { max_message: max_recv, ..Limits::default() };
    let heard = arrival::hear(&Packet::new(head), Side::Accepting, &limits, bytes);
    let expected: Vec<_> = payloads.iter().map(|body| Message::notify(Route::NONE, body.clone())).collect();
    assert_eq!(heard.messages, expected);

    let mut rest = BytesMut::from(bytes);
    for body in payloads {
        assert_eq!(head.decode(&mut rest, max_recv), Ok(Some(body.clone())));
    }
    let bare = head.decode(&mut rest, max_recv);
    match (end, heard.end) {
        (End::Eof, Ok(())) => assert_eq!((bare, rest.len()), (Ok(None), 0)),
        // As I27: an end between header and body is an end inside a packet, whatever the Go reader calls it.
        (End::Eof | End::UnexpectedEof, Err(WireError::Truncated { have, want })) => {
            assert!(have > 0 && want > have);
            assert_eq!((bare, rest.len()), (Ok(None), have));
        }
        // L1, P4: a length with the top bit set is a large number, not a negative one.
        (End::TooLarge | End::Panic, Err(error)) => {
            assert_eq!(bare, Err(error.clone()));
            let WireError::TooLarge { value, limit, .. } = error else { panic!("{error}") };
            assert!(value > limit && limit == head.longest().min(max_recv as u64), "{error}");
        }
        (end, ours) => panic!("{end:?} became {ours:?}"),
    }
}

/// L5: a body over the limit, or longer than the header can say, is refused before a byte of it is written.
fn refuses_to_send(head: Head, max_send: usize, body: Bytes) {
    let limit = head.longest().min(max_send as u64);
    let refused = |error: Result<(), EncodeError>| match error {
        Err(EncodeError::TooLarge { value, limit: named, .. }) => {
            assert_eq!((value, named), (body.len() as u64, limit), "L5");
        }
        other => panic!("L5: {} bytes over a limit of {limit} were not refused: {other:?}", body.len()),
    };
    let limits = Limits { max_message: max_send, ..Limits::default() };
    let message = [Message::notify(Route::NONE, body.clone())];
    refused(say::say(&Packet::new(head), Side::Dialling, &limits, &message).map(drop));
    let mut stream = BytesMut::new();
    refused(head.encode(&body, max_send, &mut stream));
    assert!(stream.is_empty());
}
