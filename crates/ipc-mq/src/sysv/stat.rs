//! What a queue tells about itself, and what the system allows.

use std::time::{Duration, SystemTime};

use super::queue::Queue;
use crate::error::{Error, Result};
use crate::sys::msg;

/// The state of a System V queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Bytes of text in the queue now.
    pub bytes: usize,
    /// Messages in the queue now.
    pub len: usize,
    /// Bytes it can hold, and also messages (of no bytes).
    pub capacity: usize,
    /// The process that sent last.
    pub last_sender: Option<u32>,
    /// The process that received last.
    pub last_receiver: Option<u32>,
    /// When somebody sent last, to the second.
    pub last_send: Option<SystemTime>,
    /// When somebody received last, to the second.
    pub last_recv: Option<SystemTime>,
    /// When it was made, or its owner, mode or capacity was last set, to the second.
    pub last_change: Option<SystemTime>,
    /// The user that owns it.
    pub uid: u32,
    /// The group that owns it.
    pub gid: u32,
    /// Its permissions.
    pub mode: u32,
}

impl Queue {
    /// Its state now.
    ///
    /// # Errors
    /// `Removed`, `Os` (`EACCES`: its mode forbids to read).
    ///
    /// # Linux
    /// `IPC_STAT` of [`msgctl(2)`](https://man7.org/linux/man-pages/man2/msgctl.2.html)
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), ipc_mq::Error> {
    /// let queue = ipc_mq::sysv::Queue::private()?;
    /// queue.send(1, b"four")?;
    /// let stat = queue.stat()?;
    /// assert_eq!((stat.len, stat.bytes), (1, 4));
    /// assert_eq!(stat.last_sender, Some(std::process::id()));
    /// # queue.remove()
    /// # }
    /// ```
    #[doc(alias = "msgctl")]
    #[doc(alias = "IPC_STAT")]
    pub fn stat(&self) -> Result<Stat> {
        let data = self.look()?;
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let pid = |pid: i32| u32::try_from(pid).ok().filter(|pid| *pid != 0);
        let time = |seconds: i64| {
            let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds != 0)?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
        };
        Ok(Stat {
            bytes: number(data.__msg_cbytes),
            len: number(data.msg_qnum),
            capacity: number(data.msg_qbytes),
            last_sender: pid(data.msg_lspid),
            last_receiver: pid(data.msg_lrpid),
            last_send: time(data.msg_stime),
            last_recv: time(data.msg_rtime),
            last_change: time(data.msg_ctime),
            uid: data.msg_perm.uid,
            gid: data.msg_perm.gid,
            mode: u32::from(data.msg_perm.mode) & 0o777,
        })
    }

    /// Sets how many bytes the queue can hold. What it holds already stays.
    ///
    /// # Errors
    /// `Limit`: more than `/proc/sys/kernel/msgmnb` without `CAP_SYS_RESOURCE`. `Removed`, `Os` (`EPERM`:
    /// it is not ours).
    ///
    /// # Linux
    /// `IPC_SET` of [`msgctl(2)`](https://man7.org/linux/man-pages/man2/msgctl.2.html)
    #[doc(alias = "msgctl")]
    #[doc(alias = "IPC_SET")]
    pub fn set_capacity(&self, bytes: usize) -> Result<()> {
        let mut data = self.look()?;
        let asked = u64::try_from(bytes).unwrap_or(u64::MAX);
        // A change that changes nothing would look like another queue to the users of this one.
        if data.msg_qbytes == asked {
            return Ok(());
        }
        data.msg_qbytes = asked;
        msg::set(self.id(), data).map_err(|errno| match errno {
            rustix::io::Errno::PERM if limits().capacity.is_some_and(|most| bytes > most) => {
                Error::limit((
                    "/proc/sys/kernel/msgmnb (bytes of a queue)",
                    "ask for less, raise it with sysctl kernel.msgmnb, or use CAP_SYS_RESOURCE",
                ))
            }
            errno => self.failed("set capacity of message queue", errno),
        })
    }
}

/// What the system allows; `None` where it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Queues in this IPC namespace (`msgmni`).
    pub queues: Option<usize>,
    /// Bytes of one message (`msgmax`).
    pub message_size: Option<usize>,
    /// Bytes of a queue: what a new one gets, and the most without privilege (`msgmnb`).
    pub capacity: Option<usize>,
}

/// Reads the limits of the IPC namespace.
///
/// # Linux
/// `/proc/sys/kernel/{msgmni,msgmax,msgmnb}`
///
/// # Examples
/// ```
/// assert!(ipc_mq::sysv::limits().message_size.is_none_or(|bytes| bytes > 0));
/// ```
#[must_use]
pub fn limits() -> Limits {
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/sys/kernel/{file}")).ok()?.trim().parse().ok()
    };
    Limits { queues: read("msgmni"), message_size: read("msgmax"), capacity: read("msgmnb") }
}
