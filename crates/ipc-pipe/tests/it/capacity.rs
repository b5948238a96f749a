//! P4: the capacity is what the system makes of the wish, or a typed error.

use ipc_pipe::{Error, PipeOptions, pipe};

/// P4: rounded up to a power of two of pages, and the same seen from both ends.
#[test]
fn capacity_rounds_up() {
    let (reader, mut writer) = pipe().expect("create");
    assert_eq!(reader.capacity().expect("ask"), 64 * 1024);
    assert_eq!(writer.set_capacity(70_000).expect("set"), 128 * 1024);
    assert_eq!(reader.capacity().expect("ask"), 128 * 1024);
    assert_eq!(writer.set_capacity(1).expect("set"), 4096);
    let (reader, _writer) = PipeOptions::new().capacity(1 << 20).create().expect("create");
    assert_eq!(reader.capacity().expect("ask"), 1 << 20);
}

/// P4: less than what it holds is refused, and nothing is lost.
#[test]
fn a_capacity_below_what_is_held_is_refused() {
    let (mut reader, mut writer) = pipe().expect("create");
    writer.write(&[1; 20_000]).expect("write");
    let refused = writer.set_capacity(4096);
    assert!(matches!(refused, Err(Error::CapacityInUse { asked: 4096 })), "{refused:?}");
    assert_eq!(reader.available().expect("ask"), 20_000);
    assert_eq!(reader.set_capacity(32_768).expect("enough"), 32_768);
}

/// P4: no pipe is larger than 2 GiB.
#[test]
fn an_impossible_capacity_is_refused() {
    let (_reader, mut writer) = pipe().expect("create");
    for asked in [(1 << 31) + 1, usize::MAX] {
        let refused = writer.set_capacity(asked);
        assert!(matches!(refused, Err(Error::InvalidCapacity { .. })), "{refused:?}");
    }
}

/// P4: above the system's limit, without the right to exceed it.
#[test]
fn a_capacity_above_the_limit_names_the_limit() {
    let largest = std::fs::read_to_string("/proc/sys/fs/pipe-max-size").expect("read limit");
    let largest: usize = largest.trim().parse().expect("a number");
    let (_reader, mut writer) = pipe().expect("create");
    match writer.set_capacity(largest * 2) {
        Err(Error::Limit { which, raise }) => {
            assert!(which.contains("pipe-max-size"), "{which}");
            assert!(!raise.is_empty());
        }
        Ok(_) => ipc_devkit::skip("this process has CAP_SYS_RESOURCE"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_is_not_a_pipe_has_no_capacity() {
    let null = std::fs::File::options().write(true).open("/dev/null").expect("open");
    let mut writer = ipc_pipe::Writer::from(std::os::fd::OwnedFd::from(null));
    assert!(matches!(writer.capacity(), Err(Error::Unsupported { .. })));
    assert!(matches!(writer.set_capacity(4096), Err(Error::Unsupported { .. })));
    writer.write(b"it still takes bytes").expect("write");
}
