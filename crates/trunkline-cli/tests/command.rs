//! The command as a user meets it: what it prints, where, and what it ends with.
//!
//! Output that never changes is kept as snapshots in `snapshots/`; addresses and times are replaced by their names.

#[path = "command/support.rs"]
mod support;

use std::fs;
use std::time::Duration;

use serde_json::Value;
use support::{Counting, Served, run, run_with, shown};

#[test]
fn help_of_every_verb() {
    for verb in ["", "serve", "call", "notify", "ping", "bench", "decode", "demo", "completions"] {
        let args: Vec<_> = [verb, "--help"].into_iter().filter(|arg| !arg.is_empty()).collect();
        let name = if verb.is_empty() { "help".to_owned() } else { format!("help_{verb}") };
        insta::assert_snapshot!(name, shown(&run(&args)));
    }
    insta::assert_snapshot!("help_bench_idle", shown(&run(&["bench", "idle", "--help"])));
}

#[test]
fn usage_errors_end_with_2() {
    let cases: &[(&str, &[&str])] = &[
        ("no_verb", &[]),
        ("no_such_verb", &["frobnicate"]),
        ("no_scheme", &["call", "127.0.0.1:3301", "1"]),
        ("no_such_dialect", &["call", "http://127.0.0.1:3301", "1"]),
        ("no_such_transport", &["call", "iproto+quic://127.0.0.1:3301", "1"]),
        ("bad_hex", &["call", "iproto://127.0.0.1:3301", "1", "--hex", "0g"]),
        ("no_such_file", &["call", "iproto://127.0.0.1:3301", "1", "-d", "@/no/such/file"]),
        ("bad_unit", &["bench", "iproto://127.0.0.1:3301", "-d", "64 apples"]),
        ("bad_time", &["call", "iproto://127.0.0.1:3301", "1", "--timeout", "soon"]),
        ("nothing_to_load", &["bench", "iproto://127.0.0.1:3301", "-c", "0"]),
        ("too_many_shards", &["serve", "iproto://127.0.0.1:0", "--workers", "2"]),
        ("no_dialect_to_decode", &["decode", "--dialect", "carrier-pigeon", "--hex", "00"]),
    ];
    for (name, args) in cases {
        let ended = run(args);
        assert_eq!(ended.code, Some(2), "{name}: {}", shown(&ended));
        insta::assert_snapshot!(format!("usage_{name}"), shown(&ended));
    }
}

#[test]
fn answers_are_text_for_people_and_json_for_pipes() {
    let server = Served::start();
    for url in server.urls() {
        let ended = run(&["call", url, "/echo", "-d", "hello", "-o", "human"]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), "hello\n"), "{}", shown(&ended));

        let ended = run(&["call", url, "1", "-d", "hello"]);
        let answer: Value = serde_json::from_str(&ended.out).expect("JSON when piped");
        assert_eq!((&answer["body"], &answer["len"]), (&"hello".into(), &5.into()), "{}", shown(&ended));
        assert!(answer["us"].is_u64());

        let ended = run(&["call", url, "5", "--hex", "28000000 02000000", "-o", "human"]);
        insta::assert_snapshot!("sum_is_not_text", shown(&ended));

        let ended = run(&["call", url, "0x2", "-o", "raw"]);
        assert_eq!(ended.out, r#"{"status":"healthy"}"#, "{}", shown(&ended));
    }
}

#[test]
fn bodies_come_from_files_and_standard_input() {
    let server = Served::start();
    let file = server.folder().join("body");
    fs::write(&file, [0xff, 0x00, 0x80]).unwrap();
    let at = format!("@{}", file.display());
    let ended = run(&["call", server.url(), "/echo", "-d", &at]);
    let answer: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(answer["body_hex"], "ff0080");
    let ended = run_with(&["call", server.url(), "/echo", "-d", "@-", "-o", "raw"], &[], b"from a pipe");
    assert_eq!(ended.out, "from a pipe");
}

#[test]
fn options_can_be_set_by_the_environment() {
    let server = Served::start();
    let env = [("TRUNKLINE_DATA", "from outside"), ("TRUNKLINE_OUTPUT", "human")];
    let ended = run_with(&["call", server.url(), "/echo"], &env, b"");
    assert_eq!(ended.out, "from outside\n", "{}", shown(&ended));
}

#[test]
fn a_deadline_ends_with_4_and_says_what_is_known() {
    let server = Served::start();
    let ended = run(&["call", server.url(), "/sleep", "-d", "60000", "--timeout", "100ms"]);
    assert_eq!(ended.code, Some(4));
    insta::assert_snapshot!("deadline", server.masked(&ended));
    let ended = run(&["call", server.url(), "/sleep", "-d", "60000", "--timeout", "100ms", "-o", "json"]);
    assert_eq!(ended.code, Some(4));
    let error: Value = serde_json::from_str(&ended.err).expect("JSON when asked for");
    assert_eq!((&error["outcome"], &error["exit"]), (&"unknown".into(), &4.into()));
    assert_eq!(error["safe_to_repeat"], false);
}

#[test]
fn nobody_there_ends_with_3() {
    let server = Served::start();
    let url = server.url().to_owned();
    assert_eq!(server.stop().code, Some(0));
    for verb in [&["call", &url, "1", "--connect-timeout", "100ms"][..], &["ping", &url], &["bench", &url]] {
        let ended = run(verb);
        assert_eq!(ended.code, Some(3), "{}", shown(&ended));
        assert!(ended.err.contains("no (safe to repeat)"), "{}", shown(&ended));
    }
}

#[test]
fn another_protocol_ends_with_5() {
    let url = support::http_server();
    let ended = run(&["call", &url, "1", "-d", "hello"]);
    assert_eq!(ended.code, Some(5), "{}", shown(&ended));
    assert!(ended.err.contains("the peer broke the protocol"), "{}", shown(&ended));
}

#[test]
fn a_limit_ends_with_6() {
    let server = Served::start();
    let file = server.folder().join("large");
    fs::write(&file, vec![0; 100_000_001]).unwrap();
    let at = format!("@{}", file.display());
    let ended = run(&["call", server.url(), "/echo", "-d", &at]);
    assert_eq!(ended.code, Some(6), "{}", shown(&ended));
    assert!(ended.err.contains("100000000"), "{}", shown(&ended));
}

#[test]
fn a_route_that_a_dialect_cannot_say_is_refused_by_name() {
    let server = Served::start();
    let ended = run(&["call", server.url(), "greeter/hello"]);
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!("unsayable_route", server.masked(&ended));
}

#[test]
fn notify_says_that_it_was_sent() {
    let server = Served::start();
    let ended = run(&["notify", server.url(), "/echo", "-d", "news"]);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(0), "{\"sent\":true,\"len\":4}\n"),
        "{}",
        shown(&ended)
    );
}

#[test]
fn ping_measures_round_trips() {
    let server = Served::start();
    let ended = run(&["ping", server.url(), "-n", "3", "--interval", "1ms"]);
    let trips: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(trips["count"], 3);
    let [min, avg, p99, max] =
        ["min_us", "avg_us", "p99_us", "max_us"].map(|key| trips[key].as_f64().unwrap());
    assert!(0.0 < min && min <= avg && avg <= p99 && p99 <= max, "{trips}");
    let ended = run(&["ping", server.url(), "-n", "2", "--interval", "1ms", "-o", "human"]);
    assert_eq!(ended.out.lines().count(), 3, "{}", shown(&ended));
}

#[test]
fn decode_prints_an_object_per_message() {
    let two =
        "11000000 04000000 01000000 cafe0001  00ff0000 00000000 00000000  01000000 02000000 00000000 6869";
    insta::assert_snapshot!("decode_iproto", shown(&run(&["decode", "--dialect", "iproto", "--hex", two])));
    insta::assert_snapshot!(
        "decode_packet",
        shown(&run(&["decode", "--dialect", "packet?head=2be", "--hex", "0002 6869 0000 0001 ff"]))
    );
    let bytes = [b"\x01\0\0\0\x02\0\0\0\x07\0\0\0hi".as_slice()].concat();
    let piped = run_with(&["decode", "--dialect", "iproto"], &[], &bytes);
    let message: Value = serde_json::from_str(&piped.out).expect("JSON");
    assert_eq!((&message["sync"], &message["text"]), (&7.into(), &"hi".into()));
    let hex = run_with(&["decode", "--dialect", "iproto", "--hex"], &[], b"01000000 02000000 07000000 6869");
    assert_eq!(hex.out, piped.out);
}

#[test]
fn decode_names_the_place_of_bad_bytes() {
    let good = "01000000 01000000 07000000 41";
    for (name, args) in [
        ("truncated", vec!["decode", "--dialect", "iproto", "--hex", "01000000 0100"]),
        ("truncated_body", vec!["decode", "--dialect", "iproto", "--hex", "01000000 05000000 01000000 6869"]),
        ("too_large", vec!["decode", "--dialect", "iproto", "--hex", "01000000 ffffffff 01000000"]),
        ("over_a_limit", vec!["decode", "--dialect", "iproto", "--max-message", "0", "--hex", good]),
        ("not_simple", vec!["decode", "--dialect", "simple", "--hex", "474554202f20485454502f312e310d0a"]),
    ] {
        let ended = run(&args);
        assert_eq!(ended.code, Some(5), "{}", shown(&ended));
        insta::assert_snapshot!(format!("decode_{name}"), shown(&ended));
    }
    let second = format!("{good} 01000000 ffffffff 01000000");
    let ended = run(&["decode", "--dialect", "iproto", "--hex", &second]);
    assert_eq!(ended.out.lines().count(), 1, "the good message before it is printed");
    assert!(ended.err.contains("at offset 13"), "{}", shown(&ended));
}

#[test]
fn colours_only_where_somebody_sees_them() {
    let plain = run(&["call", "iproto+unix:///no/such.sock", "1", "--connect-timeout", "1ms"]);
    assert!(!plain.err.contains('\x1b'), "{}", shown(&plain));
    let forced =
        run(&["--color", "always", "call", "iproto+unix:///no/such.sock", "1", "--connect-timeout", "1ms"]);
    assert!(forced.err.contains('\x1b'), "{}", shown(&forced));
}

#[test]
fn serve_drains_on_a_signal() {
    let server = Served::start();
    assert_eq!(server.urls().len(), 2);
    assert!(server.urls()[0].starts_with("iproto://127.0.0.1:") && !server.urls()[0].ends_with(":0"));
    let url = server.url().to_owned();
    // Under way when the signal comes, and answered all the same.
    let call = std::thread::spawn(move || run(&["call", &url, "/sleep", "-d", "700", "-o", "human"]));
    server.has_logged("connected");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", shown(&ended));
    assert!(ended.err.contains("1 drained, 0 cut"), "{}", shown(&ended));
    let answered = call.join().unwrap();
    assert_eq!((answered.code, answered.out.as_str()), (Some(0), "700\n"), "{}", shown(&answered));
}

#[test]
fn serve_says_what_it_cannot_have() {
    let server = Served::start();
    let ended = run(&["serve", server.url()]);
    assert_eq!(ended.code, Some(3), "{}", shown(&ended));
    assert!(ended.err.contains("in use"), "{}", shown(&ended));
}

#[test]
fn the_demo_works() {
    let ended = run(&["demo"]);
    assert_eq!(ended.code, Some(0), "{}", shown(&ended));
    let rows: Vec<Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
    let (end, rows) = rows.split_last().expect("rows");
    assert!(rows.len() >= 22 && rows.iter().all(|row| row["ok"] == true), "{}", shown(&ended));
    assert_eq!((&end["worked"], &end["of"]), (&rows.len().into(), &rows.len().into()));
    assert!(end["seconds"].as_f64().unwrap() < 10.0);
}

#[test]
fn bench_reports_what_it_did() {
    let server = Served::start();
    let ended = run(&["bench", server.url(), "-c", "8", "-C", "2", "-z", "300ms", "--warmup", "50ms"]);
    assert_eq!(ended.code, Some(0), "{}", shown(&ended));
    let report: Value = serde_json::from_str(&ended.out).expect("one JSON object");
    assert_eq!(report["errors"], 0);
    let [calls, seconds, rate] =
        ["calls", "seconds", "calls_per_second"].map(|key| report[key].as_f64().unwrap());
    assert!(calls > 0.0 && seconds >= 0.3, "{report}");
    assert!((rate - calls / seconds).abs() <= 1.0, "{report}");
    let latencies = ["min_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"];
    let latencies = latencies.map(|key| report[key].as_f64().unwrap());
    assert!(latencies.is_sorted() && latencies[0] > 0.0, "{report}");
    assert!(report["client_cpu_us_per_call"].as_f64().unwrap() > 0.0);

    let ended = run(&["bench", server.url(), "-z", "100ms", "-o", "human"]);
    for label in ["Target", "Load", "Summary", "Latency", "Histogram", "Client"] {
        assert!(ended.out.contains(label), "{}", shown(&ended));
    }
}

#[test]
fn bench_makes_exactly_as_many_calls_as_it_was_told() {
    for (args, calls) in [
        (&["-n", "1k", "-c", "7"][..], 1000),
        (&["-n", "1001", "-c", "16", "--pipeline", "4", "-C", "3", "--workers", "2"], 1001),
        (&["-n", "100", "-c", "3", "--runtime", "multi", "--workers", "2"], 100),
        (&["-n", "50", "-c", "2", "--rate", "1k"], 50),
    ] {
        let server = Counting::start();
        let ended = run(&[&["bench", &server.url(), "--warmup", "0s"], args].concat());
        let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", shown(&ended)));
        assert_eq!((&report["calls"], &report["errors"]), (&calls.into(), &0.into()), "{args:?}");
        assert_eq!(server.requests(), calls, "{args:?}");
    }
}

#[test]
fn bench_counts_errors_by_kind() {
    let server = Served::start();
    let ended =
        run(&["bench", server.url(), "104", "-n", "4", "-c", "2", "--timeout", "50ms", "--warmup", "0s"]);
    let report: Value = serde_json::from_str(&ended.out).expect("a report all the same");
    assert_eq!(report["errors_by_kind"]["timeout"], 4, "{report}");
    assert_eq!(ended.code, Some(3), "{}", shown(&ended));
}

#[test]
fn an_open_loop_keeps_its_rate_and_counts_from_the_time_that_was_meant() {
    let server = Served::start();
    let args = ["-z", "500ms", "--rate", "1k", "-c", "64", "--warmup", "0s"];
    let report: Value =
        serde_json::from_str(&run(&[&["bench", server.url()], &args[..]].concat()).out).expect("JSON");
    let calls = report["calls"].as_u64().unwrap();
    assert!((450..=501).contains(&calls), "{report}");

    // More than one call in flight can carry: the waiting is part of the latency.
    let args = ["-z", "400ms", "--rate", "1M", "-c", "1", "--warmup", "0s"];
    let ended = run(&[&["bench", server.url()], &args[..]].concat());
    let report: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert!(
        report["p50_us"].as_f64().unwrap() > 10_000.0,
        "an overloaded open loop shows the queue: {report}"
    );
    assert!(report["never_sent"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn ctrl_c_prints_the_partial_report() {
    let server = Counting::start();
    let bench = support::spawn(&["bench", &server.url(), "-z", "60s", "--warmup", "0s"]);
    server.has_had(100);
    let ended = bench.signal(rustix::process::Signal::INT).end(Duration::from_secs(10));
    assert_eq!(ended.code, Some(130), "{}", shown(&ended));
    let report: Value = serde_json::from_str(&ended.out).expect("a report");
    assert_eq!(report["interrupted"], true);
    assert!(report["calls"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn idle_connections_are_held_and_weighed() {
    let server = Served::start();
    let pid = server.pid().to_string();
    let ended = run(&["bench", "idle", server.url(), "-C", "200", "--hold", "100ms", "--pid", &pid]);
    let report: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!((&report["connections"], &report["alive"]), (&200.into(), &200.into()), "{report}");
    let each = report["server_bytes_per_connection"].as_f64().unwrap();
    assert!((100.0..64_000.0).contains(&each), "{report}");
}

#[test]
fn completions_of_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = run(&["completions", shell]);
        assert_eq!(ended.code, Some(0));
        assert!(ended.out.contains("trunkline") && ended.out.contains("serve"), "{shell}");
    }
}

#[test]
fn packed_values_go_out_and_come_back() {
    let server = Served::start();
    let url = server.urls().first().expect("a listener").to_string();
    let ended = run(&["call", &url, "/sum", "--pack", "u32:40 u32:2", "--unpack", "u32", "-o", "human"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "u32:42\n"), "{}", shown(&ended));

    let ended = run(&["call", &url, "/echo", "--pack", "u32:7 str:abc ber:300", "--unpack", "u32 str ber"]);
    let answer: Value = serde_json::from_str(&ended.out).expect("JSON when piped");
    assert_eq!(answer["values"], serde_json::json!([7, "abc", 300]), "{}", shown(&ended));

    let ended = run(&["call", &url, "/echo", "--pack", "u8:7", "--unpack", "u32"]);
    assert_eq!(ended.code, Some(5), "what came is not what was said: {}", shown(&ended));
    assert!(ended.err.contains("is not `u32`"), "{}", shown(&ended));

    let ended = run(&["call", &url, "/echo", "--pack", "u32:seven"]);
    assert_eq!(ended.code, Some(2), "{}", shown(&ended));

    let packet = "01000000 04000000 01000000 2a000000";
    let ended = run(&["decode", "--dialect", "iproto", "--hex", packet, "--pack", "u32"]);
    let message: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(message["values"], serde_json::json!([42]), "{}", shown(&ended));
}
