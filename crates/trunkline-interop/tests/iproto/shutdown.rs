//! The shutdown handshake in the middle of calls, begun by each side in each role: no call fails, and the other side's
//! ledger has as many executions as there were answers.

use trunkline::CloseReason;

use crate::load::{Load, executed};
use crate::world::{Go, Ours, connect, go_client, go_server, number, peer};

/// Answers before the shutdown, and after it.
const ANSWERS: u64 = 5_000;

/// Flags of a load whose answers take 0 to 20 ms, so that we owe some at every moment.
const SLOW: [&str; 4] = ["-code", "6", "-c", "64"];

pub(crate) async fn rust_client_begins(go: Go) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server).await;
    let load = Load::start(&client);
    load.books.answers(ANSWERS).await;
    let reason = peer(&client).drain(None).await;
    assert_eq!(*reason, CloseReason::Drained);
    load.books.answers(ANSWERS).await;
    let books = load.stop().await;
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!(number(&stats, "protocol_errors"), 0, "{stats}");
    assert!(number(&stats, "accepted") >= 2, "the client went on over a new connection: {stats}");
    let sums = books.sums();
    assert_eq!((sums.not_sent, sums.unknown), (0, 0), "{sums:?} {}", books.failure());
    assert_eq!(executed(&stats), sums.answered, "{stats}");
    format!(
        "{} answers, {} executions, 0 failed; the connection ended: {reason}",
        sums.answered, sums.answered
    )
}

pub(crate) async fn go_server_begins(go: Go) -> String {
    let mut first = go_server(&go, &[]).await;
    let client = connect(&first).await;
    let connection = peer(&client);
    let load = Load::start(&client);
    load.books.answers(ANSWERS).await;
    first.tell("shutdown").await.expect("told");
    let drained = first.hear("drained").await.expect("drained");
    assert_eq!((number(&drained, "channels"), number(&drained, "errors")), (1, 0), "{drained}");
    let mut second = go_server(&go, &["-listen", first.address()]).await;
    load.books.answers(ANSWERS).await;
    let books = load.stop().await;
    let reason = connection.closed().await;
    assert_eq!(*reason, CloseReason::Drained);
    let sums = books.sums();
    assert_eq!((sums.not_sent, sums.unknown), (0, 0), "{sums:?} {}", books.failure());
    let mut times = 0;
    for server in [&mut first, &mut second] {
        times += executed(&server.ask("stats").await.expect("stats"));
    }
    assert_eq!(times, sums.answered);
    format!(
        "{} answers, {times} executions over two servers, 0 failed; drained in {} ms",
        sums.answered, drained["ms"]
    )
}

pub(crate) async fn go_client_begins(go: Go) -> String {
    let mut ours = Ours::start().await;
    let mut client = go_client(&go, &ours.address, "load", &SLOW);
    client.hear("started").await.expect("started");
    let peer = ours.peer().await;
    ours.service.until(ANSWERS).await;
    client.tell("shutdown").await.expect("told");
    let drained = client.hear("drained").await.expect("drained");
    assert_eq!(drained["error"], "", "{drained}");
    assert_eq!(*peer.closed().await, CloseReason::Drained);
    let before = ours.service.executed();
    ours.service.until(before + ANSWERS).await;
    client.tell("stop").await.expect("told");
    let result = client.result().await.expect("a result");
    assert_eq!(result["good"], true, "{result}");
    let ok = number(&result, "ok");
    assert_eq!((ours.service.executed(), ours.service.repeated()), (ok, 0), "{result}");
    assert!(number(&result, "connections") >= 2, "{result}");
    format!("{ok} answers, {ok} executions, 0 failed; drained in {} ms", drained["ms"])
}

pub(crate) async fn rust_server_begins(go: Go) -> String {
    let (mut first, second) = (Ours::start().await, Ours::start().await);
    let mut client = go_client(&go, &first.address, "load", &SLOW);
    client.hear("started").await.expect("started");
    first.peer().await;
    first.service.until(ANSWERS).await;
    client.ask(&format!("redial {}", second.address)).await.expect("told");
    let report = first.server.drain().await;
    assert_eq!((report.peers, report.drained, report.cut), (1, 1, 0), "{report}");
    second.service.until(ANSWERS).await;
    client.tell("stop").await.expect("told");
    let result = client.result().await.expect("a result");
    assert_eq!(result["good"], true, "{result}");
    let ok = number(&result, "ok");
    let executed = first.service.executed() + second.service.executed();
    assert_eq!((executed, first.service.repeated() + second.service.repeated()), (ok, 0), "{result}");
    format!("{ok} answers, {executed} executions over two servers, 0 failed; {report}")
}
