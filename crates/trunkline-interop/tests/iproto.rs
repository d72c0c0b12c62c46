//! Interop over iproto: our client against a Go server, and a Go client against our server.
//!
//! Each case is an async function in a file of `iproto/`; it panics when something is not as it should be, and returns
//! its figures. One line per case, then `interop iproto: N run, N passed, 0 skipped`. A word on the command line selects
//! the cases whose names contain it. Without Go every case counts as skipped, and that is no failure unless the
//! environment has `TRUNKLINE_REQUIRE_GO=1`.

#[path = "iproto/books.rs"]
mod books;
#[path = "iproto/bulk.rs"]
mod bulk;
#[path = "iproto/calls.rs"]
mod calls;
#[path = "support/harness.rs"]
mod harness;
#[path = "iproto/keepalive.rs"]
mod keepalive;
#[path = "iproto/killed.rs"]
mod killed;
#[path = "iproto/load.rs"]
mod load;
#[path = "iproto/notices.rs"]
mod notices;
#[path = "iproto/service.rs"]
mod service;
#[path = "iproto/shutdown.rs"]
mod shutdown;
#[path = "iproto/stalled.rs"]
mod stalled;
#[path = "iproto/world.rs"]
mod world;

use std::process::ExitCode;

use harness::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::new("iproto");
    suite.case("echo of 5 sizes, rust client, go server, tcp", calls::echo_ours_tcp);
    suite.case("echo of 5 sizes, rust client, go server, unix", calls::echo_ours_unix);
    suite.case("echo of 5 sizes, go client, rust server, tcp", calls::echo_theirs_tcp);
    suite.case("echo of 5 sizes, go client, rust server, unix", calls::echo_theirs_unix);
    suite.case("1,000 calls at once out of order, rust client, go server", calls::concurrent_ours);
    suite.case("1,000 calls at once out of order, go client, rust server", calls::concurrent_theirs);
    suite.case("100,000 notifications in order, rust client, go server", notices::ours);
    suite.case("100,000 notifications in order, go client, rust server", notices::theirs);
    suite.case("calls both ways with the same code, rust client, go server", calls::crossing_ours);
    suite.case("calls both ways with the same code, go client, rust server", calls::crossing_theirs);
    suite.case("shutdown under load begun by the rust client", shutdown::rust_client_begins);
    suite.case("shutdown under load begun by the go server", shutdown::go_server_begins);
    suite.case("shutdown under load begun by the go client", shutdown::go_client_begins);
    suite.case("shutdown under load begun by the rust server", shutdown::rust_server_begins);
    suite.case("go server killed under load, restarted, rust client goes on", killed::server_restarted);
    suite.case("go server killed while it reads nothing, rust client", killed::server_stalled);
    suite.case("go client killed under load, rust server goes on", killed::client_under_load);
    suite.case("go client killed under calls of the rust server", killed::client_called);
    suite.case("go server stalls, 1,000 calls time out, then it goes on", stalled::times_out_and_goes_on);
    suite.case("5 GiB through one connection, rust client, go server", bulk::five_gib_ours);
    suite.case("go client dies at 4 GiB, rust server names the end", bulk::theirs_ends_at_four_gib);
    // These mostly wait, so they do it together, after the others.
    suite.beside("pings for 10 s from both, rust client, go server", keepalive::both_ours);
    suite.beside("pings for 10 s from both, go client, rust server", keepalive::both_theirs);
    suite.beside("pings for 10 s from the rust client only", keepalive::only_rust);
    suite.beside("pings for 10 s from the go server only", keepalive::only_go);
    suite.beside("call of an unknown code times out, rust client, go server", stalled::unknown_code_ours);
    suite.beside("call of an unknown code times out, go client, rust server", stalled::unknown_code_theirs);
    suite.run()
}
