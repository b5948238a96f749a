//! Errors say what was done, to what, why, and what helps.

use std::io;

use ipc_devkit::{alone, fault};
use ipc_signal::{Error, Process, Signal, Signals, Timer, Wake};

/// Every error has its number as an `io::Error`, and names it.
#[test]
fn errors_keep_their_numbers() {
    let table: [(Error, i32, &str); 11] = [
        (Error::TimedOut, libc_errno("ETIMEDOUT"), "ETIMEDOUT"),
        (Error::WouldBlock, libc_errno("EAGAIN"), "EAGAIN"),
        (Error::Cancelled, libc_errno("ECANCELED"), "ECANCELED"),
        (Error::NotFound { pid: 7 }, libc_errno("ESRCH"), "7"),
        (Error::InvalidSignal { given: "FOO".into() }, libc_errno("EINVAL"), "FOO"),
        (Error::Uncatchable, libc_errno("EINVAL"), "SIGKILL"),
        (Error::UnblockedIn { tid: 9 }, libc_errno("EBUSY"), "thread 9"),
        (Error::LimitReached, libc_errno("EAGAIN"), "RLIMIT_SIGPENDING"),
        (Error::Coalesces { signal: Signal::USR1 }, libc_errno("EINVAL"), "SIGUSR1"),
        (Error::Threads, libc_errno("EBUSY"), "threads"),
        (Error::AlreadyExists, libc_errno("EEXIST"), "EEXIST"),
    ];
    for (error, number, word) in table {
        let text = error.to_string();
        assert!(text.contains(word), "{text}");
        assert_eq!(io::Error::from(error).raw_os_error(), Some(number), "{text}");
    }
}

fn libc_errno(name: &str) -> i32 {
    use rustix::io::Errno;
    let errno = match name {
        "ETIMEDOUT" => Errno::TIMEDOUT,
        "EAGAIN" => Errno::AGAIN,
        "ECANCELED" => Errno::CANCELED,
        "ESRCH" => Errno::SRCH,
        "EINVAL" => Errno::INVAL,
        "EBUSY" => Errno::BUSY,
        _ => Errno::EXIST,
    };
    errno.raw_os_error()
}

/// Out of descriptors, each constructor says which limit and how to raise it.
#[test]
fn a_full_descriptor_table_is_a_limit() {
    alone("errors::a_full_descriptor_table_is_a_limit", || {
        let limit = fault::limit_nofile(0);
        let full = |error: Error| {
            assert!(
                matches!(error, Error::Limit { which, .. } if which.contains("NOFILE")),
                "{error}"
            );
        };
        full(Process::open(std::process::id()).expect_err("full"));
        full(Timer::after(std::time::Duration::ZERO).expect_err("full"));
        full(Wake::eventfd().expect_err("full"));
        drop(limit);
        // The threads' masks cannot be read without a descriptor.
        let mask = ipc_signal::Mask::block(Signal::rt(0)).expect("block");
        let limit = fault::limit_nofile(0);
        assert!(matches!(Signals::new(Signal::rt(0)), Err(Error::Os { .. })));
        drop(limit);
        drop(mask);
    });
}

/// A number that no process can have is not found.
#[test]
fn impossible_numbers_are_not_found() {
    for pid in [0, u32::MAX, 1 << 31, (1 << 22) + 1] {
        assert!(matches!(Process::open(pid), Err(Error::NotFound { pid: found }) if found == pid));
        assert!(matches!(ipc_signal::send_thread(pid, Signal::USR1), Err(Error::NotFound { .. })));
        assert!(matches!(ipc_signal::send_group(pid, Signal::USR1), Err(Error::NotFound { .. })));
    }
    // By `kill` this would be every process of the system.
    assert!(matches!(ipc_signal::send_group(1, Signal::KILL), Err(Error::NotFound { .. })));
}
