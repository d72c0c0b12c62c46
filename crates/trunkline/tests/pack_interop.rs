//! Packed bodies between trunkline and the Go peer, which packs by its own implementation, both ways.
//!
//! Without Go nothing can be tried: the test says what it skips, and fails where `TRUNKLINE_REQUIRE_GO=1`.

#![cfg(feature = "pack")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use trunkline::bytes::Bytes;
use trunkline::{Client, Pack, Packed, Request, Router, Server, Unpack};

/// What each side of a case may take: it is done in milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The peer's `parcel`: a field of every kind that services pack.
#[derive(Pack, Unpack, Clone, Debug, PartialEq)]
struct Parcel {
    #[pack(ber)]
    number: u32,
    name: String,
    #[pack(ber)]
    label: String,
    #[pack(ber)]
    blob: Bytes,
    #[pack(ber)]
    counts: Vec<u16>,
    places: Vec<Place>,
    #[pack(ber)]
    shift: i64,
}

#[derive(Pack, Unpack, Clone, Debug, PartialEq)]
struct Place {
    x: i32,
    #[pack(ber)]
    y: i16,
}

impl Parcel {
    /// Has empty fields for 0, and grows with `n`.
    fn fresh(n: u16) -> Self {
        Self {
            number: u32::MAX >> (n % 32),
            name: "ж".repeat(n.into()),
            label: "l".repeat(usize::from(n) * 3),
            blob: (0..n).map(|n| n as u8).collect(),
            counts: (0..n).map(|n| n * n).collect(),
            places: (0..n).map(|n| Place { x: -1000 * i32::from(n), y: n as i16 - 1 }).collect(),
            shift: i64::MIN + 1 + i64::from(n),
        }
    }

    /// What both peers answer.
    fn stamp(mut self) -> Self {
        self.number = self.number.wrapping_add(1);
        (self.name, self.label) = (self.label + "!", self.name);
        self.blob = self.blob.iter().rev().copied().collect();
        self.counts.push(self.counts.len() as u16);
        for place in &mut self.places {
            (place.x, place.y) = (-place.x, place.y + 1);
        }
        self.shift = -self.shift;
        self
    }
}

async fn sum(request: Request<Packed<(u32, u32)>>) -> Packed<u32> {
    let Packed((a, b)) = request.body;
    Packed(a.wrapping_add(b))
}

async fn stamp(request: Request<Packed<Parcel>>) -> Packed<Parcel> {
    Packed(request.body.0.stamp())
}

/// The Go peer, built; `None` where there is no Go and none is required.
async fn peer(case: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("iproto-{case}"));
    let mut build = Command::new("go");
    build.current_dir(&folder).args(["build", "-buildvcs=false", "-o"]).arg(&program).arg("./iproto");
    match build.output().await {
        Ok(output) if output.status.success() => Some(program),
        Ok(output) => panic!("the peer cannot be built: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            let required = std::env::var("TRUNKLINE_REQUIRE_GO").is_ok_and(|value| value == "1");
            assert!(!required, "TRUNKLINE_REQUIRE_GO=1, but Go cannot be run: {error}");
            eprintln!("interop: pack: 1 skipped ({case}): Go is not installed");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_client_calls_packed_handlers() {
    let Some(program) = peer("client").await else { return };
    let router = Router::new().route(11, sum).route(12, stamp);
    let server =
        Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await.expect("starts");
    let address = port(&server);
    let run = Command::new(program).args(["client", &address, "packed"]).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, run).await.expect("in time").expect("runs");
    let line = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{line}{}", String::from_utf8_lossy(&output.stderr));
    let result: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    assert_eq!((&result["calls"], &result["ok"]), (&200.into(), &200.into()), "{line}");
    assert_eq!(server.stats().requests, 200);
    eprintln!("interop: pack: Go client, Rust handlers: {}", result["ok"]);
}

fn port(server: &Server) -> String {
    let address = server.addresses()[0].to_string();
    address.strip_prefix("iproto://").expect("the scheme").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_server_answers_packed_calls() {
    let Some(program) = peer("server").await else { return };
    let mut child = Command::new(program)
        .arg("server")
        .stdin(Stdio::piped()) // its end would end the server
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("a line");
    let line = line.expect("a line");
    let address = line.strip_prefix("listening ").expect("where it listens");

    let client = Client::connect(format!("iproto://{address}").as_str()).await.expect("connects");
    for n in 0..100u16 {
        let (a, b) = (u32::from(n) << (n % 16), u32::MAX / (u32::from(n) + 1));
        let Packed(sum) = client.call::<Packed<u32>>(11, Packed((a, b))).await.expect("answers");
        assert_eq!(sum, a.wrapping_add(b));
        let parcel = Parcel::fresh(n);
        let answer = client.call::<Packed<Parcel>>(12, Packed(parcel.clone())).await.expect("answers");
        assert_eq!(answer.0, parcel.stamp());
    }
    eprintln!("interop: pack: Rust client, Go handlers: 200");
}
