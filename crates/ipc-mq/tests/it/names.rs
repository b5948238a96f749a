//! Names and keys.

use ipc_mq::posix::Queue;
use ipc_mq::sysv::Key;
use ipc_mq::{Error, sysv};

use crate::Gone;

/// X9: names are checked before any system call.
#[test]
fn a_name_is_one_clean_component() {
    let long = "x".repeat(256);
    for name in ["", "/", ".", "..", "a/b", "//a", "a\0b", "/a\nb", &long] {
        for result in [Queue::create(name), Queue::open(name), Queue::open_or_create(name)] {
            assert!(matches!(result, Err(Error::InvalidName { .. })), "{name:?}");
        }
        assert!(matches!(Queue::unlink(name), Err(Error::InvalidName { .. })), "{name:?}");
    }
}

/// X9: 254 and 255 bytes fit.
#[test]
fn the_longest_name_fits() {
    let start = ipc_devkit::scratch::name("long");
    for len in [254, 255] {
        let name = format!("{start}{}", "x".repeat(len - start.len()));
        let _gone = Gone(name.clone());
        let queue = Queue::create(&name).expect("create");
        assert!(matches!(Queue::create(&name), Err(Error::AlreadyExists { .. })));
        queue.send(0, b"x").expect("send");
        assert_eq!(Queue::open(&format!("/{name}")).expect("open").len().expect("len"), 1);
    }
}

#[test]
fn ftok_is_that_of_c() {
    let dir = ipc_devkit::scratch::dir();
    let key = Key::ftok(dir.path(), 0xa7).expect("key");
    let stat = rustix::fs::stat(dir.path()).expect("stat");
    let expected = (stat.st_ino & 0xffff) | ((stat.st_dev & 0xff) << 16) | (0xa7 << 24);
    assert_eq!(u64::from(u32::from_ne_bytes(key.get().to_ne_bytes())), expected);
    assert!(matches!(Key::ftok(dir.path(), 0), Err(Error::InvalidInput { .. })));
    assert!(matches!(Key::ftok("/no/such/file", 1), Err(Error::NotFound { .. })));
    assert!(matches!(Key::ftok("a\0b", 1), Err(Error::InvalidName { .. })));
    assert!(matches!(Key::new(0), Err(Error::InvalidInput { .. })));
}

#[test]
fn errors_name_operation_object_and_cause() {
    let error = Queue::open("/ipc-t-none").expect_err("missing");
    assert_eq!(error.to_string(), "open message queue \"/ipc-t-none\": no such queue (ENOENT)");
    assert_eq!(std::io::Error::from(error).raw_os_error(), Some(2));
    let error = sysv::Queue::from_id(i32::MAX).expect_err("missing");
    assert_eq!(std::io::Error::from(error).raw_os_error(), Some(2));
}
