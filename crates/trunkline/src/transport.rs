//! Sockets: connecting, listening, accepting. The only place that names a kind of transport.
//!
//! In: an [`Endpoint`]. Out: an [`Io`], which the driver reads and writes without knowing what it is.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::address::Endpoint;

/// Any transport of a user's own.
pub trait AnyIo: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> AnyIo for T {}

/// A connected transport.
#[non_exhaustive]
pub enum Io {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// A pipe in this process.
    Memory(DuplexStream),
    /// Whatever the user brought.
    Other(Box<dyn AnyIo>),
}

impl Io {
    /// The transport's name as in a URL.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            #[cfg(unix)]
            Self::Unix(_) => "unix",
            Self::Memory(_) => "mem",
            Self::Other(_) => "other",
        }
    }

    pub(crate) fn local(&self) -> Option<SocketAddr> {
        if let Self::Tcp(tcp) = self { tcp.local_addr().ok() } else { None }
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        if let Self::Tcp(tcp) = self { tcp.peer_addr().ok() } else { None }
    }

    /// What every connection of ours sets on its socket. `pings`: the dialect notices a dead peer by itself.
    pub(crate) fn tune(&self, pings: bool) {
        let Self::Tcp(tcp) = self else { return };
        let socket = socket2::SockRef::from(tcp);
        // Failures leave a slower or less watchful socket that works all the same.
        let _ = socket.set_tcp_nodelay(true);
        #[cfg(target_os = "linux")]
        {
            let _ = socket.set_tcp_notsent_lowat(64 << 10);
            // A peer that acknowledges nothing we sent is gone long before a ping says so.
            let _ = socket.set_tcp_user_timeout(Some(Duration::from_secs(30)));
        }
        if !pings {
            let keepalive = socket2::TcpKeepalive::new()
                .with_time(Duration::from_secs(60))
                .with_interval(Duration::from_secs(15));
            let _ = socket.set_tcp_keepalive(&keepalive);
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Io({})", self.name())
    }
}

macro_rules! each_io {
    ($self:ident, $io:ident => $body:expr) => {
        match $self.get_mut() {
            Io::Tcp($io) => $body,
            #[cfg(unix)]
            Io::Unix($io) => $body,
            Io::Memory($io) => $body,
            Io::Other($io) => $body,
        }
    };
}

impl AsyncRead for Io {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each_io!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Io {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each_io!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each_io!(self, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each_io!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each_io!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}

/// Connects. The caller bounds the time.
pub(crate) async fn connect(endpoint: &Endpoint) -> io::Result<Io> {
    match endpoint {
        Endpoint::Tcp(at) => {
            let at = if at.starts_with(':') { format!("localhost{at}") } else { at.clone() };
            TcpStream::connect(at).await.map(Io::Tcp)
        }
        #[cfg(unix)]
        Endpoint::Unix(path) => UnixStream::connect(path).await.map(Io::Unix),
        #[cfg(not(unix))]
        Endpoint::Unix(_) => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "no Unix sockets on this system"))
        }
        Endpoint::Memory(name) => memory::connect(name).map(Io::Memory),
    }
}

/// A listening transport.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: UnixListener,
        /// Held: the file goes with the listener.
        _file: SocketFile,
    },
    Memory {
        queue: mpsc::Receiver<DuplexStream>,
        /// Held: the name is free again with the listener.
        _name: memory::Name,
    },
}

impl Listener {
    /// Listens, and says where it came to be.
    pub(crate) async fn bind(endpoint: &Endpoint) -> io::Result<(Self, Endpoint)> {
        match endpoint {
            Endpoint::Tcp(at) => {
                let at = if at.starts_with(':') { format!("[::]{at}") } else { at.clone() };
                let listener = TcpListener::bind(at).await?;
                let at = Endpoint::Tcp(listener.local_addr()?.to_string());
                Ok((Self::Tcp(listener), at))
            }
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let (listener, file) = bind_unix(path).await?;
                Ok((Self::Unix { listener, _file: file }, endpoint.clone()))
            }
            #[cfg(not(unix))]
            Endpoint::Unix(_) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "no Unix sockets on this system"))
            }
            Endpoint::Memory(name) => {
                let (queue, name) = memory::listen(name)?;
                Ok((Self::Memory { queue, _name: name }, endpoint.clone()))
            }
        }
    }

    /// The next connection. Cancel safe.
    pub(crate) async fn accept(&mut self) -> io::Result<Io> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(tcp, _)| Io::Tcp(tcp)),
            #[cfg(unix)]
            Self::Unix { listener, .. } => listener.accept().await.map(|(unix, _)| Io::Unix(unix)),
            Self::Memory { queue, .. } => queue
                .recv()
                .await
                .map(Io::Memory)
                .ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted)),
        }
    }
}

/// The file of a Unix listener: removed with it.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A socket only its owner may use. A file that a dead server left is replaced, one that answers is not.
#[cfg(unix)]
async fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};

    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(meta) if !meta.file_type().is_socket() => {
            let what = format!("{} exists and is not a socket", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_) => {
                let what = format!("another server listens on {}", path.display());
                return Err(io::Error::new(io::ErrorKind::AddrInUse, what));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(error) => return Err(error),
        },
    }
    // Bound under a private name and given its permissions there: nobody can connect before they are set.
    let private = path.with_extension(format!("{}.tmp", std::process::id()));
    let _ = std::fs::remove_file(&private);
    let listener = UnixListener::bind(&private)?;
    std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&private, path)?;
    Ok((listener, SocketFile(path.to_owned())))
}

/// Connections within this process, by name.
pub(crate) mod memory {
    use super::{DuplexStream, HashMap, Mutex, OnceLock, PoisonError, io, mpsc};

    /// Bytes in flight in each direction.
    const PIPE: usize = 64 << 10;
    /// Connections that may wait to be accepted.
    const BACKLOG: usize = 1024;

    type Names = HashMap<String, mpsc::Sender<DuplexStream>>;

    fn names() -> &'static Mutex<Names> {
        static NAMES: OnceLock<Mutex<Names>> = OnceLock::new();
        NAMES.get_or_init(Mutex::default)
    }

    /// A name in use; free again when dropped.
    #[derive(Debug)]
    pub(crate) struct Name(String);

    impl Drop for Name {
        fn drop(&mut self) {
            names().lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        }
    }

    pub(crate) fn listen(name: &str) -> io::Result<(mpsc::Receiver<DuplexStream>, Name)> {
        let mut names = names().lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains_key(name) {
            let what = format!("`{name}` is in use in this process");
            return Err(io::Error::new(io::ErrorKind::AddrInUse, what));
        }
        let (sender, receiver) = mpsc::channel(BACKLOG);
        names.insert(name.to_owned(), sender);
        Ok((receiver, Name(name.to_owned())))
    }

    pub(crate) fn connect(name: &str) -> io::Result<DuplexStream> {
        let names = names().lock().unwrap_or_else(PoisonError::into_inner);
        let (ours, theirs) = pair();
        let refused =
            || io::Error::new(io::ErrorKind::ConnectionRefused, format!("nobody listens on `{name}`"));
        names.get(name).ok_or_else(refused)?.try_send(theirs).map_err(|_| refused())?;
        Ok(ours)
    }

    pub(crate) fn pair() -> (DuplexStream, DuplexStream) {
        tokio::io::duplex(PIPE)
    }
}
