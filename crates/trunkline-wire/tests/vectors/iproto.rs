//! `iproto_packets.json`, through the dialect's objects and through the bare packet alike.

use bytes::BytesMut;
use serde::Deserialize;
use trunkline_wire::iproto::{Iproto, MAX_MESSAGE, PING, Packet, SHUTDOWN};
use trunkline_wire::{Id, Limits, Message, Route, Side, WireError};

use crate::suite::{Frame, Generated, Hex, payload, sha256};
use crate::{arrival, say};

/// One vector of the file.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Vector {
    /// Encoding gives the frame, decoding gives the fields.
    Packet {
        #[serde(flatten)]
        packet: Fields,
        #[serde(flatten)]
        frame: Frame,
    },
    /// A reader yields these packets and then stops with this end.
    Stream { size_limit: usize, hex: Hex, packets: Vec<Fields>, end: End, partial_bytes_at_end: usize },
    /// go-iproto's `MarshalPacket` trusts the caller's length; its stream writer does not (defect I28).
    EncodeHazard {
        msg: u32,
        declared_len: u32,
        sync: u32,
        data_hex: Hex,
        marshal_hex: Hex,
        stream_writer_hex: Hex,
    },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Fields {
    msg: u32,
    len: usize,
    sync: u32,
    data_hex: Option<Hex>,
    data_gen: Option<Generated>,
    data_sha256: Option<Hex>,
}

impl Fields {
    fn packet(&self) -> Packet {
        let data = payload(self.data_hex.as_ref(), self.data_gen);
        assert_eq!(data.len(), self.len);
        if let Some(Hex(sum)) = &self.data_sha256 {
            assert_eq!(&sha256(&data), sum, "the hash of the data");
        }
        Packet::new(self.msg, self.sync, data)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    Eof,
    UnexpectedEof,
    SizeLimit,
}

pub(crate) fn run(vector: &Vector) {
    match vector {
        Vector::Packet { packet, frame } => packet_both_ways(&packet.packet(), frame),
        Vector::Stream { size_limit, hex, packets, end, partial_bytes_at_end } => {
            let packets: Vec<_> = packets.iter().map(Fields::packet).collect();
            stream_by_dialect(&hex.0, *size_limit, &packets, *end, *partial_bytes_at_end);
            stream_by_packet(&hex.0, *size_limit, &packets, *end, *partial_bytes_at_end);
        }
        Vector::EncodeHazard { msg, declared_len, sync, data_hex, marshal_hex, stream_writer_hex } => {
            let packet = Packet::new(*msg, *sync, data_hex.0.clone());
            let bytes = encode(&packet);
            assert_eq!(bytes, stream_writer_hex.0, "I28: the length is the body's");
            if *declared_len as usize != data_hex.0.len() {
                assert_ne!(bytes, marshal_hex.0, "I28: nobody can declare another length");
            }
        }
    }
}

fn packet_both_ways(packet: &Packet, frame: &Frame) {
    let bytes = encode(packet);
    frame.check(&bytes);
    let limits = limits(MAX_MESSAGE);
    for side in [Side::Dialling, Side::Accepting] {
        let decoding = arrival::hear(&Iproto::new(), side, &limits, &bytes);
        assert_eq!(decoding.end, Ok(()));
        let [message] = &decoding.messages[..] else { panic!("one packet, not {:?}", decoding.messages) };
        assert_eq!(fields(message), *packet);
        // What we say back is the same bytes; only a control packet loses what nobody reads in it.
        let again = say::say(&Iproto::new(), side, &limits, &decoding.messages).expect("sayable");
        match packet.code {
            PING => assert_eq!(again, encode(&packet.reply(""))),
            SHUTDOWN => assert_eq!(again, encode(&Packet::new(SHUTDOWN, 0, ""))),
            _ => assert_eq!(again, bytes),
        }
    }
    let mut stream = BytesMut::from(&bytes[..]);
    assert_eq!(Packet::decode(&mut stream, MAX_MESSAGE), Ok(Some(packet.clone())));
    assert!(stream.is_empty());
}

/// The bytes of a packet, which the bare codec and the dialect spell alike.
fn encode(packet: &Packet) -> Vec<u8> {
    let mut bare = BytesMut::new();
    packet.encode(&mut bare).expect("within the header's reach");
    let route = Route::Number(packet.code);
    let message = match packet.sync {
        0 => Message::notify(route, packet.body.clone()),
        sync => Message::request(Id(sync.into()), route, packet.body.clone()),
    };
    let said = say::say(&Iproto::new(), Side::Dialling, &limits(MAX_MESSAGE), &[message]).expect("sayable");
    assert_eq!(said, bare);
    said
}

fn limits(max_message: usize) -> Limits {
    Limits { max_message, ..Limits::default() }
}

/// The three fields of the packet that a message came from. Control codes keep them for matched pairing.
fn fields(message: &Message) -> Packet {
    let (id, route, body) = match message {
        Message::Request { id, route, body, .. } | Message::Ping { id, route, body } => (*id, route, body),
        Message::Notify { route, body, .. } => (Id(0), route, body),
        Message::Drain(drain) => (drain.id, &drain.route, &drain.body),
        other => panic!("iproto has no {}", other.verb()),
    };
    let (code, sync) = (route.number().expect("a number"), u32::try_from(id.0).expect("32 bits"));
    Packet::new(code, sync, body.clone())
}

fn stream_by_dialect(stream: &[u8], limit: usize, packets: &[Packet], end: End, partial: usize) {
    let decoding = arrival::hear(&Iproto::new(), Side::Accepting, &limits(limit), stream);
    assert_eq!(decoding.messages.iter().map(fields).collect::<Vec<_>>(), packets);
    match (end, decoding.end) {
        (End::Eof, Ok(())) if partial == 0 => {}
        // I27: an end between header and body is an end inside a packet, whatever go-iproto calls it.
        (End::Eof | End::UnexpectedEof, Err(WireError::Truncated { have, want })) if partial > 0 => {
            assert_eq!(have, partial);
            assert!(want > have);
        }
        (End::SizeLimit, Err(WireError::TooLarge { value, limit: named, setting, .. })) => {
            assert!(value > named);
            assert_eq!((named, setting), (limit as u64, "max_message"));
        }
        (end, ours) => panic!("{end:?} with {partial} bytes left over became {ours:?}"),
    }
}

fn stream_by_packet(stream: &[u8], limit: usize, packets: &[Packet], end: End, partial: usize) {
    let mut rest = BytesMut::from(stream);
    for packet in packets {
        assert_eq!(Packet::decode(&mut rest, limit), Ok(Some(packet.clone())));
    }
    match end {
        End::SizeLimit => {
            assert!(matches!(Packet::decode(&mut rest, limit), Err(WireError::TooLarge { .. })))
        }
        End::Eof | End::UnexpectedEof => {
            assert_eq!(Packet::decode(&mut rest, limit), Ok(None));
            assert_eq!(rest.len(), partial, "what is left over stays in the stream");
        }
    }
}
