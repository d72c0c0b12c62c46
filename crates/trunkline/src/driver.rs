//! The only task that touches a transport: one per connection, everything in one poll.
//!
//! ```text
//!  poll:  clock ─► handlers that waited ─► read ─► decode ─► settle (lock) ─► wake callers, start handlers
//!                                            ▲                                         │ answers
//!                                            └── more? ◄── write ◄── take (lock) ◄─────┘
//! ```
//!
//! A batch is one read, at most one section to settle 256 messages of it and one to append the replies, and one write.
//! After callers were woken the driver goes to the back of the queue, so that their next requests leave in one write.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;
use trunkline_engine::{CloseReason, Overload, Work};
use trunkline_wire::{Decode, Decoded, Input, Layer, Output, Side, WireError, recognise};

use crate::dispatch::Dispatch;
use crate::link::{Link, now};
use crate::observe::{Observer, Snapshot};
use crate::scratch::{self, BLOCK, Scratch};
use crate::transport::Io;

/// Messages settled in one section.
const SECTION: usize = 256;

/// How long one poll may go on before others get a turn.
const BUDGET: Duration = Duration::from_micros(100);

/// Blocks read in one poll.
const BLOCKS: usize = 2;

/// A partial message from this size on is read into its own buffer.
const LARGE: usize = 16 << 10;

/// Slices of one vectored write.
const SLICES: usize = 16;

/// A connection that did nothing for this long gives its buffers back.
const IDLE: Duration = Duration::from_secs(1);

/// Everything that belongs to one connection and is not under its lock.
pub(crate) struct Driver {
    link: Arc<Link>,
    io: Io,
    decoder: Box<dyn Decode>,
    layer: Option<Box<dyn Layer>>,
    dispatch: Dispatch,
    /// Bytes of a message that is not all here, or of messages that the budget left over.
    carry: Vec<u8>,
    /// `carry` holds whole messages.
    left_over: bool,
    /// Bytes that the budget left over before the layer.
    wrapped: Vec<u8>,
    /// The layer may have more to give.
    unwrapping: bool,
    /// Bytes that the next message needs, as far as known.
    want: usize,
    reading: bool,
    /// A message was understood.
    greeted: bool,
    output: Output,
    timer: Timer,
    observer: Observer,
    active: bool,
    finished: bool,
}

impl Driver {
    pub(crate) fn new(
        link: Arc<Link>,
        io: Io,
        decoder: Box<dyn Decode>,
        mut layer: Option<Box<dyn Layer>>,
        dispatch: Dispatch,
    ) -> Self {
        let output = greet(&link, layer.as_deref_mut());
        Self {
            link,
            io,
            decoder,
            layer,
            dispatch,
            carry: Vec::new(),
            left_over: false,
            wrapped: Vec::new(),
            unwrapping: false,
            want: 0,
            reading: true,
            greeted: false,
            output,
            timer: Timer::default(),
            observer: Observer::default(),
            active: true,
            finished: false,
        }
    }

    /// Drives the connection to its end.
    pub(crate) async fn run(mut self) {
        self.observer.connected(&self.link.facts);
        let driven = std::future::poll_fn(|cx| {
            let mut scratch = scratch::borrow();
            let poll = self.poll(cx, &mut scratch);
            scratch::give_back(scratch);
            poll
        });
        let reason = tokio::task::coop::unconstrained(driven).await;
        self.finish(reason).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Arc<CloseReason>> {
        let now = now();
        if self.timer.is_due(now) {
            self.tick(now, scratch);
        }
        self.dispatch.poll_running(cx, &mut scratch.answers);
        let mut again = self.input(cx, scratch, now);
        again |= self.dispatch.start_waiting(cx, &self.link, &mut scratch.answers);
        let closed = self.output(cx, scratch, now, again);
        self.dispatch.log_unsaid();
        wake(scratch);
        if let Some(reason) = closed {
            return Poll::Ready(reason);
        }
        if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// The clock has something to say.
    fn tick(&mut self, now: Instant, scratch: &mut Scratch) {
        let mut inner = self.link.lock();
        inner.conn.tick(now, &mut scratch.work);
        if !self.active && self.output.is_empty() {
            inner.conn.release();
            self.output.release();
            if self.carry.is_empty() {
                self.carry = Vec::new();
            }
            self.dispatch.release();
        }
        let seen = self.observer.is_due(!self.active, now).then(|| Snapshot::of(&inner.conn));
        drop(inner);
        if let Some(seen) = seen {
            self.observer.report(&seen, &self.link.facts);
        }
        self.timer.release_at = self.active.then(|| now + IDLE);
        self.active = false;
        wake(scratch);
    }

    // ---- in ---------------------------------------------------------------------------------------------------

    /// Reads until there is nothing to read, callers were woken, or others must get a turn. `true`: come back.
    fn input(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch, began: Instant) -> bool {
        for block in 0..BLOCKS {
            if !self.reading && !self.left_over {
                // What waits before the layer waits with what is not read.
                return false;
            }
            if self.left_over {
                let data = std::mem::take(&mut self.carry);
                self.decode(data, 0, cx, scratch, began, true);
            } else if self.unwrapping {
                let data = std::mem::take(&mut self.wrapped);
                self.arrived(data, 0, cx, scratch, began, true);
            } else {
                match self.read(cx, scratch) {
                    Poll::Pending => return false,
                    Poll::Ready(Ok((_, 0))) => {
                        self.ended(scratch);
                        return false;
                    }
                    Poll::Ready(Ok((data, n))) => {
                        let own = self.want > LARGE;
                        self.arrived(data, n, cx, scratch, began, own);
                    }
                    Poll::Ready(Err(error)) => {
                        self.fail(&error, scratch);
                        return false;
                    }
                }
            }
            self.active = true;
            let woke = !scratch.work.wake.is_empty();
            wake(scratch);
            if woke || self.left_over || self.unwrapping || block + 1 == BLOCKS {
                return true;
            }
        }
        true
    }

    /// One read: behind what is left of the last, into the thread's block, or into the message's own buffer when it is
    /// large. That buffer grows with what arrived, never with what was announced.
    fn read(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<io::Result<(Vec<u8>, usize)>> {
        let own = self.layer.is_none() && (self.want > LARGE || self.carry.len() > LARGE);
        let target = if own {
            let missing = self.want.saturating_sub(self.carry.len()).max(1);
            self.carry.reserve(missing.min(self.carry.len().max(BLOCK)));
            &mut self.carry
        } else {
            scratch.block.clear();
            scratch.block.reserve(BLOCK);
            if self.layer.is_none() {
                scratch.block.extend_from_slice(&self.carry);
            }
            &mut scratch.block
        };
        let Poll::Ready(read) = poll_read_buf(Pin::new(&mut self.io), cx, target) else {
            if own && self.carry.len() < LARGE {
                // A header that announces much and brings nothing holds nothing.
                self.carry.shrink_to_fit();
            }
            return Poll::Pending;
        };
        let n = read?;
        // At the end of the stream `carry` says what is missing.
        let data = if n == 0 { Vec::new() } else { std::mem::take(target) };
        Poll::Ready(Ok((data, n)))
    }

    /// Bytes arrived: through the layer, if there is one, to the decoder.
    fn arrived(
        &mut self,
        data: Vec<u8>,
        n: usize,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
        began: Instant,
        own: bool,
    ) {
        let Some(mut layer) = self.layer.take() else {
            if !own {
                self.carry.clear();
            }
            return self.decode(data, n, cx, scratch, began, own);
        };
        let mut wrapped = data.as_slice();
        let mut n = n;
        self.unwrapping = true;
        loop {
            let before = (wrapped.len(), self.carry.len());
            if let Err(error) = layer.unwrap(&mut wrapped, &mut self.carry, BLOCK) {
                self.close(CloseReason::Wire(error), scratch);
                self.unwrapping = false;
                break;
            }
            if (wrapped.len(), self.carry.len()) == before {
                self.unwrapping = false;
                break;
            }
            let plain = std::mem::take(&mut self.carry);
            self.decode(plain, n, cx, scratch, began, true);
            n = 0;
            // A little that arrived may be much that comes out of it: others get their turn in between.
            if self.left_over || now().saturating_duration_since(began) > BUDGET {
                self.wrapped = wrapped.to_vec();
                break;
            }
        }
        if data.capacity() == BLOCK {
            scratch.block = data;
        }
        self.layer = Some(layer);
    }

    /// Decodes a block, section by section. `own`: the block is the connection's, not the thread's.
    fn decode(
        &mut self,
        data: Vec<u8>,
        n: usize,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
        began: Instant,
        own: bool,
    ) {
        let mut input = Input::new(data);
        let mut heard = n;
        self.left_over = false;
        loop {
            let mut wrong = None;
            let mut exhausted = false;
            while scratch.messages.len() < SECTION {
                match self.decoder.decode(&mut input) {
                    Ok(Decoded::Message(message)) => scratch.messages.push(message),
                    Ok(Decoded::More(want)) => {
                        self.want = want;
                        exhausted = true;
                        break;
                    }
                    Err(error) => {
                        wrong = Some(self.diagnose(error, input.remaining()));
                        break;
                    }
                }
            }
            self.greeted |= !scratch.messages.is_empty();
            let mut inner = self.link.lock();
            self.dispatch.hand_over(&mut scratch.answers, &mut inner.conn);
            if heard > 0 {
                inner.conn.heard(heard, began);
                heard = 0;
            }
            let fresh = !scratch.messages.is_empty();
            inner.conn.receive(&mut scratch.messages, began, &mut scratch.work);
            if exhausted {
                inner.conn.partial(input.remaining().len(), fresh, began);
            }
            if let Some(error) = wrong.take() {
                inner.conn.close(CloseReason::Wire(error), &mut scratch.work);
            }
            let over = inner.conn.closed().is_some();
            self.reading = inner.conn.wants_bytes();
            let may_start = inner.conn.wants_requests();
            drop(inner);
            self.dispatch.may_start(may_start);
            let overload =
                self.dispatch.accept(cx, &self.link, &mut scratch.work.requests, &mut scratch.answers);
            if let Some(Overload::Close { what, value, limit, setting }) = overload {
                self.close(CloseReason::Overload { what, value, limit, setting }, scratch);
                break;
            }
            if over || exhausted {
                break;
            }
            if now().saturating_duration_since(began) > BUDGET {
                self.left_over = true;
                break;
            }
        }
        self.keep(input, scratch, own);
    }

    /// What is wrong with the very first bytes is often that they are not meant for us.
    fn diagnose(&self, error: WireError, bytes: &[u8]) -> WireError {
        match recognise(bytes).filter(|_| !self.greeted) {
            Some(what) => WireError::Foreign { dialect: self.link.facts.profile.name, what },
            None => error,
        }
    }

    /// Keeps what was not decoded, and the block for the next read.
    fn keep(&mut self, input: Input, scratch: &mut Scratch, own: bool) {
        if own && input.is_untouched() {
            self.carry = input.into_block().unwrap_or_default();
            return;
        }
        self.carry.clear();
        self.carry.extend_from_slice(input.remaining());
        if let Some(block) = input.into_block()
            && block.capacity() == BLOCK
        {
            scratch.block = block;
        }
    }

    /// The peer will send no more.
    fn ended(&mut self, scratch: &mut Scratch) {
        self.reading = false;
        match self.decoder.finish(&self.carry) {
            Err(error) => {
                let error = self.diagnose(error, &self.carry);
                self.close(CloseReason::Wire(error), scratch);
            }
            Ok(()) => self.link.lock().conn.ended(now(), &mut scratch.work),
        }
        wake(scratch);
    }

    // ---- out --------------------------------------------------------------------------------------------------

    /// Writes until there is nothing to write or the transport takes no more. Ends with the driver asleep, or with the
    /// reason why the connection is over.
    fn output(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
        now: Instant,
        again: bool,
    ) -> Option<Arc<CloseReason>> {
        loop {
            let blocked = match self.write(cx, now) {
                Ok(blocked) => blocked,
                Err(error) => {
                    self.fail(&error, scratch);
                    false
                }
            };
            let mut inner = self.link.lock();
            self.dispatch.hand_over(&mut scratch.answers, &mut inner.conn);
            self.dispatch.report(&mut inner.conn);
            if blocked {
                inner.conn.blocked(now);
            } else if inner.conn.take(&mut self.output, now, &mut scratch.work) {
                self.active = true;
                drop(inner);
                if let Err(error) = self.wrap() {
                    self.close(CloseReason::Wire(error), scratch);
                }
                continue;
            }
            if let Some(reason) = inner.conn.closed() {
                return Some(reason);
            }
            self.reading = inner.conn.wants_bytes();
            let may_start = inner.conn.wants_requests();
            let deadline = inner.conn.deadline();
            let begins_to_drain = self.observer.begins_to_drain(inner.conn.phase());
            if !again {
                Link::sleep(&mut inner, cx.waker());
            }
            drop(inner);
            if begins_to_drain {
                self.observer.draining(&self.link.facts);
            }
            self.dispatch.may_start(may_start);
            self.timer.arm(deadline, self.active, now, cx);
            return None;
        }
    }

    /// Through the layer, if there is one. What a layer was given counts as handed over.
    fn wrap(&mut self) -> Result<(), WireError> {
        let Some(layer) = &mut self.layer else { return Ok(()) };
        let plain = self.output.to_vec();
        let mut wrapped = Vec::with_capacity(plain.len() / 2);
        layer.wrap(&plain, &mut wrapped)?;
        layer.flush(&mut wrapped)?;
        self.output.clear();
        self.link.lock().conn.wrapped(wrapped.len());
        self.output.put_body(&wrapped.into());
        Ok(())
    }

    /// Writes what the current turn still has. `true`: the transport takes no more.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> io::Result<bool> {
        while !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.output.slices(&mut slices);
            let slices = slices.get(..filled).unwrap_or_default();
            let io = Pin::new(&mut self.io);
            let poll = match slices {
                [one] => io.poll_write(cx, one),
                several => io.poll_write_vectored(cx, several),
            };
            match poll {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.output.advance(n);
                    let more = !self.output.is_empty();
                    let mut inner = self.link.lock();
                    inner.conn.wrote(n, more, now);
                    let flushed = if more { Vec::new() } else { Link::flushed(&mut inner) };
                    drop(inner);
                    for waiter in flushed {
                        // Who does not wait any more need not be told.
                        let _ = waiter.send(());
                    }
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if matches!(self.io, Io::Other(_)) {
            return match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Ready(flushed) => flushed.map(|()| false),
                Poll::Pending => Ok(false),
            };
        }
        Ok(false)
    }

    // ---- the end ----------------------------------------------------------------------------------------------

    /// The transport failed. A reset while nothing waits is how many peers close.
    fn fail(&self, error: &io::Error, scratch: &mut Scratch) {
        let mut inner = self.link.lock();
        let pending = inner.conn.pending();
        let reason = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                if pending == 0 {
                    CloseReason::Peer
                } else {
                    CloseReason::PeerLost { pending }
                }
            }
            _ => CloseReason::Io(error.to_string()),
        };
        inner.conn.close(reason, &mut scratch.work);
        drop(inner);
        wake(scratch);
    }

    fn close(&self, reason: CloseReason, scratch: &mut Scratch) {
        self.link.lock().conn.close(reason, &mut scratch.work);
        wake(scratch);
    }

    fn tell_end(&mut self, reason: &CloseReason) {
        let seen = Snapshot::of(&self.link.lock().conn);
        self.observer.closed(&seen, &self.link.facts, reason);
    }

    async fn finish(mut self, reason: Arc<CloseReason>) {
        self.finished = true;
        let (remains, hijack, kept) = {
            let mut inner = self.link.lock();
            (inner.conn.remains(), inner.hijack.take(), inner.conn.take_kept())
        };
        drop(remains);
        self.tell_end(&reason);
        let link = self.link.clone();
        let io = std::mem::replace(&mut self.io, Io::Memory(tokio::io::duplex(1).0));
        match hijack {
            Some(sender) if matches!(*reason, CloseReason::Hijacked) => {
                let mut unread = kept.to_vec();
                unread.extend_from_slice(&self.carry);
                let _ = sender.send((io, unread.into()));
            }
            _ => {
                let mut io = io;
                let farewell = std::future::poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx));
                let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
            }
        }
        std::mem::take(&mut self.dispatch).linger(&link, !reason.is_error());
        // Whoever waits for the end finds everything given back.
        self.carry = Vec::new();
        self.output = Output::new();
        link.finish(reason);
    }
}

/// A driver that is dropped in the middle (its runtime ends, or a decoder panicked) still ends every call and runs
/// every hook.
impl Drop for Driver {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let why = if std::thread::panicking() {
            CloseReason::Internal("the driver panicked")
        } else {
            CloseReason::Local
        };
        self.link.close(why);
        let reason = self.link.lock().conn.closed();
        if let Some(reason) = reason {
            self.tell_end(&reason);
            self.link.finish(reason);
        }
    }
}

/// Wakes whom the engine named, and drops what it no longer needs; both outside the lock.
#[inline]
fn wake(scratch: &mut Scratch) {
    scratch.work.wake.drain(..).for_each(Waker::wake);
    scratch.work.drop.clear();
}

/// What a layer says before anything else; whom it waits for has as long for that as for any message.
fn greet(link: &Link, layer: Option<&mut (dyn Layer + 'static)>) -> Output {
    let (mut output, mut hello) = (Output::new(), Vec::new());
    let Some(layer) = layer else { return output };
    let mut inner = link.lock();
    if let Err(error) = layer.flush(&mut hello) {
        inner.conn.close(CloseReason::Wire(error), &mut Work::default());
    }
    if link.facts.side == Side::Accepting {
        inner.conn.partial(1, true, now());
    }
    output.put(&hello);
    output
}

/// One timer per connection, armed at its earliest deadline.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    armed: Option<Instant>,
    /// When to look whether the buffers can be given back.
    release_at: Option<Instant>,
}

impl Timer {
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.armed.is_some_and(|armed| armed <= now);
        if due {
            self.armed = None;
        }
        due
    }

    /// Moves the timer when something is due earlier than it would fire. It may fire early; it never fires late.
    fn arm(&mut self, deadline: Option<Instant>, active: bool, now: Instant, cx: &mut Context<'_>) {
        if active && self.release_at.is_none_or(|at| at <= now) {
            self.release_at = Some(now + IDLE);
        }
        let Some(at) = [deadline, self.release_at].into_iter().flatten().min() else { return };
        if self.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        self.armed = Some(at);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
        sleep.as_mut().reset(at.into());
        if sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}
