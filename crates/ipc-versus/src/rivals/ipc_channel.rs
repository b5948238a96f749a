//! ipc-channel: its channel of bytes, over a Unix socket.
//!
//! Receiving spins by `try_recv`; sending has no form that does not wait.

use std::io;

use ipc_channel::TryRecvError;
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender};

use crate::ends::{Ends, Ready, Rx, Tx, Wait, copy_out, failed, spin};

/// `ipc::bytes_channel`. Its descriptors cross the fork.
///
/// # Errors
/// It cannot be made.
pub fn ends() -> Ends<Ready<IpcBytesSender>, Ready<IpcBytesReceiver>> {
    let (to, from) = ipc::bytes_channel()?;
    Ok((Ready(to), Ready(from)))
}

impl Tx for IpcBytesSender {
    #[inline]
    fn send(&mut self, message: &[u8], _: Wait) -> io::Result<()> {
        IpcBytesSender::send(self, message)
    }
}

impl Rx for IpcBytesReceiver {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => spin(|| match self.try_recv() {
                Err(TryRecvError::Empty) => Ok(false),
                done => copy_out(&done.map_err(failed)?, into).map(|()| true),
            }),
            Wait::Block => copy_out(&IpcBytesReceiver::recv(self).map_err(failed)?, into),
        }
    }
}
