//! What a server does with requests: order, places to run, faults, panics, and the end of the connection.

#[path = "support/raw.rs"]
mod raw;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raw::{receive, send};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use trunkline::bytes::{Bytes, BytesMut};
use trunkline::wire::iproto::{Iproto, Packet};
use trunkline::{Client, CloseReason, Code, Fault, Peer, Request, Router, Server, Text, Unknown};

const PATIENCE: Duration = Duration::from_secs(30);

async fn echo(request: Request) -> Bytes {
    request.body
}

async fn serve(router: Router) -> (Server, Client) {
    let server =
        Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await.expect("starts");
    let client = Client::connect(&server.addresses()[0]).await.expect("connects");
    (server, client)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn serial_routes_run_one_at_a_time_in_order_and_others_do_not_wait() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let running = Arc::new(AtomicUsize::new(0));
    let (logged, counted) = (log.clone(), running.clone());
    let router = Router::new().route(1, echo).route_serial(2, move |request: Request<Text>| {
        let (log, running) = (logged.clone(), counted.clone());
        async move {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
            let number: u64 = request.body.0.parse().expect("a number");
            // Later ones would be faster, if they could overtake; every third does not wait at all.
            if !number.is_multiple_of(3) {
                sleep(Duration::from_millis(20 - number)).await;
            }
            log.lock().expect("no panic").push(number);
            running.fetch_sub(1, Ordering::SeqCst);
            request.body
        }
    });
    let (_server, client) = serve(router).await;
    let peer = client.peer().expect("is up");
    let calls: Vec<_> = (0..20).map(|n| peer.call::<Text>(2, Text(n.to_string())).start()).collect();
    peer.call::<Bytes>(1, "x").await.expect("answers");
    assert!(log.lock().expect("no panic").len() < 20, "the other route did not wait for them");
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.expect("answers").0, n.to_string());
    }
    assert_eq!(*log.lock().expect("no panic"), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_panic_in_a_serial_route_does_not_stop_those_behind_it() {
    let router = Router::new().route_serial(2, async |request: Request<Text>| {
        tokio::task::yield_now().await;
        assert_ne!(request.body.0, "1", "as asked");
        request.body
    });
    let (server, client) = serve(router).await;
    let peer = client.peer().expect("is up");
    let calls: Vec<_> = (0..4)
        .map(|n| {
            let call = peer.call::<Text>(2, Text(n.to_string()));
            if n == 1 {
                call.timeout(Duration::from_millis(300)).start()
            } else {
                call.timeout(PATIENCE).start()
            }
        })
        .collect();
    let mut answered = Vec::new();
    for call in calls {
        answered.extend(call.await.ok().map(|text| text.0));
    }
    assert_eq!(answered, ["0", "2", "3"]);
    assert_eq!(server.stats().unsaid_faults, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawned_route_does_not_hold_its_connection_up() {
    let (blocks, released) = (Arc::new(Notify::new()), Arc::new(std::sync::Barrier::new(2)));
    let (told, barrier) = (blocks.clone(), released.clone());
    let router = Router::new().route(1, echo).route_spawned(2, move |_: Request| {
        let (told, barrier) = (told.clone(), barrier.clone());
        async move {
            told.notify_one();
            tokio::task::block_in_place(|| barrier.wait());
            "done"
        }
    });
    let (_server, client) = serve(router).await;
    let peer = client.peer().expect("is up");
    let slow = peer.call::<Text>(2, ()).start();
    blocks.notified().await;
    // The handler blocks its thread; the connection's driver is in another task.
    assert_eq!(peer.call::<Bytes>(1, "x").await.expect("answers"), "x");
    released.wait();
    assert_eq!(slow.await.expect("answers").0, "done");
}

#[tokio::test]
async fn a_panic_is_its_callers_silence_and_nothing_else() {
    let router = Router::new()
        .route(1, echo)
        .route(2, async |_: Request| -> () { panic!("at once") })
        .route(3, async |_: Request| -> () {
            tokio::task::yield_now().await;
            panic!("later")
        })
        .route_spawned(4, async |_: Request| -> () { panic!("in a task") });
    let (server, client) = serve(router).await;
    let peer = client.peer().expect("is up");
    let panics: Vec<_> =
        (2..5).map(|code| peer.call::<()>(code, ()).timeout(Duration::from_millis(200)).start()).collect();
    assert_eq!(peer.call::<Bytes>(1, "x").await.expect("others go on"), "x");
    for call in panics {
        assert!(call.await.expect_err("silence").is_timeout());
    }
    assert_eq!(peer.call::<Bytes>(1, "y").await.expect("the connection goes on"), "y");
    let stats = server.stats();
    assert_eq!((stats.requests, stats.answered, stats.unsaid_faults), (5, 2, 3), "{stats:?}");
}

#[tokio::test]
async fn faults_leave_as_the_body_that_fault_body_makes() {
    let dialect = Iproto::new()
        .fault_body(|fault: &Fault| Some(format!("{}: {}", fault.code as u8, fault.message.as_str()).into()));
    let router = Router::new()
        .route(2, async |_: Request| Err::<(), _>(Fault::new(Code::NotFound, "no such thing")))
        .route(3, async |_: Request| -> () { panic!("now") })
        .route(4, async |_: Request| -> Result<(), Fault> {
            "x".parse::<u32>()?;
            Ok(())
        });
    let server = Server::builder()
        .router(router)
        .listen_as("iproto://127.0.0.1:0", dialect)
        .start()
        .await
        .expect("starts");
    let client = Client::connect(&server.addresses()[0]).await.expect("connects");
    for (code, body) in [
        (2, "5: no such thing"),
        (3, "13: the handler panicked"),
        (4, "13: internal error"),
        (9, "12: no handler for route 9"),
    ] {
        assert_eq!(client.call::<Text>(code, ()).await.expect("a body").0, body);
    }
    let stats = server.stats();
    assert_eq!((stats.answered_faults, stats.unsaid_faults, stats.unknown_routes), (4, 0, 1), "{stats:?}");
}

#[tokio::test]
async fn unknown_routes_are_counted_closed_or_answered_by_the_fallback() {
    let (server, client) = serve(Router::new().route(1, echo)).await;
    let error = client.call::<()>(9, ()).timeout(Duration::from_millis(100)).await.expect_err("silence");
    assert!(error.is_timeout());
    assert_eq!(server.stats().unknown_routes, 1);
    client.notify(9, ()).await.expect("accepted");
    client.call::<Bytes>(1, "x").await.expect("the connection goes on");
    assert_eq!(server.stats().unknown_routes, 2);

    let (server, client) = serve(Router::new().route(1, echo).unknown(Unknown::Close)).await;
    client.call::<Bytes>(1, "x").await.expect("answers");
    let peer = server.peers().remove(0);
    client.peer().expect("is up").call::<()>(9, ()).await.expect_err("the connection ends");
    let reason = timeout(PATIENCE, peer.closed()).await.expect("in time");
    let CloseReason::Overload { what, setting, .. } = &*reason else { panic!("{reason}") };
    assert_eq!((*what, *setting), ("requests for unknown routes", "Router::unknown"));
    assert_eq!(server.stats().unknown_routes, 1);

    let fallback = async |request: Request| format!("asked for {}", request.route);
    let (server, client) = serve(Router::new().route(1, echo).fallback(fallback)).await;
    assert_eq!(client.call::<Text>(9, ()).await.expect("answers").0, "asked for 9");
    assert_eq!(client.call::<Bytes>(1, "x").await.expect("answers"), "x");
    assert_eq!(server.stats().unknown_routes, 0);
}

/// Says when it was dropped.
struct Dropped(mpsc::UnboundedSender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

#[tokio::test]
async fn handlers_outlive_their_connection_unless_they_asked_not_to() {
    let (told, mut events) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let handler = {
        let gate = gate.clone();
        move |request: Request| {
            let (told, gate) = (told.clone(), gate.clone());
            async move {
                let _dropped = Dropped(told.clone());
                let _ = told.send("started");
                request.cancelled().await;
                let _ = told.send("cancelled");
                let _ = gate.acquire().await;
                let _ = told.send("finished");
            }
        }
    };
    let router = Router::new()
        .route(1, handler.clone())
        .route(2, handler.clone())
        .cancel_on_disconnect()
        .route_spawned(3, handler.clone())
        .route_spawned(4, handler)
        .cancel_on_disconnect();
    // A peer whose bytes have ended may still read: until its drain has timed out, answers that are owed wait for it.
    let server = Server::builder()
        .router(router)
        .listen("iproto://127.0.0.1:0")
        .configure(|config| config.drain_timeout = Duration::from_millis(50))
        .start()
        .await
        .expect("starts");
    let client = Client::connect(&server.addresses()[0]).await.expect("connects");
    for (code, ends) in [
        (1, &["cancelled", "finished", "dropped"][..]),
        (2, &["dropped"]),
        (3, &["cancelled", "finished", "dropped"]),
        (4, &["dropped"]),
    ] {
        let call = client.call::<()>(code, ()).start();
        // The first poll dials, where the last round closed.
        let call = tokio::spawn(call);
        assert_eq!(timeout(PATIENCE, events.recv()).await.expect("in time"), Some("started"));
        client.peer().expect("is up").close();
        call.await.expect("no panic").expect_err("the connection ended");
        for event in ends {
            let heard = timeout(PATIENCE, events.recv()).await;
            assert_eq!(heard.expect("in time"), Some(*event), "route {code}");
            if *event == "cancelled" {
                gate.add_permits(1);
            }
        }
    }
}

#[tokio::test]
async fn requests_over_the_servers_limit_wait_in_order_over_all_connections() {
    let gate = Arc::new(Semaphore::new(0));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = {
        let (gate, running, most) = (gate.clone(), running.clone(), most.clone());
        move |_: Request| {
            let (gate, running, most) = (gate.clone(), running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.expect("open").forget();
                running.fetch_sub(1, Ordering::SeqCst);
            }
        }
    };
    let server = Server::builder()
        .router(Router::new().route(2, handler))
        .listen("iproto://127.0.0.1:0")
        .max_running(3)
        .start()
        .await
        .expect("starts");
    let mut calls = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let client = Client::connect(&server.addresses()[0]).await.expect("connects");
        calls.extend((0..5).map(|_| client.peer().expect("is up").call::<()>(2, ()).start()));
        clients.push(client);
    }
    until("three run and all arrived", || {
        running.load(Ordering::SeqCst) == 3 && server.stats().requests == 10
    })
    .await;
    gate.add_permits(10);
    for call in calls {
        timeout(PATIENCE, call).await.expect("in time").expect("answers");
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_server_calls_back_over_the_connection_that_called() {
    let router = Router::new().route(2, async |request: Request<Text>| {
        let answer: Text = request.peer.call(5, request.body).await?;
        Ok::<_, Fault>(format!("the client says {}", answer.0))
    });
    let server =
        Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await.expect("starts");
    let client = Client::builder()
        .router(Router::new().route(5, async |request: Request<Text>| request.body.0.to_uppercase()))
        .connect(&server.addresses()[0])
        .await
        .expect("connects");
    assert_eq!(client.call::<Text>(2, "hello").await.expect("answers").0, "the client says HELLO");
}

#[tokio::test]
async fn a_request_knows_who_asks_and_how() {
    let (told, mut requests) = mpsc::unbounded_channel();
    let router = Router::new().route((1, "/echo"), move |request: Request| {
        let told = told.clone();
        async move {
            let _ = told.send(request);
        }
    });
    let server =
        Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await.expect("starts");
    let address = server.addresses()[0].to_string();
    let mut socket =
        TcpStream::connect(address.strip_prefix("iproto://").expect("a scheme")).await.expect("connects");
    send(&mut socket, Packet::new(1, 77, "body")).await;
    send(&mut socket, Packet::new(1, 0, "notice")).await;
    let reply = receive(&mut socket, &mut BytesMut::new()).await.expect("an answer");
    assert_eq!((reply.code, reply.sync, reply.body.len()), (1, 77, 0));
    let request: Request = requests.recv().await.expect("a request");
    let peer: &Peer = &request.peer;
    assert_eq!((request.id().map(|id| id.0), request.is_notification()), (Some(77), false));
    assert_eq!((&request.body[..], request.route.number()), (&b"body"[..], Some(1)));
    assert_eq!((peer.dialect(), peer.transport()), ("iproto", "tcp"));
    assert_eq!(peer.remote_addr(), socket.local_addr().ok());
    assert_eq!(peer.local_addr(), socket.peer_addr().ok());
    assert!(server.peer(peer.id()).is_some_and(|known| known == *peer));
    let notice: Request = requests.recv().await.expect("a notification");
    assert_eq!((notice.id(), notice.is_notification(), &notice.body[..]), (None, true, &b"notice"[..]));
    let stats = server.stats();
    assert_eq!((stats.requests, stats.notifications, stats.answered), (1, 1, 1), "{stats:?}");
}
