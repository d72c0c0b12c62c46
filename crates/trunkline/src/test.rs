//! For tests of services: a pair of peers in this process, without a port or a name.
//!
//! Time may be paused (`tokio::time::pause`).

use std::sync::Arc;

use trunkline_wire::{Dialect, Side, iproto::Iproto};

use crate::dispatch::Gate;
use crate::error::Error;
use crate::peer::{Peer, Setup};
use crate::router::Router;
use crate::transport::{Io, memory};
use trunkline_engine::Config;

/// A connected pair that speaks iproto: a caller, and the peer that `router` answers.
///
/// # Errors
/// When the router has two handlers for one route.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn pair<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Result<(Peer, Peer), Error> {
    pair_of(Iproto::new(), Router::new(), router, |_| ())
}

/// A connected pair with everything to choose: the dialect, both routers, the settings of both sides.
///
/// # Errors
/// When a router has two handlers for one route.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn pair_of<A, B>(
    dialect: impl Dialect,
    dialling: Router<A>,
    accepting: Router<B>,
    configure: impl Fn(&mut Config),
) -> Result<(Peer, Peer), Error>
where
    A: Clone + Send + Sync + 'static,
    B: Clone + Send + Sync + 'static,
{
    let dialect: Arc<dyn Dialect> = Arc::new(dialect);
    let mut config = Config::for_dialect(dialect.profile());
    configure(&mut config);
    let config = Arc::new(config);
    let (ours, theirs) = memory::pair();
    let start = |side, table, io| {
        let gate = Gate::new(crate::server::MAX_RUNNING);
        let setup = Setup { dialect: dialect.clone(), config: config.clone(), table, gate, side };
        let (peer, driver) = setup.start(Io::Memory(io), format!("{}+mem://", dialect.profile().name));
        tokio::spawn(driver.run());
        peer
    };
    let dialling = start(Side::Dialling, dialling.build()?, ours);
    let accepting = start(Side::Accepting, accepting.build()?, theirs);
    Ok((dialling, accepting))
}
