//! What all kinds of Unix sockets have. Written once for each, so that each type's page shows all it
//! can do.

/// What every handle has, whatever it carries.
macro_rules! handle {
    ($Type:ident) => {
        impl $Type {
            /// A handle that ends this socket's current or next wait with `Cancelled`.
            ///
            /// It may be called from another thread or from a signal handler. From the first call on,
            /// waits cost one system call more, and the handle holds one more descriptor.
            ///
            /// # Errors
            /// `Limit`: no descriptor could be had for it.
            pub fn canceller(&mut self) -> $crate::Result<$crate::Canceller> {
                self.0.canceller()
            }

            /// Another handle of the same socket. It has no canceller and watches nobody.
            ///
            /// # Errors
            /// `Limit`: too many descriptors.
            pub fn try_clone(&self) -> $crate::Result<Self> {
                self.0.try_clone().map(Self::wrap)
            }

            /// The size of the send buffer, as the kernel counts it: twice what was asked for.
            ///
            /// # Errors
            /// `Os`.
            #[doc(alias = "SO_SNDBUF")]
            pub fn send_buffer(&self) -> $crate::Result<usize> {
                rustix::net::sockopt::socket_send_buffer_size(&self.0.fd)
                    .map_err(|errno| $crate::Error::os("ask for size of send buffer", errno))
            }
        }

        impl std::os::fd::AsFd for $Type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.fd.as_fd()
            }
        }

        /// Takes any socket as it is, without `pass_fds`: descriptors that come are closed.
        impl From<std::os::fd::OwnedFd> for $Type {
            fn from(fd: std::os::fd::OwnedFd) -> Self {
                Self::wrap($crate::socket::Socket::new(fd, $crate::socket::Asked::default()))
            }
        }
    };
}

/// Noticing the death of a process of this machine.
macro_rules! watches {
    ($Type:ident) => {
        impl $Type {
            /// From now on, waits also end when process `pid`, which has the other end, dies: then the
            /// result is `Closed { peer_died: true }`. What it sent before is still received.
            ///
            /// Without it, a copy of the other end that some third process has keeps a wait going for
            /// ever, however dead its first owner is.
            ///
            /// # Errors
            /// `Closed { peer_died: true }`: there is no such process any more. `Os`: the kernel
            /// refuses (`pidfd_open` needs Linux 5.3). Give the pid of a child that was not waited
            /// for, or of your parent: any other number may belong to a stranger by now;
            /// [`watch_pidfd`](Self::watch_pidfd) has no such trap.
            ///
            /// # Linux
            /// [`pidfd_open(2)`](https://man7.org/linux/man-pages/man2/pidfd_open.2.html)
            pub fn watch_peer(&mut self, pid: u32) -> $crate::Result<()> {
                self.0.watch_peer(pid)
            }

            /// As [`watch_peer`](Self::watch_peer), for a process that a pidfd names, such as the one
            /// in [`Credentials`](crate::Credentials).
            pub fn watch_pidfd(&mut self, pidfd: std::os::fd::OwnedFd) {
                self.0.watch.set_peer(pidfd);
            }
        }
    };
}

/// Descriptors and identities beside the bytes.
macro_rules! carries {
    ($Type:ident, $pair:literal, $edge:expr, $Sent:ty, $sent:path) => {
        impl $Type {
            /// Sends `buf`, which must not be empty, with copies of `fds` beside it. Ours stay open.
            /// Waits for room.
            ///
            /// Descriptors under way count against the limit of this user until they are received. A
            /// descriptor is the *same* open file for both: offset, flags and locks are shared.
            ///
            /// # Errors
            /// `FdsRefused`: the receiver takes none. `TooManyFds`: more than 253. `TooManyInFlight`:
            /// try again when some were received. `EmptyMessage`. Otherwise as [`send`](Self::send).
            ///
            /// # Linux
            /// `SCM_RIGHTS` of [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html)
            ///
            /// # Examples
            /// ```
            /// # fn main() -> Result<(), ipc_sock::Error> {
            #[doc = concat!("use ipc_sock::unix::{Options, ", stringify!($Type), "};")]
            #[doc = concat!("let (ours, theirs) = ", $pair, "?;")]
            /// let file = std::fs::File::open("/proc/self/status").unwrap();
            /// ours.send_fds(b"read this", &[file])?;
            /// let mut buf = [0; 32];
            /// let received = theirs.recv_fds(&mut buf)?;
            /// assert_eq!((received.bytes, received.fds.len()), (9, 1));
            /// # Ok(())
            /// # }
            /// ```
            #[doc(alias = "sendmsg")]
            #[doc(alias = "SCM_RIGHTS")]
            pub fn send_fds(
                &self,
                buf: &[u8],
                fds: &[impl std::os::fd::AsFd],
            ) -> $crate::Result<$Sent> {
                self.0.send_fds(buf, fds, ipc_core::Wait::FOREVER).map($sent)
            }

            /// As [`send_fds`](Self::send_fds), but does not wait.
            ///
            /// # Errors
            /// `WouldBlock`. Otherwise as [`send_fds`](Self::send_fds).
            pub fn try_send_fds(
                &self,
                buf: &[u8],
                fds: &[impl std::os::fd::AsFd],
            ) -> $crate::Result<$Sent> {
                self.0.send_fds(buf, fds, ipc_core::Wait::No).map($sent)
            }

            /// As [`send_fds`](Self::send_fds), but waits no longer than `timeout`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`send_fds`](Self::send_fds).
            pub fn send_fds_timeout(
                &self,
                buf: &[u8],
                fds: &[impl std::os::fd::AsFd],
                timeout: std::time::Duration,
            ) -> $crate::Result<$Sent> {
                self.0.send_fds(buf, fds, ipc_core::Wait::timeout(timeout)).map($sent)
            }

            /// As [`send_fds`](Self::send_fds), but waits no longer than to `deadline`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`send_fds`](Self::send_fds).
            pub fn send_fds_deadline(
                &self,
                buf: &[u8],
                fds: &[impl std::os::fd::AsFd],
                deadline: std::time::Instant,
            ) -> $crate::Result<$Sent> {
                self.0.send_fds(buf, fds, ipc_core::Wait::deadline(deadline)).map($sent)
            }

            /// Receives bytes and the descriptors beside them, close-on-exec. Waits for some.
            ///
            /// # Errors
            /// `Unsupported`: the socket was created without `pass_fds`. `AncillaryTruncated`: more
            /// came than can be taken; the message is dropped and all of them are closed. Otherwise
            /// as [`recv`](Self::recv).
            ///
            /// # Linux
            /// `SCM_RIGHTS` of [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html)
            #[doc(alias = "recvmsg")]
            pub fn recv_fds(&self, buf: &mut [u8]) -> $crate::Result<$crate::unix::Received> {
                self.ended(self.0.recv_fds(buf, $edge, ipc_core::Wait::FOREVER))
            }

            /// As [`recv_fds`](Self::recv_fds), but does not wait.
            ///
            /// # Errors
            /// `WouldBlock`. Otherwise as [`recv_fds`](Self::recv_fds).
            pub fn try_recv_fds(&self, buf: &mut [u8]) -> $crate::Result<$crate::unix::Received> {
                self.ended(self.0.recv_fds(buf, $edge, ipc_core::Wait::No))
            }

            /// As [`recv_fds`](Self::recv_fds), but waits no longer than `timeout`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`recv_fds`](Self::recv_fds).
            pub fn recv_fds_timeout(
                &self,
                buf: &mut [u8],
                timeout: std::time::Duration,
            ) -> $crate::Result<$crate::unix::Received> {
                self.ended(self.0.recv_fds(buf, $edge, ipc_core::Wait::timeout(timeout)))
            }

            /// As [`recv_fds`](Self::recv_fds), but waits no longer than to `deadline`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`recv_fds`](Self::recv_fds).
            pub fn recv_fds_deadline(
                &self,
                buf: &mut [u8],
                deadline: std::time::Instant,
            ) -> $crate::Result<$crate::unix::Received> {
                self.ended(self.0.recv_fds(buf, $edge, ipc_core::Wait::deadline(deadline)))
            }

            /// Receives bytes and who sent them, as the kernel knows it. Waits for some.
            ///
            /// # Errors
            /// `Unsupported`: the socket was created without `pass_credentials`. Otherwise as
            /// [`recv`](Self::recv).
            ///
            /// # Linux
            /// `SCM_CREDENTIALS` of [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html),
            /// `SCM_PIDFD` (Linux 6.5)
            #[doc(alias = "SCM_CREDENTIALS")]
            #[doc(alias = "SCM_PIDFD")]
            pub fn recv_credentials(
                &self,
                buf: &mut [u8],
            ) -> $crate::Result<$crate::unix::Received> {
                self.ended(self.0.recv_credentials(buf, $edge, ipc_core::Wait::FOREVER))
            }

            /// As [`recv_credentials`](Self::recv_credentials), but does not wait.
            ///
            /// # Errors
            /// `WouldBlock`. Otherwise as [`recv_credentials`](Self::recv_credentials).
            pub fn try_recv_credentials(
                &self,
                buf: &mut [u8],
            ) -> $crate::Result<$crate::unix::Received> {
                self.ended(self.0.recv_credentials(buf, $edge, ipc_core::Wait::No))
            }

            /// As [`recv_credentials`](Self::recv_credentials), but waits no longer than `timeout`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`recv_credentials`](Self::recv_credentials).
            pub fn recv_credentials_timeout(
                &self,
                buf: &mut [u8],
                timeout: std::time::Duration,
            ) -> $crate::Result<$crate::unix::Received> {
                self.ended(self.0.recv_credentials(buf, $edge, ipc_core::Wait::timeout(timeout)))
            }

            /// As [`recv_credentials`](Self::recv_credentials), but waits no longer than to `deadline`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`recv_credentials`](Self::recv_credentials).
            pub fn recv_credentials_deadline(
                &self,
                buf: &mut [u8],
                deadline: std::time::Instant,
            ) -> $crate::Result<$crate::unix::Received> {
                self.ended(self.0.recv_credentials(buf, $edge, ipc_core::Wait::deadline(deadline)))
            }

            /// Messages whose descriptors were refused and closed so far: too many, or not asked for
            /// (by kernels before Linux 6.16, which do not refuse them at the sender).
            #[must_use]
            pub fn refused_messages(&self) -> u64 {
                self.0.refused()
            }
        }

        impl From<$Type> for std::os::fd::OwnedFd {
            fn from(socket: $Type) -> Self {
                socket.0.fd
            }
        }
    };
}

pub(crate) use {carries, handle, watches};
