//! Starting handlers and following those that wait. Owned by the driver, outside the lock.
//!
//! In: requests in arrival order. Out: answers. A handler is polled in place; only one that waits is kept. Bounds: what
//! the [`Inbox`] says per connection, and the [`Gate`] for all connections of a server.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use trunkline_engine::{Answering, CloseReason, Connection, Inbox, Incoming, Overload};
use trunkline_wire::{Code, Fault, Id, Route};

use crate::extensions::Extensions;
use crate::handler::BoxFuture;
use crate::link::Link;
use crate::peer::Peer;
use crate::request::{Reply, Request};
use crate::router::{Entry, Run, Table, Unknown};

/// How long handlers may go on after their connection has ended, where nothing else limits them.
const LINGER: Duration = Duration::from_secs(60);

/// Routes whose silent faults were logged; more are only counted.
const LOGGED_ROUTES: usize = 64;

/// Room for handlers that wait, shared by all connections of a server.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn new(handlers: usize) -> Self {
        Self(Arc::new(Semaphore::new(handlers.min(Semaphore::MAX_PERMITS))))
    }
}

/// The handlers of one connection.
pub(crate) struct Dispatch {
    table: Arc<Table>,
    inbox: Inbox,
    running: FuturesUnordered<Running>,
    gate: Gate,
    /// A place at the gate, while we wait for one.
    entering: Option<BoxFuture<Option<OwnedSemaphorePermit>>>,
    permit: Option<OwnedSemaphorePermit>,
    /// The requests behind a running handler of a serial route, by the route's own text.
    serial: HashMap<Route, VecDeque<Incoming>>,
    may_start: bool,
    refused: u64,
    unknown: u64,
    logged: HashSet<Route>,
    /// Not logged yet.
    silent: Vec<(Route, Box<Fault>)>,
}

impl Default for Dispatch {
    fn default() -> Self {
        let config = trunkline_engine::Config::for_dialect(&trunkline_wire::iproto::PROFILE);
        Self::new(Arc::default(), Inbox::new(&config, false), Gate::new(0))
    }
}

impl Dispatch {
    pub(crate) fn new(table: Arc<Table>, inbox: Inbox, gate: Gate) -> Self {
        Self {
            table,
            inbox,
            running: FuturesUnordered::new(),
            gate,
            entering: None,
            permit: None,
            serial: HashMap::new(),
            may_start: true,
            refused: 0,
            unknown: 0,
            logged: HashSet::new(),
            silent: Vec::new(),
        }
    }

    /// Whether the peer reads our replies, so that more may be made.
    pub(crate) const fn may_start(&mut self, may: bool) {
        self.may_start = may;
    }

    /// Requests arrived: starts them, or lets them wait. Returns an overload that must close the connection.
    pub(crate) fn accept(
        &mut self,
        cx: &mut Context<'_>,
        link: &Arc<Link>,
        requests: &mut Vec<Incoming>,
        answers: &mut Vec<Answering>,
    ) -> Option<Overload> {
        for request in requests.drain(..) {
            if self.may_start && self.inbox.is_clear() && self.gate_is_open() {
                if let Some(close) = self.start(request, cx, link, answers) {
                    return Some(close);
                }
                continue;
            }
            match self.inbox.push(request) {
                Ok(()) => {}
                Err(Overload::Refuse(request)) => answers.push(self.refuse(request)),
                Err(close) => return Some(close),
            }
        }
        None
    }

    /// Starts what waits, as far as there is room. `true`: there is more that could be started.
    pub(crate) fn start_waiting(
        &mut self,
        cx: &mut Context<'_>,
        link: &Arc<Link>,
        answers: &mut Vec<Answering>,
    ) -> bool {
        for _ in 0..256 {
            if self.inbox.waiting() == 0 || !self.may_start || !self.enter(cx) {
                return false;
            }
            let Some(request) = self.inbox.start() else { return false };
            if let Some(Overload::Close { what, value, limit, setting }) =
                self.start(request, cx, link, answers)
            {
                link.close(CloseReason::Overload { what, value, limit, setting });
                return false;
            }
        }
        self.inbox.waiting() > 0
    }

    fn gate_is_open(&self) -> bool {
        self.permit.is_some() || self.gate.0.available_permits() > 0
    }

    /// A place at the gate, now or when the driver is woken for it.
    fn enter(&mut self, cx: &mut Context<'_>) -> bool {
        if self.gate_is_open() {
            self.entering = None;
            return true;
        }
        let gate = self.gate.0.clone();
        let entering =
            self.entering.get_or_insert_with(|| Box::pin(async { gate.acquire_owned().await.ok() }));
        match entering.as_mut().poll(cx) {
            Poll::Ready(permit) => {
                self.entering = None;
                self.permit = permit;
                true
            }
            Poll::Pending => false,
        }
    }

    /// Starts one handler and polls it once.
    #[inline]
    fn start(
        &mut self,
        incoming: Incoming,
        cx: &mut Context<'_>,
        link: &Arc<Link>,
        answers: &mut Vec<Answering>,
    ) -> Option<Overload> {
        let table = self.table.clone();
        let Some(entry) = table.find(&incoming.route) else { return self.unknown(incoming, answers) };
        if entry.serial {
            if let Some(queue) = self.serial.get_mut(&entry.route) {
                match self.inbox.hold(incoming) {
                    Ok(held) => queue.push_back(held),
                    Err(Overload::Refuse(request)) => answers.push(self.refuse(request)),
                    Err(close) => return Some(close),
                }
                return None;
            }
            self.serial.insert(entry.route.clone(), VecDeque::new());
        }
        self.run(entry, incoming, cx, link, answers);
        None
    }

    fn run(
        &mut self,
        entry: &Entry,
        incoming: Incoming,
        cx: &mut Context<'_>,
        link: &Arc<Link>,
        answers: &mut Vec<Answering>,
    ) {
        let (id, route) = (incoming.id, incoming.route.clone());
        let request = request(Peer::from_link(link.clone()), incoming);
        let begun = catch_unwind(AssertUnwindSafe(|| (entry.serve)(request)));
        let Ok(mut future) = begun else {
            self.log_panic(&route);
            answers.push(Answering { id, route: route.clone(), result: Reply::panicked().0 });
            return self.next_serial(entry, cx, link, answers);
        };
        let work = match entry.run {
            Run::Inline => match poll_guarded(future.as_mut(), cx) {
                Poll::Ready(reply) => {
                    let reply = reply.unwrap_or_else(|| {
                        self.log_panic(&route);
                        Reply::panicked()
                    });
                    log_internal(&route, &reply);
                    answers.push(Answering { id, route, result: reply.0 });
                    return self.next_serial(entry, cx, link, answers);
                }
                Poll::Pending => Work::Inline(future),
            },
            Run::Spawned => Work::Spawned(Task(tokio::spawn(future))),
        };
        self.inbox.waits();
        let permit = self.permit.take().or_else(|| self.gate.0.clone().try_acquire_owned().ok());
        let serial = entry.serial.then(|| entry.route.clone());
        let cancel = entry.cancel_on_disconnect && id.is_some();
        self.running.push(Running { work, id, route: Some(route), serial, cancel, _permit: permit });
        // It may have been woken already by the poll in place; it is polled again under its own waker.
        cx.waker().wake_by_ref();
    }

    /// Polls the handlers that wait.
    pub(crate) fn poll_running(&mut self, cx: &mut Context<'_>, answers: &mut Vec<Answering>) {
        if self.running.is_empty() {
            return;
        }
        for _ in 0..256 {
            let Poll::Ready(Some(done)) = self.running.poll_next_unpin(cx) else { return };
            self.inbox.ends();
            log_internal(&done.route, &done.reply);
            answers.push(Answering { id: done.id, route: done.route, result: done.reply.0 });
            if let Some(route) = done.serial {
                self.release_serial(&route);
            }
        }
        cx.waker().wake_by_ref();
    }

    /// A serial handler finished in place: the next one of its route may start.
    fn next_serial(
        &mut self,
        entry: &Entry,
        cx: &mut Context<'_>,
        link: &Arc<Link>,
        answers: &mut Vec<Answering>,
    ) {
        if !entry.serial {
            return;
        }
        match self.serial.get_mut(&entry.route).and_then(VecDeque::pop_front) {
            None => {
                self.serial.remove(&entry.route);
            }
            Some(next) => {
                self.inbox.unhold(&next);
                self.run(entry, next, cx, link, answers);
            }
        }
    }

    /// A serial handler that waited has finished: what is behind it goes to the front door again, in order.
    fn release_serial(&mut self, route: &Route) {
        let Some(queue) = self.serial.remove(route) else { return };
        for request in &queue {
            self.inbox.unhold(request);
        }
        self.inbox.push_front(queue);
    }

    fn refuse(&mut self, request: Incoming) -> Answering {
        self.refused += 1;
        let fault = Fault::refused(Code::ResourceExhausted, "too many requests wait to be started");
        no(request.id, request.route, fault)
    }

    fn unknown(&mut self, incoming: Incoming, answers: &mut Vec<Answering>) -> Option<Overload> {
        self.unknown += 1;
        let Incoming { id, route, .. } = incoming;
        if self.table.unknown == Unknown::Close {
            let what = "requests for unknown routes";
            return Some(Overload::Close { what, value: 1, limit: 0, setting: "Router::unknown" });
        }
        let fault = Fault::new(Code::Unimplemented, format!("no handler for route {route}"));
        answers.push(no(id, route, fault));
        None
    }

    /// Answers go to the engine. Faults that the dialect cannot say are noted, each route once, for
    /// [`Self::log_unsaid`].
    pub(crate) fn hand_over(
        &mut self,
        answers: &mut Vec<Answering>,
        conn: &mut Connection<std::task::Waker>,
    ) {
        for answer in answers.drain(..) {
            let Some((route, fault)) = conn.answer(answer) else { continue };
            if self.logged.len() < LOGGED_ROUTES && self.logged.insert(route.clone()) {
                self.silent.push((route, fault));
            }
        }
    }

    /// Logs what could not be said; outside the lock, because a subscriber is the user's.
    pub(crate) fn log_unsaid(&mut self) {
        for (route, fault) in self.silent.drain(..) {
            tracing::warn!(%route, %fault, "this dialect cannot say a fault; the caller hears nothing");
        }
    }

    fn log_panic(&self, route: &Route) {
        tracing::error!(%route, "a handler panicked");
    }

    /// Counts what was decided here.
    pub(crate) fn report(&mut self, conn: &mut Connection<std::task::Waker>) {
        if self.refused + self.unknown > 0 {
            conn.count(std::mem::take(&mut self.refused), std::mem::take(&mut self.unknown));
        }
    }

    /// Gives memory back; for a connection that falls idle.
    pub(crate) fn release(&mut self) {
        self.inbox.release();
        if self.serial.is_empty() {
            self.serial = HashMap::new();
        }
    }

    /// The connection is over. Handlers that were started go on to their end, as long as it does not take for ever;
    /// those that asked to be cancelled are dropped. Notifications that had arrived before a clean end are still heard.
    pub(crate) fn linger(mut self, link: &Arc<Link>, clean: bool) {
        let running: FuturesUnordered<_> =
            self.running.into_iter().filter(|running| !running.cancel).collect();
        let mut waiting = self.inbox.clear();
        waiting.retain(|request| clean && request.id.is_none());
        if running.is_empty() && waiting.is_empty() {
            return;
        }
        let (table, peer) = (self.table, Peer::from_link(link.clone()));
        tokio::spawn(async move {
            let all = running.for_each(|_| std::future::ready(()));
            let rest = async {
                for incoming in waiting {
                    let Some(entry) = table.find(&incoming.route) else { continue };
                    let future = (entry.serve)(request(peer.clone(), incoming));
                    let _ = Guarded(future).await;
                }
            };
            let both = async { tokio::join!(all, rest) };
            if tokio::time::timeout(LINGER, both).await.is_err() {
                tracing::warn!("handlers were cut {LINGER:?} after their connection had ended");
            }
        });
    }
}

/// A request as its handler sees it.
fn request(peer: Peer, incoming: Incoming) -> Request {
    let Incoming { id, route, body, extra } = incoming;
    let (deadline, metadata) = match extra {
        Some(extra) => (extra.remaining.map(|left| crate::link::now() + left), extra.metadata),
        None => (None, Vec::new()),
    };
    Request { peer, route, body, metadata, deadline, extensions: Extensions::default(), id }
}

fn no(id: Option<Id>, route: Route, fault: Fault) -> Answering {
    Answering { id, route, result: Err(Box::new(fault)) }
}

fn log_internal(route: &Route, reply: &Reply) {
    if let Err(fault) = &reply.0
        && let Some(internal) = &fault.internal
    {
        tracing::error!(%route, "a handler failed: {}", internal.escape_debug());
    }
}

/// A panic of a handler is its caller's fault answer, and nothing else.
#[inline]
fn poll_guarded(
    future: Pin<&mut (dyn Future<Output = Reply> + Send)>,
    cx: &mut Context<'_>,
) -> Poll<Option<Reply>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    }
}

/// A handler whose panic is `None`.
struct Guarded(BoxFuture<Reply>);

impl Future for Guarded {
    type Output = Option<Reply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_guarded(self.0.as_mut(), cx)
    }
}

enum Work {
    Inline(BoxFuture<Reply>),
    Spawned(Task),
}

/// A task that ends when nobody follows it any more.
struct Task(JoinHandle<Reply>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A handler that waits.
struct Running {
    work: Work,
    id: Option<Id>,
    route: Option<Route>,
    serial: Option<Route>,
    cancel: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

struct Done {
    id: Option<Id>,
    route: Route,
    serial: Option<Route>,
    reply: Reply,
}

impl Future for Running {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        let reply = match &mut self.work {
            Work::Inline(future) => std::task::ready!(poll_guarded(future.as_mut(), cx)),
            Work::Spawned(task) => std::task::ready!(Pin::new(&mut task.0).poll(cx)).ok(),
        };
        let route = self.route.take().unwrap_or(Route::NONE);
        let reply = reply.unwrap_or_else(|| {
            tracing::error!(%route, "a handler panicked");
            Reply::panicked()
        });
        Poll::Ready(Done { id: self.id, route, serial: self.serial.take(), reply })
    }
}
