//! Every knob of one connection, with its default and where the default comes from.

use std::time::Duration;

use trunkline_wire::{Limits, Profile, iproto};

/// The knobs of one connection. Plain data; [`for_dialect`](Self::for_dialect) gives the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Limits on single messages.
    pub limits: Limits,
    /// How long a call waits for its answer, waiting for room included. iproto 5 s (README of go-iproto),
    /// gorpc 20 s (README of gorpc), others 10 s (tarpc).
    pub call_timeout: Duration,
    /// How long a notification waits for room. 1 s (README of go-iproto).
    pub notify_timeout: Duration,
    /// The time between pings; `None` sends none. iproto 60 s (README of go-iproto), trunk 30 s.
    pub ping_interval: Option<Duration>,
    /// Close after this long without a byte in either direction; `None` never does. Off by default.
    pub idle_timeout: Option<Duration>,
    /// How long a drain may take. iproto 5 s (README of go-iproto), others 30 s (Kubernetes' grace).
    pub drain_timeout: Duration,
    /// Close when the transport takes no byte for this long. iproto 5 s (go-iproto's WriteTimeout), others 10 s.
    pub write_stall_timeout: Duration,
    /// Any message may take this long to arrive; after it, 1 KiB/s is the least. 10 s.
    pub slow_message_grace: Duration,
    /// Calls that may wait for an answer on one connection. 32,768 (README of gorpc).
    pub max_pending: usize,
    /// Handlers of one connection that may be waiting at the same time. 1,024.
    pub max_running: usize,
    /// Requests of one connection that may wait to be started, where the dialect can refuse. 4,096.
    pub max_waiting: usize,
    /// Bytes of requests that may wait to be started (64 are added for each). 8 MiB.
    pub max_waiting_bytes: usize,
    /// How long messages may wait for others to leave with them in one write, counted from the first; a quarter of
    /// `lane_bytes` leaves at once. Fewer system calls for later answers. Zero, the default, waits for nothing: what
    /// is there when the driver's turn comes leaves together anyway.
    pub flush_delay: Duration,
    /// Bytes that may wait in the calls lane before call, notify and send wait. 256 KiB.
    pub lane_bytes: usize,
    /// Bytes of large bodies and items that may wait before call, notify and send wait. 8 MiB.
    pub bulk_bytes: usize,
    /// Bytes of unsent replies from which no more requests of the connection are started. 1 MiB.
    pub replies_pause: usize,
    /// Bytes of unsent replies at which the connection is closed. 8 MiB.
    pub replies_max: usize,
    /// Broadcasts that may wait for one peer before its group's policy applies. 1,024.
    pub shared_messages: usize,
    /// Bytes of broadcasts that may wait for one peer before its group's policy applies. 1 MiB.
    pub shared_bytes: usize,
    /// How long a peer may be over these limits before the policy "close" closes it; at four times the limits it is
    /// closed at once. 10 s.
    pub shared_patience: Duration,
    /// Control messages that may wait before reading pauses. 100 (grpc-go).
    pub max_control: usize,
    /// How long a call that was given up is remembered, so that its late answer is recognised. 60 s.
    pub tombstone_time: Duration,
    /// How many of them are remembered at most (24 bytes each). 65,536.
    pub max_tombstones: usize,
    /// The first id of our calls; `None` takes the dialect's range for our side. Setting `first_sync` on iproto.
    pub first_id: Option<u64>,
}

impl Config {
    /// The defaults of a dialect: those of its original's README, else ours.
    #[must_use]
    pub fn for_dialect(profile: &Profile) -> Self {
        let ours = Self {
            limits: Limits::default(),
            call_timeout: Duration::from_secs(10),
            notify_timeout: Duration::from_secs(1),
            ping_interval: profile.ping.then_some(Duration::from_secs(30)),
            idle_timeout: None,
            drain_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(10),
            slow_message_grace: Duration::from_secs(10),
            max_pending: 32_768,
            max_running: 1_024,
            max_waiting: 4_096,
            max_waiting_bytes: 8 << 20,
            flush_delay: Duration::ZERO,
            lane_bytes: 256 << 10,
            bulk_bytes: 8 << 20,
            replies_pause: 1 << 20,
            replies_max: 8 << 20,
            shared_messages: 1_024,
            shared_bytes: 1 << 20,
            shared_patience: Duration::from_secs(10),
            max_control: 100,
            tombstone_time: Duration::from_secs(60),
            max_tombstones: 65_536,
            first_id: None,
        };
        match profile.name {
            "iproto" => Self {
                limits: Limits { max_message: iproto::MAX_MESSAGE, ..Limits::default() },
                call_timeout: Duration::from_secs(5),
                ping_interval: Some(Duration::from_secs(60)),
                drain_timeout: Duration::from_secs(5),
                write_stall_timeout: Duration::from_secs(5),
                ..ours
            },
            "gorpc" => Self { call_timeout: Duration::from_secs(20), ..ours },
            _ => ours,
        }
    }
}
