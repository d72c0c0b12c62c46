//! gorpc: two Go structs over and over, as one endless gob stream each way, deflated or not. The dialect of
//! valyala/gorpc.
//!
//! ```text
//!  dials ──► handshake byte ─► wireRequest  { ID, Request  }         wireRequest  … ──► accepts
//!        ◄──                   wireResponse { ID, Response, Error }  wireResponse … ◄──
//!            └── from here on raw deflate, where the handshake byte is not zero ──┘
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | `value` | bodies: from and to the value of an interface, under a registered name |
//! | `encode` | verbs to structs of one gob stream |
//! | `decode` | structs of one gob stream to verbs |
//! | `layer` | the handshake byte and the two deflate streams |
//!
//! To the rest of the system a body is one self-contained gob value, definitions and all, or nothing at all for
//! nil. Definitions are renumbered where a value crosses the border of a connection, and sent once. A route is
//! the name of a Dispatcher call (`.Func`, `Service.Func`); what is asked without a Dispatcher has the route
//! [`ANY`]. Only the side that dials asks, and a request without an id wants no answer. The specification in our
//! words is `docs/wire/gorpc.md`.

use trunkline_gob as gob;

use crate::dialect::{Codec, Dialect, IdSpace, Pairing, Profile, Side};
use crate::limits::Bound;
use crate::{Limits, Name, Route, Unsayable};

mod decode;
mod encode;
mod layer;
mod value;

/// The route of values that are asked without a Dispatcher, as `Client.Call` of gorpc does. No Dispatcher call
/// has this name, because it has no dot.
pub const ANY: Route = Route::Name(Name::from_static("*"));

/// The route of an answer that came from some Dispatcher call: the wire does not repeat its name.
const DISPATCHED: Route = Route::Name(Name::from_static("."));

/// The names under which every process with gorpc registers the two structs of the Dispatcher.
const DISPATCHER_REQUEST: &str = "*gorpc.dispatcherRequest";
const DISPATCHER_RESPONSE: &str = "*gorpc.dispatcherResponse";

/// What a message may be longer than its body, in bytes: the envelope, and definitions ahead of it.
const ENVELOPE: usize = 4 << 10;

/// Definitions that one body may carry, beyond the bytes of its own message. A peer defines a type once and may
/// use it in every message; each body takes a copy of what it needs, which must not cost much more than it did.
const DEFINITIONS: usize = 64 << 10;

/// Bytes that a compressed stream may inflate to, whatever its ratio: some messages of the default size.
const INFLATED_FREE: u64 = 16 << 20;

/// How much more than it is long a compressed stream can inflate to: no deflate stream exceeds this.
const MAX_RATIO: u32 = 1_032;

/// What gorpc can say.
pub const PROFILE: Profile = Profile {
    name: "gorpc",
    speaks_with: "valyala/gorpc",
    pairing: Pairing::Tagged,
    ids: IdSpace { dialling: (1, u64::MAX), accepting: IdSpace::NONE },
    numbers: false,
    names: true,
    // By the side that dials: gorpc's Send. Its servers cannot push.
    notify: true,
    faults: true,
    streams: false,
    credit: false,
    cancel: false,
    ping: false,
    drain: false,
    deadline: false,
    metadata: false,
    interleaves: false,
    stateful: true,
};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Gorpc {
    compress: bool,
    max_ratio: u32,
}

impl Default for Gorpc {
    fn default() -> Self {
        Self { compress: true, max_ratio: MAX_RATIO }
    }
}

impl Gorpc {
    /// gorpc as its README has it: compressed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to compress. The side that dials decides for both; one that accepts and has switched compression
    /// off refuses peers that ask for it.
    #[must_use]
    pub const fn compress(self, compress: bool) -> Self {
        Self { compress, ..self }
    }

    /// How much longer than on the wire what arrives compressed may be, once it is more than 16 MiB in the life of
    /// the connection.
    ///
    /// The default is 1,032, which deflate cannot exceed, because honest peers that repeat themselves come near it:
    /// a large text of one pattern shrinks to a three-hundredth. What a bomb may cost is bounded without it: memory by
    /// `max_message`, and the time of others because the driver inflates in steps.
    #[must_use]
    pub const fn max_ratio(self, ratio: u32) -> Self {
        Self { max_ratio: ratio, ..self }
    }
}

impl Dialect for Gorpc {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn start(&self, side: Side, limits: &Limits) -> Codec {
        let bounds = Bounds::new(limits);
        Codec {
            encoder: Box::new(encode::Encoder::new(side, bounds)),
            decoder: Box::new(decode::Decoder::new(side, bounds)),
            layer: Some(Box::new(layer::Deflate::new(side, *self))),
        }
    }
}

/// How large the parts of a message may be.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    route: Bound,
    body: Bound,
    message: Bound,
    gob: gob::Limits,
}

impl Bounds {
    fn new(limits: &Limits) -> Self {
        let message = limits.max_message.saturating_add(ENVELOPE);
        let mut within = gob::Limits::default();
        within.message = message;
        Self {
            route: Bound::new("route", limits.max_route, "max_route"),
            body: Bound::new("message", limits.max_message, "max_message"),
            message: Bound::new("message with its envelope", message, "max_message"),
            gob: within,
        }
    }
}

const fn unsayable(verb: &'static str, why: &'static str) -> Unsayable {
    Unsayable { dialect: PROFILE.name, verb, why }
}
