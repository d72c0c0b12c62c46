//! A Go client against our server.

use crate::world::{Go, Mode, Ours, go_client, number, outcome, scenario, socket};

pub(crate) async fn echo(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "echo", &[]).await;
    format!("{} echoes", result["ok"])
}

pub(crate) async fn unix(go: Go) -> String {
    let ours = Ours::at(&format!("gorpc+unix://{}", socket("gorpc-theirs"))).await;
    let result = scenario(&go, &ours, Mode::Plain, "echo", &[]).await;
    format!("{} echoes", result["ok"])
}

pub(crate) async fn types(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "types", &[]).await;
    format!("{} values", result["ok"])
}

/// All outcomes are those of the original but one: what we say of an argument of another type is not what Go says,
/// which is made of names that Go alone knows.
pub(crate) async fn functions(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = outcome(&go, &ours.address, mode, "functions", &[]).await;
    let different = result["different"].as_array().expect("a list");
    assert_eq!((number(&result, "ok"), number(&result, "wrong")), (10, 1), "{result}");
    assert!(different[0].as_str().is_some_and(|text| text.starts_with(".Echo: ")), "{result}");
    format!("10 outcomes alike, 1 told in our words: {}", different[0])
}

pub(crate) async fn services(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "service", &[]).await;
    format!("{} outcomes alike", result["ok"])
}

pub(crate) async fn send(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    scenario(&go, &ours, mode, "send", &["-n", "1000"]).await;
    assert_eq!((ours.service.executed(), ours.service.silent()), (1001, 1000));
    let stats = ours.server.stats();
    assert_eq!((stats.notifications, stats.requests, stats.answered), (1000, 1, 1), "{stats:?}");
    "1000 executed, 1 answered".to_owned()
}

pub(crate) async fn batch(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "batch", &["-n", "100"]).await;
    let stats = ours.server.stats();
    assert_eq!((ours.service.executed(), stats.answered), (100, 90), "{result} {stats:?}");
    format!("100 executed, 90 answered, {} reads, {} writes of ours", stats.reads, stats.writes)
}

pub(crate) async fn cancelled(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "async", &["-n", "100"]).await;
    format!("{} answered, {} cancelled", result["ok"], result["canceled"])
}

pub(crate) async fn panics(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "panic", &["-n", "3"]).await;
    let texts = result["texts"].to_string();
    assert!(!texts.contains("asked to") && !texts.contains(".rs"), "our panic is nobody's business: {texts}");
    texts
}

/// A type that nobody told us about goes through like any other.
pub(crate) async fn unknown(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "unknown", &["-n", "10"]).await;
    assert_eq!((number(&result["unknown"], "ok"), number(&result["beside"], "ok")), (10, 10), "{result}");
    assert_eq!(number(&result, "connections"), 1, "{result}");
    "10 of 10 echoed, nobody beside them harmed".to_owned()
}

pub(crate) async fn concurrent(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "concurrent", &["-n", "1000", "-c", "1000"]).await;
    let stats = ours.server.stats();
    format!(
        "1000 answered in {} s, {} reads, {} writes of ours",
        result["seconds"], stats.reads, stats.writes
    )
}

pub(crate) async fn bulk(go: Go, mode: Mode) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours, mode, "bulk", &["-n", "32"]).await;
    format!("32 MiB each way in {} s", result["seconds"])
}

pub(crate) async fn reconnect(go: Go, mode: Mode) -> String {
    let mut ours = Ours::start().await;
    let mut client = go_client(&go, &ours.address, mode, "load", &["-c", "16"]);
    client.hear("started").await.expect("started");
    for _ in 0..3 {
        let peer = ours.peer().await;
        let before = ours.service.executed();
        while ours.service.executed() < before + 500 {
            tokio::task::yield_now().await;
        }
        peer.close();
    }
    ours.peer().await;
    let before = ours.service.executed();
    while ours.service.executed() < before + 500 {
        tokio::task::yield_now().await;
    }
    client.tell("stop").await.expect("told");
    let result = client.result().await.expect("a result");
    let (ok, lost) = (number(&result, "ok"), result["errors"]["connection"].as_u64().unwrap_or(0));
    assert_eq!((number(&result, "wrong"), number(&result, "failed")), (0, lost), "{result}");
    assert!(number(&result, "connections") >= 4 && ok >= 2_000 - lost, "{result}");
    assert!(ours.service.executed() >= ok, "{result}");
    format!("{ok} answered over {} connections, {lost} lost with theirs", result["connections"])
}
