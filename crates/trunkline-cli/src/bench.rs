//! `trunkline bench`: not in this commit; it says so.
use crate::exit::{Failure, Result};
use crate::output::Output;

/// What `bench` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: Args, _: &Output) -> Result<()> {
    Err(Failure::usage("`bench` is not built yet"))
}
