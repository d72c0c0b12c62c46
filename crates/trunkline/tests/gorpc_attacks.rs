//! What is known to bring a gorpc server down, sent to ours: each attack costs its own connection and nothing else. The
//! numbers are those of the list of defects in `docs/wire/gorpc.md`.

use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use trunkline::bytes::Bytes;
use trunkline::gob::Raw;
use trunkline::wire::gorpc::{ANY, Gorpc};
use trunkline::wire::{Dialect, Id, Limits, Message, Output};
use trunkline::{Client, Request, Router, Server, Side};

/// What a call beside an attack may take on a loaded machine; the original's took for ever.
const BYSTANDER: Duration = Duration::from_secs(5);

/// What our server may hold more than before, while and after it is attacked.
const MEMORY: u64 = 64 << 20;

// ---- gob, by hand -------------------------------------------------------------------------------------------------

fn uint(n: u64) -> Vec<u8> {
    if n < 0x80 {
        return vec![n as u8];
    }
    let bytes: Vec<u8> = n.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [&[(bytes.len() as u8).wrapping_neg()], &bytes[..]].concat()
}

fn int(n: i64) -> Vec<u8> {
    uint(((n << 1) ^ (n >> 63)) as u64)
}

fn text(text: &str) -> Vec<u8> {
    [uint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

fn message(content: &[u8]) -> Vec<u8> {
    [uint(content.len() as u64), content.to_vec()].concat()
}

fn common(name: &str, id: i64) -> Vec<u8> {
    [vec![1, 1], text(name), vec![1], int(id), vec![0]].concat()
}

/// The definition of a struct, as a message.
fn define_struct(id: i64, fields: &[(&str, i64)]) -> Vec<u8> {
    let fields_of =
        fields.iter().flat_map(|(name, ty)| [vec![1], text(name), vec![1], int(*ty), vec![0]].concat());
    let fields_of: Vec<u8> = fields_of.collect();
    let mut content = [int(-id), vec![3], common("T", id)].concat();
    if !fields.is_empty() {
        content.extend([vec![1], uint(fields.len() as u64), fields_of].concat());
    }
    content.extend([0, 0]);
    message(&content)
}

fn define_map(id: i64, key: i64, elem: i64) -> Vec<u8> {
    message(&[int(-id), vec![4], common("M", id), vec![1], int(key), vec![1], int(elem), vec![0, 0]].concat())
}

/// A request whose second field holds what is behind it.
fn request(content: &[u8]) -> Vec<u8> {
    message(&[int(64), vec![2], content.to_vec()].concat())
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let mut wrapped = Vec::with_capacity(plain.len() / 100 + (1 << 20));
    deflate.compress_vec(plain, &mut wrapped, FlushCompress::Sync).expect("deflates");
    [vec![1], wrapped].concat()
}

fn plain(stream: &[u8]) -> Vec<u8> {
    [vec![0], stream.to_vec()].concat()
}

// ---- the server and the figures -----------------------------------------------------------------------------------

async fn echo(request: Request) -> Bytes {
    request.body
}

async fn serve() -> (Server, Client) {
    let router = Router::new().fallback(echo);
    let server =
        Server::builder().router(router).listen("gorpc://127.0.0.1:0").start().await.expect("starts");
    let client = Client::connect(&server.addresses()[0]).await.expect("connects");
    (server, client)
}

/// Resident memory of this process, where the system says it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kb| kb << 10)
}

/// Sends an attack and waits until its connection is closed; meanwhile a bystander calls.
#[expect(clippy::print_stdout, reason = "the figures are what the run is read for")]
async fn attack(name: &str, bytes: Vec<u8>) {
    let (server, bystander) = serve().await;
    let address = server.addresses()[0].to_string();
    let before = resident();
    let began = Instant::now();
    let mut socket = TcpStream::connect(address.trim_start_matches("gorpc://")).await.expect("connects");
    // The server may close in the middle of it.
    let _ = socket.write_all(&bytes).await;
    let mut slowest = Duration::ZERO;
    let mut closed = false;
    while !closed {
        let asked = Instant::now();
        let call = bystander.call::<String>(ANY, "innocent");
        assert_eq!(timeout(BYSTANDER, call).await.expect("in time").expect("answers"), "innocent");
        slowest = slowest.max(asked.elapsed());
        assert!(began.elapsed() < Duration::from_secs(20), "{name}: the connection is still open");
        let mut byte = [0];
        let read = timeout(Duration::from_millis(1), socket.read(&mut byte)).await;
        closed = matches!(read, Ok(Ok(0) | Err(_)));
    }
    let grown = resident().saturating_sub(before);
    println!(
        "attack: {name}: {} bytes, closed after {:?}, {} KiB more, slowest call beside it {slowest:?}",
        bytes.len(),
        began.elapsed(),
        grown >> 10
    );
    assert!(grown < MEMORY, "{name}: {grown} bytes more");
    server.drain().await;
}

// ---- the attacks --------------------------------------------------------------------------------------------------

/// One after the other, so that the figures are theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_costs_its_own_connection() {
    // 1: an unknown field that contains itself, four million levels deep.
    let deep = [
        define_struct(65, &[("R", 65)]),
        define_struct(64, &[("ID", 3), ("X", 65)]),
        request(&vec![1; 4_000_000]),
    ];
    attack("1 a stack of four million levels", deflated(&deep.concat())).await;

    // 2: a map that announces 2^63 - 1 entries of nothing.
    let entries = [uint((1 << 63) - 1), vec![0; 16]].concat();
    let endless = [
        define_struct(65, &[]),
        define_map(66, 65, 65),
        define_struct(64, &[("ID", 3), ("X", 66)]),
        request(&entries),
    ];
    attack("2 a loop of 2^63 - 1 empty entries", plain(&endless.concat())).await;

    // 3: a map that announces 2^24 entries and sends none.
    let value =
        [text("map[string]int"), int(65), message(&[vec![0], uint(1 << 24)].concat()), vec![0]].concat();
    let announced = [define_map(65, 6, 2), define_struct(64, &[("ID", 3), ("Request", 8)]), request(&value)];
    attack("3 room for 2^24 entries", plain(&announced.concat())).await;

    // 4: a string of 256 MiB, deflated.
    let len = 256u64 << 20;
    let mut bomb = define_struct(64, &[("ID", 3), ("Request", 8)]);
    bomb.extend(uint(len));
    bomb.resize(64 << 20, 0);
    attack("4 a deflate bomb", deflated(&bomb)).await;

    // 5: definitions without end.
    let many: Vec<u8> = (100..200_100).flat_map(|id| define_struct(id, &[])).collect();
    attack("5 two hundred thousand definitions", plain(&many)).await;

    // 5, too: definitions once, and many small messages that need them all.
    let fields: Vec<String> =
        (0..2_000).map(|n| format!("A field with a long name and the number {n}")).collect();
    let fields: Vec<(&str, i64)> = fields.iter().map(|name| (name.as_str(), 2)).collect();
    let small = request(&[text("*main.T"), int(65), message(&[0]), vec![0]].concat());
    let mut copies = [define_struct(65, &fields), define_struct(64, &[("ID", 3), ("Request", 8)])].concat();
    for _ in 0..50_000 {
        copies.extend_from_slice(&small);
    }
    attack("5 definitions copied into every body", plain(&copies)).await;
}

/// Defects 6 and 7: who does not read its replies pays alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_nothing_harms_nobody() {
    let (server, bystander) = serve().await;
    let address = server.addresses()[0].to_string();
    let mut socket = TcpStream::connect(address.trim_start_matches("gorpc://")).await.expect("connects");
    let body: Bytes = Raw::named("string", &"x".repeat(100_000)).expect("a string").into_bytes().into();
    // The same request 400 times: 40 MB of replies that nobody reads.
    let mut asking = Output::new();
    let mut encoder = Gorpc::new().start(Side::Dialling, &Limits::default()).encoder;
    for id in 1..=400 {
        let call = Message::request(Id(id), ANY, body.clone());
        encoder.encode(&call, &mut asking).expect("sayable");
    }
    let stream = plain(&asking.to_vec());
    let before = resident();
    let writing = tokio::spawn(async move {
        let _ = socket.write_all(&stream).await;
        socket
    });
    for _ in 0..50 {
        let call = bystander.call::<String>(ANY, "innocent");
        assert_eq!(timeout(BYSTANDER, call).await.expect("in time").expect("answers"), "innocent");
    }
    writing.abort();
    let grown = resident().saturating_sub(before);
    assert!(grown < MEMORY, "{grown} bytes more for 40 MB of replies that nobody reads");
}

/// Defect 9 has its answer in the transport; this is the part that is the dialect's: a peer that says nothing is let go.
#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_let_go() {
    let (server, _) = serve().await;
    let address = server.addresses()[0].to_string();
    let mut socket = TcpStream::connect(address.trim_start_matches("gorpc://")).await.expect("connects");
    let began = tokio::time::Instant::now();
    let mut byte = [0];
    assert_eq!(socket.read(&mut byte).await.expect("closed"), 0);
    assert!(began.elapsed() >= Duration::from_secs(9), "{:?}", began.elapsed());
}
