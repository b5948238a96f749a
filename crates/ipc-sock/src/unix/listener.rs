//! Waiting for connections.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc_core::Wait;
use rustix::net::{SocketFlags, SocketType};

use super::accept::Acceptor;
use super::place::Place;
use super::{Address, Options, SeqPacket, Stream, sealed};
use crate::error::{Error, Result};
use crate::socket::{Asked, Socket};

/// Binds and listens; a path is visible only when it answers.
fn create(
    options: &Options,
    address: &Address,
    kind: SocketType,
) -> Result<(Acceptor, Option<Place>)> {
    let socket = options.socket(kind, SocketFlags::NONBLOCK)?;
    let failed = |errno| Error::named("bind", address, errno);
    let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
    let listen = || rustix::net::listen(&socket.fd, backlog).map_err(failed);
    let place = if let Some(path) = address.as_path() {
        Some(Place::take(options, path, &socket, listen)?)
    } else if address.is_unnamed() {
        let reason = "nobody could connect without a name".to_owned();
        return Err(Error::InvalidName { name: address.to_string(), reason });
    } else {
        rustix::net::bind(&socket.fd, &address.0).map_err(failed)?;
        listen()?;
        None
    };
    Ok((Acceptor::new(socket), place))
}

macro_rules! listener {
    ($Listener:ident, $Connection:ident, $kind:expr, $what:literal) => {
        #[doc = concat!("Waits for connections that carry ", $what, ".")]
        ///
        /// Dropping it removes its path. Turned into an `OwnedFd` (to hand it to a successor) it leaves
        /// the path. It survives a lack of descriptors: the connection that would need one is taken
        /// and closed, and `accept` returns `Limit`, so a loop around it does not spin.
        ///
        /// Its description is non-blocking from birth: a successor that is not written with this crate
        /// finds it so.
        ///
        /// ```
        /// # fn main() -> Result<(), ipc_sock::Error> {
        /// # let dir = std::env::temp_dir().join(format!("ipc-doc-listener-{}", std::process::id()));
        /// # std::fs::create_dir(&dir).unwrap();
        #[doc = concat!("use ipc_sock::unix::{Address, ", stringify!($Listener), ", ", stringify!($Connection), "};")]
        /// let address = Address::path(dir.join("service.sock"))?;
        #[doc = concat!("let listener = ", stringify!($Listener), "::bind(&address)?;")]
        #[doc = concat!("let client = ", stringify!($Connection), "::connect(&address)?;")]
        /// let server = listener.accept()?;
        /// client.send(b"hello")?;
        /// assert_eq!(server.recv(&mut [0; 8])?, 5);
        /// # drop((listener, client, server));
        /// # std::fs::remove_dir(&dir).unwrap();
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Debug)]
        pub struct $Listener {
            acceptor: Acceptor,
            place: Option<Place>,
            address: Address,
            send_buffer: Option<usize>,
        }

        impl sealed::Create for $Listener {
            fn create(options: &Options, address: &Address) -> Result<Self> {
                let (acceptor, place) = create(options, address, $kind)?;
                let send_buffer = options.send_buffer;
                Ok(Self { acceptor, place, address: address.clone(), send_buffer })
            }
        }

        impl $Listener {
            /// Binds and listens with the default [`Options`]: mode 0600, no descriptors.
            ///
            /// # Errors
            /// As [`Options::listen`].
            pub fn bind(address: &Address) -> Result<Self> {
                Options::new().listen(address)
            }

            /// Takes one connection; waits if none is there.
            ///
            /// # Errors
            /// `Limit`: no descriptor was left; the connection was closed. `Cancelled`, `Os`.
            ///
            /// # Linux
            /// [`accept4(2)`](https://man7.org/linux/man-pages/man2/accept.2.html), close-on-exec
            #[doc(alias = "accept4")]
            pub fn accept(&self) -> Result<$Connection> {
                self.accept_until(Wait::FOREVER)
            }

            /// As [`accept`](Self::accept), but does not wait.
            ///
            /// # Errors
            /// `WouldBlock`: nobody is there. Otherwise as [`accept`](Self::accept).
            pub fn try_accept(&self) -> Result<$Connection> {
                self.accept_until(Wait::No)
            }

            /// As [`accept`](Self::accept), but waits no longer than `timeout`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`accept`](Self::accept).
            pub fn accept_timeout(&self, timeout: Duration) -> Result<$Connection> {
                self.accept_until(Wait::timeout(timeout))
            }

            /// As [`accept`](Self::accept), but waits no longer than to `deadline`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`accept`](Self::accept).
            pub fn accept_deadline(&self, deadline: Instant) -> Result<$Connection> {
                self.accept_until(Wait::deadline(deadline))
            }

            fn accept_until(&self, wait: Wait) -> Result<$Connection> {
                let fd = self.acceptor.accept(wait)?;
                // The kernel hands on what may come beside messages, not the size of the buffer.
                crate::options::size_send_buffer(fd.as_fd(), self.send_buffer)?;
                Ok($Connection::wrap(Socket::new(fd, self.acceptor.socket.asked)))
            }

            /// The connections, for ever: each waits for the next.
            pub fn incoming(&self) -> Incoming<'_, Self> {
                Incoming(self)
            }

            /// The address it was bound to; of one that came as a descriptor, what the kernel has
            /// (the name at bind, which for a path is the one before it was renamed into place).
            #[must_use]
            pub fn local_addr(&self) -> &Address {
                &self.address
            }

            /// A handle that ends this listener's current or next wait with `Cancelled`.
            ///
            /// # Errors
            /// `Limit`: no descriptor could be had for it.
            pub fn canceller(&mut self) -> Result<crate::Canceller> {
                self.acceptor.socket.canceller()
            }

            /// Dropping it will leave the path, for a successor that has the descriptor.
            pub fn keep_path(&mut self) {
                if let Some(place) = self.place.take() {
                    place.keep();
                }
            }

            /// Takes a listening descriptor that came from somewhere else; accepted connections get
            /// what `options` says. The path, if any, is not removed on drop.
            ///
            /// # Errors
            /// `Unsupported`: it does not listen, or for another kind of connections.
            pub fn adopt(fd: OwnedFd, options: &Options) -> Result<Self> {
                use rustix::net::sockopt::{socket_acceptconn, socket_type};
                let failed = |errno| Error::os("adopt listener", errno);
                let kind = socket_type(&fd).map_err(failed)?;
                if kind != $kind || !socket_acceptconn(&fd).map_err(failed)? {
                    return Err(Error::Unsupported { what: concat!("adopt as ", stringify!($Listener), " what is none") });
                }
                let mut socket = Socket::new(fd, options.asked());
                socket.prepare()?;
                Ok(Self { send_buffer: options.send_buffer, ..Self::of(socket) })
            }

            fn of(socket: Socket) -> Self {
                let name = rustix::net::getsockname(&socket.fd).ok();
                let address = Address::from_any(name);
                Self { acceptor: Acceptor::new(socket), place: None, address, send_buffer: None }
            }
        }

        impl AsFd for $Listener {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.acceptor.socket.fd.as_fd()
            }
        }

        /// Takes any listening descriptor as it is. One that blocks may hold up an `accept` past its
        /// deadline when another process takes the connection first.
        impl From<OwnedFd> for $Listener {
            fn from(fd: OwnedFd) -> Self {
                Self::of(Socket::new(fd, Asked::default()))
            }
        }

        /// For a successor: the path stays.
        impl From<$Listener> for OwnedFd {
            fn from(mut listener: $Listener) -> Self {
                listener.keep_path();
                listener.acceptor.socket.fd
            }
        }

        impl Iterator for Incoming<'_, $Listener> {
            type Item = Result<$Connection>;

            fn next(&mut self) -> Option<Self::Item> {
                Some(self.0.accept())
            }
        }
    };
}

listener!(Listener, Stream, SocketType::STREAM, "bytes");
listener!(SeqPacketListener, SeqPacket, SocketType::SEQPACKET, "whole messages");

/// The connections of a listener, one after the other; it never ends by itself.
#[derive(Debug)]
pub struct Incoming<'a, L>(&'a L);
