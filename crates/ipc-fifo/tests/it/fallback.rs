//! Kernels and systems without the newer calls: the same promises, by other means.

use std::time::Duration;

use ipc_devkit::{alone, fault};
use ipc_fifo::{Error, Fifo, FifoOptions, features};

use crate::{ends, fill, scratch};

const PREADV2: i64 = 327;
const PWRITEV2: i64 = 328;
const RENAMEAT2: i64 = 316;
const NOSIGNAL: u32 = 0x100;
const EOPNOTSUPP: i32 = 95;
const ENOSYS: i32 = 38;
const EINVAL: i32 = 22;
const SHORT: Duration = Duration::from_millis(20);

fn every_form_keeps_its_promise() {
    let (_dir, path) = scratch();
    let fifo = Fifo::create(path).expect("create");
    let (mut reader, mut writer) = ends(&fifo);
    let mut buf = [0; 8];
    assert!(matches!(reader.try_read(&mut buf), Err(Error::WouldBlock)));
    assert!(matches!(reader.read_timeout(&mut buf, SHORT), Err(Error::TimedOut)));
    writer.write(b"one").expect("write");
    writer.try_write(b"two").expect("write");
    writer.write_timeout(b"3", SHORT).expect("write");
    assert_eq!(reader.read_timeout(&mut buf, SHORT).expect("read"), 7);
    fill(&mut writer);
    assert!(matches!(writer.write_timeout(b"x", SHORT), Err(Error::TimedOut)));
    drop(reader);
    assert!(matches!(writer.write(b"x"), Err(Error::Closed { .. })));
    assert!(matches!(writer.try_write(b"x"), Err(Error::Closed { .. })));
}

/// X7: without RWF_NOSIGNAL, SIGPIPE is still never delivered.
#[test]
fn without_nosignal_no_sigpipe_is_delivered() {
    alone("fallback::without_nosignal_no_sigpipe_is_delivered", || {
        fault::set_sigpipe_default();
        fault::deny_syscall_flags(PWRITEV2, 5, NOSIGNAL, EOPNOTSUPP);
        assert!(!features().no_signal);
        every_form_keeps_its_promise();
    });
}

#[test]
fn without_the_calls_with_flags_waits_still_end() {
    alone("fallback::without_the_calls_with_flags_waits_still_end", || {
        fault::set_sigpipe_default();
        fault::deny_syscall(PREADV2, ENOSYS);
        fault::deny_syscall(PWRITEV2, ENOSYS);
        every_form_keeps_its_promise();
    });
}

/// F7: without renameat2, of two creators still one wins.
#[test]
fn without_noreplace_nothing_is_replaced() {
    alone("fallback::without_noreplace_nothing_is_replaced", || {
        fault::deny_syscall(RENAMEAT2, EINVAL);
        let (dir, path) = scratch();
        let fifo = FifoOptions::new().mode(0o640).create(&path).expect("create");
        assert!(matches!(Fifo::create(&path), Err(Error::AlreadyExists { .. })));
        let _ends = ends(&fifo);
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .expect("list")
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, [".fifo.ipc", "fifo"]);
    });
}

#[test]
fn this_kernel_is_described() {
    let features = features();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("release");
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().expect("major"), numbers.next().expect("minor"));
    assert_eq!(features.no_signal, (major, minor) >= (6, 18));
}
