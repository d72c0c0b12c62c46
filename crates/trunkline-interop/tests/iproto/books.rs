//! How calls ended, and whether that is what the other side's ledger says.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use tokio::sync::watch;
use trunkline::bytes::Bytes;
use trunkline::{Error, Outcome};

use crate::world::NONCE;

/// What is known of a call.
#[derive(Debug)]
pub(crate) enum End {
    Answered,
    Failed(Outcome, Error),
}

/// Every call of ours and how it ended.
#[derive(Debug, Default)]
pub(crate) struct Books {
    ends: Mutex<HashMap<u64, End>>,
    answered: watch::Sender<u64>,
}

/// How many calls ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) answered: u64,
    pub(crate) not_sent: u64,
    pub(crate) unknown: u64,
}

impl Books {
    /// Enters a call's end. An answer must be the body that was sent, and a call ends once.
    pub(crate) fn enter(&self, nonce: u64, sent: &Bytes, ended: Result<Bytes, Error>) {
        let end = match ended {
            Ok(answer) => {
                assert_eq!(answer, sent, "call {nonce} got the answer of another");
                End::Answered
            }
            Err(error) => End::Failed(error.outcome(), error),
        };
        let answered = matches!(end, End::Answered);
        let before = self.ends.lock().expect("no panics under it").insert(nonce, end);
        assert!(before.is_none(), "call {nonce} ended twice");
        if answered {
            self.answered.send_modify(|count| *count += 1);
        }
    }

    /// Waits until `more` calls than now were answered.
    pub(crate) async fn answers(&self, more: u64) {
        let mut answered = self.answered.subscribe();
        let goal = *answered.borrow_and_update() + more;
        answered.wait_for(|count| *count >= goal).await.expect("the books live");
    }

    pub(crate) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for end in self.ends.lock().expect("no panics under it").values() {
            match end {
                End::Answered | End::Failed(Outcome::Answered, _) => sums.answered += 1,
                End::Failed(Outcome::NotSent | Outcome::Refused, _) => sums.not_sent += 1,
                End::Failed(Outcome::Unknown, _) => sums.unknown += 1,
            }
        }
        sums
    }

    /// The first failure, for messages.
    pub(crate) fn failure(&self) -> String {
        let ends = self.ends.lock().expect("no panics under it");
        let failed = ends.values().find_map(|end| match end {
            End::Failed(_, error) => Some(format!("{error:?}")),
            End::Answered => None,
        });
        failed.unwrap_or_else(|| "none".to_owned())
    }

    /// Holds the books against the nonces that the other side executed: answered is once, not sent is never, unknown is
    /// at most once. Returns how many were executed and not answered.
    pub(crate) fn hold_against(&self, ledger: &HashMap<u64, u32>) -> u64 {
        let ends = self.ends.lock().expect("no panics under it");
        let mut lost = 0;
        for (nonce, end) in &*ends {
            let times = ledger.get(nonce).copied().unwrap_or(0);
            match end {
                End::Answered => assert_eq!(times, 1, "call {nonce} was answered and executed {times} times"),
                End::Failed(Outcome::Unknown, error) => {
                    assert!(times <= 1, "call {nonce} was executed {times} times: {error:?}");
                    lost += u64::from(times);
                }
                End::Failed(outcome, error) => {
                    assert_eq!(times, 0, "call {nonce} is {outcome} and was executed: {error:?}");
                }
            }
        }
        let strangers = ledger.keys().filter(|nonce| !ends.contains_key(nonce)).count();
        assert_eq!(strangers, 0, "executions that nobody asked for");
        lost
    }
}

/// Reads a ledger file of the Go peer: executions by nonce.
pub(crate) fn ledger(file: &Path) -> HashMap<u64, u32> {
    let bytes = std::fs::read(file).expect("a ledger");
    let mut executions = HashMap::new();
    for nonce in bytes.chunks_exact(NONCE) {
        let nonce = u64::from_le_bytes(nonce.try_into().expect("eight bytes"));
        *executions.entry(nonce).or_default() += 1;
    }
    executions
}

/// A file of this process that does not exist yet, removed again with this value.
pub(crate) struct Fresh(std::path::PathBuf);

impl Fresh {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_file(&file);
        Self(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn text(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
