//! The handler of SIGBUS. It may run at any instruction of any thread, so it takes no lock and
//! allocates nothing: it reads the table, maps a page, stores a flag, and calls whoever was there before.
#![expect(unsafe_code, reason = "signal handlers and fixed mappings have no safe form")]

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use libc::{c_int, c_void, siginfo_t};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use super::table;

/// `si_code` of a touched page that is not there.
const BUS_ADRERR: c_int = 2;

/// Stored (Release) once the handler is in place.
static INSTALLED: AtomicBool = AtomicBool::new(false);
/// Stored before the handler is installed, never again; the handler only loads them.
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());
static PAGE: AtomicUsize = AtomicUsize::new(4096);

pub(super) fn installed() -> bool {
    INSTALLED.load(Ordering::Acquire)
}

pub(super) fn install() -> Result<(), Errno> {
    static ONCE: OnceLock<Result<(), Errno>> = OnceLock::new();
    *ONCE.get_or_init(|| {
        PAGE.store(rustix::param::page_size(), Ordering::Relaxed);
        // Kept for ever: a handler may read it at any time.
        let before = Box::leak(Box::new(current()?));
        BEFORE.store(before, Ordering::Release);
        let mut action = *before;
        action.sa_sigaction = on_sigbus as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        set(&action)?;
        INSTALLED.store(true, Ordering::Release);
        Ok(())
    })
}

fn current() -> Result<libc::sigaction, Errno> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: a null new action changes nothing; the old one is written to a live place of its type.
    let done = unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), action.as_mut_ptr()) };
    if done != 0 {
        return Err(last_errno());
    }
    // SAFETY: the call above succeeded, so it wrote the whole struct.
    Ok(unsafe { action.assume_init() })
}

fn set(action: &libc::sigaction) -> Result<(), Errno> {
    // SAFETY: it reads a live action. The handler in it is `on_sigbus`, one that was installed before,
    // or the default.
    let done = unsafe { libc::sigaction(libc::SIGBUS, action, ptr::null_mut()) };
    if done == 0 { Ok(()) } else { Err(last_errno()) }
}

extern "C" fn on_sigbus(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: it returns the address of this thread's errno, valid as long as the thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: see above.
    let kept = unsafe { errno.read() };
    if !fill_hole(info) {
        pass_on(signal, info, context);
    }
    // SAFETY: see above.
    unsafe { errno.write(kept) };
}

/// Puts zeroes where a page of ours is gone. False: it is not about such a page.
fn fill_hole(info: *const siginfo_t) -> bool {
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid `info`.
    let code = unsafe { (*info).si_code };
    if code != BUS_ADRERR {
        return false;
    }
    // SAFETY: see above.
    let info = unsafe { &*info };
    // SAFETY: with this code it holds an address.
    let address = unsafe { info.si_addr() }.addr();
    let Some(found) = table::find(address) else { return false };
    let page = PAGE.load(Ordering::Relaxed);
    let at = ptr::without_provenance_mut::<c_void>(address & !(page - 1));
    let access = if found.read_only { ProtFlags::READ } else { ProtFlags::READ | ProtFlags::WRITE };
    // SAFETY: the page lies in a mapping that the table's row stands for: whoever touches it holds the
    // row, so it is not unmapped meanwhile. Nothing but copies and atomics reach it, for which zeroes
    // are as good as any bytes.
    let mapped = unsafe { mmap_anonymous(at, page, access, MapFlags::PRIVATE | MapFlags::FIXED) };
    if mapped.is_err() {
        return false;
    }
    found.mark_cut();
    true
}

/// Does what would have been done without us.
fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: stored before this handler was installed, and never freed.
    let before = unsafe { &*BEFORE.load(Ordering::Acquire) };
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid `info`.
    let sent = unsafe { (*info).si_code } <= 0;
    match before.sa_sigaction {
        libc::SIG_IGN if sent => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: a plain C struct of numbers and an optional function, for which zeroes are valid:
            // the default action.
            let default: libc::sigaction = unsafe { std::mem::zeroed() };
            let _ = set(&default);
            // A touched page is touched again when this returns. A signal that was sent is sent again; it is
            // blocked until then.
            if sent {
                // SAFETY: it takes a number, and is async-signal-safe.
                unsafe { libc::raise(signal) };
            }
        }
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: who installed it with SA_SIGINFO said that it takes these three.
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: who installed it without SA_SIGINFO said that it takes the number.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}

fn last_errno() -> Errno {
    let code = std::io::Error::last_os_error().raw_os_error();
    code.map_or(Errno::IO, Errno::from_raw_os_error)
}
