//! A user's place at a queue: the companion file that shows others that the queue is in use.
//!
//! The kernel does not tell who has a queue open. So every user of ours holds a shared lock on a file
//! beside it (see `ipc_core::owner`), from before the queue is opened until after it is closed. It lies in
//! `/dev/shm`, which every program may write to and which is emptied at boot as the queues are (`/run` is
//! for root). Its name carries the IPC namespace: a queue of the same name in another one is another queue.
//!
//! Everybody makes the file if there is none. So a user that opened a queue is seen whoever made the
//! queue. The file goes when the last user leaves *and* the queue has no name any more.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::name::{NAME_MAX, Name};
use ipc_core::owner::{Companion, Refused, Takeover};
use rustix::fs::Mode;
use rustix::io::Errno;

use crate::sys::mq;

/// Where the companions lie.
pub(crate) const COMPANIONS: &str = "/dev/shm";

/// A taker holds its lock for a few system calls.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Seat {
    companion: Option<Companion>,
    path: PathBuf,
    name: CString,
    /// The queue was there before its companion: somebody who is not ours made it. Then the companion
    /// shows nothing once we are gone, and goes with us.
    foreign: bool,
}

impl Seat {
    /// Takes a place at the queue, before it is opened.
    pub(super) fn take(name: &Name, mode: u32) -> Result<Self, Refused> {
        let path = path_of(name);
        let mode = Mode::from_raw_mode((mode & 0o666) | 0o600);
        let companion = Companion::join(&path, mode, Deadline::after(PATIENCE))?;
        Ok(Self { companion: Some(companion), path, name: c_name(name), foreign: false })
    }

    /// The place of one who took over.
    pub(super) fn of_taker(name: &Name, taken: Takeover) -> Result<Self, Errno> {
        let companion = Some(taken.finish()?);
        Ok(Self { companion, path: path_of(name), name: c_name(name), foreign: false })
    }

    /// Says that the queue was there without a companion.
    pub(super) fn at_foreign(mut self) -> Self {
        self.foreign = true;
        self
    }
}

impl Drop for Seat {
    /// Leaves. In a forked child this only closes a descriptor: the parent's lock stays.
    fn drop(&mut self) {
        drop(self.companion.take());
        if self.foreign || is_gone(&self.name) {
            // Nobody else sits here, or the answer is "in use"; look again under the lock.
            if let Ok(taken) = Companion::take_over(&self.path) {
                let unused = self.foreign || is_gone(&self.name);
                let _ = if unused { remove(taken) } else { taken.abandon() };
            }
        }
    }
}

/// Asks for the right to replace the queue.
pub(super) fn take_over(name: &Name) -> Result<Takeover, Refused> {
    Companion::take_over(&path_of(name))
}

/// Whether the queue has a companion now.
pub(super) fn has_companion(name: &Name) -> bool {
    path_of(name).exists()
}

/// Removes the name of the queue, and the companion if nobody uses it.
pub(super) fn unlink(name: &Name) -> Result<(), Errno> {
    match take_over(name) {
        Ok(taken) => {
            let done = mq::unlink(&c_name(name));
            // The companion of a queue that we may not remove stays: others may.
            if matches!(done, Ok(()) | Err(Errno::NOENT)) {
                remove(taken)?;
            }
            done
        }
        Err(_) => mq::unlink(&c_name(name)),
    }
}

fn remove(taken: Takeover) -> Result<(), Errno> {
    taken.finish()?.leave(|| {}).map(drop)
}

/// The name as the calls want it. A checked name holds no NUL.
pub(super) fn c_name(name: &Name) -> CString {
    CString::new(name.slashed()).unwrap_or_default()
}

fn is_gone(name: &CString) -> bool {
    matches!(mq::open(name, libc::O_RDONLY, 0, None), Err(Errno::NOENT))
}

/// `ipc-mq.NAME.NAMESPACE`; a name too long for that is cut, and told apart by its hash.
fn path_of(name: &Name) -> PathBuf {
    let link = std::fs::read_link("/proc/thread-self/ns/ipc");
    let text = link.ok().and_then(|link| link.to_str().map(str::to_owned)).unwrap_or_default();
    let space: String = text.chars().filter(char::is_ascii_digit).collect();
    let mut file = format!("ipc-mq.{}.{space}", name.bare());
    if file.len() > NAME_MAX {
        let start: String = name.bare().chars().take(40).collect();
        file = format!("ipc-mq.{start}.{:016x}.{space}", hash(name.bare().as_bytes()));
    }
    Path::new(COMPANIONS).join(file)
}

/// FNV-1a: the same in every program, which the standard library does not promise of its hashes.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
