//! One Go peer: a child process that takes commands on its standard input and says one line for each.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a line may take that is waited for. Longer than any scenario, so that only a peer that hangs exceeds it.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running peer. Dropping it kills it.
#[derive(Debug)]
pub struct GoPeer {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    /// Lines that were read while another was waited for.
    unread: VecDeque<Value>,
    address: String,
    unix: Option<String>,
}

impl GoPeer {
    /// Starts `PROGRAM server FLAGS` and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started or ends before it listens.
    pub async fn server(program: &Path, flags: &[&str]) -> io::Result<Self> {
        let mut args = vec!["server"];
        args.extend(flags);
        let mut peer = Self::spawn(program, &args)?;
        peer.address = text(&peer.hear("listening").await?, "address");
        if flags.contains(&"-unix") {
            let line = text(&peer.hear("listening").await?, "address");
            peer.unix = line.strip_prefix("unix:").map(str::to_owned);
        }
        Ok(peer)
    }

    /// Starts `PROGRAM client ADDRESS SCENARIO FLAGS`. `address` is `host:port` or `unix:PATH`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn client(program: &Path, address: &str, scenario: &str, flags: &[&str]) -> io::Result<Self> {
        let mut args = vec!["client", address, scenario];
        args.extend(flags);
        Self::spawn(program, &args)
    }

    fn spawn(program: &Path, args: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let lines = BufReader::new(output).lines();
        Ok(Self { child, input, lines, unread: VecDeque::new(), address: String::new(), unix: None })
    }

    /// Where a server listens: `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The Unix socket a server listens on as well, with the flag `-unix`.
    #[must_use]
    pub fn unix(&self) -> Option<&str> {
        self.unix.as_deref()
    }

    /// Says a command and does not wait for its answer; [`hear`](Self::hear) gets it.
    ///
    /// # Errors
    /// When the process has ended.
    pub async fn tell(&mut self, command: &str) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(format!("{command}\n").as_bytes()).await?;
        input.flush().await
    }

    /// The next line whose member `reply` is this one; `listening ADDRESS` and `drained {JSON}` are such lines, too. Others
    /// are kept for later.
    ///
    /// # Errors
    /// When the process ends or is silent for 90 s.
    pub async fn hear(&mut self, reply: &str) -> io::Result<Value> {
        self.line(|line| line["reply"] == reply, reply).await
    }

    /// Says a command and waits for its answer.
    ///
    /// # Errors
    /// When the process ends or is silent for 90 s.
    pub async fn ask(&mut self, command: &str) -> io::Result<Value> {
        self.tell(command).await?;
        self.hear(command.split(' ').next().unwrap_or_default()).await
    }

    /// Waits for the one result of a client's scenario, and for the client's end.
    ///
    /// # Errors
    /// When it ends without a result or is silent for 90 s.
    pub async fn result(mut self) -> io::Result<Value> {
        let result = self.line(|line| line.get("scenario").is_some(), "a result").await?;
        self.child.wait().await?;
        Ok(result)
    }

    /// Kills the process (SIGKILL on Unix) and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    async fn line(&mut self, wanted: impl Fn(&Value) -> bool, what: &str) -> io::Result<Value> {
        if let Some(at) = self.unread.iter().position(&wanted) {
            return Ok(self.unread.remove(at).unwrap_or_default());
        }
        loop {
            let next = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.map_err(|_| {
                let why = format!("the Go peer said nothing for {PATIENCE:?}; {what} was expected");
                io::Error::new(io::ErrorKind::TimedOut, why)
            })?;
            let Some(line) = next? else {
                let why = format!("the Go peer ended; {what} was expected");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
            };
            let line = parse(&line)?;
            if wanted(&line) {
                return Ok(line);
            }
            self.unread.push_back(line);
        }
    }
}

/// `listening ADDRESS`, `drained {JSON}` or plain JSON, as JSON with a member `reply`.
fn parse(line: &str) -> io::Result<Value> {
    if let Some(address) = line.strip_prefix("listening ") {
        return Ok(json!({ "reply": "listening", "address": address }));
    }
    let (drained, body) = match line.strip_prefix("drained ") {
        Some(body) => (true, body),
        None => (false, line),
    };
    let mut value: Value = serde_json::from_str(body)
        .map_err(|error| io::Error::other(format!("the Go peer said {line:?}: {error}")))?;
    if drained {
        value["reply"] = "drained".into();
    }
    Ok(value)
}

fn text(line: &Value, member: &str) -> String {
    line[member].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_json_with_its_name() {
        let said = |line| parse(line).expect("a line");
        assert_eq!(said("listening 127.0.0.1:1")["address"], "127.0.0.1:1");
        assert_eq!(said(r#"drained {"ms":3}"#), json!({ "reply": "drained", "ms": 3 }));
        assert_eq!(said(r#"{"reply":"stats","open":1}"#)["reply"], "stats");
        assert!(parse("panic: oh").is_err());
    }
}
