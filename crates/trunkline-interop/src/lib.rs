//! Peers in Go, driven as child processes: what the interop tests stand on.
//!
//! In: the name of a program in the folder `interop/`, flags, commands. Out: its lines, as JSON. Each dialect's tests are
//! a file in `tests/`; this crate knows no dialect. `interop/README.md` has every flag, command and result.
//!
//! The peers are independent: written from the wire notes, held to recordings of the originals, and not the originals
//! themselves.

mod child;
mod toolchain;

pub use child::GoPeer;
pub use toolchain::{Unavailable, build};
