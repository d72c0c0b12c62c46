//! Calls that are answered.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use trunkline::bytes::Bytes;
use trunkline::wire::iproto;
use trunkline::{Client, Pending, Text};

use super::stage::{SERIAL, Stage};
use super::{Shown, check, per_second};
use crate::builtins;
use crate::output::{bytes, grouped, time};

pub(super) async fn tcp(stage: Stage) -> Shown {
    echo(&stage.tcp).await
}

pub(super) async fn unix(stage: Stage) -> Shown {
    echo(&stage.unix).await
}

async fn echo(client: &Client) -> Shown {
    // The first call also wakes what sleeps.
    client.call::<Text>((1, "/echo"), "hello").await?;
    let began = Instant::now();
    let answer: Text = client.call((1, "/echo"), "hello").await?;
    let took = began.elapsed();
    check(answer.0 == "hello", || format!("{:?} came back", answer.0))?;
    Ok(format!("{:?} came back after {}", answer.0, time(took)))
}

pub(super) async fn memory(_: Stage) -> Shown {
    let (caller, _server) = trunkline::test::pair(builtins::router())?;
    caller.call::<Text>(1, "hello").await?;
    let began = Instant::now();
    let answer: Text = caller.call(1, "hello").await?;
    let took = began.elapsed();
    check(answer.0 == "hello", || format!("{:?} came back", answer.0))?;
    Ok(format!("{:?} came back after {}", answer.0, time(took)))
}

pub(super) async fn many(stage: Stage) -> Shown {
    const CALLS: usize = 1000;
    let began = Instant::now();
    let calls: Vec<Pending<Text>> =
        (0..CALLS).map(|n| stage.tcp.call(1, Text(n.to_string())).start()).collect();
    for (n, call) in calls.into_iter().enumerate() {
        let answer = call.await?;
        check(answer.0 == n.to_string(), || format!("call {n} was answered {:?}", answer.0))?;
    }
    let rate = per_second(CALLS, began.elapsed());
    Ok(format!("every answer to its own call, {} calls a second", grouped(rate as u64)))
}

pub(super) async fn out_of_order(stage: Stage) -> Shown {
    const CALLS: u64 = 100;
    let order = Mutex::new(Vec::new());
    let calls = (0..CALLS).map(|n| {
        let (client, order) = (&stage.tcp, &order);
        async move {
            let wait = (n * 37) % 40;
            let answer: Text = client.call(3, Text(wait.to_string())).await?;
            check(answer.0 == wait.to_string(), || format!("{wait} was answered {:?}", answer.0))?;
            if let Ok(mut order) = order.lock() {
                order.push(n);
            }
            Ok(())
        }
    });
    let ends: Vec<Result<(), super::Wrong>> = join_all(calls).await;
    ends.into_iter().collect::<Result<(), _>>()?;
    let order = order.into_inner().unwrap_or_default();
    check(!order.is_sorted(), || "they came in the order of the calls".to_owned())?;
    let overtaken = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    Ok(format!("{CALLS} calls of 0 to 39 ms; {overtaken} answers overtook another"))
}

/// All of them, at once, in one task.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in running.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(cx) {
                *done = Some(output);
            }
        }
        match running.iter().all(|(_, done)| done.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    running.into_iter().filter_map(|(_, done)| done).collect()
}

pub(super) async fn large(stage: Stage) -> Shown {
    const SIZE: usize = 16 << 20;
    let body = Bytes::from((0..SIZE).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    let began = Instant::now();
    let answer: Bytes = stage.tcp.call(1, body.clone()).await?;
    let rate = per_second(2 * SIZE, began.elapsed());
    check(answer == body, || format!("{} other bytes came back", answer.len()))?;
    Ok(format!("{} there and back, {} a second", bytes(SIZE as f64), bytes(rate)))
}

pub(super) async fn packed(stage: Stage) -> Shown {
    let question = trunkline_pack::pack(&(40u32, 2u32)).map_err(|error| super::Wrong(error.to_string()))?;
    let answer: Bytes = stage.tcp.call((5, "/sum"), question).await?;
    let sum: u32 = trunkline_pack::decode(&answer[..]).map_err(|error| super::Wrong(error.to_string()))?;
    check(sum == 42, || format!("40 + 2 is {sum}"))?;
    Ok(format!("40 + 2 = {sum}"))
}

pub(super) async fn batch(stage: Stage) -> Shown {
    const CALLS: usize = 100;
    let peer = stage.peer()?;
    let before = peer.stats();
    let mut batch = peer.batch();
    let calls: Vec<Pending<Text>> = (0..CALLS).map(|n| batch.call(1, Text(n.to_string()))).collect();
    for (n, call) in calls.into_iter().enumerate() {
        let answer = call.await?;
        check(answer.0 == n.to_string(), || format!("call {n} was answered {:?}", answer.0))?;
    }
    let writes = (peer.stats() - before).writes;
    check(writes < 10, || format!("{CALLS} calls took {writes} writes"))?;
    Ok(format!("{CALLS} calls left in {writes} write{}", if writes == 1 { "" } else { "s" }))
}

pub(super) async fn start(stage: Stage) -> Shown {
    let slow: Pending<Text> = stage.tcp.call(3, "30").start();
    let began = Instant::now();
    let quick: Text = stage.tcp.call(1, "meanwhile").await?;
    let meanwhile = began.elapsed();
    let answer = slow.await?;
    check(answer.0 == "30" && quick.0 == "meanwhile", || "the answers were mixed up".to_owned())?;
    Ok(format!("while it took 30 ms, another was answered in {}", time(meanwhile)))
}

pub(super) async fn serial(stage: Stage) -> Shown {
    const CALLS: usize = 50;
    let calls: Vec<Pending<Text>> =
        (0..CALLS).map(|n| stage.tcp.call(SERIAL, Text(n.to_string())).start()).collect();
    for (n, call) in calls.into_iter().enumerate() {
        let answer = call.await?;
        check(answer.0 == n.to_string(), || format!("call {n} was answered {:?}", answer.0))?;
    }
    let most = stage.seen.most_running.load(Ordering::Acquire);
    check(most == 1, || format!("{most} ran at the same time"))?;
    Ok(format!("{CALLS} calls of a serial route, never two at a time"))
}

pub(super) async fn ping(stage: Stage) -> Shown {
    let peer = stage.peer()?;
    let mut trips = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        peer.call::<Bytes>(iproto::PING, ()).timeout(Duration::from_secs(1)).await?;
        trips.push(began.elapsed());
    }
    trips.sort_unstable();
    Ok(format!("{} round trips, {} in the middle", trips.len(), time(trips[trips.len() / 2])))
}
