//! The routes of `trunkline serve`. The demo, the tests and strangers' clients rely on them; their exact bytes are in
//! `docs/builtins.md`.
//!
//! [`ROUTES`] is the one table: a route that comes later is a line here and a handler below.

use std::time::Duration;

use trunkline::bytes::Bytes;
use trunkline::{Code, Fault, Request, Route, Router, Text};

/// A built-in route.
pub(crate) struct Builtin {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) does: &'static str,
    add: fn(Router, Route) -> Router,
}

/// Every built-in route.
pub(crate) const ROUTES: &[Builtin] = &[
    Builtin {
        number: 1,
        name: "/echo",
        does: "replies the body",
        add: |router, route| router.route(route, echo),
    },
    Builtin {
        number: 2,
        name: "/health",
        does: r#"replies {"status":"healthy"}"#,
        add: |router, route| router.route(route, health),
    },
    Builtin {
        number: 3,
        name: "/sleep",
        does: "body = decimal milliseconds; replies the body after that time",
        add: |router, route| router.route(route, sleep),
    },
    Builtin {
        number: 4,
        name: "/fail",
        does: "a fault with the body as its message",
        add: |router, route| router.route(route, fail),
    },
    Builtin {
        number: 5,
        name: "/sum",
        does: "body = packed (u32, u32), little-endian; replies packed u32",
        add: |router, route| router.route(route, sum),
    },
];

impl Builtin {
    const fn route(&self) -> Route {
        Route::Both(self.number, trunkline::wire::Name::from_static(self.name))
    }
}

/// The router of `serve`.
pub(crate) fn router() -> Router {
    ROUTES.iter().fold(Router::new(), |router, builtin| (builtin.add)(router, builtin.route()))
}

/// The built-in route with this name, in both its forms.
pub(crate) fn by_name(name: &str) -> Option<Route> {
    ROUTES.iter().find(|builtin| builtin.name == name).map(Builtin::route)
}

/// The table, for `serve --help`.
pub(crate) fn help() -> String {
    let rows = ROUTES
        .iter()
        .map(|Builtin { number, name, does, .. }| format!("\n  {number:>2}  {name:<13} {does}"))
        .collect::<String>();
    format!("Routes, by number and by name:{rows}")
}

async fn echo(request: Request) -> Bytes {
    request.body
}

async fn health(_: Request) -> &'static str {
    r#"{"status":"healthy"}"#
}

async fn sleep(request: Request<Text>) -> Result<Text, Fault> {
    let ms = request.body.0.trim().parse().map_err(|_| {
        let what = format!("`{}` is not a number of milliseconds", request.body.0.escape_debug());
        Fault::new(Code::InvalidArgument, what)
    })?;
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(request.body)
}

async fn fail(request: Request) -> Result<(), Fault> {
    Err(Fault::new(Code::Unknown, String::from_utf8_lossy(&request.body).into_owned()))
}

async fn sum(request: Request) -> Result<Bytes, Fault> {
    let bad = |what: String| Fault::new(Code::InvalidArgument, what);
    let (a, b): (u32, u32) =
        trunkline_pack::decode(&request.body[..]).map_err(|error| bad(error.to_string()))?;
    let sum = a.checked_add(b).ok_or_else(|| bad(format!("{a} + {b} does not fit 32 bits")))?;
    Ok(Bytes::copy_from_slice(&sum.to_le_bytes()))
}
