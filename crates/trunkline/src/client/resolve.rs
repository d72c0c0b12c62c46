//! From the addresses of a client to the places it may dial.
//!
//! In: the addresses as they were given. Out: targets, asked for again at every dial, so that a name that moved is
//! followed. Without a resolver an address is one target, and its name is looked up by connecting.

use std::io;
use std::sync::Arc;

use crate::address::{Address, Endpoint};
use crate::handler::BoxFuture;

/// Says where an address is reached now. Asked before every dial, so a change is noticed at the next one.
///
/// The dialect stays that of the address; a client spreads its connections over all endpoints of all its addresses.
pub trait Resolve: Send + Sync + 'static {
    /// The endpoints of an address, in any order. An error or an empty list is a failed dial: it is tried again.
    ///
    /// Dropping the future gives up; `dial_timeout` bounds it.
    fn resolve(&self, address: &Address) -> BoxFuture<io::Result<Vec<Endpoint>>>;
}

/// Looks names up in the DNS (the system's resolver) and makes every address of a name a target of its own, so that a
/// client with several connections spreads over all servers behind one name.
#[derive(Clone, Copy, Debug, Default)]
pub struct EachIp;

impl Resolve for EachIp {
    fn resolve(&self, address: &Address) -> BoxFuture<io::Result<Vec<Endpoint>>> {
        let endpoint = address.endpoint.clone();
        Box::pin(async move {
            let Endpoint::Tcp(host) = &endpoint else { return Ok(vec![endpoint]) };
            let host = if host.starts_with(':') { format!("localhost{host}") } else { host.clone() };
            let found = tokio::net::lookup_host(host).await?;
            Ok(found.map(|at| Endpoint::Tcp(at.to_string())).collect())
        })
    }
}

/// Everywhere a client may dial now.
///
/// # Errors
/// When no address leads anywhere; the last error.
pub(super) async fn targets(
    addresses: &[Address],
    resolver: Option<&Arc<dyn Resolve>>,
) -> io::Result<Vec<Address>> {
    let Some(resolver) = resolver else { return Ok(addresses.to_vec()) };
    let mut targets = Vec::with_capacity(addresses.len());
    let mut wrong = io::Error::new(io::ErrorKind::NotFound, "the resolver found no endpoint");
    for address in addresses {
        match resolver.resolve(address).await {
            Ok(endpoints) => {
                targets.extend(endpoints.into_iter().map(|at| address.clone().with_endpoint(at)))
            }
            Err(error) => wrong = error,
        }
    }
    if targets.is_empty() { Err(wrong) } else { Ok(targets) }
}
