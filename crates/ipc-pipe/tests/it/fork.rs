//! What a forked child may do to its parent's pipes.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_devkit::{alone, fault};
use ipc_pipe::{PassFd, pipe};

/// X4: a forked child that dies with all it inherited leaves the parent's pipe as it was.
#[test]
fn a_forked_child_that_dies_takes_nothing_with_it() {
    alone("fork::a_forked_child_that_dies_takes_nothing_with_it", || {
        let (mut reader, mut writer) = pipe().expect("create");
        let canceller = reader.canceller().expect("canceller");
        writer.write(b"before").expect("write");
        drop(fault::fork_orphan());
        let mut buf = [0; 16];
        assert_eq!(reader.read(&mut buf).expect("read"), 6);
        writer.write(b"after").expect("write");
        assert_eq!(reader.read(&mut buf).expect("read"), 5);
        canceller.cancel();
        assert!(matches!(reader.read(&mut buf), Err(ipc_pipe::Error::Cancelled)));
    });
}

/// X5: what runs between fork and exec takes no lock: children start while other threads hold all of
/// the allocator's.
#[test]
fn children_start_while_threads_allocate_and_use_pipes() {
    alone("fork::children_start_while_threads_allocate_and_use_pipes", || {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let (mut reader, mut writer) = pipe().expect("create");
                        writer.write(&vec![1; 5000]).expect("write");
                        assert_eq!(reader.read(&mut vec![0; 6000]).expect("read"), 5000);
                    }
                });
            }
            for _ in 0..100 {
                let (mut reader, writer) = pipe().expect("create");
                let mut command = Command::new("sh");
                command.args(["-c", "echo x >&9"]).pass_fd(9, writer).expect("pass");
                assert!(command.status().expect("run").success());
                drop(command);
                assert_eq!(reader.read(&mut [0; 8]).expect("read"), 2);
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}
