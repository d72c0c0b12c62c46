//! Rust values to plain form, through serde.
//!
//! In: anything that implements `Serialize`, and what was learned about its type so far. Out: plain form
//! with the ids of a stream. serde shows values, not types; so a first pass over a value learns its Go type
//! ([`learn`]), which is kept, and a second writes ([`write`]). As long as values fit what is known, only the
//! second runs.

use serde::Serialize;

use crate::encoder::Outgoing;
use crate::error::{Error, Result};
use crate::types::TypeId;

mod learn;
mod narrow;
mod token;
pub(crate) use token::Token;
mod write;

use learn::{Compiled, Graph};

/// What is known about one Rust type on one stream.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    graph: Graph,
    compiled: Option<Compiled>,
}

impl Plan {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, graph: Graph::default(), compiled: None }
    }

    /// The same, with the Go type given instead of learned.
    pub(crate) fn declared(name: &'static str, ty: &crate::go_type::GoType) -> Self {
        Self { name, graph: Graph::declared(ty), compiled: None }
    }
}

/// Appends `value` to `out` in plain form, and returns its type on the stream.
pub(crate) fn write<T: Serialize + ?Sized>(
    value: &T,
    plan: &mut Plan,
    stream: &mut Outgoing,
    out: &mut Vec<u8>,
) -> Result<TypeId> {
    let start = out.len();
    if let Some(compiled) = &plan.compiled {
        match compiled.write(value, stream, out) {
            Err(Error::Stale(_)) => {
                out.truncate(start);
                stream.concretes.clear();
            }
            done => return done,
        }
    }
    if plan.graph.learn(value, stream.limits).is_err() {
        // What earlier values showed may be in the way: an enum is a string or a struct by turns.
        plan.graph.start_over();
        plan.graph.learn(value, stream.limits)?;
    }
    let compiled = plan.compiled.insert(plan.graph.compile(stream)?);
    compiled.write(value, stream, out).map_err(|error| match error {
        Error::Stale(text) => Error::Unsupported(text),
        error => error,
    })
}
