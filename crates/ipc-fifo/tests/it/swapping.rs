//! Somebody swaps what the name stands for, all the time.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_devkit::alone;
use ipc_fifo::{Error, Fifo, FifoOptions};
use rustix::fs::{FileType, fstat};

use crate::scratch;

/// Puts a link, a file, a FIFO and nothing at `path`, in turn, until told to stop.
fn swap(dir: &Path, path: &Path, target: &Path, stop: &AtomicBool) -> u64 {
    let next = dir.join("next");
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        match rounds % 4 {
            0 => symlink(target, &next).expect("link"),
            1 => fs::write(&next, "innocent").expect("write"),
            2 => rustix::fs::mkfifoat(rustix::fs::CWD, &next, rustix::fs::Mode::RUSR)
                .expect("make FIFO"),
            _ => {
                let _ = fs::remove_file(path);
                rounds += 1;
                continue;
            }
        }
        fs::rename(&next, path).expect("swap");
        rounds += 1;
    }
    rounds
}

/// F6, X11: whatever is swapped in between, an opener gets a FIFO or an error, and nothing else is touched.
#[test]
fn an_opener_gets_a_fifo_or_an_error() {
    alone("swapping::an_opener_gets_a_fifo_or_an_error", || {
        let (dir, path) = scratch();
        let target = dir.path().join("target");
        fs::write(&target, "precious").expect("write");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).expect("chmod");
        let stop = AtomicBool::new(false);
        let (mut opened, mut refused) = (0, 0);
        let rounds = std::thread::scope(|scope| {
            let swapper = scope.spawn(|| swap(dir.path(), &path, &target, &stop));
            for _ in 0..5000 {
                let done = Fifo::open(&path).and_then(|fifo| {
                    let reader = fifo.try_open_reader()?;
                    let writer = fifo.try_open_writer()?;
                    Ok((reader, writer))
                });
                match done {
                    Ok((mut reader, mut writer)) => {
                        let stat = fstat(&writer).expect("stat");
                        assert_eq!(FileType::from_raw_mode(stat.st_mode), FileType::Fifo);
                        writer.write(b"bytes").expect("write");
                        assert_eq!(reader.read(&mut [0; 8]).expect("the same FIFO"), 5);
                        opened += 1;
                    }
                    Err(
                        Error::NotAFifo { .. }
                        | Error::NotFound { .. }
                        | Error::Removed { .. }
                        | Error::Contended { .. },
                    ) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            stop.store(true, Ordering::Relaxed);
            swapper.join().expect("no panic")
        });
        assert!(opened > 0 && refused > 0, "{opened} opened, {refused} refused, {rounds} swaps");
        assert_eq!(fs::read_to_string(&target).expect("read"), "precious");
    });
}

/// X11: a creator changes neither mode nor contents of what is swapped in.
#[test]
fn a_creator_touches_nothing_else() {
    alone("swapping::a_creator_touches_nothing_else", || {
        let (dir, path) = scratch();
        let target = dir.path().join("target");
        fs::write(&target, "precious").expect("write");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).expect("chmod");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let swapper = scope.spawn(|| swap(dir.path(), &path, &target, &stop));
            let options = FifoOptions::new().mode(0o666).reclaim_stale(true).unlink_on_drop(true);
            for _ in 0..2000 {
                match options.create(&path) {
                    Ok(fifo) => drop(fifo),
                    Err(
                        Error::AlreadyExists { .. }
                        | Error::NotAFifo { .. }
                        | Error::Removed { .. },
                    ) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            stop.store(true, Ordering::Relaxed);
            swapper.join().expect("no panic");
        });
        let found = fs::metadata(&target).expect("look");
        assert_eq!(found.permissions().mode() & 0o7777, 0o644);
        assert_eq!(fs::read_to_string(&target).expect("read"), "precious");
    });
}

/// F6: a handle whose name has gone to another FIFO says so.
#[test]
fn a_handle_of_a_replaced_fifo_says_so() {
    let (_dir, path) = scratch();
    let first = Fifo::create(&path).expect("create");
    fs::remove_file(&path).expect("unlink");
    let second = Fifo::create(&path).expect("create");
    let _reader = second.try_open_reader().expect("open");
    assert!(matches!(first.try_open_writer(), Err(Error::Removed { .. })));
    assert!(matches!(first.open_writer(), Err(Error::Removed { .. })));
    assert!(matches!(first.try_open_reader(), Err(Error::Removed { .. })));
    assert!(matches!(first.open_reader(), Err(Error::Removed { .. })));
    assert!(matches!(ipc_fifo::Reader::persistent(&first), Err(Error::Removed { .. })));
    second.open_writer().expect("open");
}
