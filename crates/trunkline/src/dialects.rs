//! From a scheme to a dialect: the one place that knows them all.

use std::sync::Arc;

use trunkline_engine::Config;
#[cfg(feature = "gorpc")]
use trunkline_wire::gorpc;
use trunkline_wire::{Dialect, iproto, packet, simple};

use crate::address::Address;
use crate::error::{Error, ErrorKind};

/// The dialect of an address, with the defaults of its connections.
pub(crate) fn of(address: &Address) -> Result<(Arc<dyn Dialect>, Config), Error> {
    let dialect: Arc<dyn Dialect> = match address.dialect.as_str() {
        "iproto" => Arc::new(iproto::Iproto::new()),
        #[cfg(feature = "gorpc")]
        "gorpc" => Arc::new(gorpc::Gorpc::new().compress(compress(address)?)),
        "packet" => Arc::new(packet::Packet::new(head(address)?)),
        "simple" => Arc::new(simple::Simple::new()),
        other => return Err(bad(format!("`{other}` is no dialect; there is: {}", NAMES.join(", ")))),
    };
    let config = Config::for_dialect(dialect.profile());
    Ok((dialect, config))
}

/// `?head=4be`: the length prefix of packets.
fn head(address: &Address) -> Result<packet::Head, Error> {
    match address.options.iter().find(|(key, _)| key == "head") {
        None => Ok(packet::Head::default()),
        Some((_, head)) => head.parse().map_err(|error: packet::HeadError| bad(error.to_string())),
    }
}

/// `?compress=0`: without deflate. The side that dials decides; one that listens so refuses compressed peers.
#[cfg(feature = "gorpc")]
fn compress(address: &Address) -> Result<bool, Error> {
    match address.options.iter().find(|(key, _)| key == "compress").map(|(_, value)| value.as_str()) {
        None | Some("1") => Ok(true),
        Some("0") => Ok(false),
        Some(other) => Err(bad(format!("compress={} is neither 0 nor 1", other.escape_debug()))),
    }
}

fn bad(what: String) -> Error {
    Error::not_sent(ErrorKind::Address(what))
}

/// The schemes.
pub(crate) const NAMES: &[&str] = &[
    #[cfg(feature = "gorpc")]
    "gorpc",
    "iproto",
    "packet",
    "simple",
];
