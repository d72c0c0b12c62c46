//! Running the command, and servers for it to meet.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// No command of these tests takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// All of it, as a snapshot keeps it.
pub(crate) fn shown(Ended { code, out, err }: &Ended) -> String {
    let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    format!("exit {code}\n--- stdout\n{out}--- stderr\n{err}")
}

/// The command, without what the caller's environment might tell it.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRUNKLINE_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").args(args);
    command
}

pub(crate) fn run(args: &[&str]) -> Ended {
    run_with(args, &[], b"")
}

/// With variables of the environment, and bytes on standard input.
pub(crate) fn run_with(args: &[&str], env: &[(&str, &str)], input: &[u8]) -> Ended {
    let mut command = command(args);
    command.envs(env.iter().copied());
    let mut running = Running::new(&mut command);
    // A command that does not read its input closes it.
    let _ = running.child.stdin.take().expect("piped").write_all(input);
    running.end(LIMIT)
}

/// Without waiting for its end.
pub(crate) fn spawn(args: &[&str]) -> Running {
    Running::new(&mut command(args))
}

/// A command that runs; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    out: Option<thread::JoinHandle<String>>,
    err: Option<thread::JoinHandle<String>>,
}

impl Running {
    fn new(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let out = read_all(child.stdout.take().expect("piped"));
        let err = read_all(child.stderr.take().expect("piped"));
        Self { child, out: Some(out), err: Some(err) }
    }

    pub(crate) fn signal(self, signal: Signal) -> Self {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
        self
    }

    /// Waits for its end.
    pub(crate) fn end(mut self, limit: Duration) -> Ended {
        let code = wait(&mut self.child, limit);
        let text = |reader: &mut Option<thread::JoinHandle<String>>| {
            reader.take().expect("taken once").join().expect("no panic")
        };
        Ended { code, out: text(&mut self.out), err: text(&mut self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration) -> Option<i32> {
    let mut code = None;
    until(limit, "the end of the command", || {
        code = child.try_wait().expect("it can be waited for");
        code.is_some()
    });
    code.and_then(|status| status.code())
}

/// Looks again and again until something holds.
fn until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < limit, "waited {limit:?} for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// `trunkline serve` on TCP and a Unix socket; killed when it is dropped.
pub(crate) struct Served {
    child: Child,
    urls: Vec<String>,
    folder: TempDir,
}

impl Served {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let unix = format!("iproto+unix://{}", folder.path().join("x.sock").display());
        let log = File::create(folder.path().join("log")).expect("a log");
        let mut child = command(&["serve", "iproto://127.0.0.1:0", &unix])
            .env("RUST_LOG", "trunkline=debug")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the command starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines().take(2);
        let urls = lines
            .map(|line| line.expect("UTF-8").strip_prefix("listening ").expect("a listener").to_owned())
            .collect();
        Self { child, urls, folder }
    }

    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The one on TCP.
    pub(crate) fn url(&self) -> &str {
        &self.urls[0]
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn log(&self) -> PathBuf {
        self.folder().join("log")
    }

    /// Waits until it has written this to its log.
    pub(crate) fn has_logged(&self, what: &str) {
        until(LIMIT, what, || std::fs::read_to_string(self.log()).expect("a log").contains(what));
    }

    /// As [`shown`], with the server's address by name.
    pub(crate) fn masked(&self, ended: &Ended) -> String {
        shown(ended).replace(self.url(), "<URL>")
    }

    /// Tells it to drain, and waits for its end.
    pub(crate) fn stop(mut self) -> Ended {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        let code = wait(&mut self.child, LIMIT);
        Ended { code, out: String::new(), err: std::fs::read_to_string(self.log()).expect("a log") }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server in this process, whose counters can be read. It echoes.
pub(crate) struct Counting {
    server: Arc<trunkline::Server>,
    _runtime: tokio::runtime::Runtime,
}

impl Counting {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let router = trunkline::Router::new().route(1, async |request: trunkline::Request| request.body);
        let server = trunkline::Server::builder().router(router).listen("iproto://127.0.0.1:0");
        let server = runtime.block_on(server.start()).expect("it starts");
        Self { server: Arc::new(server), _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        self.server.addresses()[0].to_string()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.server.stats().requests
    }

    /// Waits until it has had this many requests.
    pub(crate) fn has_had(&self, requests: u64) {
        until(LIMIT, "requests", || self.requests() >= requests);
    }
}

/// A server that speaks HTTP to everybody; its address as if it were iproto's.
pub(crate) fn http_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("iproto://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 16];
            let _ = stream.read_exact(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        }
    });
    url
}
