//! The state of one connection over time, without a socket, a task or a clock.
//!
//! ```text
//!            commands (call, notify, answer, drain)          events (requests, tokens to wake)
//!                      │                                              ▲
//!  messages ──► Connection ─── calls · answers · keepalive · lifetime ┘
//!  bytes    ◄──    │
//!                outbox
//! ```
//!
//! In: commands of the user, messages that a decoder read, and the time as an argument. Out: [`Work`] (requests to
//! serve, tokens to wake), bytes to write, the next instant at which something is due. Never: I/O, tasks, the clock,
//! the layout of any byte. Rooms do not know each other; the hallway, [`Connection`], carries what one says to the
//! next. So the whole protocol runs in a simulator with a virtual clock.
//!
//! | room | what lives there |
//! |---|---|
//! | [`connection`] | the hallway: one match over every message |
//! | `calls` | questions we asked: a ring of ids, deadlines, tombstones |
//! | `answers` | questions the peer asked and we owe an answer to |
//! | [`inbox`] | requests that arrived and were not started yet |
//! | `outbox` | what leaves next: four lanes, their bounds and their order |
//! | `keepalive` | pings, silence, peers that drip |
//! | `lifetime` | open, draining, closed, and why |
//! | [`config`], [`stats`], [`error`] | knobs with their sources, counters, ends |

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod answers;
mod calls;
pub mod config;
pub mod connection;
pub mod error;
pub mod inbox;
mod keepalive;
mod lifetime;
mod outbox;
pub mod stats;

pub use calls::Answer;
pub use config::Config;
pub use connection::{Accepted, Answering, Connection, Incoming, WhenFull, Work};
pub use error::{CloseReason, Failure, FailureKind, Outcome};
pub use inbox::{Inbox, Overload};
pub use lifetime::Phase;
pub use outbox::{Mark, Overflow, Queued, Shared, Ticket};
pub use stats::Stats;
