//! The life of a session: hooks, flush, lookup by id, and a drain that delivers what was queued. And what the seeds of
//! the packet dialect get wrong, each under the name of its defect.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use trunkline::bytes::Bytes;
use trunkline::test::pair_of;
use trunkline::wire::Side;
use trunkline::wire::packet::Packet;
use trunkline::{CloseReason, Error, Group, Peer, Request, Router, Server};

fn packet(head: &str) -> Packet {
    Packet::new(head.parse().expect("a head"))
}

/// Our side, theirs, and the packets that they hear.
fn pair(head: &str) -> (Peer, Peer, UnboundedReceiver<Bytes>) {
    let (sender, packets) = unbounded_channel();
    let router = Router::new().packets(move |request: Request| {
        let sent = sender.send(request.body);
        async move { drop(sent) }
    });
    let (theirs, ours) = pair_of(packet(head), router, Router::new(), |_| ()).expect("a pair");
    (ours, theirs, packets)
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("comes to pass");
}

/// A server that echoes packets, and its port.
async fn echo(head: &str, max_message: usize) -> (Server, String) {
    async fn back(request: Request) -> Result<(), Error> {
        request.peer.notify(0, request.body).await
    }
    let server = Server::builder()
        .router(Router::new().packets(back))
        .configure(move |config| {
            config.limits.max_message = max_message;
            config.slow_message_grace = Duration::from_millis(200);
        })
        .listen(&*format!("packet://127.0.0.1:0?head={head}"))
        .start()
        .await
        .expect("starts");
    let url = server.addresses()[0].to_string();
    let port = url.trim_start_matches("packet://").split(['?', '/']).next().expect("an address").to_owned();
    (server, port)
}

/// Why the server closed the one connection on which it hears these bytes.
async fn closes(head: &str, bytes: &[u8]) -> Arc<CloseReason> {
    let (server, port) = echo(head, 1 << 10).await;
    let mut stream = TcpStream::connect(port).await.expect("connects");
    until(|| !server.peers().is_empty()).await;
    let peer = server.peers().remove(0);
    stream.write_all(bytes).await.expect("writes");
    tokio::time::timeout(Duration::from_secs(20), peer.closed()).await.expect("closes")
}

// ---- a life ---------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn hooks_run_once_in_order_whenever_they_are_registered() {
    let (ours, _theirs, _) = pair("4be");
    let ran = Arc::new(Mutex::new(Vec::new()));
    let note = |n: usize| {
        let ran = ran.clone();
        move |_: &CloseReason| ran.lock().expect("no panic").push(n)
    };
    ours.on_close(note(1));
    ours.on_close(|_| panic!("a hook of the test"));
    let (again, late) = (ours.clone(), note(4));
    // L12: a hook that is registered while others run, or after them, runs.
    ours.on_close(move |_| again.on_close(late));
    ours.on_close(note(2));
    ours.on_close(note(3));
    ours.close();
    assert!(matches!(*ours.closed().await, CloseReason::Local));
    assert_eq!(*ran.lock().expect("no panic"), [1, 2, 3, 4]);
    ours.on_close(note(5));
    assert_eq!(*ran.lock().expect("no panic"), [1, 2, 3, 4, 5], "at once");
}

#[tokio::test]
async fn a_peer_hook_can_send_and_state_is_typed() {
    let server = Server::builder()
        .listen("packet://127.0.0.1:0?head=2be")
        .on_peer(|peer| async move {
            assert!(peer.set_state("ann".to_owned()) && !peer.set_state(1u8));
            // P5: packnet refuses to send before its session has started.
            peer.notify(0, "welcome").await
        })
        .start()
        .await
        .expect("starts");
    let url = server.addresses()[0].to_string();
    let port = url.trim_start_matches("packet://").split(['?', '/']).next().expect("an address");
    let mut stream = TcpStream::connect(port).await.expect("connects");
    let mut heard = [0; 9];
    stream.read_exact(&mut heard).await.expect("reads");
    assert_eq!(&heard, b"\0\x07welcome");
    let peer = server.peers().remove(0);
    assert_eq!(server.peer(peer.id()), Some(peer.clone()), "found by its id");
    assert_eq!(server.peer(u64::MAX), None);
    assert_eq!(peer.state::<String>().map(String::as_str), Some("ann"));
    assert_eq!(peer.state::<u8>(), None);
    drop(stream);
    peer.closed().await;
    assert_eq!(server.peer(peer.id()), None, "it left by itself");
    assert_eq!(server.stats().notified, 1, "its counters stay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_peers_come_and_go_and_every_counter_stays() {
    let (server, port) = echo("2be", 1 << 10).await;
    let clients = (0..200).map(|_| {
        let port = port.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                let mut stream = TcpStream::connect(&port).await.expect("connects");
                stream.write_all(b"\0\x02hi").await.expect("writes");
                let mut heard = [0; 4];
                stream.read_exact(&mut heard).await.expect("reads");
                assert_eq!(&heard, b"\0\x02hi");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("served");
    }
    until(|| server.peers().is_empty()).await;
    let stats = server.stats();
    assert_eq!((stats.notifications, stats.notified), (1000, 1000), "{stats:?}");
}

#[tokio::test]
async fn a_server_at_its_limit_takes_the_next_when_one_has_left() {
    let (server, port) = {
        let server = Server::builder().max_connections(1).listen("packet://127.0.0.1:0");
        let server = server.start().await.expect("starts");
        let url = server.addresses()[0].to_string();
        let port =
            url.trim_start_matches("packet://").split(['?', '/']).next().expect("an address").to_owned();
        (server, port)
    };
    let first = TcpStream::connect(&port).await.expect("connects");
    until(|| server.peers().len() == 1).await;
    let mut second = TcpStream::connect(&port).await.expect("connects");
    assert_eq!(second.read(&mut [0; 1]).await.expect("an end"), 0, "refused");
    drop(first);
    until(|| server.peers().is_empty()).await;
    let _third = TcpStream::connect(&port).await.expect("connects");
    until(|| server.peers().len() == 1).await;
}

// ---- what waits -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn flush_waits_until_the_transport_took_everything() {
    let (ours, mut theirs) = tokio::io::duplex(256);
    let ours = Peer::over(ours, Side::Accepting, packet("4be"), Router::new()).expect("a peer");
    ours.flush().await.expect("nothing waits");
    let group = Group::new();
    group.join(1, &ours).expect("joins");
    let mut expected = 0;
    for size in [10, 1 << 10, 64 << 10] {
        ours.try_notify(0, vec![1; size]).expect("room");
        assert_eq!(group.broadcast(0, vec![2; size]).queued, 1);
        expected += 2 * (4 + size);
    }
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let reading = tokio::spawn(async move {
        let mut buffer = [0; 100];
        while let Ok(n) = theirs.read(&mut buffer).await {
            if n == 0 {
                break;
            }
            count.fetch_add(n, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    });
    ours.flush().await.expect("taken");
    let (taken_then, piped) = (taken.load(Ordering::SeqCst), 256);
    assert!(
        taken_then + piped >= expected,
        "{taken_then} of {expected}: the rest is not in a pipe of {piped}"
    );
    assert_eq!(ours.queued_bytes(), 0);
    reading.abort();
    let _ = reading.await;
    ours.closed().await;
    assert!(ours.flush().await.expect_err("over").is_closed());
}

#[tokio::test]
async fn flush_of_a_peer_that_reads_nothing_ends_with_its_connection() {
    let (ours, _theirs) = tokio::io::duplex(256);
    let ours = Peer::over(ours, Side::Accepting, packet("4be"), Router::new()).expect("a peer");
    ours.try_notify(0, vec![1; 1 << 10]).expect("room");
    let flushing = tokio::spawn({
        let ours = ours.clone();
        async move { ours.flush().await }
    });
    until(|| ours.stats().writes > 0).await;
    ours.close();
    assert!(flushing.await.expect("no panic").expect_err("never taken").is_closed());
}

#[tokio::test]
async fn a_drain_delivers_what_was_queued() {
    // L6: link throws a thousand accepted messages away.
    let (ours, _theirs, mut packets) = pair("2le");
    let group = Group::new();
    group.join(1, &ours).expect("joins");
    for _ in 0..500 {
        ours.try_notify(0, "sent").expect("room");
        assert_eq!(group.broadcast(0, "broadcast").queued, 1);
    }
    let reason = ours.drain(None).await;
    assert!(matches!(*reason, CloseReason::Drained), "{reason}");
    let (mut sent, mut broadcast) = (0, 0);
    while let Some(packet) = packets.recv().await {
        match &*packet {
            b"sent" => sent += 1,
            b"broadcast" => broadcast += 1,
            other => panic!("{other:?}"),
        }
        if (sent, broadcast) == (500, 500) {
            return;
        }
    }
    panic!("{sent} and {broadcast} of 500 each arrived");
}

#[tokio::test]
async fn pipelined_echoes_come_back_as_they_were_sent() {
    // P1: a packet in two pieces. P3: packnet's echo answers with whatever its buffer holds by then.
    let (_server, port) = echo("2be", 1 << 10).await;
    let mut stream = TcpStream::connect(port).await.expect("connects");
    let mut bytes = Vec::new();
    for n in 0..200u16 {
        bytes.extend_from_slice(&[0, 10]);
        bytes.extend_from_slice(&[n as u8; 10]);
    }
    for piece in bytes.chunks(7) {
        stream.write_all(piece).await.expect("writes");
    }
    let mut heard = vec![0; bytes.len()];
    stream.read_exact(&mut heard).await.expect("reads");
    assert_eq!(heard, bytes);
}

// ---- bad input ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_length_with_the_top_bit_set_is_too_large() {
    // L1, P4: the Go process dies.
    for head in ["8be", "8le"] {
        let mut length = [0x80, 0, 0, 0, 0, 0, 0, 0];
        if head == "8le" {
            length.reverse();
        }
        let reason = closes(head, &length).await.to_string();
        assert!(reason.contains("9223372036854775808") && reason.contains("max_message"), "{reason}");
        let reason = closes(head, &[0xff; 8]).await.to_string();
        assert!(reason.contains("max_message"), "{reason}");
    }
}

#[tokio::test]
async fn one_byte_over_the_limit_is_refused_and_the_limit_itself_is_not() {
    let (_server, port) = echo("2be", 1 << 10).await;
    let mut stream = TcpStream::connect(port).await.expect("connects");
    let whole = [&[4, 0][..], &[7; 1 << 10]].concat();
    stream.write_all(&whole).await.expect("writes");
    let mut heard = vec![0; whole.len()];
    stream.read_exact(&mut heard).await.expect("reads");
    assert_eq!(heard, whole);
    let reason = closes("2be", &[4, 1]).await.to_string();
    assert!(reason.contains("1025") && reason.contains("1024") && reason.contains("max_message"), "{reason}");
}

#[tokio::test]
async fn half_a_head_and_silence_ends() {
    // L9: link keeps such a peer for ever.
    let reason = closes("4be", &[0, 0]).await;
    assert!(reason.is_error(), "{reason}");
    let reason = closes("4be", &[0, 0, 0, 9, 1]).await;
    assert!(reason.is_error(), "{reason}");
}

#[tokio::test]
async fn a_body_that_the_head_cannot_say_is_refused_where_it_is_sent() {
    // L5: link sends a length that lies.
    for (head, longest) in [("1be", 255), ("2le", 65_535)] {
        let (ours, _theirs, mut packets) = pair(head);
        ours.notify(0, vec![1; longest]).await.expect("fits");
        for error in [
            ours.notify(0, vec![2; longest + 1]).await.expect_err("does not"),
            ours.try_notify(0, vec![2; longest + 1]).expect_err("does not"),
        ] {
            let error = error.to_string();
            assert!(error.contains("head") && error.contains(&longest.to_string()), "{error}");
        }
        let group = Group::new();
        group.join(1, &ours).expect("joins");
        assert_eq!(group.broadcast(0, vec![3; longest + 1]).unsayable, 1);
        ours.notify(0, "after").await.expect("fits");
        assert_eq!(packets.recv().await.expect("a packet").len(), longest);
        assert_eq!(packets.recv().await.expect("a packet"), "after", "nothing between");
    }
}

#[tokio::test]
async fn a_peer_that_has_closed_does_not_join() {
    // L12: link keeps it for ever. L11: a change from inside an iteration.
    let (ours, _theirs, _) = pair("4be");
    let group = Group::new();
    ours.close();
    ours.closed().await;
    group.join(1, &ours).expect("can be notified");
    assert!(group.is_empty());
    for (key, peer) in group.members() {
        group.join(key + 1, &peer).expect("joins");
        group.broadcast(0, "from inside");
    }
}

#[tokio::test]
async fn broadcasts_are_not_mixed_up_while_they_wait() {
    // P2: packnet writes the next broadcast over the last while that is queued.
    let (ours, _theirs, mut packets) = pair("2be");
    let group = Group::new();
    group.join(1, &ours).expect("joins");
    for n in 0..100u8 {
        assert_eq!(group.broadcast(0, vec![n; 100]).queued, 1);
    }
    for n in 0..100u8 {
        assert_eq!(packets.recv().await.expect("a packet"), vec![n; 100]);
    }
}

#[tokio::test]
async fn a_handler_that_panics_ends_nothing_else() {
    // L15: the Go process dies.
    async fn fragile(request: Request) -> Result<(), Error> {
        assert_ne!(request.body, "boom", "a panic of the test");
        request.peer.notify(0, request.body).await
    }
    let (sender, mut packets) = unbounded_channel();
    let hears = Router::new().packets(move |request: Request| {
        let sent = sender.send(request.body);
        async move { drop(sent) }
    });
    let (ours, _theirs) =
        pair_of(packet("4be"), hears, Router::new().packets(fragile), |_| ()).expect("a pair");
    ours.notify(0, "boom").await.expect("accepted");
    ours.notify(0, "still here").await.expect("accepted");
    assert_eq!(packets.recv().await.expect("a packet"), "still here");
}
