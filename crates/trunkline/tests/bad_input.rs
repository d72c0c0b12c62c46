//! Peers that misbehave, over real sockets. Each ends with a named error on its own connection and on no other: beside
//! every attack a bystander makes 100 echo calls a second, of which none may fail.

#![expect(clippy::print_stdout, reason = "figures are part of the result, seen with `--nocapture`")]

#[path = "support/bystander.rs"]
mod bystander;
#[path = "support/header.rs"]
mod header;
#[path = "support/raw.rs"]
mod raw;
#[path = "support/relay.rs"]
mod relay;
#[path = "support/victim.rs"]
mod victim;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use header::header;
use raw::{receive, send};
use relay::Relay;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use trunkline::bytes::{Bytes, BytesMut};
use trunkline::error::Who;
use trunkline::wire::iproto::Packet;
use trunkline::wire::{EncodeError, WireError};
use trunkline::{Client, CloseReason, Error, ErrorKind, Outcome, Peer, Request, Router};
use victim::{PATIENCE, Victim, end_of};

const MS: Duration = Duration::from_millis(1);

async fn echo(request: Request) -> Bytes {
    request.body
}

fn router() -> Router {
    Router::new().route((1, "/echo"), echo)
}

/// Waits until `condition` holds, looking every few milliseconds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            sleep(5 * MS).await;
        }
    };
    timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A listener that is no server of ours, and a client of ours that is connected to it.
async fn raw_server() -> (TcpStream, Client, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address");
    let client = Client::connect(format!("iproto://{address}")).await.expect("connects");
    let (socket, _) = listener.accept().await.expect("accepts");
    let peer = client.peer().expect("is up");
    (socket, client, peer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_over_the_limit_is_refused_before_its_body() {
    const LIMIT: u32 = 4096;
    let mut victim = Victim::start(router(), |config| config.limits.max_message = LIMIT as usize).await;

    let (mut socket, peer) = victim.attacker().await;
    let mut buffer = BytesMut::new();
    send(&mut socket, Packet::new(1, 7, vec![5; LIMIT as usize])).await;
    let reply = receive(&mut socket, &mut buffer).await.expect("the limit itself passes");
    assert_eq!((reply.sync, reply.body.len()), (7, LIMIT as usize));
    drop(socket);
    assert!(!end_of(&peer).await.is_error());

    for len in [LIMIT + 1, 100_000_001, (1 << 31) - 1, 1 << 31, u32::MAX] {
        let (mut socket, peer) = victim.attacker().await;
        socket.write_all(&header(1, len, 7)).await.expect("twelve bytes");
        let reason = end_of(&peer).await;
        let CloseReason::Wire(WireError::TooLarge { what, value, limit, setting }) = &reason else {
            panic!("{reason}")
        };
        assert_eq!((*what, *value, *limit, *setting), ("message", len.into(), LIMIT.into(), "max_message"));
        let text = reason.to_string();
        for part in ["the peer broke", &len.to_string(), "4096", "`max_message`"] {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        assert_eq!(socket.read(&mut [0]).await.unwrap_or(0), 0, "the connection is closed");
    }
    victim.verdict("oversized lengths").await;
}

#[tokio::test]
async fn an_oversized_answer_ends_the_callers_connection_with_its_name() {
    let (mut socket, _client, peer) = raw_server().await;
    let call = peer.call::<Bytes>(1, "x").start();
    let asked = receive(&mut socket, &mut BytesMut::new()).await.expect("a request");
    socket.write_all(&header(1, 100_000_001, asked.sync)).await.expect("twelve bytes");
    let error = call.await.expect_err("no answer");
    assert_eq!((error.outcome(), error.who()), (Outcome::Unknown, Who::Peer));
    let text = error.to_string();
    for part in ["100000001", "100000000", "`max_message`", "calling 1", "iproto://127.0.0.1"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert!(matches!(end_of(&peer).await, CloseReason::Wire(WireError::TooLarge { .. })));
}

#[tokio::test]
async fn a_body_of_ours_over_the_limit_is_not_sent_and_the_connection_goes_on() {
    let (mut socket, _client, peer) = raw_server().await;
    let error = peer.call::<Bytes>(1, vec![0; 100_000_001]).await.expect_err("too large");
    assert!(matches!(error.kind(), ErrorKind::Encode(EncodeError::TooLarge { .. })), "{error:?}");
    assert_eq!((error.outcome(), error.who()), (Outcome::NotSent, Who::Us));
    assert!(error.to_string().contains("`max_message`"), "{error}");
    let call = peer.call::<Bytes>(1, "x").start();
    let asked =
        receive(&mut socket, &mut BytesMut::new()).await.expect("the next request and nothing before it");
    assert_eq!(asked.body, "x");
    send(&mut socket, asked.reply("y")).await;
    assert_eq!(call.await.expect("answers"), "y");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_packet_is_named_when_the_stream_ends() {
    let mut victim = Victim::start(router(), |_| ()).await;
    let whole = [&header(1, 100, 7)[..], &[9; 100]].concat();
    for cut in [1, 11, 12, 13, 111] {
        let (mut socket, peer) = victim.attacker().await;
        socket.write_all(&whole[..cut]).await.expect("some bytes");
        socket.shutdown().await.expect("no more");
        let reason = end_of(&peer).await;
        let CloseReason::Wire(WireError::Truncated { have, want }) = reason else {
            panic!("{cut}: {reason}")
        };
        assert_eq!((have, want), (cut, if cut < 12 { 12 } else { 112 }));
        assert_eq!(peer.stats().requests, 0, "a part of a request is no request");
    }
    victim.verdict("truncated packets").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_ends_the_connection_that_sent_it() {
    let mut victim = Victim::start(router(), |_| ()).await;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut kinds = HashMap::<&str, u32>::new();
    for round in 0..100 {
        let garbage: Vec<u8> = match round {
            0 => b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".to_vec(),
            1 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello".to_vec(),
            2 => vec![0xff; 100],
            _ => std::iter::repeat_with(|| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .take(4096)
            .collect(),
        };
        let (mut socket, peer) = victim.attacker().await;
        // It may be closed under our hands, which is what we want.
        let _ = socket.write_all(&garbage).await;
        let _ = socket.shutdown().await;
        let reason = end_of(&peer).await;
        let kind = match &reason {
            CloseReason::Wire(WireError::TooLarge { setting: "max_message", .. }) => "too large",
            CloseReason::Wire(WireError::Truncated { .. }) => "truncated",
            CloseReason::Wire(WireError::Foreign { what, .. }) => what,
            _ => panic!("round {round}: {reason}"),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    println!("garbage: {kinds:?}");
    assert_eq!(
        (kinds["an HTTP request"], kinds["a TLS handshake"]),
        (1, 1),
        "strangers are called by their names"
    );
    assert!(kinds["too large"] > 80, "most garbage announces a length that cannot be");
    victim.verdict("garbage").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_says_nothing_dies_by_ping() {
    let interval = 200 * MS;
    let mut victim = Victim::start(router(), move |config| config.ping_interval = Some(interval)).await;
    let (mut socket, peer) = victim.attacker().await;
    let reason = end_of(&peer).await;
    let CloseReason::PingTimeout { silent, interval: named } = reason else { panic!("{reason}") };
    assert_eq!(named, interval);
    assert!(silent >= interval * 2 && silent < interval * 20, "{silent:?}");
    assert!(reason.to_string().contains("`ping_interval`"), "{reason}");
    assert_eq!(peer.stats().pings, 1, "one question, and then the end");
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes).await;
    assert_eq!(bytes, header(0xff00, 0, 0));
    victim.verdict("a silent peer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dripping_peer_is_too_slow_and_an_honest_slow_one_is_not() {
    let grace = 300 * MS;
    let mut victim = Victim::start(router(), move |config| config.slow_message_grace = grace).await;

    let (mut socket, peer) = victim.attacker().await;
    let dripping = tokio::spawn(async move {
        socket.write_all(&header(1, 1 << 20, 7)).await.expect("twelve bytes");
        while socket.write_all(&[0]).await.is_ok() {
            sleep(20 * MS).await;
        }
    });

    // 4 KiB/s, four times the least that is asked for, far beyond the grace.
    let (mut honest, honest_peer) = victim.attacker().await;
    honest.write_all(&header(1, 4096, 8)).await.expect("twelve bytes");
    for _ in 0..64 {
        honest.write_all(&[0; 64]).await.expect("it is honest");
        sleep(15 * MS).await;
    }
    let reply = receive(&mut honest, &mut BytesMut::new()).await.expect("an answer");
    assert_eq!((reply.sync, reply.body.len()), (8, 4096));
    assert!(honest_peer.is_open());

    let reason = end_of(&peer).await;
    let CloseReason::TooSlow { have, elapsed, grace: named } = reason else { panic!("{reason}") };
    assert_eq!(named, grace);
    assert!(have > 12 && have < 200 && elapsed >= grace, "{have} bytes in {elapsed:?}");
    assert!(reason.to_string().contains("`slow_message_grace`"), "{reason}");
    dripping.await.expect("no panic");
    victim.verdict("a dripping peer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_reads_stalls_out_and_our_calls_to_it_end_honestly() {
    let limit = 500 * MS;
    let mut victim = Victim::start(router(), move |config| {
        config.write_stall_timeout = limit;
        config.max_waiting_bytes = 64 << 20;
    })
    .await;
    let (mut socket, peer) = victim.attacker().await;
    let small = peer.call::<Bytes>(9, "x").timeout(100 * MS).await.expect_err("it never reads");
    assert!(small.is_timeout() && small.outcome() == Outcome::Unknown, "its bytes had left: {small:?}");

    let attack = tokio::spawn(async move {
        for sync in 1..500 {
            let packet = [&header(1, 64 << 10, sync)[..], &[0; 64 << 10]].concat();
            if socket.write_all(&packet).await.is_err() {
                break;
            }
        }
        socket
    });
    until("output waits", || peer.queued_bytes() >= 512 << 10).await;
    let call =
        peer.call::<Bytes>(9, "behind the replies").timeout(50 * MS).await.expect_err("it never reads");
    assert!(call.is_timeout() || call.is_closed(), "{call:?}");
    let reason = end_of(&peer).await;
    let CloseReason::WriteStalled { limit: named, waiting } = reason else { panic!("{reason}") };
    assert_eq!(named, limit);
    assert!(waiting >= 512 << 10, "{waiting}");
    assert!(reason.to_string().contains("`write_stall_timeout`"), "{reason}");
    drop(attack.await.expect("no panic"));
    victim.verdict("a peer that never reads").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_unread_replies_close_the_peer_that_causes_them() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let router = router().route(2, move |_: Request| {
        let gate = gate.clone();
        async move {
            let _ = gate.acquire().await;
            vec![0; 16 << 10]
        }
    });
    let mut victim = Victim::start(router, |config| {
        config.replies_pause = 64 << 10;
        config.replies_max = 256 << 10;
    })
    .await;
    let (mut socket, peer) = victim.attacker().await;
    for sync in 1..=1000 {
        socket.write_all(&header(2, 0, sync)).await.expect("the server reads");
    }
    until("all arrived", || peer.stats().requests == 1000).await;
    opened.close();
    let reason = end_of(&peer).await;
    let CloseReason::Overload { value, limit, setting, .. } = reason else { panic!("{reason}") };
    assert_eq!((limit, setting), (256 << 10, "replies_max"));
    assert!(value >= limit && value < 32 << 20, "{value}");
    victim.verdict("unread replies").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_over_the_byte_limit_close_the_peer_that_sends_them() {
    let router = router().route(2, |_: Request| std::future::pending::<()>());
    let mut victim = Victim::start(router, |config| {
        config.max_running = 2;
        config.max_waiting_bytes = 64 << 10;
    })
    .await;
    let (mut socket, peer) = victim.attacker().await;
    let mut sent = 0;
    for sync in 1..10_000 {
        let packet = [&header(2, 1024, sync)[..], &[0; 1024]].concat();
        if socket.write_all(&packet).await.is_err() {
            break;
        }
        sent = sync;
    }
    let reason = end_of(&peer).await;
    let CloseReason::Overload { what, value, limit, setting } = reason else { panic!("{reason}") };
    assert_eq!(
        (what, limit, setting),
        ("bytes of requests that wait to be started", 64 << 10, "max_waiting_bytes")
    );
    assert!(value > limit && value <= limit + 1024 + 64, "{value}");
    assert!(sent >= 60, "what fits is parked and not refused: {sent}");
    victim.verdict("overload").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_nobody_asked_for_is_a_request_and_harms_no_call() {
    let mut victim = Victim::start(router(), |_| ()).await;
    let (mut socket, peer) = victim.attacker().await;
    let call = peer.call::<Bytes>(7, "real").start();
    let mut buffer = BytesMut::new();
    let asked = receive(&mut socket, &mut buffer).await.expect("our question");
    // Right sync with the wrong code, right code with the wrong sync, and neither.
    for (code, sync) in [(8, asked.sync), (7, asked.sync + 1), (99, 12345)] {
        send(&mut socket, Packet::new(code, sync, "forged")).await;
    }
    send(&mut socket, asked.reply("true")).await;
    assert_eq!(call.await.expect("answers"), "true");
    send(&mut socket, asked.reply("again")).await;
    send(&mut socket, Packet::new(1, 5, "echo")).await;
    let echoed = receive(&mut socket, &mut buffer).await.expect("an answer");
    assert_eq!((echoed.sync, &echoed.body[..]), (5, &b"echo"[..]));
    let stats = peer.stats();
    assert_eq!((stats.requests, stats.unknown_routes, stats.replies), (5, 4, 1), "{stats:?}");
    assert!(peer.is_open());
    victim.verdict("forged answers").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_noticed_at_both_ends() {
    let interval = 200 * MS;
    let victim = Victim::start(router(), move |config| config.ping_interval = Some(interval)).await;
    let relay = Relay::start(victim.url.replace("iproto://", "")).await;
    let client = Client::builder()
        .configure(move |config| config.ping_interval = Some(interval))
        .connect(format!("iproto://{}", relay.address))
        .await
        .expect("connects");
    assert_eq!(client.call::<Bytes>(1, "x").await.expect("answers"), "x");
    let ours = client.peer().expect("is up");
    let call = ours.call::<Bytes>(1, "sent into the void").timeout(PATIENCE);
    relay.stop();
    let error = call.await.expect_err("nothing comes back");
    assert_eq!(error.outcome(), Outcome::Unknown);
    let ErrorKind::Closed(reason) = error.kind() else { panic!("{error}") };
    assert!(matches!(**reason, CloseReason::PingTimeout { .. }), "{reason}");
    assert!(matches!(end_of(&ours).await, CloseReason::PingTimeout { .. }));
    until("only the bystander is left", || victim.server.peers().len() == 1).await;
    victim.verdict("a half-open connection").await;
}

/// What became of one call, by the number in its body.
fn sort(results: Vec<(u32, Result<Bytes, Error>)>) -> (Vec<u32>, Vec<u32>) {
    let (mut unknown, mut not_sent) = (Vec::new(), Vec::new());
    for (nonce, result) in results {
        let error = result.expect_err("the wire stands still");
        assert!(error.is_timeout(), "{error}");
        match error.outcome() {
            Outcome::Unknown => unknown.push(nonce),
            Outcome::NotSent => not_sent.push(nonce),
            other => panic!("{other}"),
        }
    }
    (unknown, not_sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_executes_nothing_that_was_reported_not_sent_and_nothing_twice() {
    let seen = Arc::new(Mutex::new(HashMap::<u32, u32>::new()));
    let count = seen.clone();
    let router = router().route(2, move |request: Request| {
        let nonce = u32::from_le_bytes(request.body[..4].try_into().expect("a nonce"));
        *count.lock().expect("no panic").entry(nonce).or_default() += 1;
        async {}
    });
    let victim = Victim::start(router, |_| ()).await;
    let relay = Relay::start(victim.url.replace("iproto://", "")).await;
    let client = Client::builder()
        .configure(|config| config.write_stall_timeout = PATIENCE)
        .connect(format!("iproto://{}", relay.address))
        .await
        .expect("connects");
    let peer = client.peer().expect("is up");
    relay.stop();
    let calls: Vec<_> = (0..1000_u32)
        .map(|nonce| {
            let mut body = vec![0; 16 << 10];
            body[..4].copy_from_slice(&nonce.to_le_bytes());
            (nonce, peer.call::<Bytes>(2, body).timeout(500 * MS).start())
        })
        .collect();
    let mut results = Vec::new();
    for (nonce, call) in calls {
        results.push((nonce, call.await));
    }
    let (unknown, not_sent) = sort(results);
    assert_eq!(unknown.len() + not_sent.len(), 1000);
    assert!(
        !unknown.is_empty() && !not_sent.is_empty(),
        "{} unknown, {} not sent",
        unknown.len(),
        not_sent.len()
    );

    relay.go_on();
    until("every late answer came", || peer.stats().late_answers == unknown.len() as u64).await;
    // Behind everything that was sent before, so nothing of it is still on its way.
    peer.call::<Bytes>(1, "x").await.expect("the connection goes on");
    let seen = seen.lock().expect("no panic").clone();
    let mut executed: Vec<u32> = seen.keys().copied().collect();
    executed.sort_unstable();
    assert_eq!(executed, unknown, "executed are exactly those reported as unknown");
    assert!(seen.values().all(|times| *times == 1), "no execution twice");
    let stats = peer.stats();
    assert_eq!((stats.calls, stats.timeouts, stats.late_answers), (1001, 1000, unknown.len() as u64));
    println!("stall: 1000 calls timed out, {} unknown, {} not sent", unknown.len(), not_sent.len());
    victim.verdict("a stalled connection").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_that_nobody_reads_does_not_grow() {
    let (progress, mut written) = watch::channel(0u64);
    let mut victim = Victim::start(router(), |config| config.write_stall_timeout = 500 * MS).await;
    let (mut socket, peer) = victim.attacker().await;
    // Pings with a sync of their own want an answer each; the answers are never read.
    tokio::spawn(async move {
        let block = header(0xff00, 0, 7).repeat(1000);
        while socket.write_all(&block).await.is_ok() {
            progress.send_modify(|written| *written += 1000);
        }
    });
    let reason = end_of(&peer).await;
    assert!(matches!(reason, CloseReason::WriteStalled { .. }), "{reason}");
    let written = *written.borrow_and_update();
    assert!(peer.stats().peer_pings < written + 2000, "{written}");
    println!("ping flood: {} of {written} pings read before the connection ended", peer.stats().peer_pings);
    victim.verdict("a ping flood").await;
}
