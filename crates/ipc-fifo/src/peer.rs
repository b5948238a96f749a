//! Watching the process at the other end.

use std::path::Path;

use ipc_core::pipe_end::PipeEnd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::{Error, Result};

pub(crate) fn watch(end: &mut PipeEnd, path: &Path, pid: u32) -> Result<()> {
    let op = "watch process at the other end of FIFO";
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::os(op, path, Errno::INVAL))?;
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => {
            end.watch_mut().set_peer(pidfd);
            Ok(())
        }
        Err(Errno::SRCH) => Err(Error::Closed { peer_died: true }),
        Err(errno) => Err(Error::os(op, path, errno)),
    }
}
