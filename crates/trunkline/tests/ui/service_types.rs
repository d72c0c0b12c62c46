//! Types that cannot travel in the format of their service.

use trunkline::service;

struct Unpackable;

#[service]
trait Service {
    #[route(1)]
    async fn get(&self) -> Unpackable;

    #[route(2)]
    async fn put(&self, value: Unpackable);
}

fn main() {}
