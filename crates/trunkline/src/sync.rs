//! The locks and counters of the rooms whose interleavings are all tried out: groups, the registry, close hooks.
//!
//! Here they are std's. `tests/loom.rs` compiles the same rooms with loom's in this place.

pub(crate) use std::sync::atomic::AtomicUsize;
pub(crate) use std::sync::{Mutex, MutexGuard};
