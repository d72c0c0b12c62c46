//! Functions that are no handlers.

use trunkline::{Request, Router};

struct NoBody;

async fn wrong_argument(_: u32) {}

async fn no_argument() {}

async fn wrong_body(_: Request<NoBody>) {}

async fn wrong_answer(_: Request) -> NoBody {
    NoBody
}

fn not_async(_: Request) {}

async fn other_state(_: u8, _: Request) {}

async fn not_send(_: Request) {
    let local = std::rc::Rc::new(());
    std::future::ready(()).await;
    drop(local);
}

fn main() {
    let _ = Router::new().route(1, wrong_argument);
    let _ = Router::new().route(2, no_argument);
    let _ = Router::new().route(3, wrong_body);
    let _ = Router::new().route(4, wrong_answer);
    let _ = Router::new().route(5, not_async);
    let _ = Router::with_state(1u32).route(6, other_state);
    let _ = Router::new().route(7, not_send);
}
