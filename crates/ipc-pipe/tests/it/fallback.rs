//! Kernels without the newer flags: the same promises, by other means.

use std::time::Duration;

use ipc_devkit::{alone, fault};
use ipc_pipe::{Error, features, pipe};

const PREADV2: i64 = 327;
const PWRITEV2: i64 = 328;
const FLAGS: u32 = 5;
const NOSIGNAL: u32 = 0x100;
const NOWAIT: u32 = 0x8;
const EOPNOTSUPP: i32 = 95;
const ENOSYS: i32 = 38;
const SHORT: Duration = Duration::from_millis(20);

fn every_form_keeps_its_promise() {
    let (mut reader, mut writer) = pipe().expect("create");
    let mut buf = [0; 8];
    assert!(matches!(reader.try_read(&mut buf), Err(Error::WouldBlock)));
    assert!(matches!(reader.read_timeout(&mut buf, SHORT), Err(Error::TimedOut)));
    writer.write(b"one").expect("write");
    writer.try_write(b"two").expect("write");
    writer.write_timeout(b"3", SHORT).expect("write");
    assert_eq!(reader.read_timeout(&mut buf, SHORT).expect("read"), 7);
    while writer.try_write_atomic(&[1; 4096]).is_ok() {}
    assert!(matches!(writer.write_timeout(b"x", SHORT), Err(Error::TimedOut)));
    let canceller = writer.canceller().expect("canceller");
    canceller.cancel();
    assert!(matches!(writer.write(b"x"), Err(Error::Cancelled)));
    drop(reader);
    assert!(matches!(writer.write(b"x"), Err(Error::Closed { .. })));
    assert!(matches!(writer.try_write(b"x"), Err(Error::Closed { .. })));
}

/// X7: without RWF_NOSIGNAL, SIGPIPE is still never delivered, and one that was pending stays.
#[test]
fn without_nosignal_no_sigpipe_is_delivered() {
    alone("fallback::without_nosignal_no_sigpipe_is_delivered", || {
        fault::set_sigpipe_default();
        fault::deny_syscall_flags(PWRITEV2, FLAGS, NOSIGNAL, EOPNOTSUPP);
        assert!(!features().no_signal);
        every_form_keeps_its_promise();
        let status = std::fs::read_to_string("/proc/thread-self/status").expect("status");
        for field in ["SigPnd:\t", "SigBlk:\t"] {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("field");
            let bits = u64::from_str_radix(line, 16).expect("hex");
            assert_eq!(bits & (1 << 12), 0, "{field}{line}: SIGPIPE is left behind");
        }
    });
}

#[test]
fn without_nowait_waits_still_end() {
    alone("fallback::without_nowait_waits_still_end", || {
        fault::deny_syscall_flags(PREADV2, FLAGS, NOWAIT, EOPNOTSUPP);
        fault::deny_syscall_flags(PWRITEV2, FLAGS, NOWAIT, EOPNOTSUPP);
        assert!(!features().no_wait);
        every_form_keeps_its_promise();
    });
}

#[test]
fn without_either_call_at_all_waits_still_end() {
    alone("fallback::without_either_call_at_all_waits_still_end", || {
        fault::set_sigpipe_default();
        fault::deny_syscall(PREADV2, ENOSYS);
        fault::deny_syscall(PWRITEV2, ENOSYS);
        every_form_keeps_its_promise();
    });
}

/// A pipe that was opened by path takes no RWF_NOWAIT even on a new kernel.
#[test]
fn a_pipe_opened_by_path_works_the_same() {
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    let (reader, writer) = pipe().expect("create");
    let path = |fd: i32| format!("/proc/self/fd/{fd}");
    let opened = std::fs::File::open(path(reader.as_fd().as_raw_fd())).expect("open");
    let mut by_path = ipc_pipe::Reader::from(OwnedFd::from(opened));
    let opened = std::fs::File::options().write(true).open(path(writer.as_fd().as_raw_fd()));
    let mut to_path = ipc_pipe::Writer::from(OwnedFd::from(opened.expect("open")));
    drop((reader, writer));
    assert!(matches!(by_path.try_read(&mut [0; 8]), Err(Error::WouldBlock)));
    assert_eq!(to_path.try_write(b"x").expect("write"), 1);
    assert_eq!(by_path.read_timeout(&mut [0; 8], SHORT).expect("read"), 1);
    drop(by_path);
    assert!(matches!(to_path.try_write(b"x"), Err(Error::Closed { .. })));
}

#[test]
fn this_kernel_is_described() {
    let features = features();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("release");
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().expect("major"), numbers.next().expect("minor"));
    assert_eq!(features.no_signal, (major, minor) >= (6, 18));
}
