//! What a forked child may do to its parent's FIFOs.

use ipc_devkit::{alone, fault};
use ipc_fifo::{Error, Fifo, FifoOptions};

use crate::{ends, scratch};

/// X4: a forked child that dies with all it inherited leaves the parent's FIFO as it was.
#[test]
fn a_forked_child_that_dies_takes_nothing_with_it() {
    alone("fork::a_forked_child_that_dies_takes_nothing_with_it", || {
        let (_dir, path) = scratch();
        let fifo = FifoOptions::new().unlink_on_drop(true).create(&path).expect("create");
        let (mut reader, mut writer) = ends(&fifo);
        writer.write(b"before").expect("write");
        drop(fault::fork_orphan());
        let mut buf = [0; 16];
        assert_eq!(reader.read(&mut buf).expect("read"), 6);
        assert!(path.exists());
        let taken = FifoOptions::new().reclaim_stale(true).create(&path);
        assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "the parent is a user still");
        writer.write(b"after").expect("write");
        assert_eq!(reader.read(&mut buf).expect("read"), 5);
    });
}

/// X4: a forked child holds what its parent held: the FIFO is in use as long as it lives, and not
/// barred for others.
#[test]
fn a_forked_child_is_a_user() {
    alone("fork::a_forked_child_is_a_user", || {
        let (_dir, path) = scratch();
        let fifo = Fifo::create(&path).expect("create");
        let orphan = fault::fork_orphan();
        drop(fifo);
        let options = FifoOptions::new().reclaim_stale(true);
        assert!(matches!(options.create(&path), Err(Error::AlreadyExists { .. })));
        drop(Fifo::open(&path).expect("it is not barred"));
        drop(orphan);
        drop(options.create(&path).expect("nobody is left"));
    });
}
