//! A fleet that loses its server in one moment does not come back in one moment. Simulated time.

use std::time::Duration;

use tokio::time::Instant;
use trunkline::Client;

use crate::support::{ANY, Place, echo, eventually};

const CLIENTS: usize = 1_000;
const WINDOW: Duration = Duration::from_millis(100);
const OUTAGE: Duration = Duration::from_secs(30);

/// The largest number of dials in any window, not only in those that begin at a round time.
fn peak(dials: &[Instant]) -> usize {
    let mut first = 0;
    let counts = dials.iter().enumerate().map(|(n, at)| {
        while *at - dials[first] > WINDOW {
            first += 1;
        }
        n + 1 - first
    });
    counts.max().unwrap_or(0)
}

async fn fleet(place: &Place) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let client = place.builder().connect(ANY).await.expect("connects");
        echo(&client).await.expect("answers");
        clients.push(client);
    }
    clients
}

fn online(clients: &[Client]) -> usize {
    clients.iter().filter(|client| !client.peers().is_empty()).count()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_idle_clients_never_dial_in_one_burst() {
    let place = Place::new();
    let clients = fleet(&place).await;
    let before = place.dials().len();
    place.kill();
    tokio::time::sleep(OUTAGE).await;
    place.revive();
    let took = eventually("all are back", Duration::from_secs(10), || online(&clients) == CLIENTS).await;
    let dials = &place.dials()[before..];
    let (peak, each) = (peak(dials), dials.len() / CLIENTS);
    println!("idle: {peak} dials in the worst 100 ms, {each} dials each, all back after {took:?}");
    assert!(peak <= CLIENTS / 4, "{peak} of {CLIENTS} clients dialled within {WINDOW:?}");
    assert!(took <= Duration::from_secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_busy_clients_do_not_meet_a_returning_server_in_one_burst() {
    let place = Place::new();
    let clients = fleet(&place).await;
    let callers = clients.iter().cloned().map(|client| {
        tokio::spawn(async move {
            let began = Instant::now();
            // Each call waits for a connection for 1 s and fails; there is a caller at any time.
            while let Err(error) = echo(&client).await {
                assert!(began.elapsed() < 2 * OUTAGE, "{error}");
            }
        })
    });
    place.kill();
    let callers = callers.collect::<Vec<_>>();
    tokio::time::sleep(OUTAGE).await;
    place.revive();
    let returned = Instant::now();
    let took = eventually("all are back", Duration::from_secs(10), || online(&clients) == CLIENTS).await;
    for caller in callers {
        caller.await.expect("answered");
    }
    let dials = place.dials();
    let late = dials.iter().position(|at| *at > returned - Duration::from_secs(1)).expect("dials");
    let peak = peak(&dials[late..]);
    println!("busy: {peak} dials in the worst 100 ms around the return, all back after {took:?}");
    assert!(peak <= CLIENTS / 4, "{peak} of {CLIENTS} clients dialled within {WINDOW:?}");
    assert!(took <= Duration::from_secs(2), "{took:?}");
}
