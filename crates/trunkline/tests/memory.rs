//! Memory follows the bytes that arrived, never a length that was announced: measured by a counting allocator, which is
//! why these have a process of their own and run one after the other.

#![expect(clippy::print_stdout, reason = "figures are part of the result, seen with `--nocapture`")]

#[path = "support/bystander.rs"]
mod bystander;
#[path = "support/header.rs"]
mod header;
#[path = "support/victim.rs"]
mod victim;

use std::time::Duration;

use header::header;
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use trunkline::bytes::Bytes;
use trunkline::{CloseReason, Peer, Request, Router};
use victim::{PATIENCE, Victim, end_of};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const KIB: usize = 1 << 10;

/// The read blocks of the runtime's threads, made at their first use, and the bystander's buffers.
const SHARED: usize = 8 * 64 * KIB;

async fn echo(request: Request) -> Bytes {
    request.body
}

async fn attackers(victim: &mut Victim, count: usize) -> Vec<(TcpStream, Peer)> {
    let mut attackers = Vec::with_capacity(count);
    for _ in 0..count {
        attackers.push(victim.attacker().await);
    }
    attackers
}

async fn arrived(attackers: &[(TcpStream, Peer)], bytes: u64) {
    let all = async {
        while attackers.iter().any(|(_, peer)| peer.stats().bytes_in < bytes) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, all).await.expect("the bytes arrive");
}

/// Peak heap over `base` since the last reset, in bytes.
fn peak(base: usize) -> usize {
    HEAP.peak_usage().saturating_sub(base)
}

/// 1,000 connections, twelve bytes each, with legal lengths between 4 MiB and the limit.
async fn announced_lengths_cost_nothing() {
    const PEERS: usize = 1000;
    let mut victim = Victim::start(Router::new().route(1, echo), |config| config.ping_interval = None).await;
    let mut attackers = attackers(&mut victim, PEERS).await;
    let base = HEAP.current_usage();
    HEAP.reset_peak_usage();
    for (n, (socket, _)) in attackers.iter_mut().enumerate() {
        let len = (4 << 20) + (n as u32 * 95_000);
        socket.write_all(&header(1, len, 7)).await.expect("twelve bytes");
    }
    arrived(&attackers, 12).await;
    let each = peak(base) / PEERS;
    println!(
        "memory: {PEERS} connections announced 4 to 99 MiB and sent 12 bytes: {each} bytes each at the peak"
    );
    assert!(each <= 2 * KIB, "{each} bytes for each connection that sent 12");
    drop(attackers);
    victim.verdict("1,000 announced lengths").await;
}

/// What did arrive of an unfinished message is held, and not much more.
async fn what_arrived_is_what_is_held() {
    const LEN: usize = 90 << 20;
    let mut victim = Victim::start(Router::new().route(1, echo), |config| config.ping_interval = None).await;
    let mut attackers = attackers(&mut victim, 1).await;
    let base = HEAP.current_usage();
    attackers[0].0.write_all(&header(1, LEN as u32, 7)).await.expect("twelve bytes");
    let block = vec![0; 64 * KIB];
    let mut sent = 12;
    for upto in [KIB, 16 * KIB, 64 * KIB, 256 * KIB, 1024 * KIB, 8192 * KIB] {
        HEAP.reset_peak_usage();
        while sent < upto {
            let n = block.len().min(upto - sent);
            attackers[0].0.write_all(&block[..n]).await.expect("the server reads");
            sent += n;
        }
        arrived(&attackers, sent as u64).await;
        let (held, peak) = (HEAP.current_usage().saturating_sub(base), peak(base));
        println!("memory: {sent} bytes of {LEN} arrived: {held} held, {peak} at the peak");
        // The buffer doubles; while it does, the old one is there, too.
        assert!(held <= 2 * sent + SHARED, "{held} bytes are held of {sent}");
        assert!(peak <= 3 * sent + SHARED, "{peak} bytes at the peak for {sent}");
    }
    let (mut socket, peer) = attackers.remove(0);
    socket.shutdown().await.expect("no more");
    assert!(matches!(end_of(&peer).await, CloseReason::Wire(_)));
    drop((socket, peer, block));
    let left = HEAP.current_usage().saturating_sub(base);
    assert!(left <= SHARED, "{left} bytes are left behind");
    victim.verdict("a large message that never ends").await;
}

/// Requests that nobody can serve yet are bounded, and all of it is given back.
async fn parked_requests_are_bounded_and_given_back() {
    let router = Router::new().route(1, echo).route(2, |_: Request| std::future::pending::<()>());
    let mut victim = Victim::start(router, |config| {
        config.ping_interval = None;
        config.max_running = 1;
        config.max_waiting_bytes = 1024 * KIB;
    })
    .await;
    let base = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let (mut socket, peer) = victim.attacker().await;
    let mut packet = header(2, 1000, 7).to_vec();
    packet.resize(1012, 0);
    let flood = packet.repeat(64);
    drop(packet);
    while socket.write_all(&flood).await.is_ok() {}
    let _ = socket.read(&mut [0]).await;
    let reason = end_of(&peer).await;
    assert!(matches!(reason, CloseReason::Overload { setting: "max_waiting_bytes", .. }), "{reason}");
    let peak = peak(base);
    println!("memory: 1 MiB of requests may wait: {peak} bytes at the peak");
    assert!(peak <= 2560 * KIB + SHARED, "{peak}");
    drop((socket, peer, flood));
    victim.verdict("a flood of requests").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_follows_the_bytes_that_arrived() {
    announced_lengths_cost_nothing().await;
    what_arrived_is_what_is_held().await;
    parked_requests_are_bounded_and_given_back().await;
}
