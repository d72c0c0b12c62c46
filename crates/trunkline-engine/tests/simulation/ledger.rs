//! What every call and notification came to, kept by somebody who sees both sides.
//!
//! In: what was asked, what a handler started, how each operation ended. Out: an error as soon as something happened
//! that must never happen. The rules:
//!
//! * a call ends exactly once; not sent and refused mean no execution, answered means one, unknown at most one;
//! * an answer carries the number of its own call, and all of its bytes;
//! * nothing is executed or heard twice; requests and notifications of one lane start in the order they were asked;
//! * a second copy of an answer is never taken for a request while its call is remembered.

use bytes::Bytes;
use trunkline_engine::{Answer, Failure, FailureKind, Outcome};
use trunkline_wire::Id;

use crate::plan::Call;

/// What a body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Answer,
    Notify,
}

/// The bytes before the padding: kind and number.
pub(crate) const HEAD: usize = 9;

/// Bodies over this size leave through the bulk lane.
const BULK_FROM: usize = 16 << 10;

pub(crate) fn body(kind: Kind, number: usize, size: usize) -> Bytes {
    let mut bytes = vec![number as u8; HEAD + size];
    bytes[0] = kind as u8;
    bytes[1..HEAD].copy_from_slice(&(number as u64).to_le_bytes());
    bytes.into()
}

pub(crate) fn parse(body: &[u8]) -> Option<(Kind, usize)> {
    let kind = *[Kind::Call, Kind::Answer, Kind::Notify].get(usize::from(*body.first()?))?;
    let number = u64::from_le_bytes(body.get(1..HEAD)?.try_into().ok()?) as usize;
    body[HEAD..].iter().all(|byte| *byte == number as u8).then_some((kind, number))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered,
    /// With the reason: whether the connection's end was.
    Failed(Outcome, FailureKind),
    /// The caller gave up.
    Abandoned(Outcome),
}

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) side: usize,
    pub(crate) call: Call,
    pub(crate) id: Option<Id>,
    pub(crate) code: u32,
    pub(crate) deadline: Option<u64>,
    pub(crate) executed: u32,
    pub(crate) kept: u32,
    pub(crate) end: Option<End>,
}

#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) side: usize,
    pub(crate) size: usize,
    /// `Some(true)`: it has its place in the ordered output. `None`: it waits for one.
    pub(crate) accepted: Option<bool>,
    pub(crate) heard: u32,
    pub(crate) kept: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) calls: Vec<Asked>,
    pub(crate) notices: Vec<Said>,
    /// The order in which each side asked for things, per lane, and the last that its peer started.
    order: [[Vec<(Kind, usize)>; 2]; 2],
    started: [[usize; 2]; 2],
    /// Calls that have not ended.
    pub(crate) open: Vec<usize>,
}

pub(crate) type Checked = Result<(), String>;

fn lane(size: usize) -> usize {
    usize::from(HEAD + size > BULK_FROM)
}

impl Ledger {
    pub(crate) fn ask(&mut self, side: usize, call: Call, code: u32, deadline: Option<u64>) -> usize {
        let number = self.calls.len();
        self.calls.push(Asked { side, call, id: None, code, deadline, executed: 0, kept: 0, end: None });
        self.order[side][lane(call.size)].push((Kind::Call, number));
        self.open.push(number);
        number
    }

    pub(crate) fn say(&mut self, side: usize, size: usize) -> usize {
        let number = self.notices.len();
        self.notices.push(Said { side, size, accepted: None, heard: 0, kept: 0 });
        self.order[side][lane(size)].push((Kind::Notify, number));
        number
    }

    /// A handler starts. `from` is the side that asked.
    pub(crate) fn starts(&mut self, from: usize, kind: Kind, number: usize) -> Checked {
        let size = match kind {
            Kind::Call => {
                let asked = self.calls.get_mut(number).ok_or("a call nobody made was executed")?;
                asked.executed += 1;
                if asked.executed + asked.kept > 1 || asked.side != from {
                    return Err(format!("call {number} was executed {} times", asked.executed));
                }
                asked.call.size
            }
            _ => {
                let said = self.notices.get_mut(number).ok_or("a notification nobody sent was heard")?;
                said.heard += 1;
                if said.heard + said.kept > 1 || said.side != from || said.accepted == Some(false) {
                    return Err(format!("notification {number} was heard wrongly: {said:?}"));
                }
                said.size
            }
        };
        self.in_order(from, lane(size), kind, number)
    }

    /// A message came out of a hijack, for the new owner.
    pub(crate) fn keeps(&mut self, from: usize, kind: Kind, number: usize) -> Checked {
        let (seen, size) = if kind == Kind::Call {
            let asked = &mut self.calls[number];
            asked.kept += 1;
            (asked.executed + asked.kept, asked.call.size)
        } else {
            let said = &mut self.notices[number];
            said.kept += 1;
            (said.heard + said.kept, said.size)
        };
        if seen != 1 {
            return Err(format!("{kind:?} {number} came out of a hijack, but it was seen {seen} times"));
        }
        self.in_order(from, lane(size), kind, number)
    }

    fn in_order(&mut self, from: usize, lane: usize, kind: Kind, number: usize) -> Checked {
        let place = self.order[from][lane].iter().position(|asked| *asked == (kind, number));
        let place = place.ok_or_else(|| format!("{kind:?} {number} was never asked for"))? + 1;
        if place <= self.started[from][lane] {
            return Err(format!("{kind:?} {number} was started after one that was asked for later"));
        }
        self.started[from][lane] = place;
        Ok(())
    }

    /// A call ends.
    pub(crate) fn ends(&mut self, number: usize, result: Result<Answer, Failure>, now: u64) -> Checked {
        let asked = &self.calls[number];
        let end = match result {
            Ok(Answer::Reply(_)) if asked.call.ping => End::Answered,
            Ok(Answer::Reply(reply)) => {
                if parse(&reply) != Some((Kind::Answer, number)) || reply.len() != HEAD + asked.call.reply {
                    return Err(format!("call {number} got an answer that is not its own: {reply:?}"));
                }
                End::Answered
            }
            Ok(Answer::Fault(fault)) => return Err(format!("iproto cannot say a fault: {fault}")),
            Err(Failure { outcome, kind }) => {
                if kind == FailureKind::Timeout && asked.deadline.is_none_or(|deadline| now < deadline) {
                    return Err(format!("call {number} timed out at {now}, before {:?}", asked.deadline));
                }
                End::Failed(outcome, kind)
            }
        };
        self.ended(number, end)
    }

    pub(crate) fn ended(&mut self, number: usize, end: End) -> Checked {
        let asked = &mut self.calls[number];
        if let Some(before) = &asked.end {
            return Err(format!("call {number} ended twice: {before:?}, then {end:?}"));
        }
        asked.end = Some(end);
        self.open.retain(|open| *open != number);
        Ok(())
    }

    /// An answer reached a handler, as if it were a request: only a copy may do so, and only once its call was
    /// answered and forgotten.
    pub(crate) fn strays(&self, number: usize) -> Checked {
        match self.calls.get(number) {
            Some(asked) if asked.end == Some(End::Answered) && asked.call.again[0].is_some() => Ok(()),
            Some(asked) => Err(format!("the answer to call {number} was taken for a request: {asked:?}")),
            None => Err(format!("an answer to call {number}, which nobody made")),
        }
    }

    /// At the end: each outcome was honest.
    pub(crate) fn is_honest(&self) -> Checked {
        if let Some(open) = self.open.first() {
            return Err(format!("call {open} never ended: {:?}", self.calls[*open]));
        }
        for (number, asked) in self.calls.iter().enumerate().filter(|(_, asked)| !asked.call.ping) {
            let honest = match asked.end.as_ref().ok_or("no end")? {
                End::Answered => asked.executed == 1,
                End::Failed(outcome, _) | End::Abandoned(outcome) => match outcome {
                    Outcome::Answered => false,
                    Outcome::NotSent | Outcome::Refused => asked.executed + asked.kept == 0,
                    Outcome::Unknown => asked.executed + asked.kept <= 1,
                },
            };
            if !honest {
                return Err(format!("call {number} did not end honestly: {asked:?}"));
            }
        }
        Ok(())
    }

    /// At the end of a run in which nothing went wrong: each call was answered, each notification was heard.
    pub(crate) fn is_complete(&self) -> Checked {
        for (number, asked) in self.calls.iter().enumerate() {
            let fine = match asked.end.as_ref().ok_or("no end")? {
                End::Answered | End::Abandoned(_) => true,
                End::Failed(outcome, kind) => {
                    *outcome == Outcome::NotSent
                        && matches!(
                            kind,
                            FailureKind::Draining
                                | FailureKind::Closed(_)
                                | FailureKind::Full { .. }
                                | FailureKind::TooManyPending { .. }
                        )
                        && asked.id.is_none()
                }
            };
            if !fine {
                return Err(format!("nothing went wrong, but call {number} was lost: {asked:?}"));
            }
        }
        let lost = self.notices.iter().position(|said| said.accepted == Some(true) && said.heard == 0);
        lost.map_or(Ok(()), |lost| {
            Err(format!("nothing went wrong, but notification {lost} was lost: {:?}", self.notices[lost]))
        })
    }
}
