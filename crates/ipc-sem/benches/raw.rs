//! The calls of the C library, with nothing around them.
#![expect(unsafe_code, reason = "raw calls are what is measured")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::thread::futex::{self, Flags};

use super::{Call, Calls};

/// A page that the processes share; it lives as long as the bench.
fn page() -> io::Result<NonNull<u8>> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
    // SAFETY: with a null hint the kernel chooses a place where nothing is.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(page.cast()).ok_or_else(|| io::ErrorKind::Other.into())
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn sem_t(value: u32) -> io::Result<*mut libc::sem_t> {
    let sem = page()?.as_ptr().cast();
    // SAFETY: it writes a `sem_t`, which a page has room for.
    check(unsafe { libc::sem_init(sem, 1, value) })?;
    Ok(sem)
}

/// `sem_wait` and `sem_post`.
pub(super) fn semaphore(value: u32) -> io::Result<Calls> {
    let sem = sem_t(value)?;
    Ok(Calls {
        // SAFETY: `sem_t` initialised it; the page is never unmapped.
        take: Box::new(move || check(unsafe { libc::sem_wait(sem) })),
        // SAFETY: as above.
        give: Box::new(move || check(unsafe { libc::sem_post(sem) })),
    })
}

/// `sem_trywait` and `sem_post`.
pub(super) fn try_semaphore(value: u32) -> io::Result<Calls> {
    let sem = sem_t(value)?;
    Ok(Calls {
        // SAFETY: `sem_t` initialised it; the page is never unmapped.
        take: Box::new(move || check(unsafe { libc::sem_trywait(sem) })),
        // SAFETY: as above.
        give: Box::new(move || check(unsafe { libc::sem_post(sem) })),
    })
}

/// Moves this process into an IPC namespace of its own: its sets go when the last process of the bench
/// does. Nobody else could remove them, since halves are forked from a process that goes on.
pub(super) fn own_ipc_namespace() -> bool {
    // SAFETY: NEWIPC leaves the descriptors shared, which is what makes other flags unsafe.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWIPC) }.is_ok()
}

/// `semop` of one operation, or of the three before it that see whether the second semaphore is 77.
pub(super) fn set(value: i16, guard: bool) -> io::Result<Calls> {
    // SAFETY: `semget` takes three numbers.
    let id = unsafe { libc::semget(libc::IPC_PRIVATE, 2, 0o600) };
    if id < 0 {
        return Err(io::Error::last_os_error());
    }
    let op = |sem_num, sem_op, sem_flg| libc::sembuf { sem_num, sem_op, sem_flg };
    let mut first = vec![op(1, 77, 0)];
    if value > 0 {
        first.push(op(0, value, 0));
    }
    group(id, first)()?;
    let change = |by| {
        let nowait = 0o4000;
        let mut ops = vec![op(1, -77, nowait), op(1, 0, nowait), op(1, 77, nowait)];
        if !guard {
            ops.clear();
        }
        ops.push(op(0, by, 0));
        group(id, ops)
    };
    Ok(Calls { take: change(-1), give: change(1) })
}

fn group(id: libc::c_int, mut ops: Vec<libc::sembuf>) -> Call {
    // SAFETY: the kernel reads as many operations as the vector has.
    Box::new(move || check(unsafe { libc::semop(id, ops.as_mut_ptr(), ops.len()) }))
}

/// An open file without a name.
pub(super) fn file() -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR;
    Ok(rustix::fs::open("/dev/shm", flags, rustix::fs::Mode::RUSR)?)
}

/// `F_OFD_SETLK` to lock and to unlock.
pub(super) fn file_lock(fd: OwnedFd) -> impl FnMut() -> io::Result<()> {
    move || {
        for kind in [libc::F_WRLCK, libc::F_UNLCK] {
            // SAFETY: a C struct of integers, for which zeroes are valid.
            let mut lock: libc::flock = unsafe { std::mem::zeroed() };
            lock.l_type = i16::try_from(kind).unwrap_or(0);
            // SAFETY: it reads a `flock`, which is live; `fd` is open.
            check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) })?;
        }
        Ok(())
    }
}

/// `pthread_mutex_lock` and `_unlock` of a robust mutex between processes.
pub(super) fn robust() -> io::Result<impl FnMut() -> io::Result<()>> {
    let (mut lock, mut unlock) = robust_calls()?;
    Ok(move || {
        lock()?;
        unlock()
    })
}

type Two<A, B> = io::Result<(A, B)>;

/// The two of them apart.
pub(super) fn robust_calls() -> Two<impl FnMut() -> io::Result<()>, impl FnMut() -> io::Result<()>>
{
    let mutex: *mut libc::pthread_mutex_t = page()?.as_ptr().cast();
    let mut attributes = std::mem::MaybeUninit::uninit();
    // SAFETY: it writes the attributes, which are live.
    unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) };
    let raw = attributes.as_mut_ptr();
    // SAFETY: initialised above; the value is one that the call knows.
    unsafe { libc::pthread_mutexattr_setpshared(raw, libc::PTHREAD_PROCESS_SHARED) };
    // SAFETY: as above.
    unsafe { libc::pthread_mutexattr_setrobust(raw, libc::PTHREAD_MUTEX_ROBUST) };
    // SAFETY: it writes a mutex, which the page has room for.
    unsafe { libc::pthread_mutex_init(mutex, raw) };
    Ok((
        // SAFETY: initialised above; the page is never unmapped.
        move || check(unsafe { libc::pthread_mutex_lock(mutex) }),
        // SAFETY: as above.
        move || check(unsafe { libc::pthread_mutex_unlock(mutex) }),
    ))
}

/// A mutex in C shape: 0 free, 1 held, 2 held and somebody sleeps. It knows no death.
pub(super) struct Futex(&'static AtomicU32);

impl Futex {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: a page of zeroes, aligned, that is never unmapped.
        Ok(Self(unsafe { page()?.cast().as_ref() }))
    }

    #[inline]
    pub(super) fn lock(&self) -> io::Result<()> {
        let (took, left) = (Ordering::Acquire, Ordering::Relaxed);
        if self.0.compare_exchange(0, 1, took, left).is_ok() {
            return Ok(());
        }
        self.wait()
    }

    #[cold]
    fn wait(&self) -> io::Result<()> {
        for _ in 0..100 {
            if self.0.load(Ordering::Relaxed) != 1 {
                break;
            }
            std::hint::spin_loop();
        }
        if self.0.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return Ok(());
        }
        while self.0.swap(2, Ordering::Acquire) != 0 {
            let _ = futex::wait(self.0, Flags::empty(), 2, None);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn unlock(&self) -> io::Result<()> {
        if self.0.swap(0, Ordering::Release) == 2 {
            futex::wake(self.0, Flags::empty(), 1)?;
        }
        Ok(())
    }
}

/// Where a crowd meets; zeroes at first.
#[repr(C, align(128))]
pub(super) struct Gate {
    /// 1 while a turn is on.
    pub(super) open: AtomicU32,
    /// Which turn it is; a futex.
    pub(super) turn: AtomicU32,
    /// How many of the others are done with it; a futex.
    pub(super) finished: AtomicU32,
    /// The longest wait, in nanoseconds.
    pub(super) longest: AtomicU64,
    /// Written under the lock, on a line of its own.
    pub(super) done: Line,
}

#[repr(C, align(128))]
pub(super) struct Line(AtomicU64);

impl std::ops::Deref for Line {
    type Target = AtomicU64;

    fn deref(&self) -> &AtomicU64 {
        &self.0
    }
}

pub(super) fn gate() -> io::Result<&'static Gate> {
    // SAFETY: a page of zeroes, aligned, that is never unmapped; all fields are atomics.
    Ok(unsafe { page()?.cast().as_ref() })
}

pub(super) fn wake_all(word: &AtomicU32) {
    let _ = futex::wake(word, Flags::empty(), u32::MAX >> 1);
}

/// Sleeps while the word is `seen`; what it is then.
pub(super) fn sleep_while(word: &AtomicU32, seen: u32) -> u32 {
    loop {
        let now = word.load(Ordering::Acquire);
        if now != seen {
            return now;
        }
        let _ = futex::wait(word, Flags::empty(), seen, None);
    }
}

/// Sleeps until the word changes, for a second at most, unless it is `end`.
pub(super) fn sleep_while_changing(word: &AtomicU32, end: u32) {
    let now = word.load(Ordering::Acquire);
    if now != end {
        let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        let _ = futex::wait(word, Flags::empty(), now, Some(&second));
    }
}

/// Lets this process run on every processor.
pub(super) fn unpin() -> io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    (0..rustix::thread::CpuSet::MAX_CPU).for_each(|cpu| set.set(cpu));
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// Forks; true in the child, which dies with its parent.
pub(super) fn fork_tied() -> io::Result<bool> {
    // SAFETY: the bench has one thread, so the child may do what it likes.
    #[expect(clippy::disallowed_methods, reason = "a crowd that shares the page")]
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
