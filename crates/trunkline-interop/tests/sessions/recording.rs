//! A recording, and what can be derived from it: who said what, when, and what must have answered.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use trunkline::Side;
use trunkline::wire::iproto::{PING, Packet, SHUTDOWN};

const SCHEMA: &str = "trunkline-wire-session/1";

/// One conversation over one connection.
pub(crate) struct Recording {
    pub(crate) name: String,
    description: String,
    moments: Vec<Moment>,
}

/// One packet of a side, or its end.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) by: Side,
    /// Since the connection was made.
    pub(crate) at: Duration,
    /// `None` is the end of this side's bytes.
    pub(crate) packet: Option<Packet>,
}

/// What a handler of the recording did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serve {
    Echo,
    /// "re:" and the body, after 20 ms times its first byte.
    Slow,
    Silent,
}

impl Recording {
    /// Reads a file; `None` is a file of another schema.
    pub(crate) fn read(file: &Path) -> Option<Self> {
        let root: Value = serde_json::from_slice(&std::fs::read(file).expect("readable")).expect("JSON");
        if root["schema"] != SCHEMA {
            return None;
        }
        assert_eq!(root["connections"], 1, "{}: this test knows one connection", file.display());
        let mut moments = Vec::new();
        for event in root["events"].as_array().expect("events") {
            let by = match event["dir"].as_str() {
                Some("c2s") => Side::Dialling,
                Some("s2c") => Side::Accepting,
                other => panic!("{}: direction {other:?}", file.display()),
            };
            let at = Duration::from_micros(event["t_us"].as_u64().expect("a time"));
            if event["event"] == "eof" {
                moments.push(Moment { by, at, packet: None });
            }
            for frame in event["frames_completed"].as_array().into_iter().flatten() {
                moments.push(Moment { by, at, packet: Some(packet(frame)) });
            }
        }
        let text = |member: &str| root[member].as_str().unwrap_or_default().to_owned();
        Some(Self { name: text("name"), description: text("description"), moments })
    }

    /// The client was not a peer of the original but bytes by hand, so it determines nothing.
    pub(crate) fn client_was_raw(&self) -> bool {
        ["raw peer", "hand-written peer"].iter().any(|words| self.description.contains(words))
    }

    /// What was said, as `side` saw it: packets that a relay held back until both were sent were sent before the other's
    /// arrived.
    pub(crate) fn moments(&self, side: Side) -> Vec<Moment> {
        let mut moments = self.moments.clone();
        if let Some((first, second)) = self.crossing()
            && moments[first].by != side
        {
            moments.swap(first, second);
        }
        moments
    }

    /// The two packets that crossed: the last ones, where a relay held them.
    fn crossing(&self) -> Option<(usize, usize)> {
        let held = self.description.contains("relay");
        let packets = self.moments.iter().filter(|moment| moment.packet.is_some()).count();
        held.then(|| (packets - 2, packets - 1))
    }

    /// The two calls that crossed and were taken for each other's answers: the client's and the server's.
    pub(crate) fn crossed_calls(&self) -> Option<(Packet, Packet)> {
        let (first, second) = self.crossing()?;
        let of = |at: usize| self.moments[at].packet.clone();
        let (one, two) = (of(first)?, of(second)?);
        if is_control(&one) || (one.code, one.sync) != (two.code, two.sync) {
            return None;
        }
        let client_first = self.moments[first].by == Side::Dialling;
        Some(if client_first { (one, two) } else { (two, one) })
    }

    /// The time-out of calls, where the recording gives one.
    pub(crate) fn call_timeout(&self) -> Option<Duration> {
        let millis = ["timeout ", "times out after "].iter().find_map(|words| self.number_after(words))?;
        Some(Duration::from_millis(millis))
    }

    /// The largest body the server took, where the recording gives one.
    pub(crate) fn size_limit(&self, side: Side) -> Option<usize> {
        let limit = self.number_after("server SizeLimit ").filter(|_| side == Side::Accepting)?;
        usize::try_from(limit).ok()
    }

    fn number_after(&self, words: &str) -> Option<u64> {
        let (_, rest) = self.description.split_once(words)?;
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    }

    /// When this side first asked by a ping: one that answers none of the other's.
    pub(crate) fn first_ping(&self, side: Side) -> Option<Duration> {
        let mut owed = 0;
        for Moment { by, at, packet } in self.moments(side) {
            if packet.is_none_or(|packet| packet.code != PING) {
                continue;
            }
            match (by == side, owed) {
                (false, _) => owed += 1,
                (true, 0) => return Some(at),
                (true, _) => owed -= 1,
            }
        }
        None
    }

    /// What this side's handlers did, by code: the answers say it.
    pub(crate) fn serves(&self, side: Side) -> HashMap<u32, Serve> {
        let mut serves = HashMap::new();
        let mut asked: HashMap<(u32, u32), Packet> = HashMap::new();
        for Moment { by, packet, .. } in self.moments(side) {
            let Some(packet) = packet.filter(|packet| packet.sync != 0 && !is_control(packet)) else {
                continue;
            };
            if by != side {
                asked.insert((packet.code, packet.sync), packet);
            } else if let Some(request) = asked.remove(&(packet.code, packet.sync)) {
                let slow = [b"re:", &request.body[..]].concat();
                let serve = if packet.body == request.body {
                    Serve::Echo
                } else {
                    assert_eq!(packet.body, slow, "{}: no handler is known to answer so", self.name);
                    Serve::Slow
                };
                serves.insert(packet.code, serve);
            }
        }
        serves
    }
}

pub(crate) fn is_control(packet: &Packet) -> bool {
    [PING, SHUTDOWN].contains(&packet.code)
}

fn packet(frame: &Value) -> Packet {
    let number = |member: &str| u32::try_from(frame[member].as_u64().expect("a number")).expect("32 bits");
    let len = number("len") as usize;
    let body = match (frame["data_hex"].as_str(), frame["data_sha256"].as_str()) {
        (Some(hex), _) => unhex(hex),
        (None, Some(hash)) => generated(len, hash),
        (None, None) => Vec::new(),
    };
    assert_eq!(body.len(), len, "a frame and its length");
    Packet::new(number("msg"), number("sync"), body)
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// A body that the recording gives by its hash: byte i is 7 i.
fn generated(len: usize, hash: &str) -> Vec<u8> {
    let body: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
    assert_eq!(Sha256::digest(&body)[..], unhex(hash), "the generated body is another one");
    body
}
