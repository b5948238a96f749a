//! Segments: the cost of making and opening one, and copies in shared memory beside the same copies in
//! private memory.
#![expect(unsafe_code, reason = "calls the copy routine of the crate, and System V shared memory")]

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_devkit::bench::{Bench, Buffer, Case, Pair, Scenario, Turns};
use ipc_shm::{Segment, SegmentOptions};
use memmap2::MmapOptions;
use rustix::fs::{AtFlags, CWD, FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::fs::{fallocate, fchmod, fcntl_add_seals, fstat, linkat, memfd_create, open, unlink};

/// The very routine that the crate copies with.
#[path = "../src/segment/copy.rs"]
mod copy;

const SIZE: usize = 64 << 10;

pub(super) fn cases(bench: &mut Bench) {
    for (size, shown) in [(64, "64 B"), (4096, "4 KiB"), (1 << 20, "1 MiB")] {
        bench.case(
            Case::alone(Scenario::MEMCPY, format!("segment write + read {shown}"))
                .size(size)
                .raw("same routine, private memory", move || Ok(private(size)))
                .ours("Segment, memfd", move || Ok(shared(move || anonymous(size), size)))
                .peer("Segment, name, guard", move || Ok(shared(move || named(size, true), size)))
                .peer("Segment, name, by descriptor", move || {
                    Ok(shared(move || named(size, false), size))
                })
                .peer("memcpy, private memory", move || Ok(memcpy(size))),
        );
    }
    bench.case(
        Case::alone(Scenario::MEMCPY, "segment cell store + load 64 B")
            .size(64)
            .raw("same routine, private memory", || Ok(private(64)))
            .ours("Cell<[u64; 8]>", || Ok(cell())),
    );
    bench.case(
        Case::alone(Scenario::MEMCPY, "segment atomic in place")
            .size(8)
            .raw("AtomicU64, private memory", || Ok(atomic(false)))
            .ours("Segment::atomic_u64", || Ok(atomic(true))),
    );
    open_close(bench);
}

fn anonymous(size: usize) -> io::Result<Segment> {
    Ok(Segment::anonymous(size)?)
}

/// What is made at the first turn, by the process that uses it.
fn once<T>(kept: &mut Option<T>, make: impl FnOnce() -> io::Result<T>) -> io::Result<&T> {
    match kept {
        Some(kept) => Ok(kept),
        None => Ok(kept.insert(make()?)),
    }
}

fn named(size: usize, guard: bool) -> io::Result<Segment> {
    let name = format!("ipc-t-{}-0-bench", std::process::id());
    let options = SegmentOptions::new().size(size);
    let made = if guard { options.guard().create(&name)? } else { options.create(&name)? };
    Segment::unlink(&name)?;
    Ok(made)
}

/// Copies a message in and out again.
fn shared(make: impl Fn() -> io::Result<Segment> + 'static, size: usize) -> Pair {
    let (mut from, mut to) = (Buffer::new(size), Buffer::new(size));
    let mut segment = None;
    Pair::alone(move |turns: Turns| {
        let segment = once(&mut segment, &make)?;
        for number in turns.sequence() {
            turns.fill(&mut from, number);
            segment.write_at(0, black_box(&from))?;
            segment.read_at(0, black_box(&mut to))?;
            turns.check(&to, number)?;
        }
        Ok(())
    })
}

fn private(size: usize) -> Pair {
    let (mut from, mut middle) = (Buffer::new(size), Buffer::new(size + 1280));
    let mut to = Buffer::new(size);
    Pair::alone(move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut from, number);
            // As far from the start of a page as the bytes of a segment.
            let middle = &mut middle[1280..];
            // SAFETY: both have `size` bytes, and are two buffers.
            unsafe { copy::copy(black_box(&from).as_ptr(), middle.as_mut_ptr(), size) };
            // SAFETY: both have `size` bytes, and are two buffers.
            unsafe { copy::copy(middle.as_ptr(), black_box(&mut to).as_mut_ptr(), size) };
            turns.check(&to, number)?;
        }
        Ok(())
    })
}

fn memcpy(size: usize) -> Pair {
    let (mut from, mut middle) = (Buffer::new(size), Buffer::new(size));
    let mut to = Buffer::new(size);
    Pair::alone(move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut from, number);
            black_box(&mut *middle).copy_from_slice(black_box(&from));
            black_box(&mut *to).copy_from_slice(black_box(&middle));
            turns.check(&to, number)?;
        }
        Ok(())
    })
}

fn cell() -> Pair {
    let (mut from, mut to) = (Buffer::new(64), Buffer::new(64));
    let mut segment = None;
    Pair::alone(move |turns: Turns| {
        let segment = once(&mut segment, || anonymous(4096))?;
        let cell = segment.get::<[u8; 64]>(0)?;
        for number in turns.sequence() {
            turns.fill(&mut from, number);
            let value = black_box(&*from).first_chunk::<64>().ok_or(io::ErrorKind::Other)?;
            cell.store(*value)?;
            to.copy_from_slice(&cell.load()?);
            turns.check(&to, number)?;
        }
        Ok(())
    })
}

fn atomic(in_segment: bool) -> Pair {
    let own = Box::new(AtomicU64::new(0));
    let mut segment = None;
    Pair::alone(move |turns: Turns| {
        let segment = once(&mut segment, || anonymous(4096))?;
        let word = if in_segment { segment.atomic_u64(64)? } else { &own };
        for number in turns.sequence() {
            black_box(word).store(number, Ordering::Release);
            if black_box(word).load(Ordering::Acquire) != number {
                return Err(io::Error::other("a wrong value"));
            }
        }
        Ok(())
    })
}

/// Runs a call once a turn.
fn repeat(mut call: impl FnMut() -> io::Result<()> + 'static) -> Pair {
    Pair::alone(move |turns: Turns| turns.sequence().try_for_each(|_| call()))
}

fn open_close(bench: &mut Bench) {
    let case = |name: &str| Case::alone(Scenario::OPEN_CLOSE, name);
    let name = || format!("ipc-t-{}-0-bench", std::process::id());
    bench.case(
        case("segment create + close, 64 KiB")
            .raw("tmpfile, fallocate, mmap, linkat", move || {
                let path = format!("/dev/shm/{}", name());
                Ok(repeat(move || raw_named(&path)))
            })
            .ours("Segment::create", move || {
                let name = name();
                Ok(repeat(move || {
                    let made = Segment::create(&name, SIZE)?;
                    Segment::unlink(&name)?;
                    drop(made);
                    Ok(())
                }))
            }),
    );
    bench.case(
        case("anonymous segment create + close, 64 KiB")
            .raw("memfd, fallocate, seal, mmap", || Ok(repeat(raw_anonymous)))
            .ours("Segment::anonymous", || {
                Ok(repeat(|| Segment::anonymous(SIZE).map(drop).map_err(io::Error::from)))
            }),
    );
    bench.case(
        case("segment open for reading + close, 64 KiB")
            .raw("open, fstat, mmap", move || {
                let path = format!("/dev/shm/{}", name());
                Ok(kept(&name(), move || {
                    let file = File::open(&path)?;
                    black_box(fstat(&file)?.st_uid);
                    MmapOptions::new().len(SIZE).map_raw_read_only(&file).map(drop)
                }))
            })
            .ours("SegmentOptions::read_only", move || {
                let (kept_name, name) = (name(), name());
                Ok(kept(&kept_name, move || {
                    let opened = SegmentOptions::new().read_only().open(&name);
                    opened.map(drop).map_err(io::Error::from)
                }))
            }),
    );
    bench.case(
        case("System V segment create + remove, 64 KiB")
            .raw("shmget, shmat, shmdt, shmctl", || Ok(repeat(raw_sysv)))
            .ours("SysvSegment", || {
                let options = SegmentOptions::new().size(SIZE);
                Ok(repeat(move || {
                    let made = options.private_sysv()?;
                    Ok(made.remove()?)
                }))
            }),
    );
}

/// Runs a call while a segment of this name exists, whose name goes with the half.
fn kept(name: &str, mut call: impl FnMut() -> io::Result<()> + 'static) -> Pair {
    struct Name(String);
    impl Drop for Name {
        fn drop(&mut self) {
            let _ = Segment::unlink(&self.0);
        }
    }
    let name = Name(name.to_owned());
    let mut there = false;
    Pair::alone(move |turns: Turns| {
        if !there {
            let _ = Segment::unlink(&name.0);
            drop(Segment::create(&name.0, SIZE)?);
            there = true;
        }
        turns.sequence().try_for_each(|_| call())
    })
}

fn raw_named(path: &str) -> io::Result<()> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = open("/dev/shm", flags, Mode::empty())?;
    fchmod(&file, Mode::from_raw_mode(0o600))?;
    fallocate(&file, FallocateFlags::empty(), 0, SIZE as u64)?;
    let map = MmapOptions::new().len(SIZE).map_raw(file.as_raw_fd())?;
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, from, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    unlink(path)?;
    drop(map);
    Ok(())
}

fn raw_anonymous() -> io::Result<()> {
    let file = memfd_create("ipc", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    fallocate(&file, FallocateFlags::empty(), 0, SIZE as u64)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    MmapOptions::new().len(SIZE).map_raw(file.as_raw_fd()).map(drop)
}

fn raw_sysv() -> io::Result<()> {
    // SAFETY: it takes three numbers.
    let id = unsafe { libc::shmget(libc::IPC_PRIVATE, SIZE, libc::IPC_CREAT | 0o600) };
    // SAFETY: a null address lets the kernel choose.
    let at = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    // SAFETY: removing looks at no buffer.
    let removed = unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
    // SAFETY: it was attached above, and nobody uses it.
    let detached = unsafe { libc::shmdt(at) };
    if removed == 0 && detached == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
