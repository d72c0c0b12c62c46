//! Traits that are no services, and formats that do not exist.

use trunkline::service;

#[service]
trait Generic<T> {
    #[route(1)]
    async fn get(&self) -> u32;
}

#[service(yaml)]
trait Unknown {
    #[route(1)]
    async fn get(&self) -> u32;
}

#[service]
struct NotATrait;

fn main() {}
