//! What it takes to open the ends, and to meet somebody by name.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use ipc_devkit::bench::{Bench, Case, Pair, Placement, Scenario, Turns};
use ipc_fifo::Fifo;
use rustix::fs::{
    AtFlags, CWD, FlockOperation, Mode, OFlags, fcntl_setfl, flock, fstat, mkfifoat, open, openat,
    statat,
};
use rustix::io::Errno;
use rustix::thread::{ClockId, Timespec, clock_nanosleep_relative};

use super::fresh_path;
use super::raw::end;

pub(super) fn cases(bench: &mut Bench) {
    let case = Case::alone(Scenario::OPEN_CLOSE, "fifo open both ends, close");
    bench.case(
        case.raw("raw fifo", || both_ends(checked_ends))
            .ours("ipc-fifo", || {
                let path = fresh_path();
                drop(Fifo::create(&path)?);
                Ok(Pair::alone(move |turns: Turns| {
                    for _ in turns.sequence() {
                        let fifo = Fifo::open(&path)?;
                        drop((fifo.try_open_reader()?, fifo.try_open_writer()?));
                    }
                    Ok(())
                }))
            })
            .peer("plain open", || {
                both_ends(|path| {
                    let _reader = end(path, OFlags::RDONLY)?;
                    end(path, OFlags::WRONLY)?;
                    Ok(())
                })
            }),
    );
    let case = Case::alone(Scenario::OPEN_CLOSE, "fifo create, unlink");
    bench.case(
        case.ours("ipc-fifo", || {
            let path = fresh_path();
            Ok(Pair::alone(move |turns: Turns| {
                for _ in turns.sequence() {
                    let options = ipc_fifo::FifoOptions::new().unlink_on_drop(true);
                    drop(options.create(&path)?);
                }
                Ok(())
            }))
        })
        .peer("plain mkfifo", || {
            let path = fresh_path();
            Ok(Pair::alone(move |turns: Turns| {
                for _ in turns.sequence() {
                    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
                    std::fs::remove_file(&path)?;
                }
                Ok(())
            }))
        }),
    );
    for placement in [Placement::Block, Placement::OneCore] {
        let name = format!("fifo meet twice by open {}", placement.name());
        bench.case(
            Case::new(Scenario::ROUND_TRIP, name, placement)
                .raw("raw fifo", || meet(plain_reader, plain_writer))
                .ours("ipc-fifo", || {
                    meet(
                        |path| {
                            Fifo::open(path)?.open_reader()?;
                            Ok(())
                        },
                        |path| {
                            Fifo::open(path)?.open_writer()?;
                            Ok(())
                        },
                    )
                })
                .peer("pauses to 5 ms", || meet(plain_reader, pausing_writer)),
        );
    }
}

fn both_ends(mut open: impl FnMut(&Path) -> io::Result<()> + 'static) -> io::Result<Pair> {
    let path = fresh_path();
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
    Ok(Pair::alone(move |turns: Turns| {
        for _ in turns.sequence() {
            open(&path)?;
        }
        Ok(())
    }))
}

/// Both ends as ours have them: the file looked at first, a lock that shows the user, a blocking and a
/// private description each, and the name looked at last.
fn checked_ends(path: &Path) -> io::Result<()> {
    let (parent, name) = (path.parent().expect("has one"), path.file_name().expect("has one"));
    let dir = open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let node = openat(&dir, name, flags, Mode::empty())?;
    let found = fstat(&node)?;
    let companion = format!(".{}.ipc", name.to_string_lossy());
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::CREATE;
    let lock = openat(&dir, &companion, flags, Mode::RUSR | Mode::WUSR)?;
    let locked = fstat(&lock)?;
    flock(&lock, FlockOperation::NonBlockingLockShared)?;
    let there = statat(&dir, &companion, AtFlags::SYMLINK_NOFOLLOW)?;
    assert_eq!((there.st_dev, there.st_ino), (locked.st_dev, locked.st_ino));
    let by_node = format!("/proc/self/fd/{}", node.as_raw_fd());
    let mut ends = Vec::with_capacity(2);
    for access in [OFlags::RDONLY, OFlags::WRONLY] {
        let blocking = end(by_node.as_ref(), access)?;
        let private = end(by_node.as_ref(), access)?;
        fcntl_setfl(&blocking, OFlags::empty())?;
        let named = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        assert_eq!((named.st_dev, named.st_ino), (found.st_dev, found.st_ino));
        ends.push((private, blocking));
    }
    Ok(())
}

/// Two processes that meet at one name, then at another: each waits for the other once.
fn meet(
    reader: impl Fn(&Path) -> io::Result<()> + Copy + 'static,
    writer: impl Fn(&Path) -> io::Result<()> + Copy + 'static,
) -> io::Result<Pair> {
    let (first, second) = (fresh_path(), fresh_path());
    for path in [&first, &second] {
        mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR)?;
    }
    let there = (first.clone(), second.clone());
    Ok(Pair::two(
        move |turns: Turns| {
            for _ in turns.sequence() {
                writer(&first)?;
                reader(&second)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for _ in turns.sequence() {
                reader(&there.0)?;
                writer(&there.1)?;
            }
            Ok(())
        },
    ))
}

/// `open(2)` that waits for the other end: a signal is all that could end it.
fn plain_reader(path: &Path) -> io::Result<()> {
    open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(())
}

fn plain_writer(path: &Path) -> io::Result<()> {
    open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(())
}

/// Tries again after pauses that double from 50 us to 5 ms.
fn pausing_writer(path: &Path) -> io::Result<()> {
    let mut pause = Duration::from_micros(50);
    loop {
        match end(path, OFlags::WRONLY) {
            Err(Errno::NXIO) => {}
            done => {
                done?;
                return Ok(());
            }
        }
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(pause.subsec_nanos()) };
        let _ = clock_nanosleep_relative(ClockId::Monotonic, &time);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}
