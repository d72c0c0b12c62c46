//! Interop over packets: our client against a Go server with link's framing, and a Go client against our server; raw
//! bytes and link's JSON, every head.
//!
//! Each case is an async function; it panics when something is not as it should be, and returns its figures. One line
//! per case, then `interop link: N run, N passed, 0 skipped`. A word on the command line selects the cases whose names
//! contain it. Without Go every case counts as skipped, and that is no failure unless the environment has
//! `TRUNKLINE_REQUIRE_GO=1`.

#[path = "support/harness.rs"]
mod harness;
#[path = "link/ours.rs"]
mod ours;
#[path = "link/theirs.rs"]
mod theirs;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use harness::Suite;
use trunkline::link_json::Named;
use trunkline::wire::packet::Head;

/// A program of the Go peer.
type Go = Arc<PathBuf>;

/// The messages of every case.
const COUNT: usize = 100_000;

/// What is in the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Raw,
    Json,
}

impl Body {
    /// Flags of the Go peer.
    fn flags(self, head: &str) -> Vec<&str> {
        let json = (self == Self::Json).then_some("-json");
        ["-head", head].into_iter().chain(json).collect()
    }
}

/// The registered messages of the Go peer.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AddReq {
    a: usize,
    b: usize,
}

/// Answers an [`AddReq`].
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AddRsp {
    c: usize,
}

impl Named for AddReq {
    const HEAD: &'static str = "AddReq";
}

impl Named for AddRsp {
    const HEAD: &'static str = "AddRsp";
}

/// Our address with this head.
fn url(address: &str, head: &str) -> String {
    format!("packet://{address}?head={head}")
}

fn main() -> ExitCode {
    let mut suite = Suite::new("link");
    for head in Head::ALL.map(|head| &*head.to_string().leak()) {
        for body in [Body::Raw, Body::Json] {
            let name = |ends: &str| &*format!("{COUNT} in order, {head}, {body:?}, {ends}").leak();
            suite.case(name("rust client, go server"), move |go| ours::pipeline(go, head, body));
            suite.case(name("go client, rust server"), move |go| theirs::pipeline(go, head, body));
        }
        let name = |ends: &str| &*format!("echo of every size, {head}, {ends}").leak();
        suite.beside(name("rust client, go server"), move |go| ours::echo(go, head));
        suite.beside(name("go client, rust server"), move |go| theirs::echo(go, head));
    }
    suite.case("broadcasts of a go server, rust client, sink", ours::listens);
    suite.case("broadcasts of our group to go clients with four heads", theirs::broadcast);
    suite.case("values of no registered type, go client, rust server", theirs::json);
    suite.run()
}
