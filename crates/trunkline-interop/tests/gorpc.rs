//! Interop over gorpc: our client against a Go server, and a Go client against our server, over Go's own
//! `encoding/gob` and `compress/flate`. Every case runs plain and compressed.
//!
//! Each case is an async function in a file of `gorpc/`; it panics when something is not as it should be, and returns
//! its figures. One line per case, then `interop gorpc: N run, N passed, 0 skipped`; the rest is as for iproto.

#[path = "support/harness.rs"]
mod harness;
#[path = "gorpc/ours.rs"]
mod ours;
#[path = "gorpc/service.rs"]
mod service;
#[path = "gorpc/theirs.rs"]
mod theirs;
#[path = "gorpc/world.rs"]
mod world;

use std::process::ExitCode;

use harness::Suite;
use world::Mode;

/// Adds a case in both modes; `$side` says who is who.
macro_rules! cases {
    ($suite:ident, $side:literal, $($name:literal => $case:path),* $(,)?) => {$(
        $suite.case(concat!($name, ", ", $side, ", plain"), |go| $case(go, Mode::Plain));
        $suite.case(concat!($name, ", ", $side, ", compressed"), |go| $case(go, Mode::Compressed));
    )*};
}

fn main() -> ExitCode {
    let mut suite = Suite::new("gorpc");
    cases!(suite, "rust client, go server",
        "echo of 5 sizes" => ours::echo,
        "values of every registered type" => ours::types,
        "functions of a dispatcher" => ours::functions,
        "methods of two services" => ours::services,
        "1,000 sends without reply" => ours::send,
        "a batch of 100" => ours::batch,
        "100 begun, every second cancelled" => ours::cancelled,
        "panics of handlers" => ours::panics,
        "types the other side does not know" => ours::unknown,
        "1,000 calls at once" => ours::concurrent,
        "strings of 1 MiB" => ours::bulk,
        "connections dropped by the server" => ours::reconnect,
    );
    cases!(suite, "go client, rust server",
        "echo of 5 sizes" => theirs::echo,
        "values of every registered type" => theirs::types,
        "functions of a dispatcher" => theirs::functions,
        "methods of two services" => theirs::services,
        "1,000 sends without reply" => theirs::send,
        "a batch of 100" => theirs::batch,
        "100 begun, every second cancelled" => theirs::cancelled,
        "panics of handlers" => theirs::panics,
        "types the other side does not know" => theirs::unknown,
        "1,000 calls at once" => theirs::concurrent,
        "strings of 1 MiB" => theirs::bulk,
        "connections dropped by the server" => theirs::reconnect,
    );
    suite.beside("echo over a unix socket, rust client, go server", ours::unix);
    suite.beside("echo over a unix socket, go client, rust server", theirs::unix);
    suite.run()
}
