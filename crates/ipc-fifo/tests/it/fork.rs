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

/// X4: a forked child holds what its parent held, so the FIFO is in use as long as it lives.
#[test]
fn a_forked_child_is_a_user() {
    two_halves("fork::a_forked_child_is_a_user");
}

fn two_halves(name: &str) {
    ipc_devkit::two_process(
        name,
        |mut child| {
            let (_dir, path) = scratch();
            child.tell(path.to_str().expect("text"));
            let orphan: i32 = child.hear().parse().expect("a number");
            child.kill();
            let options = FifoOptions::new().reclaim_stale(true);
            assert!(matches!(options.create(&path), Err(Error::AlreadyExists { .. })));
            let orphan = rustix::process::Pid::from_raw(orphan).expect("positive");
            let pidfd = rustix::process::pidfd_open(orphan, rustix::process::PidfdFlags::empty());
            rustix::process::kill_process(orphan, rustix::process::Signal::KILL).expect("kill");
            let gone = pidfd.expect("open pidfd");
            let mut entry = [rustix::event::PollFd::new(&gone, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut entry, None).expect("wait for its end");
            drop(options.create(&path).expect("nobody is left"));
        },
        |mut parent| {
            let fifo = Fifo::create(parent.hear()).expect("create");
            let orphan = fault::fork_orphan();
            parent.tell(&orphan.pid().to_string());
            let _ = parent.hear();
            drop((orphan, fifo));
        },
    );
}
