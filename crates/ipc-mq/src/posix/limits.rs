//! The limits on POSIX queues, and which of them a call ran into.

use std::fs::File;

use rustix::io::Errno;

use crate::error::{Error, NOFILE};

/// Which limit stands behind an error of creating a queue of these sizes.
#[cold]
pub(super) fn failure(
    op: &'static str,
    name: &str,
    capacity: Option<usize>,
    message_size: Option<usize>,
    errno: Errno,
) -> Error {
    const RAISE: &str = "ask for less, or raise it with sysctl";
    let above = |asked: Option<usize>, file| {
        let limit = setting(file).and_then(|limit| usize::try_from(limit).ok());
        asked.zip(limit).is_some_and(|(asked, limit)| asked > limit)
    };
    match errno {
        // The same number for two limits: with another descriptor to be had, it is not that one.
        Errno::MFILE if File::open("/dev/null").is_ok() => Error::limit((
            "RLIMIT_MSGQUEUE (bytes of all queues of this user)",
            "unlink queues, ask for less, or raise it with `ulimit -q` or setrlimit(2)",
        )),
        Errno::MFILE => Error::limit(NOFILE),
        Errno::NOSPC => Error::limit((
            "/proc/sys/fs/mqueue/queues_max (queues of this IPC namespace)",
            "unlink queues, or raise it with sysctl fs.mqueue.queues_max",
        )),
        Errno::INVAL if above(capacity, "msg_max") => {
            Error::limit(("/proc/sys/fs/mqueue/msg_max (messages of a queue)", RAISE))
        }
        Errno::INVAL if above(message_size, "msgsize_max") => {
            Error::limit(("/proc/sys/fs/mqueue/msgsize_max (bytes of a message)", RAISE))
        }
        Errno::INVAL | Errno::OVERFLOW => Error::InvalidInput {
            what: "the capacity and the message size are more than any queue can have",
        },
        _ => Error::os(op, name, errno),
    }
}

/// A number under `/proc/sys/fs/mqueue`.
pub(super) fn setting(file: &str) -> Option<i64> {
    std::fs::read_to_string(format!("/proc/sys/fs/mqueue/{file}")).ok()?.trim().parse().ok()
}
