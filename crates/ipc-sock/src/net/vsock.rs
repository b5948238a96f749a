//! Connections between a virtual machine and its host.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::error::{Error, Result};
use crate::options::BACKLOG;
use crate::socket::{Asked, Socket};
use crate::sys::{VsockName, vsock_accept, vsock_bind, vsock_connect, vsock_name};
use crate::unix::{Acceptor, handle, streams};

/// A machine (context) and a port in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "sockaddr_vm")]
pub struct VsockAddress {
    /// The machine: [`HOST`](Self::HOST), [`LOCAL`](Self::LOCAL), [`ANY`](Self::ANY), or a guest's.
    pub cid: u32,
    /// The port; [`ANY`](Self::ANY) lets the kernel choose one.
    pub port: u32,
}

impl VsockAddress {
    /// Any machine, or any port: for listening.
    #[doc(alias = "VMADDR_CID_ANY")]
    pub const ANY: u32 = u32::MAX;
    /// This machine itself (Linux 5.6, module `vsock_loopback`).
    #[doc(alias = "VMADDR_CID_LOCAL")]
    pub const LOCAL: u32 = 1;
    /// The host of this guest.
    #[doc(alias = "VMADDR_CID_HOST")]
    pub const HOST: u32 = 2;

    /// The port `port` of machine `cid`.
    #[must_use]
    pub const fn new(cid: u32, port: u32) -> Self {
        Self { cid, port }
    }

    fn name(self) -> VsockName {
        VsockName { cid: self.cid, port: self.port }
    }

    fn of(name: VsockName) -> Self {
        Self { cid: name.cid, port: name.port }
    }
}

/// `cid:port`.
impl fmt::Display for VsockAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.cid, self.port)
    }
}

/// One end of a connection between machines on one host: bytes, both ways, in order.
///
/// ```no_run
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::net::{VsockAddress, VsockStream};
/// let stream = VsockStream::connect(VsockAddress::new(VsockAddress::HOST, 1234))?;
/// stream.send(b"from the guest")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "AF_VSOCK")]
pub struct VsockStream(pub(crate) Socket);

handle!(VsockStream);
streams!(VsockStream);
crate::frames::byte_stream!(VsockStream);

impl VsockStream {
    pub(crate) fn wrap(socket: Socket) -> Self {
        Self(socket)
    }

    /// Connects.
    ///
    /// # Errors
    /// `Unsupported`: this kernel has no vsock, or no way to that machine. `PeerReset`, `Refused`:
    /// nobody listens there. `Os`.
    ///
    /// # Linux
    /// [`vsock(7)`](https://man7.org/linux/man-pages/man7/vsock.7.html)
    pub fn connect(address: VsockAddress) -> Result<Self> {
        Self::connect_until(address, Wait::FOREVER)
    }

    /// As [`connect`](Self::connect), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`connect`](Self::connect).
    pub fn connect_timeout(address: VsockAddress, timeout: Duration) -> Result<Self> {
        Self::connect_until(address, Wait::timeout(timeout))
    }

    /// As [`connect`](Self::connect), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`connect`](Self::connect).
    pub fn connect_deadline(address: VsockAddress, deadline: Instant) -> Result<Self> {
        Self::connect_until(address, Wait::deadline(deadline))
    }

    fn connect_until(address: VsockAddress, wait: Wait) -> Result<Self> {
        let socket = create(SocketFlags::empty(), address)?;
        let connected = crate::connect::connect(socket.fd.as_fd(), wait, &address, || {
            vsock_connect(socket.fd.as_fd(), address.name())
        });
        connected.map_err(unreachable_machine)?;
        Ok(Self(socket))
    }
}

impl From<VsockStream> for OwnedFd {
    fn from(stream: VsockStream) -> Self {
        stream.0.fd
    }
}

/// Waits for connections from other machines on this host.
#[derive(Debug)]
pub struct VsockListener(Acceptor);

impl VsockListener {
    /// Listens at `address`, usually with [`VsockAddress::ANY`] as the machine.
    ///
    /// # Errors
    /// `Unsupported`: this kernel has no vsock, or not that machine. `AlreadyExists`: the port is
    /// taken. `Limit`, `Os`.
    pub fn bind(address: VsockAddress) -> Result<Self> {
        let failed = |errno| unreachable_machine(Error::named("listen at", &address, errno));
        let socket = create(SocketFlags::NONBLOCK, address)?;
        vsock_bind(socket.fd.as_fd(), address.name()).map_err(failed)?;
        let backlog = i32::try_from(BACKLOG).unwrap_or(i32::MAX);
        rustix::net::listen(&socket.fd, backlog).map_err(failed)?;
        Ok(Self(Acceptor::new(socket)))
    }

    /// Takes one connection, and tells where it comes from; waits if none is there.
    ///
    /// # Errors
    /// `Limit`: no descriptor was left; the connection was closed. `Cancelled`, `Os`.
    pub fn accept(&self) -> Result<(VsockStream, VsockAddress)> {
        self.accept_until(Wait::FOREVER)
    }

    /// As [`accept`](Self::accept), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: nobody is there. Otherwise as [`accept`](Self::accept).
    pub fn try_accept(&self) -> Result<(VsockStream, VsockAddress)> {
        self.accept_until(Wait::No)
    }

    /// As [`accept`](Self::accept), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`accept`](Self::accept).
    pub fn accept_timeout(&self, timeout: Duration) -> Result<(VsockStream, VsockAddress)> {
        self.accept_until(Wait::timeout(timeout))
    }

    /// As [`accept`](Self::accept), but waits no longer than to `deadline`.
    ///
    /// # Errors
    /// `TimedOut`. Otherwise as [`accept`](Self::accept).
    pub fn accept_deadline(&self, deadline: Instant) -> Result<(VsockStream, VsockAddress)> {
        self.accept_until(Wait::deadline(deadline))
    }

    fn accept_until(&self, wait: Wait) -> Result<(VsockStream, VsockAddress)> {
        let (fd, from) = self.0.accept_by(wait, || vsock_accept(self.0.socket.fd.as_fd()))?;
        Ok((VsockStream(Socket::new(fd, Asked::default())), VsockAddress::of(from)))
    }

    /// Where it listens: the port too, if it was asked for as [`VsockAddress::ANY`].
    ///
    /// # Errors
    /// `Os`.
    pub fn local_addr(&self) -> Result<VsockAddress> {
        let name = vsock_name(self.0.socket.fd.as_fd());
        name.map(VsockAddress::of).map_err(|errno| Error::os("ask for address of socket", errno))
    }

    /// A handle that ends this listener's current or next wait with `Cancelled`.
    ///
    /// # Errors
    /// `Limit`: no descriptor could be had for it.
    pub fn canceller(&mut self) -> Result<crate::Canceller> {
        self.0.socket.canceller()
    }
}

impl AsFd for VsockListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.socket.fd.as_fd()
    }
}

fn create(flags: SocketFlags, address: VsockAddress) -> Result<Socket> {
    let flags = flags | SocketFlags::CLOEXEC;
    let made = rustix::net::socket_with(AddressFamily::VSOCK, SocketType::STREAM, flags, None);
    match made {
        Ok(fd) => Ok(Socket::new(fd, Asked::default())),
        Err(Errno::AFNOSUPPORT) => Err(Error::Unsupported { what: "use vsock (module vsock)" }),
        Err(errno) => Err(Error::named("create socket for", &address, errno)),
    }
}

/// The numbers by which the kernel says that there is no way to a machine.
fn unreachable_machine(error: Error) -> Error {
    const NO_WAY: [i32; 3] = [libc::EADDRNOTAVAIL, libc::ENODEV, libc::ENETUNREACH];
    match error {
        Error::Os { source, .. }
            if source.raw_os_error().is_some_and(|no| NO_WAY.contains(&no)) =>
        {
            Error::Unsupported { what: "reach that machine over vsock (its transport module)" }
        }
        error => error,
    }
}
