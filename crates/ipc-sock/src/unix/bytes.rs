//! The verbs of all streams, whatever lies under them. Written once for each, so that each type's page
//! shows all it can do.

/// The verbs of every stream, and std's traits.
macro_rules! streams {
    ($Type:ident) => {
        impl $Type {
            /// Sends all of `buf`, waiting for room; fewer bytes only if a signal handler, a canceller or a
            /// watched process came in between. The number of bytes sent is returned.
            ///
            /// # Errors
            /// `Closed`: the other side does not receive any more, or the watched process died. `PeerReset`:
            /// it is gone, with bytes of ours unread. `Cancelled`, `Os`. Never SIGPIPE.
            #[inline]
            #[doc(alias = "write")]
            pub fn send(&self, buf: &[u8]) -> $crate::Result<usize> {
                self.0.send(buf, ipc_core::Wait::FOREVER)
            }

            /// Sends what there is room for now.
            ///
            /// # Errors
            /// `WouldBlock`: there is no room. Otherwise as [`send`](Self::send).
            #[inline]
            pub fn try_send(&self, buf: &[u8]) -> $crate::Result<usize> {
                self.0.send(buf, ipc_core::Wait::No)
            }

            /// Waits for room, no longer than `timeout`, and sends what there is room for.
            ///
            /// # Errors
            /// `TimedOut`: nothing was sent. Otherwise as [`send`](Self::send).
            pub fn send_timeout(
                &self,
                buf: &[u8],
                timeout: std::time::Duration,
            ) -> $crate::Result<usize> {
                self.0.send(buf, ipc_core::Wait::timeout(timeout))
            }

            /// Waits for room, no longer than to `deadline`, and sends what there is room for.
            ///
            /// # Errors
            /// `TimedOut`: nothing was sent. Otherwise as [`send`](Self::send).
            pub fn send_deadline(
                &self,
                buf: &[u8],
                deadline: std::time::Instant,
            ) -> $crate::Result<usize> {
                self.0.send(buf, ipc_core::Wait::deadline(deadline))
            }

            /// Receives what is there, up to the buffer's length; waits if nothing is. 0 is the end of the
            /// stream (or an empty buffer).
            ///
            /// # Errors
            /// `PeerReset`: the other side is gone, with bytes of ours unread. `Cancelled`, `Closed {
            /// peer_died: true }` (of a Unix stream: see `watch_peer`), `AncillaryTruncated`, `Os`.
            #[inline]
            #[doc(alias = "read")]
            pub fn recv(&self, buf: &mut [u8]) -> $crate::Result<usize> {
                self.0.recv(buf, ipc_core::Wait::FOREVER)
            }

            /// As [`recv`](Self::recv), but does not wait.
            ///
            /// # Errors
            /// `WouldBlock`: nothing is there. Otherwise as [`recv`](Self::recv).
            #[inline]
            pub fn try_recv(&self, buf: &mut [u8]) -> $crate::Result<usize> {
                self.0.recv(buf, ipc_core::Wait::No)
            }

            /// As [`recv`](Self::recv), but waits no longer than `timeout`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`recv`](Self::recv).
            pub fn recv_timeout(
                &self,
                buf: &mut [u8],
                timeout: std::time::Duration,
            ) -> $crate::Result<usize> {
                self.0.recv(buf, ipc_core::Wait::timeout(timeout))
            }

            /// As [`recv`](Self::recv), but waits no longer than to `deadline`.
            ///
            /// # Errors
            /// `TimedOut`. Otherwise as [`recv`](Self::recv).
            pub fn recv_deadline(
                &self,
                buf: &mut [u8],
                deadline: std::time::Instant,
            ) -> $crate::Result<usize> {
                self.0.recv(buf, ipc_core::Wait::deadline(deadline))
            }

            /// Closes one direction, or both, for every holder of this end: the other side gets the end of the
            /// stream after what was sent. Nothing is lost.
            ///
            /// # Errors
            /// `Os`.
            ///
            /// # Linux
            /// [`shutdown(2)`](https://man7.org/linux/man-pages/man2/shutdown.2.html)
            pub fn shutdown(&self, how: std::net::Shutdown) -> $crate::Result<()> {
                self.0.shutdown(match how {
                    std::net::Shutdown::Read => rustix::net::Shutdown::Read,
                    std::net::Shutdown::Write => rustix::net::Shutdown::Write,
                    std::net::Shutdown::Both => rustix::net::Shutdown::Both,
                })
            }
        }

        impl std::io::Read for &$Type {
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                Ok(self.recv(buf)?)
            }

            fn read_vectored(
                &mut self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                let first = bufs.iter_mut().find(|buf| !buf.is_empty());
                first.map_or(Ok(0), |buf| self.read(buf))
            }
        }

        impl std::io::Write for &$Type {
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                Ok(self.send(buf)?)
            }

            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                Ok(self.0.send_vectored(bufs, ipc_core::Wait::FOREVER)?)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl std::io::Read for $Type {
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                (&*self).read(buf)
            }
        }

        impl std::io::Write for $Type {
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(crate) use streams;
