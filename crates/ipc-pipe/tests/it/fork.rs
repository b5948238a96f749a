//! What a forked child may do to its parent's pipes.

use ipc_devkit::{alone, fault};
use ipc_pipe::pipe;

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
