//! Questions the peer asked and we owe an answer to.
//!
//! In: `owe` from the hallway when a request arrives, `paid` when its answer is queued or will never come. Out: how
//! many are owed, which a drain waits for. Never: what the questions were.

/// Answers we owe.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    owed: usize,
}

impl Answers {
    pub(crate) const fn owe(&mut self) {
        self.owed = self.owed.saturating_add(1);
    }

    pub(crate) const fn paid(&mut self) {
        self.owed = self.owed.saturating_sub(1);
    }

    pub(crate) const fn owed(&self) -> usize {
        self.owed
    }
}
