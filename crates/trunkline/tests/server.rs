//! Listeners, accepting, limits, hooks, and the ends of a server.

#![expect(clippy::print_stdout, reason = "figures are part of the result, seen with `--nocapture`")]

#[path = "support/raw.rs"]
mod raw;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raw::{receive, send};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use trunkline::bytes::{Bytes, BytesMut};
use trunkline::wire::iproto::Packet;
use trunkline::{
    Client, CloseReason, Error, ErrorKind, Io, Outcome, Peer, Request, Router, Server, ServerBuilder,
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn echo(request: Request) -> Bytes {
    request.body
}

fn builder() -> ServerBuilder {
    Server::builder().router(Router::new().route((1, "/echo"), echo)).listen("iproto://127.0.0.1:0")
}

async fn dial(server: &Server) -> TcpStream {
    let address = server.addresses()[0].to_string();
    TcpStream::connect(address.strip_prefix("iproto://").expect("a scheme")).await.expect("connects")
}

async fn answers(socket: &mut TcpStream) -> bool {
    send(socket, Packet::new(1, 7, "x")).await;
    receive(socket, &mut BytesMut::new()).await.is_some()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A path of this test's own for a socket.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-{}-{name}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn url(&self) -> String {
        format!("iproto+unix://{}", self.0.display())
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn one_router_on_any_number_of_listeners() {
    let path = Path::new("many");
    let server = builder()
        .listen([path.url(), "iproto+mem://one-router".to_owned()])
        .listen("iproto://127.0.0.1:0,iproto://127.0.0.1:0")
        .start()
        .await
        .expect("starts");
    assert_eq!(server.addresses().len(), 5);
    for (address, transport) in server.addresses().iter().zip(["tcp", "unix", "mem", "tcp", "tcp"]) {
        let client = Client::connect(address).await.expect("connects");
        assert_eq!(client.call::<Bytes>(1, "x").await.expect("answers"), "x");
        assert_eq!(client.peer().expect("is up").transport(), transport);
        assert!(!address.to_string().ends_with(":0"), "the port that was given: {address}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_its_owners_alone_and_goes_with_its_server() {
    let path = Path::new("mode");
    let server = Server::builder().listen(path.url()).start().await.expect("starts");
    let mode = std::fs::metadata(&path.0).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.drain().await;
    assert!(!path.0.exists(), "the file goes with the listener");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_a_live_one_and_a_file_are_not() {
    let stale = Path::new("stale");
    // What a server leaves behind that was killed.
    drop(UnixListener::bind(&stale.0).expect("binds"));
    assert!(stale.0.exists());
    let first = builder().listen(stale.url()).start().await.expect("replaces it");
    let client = Client::connect(stale.url()).await.expect("connects");
    assert_eq!(client.call::<Bytes>(1, "x").await.expect("answers"), "x");

    let error = Server::builder().listen(stale.url()).start().await.expect_err("it is in use");
    assert!(error.to_string().contains("another server listens on"), "{error}");
    assert_eq!(client.call::<Bytes>(1, "y").await.expect("the first one goes on"), "y");
    drop(first);

    let file = Path::new("file");
    std::fs::write(&file.0, "precious").expect("writes");
    let error = Server::builder().listen(file.url()).start().await.expect_err("it is no socket");
    assert!(error.to_string().contains("is not a socket"), "{error}");
    assert_eq!(std::fs::read(&file.0).expect("is there"), b"precious");
}

#[tokio::test]
async fn mistakes_are_found_before_anything_is_served() {
    let twice = Router::new().route((1, "/a"), echo).route((2, "/a"), echo);
    for (builder, why) in [
        (builder().router(twice), "two handlers for route"),
        (Server::builder(), "needs an address"),
        (Server::builder().listen("nonsense://127.0.0.1:0"), "no dialect"),
        (Server::builder().listen("127.0.0.1:0"), "dialect://host:port"),
    ] {
        let error = builder.start().await.expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.outcome(), Outcome::NotSent);
    }
    let (error, server) = (builder().start().await, builder().start().await.expect("starts"));
    drop(error);
    let taken = Server::builder().listen(&server.addresses()[0]).start().await.expect_err("in use");
    assert!(matches!(taken.kind(), ErrorKind::Io(_)) && taken.address().is_some(), "{taken}");
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_a_free_place_is_taken() {
    let server = builder().max_connections(2).start().await.expect("starts");
    let (mut first, mut second) = (dial(&server).await, dial(&server).await);
    assert!(answers(&mut first).await && answers(&mut second).await);
    let mut third = dial(&server).await;
    let end = timeout(PATIENCE, third.read(&mut [0])).await.expect("in time");
    assert_eq!(end.unwrap_or(0), 0, "closed at once");
    assert!(answers(&mut first).await && answers(&mut second).await, "the others notice nothing");
    drop(first);
    until("a place is free", || server.peers().len() == 1).await;
    assert!(answers(&mut dial(&server).await).await);
}

#[tokio::test]
async fn hooks_run_once_each_and_in_order() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let say = {
        let log = log.clone();
        move |what: String| log.lock().expect("no panic").push(what)
    };
    let peers = Arc::new(Mutex::new(Vec::<Peer>::new()));
    let (hook, kept) = (say.clone(), peers.clone());
    let server = builder()
        .on_peer(move |peer| {
            hook("peer".to_owned());
            for n in 1..4 {
                let (say, again) = (hook.clone(), hook.clone());
                let same = peer.clone();
                peer.on_close(move |reason| {
                    say(format!("close {n}: {}", reason.name()));
                    assert_ne!(n, 2, "a hook that panics takes nobody along");
                    if n == 1 {
                        same.on_close(move |_| again("close 4: registered by 1".to_owned()));
                    }
                });
            }
            kept.lock().expect("no panic").push(peer);
            async { Ok(()) }
        })
        .start()
        .await
        .expect("starts");
    let mut socket = dial(&server).await;
    assert!(answers(&mut socket).await);
    until("the hook ran", || !peers.lock().expect("no panic").is_empty()).await;
    let peer = peers.lock().expect("no panic").remove(0);
    drop(socket);
    timeout(PATIENCE, peer.closed()).await.expect("in time");
    let last = say.clone();
    peer.on_close(move |_| last("close 5: after the end".to_owned()));
    say("done".to_owned());
    let wanted = [
        "peer",
        "close 1: peer",
        "close 2: peer",
        "close 3: peer",
        "close 4: registered by 1",
        "close 5: after the end",
        "done",
    ];
    assert_eq!(*log.lock().expect("no panic"), wanted);
    assert!(server.peers().is_empty());
}

#[tokio::test]
async fn a_peer_hook_that_fails_or_panics_closes_the_peer() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = builder()
        .on_peer(move |peer: Peer| {
            let n = count.fetch_add(1, Ordering::Relaxed);
            async move {
                match n {
                    0 => peer.call::<()>(9, ()).timeout(Duration::from_millis(20)).await,
                    1 => panic!("the login is broken"),
                    _ => Ok::<(), Error>(()),
                }
            }
        })
        .start()
        .await
        .expect("starts");
    for _ in 0..2 {
        let mut socket = dial(&server).await;
        let mut rest = Vec::new();
        let end = timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
        end.expect("in time").expect("the server closes");
    }
    assert!(answers(&mut dial(&server).await).await, "the third one is welcome");
}

#[tokio::test]
async fn the_accept_hook_refuses_and_wraps() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = builder()
        .accept(move |io| {
            let n = count.fetch_add(1, Ordering::Relaxed);
            async move {
                match (n, io) {
                    (0, _) => Err(std::io::Error::other("not you")),
                    (_, Io::Tcp(tcp)) => Ok(Io::Other(Box::new(tcp))),
                    (_, io) => Ok(io),
                }
            }
        })
        .start()
        .await
        .expect("starts");
    let refused = timeout(PATIENCE, dial(&server).await.read(&mut [0])).await.expect("in time");
    assert_eq!(refused.unwrap_or(0), 0);
    let mut socket = dial(&server).await;
    assert!(answers(&mut socket).await);
    assert_eq!(server.peers()[0].transport(), "other");
}

#[tokio::test]
async fn who_is_still_being_welcomed_when_the_server_drains_comes_too_late() {
    let (gate, waits) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opens, waiting) = (gate.clone(), waits.clone());
    let server = builder()
        .accept(move |io| {
            let (gate, waits) = (gate.clone(), waits.clone());
            async move {
                waits.fetch_add(1, Ordering::Relaxed);
                let _ = gate.acquire().await;
                Ok(io)
            }
        })
        .start()
        .await
        .expect("starts");
    let mut socket = dial(&server).await;
    until("the hook waits", || waiting.load(Ordering::Relaxed) == 1).await;
    assert_eq!(server.drain().await.peers, 0);
    opens.close();
    let end = timeout(PATIENCE, socket.read(&mut [0])).await.expect("nobody serves it");
    assert_eq!(end.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_drain_reports_what_it_cut() {
    let router = Router::new().route(1, echo).route(2, |_: Request| std::future::pending::<()>());
    let server = Server::builder()
        .router(router)
        .listen("iproto://127.0.0.1:0")
        .drain_timeout(Duration::from_millis(200))
        .start()
        .await
        .expect("starts");
    let (idle, busy) = (
        Client::connect(&server.addresses()[0]).await.expect("connects"),
        Client::connect(&server.addresses()[0]).await.expect("connects"),
    );
    idle.call::<Bytes>(1, "x").await.expect("answers");
    let peer = busy.peer().expect("is up");
    let calls: Vec<_> = (0..3).map(|_| peer.call::<()>(2, ()).start()).collect();
    busy.call::<Bytes>(1, "x").await.expect("answers");
    let report = server.drain().await;
    assert_eq!(
        (report.peers, report.drained, report.cut, report.calls_cut, report.answers_cut),
        (2, 1, 1, 0, 3)
    );
    assert!(report.took >= Duration::from_millis(200) && report.took < Duration::from_secs(5), "{report}");
    assert!(report.to_string().starts_with("2 peers: 1 drained, 1 cut (0 calls, 3 answers) in"), "{report}");
    for call in calls {
        assert_eq!(call.await.expect_err("cut").outcome(), Outcome::Unknown);
    }
}

#[tokio::test]
async fn a_server_that_is_dropped_cuts() {
    let router = Router::new().route(1, echo).route(2, |_: Request| std::future::pending::<()>());
    let server =
        Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await.expect("starts");
    let address = server.addresses()[0].clone();
    let client = Client::connect(&address).await.expect("connects");
    let peer = client.peer().expect("is up");
    let call = peer.call::<()>(2, ()).start();
    peer.call::<Bytes>(1, "x").await.expect("answers");
    let kept = server.peers().remove(0);
    drop(server);
    let error = timeout(PATIENCE, call).await.expect("in time").expect_err("cut");
    assert!(matches!(error.kind(), ErrorKind::Closed(_)) && error.outcome() == Outcome::Unknown, "{error:?}");
    let reason = timeout(PATIENCE, kept.closed()).await.expect("in time");
    assert_eq!(*reason, CloseReason::Local, "a peer that was kept does not keep the connection");
    Client::connect(&address).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn an_idle_connection_is_closed_when_that_is_wanted() {
    let limit = Duration::from_millis(150);
    let server = builder()
        .configure(move |config| {
            config.ping_interval = None;
            config.idle_timeout = Some(limit);
        })
        .start()
        .await
        .expect("starts");
    let mut socket = dial(&server).await;
    for _ in 0..5 {
        assert!(answers(&mut socket).await);
        sleep(limit / 3).await;
    }
    let peer = server.peers().remove(0);
    let reason = timeout(PATIENCE, peer.closed()).await.expect("in time");
    assert_eq!(*reason, CloseReason::Idle { limit });
    assert!(reason.to_string().contains("`idle_timeout`"), "{reason}");
}

/// Set in the child process that has few file descriptors.
const CHILD: &str = "TRUNKLINE_TEST_FEW_DESCRIPTORS";

#[test]
fn a_server_without_descriptors_survives_and_accepts_again() {
    if std::env::var_os(CHILD).is_some() {
        return few_descriptors();
    }
    let child = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 48 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "a_server_without_descriptors_survives_and_accepts_again", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("accepted again after EMFILE"), "{said}");
}

#[tokio::main(flavor = "current_thread")]
async fn few_descriptors() {
    let server = builder().start().await.expect("starts");
    let mut first = dial(&server).await;
    assert!(answers(&mut first).await);
    let address = server.addresses()[0].to_string();
    let address = address.strip_prefix("iproto://").expect("a scheme");
    let mut sockets = Vec::new();
    // Each takes two descriptors of this process, so one end is refused in the middle.
    let full = loop {
        match TcpStream::connect(address).await {
            Ok(socket) => sockets.push(socket),
            Err(error) => break error,
        }
        assert!(sockets.len() < 1000, "the limit is not there");
    };
    assert_eq!(full.raw_os_error(), Some(24), "{full}");
    assert!(answers(&mut first).await, "who is connected notices nothing");
    // Hold every descriptor while the listener has somebody to accept.
    let held: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    drop(sockets.pop());
    let mut late = TcpStream::connect(address).await.expect("the kernel accepts");
    send(&mut late, Packet::new(1, 7, "late")).await;
    assert!(answers(&mut first).await, "nor while accepting fails");
    let connected = server.peers().len();
    drop((held, sockets));
    let reply = receive(&mut late, &mut BytesMut::new()).await.expect("it is served in the end");
    assert_eq!(reply.body, "late");
    println!("accepted again after EMFILE ({connected} peers at the limit)");
}
