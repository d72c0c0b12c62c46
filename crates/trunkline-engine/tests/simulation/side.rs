//! One end: the engine, and a driver that does what a real one does, only without tasks and sockets.
//!
//! In: turns of the world, bytes of the wire. Out: bytes to the wire, what was started and how it ended to the ledger.
//! Reads in pieces, writes in pieces, looks away now and then.

use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_engine::{Config, Connection, Inbox, Ticket, Work};
use trunkline_wire::iproto::Iproto;
use trunkline_wire::{Decode, Dialect, Message, Output, Side};

use crate::tap::Tap;

/// Who is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Call(usize),
    Notice(usize),
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) connection: Connection<Token>,
    pub(crate) decoder: Box<dyn Decode>,
    pub(crate) inbox: Inbox,
    pub(crate) output: Output,
    /// Bytes that arrived and are no whole message yet.
    pub(crate) rest: Vec<u8>,
    pub(crate) work: Work<Token>,
    pub(crate) tap: Tap,
    pub(crate) sleeps_until: u64,
    /// The driver has seen that the connection is closed.
    pub(crate) over: bool,
    /// What the new owner of a hijacked transport has, from the first byte on.
    pub(crate) owner: Option<Vec<u8>>,
    pub(crate) read_end: bool,
    pub(crate) ping_calls: u64,
    /// Places in the queue for room, by notification.
    pub(crate) tickets: HashMap<usize, Ticket>,
}

impl End {
    pub(crate) fn new(side: usize, config: &Config, now: Instant) -> Self {
        let dialect = Iproto::new();
        let side = [Side::Dialling, Side::Accepting][side];
        let codec = dialect.start(side, &config.limits);
        let profile = dialect.profile();
        Self {
            connection: Connection::new(profile, side, Arc::new(config.clone()), codec.encoder, now),
            decoder: codec.decoder,
            inbox: Inbox::new(config, profile.faults),
            output: Output::new(),
            rest: Vec::new(),
            work: Work::default(),
            tap: Tap::default(),
            sleeps_until: 0,
            over: false,
            owner: None,
            read_end: false,
            ping_calls: 0,
            tickets: HashMap::new(),
        }
    }

    /// The most bytes that may wait to be written: what each lane may hold, a message more for each, and all of it
    /// twice because a turn under way is counted too.
    pub(crate) fn bound(config: &Config, largest: usize) -> usize {
        let control = (config.max_control + 256) * 12;
        let replies = config.replies_pause + (config.max_running + 3) * largest;
        2 * (config.lane_bytes + config.bulk_bytes + replies + control + 3 * largest)
    }
}

/// Takes `n` bytes from the front of an output.
pub(crate) fn front(output: &mut Output, n: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(n);
    let mut slices = [IoSlice::new(&[]); 8];
    let filled = output.slices(&mut slices);
    for slice in &slices[..filled] {
        bytes.extend_from_slice(&slice[..slice.len().min(n - bytes.len())]);
    }
    output.advance(bytes.len());
    bytes
}

pub(crate) const fn micros(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// Whether a message asks or tells, rather than answers or controls.
pub(crate) const fn is_ping(message: &Message) -> bool {
    matches!(message, Message::Ping { .. })
}
