//! The table of all defaults: printed from the code, compared with `docs/defaults.md`.
//!
//! `TRUNKLINE_BLESS=1 cargo test -p trunkline --test defaults` writes the page anew.

use std::path::Path;
use std::time::Duration;

use trunkline::wire::{Limits, Profile, iproto, packet, simple};
use trunkline::{Config, Server};

/// Every setting of a connection with its value, in the order of the struct. No field can be forgotten: a new one does
/// not compile until it is here.
fn settings(config: Config) -> Vec<(&'static str, String, &'static str)> {
    let Config {
        limits: Limits { max_message, max_route, max_metadata },
        call_timeout,
        notify_timeout,
        ping_interval,
        idle_timeout,
        drain_timeout,
        write_stall_timeout,
        slow_message_grace,
        max_pending,
        max_running,
        max_waiting,
        max_waiting_bytes,
        flush_delay,
        lane_bytes,
        bulk_bytes,
        replies_pause,
        replies_max,
        shared_messages,
        shared_bytes,
        shared_patience,
        max_control,
        tombstone_time,
        max_tombstones,
        first_id,
    } = config;
    vec![
        ("max_message", bytes(max_message), "iproto: go-iproto's README; else gRPC's 4 MiB"),
        ("max_route", bytes(max_route), "one byte of length in many formats"),
        ("max_metadata", bytes(max_metadata), "grpc-go"),
        ("call_timeout", time(call_timeout), "iproto: go-iproto's README; else tarpc"),
        ("notify_timeout", time(notify_timeout), "go-iproto's README"),
        ("ping_interval", or_off(ping_interval, time), "iproto: go-iproto's README"),
        ("idle_timeout", or_off(idle_timeout, time), "ours: honest peers may be quiet"),
        ("drain_timeout", time(drain_timeout), "iproto: go-iproto's README; else Kubernetes' grace"),
        (
            "write_stall_timeout",
            time(write_stall_timeout),
            "iproto: go-iproto's WriteTimeout; else NATS, yamux",
        ),
        ("slow_message_grace", time(slow_message_grace), "ours; 1 KiB/s after it"),
        ("max_pending", count(max_pending), "gorpc's README"),
        ("max_running", count(max_running), "ours"),
        ("max_waiting", count(max_waiting), "ours: four for each that runs, as Go's HTTP/2 server"),
        ("max_waiting_bytes", bytes(max_waiting_bytes), "ours"),
        (
            "flush_delay",
            if flush_delay.is_zero() { "off".to_owned() } else { time(flush_delay) },
            "gorpc's FlushDelay: off there too",
        ),
        ("lane_bytes", bytes(lane_bytes), "ours: one write turn"),
        ("bulk_bytes", bytes(bulk_bytes), "ours"),
        ("replies_pause", bytes(replies_pause), "ours"),
        ("replies_max", bytes(replies_max), "ours"),
        ("shared_messages", count(shared_messages), "ours; for broadcasts, per peer"),
        ("shared_bytes", bytes(shared_bytes), "Redis' pubsub limit, tightened"),
        ("shared_patience", time(shared_patience), "ours; four times the limits close at once"),
        ("max_control", count(max_control), "grpc-go"),
        ("tombstone_time", time(tombstone_time), "ours: longer than any time-out above"),
        ("max_tombstones", count(max_tombstones), "ours: 24 bytes each"),
        ("first_id", or_off(first_id, |id| id.to_string()).replace("off", "by side"), "see dialects.md"),
    ]
}

fn bytes(bytes: usize) -> String {
    match bytes {
        n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if n >= 1 << 10 && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        n => format!("{} B", count(n)),
    }
}

fn count(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn time(time: Duration) -> String {
    format!("{time:?}").replace('s', " s")
}

fn or_off<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "off".to_owned(), show)
}

/// A number out of the builder's own account of itself.
fn of_server(setting: &str) -> String {
    let builder = format!("{:?}", Server::builder());
    let at = builder
        .split(&format!("{setting}: "))
        .nth(1)
        .unwrap_or_else(|| panic!("{setting} is not in {builder}"));
    let digits: String = at.chars().take_while(char::is_ascii_digit).collect();
    count(digits.parse().expect("a number"))
}

fn table() -> String {
    let profiles: [&Profile; 3] = [&iproto::PROFILE, &simple::PROFILE, &packet::PROFILE];
    let columns = profiles.map(|profile| settings(Config::for_dialect(profile)));
    let mut page = String::from(
        "# All defaults\n\n\
         Every setting of a connection, changed with `configure` on a server or client. A limit is inclusive; none can\n\
         be off by accident. Sizes are of bodies; times are of the clock of the runtime.\n\n",
    );
    page += "| setting |";
    profiles.iter().for_each(|profile| page += &format!(" {} |", profile.name));
    page += " from |\n|---|---|---|---|---|\n";
    let [first, rest @ ..] = &columns;
    for (row, (name, value, source)) in first.iter().enumerate() {
        page += &format!("| `{name}` | {value} |");
        rest.iter().for_each(|column| page += &format!(" {} |", column[row].1));
        page += &format!(" {source} |\n");
    }
    page += "\nOf a whole server, changed on its builder:\n\n| setting | value | from |\n|---|---|---|\n";
    for (setting, source) in [("max_connections", "Redis' `maxclients`"), ("max_running", "gorpc's README")] {
        page += &format!("| `{setting}` | {} | {source} |\n", of_server(setting));
    }
    page += "\nThis page is printed from the code, and a test holds it to it (`crates/trunkline/tests/defaults.rs`).\n";
    page
}

#[test]
fn the_page_of_defaults_is_the_codes() {
    let page = table();
    println!("{page}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/defaults.md");
    if std::env::var_os("TRUNKLINE_BLESS").is_some() {
        std::fs::write(&path, &page).expect("writes");
    }
    let written = std::fs::read_to_string(&path).expect("docs/defaults.md is there");
    for (written, now) in written.lines().zip(page.lines()) {
        assert_eq!(written, now, "docs/defaults.md differs from the code; see the head of this test");
    }
    assert_eq!(written, page);
}

/// The READMEs that the defaults are from, as numbers: changing one needs a reason.
#[test]
fn the_originals_defaults_are_kept() {
    let iproto = Config::for_dialect(&iproto::PROFILE);
    let seconds = Duration::from_secs;
    assert_eq!(iproto.limits.max_message, 100_000_000);
    assert_eq!((iproto.call_timeout, iproto.notify_timeout), (seconds(5), seconds(1)));
    assert_eq!((iproto.ping_interval, iproto.drain_timeout), (Some(seconds(60)), seconds(5)));
    for profile in [&simple::PROFILE, &packet::PROFILE] {
        let config = Config::for_dialect(profile);
        assert_eq!(
            (config.limits.max_message, config.idle_timeout, config.ping_interval),
            (4 << 20, None, None)
        );
    }
}
