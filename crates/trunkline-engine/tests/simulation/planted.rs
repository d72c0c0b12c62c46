//! Bugs that are planted on purpose: a simulator that does not find them proves nothing.
//!
//! Each is a small lie between the engine and the world, as if the engine or its driver had that bug.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A call's end is handed over twice.
    SettleTwice,
    /// Some callers are never woken.
    LoseOutcome,
    /// Every ping is answered, acknowledgements too.
    AnswerEveryPing,
    /// A drain closes before everything is written.
    CloseBeforeFlush,
    /// Calls that were given up are not remembered.
    ForgetTombstones,
    /// Whatever the transport took: "not sent".
    ClaimNotSent,
    /// Whatever the transport took: "unknown".
    ClaimUnknown,
    /// Two requests of one batch change places.
    SwapRequests,
    /// The clock is looked at 50 ms late.
    SleepPastDeadline,
    /// A partial write loses a byte.
    SkipByte,
    /// A handler is started twice.
    StartTwice,
    /// The bytes behind a hijack are dropped.
    ForgetRest,
}

impl Bug {
    pub(crate) const ALL: [Self; 12] = [
        Self::SettleTwice,
        Self::LoseOutcome,
        Self::AnswerEveryPing,
        Self::CloseBeforeFlush,
        Self::ForgetTombstones,
        Self::ClaimNotSent,
        Self::ClaimUnknown,
        Self::SwapRequests,
        Self::SleepPastDeadline,
        Self::SkipByte,
        Self::StartTwice,
        Self::ForgetRest,
    ];
}
