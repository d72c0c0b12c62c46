//! The layout of bytes: how each dialect spells the one vocabulary of [`Message`]s.
//!
//! ```text
//!  bytes ──► Input ──► Decode ──► Message        (one decoder per connection, no lock)
//!  bytes ◄── Output ◄── Encode ◄── Message       (one encoder per connection)
//! ```
//!
//! In: bytes and messages. Out: messages and bytes. Never: a clock, a socket, a task, or the state of a
//! connection. What a dialect can say is its [`Profile`]; a verb outside it is refused with [`Unsayable`],
//! never dropped.
//!
//! | room | what lives there |
//! |---|---|
//! | [`message`] | the verbs, routes and faults that all dialects translate to |
//! | [`dialect`] | the three things a dialect gives: an encoder, a decoder, sometimes a layer |
//! | [`input`], [`output`] | the bytes a decoder reads and an encoder appends to |
//! | [`limits`], [`error`] | what is too much, and what was wrong |
//! | [`iproto`] | the dialect of go-iproto |
//! | [`packet`] | a length and that many bytes: packnet, link, Erlang |
//! | [`simple`] | the dialect of simple-rpc |
//! | `gorpc` (feature `gorpc`) | the dialect of valyala/gorpc: gob values, deflate |

// A decoder must not panic whatever arrives; tests may.
#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::cast_possible_truncation, clippy::arithmetic_side_effects)
)]

pub mod dialect;
pub mod error;
#[cfg(feature = "gorpc")]
pub mod gorpc;
pub mod input;
pub mod iproto;
pub mod limits;
pub mod message;
pub mod output;
pub mod packet;
mod recognise;
pub mod simple;

pub use dialect::{Codec, Decode, Decoded, Dialect, Encode, Layer, Pairing, Profile, SharedKey, Side};
pub use error::{EncodeError, Unsayable, WireError};
pub use input::Input;
pub use limits::Limits;
pub use message::{Code, Drain, Extra, Fault, Id, Message, Metadata, Name, Route};
pub use output::Output;
pub use recognise::recognise;

/// What each dialect of this crate can say; the table in `docs/dialects.md` is printed from it.
pub const PROFILES: &[&Profile] = &[
    &iproto::PROFILE,
    &simple::PROFILE,
    &packet::PROFILE,
    #[cfg(feature = "gorpc")]
    &gorpc::PROFILE,
];
