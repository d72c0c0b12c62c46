//! The client as a pool, through the public API alone.

#![expect(clippy::print_stdout, reason = "figures of the runs, seen with --nocapture")]

#[path = "client/errors.rs"]
mod errors;
#[path = "client/herd.rs"]
mod herd;
#[path = "client/login.rs"]
mod login;
#[path = "client/redial.rs"]
mod redial;
#[path = "client/repeats.rs"]
mod repeats;
#[path = "client/restarts.rs"]
mod restarts;
#[path = "client/slots.rs"]
mod slots;
#[path = "client/support.rs"]
mod support;
