//! Our client against a Go server.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use trunkline::gob::{ByteBuf, Named, Raw, Time};
use trunkline::wire::gorpc::ANY;
use trunkline::{Client, Code, Error, ErrorKind, FromBody, Gob, IntoBody};

use crate::service::{Args, Sum};
use crate::world::{Go, Mode, SIZES, connect, connect_to, executions, go_server, number, socket, text};

/// What gorpc's `Client.Call` does.
async fn call<R: FromBody>(client: &Client, body: impl IntoBody) -> Result<R, Error> {
    client.call::<R>(ANY, body).await
}

/// A call that must come back as it went.
async fn echoed(client: &Client, size: usize) {
    let text = text(size);
    assert_eq!(call::<String>(client, text.clone()).await.expect("an answer"), text);
}

pub(crate) async fn echo(go: Go, mode: Mode) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    for size in SIZES {
        echoed(&client, size).await;
    }
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!((executions(&stats, "string"), number(&stats, "protocol_errors")), (5, 0), "{stats}");
    "5 echoes".to_owned()
}

pub(crate) async fn unix(go: Go) -> String {
    let path = socket("gorpc-ours");
    let server = go_server(&go, &["-unix", &path]).await;
    let client = connect_to(&format!("gorpc+unix://{}", server.unix().expect("listens"))).await;
    for size in SIZES {
        echoed(&client, size).await;
    }
    "5 echoes".to_owned()
}

/// Named by the Rust type, by the value, by the name of a struct, or by the shape: Go's registry took each.
pub(crate) async fn types(go: Go, mode: Mode) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    let mut values = Vec::new();
    macro_rules! value {
        ($name:literal, $type:ty, $value:expr) => {
            let value: $type = $value;
            let sent = client.call::<Raw>(ANY, Gob(value.clone()));
            let back = sent.await.unwrap_or_else(|error| panic!("{}: {error}", $name));
            assert_eq!(back.name(), Some($name));
            assert_eq!(back.decode::<$type>().expect("the same type"), value, $name);
            values.push($name);
        };
    }
    value!("bool", bool, true);
    value!("int8", i8, -8);
    value!("int16", i16, 16);
    value!("int32", i32, -32);
    value!("int64", i64, i64::MIN);
    value!("int", isize, 7);
    value!("uint8", u8, 8);
    value!("uint16", u16, 16);
    value!("uint32", u32, 32);
    value!("uint64", u64, u64::MAX);
    value!("uint", usize, 1);
    value!("float32", f32, 0.5);
    value!("float64", f64, -1.25);
    value!("string", String, "s".to_owned());
    value!("[]uint8", ByteBuf, ByteBuf(vec![1, 2]));
    value!("[]uint8", Vec<u8>, vec![3, 4]);
    value!("[]string", Vec<String>, vec!["x".to_owned(), String::new()]);
    value!("[]int", Vec<isize>, vec![1, -1]);
    value!("[]float64", Vec<f64>, vec![0.0, 2.0]);
    value!("map[string]int", HashMap<String, isize>, HashMap::from([("k".to_owned(), 9)]));
    value!("*demo.Args", Args, Args { a: 1, b: 2 });
    value!("*demo.Reply", Sum, Sum { sum: 3, note: "n".to_owned() });
    value!("time.Time", Named<Time>, Named::new("time.Time", Time::default()));
    let nothing: Raw = call(&client, ()).await.expect("nil comes back");
    assert!(nothing.is_nil());
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!(number(&stats, "protocol_errors"), 0, "{stats}");
    format!("{} values and nil", values.len())
}

fn fault(result: Result<impl std::fmt::Debug, Error>) -> (Code, String) {
    match result.expect_err("a fault").kind() {
        ErrorKind::Fault(fault) => (fault.code, fault.message.to_string()),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn functions(go: Go, mode: Mode) -> String {
    let server = go_server(&go, &[]).await;
    let c = connect(&server, mode).await;
    let refused = |text: &str| (Code::Unknown, text.to_owned());
    assert_eq!(c.call::<String>(".Echo", "hi").await.expect("answers"), "hi");
    assert_eq!(c.call::<String>(".Health", ()).await.expect("answers"), r#"{"status":"healthy"}"#);
    assert_eq!(c.call::<String>(".Sleep", "20").await.expect("answers"), "20");
    assert_eq!(fault(c.call::<()>(".Fail", "boom").await), refused("boom"));
    let args = |a, b| Gob(Args { a, b });
    assert_eq!(c.call::<Gob<isize>>(".Div", args(7, 2)).await.expect("answers").0, 3);
    assert_eq!(fault(c.call::<()>(".Div", args(7, 0)).await), refused("division by zero"));
    c.call::<()>(".Nop", ()).await.expect("answers");
    assert_eq!(c.call::<Gob<i64>>(".Now", ()).await.expect("answers").0, 1_234_567_890);
    assert_eq!(fault(c.call::<()>(".FailOnly", Gob(3isize)).await), refused("bad 3"));
    let dotted: Gob<ByteBuf> = c.call(".With.Dot", Gob(ByteBuf(b"x".to_vec()))).await.expect("answers");
    assert_eq!(dotted.0.0, b"<x>");
    let numbers = HashMap::from([("a".to_owned(), 1isize), ("b".to_owned(), 2)]);
    assert_eq!(c.call::<Gob<isize>>(".Sum", Gob(numbers)).await.expect("answers").0, 3);
    let missing = fault(c.call::<()>(".Missing", ()).await);
    assert_eq!(missing, refused("gorpc.Dispatcher: unknown method [.Missing]"));
    let (_, mistyped) = fault(c.call::<()>(".Echo", Gob(5isize)).await);
    assert!(mistyped.contains("int. Expected string"), "{mistyped}");
    "13 outcomes alike".to_owned()
}

pub(crate) async fn services(go: Go, mode: Mode) -> String {
    let server = go_server(&go, &[]).await;
    let c = connect(&server, mode).await;
    let sum: Gob<Sum> = c.call("Calc.Add", Gob(Args { a: 1, b: 2 })).await.expect("answers");
    assert_eq!(sum.0, Sum { sum: 3, note: "ok".to_owned() });
    let unlucky = fault(c.call::<()>("Calc.Add", Gob(Args { a: 13, b: 0 })).await);
    assert_eq!(unlucky, (Code::Unknown, "unlucky".to_owned()));
    c.call::<()>("Calc.Set", Gob(77isize)).await.expect("answers");
    assert_eq!(c.call::<Gob<isize>>("Calc.Get", ()).await.expect("answers").0, 77);
    assert_eq!(c.call::<Gob<isize>>("Calc2.Get", ()).await.expect("answers").0, 6);
    assert_eq!(c.call::<String>("Calc.Who", "bob").await.expect("answers"), "hello bob");
    assert_eq!(fault(c.call::<()>("Calc.Check", ()).await).1, "check failed");
    "7 outcomes alike".to_owned()
}

pub(crate) async fn send(go: Go, mode: Mode) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    for _ in 0..1000 {
        client.notify(ANY, text(64)).await.expect("sent");
    }
    // The Go side starts a handler for each in the order of arrival; the last ones may not have run yet.
    echoed(&client, 64).await;
    let mut stats = server.ask("stats").await.expect("stats");
    while executions(&stats, "string") < 1001 {
        stats = server.ask("stats").await.expect("stats");
    }
    assert_eq!((executions(&stats, "string"), number(&stats, "repeated")), (1001, 0), "{stats}");
    "1000 executed once".to_owned()
}

pub(crate) async fn batch(go: Go, mode: Mode) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    let mut batch = client.batch().await.expect("connected").timeout(Duration::from_secs(20));
    let mut calls = Vec::new();
    for n in 0..100 {
        let text = text(64);
        if n % 10 == 9 {
            batch.notify(ANY, text).expect("room");
        } else {
            calls.push((text.clone(), batch.call::<String>(ANY, text)));
        }
    }
    for (text, call) in calls {
        assert_eq!(call.await.expect("an answer"), text);
    }
    let mut stats = server.ask("stats").await.expect("stats");
    while executions(&stats, "string") < 100 {
        stats = server.ask("stats").await.expect("stats");
    }
    assert_eq!(executions(&stats, "string"), 100, "{stats}");
    format!("90 answered, 100 executed, {} writes of ours", client.stats().connections.writes)
}

pub(crate) async fn cancelled(go: Go, mode: Mode) -> String {
    let server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    let calls: Vec<_> = (0..100).map(|_| client.call::<String>(".Sleep", "50").start()).collect();
    let kept = calls.into_iter().enumerate().filter_map(|(n, call)| (n % 2 == 0).then_some(call));
    let kept: Vec<_> = kept.collect();
    let answered = join_all(kept).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(answered, 50);
    echoed(&client, 64).await;
    let stats = client.stats();
    assert_eq!(stats.connections.cancelled, 50, "{stats:?}");
    format!("50 answered, 50 cancelled, {} late answers recognised", stats.connections.late_answers)
}

pub(crate) async fn panics(go: Go, mode: Mode) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    for _ in 0..3 {
        let (code, text) = fault(client.call::<()>(".Panic", "oh").await);
        assert!(code == Code::Internal && text.starts_with("Panic occured: oh"), "{code:?} {text}");
        echoed(&client, 64).await;
    }
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!((number(&stats, "panics"), number(&stats, "accepted")), (3, 1), "{stats}");
    "3 panics, 3 calls after them, 1 connection".to_owned()
}

/// What the Go side does not know costs its connection; the client goes on over another. What we cannot name is not
/// sent at all.
pub(crate) async fn unknown(go: Go, mode: Mode) -> String {
    #[derive(Serialize)]
    #[serde(rename = "*demo.Hidden")]
    struct Hidden {
        #[serde(rename = "X")]
        x: i64,
    }
    #[derive(Serialize)]
    struct Nameless {
        x: i64,
    }
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    for _ in 0..3 {
        let error = call::<()>(&client, Gob(Nameless { x: 1 })).await.expect_err("has no name");
        assert!(matches!(error.kind(), ErrorKind::Encode(_)), "{error}");
        echoed(&client, 64).await;
    }
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!((number(&stats, "accepted"), number(&stats, "protocol_errors")), (1, 0), "{stats}");
    for _ in 0..3 {
        let error = call::<()>(&client, Gob(Hidden { x: 5 })).await.expect_err("closed");
        assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error}");
        echoed(&client, 64).await;
    }
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!(number(&stats, "accepted"), 4, "{stats}");
    "3 refused here, 3 by Go with their connections, 6 calls after them".to_owned()
}

pub(crate) async fn concurrent(go: Go, mode: Mode) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    join_all((0..1000).map(|_| echoed(&client, 64))).await;
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!((executions(&stats, "string"), number(&stats, "repeated")), (1000, 0), "{stats}");
    let ours = client.stats();
    format!("1000 answered, {} writes and {} reads of ours", ours.connections.writes, ours.connections.reads)
}

pub(crate) async fn bulk(go: Go, mode: Mode) -> String {
    let server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    for _ in 0..8 {
        join_all((0..4).map(|_| echoed(&client, 1 << 20))).await;
    }
    let stats = client.stats();
    format!("32 MiB each way, {} bytes out, {} in", stats.connections.bytes_out, stats.connections.bytes_in)
}

pub(crate) async fn reconnect(go: Go, mode: Mode) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server, mode).await;
    for _ in 0..3 {
        echoed(&client, 64).await;
        let slow = client.call::<String>(".Sleep", "20000").start();
        // A call behind it has been answered, so it has arrived.
        echoed(&client, 64).await;
        server.ask("drop").await.expect("dropped");
        let error = slow.await.expect_err("lost");
        assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error}");
        echoed(&client, 64).await;
    }
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!(number(&stats, "accepted"), 4, "{stats}");
    "3 connections lost, 3 calls lost with them, 9 answered".to_owned()
}
