//! Routes that cannot be.

use trunkline::service;

#[service]
trait Twice {
    #[route(1, "/a")]
    async fn a(&self);

    #[route(1)]
    async fn same_number(&self);

    #[route(2, "/a")]
    async fn same_name(&self);

    #[route(3)]
    #[notify(4)]
    async fn both(&self);

    #[route]
    async fn none(&self);

    #[route(-1)]
    async fn negative(&self);

    #[route(4294967296)]
    async fn large(&self);

    #[route("/name", 5)]
    async fn turned_around(&self);

    #[route(6)]
    #[cfg(unix)]
    async fn sometimes(&self);
}

fn main() {}
