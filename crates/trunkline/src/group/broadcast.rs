//! One message to many peers.
//!
//! In: a body, and peers one after another. Out: what became of it. It is encoded once for those who spell alike.

use bytes::Bytes;
use trunkline_engine::{CloseReason, Overflow, Queued, Shared};
use trunkline_wire::{Limits, Message, Output, Route, SharedKey};

use super::Delivered;
use crate::body::IntoBody;
use crate::link::now;
use crate::peer::Peer;

/// One message on its way to many.
pub(super) struct Broadcast<B> {
    route: Route,
    body: B,
    about: Option<u64>,
    overflow: Overflow,
    /// What was encoded already, by who shares it.
    encoded: Vec<(SharedKey, Option<Bytes>)>,
    pub(super) delivered: Delivered,
}

impl<B: IntoBody + Clone> Broadcast<B> {
    pub(super) fn new(route: Route, body: B, about: Option<u64>, overflow: Overflow) -> Self {
        Self { route, body, about, overflow, encoded: Vec::new(), delivered: Delivered::default() }
    }

    pub(super) fn to(&mut self, peer: &Peer) {
        let facts = &peer.link.facts;
        let Some(key) = facts.shared_key else { return self.alone(peer) };
        let known = self.encoded.iter().find(|(known, _)| *known == key).map(|(_, bytes)| bytes.clone());
        let bytes = known.unwrap_or_else(|| {
            let bytes = self.encode(peer);
            self.encoded.push((key, bytes.clone()));
            bytes
        });
        let Some(bytes) = bytes else {
            self.delivered.unsayable += 1;
            return;
        };
        let shared = Shared { bytes, key: self.about };
        let now = now();
        match peer.link.command(|inner| inner.conn.share(shared, self.overflow, now)) {
            Err(_) => self.delivered.closed += 1,
            Ok(Queued::Queued) => self.delivered.queued += 1,
            Ok(Queued::Displaced(gone)) => {
                self.delivered.queued += 1;
                self.delivered.dropped += gone.len();
            }
            Ok(Queued::Dropped) => self.delivered.dropped += 1,
            Ok(Queued::Overflowed { waiting, limit }) => {
                self.delivered.closed += 1;
                peer.link.close(CloseReason::Overload {
                    what: "bytes of broadcasts that wait",
                    value: waiting,
                    limit,
                    setting: "shared_bytes",
                });
            }
        }
    }

    /// The bytes for everyone with the same key, by a fresh encoder of the same dialect and side.
    fn encode(&self, peer: &Peer) -> Option<Bytes> {
        let facts = &peer.link.facts;
        let body = self.body.clone().into_body(facts.profile).ok()?;
        if !facts.profile.can_say(&self.route) || body.len() > facts.config.limits.max_message {
            return None;
        }
        let limits: &Limits = &facts.config.limits;
        let mut encoder = facts.dialect.start(facts.side, limits).encoder;
        let mut output = Output::new();
        encoder.encode(&Message::notify(self.route.clone(), body), &mut output).ok()?;
        Some(output.to_vec().into())
    }

    /// A peer whose encoder shares nothing is sent a message of its own.
    fn alone(&mut self, peer: &Peer) {
        match peer.try_notify(self.route.clone(), self.body.clone()) {
            Ok(()) => self.delivered.queued += 1,
            Err(error) if error.is_closed() => self.delivered.closed += 1,
            Err(error) if error.is_unsayable() => self.delivered.unsayable += 1,
            Err(_) => self.delivered.dropped += 1,
        }
    }
}
