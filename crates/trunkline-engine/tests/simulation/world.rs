//! The world: two ends, the wire between them, a clock that jumps, and an agenda.
//!
//! In: a seed, and perhaps a planted bug. Out: a report, or what went wrong. At each instant it does what the agenda
//! says, then gives both ends turns until neither moves, then checks what must hold at every step.

use std::collections::BTreeMap;
use std::time::Instant;

use trunkline_engine::{CloseReason, Phase};

use crate::ledger::{Checked, Kind, Ledger, parse};
use crate::plan::{Fault, Finish, Learns, MS, Op, Plan, Weather};
use crate::planted::Bug;
use crate::rng::Rng;
use crate::side::{End, micros};
use crate::trace::Trace;
use crate::wire::{Pipe, Read};

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    Op(Op),
    Fault(Fault),
    Learns(Learns),
    /// A handler is done with a call.
    Finish(usize),
    /// A second copy of an answer leaves.
    Again(usize),
    Abandon(usize),
    Impatient(usize, trunkline_engine::Ticket),
    /// The new owner of a hijacked transport has enough.
    OwnerCloses,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: u64,
    base: Instant,
    pub(crate) rng: Rng,
    pub(crate) plan: Plan,
    pub(crate) ends: [End; 2],
    /// What side 0 writes, and what side 1 writes.
    pub(crate) pipes: [Pipe; 2],
    pub(crate) ledger: Ledger,
    pub(crate) trace: Trace,
    pub(crate) bug: Option<Bug>,
    agenda: BTreeMap<(u64, u64), (usize, Due)>,
    entries: u64,
    /// A fault struck: not everything can be expected to be answered any more.
    pub(crate) struck: bool,
}

/// What a run came to, for the figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) hash: u64,
    pub(crate) events: u64,
    pub(crate) calls: u64,
    pub(crate) answered: u64,
    pub(crate) unknown: u64,
    pub(crate) not_sent: u64,
    pub(crate) notices: u64,
    pub(crate) late: u64,
    pub(crate) pings: u64,
    pub(crate) ends: Vec<&'static str>,
}

/// A world that goes on for longer than this many instants goes on for ever.
const INSTANTS: u64 = 200_000;

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, base: Instant) -> Self {
        let mut rng = Rng::new(seed);
        let mut plan = Plan::new(&mut rng);
        if bug == Some(Bug::ForgetTombstones) {
            for config in &mut plan.config {
                config.max_tombstones = 1;
                config.tombstone_time = micros(0);
            }
        }
        let cut = |way| plan.cut_at.filter(|(at, ..)| *at == way).map(|(_, byte, _)| byte);
        let mut world = Self {
            now: 0,
            base,
            rng,
            ends: [End::new(0, &plan.config[0], base), End::new(1, &plan.config[1], base)],
            pipes: [Pipe::new(plan.window, cut(0)), Pipe::new(plan.window, cut(1))],
            plan,
            ledger: Ledger::default(),
            trace: Trace::new(),
            bug,
            agenda: BTreeMap::new(),
            entries: 0,
            struck: false,
        };
        for (at, side, op) in std::mem::take(&mut world.plan.ops) {
            world.later(at, side, Due::Op(op));
        }
        for (at, fault) in std::mem::take(&mut world.plan.faults) {
            world.later(at, 0, Due::Fault(fault));
        }
        world
    }

    pub(crate) fn instant(&self) -> Instant {
        self.base + micros(self.now)
    }

    pub(crate) fn time_of(&self, instant: Instant) -> u64 {
        // Up, so that a turn at the microsecond is never too early.
        instant.saturating_duration_since(self.base).as_nanos().div_ceil(1000) as u64
    }

    pub(crate) fn later(&mut self, at: u64, side: usize, due: Due) {
        self.entries += 1;
        self.agenda.insert((at, self.entries), (side, due));
    }

    pub(crate) fn note(&mut self, side: usize, what: &'static str, a: u64, b: u64) {
        self.trace.note(self.now, side, what, a, b);
    }

    pub(crate) fn run(&mut self) -> Result<Report, String> {
        for _ in 0..INSTANTS {
            let Some(next) = self.next() else { return self.finish() };
            if next > self.plan.horizon || self.is_over() {
                return self.finish();
            }
            self.now = next;
            while let Some(entry) = self.agenda.first_entry()
                && entry.key().0 <= self.now
            {
                let (side, due) = entry.remove();
                self.act(side, due)?;
            }
            self.settle_down()?;
            self.check()?;
        }
        Err(format!("{INSTANTS} instants and no end in sight: something goes on for ever"))
    }

    /// Turns, until neither end moves.
    fn settle_down(&mut self) -> Checked {
        for _ in 0..100_000 {
            let first = self.rng.within(0, 1) as usize;
            let moved = self.turn(first)? | self.turn(1 - first)?;
            if !moved {
                return Ok(());
            }
        }
        Err("the two ends keep each other busy without a pause: an endless exchange".to_owned())
    }

    /// The next instant at which anything can happen.
    fn next(&self) -> Option<u64> {
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        let mut next = agenda;
        let mut consider = |at: Option<u64>| {
            next = match (next, at) {
                (Some(next), Some(at)) => Some(next.min(at)),
                (next, at) => next.or(at),
            };
        };
        for (side, end) in self.ends.iter().enumerate() {
            let late = if self.bug == Some(Bug::SleepPastDeadline) { 50 * MS } else { 0 };
            consider(end.connection.deadline().map(|at| (self.time_of(at) + late).max(self.now)));
            consider((end.sleeps_until > self.now).then_some(end.sleeps_until));
            consider(self.pipes[side].next(self.now));
        }
        next
    }

    fn is_over(&self) -> bool {
        let quiet = |side: usize| {
            let end = &self.ends[side];
            end.over
                || (end.connection.queued() == 0
                    && end.inbox.waiting() == 0
                    && end.rest.is_empty()
                    && self.pipes[1 - side].is_empty())
        };
        let closed = match self.plan.finish {
            Finish::Open => quiet(0) && quiet(1),
            _ => self.ends.iter().all(|end| end.over),
        };
        let waits = self.ledger.notices.iter().any(|said| said.accepted.is_none());
        self.agenda.is_empty() && self.ledger.open.is_empty() && !waits && closed
    }

    pub(crate) fn strike(&mut self, fault: Fault) {
        self.struck = true;
        match fault {
            Fault::Stall(way, stalls) => {
                self.note(way, if stalls { "stall" } else { "heal" }, 0, 0);
                self.pipes[way].stall(stalls);
            }
            Fault::Cut { learns, kept } => {
                self.note(0, "cut", 0, 0);
                for side in 0..2 {
                    self.pipes[side].die(kept[side]);
                    let at = match learns[side] {
                        Learns::Error(after) | Learns::End(after) => self.now + after,
                        Learns::Never => continue,
                    };
                    self.later(at, side, Due::Learns(learns[side]));
                }
            }
        }
    }

    /// What must hold at every step.
    fn check(&self) -> Checked {
        for (side, end) in self.ends.iter().enumerate() {
            let config = &self.plan.config[side];
            let (queued, bound) = (end.connection.queued(), End::bound(config, 70 << 10));
            if queued > bound {
                return Err(format!(
                    "{queued} bytes wait on side {side}, and {bound} is the most there can be"
                ));
            }
            if end.inbox.running() > config.max_running {
                return Err(format!("{} handlers run on side {side}", end.inbox.running()));
            }
            // Each ping is answered at most once; a measured one may confuse an acknowledgement on top.
            let (mine, other) = (end.connection.stats(), self.ends[1 - side].connection.stats());
            let measured = end.ping_calls + self.ends[1 - side].ping_calls;
            if mine.peer_pings > other.pings + 4 * measured {
                let (n, m) = (mine.peer_pings, other.pings);
                return Err(format!("side {side} answered {n} pings, but only {m} and {measured} were sent"));
            }
        }
        // A deadline is noticed within a millisecond: the engine looks at most once in that time.
        for number in &self.ledger.open {
            let asked = &self.ledger.calls[*number];
            if asked.deadline.is_some_and(|deadline| self.now > deadline + MS) {
                return Err(format!("call {number} has passed its deadline and nobody noticed: {asked:?}"));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Report, String> {
        let reasons: Vec<_> = self.ends.iter().map(|end| end.connection.closed()).collect();
        self.owners_are_content()?;
        self.ledger.is_honest()?;
        if let Some(waits) = self.ledger.notices.iter().position(|said| said.accepted.is_none()) {
            return Err(format!("notification {waits} waits for ever"));
        }
        if self.plan.finish != Finish::Open
            && reasons.iter().any(Option::is_none)
            && !self.plan.never_learns()
        {
            return Err(format!("the connection was to end, but it is {reasons:?}"));
        }
        let calm = self.plan.weather == Weather::Calm;
        if calm && self.plan.finish == Finish::Drain {
            if reasons.iter().any(|reason| reason.as_deref() != Some(&CloseReason::Drained)) {
                return Err(format!("nothing went wrong, but the drain ended as {reasons:?}"));
            }
            self.ledger.is_complete()?;
        }
        if calm && self.plan.finish == Finish::Open {
            if self.ends.iter().any(|end| *end.connection.phase() != Phase::Open) {
                return Err(format!("nothing went wrong, but the connection ended: {reasons:?}"));
            }
            self.ledger.is_complete()?;
        }
        Ok(self.report())
    }

    /// The new owner of a hijacked transport has what the engine did not serve, in order and without a gap.
    fn owners_are_content(&mut self) -> Checked {
        for side in 0..2 {
            if self.ends[side].owner.is_none() {
                continue;
            }
            self.owner_reads(side, u64::MAX);
            let bytes = self.ends[side].owner.take().unwrap_or_default();
            let mut stream = bytes::BytesMut::from(&bytes[..]);
            while let Ok(Some(packet)) = trunkline_wire::iproto::Packet::decode(&mut stream, 1 << 24) {
                match parse(&packet.body) {
                    _ if matches!(packet.code, 0xff00 | 0xff01) => {}
                    Some((Kind::Answer, _)) => {}
                    Some((kind, number)) => self.ledger.keeps(1 - side, kind, number)?,
                    None => return Err(format!("the new owner got a broken packet: {packet:?}")),
                }
            }
            if self.plan.weather == Weather::Calm {
                if stream.is_empty() != self.ends[1 - side].tap.is_whole() {
                    return Err(format!("{} bytes without a packet are left to the new owner", stream.len()));
                }
                self.nothing_is_missing(1 - side)?;
            }
        }
        Ok(())
    }

    /// Nothing went wrong: what `from` has sent was either served or kept for the new owner.
    fn nothing_is_missing(&self, from: usize) -> Checked {
        let calls = self.ledger.calls.iter().enumerate();
        for (number, asked) in calls.filter(|(_, asked)| asked.side == from && !asked.call.ping) {
            let left = asked.id.is_some_and(|id| self.ends[from].tap.has_left(asked.code, id.0));
            if left && asked.executed + asked.kept != 1 {
                return Err(format!("call {number} fell between the engine and the new owner: {asked:?}"));
            }
        }
        Ok(())
    }

    pub(crate) fn owner_reads(&mut self, side: usize, until: u64) {
        let Some(owner) = &mut self.ends[side].owner else { return };
        while let Some(Read::Bytes(bytes)) = self.pipes[1 - side].read(until, usize::MAX) {
            owner.extend_from_slice(&bytes);
        }
    }

    fn report(&self) -> Report {
        use crate::ledger::End::{Abandoned, Answered, Failed};
        use trunkline_engine::Outcome;
        let count = |wanted: fn(&crate::ledger::End) -> bool| {
            let ends = self.ledger.calls.iter().filter_map(|asked| asked.end.as_ref());
            ends.filter(|end| wanted(end)).count() as u64
        };
        let stats = self.ends.iter().map(|end| end.connection.stats());
        Report {
            hash: self.trace.hash(),
            events: self.trace.events(),
            calls: self.ledger.calls.len() as u64,
            answered: count(|end| *end == Answered),
            unknown: count(|end| matches!(end, Failed(Outcome::Unknown, _) | Abandoned(Outcome::Unknown))),
            not_sent: count(|end| matches!(end, Failed(Outcome::NotSent, _) | Abandoned(Outcome::NotSent))),
            notices: self.ledger.notices.len() as u64,
            late: stats.clone().map(|stats| stats.late_answers).sum(),
            pings: stats.map(|stats| stats.pings).sum(),
            ends: self
                .ends
                .iter()
                .map(|end| end.connection.closed().map_or("open", |reason| reason.name()))
                .collect(),
        }
    }
}
