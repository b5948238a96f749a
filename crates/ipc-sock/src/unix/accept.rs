//! Accepting: without being stopped by a lack of descriptors.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use ipc_core::Wait;
use rustix::event::{EventfdFlags, PollFlags, eventfd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::SocketFlags;

use crate::error::Result;
use crate::socket::Socket;

/// A listening socket, of any family.
///
/// Ours are non-blocking from birth: `accept` has no flag for one call, and between `poll` and
/// `accept` another process may take the connection.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) socket: Socket,
    /// It came from elsewhere and blocks: waited for before each call.
    blocks: bool,
    /// A descriptor to give up when none is left: with it the connection is taken and refused, else
    /// it would keep the listener ready and an accept loop spinning. `None` while it could not be had
    /// again.
    reserve: Mutex<Option<OwnedFd>>,
}

impl Acceptor {
    pub(crate) fn new(socket: Socket) -> Self {
        let flags = rustix::fs::fcntl_getfl(&socket.fd);
        let blocks = flags.is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK));
        Self { socket, blocks, reserve: Mutex::new(spare()) }
    }

    #[inline]
    pub(crate) fn accept(&self, wait: Wait) -> Result<OwnedFd> {
        self.accept_by(wait, || rustix::net::accept_with(&self.socket.fd, SocketFlags::CLOEXEC))
    }

    /// Accepts by `call`.
    #[inline]
    pub(crate) fn accept_by<T>(
        &self,
        wait: Wait,
        call: impl Fn() -> Result<T, Errno>,
    ) -> Result<T> {
        self.socket.turns("accept connection", PollFlags::IN, wait, |may_wait| {
            if self.blocks && !may_wait && !self.socket.is_ready(PollFlags::IN) {
                return Err(Errno::AGAIN);
            }
            loop {
                match call() {
                    // It was there and broke off before we took it.
                    Err(Errno::CONNABORTED | Errno::PROTO) => {}
                    // The kernel takes the descriptor first and looks for a connection then.
                    Err(Errno::MFILE | Errno::NFILE) if !self.refuse_one() => {
                        return Err(Errno::AGAIN);
                    }
                    done => return done,
                }
            }
        })
    }

    /// Takes one connection and closes it; false if none was there.
    #[cold]
    fn refuse_one(&self) -> bool {
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        drop(reserve.take());
        let there = self.socket.is_ready(PollFlags::IN);
        if there {
            drop(rustix::net::accept_with(&self.socket.fd, SocketFlags::CLOEXEC));
            crate::log::warn(format_args!("a connection is refused: no descriptor is left for it"));
        }
        *reserve = spare();
        there
    }
}

/// Any descriptor that costs little.
fn spare() -> Option<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC).ok()
}
