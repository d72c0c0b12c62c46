//! Our connection in the role of one recorded side; the test itself says what the other side said.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use trunkline::bytes::{Bytes, BytesMut};
use trunkline::wire::iproto::{Iproto, MAX_MESSAGE, PING, PROFILE, Packet, SHUTDOWN};
use trunkline::{CloseReason, Code, Config, Error, ErrorKind, Fault, Peer, Request, Router, Side};

use crate::recording::{Moment, Recording, Serve};

/// How long our side may take for what it must do by itself, in virtual time.
const PATIENCE: Duration = Duration::from_secs(2);

type Seen = Arc<Mutex<Vec<Packet>>>;

/// Plays a recording with us as `side`.
pub(crate) async fn replay(recording: &Recording, side: Side) -> Result<(), String> {
    if let Some((client, server)) = recording.crossed_calls() {
        let (ours, theirs) = if side == Side::Dialling { (client, server) } else { (server, client) };
        return crossed(ours, theirs, side).await;
    }
    let mut config = Config::for_dialect(&PROFILE);
    config.first_id = Some(1);
    config.ping_interval = recording.first_ping(side);
    config.call_timeout = recording.call_timeout().unwrap_or(config.call_timeout);
    config.limits.max_message = recording.size_limit(side).unwrap_or(config.limits.max_message);
    let moments = recording.moments(side);
    let mut replay = Replay::new(recording, side, config);
    for (n, moment) in moments.iter().enumerate() {
        let step = replay.step(moment, moments.get(n + 1..).unwrap_or_default()).await;
        step.map_err(|why| format!("moment {}: {why} ({:?})", n + 1, moment.packet))?;
    }
    replay.judge().await
}

/// A call of ours.
struct OwnCall {
    begun: Duration,
    answer: Option<Packet>,
    ended: JoinHandle<Result<Bytes, Error>>,
}

struct Replay {
    side: Side,
    peer: Peer,
    raw: Raw,
    seen: Seen,
    /// What the handlers must have seen.
    must_see: Vec<Packet>,
    calls: HashMap<(u32, u32), OwnCall>,
    /// Calls that have ended.
    over: HashSet<(u32, u32)>,
    /// Answers that came after their call had ended (I2).
    late: u64,
    /// Pings of the other side that want an answer.
    pings_owed: usize,
    /// A ping of ours that waits for one.
    ping_waits: bool,
    drains: bool,
    peer_drains: bool,
    /// The other side said more than we take.
    oversized: bool,
    they_ended: bool,
    /// A recorded time and when it was here.
    clock: (Duration, Instant),
}

impl Replay {
    fn new(recording: &Recording, side: Side, config: Config) -> Self {
        let seen = Seen::default();
        let (io, raw) = tokio::io::duplex(1 << 20);
        let router = router(recording.serves(side), seen.clone());
        let peer = Peer::over_with(io, side, Iproto::new(), router, config).expect("one handler");
        Self {
            side,
            peer,
            raw: Raw::new(raw),
            seen,
            must_see: Vec::new(),
            calls: HashMap::new(),
            over: HashSet::new(),
            late: 0,
            pings_owed: 0,
            ping_waits: false,
            they_ended: false,
            drains: false,
            peer_drains: false,
            oversized: false,
            clock: (Duration::ZERO, Instant::now()),
        }
    }

    async fn step(&mut self, moment: &Moment, rest: &[Moment]) -> Result<(), String> {
        let ours = moment.by == self.side;
        match &moment.packet {
            Some(packet) if ours => {
                self.say(packet, moment.at, rest).await?;
                let said = self.raw.read().await?.ok_or("we closed")?;
                if said != *packet {
                    return Err(format!("we sent {said:?}"));
                }
                self.clock = (moment.at, Instant::now());
                Ok(())
            }
            Some(packet) => {
                self.until(moment.at).await;
                self.hear(packet, moment.at);
                self.raw.send(packet).await?;
                // The recorded caller had its answer before it went on.
                match self.calls.get(&(packet.code, packet.sync)) {
                    Some(call) if call.answer.is_some() => self.judge_call((packet.code, packet.sync)).await,
                    _ => Ok(()),
                }
            }
            None if ours => self.end(moment.at).await,
            None => {
                self.until(moment.at).await;
                self.they_ended = true;
                self.raw.end().await
            }
        }
    }

    /// Waits as long as it took in the recording since the last thing that we said.
    async fn until(&self, at: Duration) {
        sleep_until(self.clock.1 + at.saturating_sub(self.clock.0)).await;
    }

    /// Makes our side say a packet, unless it says it by itself: answers, and pings by its own clock.
    async fn say(&mut self, packet: &Packet, at: Duration, rest: &[Moment]) -> Result<(), String> {
        let key = (packet.code, packet.sync);
        if packet.code == PING {
            match self.pings_owed.checked_sub(1) {
                Some(rest) => self.pings_owed = rest,
                None => self.ping_waits = true,
            }
        } else if packet.code == SHUTDOWN {
            if !self.peer_drains && !self.drains {
                self.until(at).await;
                self.drain();
            }
        } else if packet.sync == 0 {
            self.until(at).await;
            let sent = self.peer.notify(packet.code, packet.body.clone()).await;
            sent.map_err(|error| error.to_string())?;
        } else if !self.must_see.iter().any(|request| (request.code, request.sync) == key) {
            self.until(at).await;
            // Begun here and now, so that syncs are given in the recorded order.
            let call = self.peer.call::<Bytes>(packet.code, packet.body.clone()).start();
            let call = OwnCall { begun: at, answer: None, ended: tokio::spawn(call) };
            self.calls.insert(key, call);
            // Where we ask for the shutdown next, we do so while the call waits: the packet must wait for its answer.
            let next = rest.iter().find(|next| next.by == self.side);
            let asks = rest.iter().find(|next| is_shutdown(next)).is_some_and(|next| next.by == self.side);
            if asks && next.is_some_and(is_shutdown) {
                self.drain();
            }
        }
        Ok(())
    }

    fn drain(&mut self) {
        self.drains = true;
        let peer = self.peer.clone();
        tokio::spawn(async move { peer.drain(None).await });
    }

    /// What the other side's packet means for us.
    fn hear(&mut self, packet: &Packet, at: Duration) {
        let timeout = self.peer.config().call_timeout;
        match self.calls.get_mut(&(packet.code, packet.sync)) {
            _ if packet.code == PING && self.ping_waits => self.ping_waits = false,
            _ if packet.code == PING => self.pings_owed += 1,
            _ if packet.code == SHUTDOWN => self.peer_drains = true,
            Some(call) if at - call.begun > timeout => self.late += 1,
            Some(call) => call.answer = Some(packet.clone()),
            None if self.over.contains(&(packet.code, packet.sync)) => self.late += 1,
            None if packet.body.len() > self.peer.config().limits.max_message => self.oversized = true,
            None => self.must_see.push(packet.clone()),
        }
    }

    /// The end of what we say: by itself after a handshake, or because something was wrong; else we close.
    async fn end(&mut self, at: Duration) -> Result<(), String> {
        if !(self.peer_drains || self.oversized || self.ping_waits || self.they_ended) {
            self.until(at).await;
            self.peer.close();
        }
        match self.raw.read().await? {
            None => Ok(()),
            Some(packet) => Err(format!("we sent {packet:?} before the end")),
        }
    }

    /// How a call of ours ended; from now on it is over.
    async fn judge_call(&mut self, key: (u32, u32)) -> Result<(), String> {
        let call = self.calls.remove(&key).ok_or("no such call")?;
        self.over.insert(key);
        let ended = timeout(PATIENCE, call.ended).await.map_err(|_| "a call has not ended")?;
        let ended = ended.map_err(|error| error.to_string())?;
        let right = match (&call.answer, &ended) {
            (Some(answer), Ok(body)) => answer.body == body,
            (None, Err(error)) => error.is_timeout() || matches!(error.kind(), ErrorKind::Closed(_)),
            _ => false,
        };
        if right {
            Ok(())
        } else {
            Err(format!("call {key:?} ended as {ended:?}, recorded {:?}", call.answer))
        }
    }

    /// After the last moment: how calls ended, what handlers saw, why the connection ended.
    async fn judge(mut self) -> Result<(), String> {
        let reason =
            timeout(PATIENCE, self.peer.closed()).await.map_err(|_| "the connection has not ended")?;
        for key in self.calls.keys().copied().collect::<Vec<_>>() {
            self.judge_call(key).await?;
        }
        let stats = self.peer.stats();
        if stats.late_answers != self.late {
            return Err(format!("{} late answers, not {} (I2)", stats.late_answers, self.late));
        }
        let seen = std::mem::take(&mut *self.seen.lock().expect("no panic"));
        if seen != self.must_see {
            return Err(format!("the handlers saw {seen:?}, not {:?}", self.must_see));
        }
        let oversized = matches!(&*reason, CloseReason::Wire(_));
        let drained = matches!(&*reason, CloseReason::Drained);
        if oversized != self.oversized || drained != (self.peer_drains && !oversized) {
            return Err(format!("the connection ended: {reason}"));
        }
        Ok(())
    }
}

fn is_shutdown(moment: &Moment) -> bool {
    moment.packet.as_ref().is_some_and(|packet| packet.code == SHUTDOWN)
}

/// Handlers that do what the recorded ones did, and note what they saw.
fn router(serves: HashMap<u32, Serve>, seen: Seen) -> Router {
    Router::new().fallback(move |request: Request| {
        let code = request.route.number().expect("a number");
        let sync = request.id().map_or(0, |id| u32::try_from(id.0).expect("32 bits"));
        seen.lock().expect("no panic").push(Packet::new(code, sync, request.body.clone()));
        let serve = serves.get(&code).copied().unwrap_or(Serve::Silent);
        async move {
            match serve {
                Serve::Echo => Ok(request.body),
                Serve::Slow => {
                    let units = request.body.first().copied().unwrap_or(0);
                    tokio::time::sleep(Duration::from_millis(20) * u32::from(units)).await;
                    Ok(Bytes::from([b"re:", &request.body[..]].concat()))
                }
                // iproto has no word for a fault.
                Serve::Silent => Err(Fault::new(Code::Unimplemented, "never answers")),
            }
        }
    })
}

/// I1: calls of both sides that cross answered each other in the original. Our syncs come from a range of our own, so the
/// other's call reaches a handler, and ours gets its own answer.
async fn crossed(ours: Packet, theirs: Packet, side: Side) -> Result<(), String> {
    let serves = HashMap::from([(theirs.code, Serve::Echo)]);
    let (io, raw) = tokio::io::duplex(1 << 20);
    let mut raw = Raw::new(raw);
    let seen = Seen::default();
    let config = Config::for_dialect(&PROFILE);
    let peer =
        Peer::over_with(io, side, Iproto::new(), router(serves, seen.clone()), config).expect("one handler");
    let call = peer.call::<Bytes>(ours.code, ours.body.clone()).start();
    let said = raw.read().await?.ok_or("we closed")?;
    let (first, last) = PROFILE.ids.of(side);
    if (said.code, &said.body) != (ours.code, &ours.body) || !(first..=last).contains(&said.sync.into()) {
        return Err(format!("we sent {said:?} (I1)"));
    }
    raw.send(&theirs).await?;
    let answer = raw.read().await?.ok_or("we closed")?;
    if answer != theirs || *seen.lock().expect("no panic") != [theirs.clone()] {
        return Err(format!("their call was answered with {answer:?} (I1)"));
    }
    raw.send(&said.reply("its own")).await?;
    match timeout(PATIENCE, call).await {
        Ok(Ok(body)) if body == "its own" => Ok(()),
        ended => Err(format!("our call ended as {ended:?} (I1)")),
    }
}

/// The other side, by hand.
struct Raw {
    io: DuplexStream,
    unread: BytesMut,
}

impl Raw {
    fn new(io: DuplexStream) -> Self {
        Self { io, unread: BytesMut::new() }
    }

    async fn send(&mut self, packet: &Packet) -> Result<(), String> {
        let mut bytes = BytesMut::new();
        packet.encode(&mut bytes).map_err(|error| error.to_string())?;
        self.io.write_all(&bytes).await.map_err(|error| error.to_string())
    }

    async fn end(&mut self) -> Result<(), String> {
        self.io.shutdown().await.map_err(|error| error.to_string())
    }

    /// The next packet of ours; `None` is the end.
    async fn read(&mut self) -> Result<Option<Packet>, String> {
        loop {
            let packet = Packet::decode(&mut self.unread, MAX_MESSAGE).map_err(|error| error.to_string())?;
            if packet.is_some() {
                return Ok(packet);
            }
            let read = timeout(PATIENCE, self.io.read_buf(&mut self.unread)).await;
            match read.map_err(|_| format!("we said nothing for {PATIENCE:?}"))? {
                Ok(0) if self.unread.is_empty() => return Ok(None),
                Ok(0) => return Err(format!("we ended inside of a packet: {:02x?}", &self.unread[..])),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
