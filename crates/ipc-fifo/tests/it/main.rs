//! What ipc-fifo promises, one file a behaviour.

mod smoke;

mod cancel;
mod death;
mod errors;
mod fallback;
mod fork;
mod frames;
mod names;
mod opening;
mod persistent;
mod sharing;
mod signals;
mod stale;
mod suites;
mod swapping;

use std::path::PathBuf;

use ipc_fifo::{Error, Fifo, Reader, Writer};

/// A directory of this test's own, and a path in it.
fn scratch() -> (ipc_devkit::scratch::ScratchDir, PathBuf) {
    let dir = ipc_devkit::scratch::dir();
    let path = dir.path().join("fifo");
    (dir, path)
}

/// Both ends of one FIFO, in this process.
fn ends(fifo: &Fifo) -> (Reader, Writer) {
    let reader = fifo.try_open_reader().expect("open for reading");
    let writer = fifo.try_open_writer().expect("open for writing");
    (reader, writer)
}

/// Writes until nothing more fits; tells how much did.
fn fill(writer: &mut Writer) -> usize {
    let mut total = 0;
    loop {
        match writer.try_write(&[7; 4096]) {
            Ok(n) => total += n,
            Err(Error::WouldBlock) => return total,
            Err(error) => panic!("fill: {error}"),
        }
    }
}

/// The descriptors that a program started now is born with.
fn inherited() -> String {
    let listed = std::process::Command::new("ls").arg("/proc/self/fd").output().expect("run ls");
    String::from_utf8(listed.stdout).expect("numbers")
}
