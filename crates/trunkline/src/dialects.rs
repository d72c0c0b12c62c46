//! From a scheme to a dialect: the one place that knows them all.

use std::sync::Arc;

use trunkline_engine::Config;
use trunkline_wire::{Dialect, iproto};

use crate::address::Address;
use crate::error::{Error, ErrorKind};

/// The dialect of an address, with the defaults of its connections.
pub(crate) fn of(address: &Address) -> Result<(Arc<dyn Dialect>, Config), Error> {
    let dialect: Arc<dyn Dialect> = match address.dialect.as_str() {
        "iproto" => Arc::new(iproto::Iproto::new()),
        other => {
            let what = format!("`{other}` is no dialect; there is: {}", NAMES.join(", "));
            return Err(Error::not_sent(ErrorKind::Address(what)));
        }
    };
    let config = Config::for_dialect(dialect.profile());
    Ok((dialect, config))
}

/// The schemes.
pub(crate) const NAMES: &[&str] = &["iproto"];
