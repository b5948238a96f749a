//! A connection that carries bytes, without boundaries.

use std::os::fd::AsFd;

use rustix::net::SocketType;

use super::{Address, Options, carries, handle, sealed, streams, watches};
use crate::ancillary::{Boundary, Received};
use crate::credentials::Credentials;
use crate::error::Result;
use crate::socket::Socket;

/// One end of a connection that carries bytes both ways.
///
/// All calls take `&self`: one thread may receive while another sends. Dropping it closes the end; the
/// other side gets the end of the stream after what was sent, or `PeerReset` if it had sent something
/// that was not read here. Over a stream created with `pass_fds`, use [`recv_fds`](Self::recv_fds): a
/// piece with descriptors beside it is refused by the plain forms.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::unix::Stream;
/// let (ours, theirs) = Stream::pair()?;
/// ours.send(b"hello")?;
/// let mut buf = [0; 8];
/// assert_eq!(theirs.recv(&mut buf)?, 5);
/// drop(ours);
/// assert_eq!(theirs.recv(&mut buf)?, 0); // the end
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "SOCK_STREAM")]
pub struct Stream(pub(crate) Socket);

impl sealed::Wrap for Stream {
    const TYPE: sealed::Kind = sealed::Kind(SocketType::STREAM);

    #[expect(private_interfaces, reason = "the trait cannot be named outside")]
    fn wrap(socket: Socket) -> Self {
        Self(socket)
    }
}

handle!(Stream);
watches!(Stream);
streams!(Stream);
carries!(Stream, "Options::new().pass_fds(1).pair::<Stream>()", Boundary::None, usize, usize::from);

impl Stream {
    pub(crate) fn wrap(socket: Socket) -> Self {
        Self(socket)
    }

    /// Connects with the default [`Options`]; they have the forms with a deadline.
    ///
    /// # Errors
    /// As [`Options::connect`].
    pub fn connect(address: &Address) -> Result<Self> {
        Options::new().connect(address)
    }

    /// Two connected ends with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::pair`].
    #[doc(alias = "socketpair")]
    pub fn pair() -> Result<(Self, Self)> {
        Options::new().pair()
    }

    /// Who the other side was at connect: see [`Credentials`].
    ///
    /// # Errors
    /// `Unsupported`: there is no other side. `Limit`: no descriptor for the pidfd. `Os`.
    ///
    /// # Linux
    /// `SO_PEERCRED`, `SO_PEERGROUPS` (Linux 4.13), `SO_PEERPIDFD` (6.5) of
    /// [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html)
    #[doc(alias = "SO_PEERCRED")]
    #[doc(alias = "SO_PEERPIDFD")]
    pub fn peer_credentials(&self) -> Result<Credentials> {
        Credentials::of_peer(self.0.fd.as_fd())
    }

    /// A stream's end is a result, not an error.
    fn ended(&self, received: Result<Received>) -> Result<Received> {
        received
    }
}
