//! What the ends do: operations from the agenda, and turns of their drivers.
//!
//! In: what is due. Out: movement, or what went wrong. The order of reading, writing and starting handlers is left to
//! chance, as a scheduler would.

use bytes::Bytes;
use trunkline_engine::{
    Accepted, Answering, CloseReason, FailureKind, Incoming, Outcome, Overload, Phase, WhenFull, Work,
};
use trunkline_wire::{Code, Decoded, Fault, Id, Input, Message, Route, iproto};

use crate::ledger::{Checked, End as Ended, Kind, body, parse};
use crate::plan::{Call, Learns, Op};
use crate::planted::Bug;
use crate::side::{Token, front, is_ping};
use crate::wire::Read;
use crate::world::{Due, World};

type Moved = Result<bool, String>;

/// At most so many messages are settled at once.
const BATCH: usize = 256;

const fn when(fails: bool) -> WhenFull {
    if fails { WhenFull::Fail } else { WhenFull::Wait }
}

impl World {
    pub(crate) fn act(&mut self, side: usize, due: Due) -> Checked {
        let now = self.instant();
        match due {
            Due::Op(Op::Call(call)) => return self.ask(side, call),
            Due::Op(Op::Notify { size, fails_when_full, patience }) => {
                return self.say(side, size, fails_when_full, patience);
            }
            Due::Op(Op::Drain) => {
                self.note(side, "drain", 0, 0);
                self.ends[side].connection.drain(None, now);
            }
            Due::Op(Op::Hijack) => {
                self.note(side, "hijack", 0, 0);
                self.ends[side].connection.hijack(now);
            }
            Due::Op(Op::Close) => self.close(side, CloseReason::Local)?,
            Due::Fault(fault) => self.strike(fault),
            Due::Learns(learns) => return self.learns(side, learns),
            Due::Finish(number) => return self.finishes(side, number),
            Due::Again(number) => self.answers_again(side, number),
            Due::Abandon(number) => return self.abandons(side, number),
            Due::Impatient(number, ticket) => {
                if self.ledger.notices[number].accepted.is_none() {
                    self.note(side, "impatient", number as u64, 0);
                    self.ends[side].connection.abandon_ticket(ticket);
                    self.ledger.notices[number].accepted = Some(false);
                }
            }
            Due::OwnerCloses => {
                self.note(side, "owner closes", 0, 0);
                self.owner_reads(side, self.now);
                self.pipes[side].end(self.now);
            }
        }
        Ok(())
    }

    // ---- what the users do --------------------------------------------------------------------------------------

    fn ask(&mut self, side: usize, call: Call) -> Checked {
        let code = if call.ping { iproto::PING } else { 1 + 10 * side as u32 };
        let deadline = call.timeout.map(|timeout| self.now + timeout);
        let number = self.ledger.ask(side, call, code, deadline);
        self.note(side, "call", number as u64, call.size as u64);
        let content = if call.ping { Bytes::new() } else { body(Kind::Call, number, call.size) };
        let mut message = Message::request(Id(0), Route::Number(code), content);
        let at = deadline.map(|_| self.instant() + crate::side::micros(call.timeout.unwrap_or_default()));
        let end = &mut self.ends[side];
        match end.connection.call(&mut message, at, Token::Call(number), when(call.fails_when_full)) {
            Ok(id) => {
                self.ledger.calls[number].id = Some(id);
                end.ping_calls += u64::from(call.ping);
                if let Some(after) = call.abandon {
                    self.later(self.now + after, side, Due::Abandon(number));
                }
                Ok(())
            }
            Err(failure) if failure.outcome == Outcome::NotSent => {
                self.ledger.ends(number, Err(failure), self.now)
            }
            Err(failure) => Err(format!("a call that could not begin must be not sent: {failure:?}")),
        }
    }

    fn say(&mut self, side: usize, size: usize, fails: bool, patience: Option<u64>) -> Checked {
        let number = self.ledger.say(side, size);
        self.note(side, "notify", number as u64, size as u64);
        let message = Message::notify(Route::Number(2), body(Kind::Notify, number, size));
        let accepted = match self.ends[side].connection.send(&message, when(fails)) {
            Ok(Accepted::Queued) => Some(true),
            Ok(Accepted::Waits(ticket)) => {
                let token = Token::Notice(number);
                self.ends[side].connection.poll_ticket(ticket, |place| *place = Some(token));
                self.ends[side].tickets.insert(number, ticket);
                if let Some(patience) = patience {
                    self.later(self.now + patience, side, Due::Impatient(number, ticket));
                }
                None
            }
            Err(failure) if failure.outcome == Outcome::NotSent => Some(false),
            Err(failure) => {
                return Err(format!("a notification that was not accepted must be not sent: {failure:?}"));
            }
        };
        self.ledger.notices[number].accepted = accepted;
        Ok(())
    }

    fn abandons(&mut self, side: usize, number: usize) -> Checked {
        let (Some(id), None) = (self.ledger.calls[number].id, &self.ledger.calls[number].end) else {
            return Ok(());
        };
        let now = self.instant();
        let (outcome, _) = self.ends[side].connection.abandon_call(id, now);
        self.note(side, "abandon", number as u64, outcome as u64);
        self.ledger.ended(number, Ended::Abandoned(outcome))
    }

    fn learns(&mut self, side: usize, learns: Learns) -> Checked {
        if self.ends[side].over {
            return Ok(());
        }
        self.note(side, "learns", 0, 0);
        match learns {
            Learns::Error(_) => self.close(side, CloseReason::Io("connection reset".to_owned())),
            Learns::End(_) => {
                self.pipes[1 - side].revive_for_end(self.now);
                Ok(())
            }
            Learns::Never => Ok(()),
        }
    }

    // ---- what the handlers do -----------------------------------------------------------------------------------

    fn start(&mut self, side: usize) -> Moved {
        let mut moved = false;
        while !self.ends[side].over && self.ends[side].connection.wants_requests() {
            let Some(request) = self.ends[side].inbox.start() else { break };
            moved = true;
            self.execute(side, &request)?;
            if self.bug == Some(Bug::StartTwice) && self.rng.chance(2) {
                self.execute(side, &request)?;
            }
        }
        Ok(moved)
    }

    fn execute(&mut self, side: usize, request: &Incoming) -> Checked {
        let (kind, number) =
            parse(&request.body).ok_or_else(|| format!("a broken request reached a handler: {request:?}"))?;
        self.note(side, "starts", kind as u64, number as u64);
        if kind == Kind::Answer {
            self.ledger.strays(number)?;
            let fault = Box::new(Fault::new(Code::Unimplemented, "not a question"));
            let end = &mut self.ends[side];
            end.connection.answer(Answering {
                id: request.id,
                route: request.route.clone(),
                result: Err(fault),
            });
            return Ok(());
        }
        self.ledger.starts(1 - side, kind, number)?;
        if kind == Kind::Notify {
            return Ok(());
        }
        match self.ledger.calls[number].call.work {
            Some(0) => self.answers(side, number),
            Some(after) => {
                self.ends[side].inbox.waits();
                self.later(self.now + after, side, Due::Finish(number));
            }
            None => self.ends[side].inbox.waits(),
        }
        Ok(())
    }

    fn finishes(&mut self, side: usize, number: usize) -> Checked {
        self.ends[side].inbox.ends();
        self.answers(side, number);
        Ok(())
    }

    fn answers(&mut self, side: usize, number: usize) {
        let asked = &self.ledger.calls[number];
        let (id, code, call) = (asked.id, asked.code, asked.call);
        self.note(side, "answers", number as u64, call.reply as u64);
        let unsaid = self.ends[side].connection.answer(Answering {
            id,
            route: Route::Number(code),
            result: Ok(body(Kind::Answer, number, call.reply)),
        });
        assert!(unsaid.is_none(), "a reply can be said");
        for after in call.again.into_iter().flatten() {
            self.later(self.now + after, side, Due::Again(number));
        }
    }

    fn answers_again(&mut self, side: usize, number: usize) {
        let asked = &self.ledger.calls[number];
        let id = asked.id.unwrap_or_default();
        let content = body(Kind::Answer, number, asked.call.reply);
        let message = Message::reply(id, Route::Number(asked.code), content);
        self.note(side, "answers again", number as u64, 0);
        // A copy that finds no room is a copy less.
        let _ = self.ends[side].connection.send(&message, WhenFull::Fail);
    }

    // ---- what the driver does -----------------------------------------------------------------------------------

    /// One turn of a driver; whether anything moved.
    pub(crate) fn turn(&mut self, side: usize) -> Moved {
        if self.ends[side].over {
            self.owner_reads(side, self.now);
            return Ok(false);
        }
        let mut moved = self.tick(side)?;
        if self.ends[side].sleeps_until <= self.now {
            for _ in 0..2 {
                moved |= match self.rng.within(0, 2) {
                    0 => self.read(side)? | self.write(side)? | self.start(side)?,
                    1 => self.write(side)? | self.start(side)? | self.read(side)?,
                    _ => self.start(side)? | self.read(side)? | self.write(side)?,
                };
            }
            if moved && self.plan.sleep > 0 && self.rng.chance(20) {
                self.ends[side].sleeps_until = self.now + self.rng.within(1, self.plan.sleep);
            }
        }
        if self.bug == Some(Bug::CloseBeforeFlush) {
            let connection = &self.ends[side].connection;
            if *connection.phase() == Phase::Draining && connection.pending() == 0 && connection.queued() > 0
            {
                self.close(side, CloseReason::Drained)?;
            }
        }
        self.see(side)?;
        Ok(moved)
    }

    fn tick(&mut self, side: usize) -> Moved {
        let late = if self.bug == Some(Bug::SleepPastDeadline) { 50 * crate::plan::MS } else { 0 };
        let due = self.ends[side].connection.deadline().map(|at| self.time_of(at) + late);
        if due.is_none_or(|due| due > self.now) {
            return Ok(false);
        }
        let now = self.instant();
        let mut work = std::mem::take(&mut self.ends[side].work);
        self.ends[side].connection.tick(now, &mut work);
        self.serve(side, work)?;
        match self.ends[side].connection.deadline() {
            Some(next) if next <= now => Err(format!("a tick of side {side} left its deadline in the past")),
            _ => Ok(true),
        }
    }

    fn read(&mut self, side: usize) -> Moved {
        let end = &self.ends[side];
        if end.over || end.read_end || !end.connection.wants_bytes() {
            return Ok(false);
        }
        let max = self.rng.within(1, self.plan.read_max) as usize;
        let Some(read) = self.pipes[1 - side].read(self.now, max) else { return Ok(false) };
        let now = self.instant();
        let Read::Bytes(bytes) = read else {
            self.note(side, "end", self.ends[side].rest.len() as u64, 0);
            let end = &mut self.ends[side];
            end.read_end = true;
            let rest = std::mem::take(&mut end.rest);
            if let Err(error) = end.decoder.finish(&rest) {
                self.close(side, CloseReason::Wire(error))?;
                return Ok(true);
            }
            let mut work = std::mem::take(&mut end.work);
            end.connection.ended(now, &mut work);
            self.serve(side, work)?;
            return Ok(true);
        };
        self.note(side, "reads", bytes.len() as u64, 0);
        let end = &mut self.ends[side];
        end.connection.heard(bytes.len(), now);
        end.rest.extend_from_slice(&bytes);
        self.decode(side)?;
        Ok(true)
    }

    fn decode(&mut self, side: usize) -> Checked {
        let now = self.instant();
        loop {
            let end = &mut self.ends[side];
            if end.connection.closed().is_some() {
                return Ok(());
            }
            let mut input = Input::new(std::mem::take(&mut end.rest));
            let mut messages = Vec::new();
            let error = loop {
                if messages.len() == BATCH {
                    break None;
                }
                match end.decoder.decode(&mut input) {
                    Ok(Decoded::Message(message)) => messages.push(message),
                    Ok(Decoded::More(_)) => break None,
                    Err(error) => break Some(error),
                }
            };
            end.rest = input.remaining().to_vec();
            end.connection.partial(end.rest.len(), !messages.is_empty(), now);
            let more = messages.len() == BATCH;
            let acks = messages.iter().filter(|message| is_ping(message)).count();
            let mut work = std::mem::take(&mut end.work);
            end.connection.receive(&mut messages, now, &mut work);
            if self.bug == Some(Bug::AnswerEveryPing) {
                for _ in 0..acks {
                    let ping =
                        Message::Ping { id: Id(0), route: Route::Number(iproto::PING), body: Bytes::new() };
                    let _ = self.ends[side].connection.send(&ping, WhenFull::Fail);
                }
            }
            self.serve(side, work)?;
            if let Some(error) = error {
                return self.close(side, CloseReason::Wire(error));
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn write(&mut self, side: usize) -> Moved {
        let now = self.instant();
        let mut moved = false;
        while !self.ends[side].over {
            let end = &mut self.ends[side];
            if end.output.is_empty() {
                let mut work = std::mem::take(&mut end.work);
                let taken = end.connection.take(&mut end.output, now, &mut work);
                let len = end.output.len() as u64;
                if !taken {
                    end.output.clear();
                }
                self.serve(side, work)?;
                if !taken {
                    break;
                }
                self.note(side, "takes", len, 0);
            }
            if self.ends[side].connection.closed().is_some() {
                break;
            }
            let room = self.pipes[side].room();
            let end = &mut self.ends[side];
            if room == 0 {
                end.connection.blocked(now);
                break;
            }
            let n = room.min(end.output.len()).min(self.rng.within(1, self.plan.write_max) as usize);
            let bytes = front(&mut end.output, n);
            let n = bytes.len();
            if self.bug == Some(Bug::SkipByte) && !end.output.is_empty() && self.rng.chance(2) {
                end.output.advance(1);
            }
            end.tap.took(&bytes);
            end.connection.wrote(n, !end.output.is_empty(), now);
            let at = self.now + self.rng.within(self.plan.latency.0, self.plan.latency.1);
            self.note(side, "writes", n as u64, 0);
            moved = true;
            if self.pipes[side].write(bytes, at)
                && let Some((.., fault)) = self.plan.cut_at
            {
                self.strike(fault);
            }
            if self.rng.chance(10) {
                break;
            }
        }
        Ok(moved)
    }

    /// What the engine gives to do after each section.
    fn serve(&mut self, side: usize, mut work: Work<Token>) -> Checked {
        let swap = self.bug == Some(Bug::SwapRequests) && work.requests.len() > 1 && self.rng.chance(20);
        if swap {
            work.requests.swap(0, 1);
        }
        for token in work.wake.drain(..) {
            self.wake(side, token)?;
        }
        for request in work.requests.drain(..) {
            // Also when the same section has closed the connection: what arrived before its end is served.
            if let Err(overload) = self.ends[side].inbox.push(request) {
                let Overload::Close { what, value, limit, setting } = overload else {
                    return Err("iproto cannot refuse".to_owned());
                };
                self.close(side, CloseReason::Overload { what, value, limit, setting })?;
            }
        }
        work.drop.clear();
        self.ends[side].work = work;
        Ok(())
    }

    fn wake(&mut self, side: usize, token: Token) -> Checked {
        match token {
            Token::Call(number) if self.bug == Some(Bug::LoseOutcome) && number % 16 == 7 => Ok(()),
            Token::Call(number) => {
                let Some(id) = self.ledger.calls[number].id else {
                    return Err(format!("call {number} was woken before it began"));
                };
                let end = self.ends[side].connection.poll_call(id, |place| *place = Some(token));
                let mut end = end.ok_or_else(|| format!("call {number} was woken for nothing"))?;
                if let (Some(Bug::ClaimNotSent | Bug::ClaimUnknown), Err(failure)) = (self.bug, &mut end)
                    && matches!(failure.kind, FailureKind::Closed(_))
                {
                    failure.outcome =
                        if self.bug == Some(Bug::ClaimNotSent) { Outcome::NotSent } else { Outcome::Unknown };
                }
                self.note(side, "ends", number as u64, end.is_ok().into());
                if self.bug == Some(Bug::SettleTwice) && end.is_ok() && self.rng.chance(2) {
                    self.ledger.ends(number, end.clone(), self.now)?;
                }
                self.ledger.ends(number, end, self.now)?;
                match self.ends[side].connection.poll_call(id, |_| ()) {
                    Some(again) => Err(format!("call {number} could be picked up twice: {again:?}")),
                    None => Ok(()),
                }
            }
            Token::Notice(number) => {
                let Some(ticket) = self.ends[side].tickets.get(&number).copied() else {
                    return Err(format!("notification {number} was woken without a ticket"));
                };
                let placed = self.ends[side].connection.poll_ticket(ticket, |place| *place = Some(token));
                self.note(side, "placed", number as u64, 0);
                let placed = placed.ok_or_else(|| format!("notification {number} was woken for nothing"))?;
                self.ledger.notices[number].accepted = Some(placed.is_ok());
                Ok(())
            }
        }
    }

    fn close(&mut self, side: usize, reason: CloseReason) -> Checked {
        let mut work = std::mem::take(&mut self.ends[side].work);
        self.ends[side].connection.close(reason, &mut work);
        self.serve(side, work)?;
        self.see(side)
    }

    /// The driver sees that the connection is closed, and lets go of the transport.
    fn see(&mut self, side: usize) -> Checked {
        let end = &mut self.ends[side];
        let Some(reason) = end.connection.closed() else { return Ok(()) };
        if std::mem::replace(&mut end.over, true) {
            return Ok(());
        }
        // Callers that a command left over are woken in the driver's next section.
        let mut work = std::mem::take(&mut end.work);
        let mut output = std::mem::take(&mut end.output);
        let now = self.instant();
        let end = &mut self.ends[side];
        end.tap.over(&output.to_vec());
        output.clear();
        end.connection.take(&mut output, now, &mut work);
        self.serve(side, work)?;
        self.note(side, "closed", reason.name().len() as u64, 0);
        self.last_requests(side)?;
        let end = &mut self.ends[side];
        if matches!(*reason, CloseReason::Hijacked) {
            let mut owned = end.connection.take_kept().to_vec();
            owned.append(&mut end.rest);
            if self.bug == Some(Bug::ForgetRest) {
                owned.clear();
            }
            end.owner = Some(owned);
            self.owner_reads(side, self.now);
            self.later(self.now + 100 * crate::plan::MS, side, Due::OwnerCloses);
        } else {
            self.pipes[1 - side].discard();
            self.pipes[side].end(self.now);
        }
        self.closing_was_honest(side)
    }

    /// What arrived and was not started: notifications still are, nobody waits for the others.
    fn last_requests(&mut self, side: usize) -> Checked {
        for request in self.ends[side].inbox.clear() {
            if request.id.is_none() {
                self.execute(side, &request)?;
            }
        }
        Ok(())
    }

    /// Every call of a closed connection has ended, and those that its end cut tell exactly what the transport took.
    fn closing_was_honest(&self, side: usize) -> Checked {
        for (number, asked) in self.ledger.calls.iter().enumerate().filter(|(_, asked)| asked.side == side) {
            let Some(end) = &asked.end else {
                return Err(format!("the connection is closed, but call {number} still waits"));
            };
            let (Ended::Failed(outcome, FailureKind::Closed(_)), Some(id)) = (end, asked.id) else {
                continue;
            };
            if asked.call.ping {
                // The answer to a ping of the peer may carry the code and number of ours.
                continue;
            }
            let begun = self.ends[side].tap.has_begun(asked.code, id.0);
            if (*outcome == Outcome::NotSent) == begun {
                return Err(format!("call {number} is {outcome:?}, but that a byte left is {begun}"));
            }
        }
        Ok(())
    }
}
