//! Calls that are not answered, and what is known of them.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use trunkline::bytes::Bytes;
use trunkline::{Client, ErrorKind, Outcome, Text};

use super::stage::{NOBODY, Stage};
use super::{Shown, Wrong, check};
use crate::output::time;

pub(super) async fn deadline(stage: Stage) -> Shown {
    let peer = stage.peer()?;
    let before = peer.stats();
    let began = Instant::now();
    let call = peer.call::<Text>(3, "150").timeout(Duration::from_millis(20));
    let error = ended(call.await)?;
    let took = began.elapsed();
    check(error.is_timeout() && error.outcome() == Outcome::Unknown, || format!("it ended as {error:?}"))?;
    // The late answer comes before the answer to a call that is made now and takes as long.
    peer.call::<Text>(3, "160").await?;
    let late = (peer.stats() - before).late_answers;
    check(late == 1, || format!("{late} late answers were recognised"))?;
    Ok(format!("20 ms, kept in {}; the late answer was dropped", time(took)))
}

pub(super) async fn dropped(stage: Stage) -> Shown {
    let peer = stage.peer()?;
    let before = peer.pending();
    let call = peer.call::<Text>(3, "300").start();
    let during = peer.pending();
    drop(call);
    let after = peer.pending();
    let answer: Text = peer.call(1, "still here").await?;
    check((before, during, after) == (0, 1, 0), || format!("{before}, {during}, {after} calls waited"))?;
    check(answer.0 == "still here", || format!("{:?} came back", answer.0))?;
    Ok("the call is gone, the connection is not".to_owned())
}

pub(super) async fn fault(stage: Stage) -> Shown {
    let before = stage.stats().await.unsaid_faults;
    let call = stage.tcp.call::<Bytes>((4, "/fail"), "no").timeout(Duration::from_millis(50));
    let error = ended(call.await)?;
    let silent = stage.stats().await.unsaid_faults - before;
    check(error.is_timeout() && silent == 1, || format!("it ended as {error:?}"))?;
    Ok("iproto cannot say it: silence, counted by the server".to_owned())
}

pub(super) async fn unknown(stage: Stage) -> Shown {
    let before = stage.stats().await.unknown_routes;
    let call = stage.tcp.call::<Bytes>(NOBODY, ()).timeout(Duration::from_millis(50));
    let error = ended(call.await)?;
    let unknown = stage.stats().await.unknown_routes - before;
    check(error.is_timeout() && unknown == 1, || format!("it ended as {error:?}"))?;
    Ok("silence on iproto, counted by the server".to_owned())
}

pub(super) async fn lost(_: Stage) -> Shown {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::connect(format!("iproto://{}", listener.local_addr()?)).await?;
    let (mut stranger, _) = listener.accept().await?;
    let call = client.call::<Bytes>(1, "hello").start();
    // It reads the question and hangs up.
    let mut question = [0; 17];
    tokio::io::AsyncReadExt::read_exact(&mut stranger, &mut question).await?;
    drop((stranger, listener));
    let error = ended(call.await)?;
    let told = matches!(error.kind(), ErrorKind::Closed(_)) && error.outcome() == Outcome::Unknown;
    check(told, || format!("it ended as {error:?}"))?;
    Ok("its call ended at once, as \"may have been executed\"".to_owned())
}

pub(super) async fn nobody(_: Stage) -> Shown {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("iproto://{}", listener.local_addr()?);
    drop(listener);
    let began = Instant::now();
    let connected = Client::builder().connect_timeout(Duration::from_millis(100)).connect(url).await;
    let error = ended(connected)?;
    check(error.outcome() == Outcome::NotSent, || format!("it ended as {error:?}"))?;
    Ok(format!("told after {}: not sent, safe to repeat", time(began.elapsed())))
}

/// The error of something that must not work.
fn ended<T>(result: Result<T, trunkline::Error>) -> Result<trunkline::Error, Wrong> {
    result.err().ok_or_else(|| Wrong("it was answered".to_owned()))
}
