//! Each fault does what it says, and ends where it says.

use std::io::{Error, Read as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ipc_devkit::{alone, fault};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

#[test]
fn a_denied_system_call_fails() {
    alone("faults::a_denied_system_call_fails", || {
        fault::deny_syscall(libc::SYS_memfd_create, libc::ENOSYS);
        assert_eq!(memfd_create("refused", MemfdFlags::CLOEXEC).unwrap_err(), Errno::NOSYS);
    });
}

#[test]
fn a_denied_flag_fails_and_others_pass() {
    alone("faults::a_denied_flag_fails_and_others_pass", || {
        let sealing = MemfdFlags::ALLOW_SEALING;
        fault::deny_syscall_flags(libc::SYS_memfd_create, 1, sealing.bits(), libc::EINVAL);
        assert_eq!(memfd_create("refused", sealing).unwrap_err(), Errno::INVAL);
        drop(memfd_create("allowed", MemfdFlags::CLOEXEC).unwrap());
    });
}

#[test]
fn a_handler_runs_before_raise_returns() {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    alone("faults::a_handler_runs_before_raise_returns", || {
        let count = || {
            SEEN.fetch_add(1, Ordering::Relaxed);
        };
        fault::signal_handler_calls(libc::SIGUSR1, Box::new(count));
        fault::raise(libc::SIGUSR1);
        assert_eq!(SEEN.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn an_alarm_storm_interrupts_a_read() {
    alone("faults::an_alarm_storm_interrupts_a_read", || {
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let (mut reader, _writer) = std::io::pipe().unwrap();
        let error: Error = reader.read(&mut [0]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINTR));
        assert!(storm.count() > 0);
    });
}

#[test]
fn sigpipe_kills_once_it_is_default() {
    ipc_devkit::two_process(
        "faults::sigpipe_kills_once_it_is_default",
        |mut child| {
            use std::os::unix::process::ExitStatusExt as _;
            assert_eq!(child.wait().signal(), Some(libc::SIGPIPE));
        },
        |_| {
            fault::set_sigpipe_default();
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let _ = std::io::Write::write(&mut &writer, b"x");
        },
    );
}

#[test]
fn the_limit_of_descriptors_comes_back() {
    alone("faults::the_limit_of_descriptors_comes_back", || {
        let limit = fault::limit_nofile(3);
        assert_eq!(std::io::pipe().unwrap_err().raw_os_error(), Some(libc::EMFILE));
        drop(limit);
        assert!(std::io::pipe().is_ok());
    });
}

#[test]
fn an_orphan_holds_descriptors_until_it_is_dropped() {
    alone("faults::an_orphan_holds_descriptors_until_it_is_dropped", || {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let orphan = fault::fork_orphan();
        drop(writer);
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let error = reader.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        drop(orphan);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    });
}
