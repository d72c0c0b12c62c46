//! The recorded behaviour of a live iproto channel, step by step, against the whole stack.
//!
//! Each script of `iproto_behaviour.json` is a conversation between a raw peer (this test) and one connection. The clock
//! is virtual: a script that waits does not take time. Where a script pins a flaw of the original, ours does better by a
//! rule that names the defect (`docs/wire/iproto.md`); no script is known by its name.
//!
//! `TRUNKLINE_VECTORS` names another folder to run as well.

#![expect(clippy::print_stdout, reason = "a line per file is what this test promises to print")]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use trunkline::bytes::Bytes;
use trunkline::wire::iproto::{HEADER, Iproto, PING, SHUTDOWN};
use trunkline::wire::{Code, Fault, Id, Side};
use trunkline::{CloseReason, Config, Error, ErrorKind, Outcome, Peer, Request, Router};

const FILE: &str = "iproto_behaviour.json";

#[test]
fn scripts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut failures = Vec::new();
    run_file(&root.join("vectors").join(FILE), &mut failures);
    if let Some(folder) = std::env::var_os("TRUNKLINE_VECTORS") {
        let folder = root.join(PathBuf::from(folder));
        assert!(folder.is_dir(), "TRUNKLINE_VECTORS: {} is no folder", folder.display());
        match folder.join(FILE) {
            file if file.exists() => run_file(&file, &mut failures),
            _ => println!("vectors: {FILE} not in {}", folder.display()),
        }
    }
    assert!(failures.is_empty(), "{} scripts failed:\n{}", failures.len(), failures.join("\n"));
}

fn run_file(file: &Path, failures: &mut Vec<String>) {
    let text = std::fs::read_to_string(file).expect("the file is there");
    let root: Value = serde_json::from_str(&text).expect("JSON");
    let scripts = root["vectors"].as_array().expect("scripts");
    let mut passed = 0;
    for script in scripts {
        let name = script["name"].as_str().unwrap_or("unnamed");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        match runtime.block_on(Setup::new(&script["dut"]).run(&script["steps"])) {
            Ok(()) => passed += 1,
            Err(why) => failures.push(format!("  {name}: {why}")),
        }
    }
    println!("vectors: {FILE} {} run, {passed} passed", scripts.len());
}

type Seen = Arc<Mutex<Vec<Packet>>>;

/// One packet, as far as the test needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Packet {
    code: u32,
    sync: u32,
    body: Vec<u8>,
}

impl Packet {
    fn spelled(&self) -> Vec<u8> {
        let mut bytes = self.code.to_le_bytes().to_vec();
        bytes.extend_from_slice(&u32::try_from(self.body.len()).expect("small").to_le_bytes());
        bytes.extend_from_slice(&self.sync.to_le_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The whole packets of a stream, and how many bytes are left over.
fn packets(mut bytes: &[u8]) -> (Vec<Packet>, usize) {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<HEADER>() {
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let len = word(4) as usize;
        let Some(body) = rest.get(..len) else { break };
        found.push(Packet { code: word(0), sync: word(8), body: body.to_vec() });
        bytes = &rest[len..];
    }
    (found, bytes.len())
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).expect("a number of 32 bits")
}

fn millis(value: &Value) -> Option<Duration> {
    value.as_u64().filter(|ms| *ms > 0).map(Duration::from_millis)
}

/// What a script sets up; the connection is made inside its runtime.
struct Setup {
    config: Config,
    handler: String,
    delay: Duration,
}

impl Setup {
    fn new(dut: &Value) -> Self {
        let mut config = Config::for_dialect(&trunkline::wire::iproto::PROFILE);
        config.first_id = Some(1);
        // In the scripts 0 or nothing is the original's default, which is: no pings.
        config.ping_interval = None;
        let mut setup = Self { config, handler: "count".to_owned(), delay: Duration::ZERO };
        for (key, value) in dut.as_object().expect("settings") {
            let time = millis(value);
            let config = &mut setup.config;
            match key.as_str() {
                "handler" => setup.handler = value.as_str().expect("a name").to_owned(),
                "delay_ms" => setup.delay = time.unwrap_or_default(),
                "ping_interval_ms" => config.ping_interval = time,
                "idle_timeout_ms" => config.idle_timeout = time,
                "request_timeout_ms" => config.call_timeout = time.unwrap_or(config.call_timeout),
                "notice_timeout_ms" => config.notify_timeout = time.unwrap_or(config.notify_timeout),
                "shutdown_timeout_ms" => config.drain_timeout = time.unwrap_or(config.drain_timeout),
                "size_limit" => config.limits.max_message = number(value) as usize,
                other => panic!("a setting that this test does not know: {other}"),
            }
        }
        setup
    }

    async fn run(self, steps: &Value) -> Result<(), String> {
        let seen = Seen::default();
        let ping_interval = self.config.ping_interval;
        let answers_later = self.handler == "echo_async";
        let (ours, raw) = tokio::io::duplex(1 << 20);
        let router = router(&self.handler, self.delay, seen.clone())?;
        let peer =
            Peer::over_with(ours, Side::Dialling, Iproto::new(), router, self.config).expect("no duplicates");
        let mut script = Script {
            peer,
            raw,
            seen,
            calls: HashMap::new(),
            ping_interval,
            answers_later,
            sent: Vec::new(),
            last_sent: Instant::now(),
            asked: HashSet::new(),
            answered: Vec::new(),
            closed_by_us: false,
        };
        for (n, step) in steps.as_array().expect("steps").iter().enumerate() {
            script.step(step).await.map_err(|why| format!("step {}: {why} ({step})", n + 1))?;
        }
        Ok(())
    }
}

fn router(handler: &str, delay: Duration, seen: Seen) -> Result<Router, String> {
    let note = move |request: &Request| {
        let sync = request.id().map_or(0, |id| u32::try_from(id.0).expect("32 bits"));
        let code = request.route.number().expect("a number");
        seen.lock().expect("no panic").push(Packet { code, sync, body: request.body.to_vec() });
    };
    Ok(match handler {
        "echo" => Router::new().fallback(move |request: Request| {
            note(&request);
            async move { request.body }
        }),
        "echo_async" => Router::new().fallback(move |request: Request| {
            note(&request);
            async move {
                tokio::time::sleep(delay).await;
                request.body
            }
        }),
        // Silence: iproto has no word for a fault.
        "count" => Router::new().fallback(move |request: Request| {
            note(&request);
            async { Err::<(), _>(Fault::new(Code::Unimplemented, "never answers")) }
        }),
        other => return Err(format!("no handler `{other}`")),
    })
}

/// A script under way.
struct Script {
    peer: Peer,
    raw: DuplexStream,
    seen: Seen,
    calls: HashMap<String, JoinHandle<Result<Bytes, Error>>>,
    ping_interval: Option<Duration>,
    answers_later: bool,
    /// Everything the raw peer sent.
    sent: Vec<u8>,
    last_sent: Instant,
    /// Codes and syncs of calls of the connection under test.
    asked: HashSet<(u32, u32)>,
    /// What the connection under test has sent.
    answered: Vec<Packet>,
    closed_by_us: bool,
}

impl Script {
    async fn step(&mut self, step: &Value) -> Result<(), String> {
        let within = Duration::from_millis(step["within_ms"].as_u64().unwrap_or(1000));
        let time = Duration::from_millis(step["ms"].as_u64().unwrap_or(0));
        let verb = |name: &str| step.get(name).is_some();
        if verb("peer_sends") {
            let bytes = hex(&step["peer_sends"]);
            self.sent.extend_from_slice(&bytes);
            self.last_sent = Instant::now();
            self.raw.write_all(&bytes).await.map_err(|error| error.to_string())
        } else if verb("dut_sends") {
            self.dut_sends(hex(&step["dut_sends"]), within).await
        } else if verb("dut_silent") {
            self.silent(time).await
        } else if verb("dut_eof") {
            self.eof(within).await
        } else if verb("peer_closes") {
            self.raw.shutdown().await.map_err(|error| error.to_string())
        } else if verb("wait") {
            tokio::time::sleep(time).await;
            Ok(())
        } else if verb("dut_call") {
            self.call(step);
            Ok(())
        } else if verb("call_result") {
            self.call_result(step, within).await
        } else if verb("dut_notify") {
            let sent = self.peer.try_notify(number(&step["msg"]), hex(&step["data_hex"]));
            ended_as(step["result"].as_str(), &sent)
        } else if verb("dut_send") {
            self.send(step).await
        } else if verb("dut_shutdown") {
            let peer = self.peer.clone();
            tokio::spawn(async move { peer.drain(None).await });
            Ok(())
        } else if verb("dut_close") {
            self.closed_by_us = true;
            self.peer.close();
            Ok(())
        } else if verb("dut_done") {
            self.done(step["channel_error"].as_str(), within).await
        } else if verb("handler_seen") {
            self.handler_seen(&step["handler_seen"]).await
        } else {
            Err("a step that this test does not know".to_owned())
        }
    }

    async fn dut_sends(&mut self, mut wanted: Vec<u8>, within: Duration) -> Result<(), String> {
        // I20: answers that are still being made leave before the shutdown packet, which waits for them.
        let is_shutdown = packets(&wanted).0.first().is_some_and(|packet| packet.code == SHUTDOWN);
        if is_shutdown && self.answers_later {
            let mut better: Vec<u8> = self.owed().iter().flat_map(Packet::spelled).collect();
            better.append(&mut wanted);
            wanted = better;
        }
        let mut got = vec![0; wanted.len()];
        match timeout(within, self.raw.read_exact(&mut got)).await {
            Err(_) => return Err(format!("nothing within {within:?}")),
            Ok(Err(error)) => return Err(error.to_string()),
            Ok(Ok(_)) if got != wanted => return Err(format!("got {got:02x?}, wanted {wanted:02x?}")),
            Ok(Ok(_)) => {}
        }
        self.answered.extend(packets(&got).0);
        Ok(())
    }

    /// Requests of the raw peer that were not answered yet.
    fn owed(&self) -> Vec<Packet> {
        let mut answered = self.answered.clone();
        let mut owed = packets(&self.sent).0;
        owed.retain(|packet| {
            let control = [PING, SHUTDOWN].contains(&packet.code) || packet.sync == 0;
            let answer = self.asked.contains(&(packet.code, packet.sync));
            let done = answered.iter().position(|answer| answer == packet);
            done.map(|at| answered.remove(at)).is_none() && !control && !answer
        });
        owed
    }

    async fn silent(&mut self, time: Duration) -> Result<(), String> {
        let mut byte = [0; 1];
        match timeout(time, self.raw.read(&mut byte)).await {
            Err(_) => Ok(()),
            Ok(Ok(0)) => Err("closed while it should be silent".to_owned()),
            Ok(Ok(_)) => Err(format!("sent {:02x} while it should be silent", byte[0])),
            Ok(Err(error)) => Err(error.to_string()),
        }
    }

    async fn eof(&mut self, mut within: Duration) -> Result<(), String> {
        // I16: any byte is a sign of life, so a connection that is dropped for a missed ping lives two intervals longer
        // than the last byte it got, and no longer than four.
        let traffic = packets(&self.sent).0.iter().any(|packet| ![PING, SHUTDOWN].contains(&packet.code));
        let interval = self.ping_interval.filter(|_| traffic);
        if let Some(interval) = interval {
            within = within.max((self.last_sent + interval * 4).saturating_duration_since(Instant::now()));
        }
        let mut rest = Vec::new();
        match timeout(within, self.raw.read_to_end(&mut rest)).await {
            Err(_) => return Err(format!("not closed within {within:?}")),
            Ok(Err(error)) => return Err(error.to_string()),
            Ok(Ok(_)) if !rest.is_empty() => return Err(format!("sent {rest:02x?} before the end")),
            Ok(Ok(_)) => {}
        }
        let reason = self.peer.closed().await;
        if let (Some(interval), CloseReason::PingTimeout { .. }) = (interval, &*reason)
            && self.last_sent.elapsed() < interval * 2
        {
            return Err("closed although the peer was heard within two intervals (I16)".to_owned());
        }
        Ok(())
    }

    fn call(&mut self, step: &Value) {
        let code = number(&step["msg"]);
        let sync = u32::try_from(self.asked.len()).expect("few") + 1;
        self.asked.insert((code, sync));
        let mut call = self.peer.call::<Bytes>(code, hex(&step["data_hex"]));
        if let Some(time) = millis(&step["timeout_ms"]) {
            call = call.timeout(time);
        }
        // Begun here and now, so that syncs are given in the order of the script.
        let pending = call.start();
        let id = step["dut_call"].as_str().expect("an id").to_owned();
        self.calls.insert(id, tokio::spawn(pending));
    }

    async fn call_result(&mut self, step: &Value, within: Duration) -> Result<(), String> {
        let id = step["call_result"].as_str().expect("an id");
        let call = self.calls.remove(id).ok_or("no such call")?;
        let ended = timeout(within, call).await.map_err(|_| "the call has not ended")?;
        match (step["error"].as_str(), ended.map_err(|error| error.to_string())?) {
            (None, Ok(body)) if body == hex(&step["data_hex"]) => Ok(()),
            (None, result) => Err(format!("got {result:?}")),
            (wanted, result) => ended_as(wanted, &result.map(|_| ())),
        }
    }

    async fn send(&mut self, step: &Value) -> Result<(), String> {
        let (code, sync) = (number(&step["msg"]), number(&step["sync"]));
        let sent = self.peer.send_raw(code, Id(sync.into()), hex(&step["data_hex"])).await;
        if self.closed_by_us {
            // I26: the original says "ok" and loses it.
            return if sent.is_err() { Ok(()) } else { Err("sent after close".to_owned()) };
        }
        ended_as(step["result"].as_str(), &sent)
    }

    async fn done(&mut self, error: Option<&str>, within: Duration) -> Result<(), String> {
        let reason = timeout(within, self.peer.closed()).await.map_err(|_| "not done")?;
        // I27: an end inside a packet is an error, also where the original takes it for a clean one.
        let truncated = packets(&self.sent).1 > 0 && matches!(&*reason, CloseReason::Wire(_));
        let wanted = error == Some("some") || truncated;
        if reason.is_error() == wanted { Ok(()) } else { Err(format!("ended with: {reason}")) }
    }

    async fn handler_seen(&mut self, wanted: &Value) -> Result<(), String> {
        let mut wanted: Vec<Packet> = wanted
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| Packet {
                code: number(&one["msg"]),
                sync: number(&one["sync"]),
                body: hex(&one["data_hex"]),
            })
            .collect();
        // I2: late and duplicate answers to calls of ours are recognised and never reach the handler.
        wanted.retain(|packet| !self.asked.contains(&(packet.code, packet.sync)));
        // Virtual time: what is on its way arrives before the clock moves.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let seen = std::mem::take(&mut *self.seen.lock().expect("no panic"));
        if seen == wanted { Ok(()) } else { Err(format!("the handler saw {seen:?}, wanted {wanted:?}")) }
    }
}

/// The errors of the original, and what they are here.
fn ended_as(wanted: Option<&str>, result: &Result<(), Error>) -> Result<(), String> {
    let ok = match (wanted, result) {
        (Some("ok"), Ok(())) => true,
        (Some("timeout"), Err(error)) => error.is_timeout(),
        (Some("dropped"), Err(error)) => matches!(error.kind(), ErrorKind::Closed(_)),
        (Some("stopped"), Err(error)) => error.is_closed() && error.outcome() == Outcome::NotSent,
        _ => false,
    };
    if ok { Ok(()) } else { Err(format!("got {result:?}, wanted {wanted:?}")) }
}
