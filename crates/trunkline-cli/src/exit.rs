//! What went wrong, for the person or script that typed the command: the error block and the exit code.
//!
//! In: an [`Error`] of the library, or a mistake in what was typed. Out: a [`Failure`], which `output` prints.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use trunkline::error::Who;
use trunkline::wire::EncodeError;
use trunkline::{CloseReason, Code, Error, ErrorKind, Outcome};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// What a command ends with. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The peer answered "no".
    Application = 1,
    /// What was typed makes no sense.
    Usage = 2,
    /// No connection, or it was lost.
    Connection = 3,
    /// The deadline passed.
    Deadline = 4,
    /// The peer speaks something else, or badly.
    Protocol = 5,
    /// A limit: size, rate, overload.
    Limit = 6,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that failed: what, whether it was sent, who was the cause, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) what: String,
    /// What is known about the execution of a call.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) origin: Option<&'static str>,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), outcome: None, origin: None, hint: None }
    }

    /// What was typed makes no sense.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Ctrl-C before the end.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The lines below the first: a label and a text each.
    pub(crate) fn details(&self) -> impl Iterator<Item = (&'static str, String)> {
        let sent = self.outcome.map(sent);
        [
            ("sent", sent.map(str::to_owned)),
            ("origin", self.origin.map(str::to_owned)),
            ("hint", self.hint.clone()),
        ]
        .into_iter()
        .filter_map(|(label, text)| Some((label, text?)))
    }

    /// One object, for scripts.
    pub(crate) fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("error".into(), self.what.clone().into());
        if let Some(outcome) = self.outcome {
            object.insert("outcome".into(), outcome_name(outcome).into());
            object.insert("safe_to_repeat".into(), outcome.is_safe_to_repeat().into());
        }
        if let Some(origin) = self.origin {
            object.insert("origin".into(), origin.into());
        }
        if let Some(hint) = &self.hint {
            object.insert("hint".into(), hint.clone().into());
        }
        object.insert("exit".into(), json!(self.exit as u8));
        object.into()
    }
}

/// The outcome as a word for scripts.
const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::NotSent => "not_sent",
        Outcome::Refused => "refused",
        Outcome::Unknown => "unknown",
    }
}

/// "Was it sent?", answered for people.
const fn sent(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "yes, and answered",
        Outcome::NotSent => "no (safe to repeat)",
        Outcome::Refused => "yes, but the peer did not start it (safe to repeat)",
        Outcome::Unknown => "yes (the peer may have executed it)",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = exit_of(&error);
        // A mistake in what was typed was made here; where it would have gone does not matter.
        let about_a_call = exit != Exit::Usage;
        Self {
            exit,
            what: error.to_string(),
            outcome: about_a_call.then(|| error.outcome()),
            origin: about_a_call.then(|| origin(&error)),
            hint: hint(&error),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Connection, error.to_string())
    }
}

fn exit_of(error: &Error) -> Exit {
    match error.kind() {
        ErrorKind::Fault(fault) => match fault.code {
            Code::DeadlineExceeded => Exit::Deadline,
            Code::ResourceExhausted => Exit::Limit,
            _ => Exit::Application,
        },
        ErrorKind::Timeout => Exit::Deadline,
        ErrorKind::Cancelled => Exit::Interrupted,
        ErrorKind::Closed(reason) => match &**reason {
            CloseReason::Wire(_) | CloseReason::Violation(_) => Exit::Protocol,
            CloseReason::Overload { .. } => Exit::Limit,
            _ => Exit::Connection,
        },
        ErrorKind::Decode(_) => Exit::Protocol,
        ErrorKind::Encode(EncodeError::TooLarge { .. })
        | ErrorKind::Full { .. }
        | ErrorKind::TooManyPending { .. }
        | ErrorKind::RateLimited
        | ErrorKind::DialThrottled
        | ErrorKind::PoolFull => Exit::Limit,
        ErrorKind::Encode(_) | ErrorKind::Address(_) | ErrorKind::Config(_) => Exit::Usage,
        _ => Exit::Connection,
    }
}

fn origin(error: &Error) -> &'static str {
    match (error.kind(), error.who()) {
        (ErrorKind::Timeout, _) => "us: the deadline, `--timeout`",
        (_, Who::Us) => "us",
        (_, Who::Peer) => "the peer",
        (_, Who::Network) => "the network",
    }
}

fn hint(error: &Error) -> Option<String> {
    let hint = match error.kind() {
        ErrorKind::NoPeer | ErrorKind::Offline | ErrorKind::Connect(_) => match error.address() {
            Some(address) => format!("is anybody listening there? `trunkline serve {address}` would"),
            None => "is anybody listening there?".to_owned(),
        },
        ErrorKind::Timeout if error.address().is_some_and(|address| address.starts_with("iproto")) => {
            "iproto cannot say no: an unknown code or a fault is silence; or give it more `--timeout`"
                .to_owned()
        }
        ErrorKind::Timeout => "give it more time with `--timeout`".to_owned(),
        ErrorKind::Encode(EncodeError::Unsayable(_)) => {
            "on this dialect the route is a number, such as 1 or 0x11".to_owned()
        }
        ErrorKind::Fault(fault) if fault.code == Code::Unimplemented => {
            "the built-in routes are listed by `trunkline serve --help`".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_the_promised_one() {
        let codes = [
            (Exit::Application, 1),
            (Exit::Usage, 2),
            (Exit::Connection, 3),
            (Exit::Deadline, 4),
            (Exit::Protocol, 5),
            (Exit::Limit, 6),
            (Exit::Interrupted, 130),
        ];
        for (exit, code) in codes {
            assert_eq!(exit as u8, code);
        }
    }
}
