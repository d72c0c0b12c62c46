//! A peer by itself: any transport, its state, its output lane, taking it over.

#[path = "support/raw.rs"]
mod raw;

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use raw::{receive, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use trunkline::bytes::{Bytes, BytesMut};
use trunkline::wire::iproto::{self, Iproto, Packet};
use trunkline::wire::{Id, Side};
use trunkline::{CloseReason, Config, ErrorKind, Io, Outcome, Peer, Request, Router, Server, Text};

const PATIENCE: Duration = Duration::from_secs(30);

async fn echo(request: Request) -> Bytes {
    request.body
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A peer of ours, and the bare other end of a pipe that holds `pipe` bytes.
fn piped(pipe: usize, change: impl FnOnce(&mut Config)) -> (Peer, DuplexStream) {
    let (ours, theirs) = duplex(pipe);
    let mut config = Config { ping_interval: None, ..Config::for_dialect(&iproto::PROFILE) };
    change(&mut config);
    let peer = Peer::over_with(ours, Side::Dialling, Iproto::new(), Router::new().route(1, echo), config);
    (peer.expect("no duplicates"), theirs)
}

#[tokio::test]
async fn any_transport_carries_both_directions() {
    let (a, b) = duplex(64);
    let router = || Router::new().route(1, echo);
    let a = Peer::over(a, Side::Dialling, Iproto::new(), router()).expect("no duplicates");
    let b = Peer::over(b, Side::Accepting, Iproto::new(), router()).expect("no duplicates");
    let body = Bytes::from(vec![7; 300_000]);
    let (there, back) = (a.call::<Bytes>(1, body.clone()).start(), b.call::<Bytes>(1, body.clone()).start());
    assert_eq!(there.await.expect("answers"), body);
    assert_eq!(back.await.expect("answers"), body);
    assert_eq!((a.transport(), a.dialect(), a.side()), ("other", "iproto", Side::Dialling));
    assert_eq!((a.remote_addr(), a.local_addr()), (None, None));
    assert_ne!(a.id(), b.id());
    assert_eq!(*a.drain(None).await, CloseReason::Drained);
    assert_eq!(*b.closed().await, CloseReason::Drained);
}

#[tokio::test]
async fn a_peer_carries_state_of_its_user() {
    struct Session {
        calls: AtomicU64,
    }
    let router = Router::new().route(1, async |request: Request| {
        let session: &Session = request.peer.state().expect("logged in");
        (session.calls.fetch_add(1, Ordering::Relaxed) + 1).to_string()
    });
    let (caller, server) = trunkline::test::pair(router).expect("a pair");
    assert!(server.set_state(Session { calls: AtomicU64::new(40) }));
    assert!(!server.set_state("another"), "once");
    assert!(server.state::<&str>().is_none(), "of its own type only");
    for n in 41..44 {
        assert_eq!(caller.call::<Text>(1, ()).await.expect("answers").0, n.to_string());
    }
    assert!(caller.state::<Session>().is_none(), "it belongs to one end");
}

#[tokio::test]
async fn close_hooks_run_in_order_before_during_and_after() {
    let (caller, server) = trunkline::test::pair(Router::new()).expect("a pair");
    let (say, mut heard) = mpsc::unbounded_channel();
    let hook = |name: &'static str| {
        let say = say.clone();
        move |reason: &CloseReason| say.send((name, reason.name())).expect("the test listens")
    };
    caller.on_close(hook("first"));
    caller.on_close(hook("second"));
    caller.close();
    // The connection is over, its driver has not noticed yet.
    assert_eq!(caller.close_reason().as_deref(), Some(&CloseReason::Local));
    caller.on_close(hook("third"));
    assert_eq!(*timeout(PATIENCE, caller.closed()).await.expect("in time"), CloseReason::Local);
    caller.on_close(hook("fourth"));
    caller.close();
    drop(say);
    for name in ["first", "second", "third", "fourth"] {
        assert_eq!(heard.try_recv(), Ok((name, "local")));
    }
    assert!(heard.try_recv().is_err(), "once each");
    assert_eq!(*timeout(PATIENCE, server.closed()).await.expect("in time"), CloseReason::Peer);
}

#[tokio::test]
async fn a_full_lane_is_left_in_the_order_of_arrival() {
    let (peer, mut wire) = piped(64, |config| config.lane_bytes = 1024);
    let mut queued = 0;
    let full = loop {
        match peer.try_notify(1, format!("{queued:05}")) {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
    };
    let ErrorKind::Full { waiting, limit } = full.kind() else { panic!("{full}") };
    assert!(*waiting >= 1024 && *limit == 1024 && full.outcome() == Outcome::NotSent, "{full:?}");
    assert!(full.to_string().contains("`lane_bytes`"), "{full}");

    let mut waiting: Vec<_> = ["a", "b", "c", "d"].map(|body| Box::pin(peer.notify(1, body))).into();
    for notify in &mut waiting {
        let waits = poll_fn(|cx| Poll::Ready(notify.as_mut().poll(cx).is_pending())).await;
        assert!(waits, "there is no room");
    }
    let call = peer.call::<Bytes>(2, "call").try_only().await.expect_err("no room");
    assert!(matches!(call.kind(), ErrorKind::Full { .. }) && call.outcome() == Outcome::NotSent);
    let answer = peer.call::<Bytes>(2, "e").start();
    // Dropped while it waits: taken back.
    drop(waiting.remove(1));

    let mut buffer = BytesMut::new();
    for n in 0..queued {
        assert_eq!(receive(&mut wire, &mut buffer).await.expect("a packet").body, format!("{n:05}"));
    }
    for body in ["a", "c", "d"] {
        assert_eq!(receive(&mut wire, &mut buffer).await.expect("a packet").body, body);
    }
    for notify in waiting {
        notify.await.expect("accepted");
    }
    let asked = receive(&mut wire, &mut buffer).await.expect("a packet");
    assert_eq!(asked.body, "e");
    send(&mut wire, asked.reply("answer")).await;
    assert_eq!(answer.await.expect("answers"), "answer");
}

#[tokio::test]
async fn a_notification_that_found_no_room_in_time_is_never_sent() {
    let (peer, mut wire) = piped(64, |config| {
        config.lane_bytes = 1024;
        config.notify_timeout = Duration::from_millis(50);
    });
    let mut queued = 0;
    // Until the pipe and the lane are full, and stay so.
    let error = loop {
        match peer.notify(1, vec![1; 500]).await {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_timeout() && error.outcome() == Outcome::NotSent, "{error:?}");
    peer.send_raw(7, Id(1), "last").await.expect_err("nobody reads");
    let mut buffer = BytesMut::new();
    for _ in 0..queued {
        assert_eq!(receive(&mut wire, &mut buffer).await.expect("a packet").body.len(), 500);
    }
    peer.send_raw(7, Id(99), "raw").await.expect("there is room again");
    let raw = receive(&mut wire, &mut buffer).await.expect("a packet");
    assert_eq!((raw.code, raw.sync, &raw.body[..]), (7, 99, &b"raw"[..]));
}

#[tokio::test]
async fn raw_messages_leave_while_draining_and_fail_after_the_end() {
    let (peer, mut wire) = piped(4096, |_| ());
    let call = peer.call::<Bytes>(1, "waits").start();
    let drain = tokio::spawn({
        let peer = peer.clone();
        async move { peer.drain(None).await }
    });
    until("it drains", || !peer.is_open()).await;
    peer.send_raw(5, Id(77), "raw").await.expect("may be sent");
    let error = peer.notify(5, "new").await.expect_err("nothing new begins");
    assert!(matches!(error.kind(), ErrorKind::Draining) && error.outcome() == Outcome::NotSent);
    let mut buffer = BytesMut::new();
    let asked = receive(&mut wire, &mut buffer).await.expect("the call");
    let raw = receive(&mut wire, &mut buffer).await.expect("the raw one");
    assert_eq!((raw.code, raw.sync), (5, 77));
    send(&mut wire, asked.reply("done")).await;
    assert_eq!(call.await.expect("answers"), "done");
    let shutdown = receive(&mut wire, &mut buffer).await.expect("the handshake");
    assert_eq!((shutdown.code, shutdown.sync), (0xff01, 0));
    send(&mut wire, Packet::new(0xff01, 0, "")).await;
    assert_eq!(*drain.await.expect("no panic"), CloseReason::Drained);
    let error = peer.send_raw(5, Id(78), "late").await.expect_err("it is over");
    assert!(matches!(error.kind(), ErrorKind::Closed(_)) && error.outcome() == Outcome::NotSent);
}

/// A server whose route 9 takes the connection over, and whose route 2 waits for `gate`.
async fn hijacking(url: &str) -> (Server, Arc<Semaphore>, mpsc::UnboundedReceiver<(Io, Bytes)>) {
    let gate = Arc::new(Semaphore::new(0));
    let (taken, connections) = mpsc::unbounded_channel();
    let waits = gate.clone();
    let router = Router::new()
        .route(2, move |_: Request| {
            let gate = waits.clone();
            async move {
                gate.acquire().await.expect("open").forget();
                "served"
            }
        })
        .route(9, move |request: Request| {
            let taken = taken.clone();
            async move {
                // Not within the handler: its own answer is waited for.
                tokio::spawn(async move {
                    let connection = request.peer.hijack().await.expect("nobody else takes it");
                    taken.send(connection).expect("the test listens");
                });
                "yours"
            }
        });
    let server = Server::builder().router(router).listen(url).start().await.expect("starts");
    (server, gate, connections)
}

#[tokio::test]
async fn a_connection_that_is_taken_over_loses_no_byte() {
    let (server, gate, mut connections) = hijacking("iproto://127.0.0.1:0").await;
    let address = server.addresses()[0].to_string();
    let mut socket =
        TcpStream::connect(address.strip_prefix("iproto://").expect("a scheme")).await.expect("connects");
    let mut buffer = BytesMut::new();
    send(&mut socket, Packet::new(2, 1, "")).await;
    until("the server knows us", || server.peers().len() == 1).await;
    let peer = server.peers().remove(0);
    let question = peer.call::<Text>(7, "of the server").start();
    let asked = receive(&mut socket, &mut buffer).await.expect("its question");
    send(&mut socket, Packet::new(9, 2, "")).await;
    let yours = receive(&mut socket, &mut buffer).await.expect("an answer");
    assert_eq!((yours.sync, &yours.body[..]), (2, &b"yours"[..]));
    until("the take-over waits for question and answer", || !peer.is_open()).await;
    peer.hijack().await.expect_err("somebody took it already");

    // Whole messages of every kind, a part of one that begins like a header, and then no iproto at all.
    let mut rest = BytesMut::new();
    for packet in [Packet::new(5, 0, "notice"), Packet::new(0xff00, 3, "ping"), Packet::new(6, 4, "request")]
    {
        packet.encode(&mut rest).expect("a packet");
    }
    let mut sent = rest.clone();
    asked.reply("to you").encode(&mut sent).expect("a packet");
    for bytes in [&mut rest, &mut sent] {
        bytes.extend_from_slice(&[1, 0, 0, 0, 9]);
    }
    let before = peer.stats().bytes_in;
    socket.write_all(&sent).await.expect("the server reads");
    assert_eq!(question.await.expect("is still answered").0, "to you");
    assert_eq!(peer.stats().bytes_in, before + sent.len() as u64);
    gate.add_permits(1);
    let served = receive(&mut socket, &mut buffer).await.expect("the answer that was owed");
    assert_eq!((served.sync, &served.body[..]), (1, &b"served"[..]));

    let (mut io, unread) = timeout(PATIENCE, connections.recv()).await.expect("in time").expect("taken over");
    assert_eq!(unread, rest, "every byte but the answer, in order");
    assert_eq!(*peer.closed().await, CloseReason::Hijacked);
    assert!(matches!(io, Io::Tcp(_)));
    assert_eq!(peer.stats().peer_pings, 0, "nobody answers for the new owner");
    socket.write_all(b"plain text").await.expect("still open");
    let mut text = [0; 10];
    io.read_exact(&mut text).await.expect("reads");
    assert_eq!(&text, b"plain text");
    io.write_all(b"bye").await.expect("writes");
    drop(io);
    let mut bye = Vec::new();
    socket.read_to_end(&mut bye).await.expect("reads");
    assert_eq!((&buffer[..], &bye[..]), (&b""[..], &b"bye"[..]), "nothing was said in between");
}

#[tokio::test]
async fn a_unix_socket_can_be_taken_over_with_half_a_header_read() {
    let path = std::env::temp_dir().join(format!("trunkline-{}-hijack.sock", std::process::id()));
    let (_server, _gate, mut connections) = hijacking(&format!("iproto+unix://{}", path.display())).await;
    let mut socket = UnixStream::connect(&path).await.expect("connects");
    let mut bytes = BytesMut::new();
    Packet::new(9, 1, "").encode(&mut bytes).expect("a packet");
    bytes.extend_from_slice(b"HEL");
    socket.write_all(&bytes).await.expect("writes");
    let (mut io, unread) = timeout(PATIENCE, connections.recv()).await.expect("in time").expect("taken over");
    assert_eq!((&unread[..], io.name()), (&b"HEL"[..], "unix"));
    let yours = receive(&mut socket, &mut BytesMut::new()).await.expect("an answer");
    assert_eq!(yours.body, "yours");
    socket.write_all(b"LO").await.expect("writes");
    let mut rest = [0; 2];
    io.read_exact(&mut rest).await.expect("reads");
    assert_eq!(&rest, b"LO");
}

#[tokio::test]
async fn a_connection_that_ends_cannot_be_taken_over() {
    let (peer, wire) = piped(4096, |_| ());
    let _call = peer.call::<Bytes>(1, "waits").start();
    let taking = tokio::spawn({
        let peer = peer.clone();
        async move { peer.hijack().await.map(|_| ()) }
    });
    until("it waits for the call", || !peer.is_open()).await;
    drop(wire);
    let error = taking.await.expect("no panic").expect_err("the other end is gone");
    assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error}");
    let error = peer.hijack().await.expect_err("it is over");
    assert_eq!(error.outcome(), Outcome::NotSent);
}
