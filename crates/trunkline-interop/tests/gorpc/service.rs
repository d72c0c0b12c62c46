//! What our server serves: the functions and objects that the Go peer serves, written as handlers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkline::gob::{ByteBuf, Raw};
use trunkline::{Code, Fault, Gob, Request, Router};

/// Registered as a pointer in Go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "*demo.Args", rename_all = "PascalCase")]
pub(crate) struct Args {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

/// Registered as a pointer in Go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "*demo.Reply", rename_all = "PascalCase")]
pub(crate) struct Sum {
    pub(crate) sum: i64,
    pub(crate) note: String,
}

/// What is counted, and the state of the two objects.
#[derive(Debug, Default)]
pub(crate) struct Service {
    plain: AtomicU64,
    silent: AtomicU64,
    numbers: [AtomicI64; 2],
}

type State = Arc<Service>;

impl Service {
    /// Plain requests executed, those without reply among them.
    pub(crate) fn executed(&self) -> u64 {
        self.plain.load(Ordering::Relaxed)
    }

    /// Plain requests executed that wanted no reply.
    pub(crate) fn silent(&self) -> u64 {
        self.silent.load(Ordering::Relaxed)
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router<State> {
        let mut router = Router::with_state(self.clone())
            .route(".Echo", echo)
            .route(".Health", async |_: Request| r#"{"status":"healthy"}"#)
            .route(".Sleep", sleep)
            .route(".Fail", fail)
            .route(".Panic", boom)
            .route(".Div", div)
            .route(".Nop", async |_: Request| ())
            .route(".FailOnly", fail_only)
            .route(".With.Dot", with_dot)
            .route(".Sum", sum)
            .fallback(any);
        for (index, name) in ["Calc", "Calc2"].into_iter().enumerate() {
            let route = |method: &str| format!("{name}.{method}");
            router = router
                .route(route("Add"), add)
                .route(route("Set"), move |service: State, request: Request<Gob<isize>>| async move {
                    service.numbers[index].store(request.body.0 as i64, Ordering::Relaxed);
                })
                .route(route("Get"), move |service: State, _: Request| async move {
                    Gob(service.numbers[index].load(Ordering::Relaxed) as isize)
                })
                .route(route("Check"), check)
                .route(route("Who"), who);
        }
        router
    }
}

/// A request that is for nobody is echoed; one for a function that is not there is refused in the words of gorpc.
async fn any(service: State, request: Request<Raw>) -> Result<Raw, Fault> {
    if let Some(name) = request.route.name().filter(|name| name.contains('.')) {
        return Err(Fault::new(Code::Unimplemented, format!("gorpc.Dispatcher: unknown method [{name}]")));
    }
    service.plain.fetch_add(1, Ordering::Relaxed);
    service.silent.fetch_add(u64::from(request.is_notification()), Ordering::Relaxed);
    Ok(request.body)
}

async fn echo(request: Request<String>) -> String {
    request.body
}

async fn sleep(request: Request<String>) -> Result<String, Fault> {
    tokio::time::sleep(Duration::from_millis(request.body.parse()?)).await;
    Ok(request.body)
}

async fn fail(request: Request<String>) -> Result<(), Fault> {
    Err(Fault::new(Code::Aborted, request.body))
}

async fn boom(request: Request<String>) {
    panic!("asked to: {}", request.body);
}

async fn div(request: Request<Gob<Args>>) -> Result<Gob<isize>, Fault> {
    let Args { a, b } = request.body.0;
    let quotient = a.checked_div(b).ok_or_else(|| Fault::new(Code::InvalidArgument, "division by zero"))?;
    Ok(Gob(quotient as isize))
}

async fn fail_only(request: Request<Gob<isize>>) -> Result<(), Fault> {
    Err(Fault::new(Code::Unknown, format!("bad {}", request.body.0)))
}

async fn with_dot(request: Request<Gob<ByteBuf>>) -> Gob<ByteBuf> {
    let Gob(ByteBuf(inside)) = request.body;
    Gob(ByteBuf([b"<", &inside[..], b">"].concat()))
}

async fn sum(request: Request<Gob<HashMap<String, isize>>>) -> Gob<isize> {
    Gob(request.body.0.values().sum())
}

async fn add(request: Request<Gob<Args>>) -> Result<Gob<Sum>, Fault> {
    let Args { a, b } = request.body.0;
    if a == 13 {
        return Err(Fault::new(Code::FailedPrecondition, "unlucky"));
    }
    Ok(Gob(Sum { sum: a + b, note: "ok".to_owned() }))
}

async fn check(_: Request) -> Result<(), Fault> {
    Err(Fault::new(Code::Unknown, "check failed"))
}

async fn who(request: Request<String>) -> String {
    format!("hello {}", request.body)
}
