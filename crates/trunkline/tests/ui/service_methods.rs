//! Methods that no call can be made of; each has its own error, all in one run of the compiler.

use trunkline::service;

#[service]
trait Calculator {
    async fn no_route(&self, a: u32) -> u32;

    #[route(1)]
    fn not_async(&self, a: u32) -> u32;

    #[route(2)]
    async fn borrowed(&self, name: &str) -> u32;

    #[route(3)]
    async fn borrowed_inside(&self, names: Vec<&'static str>) -> u32;

    #[route(4)]
    async fn borrowed_answer(&self) -> Option<&str>;

    #[notify(5)]
    async fn answered_notification(&self) -> u32;

    #[notify(6)]
    #[idempotent]
    async fn repeated_notification(&self);

    #[route(7)]
    async fn generic<T>(&self, value: T) -> T;

    #[route(8)]
    async fn any(&self, value: impl Send) -> u32;

    #[route(9)]
    async fn by_value(self) -> u32;

    #[route(10)]
    async fn with_a_body(&self) -> u32 {
        1
    }

    #[route(11)]
    async fn pattern(&self, (a, b): (u32, u32)) -> u32;

    #[route(12)]
    async fn new(&self) -> u32;

    const NOT_A_METHOD: u32;
}

fn main() {}
