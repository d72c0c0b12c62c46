//! What is logged: one line for each step of a connection's life, and no byte of a peer that could forge another.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Event, Metadata, Subscriber};
use trunkline::bytes::Bytes;
use trunkline::wire::simple::Simple;
use trunkline::{Client, Fault, Peer, Request, Router, Server, Side};

const PATIENCE: Duration = Duration::from_secs(30);

/// The lines that trunkline logged on this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn capture() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let guard = tracing::subscriber::set_default(lines.clone());
        (lines, guard)
    }

    fn with(&self, part: &str) -> Vec<String> {
        self.0.lock().expect("no panic").iter().filter(|line| line.contains(part)).cloned().collect()
    }

    /// The only line with this part.
    fn one(&self, part: &str) -> String {
        let mut lines = self.with(part);
        assert_eq!(lines.len(), 1, "lines with `{part}`: {:#?}", self.with(""));
        lines.remove(0)
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}").expect("a string"),
            name => write!(self.0, " {name}={value:?}").expect("a string"),
        }
    }
}

impl Subscriber for Lines {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("trunkline")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().expect("no panic").push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

async fn echo(request: Request) -> Bytes {
    request.body
}

async fn server() -> Server {
    Server::builder()
        .router(Router::new().route(1, echo).route(2, async |_: Request| -> () { panic!("as asked") }))
        .listen("iproto://127.0.0.1:0")
        .start()
        .await
        .expect("starts")
}

async fn dial(server: &Server) -> TcpStream {
    let address = server.addresses()[0].to_string();
    TcpStream::connect(address.strip_prefix("iproto://").expect("a scheme")).await.expect("connects")
}

#[tokio::test]
async fn connecting_draining_and_closing_are_one_line_each() {
    let (lines, _guard) = Lines::capture();
    let server = server().await;
    let address = server.addresses()[0].to_string();
    assert_eq!(lines.one("listening"), format!("INFO listening address={address}"));
    let client = Client::connect(&address).await.expect("connects");
    client.call::<Bytes>(1, "x").await.expect("answers");
    let (ours, theirs) = (client.peer().expect("is up").id(), server.peers()[0].id());
    let report = server.drain().await;
    assert_eq!((report.peers, report.drained), (1, 1));
    client.drain().await;
    for (id, side) in [(ours, "Dialling"), (theirs, "Accepting")] {
        let mine = lines.with(&format!(" peer={id} "));
        assert_eq!(mine.len(), 3, "{mine:#?}");
        for (line, (part, also)) in mine.iter().zip([
            ("connected", format!("side={side}")),
            ("draining", "address=".to_owned()),
            ("closed: drained", "reason=\"drained\"".to_owned()),
        ]) {
            assert!(line.starts_with("DEBUG") && line.contains(part) && line.contains(&also), "{line}");
        }
    }
    assert!(lines.one("1 peers: 1 drained").starts_with("INFO"));
    assert!(lines.with("WARN").is_empty() && lines.with("ERROR").is_empty(), "{:#?}", lines.with(""));
}

#[tokio::test]
async fn a_limit_that_is_hit_is_one_warning_that_names_it() {
    let (lines, _guard) = Lines::capture();
    let server = server().await;
    let mut socket = dial(&server).await;
    let local = socket.local_addr().expect("an address");
    socket.write_all(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0]).await.expect("twelve bytes");
    let _ = timeout(PATIENCE, socket.read(&mut [0])).await.expect("closed");
    let line = lines.one("WARN");
    for part in ["4294967295", "100000000", "`max_message`", "reason=\"wire\"", "dialect=\"iproto\""] {
        assert!(line.contains(part), "`{part}` is not in: {line}");
    }
    assert!(line.contains(&local.to_string()), "whose: {line}");
}

#[tokio::test]
async fn a_silent_fault_is_logged_once_per_route_and_counted() {
    let (lines, _guard) = Lines::capture();
    let server = server().await;
    let client = Client::connect(&server.addresses()[0]).await.expect("connects");
    let peer = client.peer().expect("is up");
    for code in [9, 9, 9, 10] {
        peer.call::<()>(code, ()).timeout(Duration::from_millis(20)).await.expect_err("silence");
    }
    assert_eq!(lines.with("the caller hears nothing").len(), 2, "{:#?}", lines.with("WARN"));
    assert_eq!(server.stats().unsaid_faults, 4);
    peer.call::<()>(2, ()).timeout(Duration::from_millis(20)).await.expect_err("silence");
    assert!(lines.one("a handler panicked").contains("route=2"));
}

#[tokio::test]
async fn what_a_peer_says_cannot_forge_a_line() {
    let (lines, _guard) = Lines::capture();
    let (a, b) = duplex(4096);
    let router = Router::new()
        .route("/fails", async |_: Request| -> Result<(), Fault> {
            Err(std::io::Error::other("bad\nERROR forged\x1b[31m"))?;
            Ok(())
        })
        .fallback(async |_: Request| -> () { panic!("at every name") });
    let caller = Peer::over(a, Side::Dialling, Simple::new(), Router::new()).expect("no duplicates");
    let _server = Peer::over(b, Side::Accepting, Simple::new(), router).expect("no duplicates");
    caller.call::<()>("/a\nERROR forged\x1b[31m\u{202e}", ()).await.expect_err("a fault");
    caller.call::<()>("/fails", ()).await.expect_err("a fault");
    assert_eq!(lines.with("a handler panicked").len(), 1);
    assert_eq!(lines.with("a handler failed").len(), 1);
    for line in lines.with("") {
        assert!(!line.chars().any(char::is_control) && !line.contains('\u{202e}'), "{line:?}");
    }
    assert_eq!(lines.with("forged").len(), 2, "escaped, not hidden: {:#?}", lines.with(""));
}
