//! What can be wrong with bytes, and what cannot be said.

/// These bytes are wrong. The connection that sent them ends; nobody else is touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Larger than a limit of ours. Found before anything was allocated for it.
    #[error("{what} of {value} bytes is over the limit of {limit} (setting `{setting}`)")]
    TooLarge {
        /// What was too large: "message", "route", …
        what: &'static str,
        /// How large it said it is, in bytes.
        value: u64,
        /// The limit in bytes, inclusive.
        limit: u64,
        /// The setting that moves the limit.
        setting: &'static str,
    },
    /// The stream ended inside a message.
    #[error("the stream ended inside a message: {have} of at least {want} bytes had arrived")]
    Truncated {
        /// Bytes of the message that arrived.
        have: usize,
        /// Bytes it would have needed, as far as known.
        want: usize,
    },
    /// Not this dialect at all, or broken.
    #[error("malformed {dialect} message: {what}")]
    Malformed {
        /// The dialect that was expected.
        dialect: &'static str,
        /// What was wrong.
        what: String,
    },
    /// The first bytes are those of another protocol.
    #[error("this port speaks {dialect}, and {what} came")]
    Foreign {
        /// The dialect that was expected.
        dialect: &'static str,
        /// What it looks like: "an HTTP request", …
        what: &'static str,
    },
    /// A layer (compression) could not be unwrapped.
    #[error("{layer} layer: {what}")]
    Layer {
        /// Which layer.
        layer: &'static str,
        /// What was wrong.
        what: String,
    },
}

/// This dialect has no words for that verb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{dialect} cannot say `{verb}`{why}")]
pub struct Unsayable {
    /// The dialect.
    pub dialect: &'static str,
    /// The verb, as [`Message::verb`](crate::Message::verb) names it.
    pub verb: &'static str,
    /// More, starting with a separator (": a route needs a number"), or empty.
    pub why: &'static str,
}

/// A message that was not encoded. Nothing of it was appended to the output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The dialect has no words for it.
    #[error(transparent)]
    Unsayable(#[from] Unsayable),
    /// The body is not what bodies of this dialect are.
    #[error("this body cannot be sent by {dialect}: {what}")]
    Body {
        /// The dialect.
        dialect: &'static str,
        /// Why not.
        what: String,
    },
    /// Larger than may be sent.
    #[error("{what} of {value} bytes is over the limit of {limit} (setting `{setting}`)")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its size in bytes.
        value: u64,
        /// The limit in bytes, inclusive.
        limit: u64,
        /// The setting that moves the limit, or the field of the wire that cannot say more.
        setting: &'static str,
    },
}
