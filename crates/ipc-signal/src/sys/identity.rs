//! The number of this process without a system call: a page that the kernel empties in a fork's child.
#![expect(unsafe_code, reason = "the kernel is told to empty the page")]

use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Enough for the word; the kernel rounds it up to a page.
const SIZE: usize = 4096;

/// This process's number.
#[inline]
pub(crate) fn pid() -> u32 {
    let Some(cached) = cell() else { return std::process::id() };
    match cached.load(Ordering::Relaxed) {
        0 => ask(cached),
        pid => pid,
    }
}

#[cold]
fn ask(cached: &AtomicU32) -> u32 {
    let pid = std::process::id();
    cached.store(pid, Ordering::Relaxed);
    pid
}

/// The word: 0 at first and after a fork, else this process's number, which any thread may store.
/// `None` where the kernel has no `MADV_WIPEONFORK` (before Linux 4.14).
fn cell() -> Option<&'static AtomicU32> {
    static CELL: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();
    *CELL.get_or_init(|| {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new private mapping at an address of the kernel's choice overlaps nothing.
        let page = unsafe { mmap_anonymous(null_mut(), SIZE, prot, MapFlags::PRIVATE) }.ok()?;
        // SAFETY: the range is the mapping just made; emptying it makes the word 0, a value it has.
        if unsafe { madvise(page, SIZE, Advice::LinuxWipeOnFork) }.is_err() {
            // SAFETY: the mapping just made; nobody else knows of it.
            let _ = unsafe { munmap(page, SIZE) };
            return None;
        }
        // SAFETY: the page is zeroed, aligned, mapped for ever, and only used as this atomic.
        unsafe { page.cast::<AtomicU32>().as_ref() }
    })
}
