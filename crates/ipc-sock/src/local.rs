//! Portable local sockets: the names and the making are those of the [`interprocess`] crate, so the
//! other side may be any program written with it, here or ported to another system; the verbs are ours.
//!
//! A [`Name::namespaced`] one is an abstract name on Linux: **it has no permissions**. Where only Linux
//! matters, use [`unix`](crate::unix): it knows the peer, passes descriptors and reclaims stale paths.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use interprocess::local_socket::{self as ip, ToFsName as _, ToNsName as _, traits};
use ipc_core::Wait;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::error::{Error, Result};
use crate::socket::{Asked, Socket};
use crate::unix::{Acceptor, Address, handle, streams};

/// The name of a local socket.
#[derive(Clone, Debug)]
pub struct Name {
    portable: ip::Name<'static>,
    /// What it stands for here.
    address: Address,
}

impl Name {
    /// A name in the namespace that the system has for local sockets: abstract on Linux.
    ///
    /// # Errors
    /// `InvalidName`.
    pub fn namespaced(name: &str) -> Result<Self> {
        let made = name.to_owned().to_ns_name::<ip::GenericNamespaced>();
        let portable = made.map_err(|error| invalid(name, &error))?;
        Ok(Self { portable, address: Address::abstract_name(name)? })
    }

    /// A path, where the system has them.
    ///
    /// # Errors
    /// `InvalidName`.
    pub fn path(path: &str) -> Result<Self> {
        let made = path.to_owned().to_fs_name::<ip::GenericFilePath>();
        let portable = made.map_err(|error| invalid(path, &error))?;
        Ok(Self { portable, address: Address::path(path)? })
    }
}

fn invalid(name: &str, error: &std::io::Error) -> Error {
    Error::InvalidName { name: name.to_owned(), reason: error.to_string() }
}

fn failed(op: &'static str, name: &Name, error: &std::io::Error) -> Error {
    let errno = Errno::from_io_error(error).unwrap_or(Errno::IO);
    Error::named(op, &name.address, errno)
}

/// One end of a portable local connection: bytes, both ways, in order.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::local::{Listener, Name, Stream};
/// let name = Name::namespaced(&format!("ipc-doc-local-{}", std::process::id()))?;
/// let listener = Listener::bind(&name)?;
/// let client = Stream::connect(&name)?;
/// let server = listener.accept()?;
/// client.send(b"hello")?;
/// assert_eq!(server.recv(&mut [0; 8])?, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Stream(pub(crate) Socket);

handle!(Stream);
streams!(Stream);
crate::frames::byte_stream!(Stream);

impl Stream {
    pub(crate) fn wrap(socket: Socket) -> Self {
        Self(socket)
    }

    /// Connects; waits while the listener's backlog is full.
    ///
    /// # Errors
    /// `NotFound`, `Refused`: nobody listens. `Limit`, `Os`.
    pub fn connect(name: &Name) -> Result<Self> {
        let made = <ip::Stream as traits::Stream>::connect(name.portable.clone());
        let ip::Stream::UdSocket(stream) =
            made.map_err(|error| failed("connect to", name, &error))?;
        Ok(Self(Socket::new(stream.into(), Asked::default())))
    }

    /// As [`connect`](Self::connect), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: the backlog is full. Otherwise as [`connect`](Self::connect).
    pub fn try_connect(name: &Name) -> Result<Self> {
        Self::connect_until(name, Wait::No)
    }

    /// As [`connect`](Self::connect), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`connect`](Self::connect).
    pub fn connect_timeout(name: &Name, timeout: Duration) -> Result<Self> {
        Self::connect_until(name, Wait::timeout(timeout))
    }

    /// As [`connect`](Self::connect), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`connect`](Self::connect).
    pub fn connect_deadline(name: &Name, deadline: Instant) -> Result<Self> {
        Self::connect_until(name, Wait::deadline(deadline))
    }

    /// By ourselves: `interprocess` fails at once where a backlog is full, whatever the time limit.
    fn connect_until(name: &Name, wait: Wait) -> Result<Self> {
        let kind = SocketType::STREAM;
        let made = rustix::net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None);
        let fd = made.map_err(|errno| Error::os("create socket", errno))?;
        crate::connect::connect(fd.as_fd(), wait, &name.address, || {
            rustix::net::connect(&fd, &name.address.0)
        })?;
        Ok(Self(Socket::new(fd, Asked::default())))
    }
}

impl From<Stream> for OwnedFd {
    fn from(stream: Stream) -> Self {
        stream.0.fd
    }
}

/// Waits for portable local connections. Dropping it removes its name. It survives a lack of descriptors:
/// the connection that would need one is taken and closed, and `accept` returns `Limit`.
#[derive(Debug)]
pub struct Listener {
    /// Owns the name; its description is non-blocking from birth.
    made: ip::Listener,
    /// The same description, for the waits.
    acceptor: Acceptor,
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// `AlreadyExists`: the name is taken. `Limit`, `Os`.
    pub fn bind(name: &Name) -> Result<Self> {
        let made = ip::ListenerOptions::new()
            .name(name.portable.clone())
            .nonblocking(ip::ListenerNonblockingMode::Accept)
            .create_sync()
            .map_err(|error| failed("listen at", name, &error))?;
        let copy = rustix::io::fcntl_dupfd_cloexec(fd(&made), 0);
        let copy = copy.map_err(|errno| Error::os("duplicate socket", errno))?;
        Ok(Self { made, acceptor: Acceptor::new(Socket::new(copy, Asked::default())) })
    }

    /// Takes one connection; waits if none is there.
    ///
    /// # Errors
    /// `Limit`: no descriptor was left; the connection was closed. `Cancelled`, `Os`.
    pub fn accept(&self) -> Result<Stream> {
        self.accept_until(Wait::FOREVER)
    }

    /// As [`accept`](Self::accept), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: nobody is there. Otherwise as [`accept`](Self::accept).
    pub fn try_accept(&self) -> Result<Stream> {
        self.accept_until(Wait::No)
    }

    /// As [`accept`](Self::accept), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`accept`](Self::accept).
    pub fn accept_timeout(&self, timeout: Duration) -> Result<Stream> {
        self.accept_until(Wait::timeout(timeout))
    }

    /// As [`accept`](Self::accept), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`accept`](Self::accept).
    pub fn accept_deadline(&self, deadline: Instant) -> Result<Stream> {
        self.accept_until(Wait::deadline(deadline))
    }

    fn accept_until(&self, wait: Wait) -> Result<Stream> {
        self.acceptor.accept(wait).map(|fd| Stream(Socket::new(fd, Asked::default())))
    }

    /// A handle that ends this listener's current or next wait with `Cancelled`.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<crate::Canceller> {
        self.acceptor.socket.canceller()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        fd(&self.made)
    }
}

fn fd(listener: &ip::Listener) -> BorrowedFd<'_> {
    let ip::Listener::UdSocket(listener) = listener;
    listener.as_fd()
}
