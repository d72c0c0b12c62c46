//! Messages in both directions, and the end of connections.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trunkline::bytes::BytesMut;
use trunkline::wire::Id;
use trunkline::wire::iproto::{MAX_MESSAGE, Packet};
use trunkline::{Client, Outcome, Pending, Text};

use super::stage::{CALL_BACK, RAW, Stage, TELL};
use super::{Shown, Wrong, check, per_second};
use crate::output::grouped;

pub(super) async fn notify(stage: Stage) -> Shown {
    const COUNT: u64 = 10_000;
    let began = Instant::now();
    for _ in 0..COUNT {
        stage.tcp.notify(TELL, "news").await?;
    }
    stage.seen.told.reaches(COUNT).await;
    let rate = per_second(COUNT as usize, began.elapsed());
    check(stage.seen.told.get() == COUNT, || format!("{} were heard", stage.seen.told.get()))?;
    Ok(format!("{} were all heard, {} a second", grouped(COUNT), grouped(rate as u64)))
}

pub(super) async fn call_back(stage: Stage) -> Shown {
    let answer: Text = stage.tcp.call(CALL_BACK, "who are you?").await?;
    check(answer.0 == "who are you?", || format!("{:?} came back", answer.0))?;
    Ok("over the same connection, with the same code".to_owned())
}

pub(super) async fn raw(stage: Stage) -> Shown {
    let heard = stage.client_heard.get();
    stage.peer()?.send_raw(RAW, Id(7), "by hand").await?;
    stage.client_heard.reaches(heard + 1).await;
    Ok("code and sync of our own, paired with nothing".to_owned())
}

pub(super) async fn hijack(stage: Stage) -> Shown {
    let client = Client::connect(&stage.urls[0]).await?;
    let peer = client.peer().ok_or_else(|| Wrong("the client has no connection".to_owned()))?;
    client.call::<Text>(1, "before").await?;
    let (mut socket, unread) = peer.hijack().await?;
    let mut bytes = BytesMut::new();
    let question = Packet::new(1, 33, "by hand");
    question.encode(&mut bytes).map_err(|error| Wrong(error.to_string()))?;
    socket.write_all(&bytes).await?;
    let mut bytes = BytesMut::from(&unread[..]);
    let answer = loop {
        match Packet::decode(&mut bytes, MAX_MESSAGE).map_err(|error| Wrong(error.to_string()))? {
            Some(packet) => break packet,
            None => check(socket.read_buf(&mut bytes).await? > 0, || "the server hung up".to_owned())?,
        }
    };
    check(answer == question, || format!("{answer:?} came back"))?;
    Ok("the bare socket, then packets written by hand".to_owned())
}

pub(super) async fn drain(stage: Stage) -> Shown {
    const CALLS: u64 = 500;
    let calls: Vec<Pending<Text>> =
        (0..CALLS).map(|n| stage.tcp.call(3, Text((n % 100).to_string())).start()).collect();
    // One round trip later, the server has them all.
    stage.tcp.call::<Text>(1, "").await?;
    let Some(server) = stage.server.lock().await.take() else {
        return Err(Wrong("the server is gone already".to_owned()));
    };
    let draining = tokio::spawn(server.drain());
    let (mut answered, mut not_sent) = (0, 0);
    for call in calls {
        match call.await {
            Ok(_) => answered += 1,
            Err(error) if error.outcome() == Outcome::NotSent => not_sent += 1,
            Err(error) => return Err(error.into()),
        }
    }
    check(answered == CALLS, || format!("only {answered} of {CALLS} were answered, {not_sent} not sent"))?;
    let report = draining.await.map_err(|error| Wrong(error.to_string()))?;
    check(report.cut == 0, || format!("{report}"))?;
    let after = stage.tcp.call::<Text>(1, "too late").timeout(Duration::from_millis(50)).await;
    let told = after.err().map(|error| error.outcome());
    check(told == Some(Outcome::NotSent), || format!("a call after the drain ended as {told:?}"))?;
    Ok(format!("{CALLS} calls under way were all answered; {} peers drained", report.drained))
}
