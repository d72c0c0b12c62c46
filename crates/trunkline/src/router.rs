//! Route to handler.
//!
//! A router is built once and then shared by every connection; a mistake in it (two handlers for one route) is an error
//! when the server or client is built, not a surprise at run time.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tower::{Layer, Service};
use trunkline_wire::Route;

use crate::error::{Error, ErrorKind};
use crate::handler::{BoxFuture, Handler};
use crate::layer::{BoxError, RouteService};
use crate::request::{Reply, Request};

/// Numbers below this are looked up in a table; others by search.
const DENSE: u32 = 1024;

/// Where a handler runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Run {
    /// Polled in place by the connection's driver: the fastest, for handlers that do not burn CPU.
    #[default]
    Inline,
    /// In a task of its own: for handlers that burn CPU, on the multi-thread runtime.
    Spawned,
}

/// What to do with a request that no handler wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// Answer with a fault where the dialect can say it, else with silence. Counted either way.
    #[default]
    Refuse,
    /// Close the connection that sent it.
    Close,
}

pub(crate) type Serve = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<Reply> + Send + Sync>;

/// One route.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) route: Route,
    pub(crate) serve: Serve,
    pub(crate) run: Run,
    pub(crate) serial: bool,
    pub(crate) cancel_on_disconnect: bool,
}

/// Routes and their handlers. `S` is the state that handlers of two arguments are given.
#[derive(Clone)]
#[must_use = "a router does nothing until a server, client or peer is given it"]
pub struct Router<S = ()> {
    state: S,
    entries: Vec<Entry>,
    fallback: Option<Entry>,
    unknown: Unknown,
}

impl Router {
    /// A router without state.
    pub const fn new() -> Self {
        Self::with_state(())
    }
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// A router whose handlers may take `state` as their first argument.
    pub const fn with_state(state: S) -> Self {
        Self { state, entries: Vec::new(), fallback: None, unknown: Unknown::Refuse }
    }

    fn entry<M>(&self, route: Route, handler: impl Handler<M, S>) -> Entry {
        let state = self.state.clone();
        let serve: Serve = Arc::new(move |request| handler.handle(&state, request));
        Entry { route, serve, run: Run::Inline, serial: false, cancel_on_disconnect: false }
    }

    /// Answers a route: a number, a name, or both as `(1, "/echo")`.
    pub fn route<M>(mut self, route: impl Into<Route>, handler: impl Handler<M, S>) -> Self {
        let entry = self.entry(route.into(), handler);
        self.entries.push(entry);
        self
    }

    /// Hears every packet of a dialect without routes (`packet://`), in arrival order of each connection.
    pub fn packets<M>(self, handler: impl Handler<M, S>) -> Self {
        self.route(Route::NONE, handler)
    }

    /// Answers a route in a task of its own.
    pub fn route_spawned<M>(mut self, route: impl Into<Route>, handler: impl Handler<M, S>) -> Self {
        let entry = Entry { run: Run::Spawned, ..self.entry(route.into(), handler) };
        self.entries.push(entry);
        self
    }

    /// Answers a route one request at a time per connection, in arrival order.
    pub fn route_serial<M>(mut self, route: impl Into<Route>, handler: impl Handler<M, S>) -> Self {
        let entry = Entry { serial: true, ..self.entry(route.into(), handler) };
        self.entries.push(entry);
        self
    }

    /// The handlers of the route added last are dropped when their connection ends; by default they run to their end.
    pub fn cancel_on_disconnect(mut self) -> Self {
        if let Some(last) = self.entries.last_mut() {
            last.cancel_on_disconnect = true;
        }
        self
    }

    /// Answers every request that no route wants.
    pub fn fallback<M>(mut self, handler: impl Handler<M, S>) -> Self {
        self.fallback = Some(self.entry(Route::NONE, handler));
        self
    }

    /// What happens to requests that nothing wants, without a fallback.
    pub const fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// Adds the routes of another router. Its fallback counts only where this one has none.
    pub fn merge<T>(mut self, other: Router<T>) -> Self {
        self.entries.extend(other.entries);
        self.fallback = self.fallback.or(other.fallback);
        self
    }

    /// Adds the routes of another router with `prefix` before their names; numbers stay as they are.
    pub fn nest<T>(mut self, prefix: &str, other: Router<T>) -> Self {
        let named = |route: Route| match route {
            Route::Number(number) => Route::Number(number),
            Route::Name(name) => Route::Name(format!("{prefix}{name}").into()),
            Route::Both(number, name) => Route::Both(number, format!("{prefix}{name}").into()),
        };
        let nested =
            other.entries.into_iter().map(|entry| Entry { route: named(entry.route.clone()), ..entry });
        self.entries.extend(nested);
        self
    }

    /// Puts a tower layer around every route added so far, and the fallback. Routes added later are not behind it.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<RouteService>,
        L::Service: Service<Request, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send,
    {
        for entry in self.entries.iter_mut().chain(&mut self.fallback) {
            entry.serve = crate::layer::around(&layer, entry.serve.clone());
        }
        self
    }

    /// Whether there is a handler for exactly this number or name.
    #[must_use]
    pub fn get(&self, route: impl Into<Route>) -> Option<&Route> {
        let route = route.into();
        self.entries.iter().map(|entry| &entry.route).find(|known| {
            route.number().is_some_and(|number| known.number() == Some(number))
                || route.name().is_some_and(|name| known.name() == Some(name))
        })
    }

    /// The routes, in the order in which they were added.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.entries.iter().map(|entry| &entry.route)
    }

    pub(crate) fn build(self) -> Result<Arc<Table>, Error> {
        Table::new(self.entries, self.fallback, self.unknown).map(Arc::new)
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.route)).finish()
    }
}

/// A finished router.
#[derive(Default)]
pub(crate) struct Table {
    entries: Vec<Entry>,
    /// Index + 1 by number, for small numbers; 0 is none.
    dense: Vec<u32>,
    sparse: HashMap<u32, u32>,
    names: HashMap<Box<str>, u32>,
    fallback: Option<Entry>,
    pub(crate) unknown: Unknown,
}

impl Table {
    fn new(entries: Vec<Entry>, fallback: Option<Entry>, unknown: Unknown) -> Result<Self, Error> {
        let mut table = Self { fallback, unknown, ..Self::default() };
        for (index, entry) in (0u32..).zip(&entries) {
            let mut duplicate = false;
            if let Some(number) = entry.route.number() {
                duplicate |= !table.insert_number(number, index);
            }
            if let Some(name) = entry.route.name() {
                duplicate |= table.names.insert(name.into(), index).is_some();
            }
            if duplicate {
                let what = format!("two handlers for route {}", entry.route);
                return Err(Error::not_sent(ErrorKind::Config(what)));
            }
        }
        table.entries = entries;
        Ok(table)
    }

    fn insert_number(&mut self, number: u32, index: u32) -> bool {
        if number >= DENSE {
            return self.sparse.insert(number, index).is_none();
        }
        let at = number as usize;
        if self.dense.len() <= at {
            self.dense.resize(at + 1, 0);
        }
        let place = &mut self.dense[at];
        let free = *place == 0;
        *place = index + 1;
        free
    }

    /// The handler of a route: by number where it has one, else by name, else the fallback.
    #[inline]
    pub(crate) fn find(&self, route: &Route) -> Option<&Entry> {
        let index = match route {
            Route::Number(number) => self.by_number(*number),
            Route::Name(name) => self.names.get(name.as_str()).copied(),
            Route::Both(number, name) => {
                self.by_number(*number).or_else(|| self.names.get(name.as_str()).copied())
            }
        };
        index.and_then(|index| self.entries.get(index as usize)).or(self.fallback.as_ref())
    }

    #[inline]
    fn by_number(&self, number: u32) -> Option<u32> {
        if number < DENSE {
            return self.dense.get(number as usize)?.checked_sub(1);
        }
        self.sparse.get(&number).copied()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.route)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nothing(_: Request) {}

    #[test]
    fn finds_by_number_and_by_name() {
        let table = Router::new()
            .route((1, "/echo"), nothing)
            .route(70_000, nothing)
            .route("/only", nothing)
            .build()
            .expect("no duplicates");
        let found = |route: Route| table.find(&route).map(|entry| entry.route.to_string());
        assert_eq!(found(1.into()).as_deref(), Some("1 (/echo)"));
        assert_eq!(found("/echo".into()).as_deref(), Some("1 (/echo)"));
        assert_eq!(found(70_000.into()).as_deref(), Some("70000"));
        assert_eq!(found((9, "/only").into()).as_deref(), Some("/only"));
        assert_eq!(found(2.into()), None);
        assert_eq!(found(0.into()), None);
    }

    #[test]
    fn two_handlers_for_one_route_are_an_error() {
        for router in [
            Router::new().route((1, "/a"), nothing).route((1, "/b"), nothing),
            Router::new().route((1, "/a"), nothing).route((2, "/a"), nothing),
            Router::new().route(70_000, nothing).route(70_000, nothing),
        ] {
            let error = router.build().expect_err("must not build").to_string();
            assert!(error.contains("two handlers for route"), "{error}");
        }
    }

    #[test]
    fn a_router_says_what_it_has() {
        let router = Router::new().route((1, "/echo"), nothing);
        assert!(router.get(1).is_some() && router.get("/echo").is_some());
        assert!(router.get(2).is_none());
    }
}
