//! The list of goals.

use super::Bar::{AtLeast, AtMost, Calls, Within};
use super::Other::{AnyRaw, Floor, Named, Raw};
use super::{Bar, Goal, Other};

const fn goal(
    what: &'static str,
    bar: Bar,
    other: Other,
    than: &'static str,
    cases: &'static [&'static str],
) -> Goal {
    Goal { what, bar, other, than, cases }
}

/// Two cases: within the crate's own bench, and beside the rivals.
const LOCK: &[&str] = &["mutex lock + unlock", "versus mutex lock + unlock"];
const CONTENDED: &[&str] = &[
    "mutex contended by 2",
    "mutex contended by 4",
    "mutex contended by 8",
    "versus mutex contended by *",
];

/// Every goal, in the order of the document that sets them.
pub(crate) const ALL: &[Goal] = &[
    goal(
        "ring, 48 B there and back, spinning",
        AtMost(1.1),
        Floor,
        "floor",
        &["shm ring round-trip 48 B spin busy"],
    ),
    goal(
        "ring, 64 B there and back, spinning, bytes",
        AtMost(1.25),
        Floor,
        "floor",
        &["shm ring round-trip 64 B spin busy"],
    ),
    goal(
        "ring, 64 B there and back, spinning, typed",
        AtMost(1.1),
        Floor,
        "floor",
        &["shm ring typed round-trip 64 B spin busy"],
    ),
    goal(
        "ring, 48 B there and back, blocking call, both awake",
        AtMost(1.25),
        Floor,
        "floor",
        &["shm ring round-trip 48 B busy"],
    ),
    goal(
        "ring, 64 B there and back, blocking call, both awake",
        AtMost(1.4),
        Floor,
        "floor",
        &["shm ring round-trip 64 B busy"],
    ),
    goal(
        "ring, there and back, both on one core",
        AtMost(0.8),
        Floor,
        "futex ping-pong with the same copies",
        &["shm ring round-trip 64 B one-core"],
    ),
    goal(
        "ring, 64 B one way",
        AtLeast(1.5),
        Named("rtrb "),
        "rtrb†",
        &["versus shm ring one-way 64 B busy"],
    ),
    goal(
        "ring, 64 KiB one way, copied in and out",
        AtLeast(0.97),
        Floor,
        "the C ring",
        &["shm ring one-way 64 KiB busy"],
    ),
    goal(
        "ring, 1 MiB one way, copied in and out",
        AtLeast(0.92),
        Floor,
        "the C ring",
        &["shm ring one-way 1 MiB busy"],
    ),
    goal(
        "ring, written and read in place",
        AtLeast(0.9),
        Raw,
        "the same in C",
        &["shm ring in place *"],
    ),
    goal(
        "file to file, 16 KiB to 1 MiB",
        AtLeast(0.97),
        AnyRaw,
        "the fastest raw way",
        &["file to file *"],
    ),
    goal(
        "memory into a pipe, 64 KiB, frozen pages",
        AtLeast(0.95),
        Raw,
        "raw vmsplice",
        &["frozen pages to pipe 64 KiB *"],
    ),
    goal(
        "1 MiB over a Unix socket",
        AtLeast(0.97),
        Raw,
        "raw socket",
        &[
            "stream one-way 1 MiB busy",
            "seqpacket one-way 1 MiB busy",
            "datagram one-way 1 MiB busy",
        ],
    ),
    goal(
        "calls of a pipe",
        Calls,
        Raw,
        "raw",
        &["pipe write + read *", "pipe try_write + try_read *", "pipe round-trip 64 B busy"],
    ),
    goal(
        "calls of a FIFO",
        Calls,
        Raw,
        "raw",
        &["fifo write + read *", "fifo try_write + try_read *", "fifo round-trip 64 B busy"],
    ),
    goal(
        "calls of a POSIX message queue",
        Calls,
        Raw,
        "raw",
        &[
            "posix mq send + recv *",
            "posix mq try_send + try_recv *",
            "posix mq round-trip 64 B busy",
        ],
    ),
    goal(
        "calls of a System V message queue",
        Calls,
        Raw,
        "raw",
        &[
            "sysv msg send + recv *",
            "sysv msg try_send + try_recv *",
            "sysv msg round-trip 64 B busy",
        ],
    ),
    goal(
        "calls of signals",
        Calls,
        Raw,
        "raw",
        &[
            "signal queue + take *",
            "signal round-trip signalfd busy",
            "signal round-trip sigwait busy",
        ],
    ),
    goal(
        "calls of sockets",
        Calls,
        Raw,
        "raw",
        &[
            "stream send + recv *",
            "stream try_send + try_recv *",
            "stream round-trip 64 B busy",
            "seqpacket send + recv *",
            "seqpacket try_send + try_recv *",
            "seqpacket round-trip 64 B busy",
            "datagram send + recv *",
            "datagram try_send + try_recv *",
            "datagram round-trip 64 B busy",
        ],
    ),
    goal("lock + unlock, uncontended", AtMost(1.1), Named("std Mutex"), "std Mutex†", LOCK),
    goal(
        "lock + unlock, uncontended",
        AtMost(0.7),
        Named("pthread robust"),
        "pthread robust",
        LOCK,
    ),
    goal("semaphore P + V", AtMost(1.05), Raw, "glibc sem_t", &["semaphore P + V"]),
    goal("lock, contended by 2, 4, 8", AtLeast(0.95), Named("std Mutex"), "std Mutex†", CONTENDED),
    goal(
        "lock, contended by 2, 4, 8",
        AtLeast(1.7),
        Named("pthread robust"),
        "pthread robust",
        CONTENDED,
    ),
    goal(
        "queue in shared memory, 64 B",
        AtLeast(3.0),
        Raw,
        "a POSIX queue, awake",
        &["mq shared one-way 64 B busy"],
    ),
    goal(
        "queue in shared memory, 64 B",
        AtLeast(1.2),
        Named("boost"),
        "Boost",
        &["mq shared one-way 64 B busy"],
    ),
    goal(
        "newest value, 64 B read, nobody writing",
        AtMost(2.0),
        Raw,
        "a plain load",
        &["shm latest read 64 B quiet"],
    ),
    goal(
        "newest value, 4 KiB read, nobody writing",
        AtMost(1.3),
        Raw,
        "a copy by the same routine",
        &["shm latest read 4 KiB quiet"],
    ),
    goal(
        "death of a peer seen by a sleeper",
        Within(1e6, 3e8),
        Raw,
        "",
        &[
            "pipe death *",
            "stream death *",
            "mutex owner death *",
            "process death *",
            "shm ring death *",
            "untrusted ring peer death *",
            "versus death *",
        ],
    ),
];
