//! The mechanisms as a textbook lists them: how much data, between whom, who synchronises, and what
//! happens when the other side dies.

use crate::bench::Row;
use crate::report::group::is_versus;

/// One mechanism.
#[derive(Debug)]
pub(crate) struct Mechanism {
    /// One word, by which rules and snippets refer to it.
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) krate: &'static str,
    /// How its cases begin; all of the crate's if there is none.
    cases: &'static [&'static str],
    pub(crate) amount: &'static str,
    pub(crate) between: &'static str,
    pub(crate) sync: &'static str,
    pub(crate) death: &'static str,
}

/// All of them, in the order of a textbook.
pub(crate) const ALL: [Mechanism; 11] = [
    Mechanism {
        key: "signal",
        name: "signal",
        krate: "ipc-signal",
        cases: &[],
        amount: "a number and one word (4 or 8 bytes)",
        between: "any two processes of one user",
        sync: "the kernel",
        death: "the pidfd of the other process becomes readable",
    },
    Mechanism {
        key: "pipe",
        name: "pipe",
        krate: "ipc-pipe",
        cases: &["pipe"],
        amount: "a stream of bytes",
        between: "relatives, or who gets the descriptor",
        sync: "the kernel: read and write block",
        death: "end of the stream, or `Closed` for the writer",
    },
    Mechanism {
        key: "fifo",
        name: "FIFO",
        krate: "ipc-fifo",
        cases: &["fifo"],
        amount: "a stream of bytes",
        between: "strangers who know a path",
        sync: "the kernel: read, write and open block",
        death: "end of the stream, or `Closed` for the writer",
    },
    Mechanism {
        key: "semaphore",
        name: "semaphore or lock",
        krate: "ipc-sem",
        cases: &["semaphore", "mutex", "named semaphore", "System V set", "robust mutex"],
        amount: "none: permits only",
        between: "strangers, by name or in shared memory",
        sync: "it is the synchronisation",
        death: "`OwnerDied` for the next locker of a `Mutex`; a plain permit is lost",
    },
    Mechanism {
        key: "shared-memory",
        name: "shared memory",
        krate: "ipc-shm",
        cases: &[],
        amount: "as much as memory holds",
        between: "strangers, by name or by descriptor",
        sync: "you, or the rings of the crate",
        death: "`Closed { peer_died }` from a ring; contents stay",
    },
    Mechanism {
        key: "posix-queue",
        name: "POSIX message queue",
        krate: "ipc-mq",
        cases: &["posix mq"],
        amount: "whole messages, 8 KiB unless root allows more",
        between: "strangers, by name",
        sync: "the kernel, highest priority first",
        death: "messages stay; the other side is not told",
    },
    Mechanism {
        key: "sysv-queue",
        name: "System V message queue",
        krate: "ipc-mq",
        cases: &["sysv msg"],
        amount: "whole messages, 8 KiB unless root allows more",
        between: "strangers, by key",
        sync: "the kernel, taken by type",
        death: "messages stay; the other side is not told",
    },
    Mechanism {
        key: "shared-queue",
        name: "queue in shared memory",
        krate: "ipc-mq",
        cases: &["mq shared"],
        amount: "whole messages, as long as you say",
        between: "strangers, by name",
        sync: "the queue, by priority and type",
        death: "messages stay; what was not acknowledged comes again, marked",
    },
    Mechanism {
        key: "unix-stream",
        name: "Unix socket, stream",
        krate: "ipc-sock",
        cases: &["stream", "frames"],
        amount: "streams both ways, and descriptors",
        between: "strangers who know a path or name",
        sync: "the kernel",
        death: "end of the stream",
    },
    Mechanism {
        key: "unix-packets",
        name: "Unix socket, packets",
        krate: "ipc-sock",
        cases: &["seqpacket", "datagram"],
        amount: "whole messages both ways, and descriptors",
        between: "strangers who know a path or name",
        sync: "the kernel",
        death: "`Closed` (seqpacket); datagrams do not tell",
    },
    Mechanism {
        key: "network",
        name: "TCP or UDP",
        krate: "ipc-sock",
        cases: &["tcp", "udp"],
        amount: "streams (TCP), or messages that may be lost (UDP)",
        between: "programs on other hosts too",
        sync: "the kernel",
        death: "end of the stream if the process died, silence if the host did",
    },
];

/// The mechanism that a row measures, if it is one.
pub(crate) fn of(row: &Row) -> Option<&'static Mechanism> {
    let (krate, case) = (row.text("crate"), row.text("case"));
    ALL.iter().find(|mechanism| {
        let begins = |start: &&str| {
            let rest = case.strip_prefix(*start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        // Beside rivals ours is measured once more: here its own bench counts.
        mechanism.krate == krate
            && !is_versus(row)
            && (mechanism.cases.is_empty() || mechanism.cases.iter().any(begins))
    })
}

/// The mechanism with this key.
pub(crate) fn by_key(key: &str) -> Option<&'static Mechanism> {
    ALL.iter().find(|mechanism| mechanism.key == key)
}

#[cfg(test)]
mod tests {
    use super::{ALL, by_key, of};
    use crate::bench::saved::tests::{row, run};

    #[test]
    fn rows_find_their_mechanism() {
        for (krate, case, key) in [
            ("ipc-pipe", "pipe 1 MiB one-way 64 B busy", Some("pipe")),
            ("ipc-pipe", "file to file 1 MiB", None),
            ("ipc-mq", "posix mq round-trip 64 B busy", Some("posix-queue")),
            ("ipc-mq", "mq shared round-trip 64 B busy", Some("shared-queue")),
            ("ipc-sock", "streams", None),
            ("ipc-signal", "signal round-trip signalfd busy", Some("signal")),
            ("ipc-shm", "anything", Some("shared-memory")),
            ("ipc-shm", "versus shm ring round-trip 64 B busy", None),
            ("serde", "pipe", None),
        ] {
            let rows = run(&[row(krate, case, "x", "ours", 64, 1.0)]).rows;
            assert_eq!(of(&rows[0]).map(|mechanism| mechanism.key), key, "{case}");
        }
    }

    #[test]
    fn keys_are_different() {
        for mechanism in &ALL {
            assert_eq!(by_key(mechanism.key).unwrap().name, mechanism.name);
        }
    }
}
