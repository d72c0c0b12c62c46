//! Addresses: a URL whose scheme is the dialect, then `+` and the transport.
//!
//! | URL | means |
//! |---|---|
//! | `iproto://127.0.0.1:3301` | iproto over TCP |
//! | `iproto://:3301` | all interfaces (to listen), this machine (to dial) |
//! | `iproto+unix:///run/x.sock` | iproto over a Unix socket |
//! | `iproto+mem://name` | iproto in this process |
//! | `gorpc://host:port?compress=0` | gorpc without deflate (feature `gorpc`) |

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The dialect, by its scheme.
    pub dialect: String,
    /// Where.
    pub endpoint: Endpoint,
    /// What came after `?`, in order.
    pub options: Vec<(String, String)>,
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Host and port, TCP.
    Tcp(String),
    /// A path, Unix socket.
    Unix(PathBuf),
    /// A name within this process.
    Memory(String),
}

impl Endpoint {
    /// The transport's name as in a URL: "tcp", "unix", "mem".
    #[must_use]
    pub const fn transport(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Unix(_) => "unix",
            Self::Memory(_) => "mem",
        }
    }
}

impl Address {
    /// The same address at another endpoint: a listener that asked for port 0 says which it got.
    #[must_use]
    pub fn with_endpoint(&self, endpoint: Endpoint) -> Self {
        Self { endpoint, ..self.clone() }
    }
}

impl Address {
    /// Whether other machines may reach it.
    pub(crate) fn is_public(&self) -> bool {
        let Endpoint::Tcp(at) = &self.endpoint else { return false };
        !at.parse::<std::net::SocketAddr>().is_ok_and(|at| at.ip().is_loopback())
    }
}

fn bad(url: &str, why: impl fmt::Display) -> Error {
    Error::not_sent(ErrorKind::Address(format!("`{}` is not an address: {why}", url.escape_debug())))
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(bad(url, "write it as dialect://host:port"));
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parts = scheme.split('+');
        let dialect = parts.next().unwrap_or_default().to_owned();
        let endpoint = match (parts.next(), parts.next()) {
            (None, _) => Endpoint::Tcp(host_and_port(url, rest)?),
            (Some("unix"), None) if rest.is_empty() => return Err(bad(url, "the path is missing")),
            (Some("unix"), None) => Endpoint::Unix(PathBuf::from(rest)),
            (Some("mem"), None) => Endpoint::Memory(rest.to_owned()),
            (Some(other), _) => {
                return Err(bad(url, format!("no transport `+{other}`; there are +unix and +mem")));
            }
        };
        let options = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Ok(Self { dialect, endpoint, options })
    }
}

fn host_and_port(url: &str, rest: &str) -> Result<String, Error> {
    let rest = rest.trim_end_matches('/');
    let Some((_, port)) = rest.rsplit_once(':') else { return Err(bad(url, "the port is missing")) };
    if port.parse::<u16>().is_err() {
        return Err(bad(url, format!("`{port}` is not a port")));
    }
    Ok(rest.to_owned())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = &self.dialect;
        match &self.endpoint {
            Endpoint::Tcp(at) => write!(f, "{dialect}://{at}")?,
            Endpoint::Unix(path) => write!(f, "{dialect}+unix://{}", path.display())?,
            Endpoint::Memory(name) => write!(f, "{dialect}+mem://{name}")?,
        }
        for (n, (key, value)) in self.options.iter().enumerate() {
            let mark = if n == 0 { '?' } else { '&' };
            write!(f, "{mark}{key}")?;
            if !value.is_empty() {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// One or several addresses: a URL, several separated by commas, or a list.
pub trait IntoAddresses {
    /// The addresses, in order.
    ///
    /// # Errors
    /// When one is not an address.
    fn into_addresses(self) -> Result<Vec<Address>, Error>;
}

impl IntoAddresses for &str {
    fn into_addresses(self) -> Result<Vec<Address>, Error> {
        self.split(',').map(|url| url.trim().parse()).collect()
    }
}

impl IntoAddresses for String {
    fn into_addresses(self) -> Result<Vec<Address>, Error> {
        self.as_str().into_addresses()
    }
}

impl IntoAddresses for &String {
    fn into_addresses(self) -> Result<Vec<Address>, Error> {
        self.as_str().into_addresses()
    }
}

impl IntoAddresses for Address {
    fn into_addresses(self) -> Result<Vec<Address>, Error> {
        Ok(vec![self])
    }
}

impl IntoAddresses for &Address {
    fn into_addresses(self) -> Result<Vec<Address>, Error> {
        Ok(vec![self.clone()])
    }
}

impl<A: IntoAddresses, const N: usize> IntoAddresses for [A; N] {
    fn into_addresses(self) -> Result<Vec<Address>, Error> {
        let lists: Result<Vec<_>, _> = self.into_iter().map(IntoAddresses::into_addresses).collect();
        Ok(lists?.into_iter().flatten().collect())
    }
}

impl<A: IntoAddresses> IntoAddresses for Vec<A> {
    fn into_addresses(self) -> Result<Vec<Address>, Error> {
        let lists: Result<Vec<_>, _> = self.into_iter().map(IntoAddresses::into_addresses).collect();
        Ok(lists?.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print_alike() {
        for url in [
            "iproto://127.0.0.1:3301",
            "iproto://[::1]:1",
            "iproto+unix:///run/x.sock",
            "trunk+mem://a",
            "packet://h:1?head=4be",
        ] {
            let address: Address = url.parse().expect(url);
            assert_eq!(address.to_string(), url);
        }
    }

    #[test]
    fn a_bad_address_says_what_is_wrong() {
        for (url, why) in [
            ("127.0.0.1:3301", "dialect://host:port"),
            ("iproto://127.0.0.1", "port is missing"),
            ("iproto://h:99999", "not a port"),
            ("iproto+quic://h:1", "no transport `+quic`"),
            ("iproto+unix://", "path is missing"),
        ] {
            let error = url.parse::<Address>().expect_err(url).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
