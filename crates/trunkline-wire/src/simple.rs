//! simple: sixteen bytes of header, big-endian, then the route and the body. The dialect of simple-rpc.
//!
//! ```text
//!  0     1       2                10       12           16
//!  ├─────┼───────┼────────────────┼────────┼────────────┼───────────┼──────────
//!  │  1  │ flags │ id             │ length │ length     │ route     │ body
//!  │     │       │                │ of     │ of the     │           │
//!  │     │       │                │ route  │ body       │           │
//!  └─────┴───────┴────────────────┴────────┴────────────┴───────────┴──────────
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`frame`] | one frame and its flags: the bare codec |
//! | `encode` | verbs to frames; keeps the newest item of a stream, because the last one carries the end |
//! | `decode` | frames to verbs, by the rules of simple-rpc's own client and server |
//!
//! Only the side that dials asks: a simple-rpc client takes whatever it receives for an answer or a push. A stream
//! is a request with many answers. What simple-rpc calls a session is notifications in both directions with one
//! route; the wire has neither its beginning nor its end. The specification in our words is
//! `docs/wire/simple.md`.

use crate::dialect::{Codec, Dialect, IdSpace, Pairing, Profile, Side};
use crate::limits::Bound;
use crate::{Limits, Unsayable};

mod decode;
mod encode;
pub mod frame;

pub use frame::{Flags, Frame};

/// The bit of an id that marks notifications; ids of calls stay below it.
pub const PUSH: u64 = 1 << 63;

/// What simple can say.
pub const PROFILE: Profile = Profile {
    name: "simple",
    speaks_with: "simple-rpc",
    pairing: Pairing::Tagged,
    ids: IdSpace { dialling: (1, PUSH - 1), accepting: IdSpace::NONE },
    numbers: false,
    names: true,
    notify: true,
    faults: true,
    streams: true,
    credit: false,
    cancel: false,
    ping: false,
    drain: false,
    deadline: false,
    metadata: false,
    interleaves: false,
    // The encoder keeps an item of each stream back, but it does not mind what is said between two items.
    stateful: false,
};

/// The dialect.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Simple;

impl Simple {
    /// simple as simple-rpc speaks it.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Dialect for Simple {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn start(&self, side: Side, limits: &Limits) -> Codec {
        let bounds = Bounds::new(limits);
        Codec {
            encoder: Box::new(encode::Encoder::new(side, bounds)),
            decoder: Box::new(decode::Decoder::new(side, bounds)),
            layer: None,
        }
    }
}

/// How long the two parts behind a header may be.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    route: Bound,
    body: Bound,
}

impl Bounds {
    fn new(limits: &Limits) -> Self {
        Self {
            route: Bound::new("route", limits.max_route, "max_route").within(u16::MAX.into(), "type length"),
            body: Bound::new("message", limits.max_message, "max_message")
                .within(u32::MAX.into(), "value length"),
        }
    }
}

const fn unsayable(verb: &'static str, why: &'static str) -> Unsayable {
    Unsayable { dialect: PROFILE.name, verb, why }
}
