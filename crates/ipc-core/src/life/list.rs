//! The kernel's side of an attachment: the page that the robust list head stands on.
//!
//! The list itself stays empty: the one word that a keeper holds is its *pending* entry, for ever.
//! The kernel follows no pointer through memory that others can write, and no other word of the
//! process can stop its walk before it comes to this one.
#![expect(unsafe_code, reason = "hands the kernel a robust list")]

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Private memory of one attachment, all zeroes in a forked child (`MADV_WIPEONFORK`).
#[repr(C)]
#[derive(Debug)]
pub(super) struct Page {
    /// Our owner id; 0 before the attach, after the detach, and in a forked child.
    pub(super) owner: AtomicU32,
    /// What the keeper shall do: see `keeper`.
    pub(super) order: AtomicU32,
    /// `struct robust_list_head`: next (itself: the list is empty), offset (none), pending.
    next: AtomicPtr<Page>,
    offset: usize,
    pending: AtomicPtr<AtomicU64>,
}

/// A page that is unmapped when this is dropped.
#[derive(Debug)]
pub(super) struct Station(NonNull<Page>);

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for Station {}
// SAFETY: only atomics of the page are written, and only `Relaxed` or stronger.
unsafe impl Sync for Station {}

impl Station {
    pub(super) fn new() -> Result<Self, Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // The kernel rounds it up to a page, here and below.
        let size = size_of::<Page>();
        // SAFETY: a null hint lets the kernel choose, so no mapping of ours is replaced.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), size, access, MapFlags::PRIVATE) }?;
        let station = Self(NonNull::new(base.cast()).ok_or(Errno::NOMEM)?);
        // SAFETY: it changes only what a forked child will find in the page that was just mapped.
        unsafe { madvise(base, size, Advice::LinuxWipeOnFork) }?;
        Ok(station)
    }

    /// The page.
    #[inline]
    pub(super) fn page(&self) -> &Page {
        // SAFETY: `new` mapped a page, larger than `Page` and zeroed, which is valid for its fields;
        // it stays until the drop.
        unsafe { self.0.as_ref() }
    }

    /// Makes this page's list the calling thread's. It must stay mapped until that thread has ended,
    /// which `Keeper` sees to by joining it.
    pub(super) fn register(&self) -> Result<(), Errno> {
        let head: *const AtomicPtr<Page> = &raw const self.page().next;
        self.page().next.store(head.cast_mut().cast(), Ordering::Relaxed);
        // SAFETY: the kernel keeps the address and reads the three words at it when the thread ends;
        // the page is mapped until then, see above. 24 is `sizeof(struct robust_list_head)`.
        let done = unsafe { libc::syscall(libc::SYS_set_robust_list, head, 24_usize) };
        if done == 0 { Ok(()) } else { Err(last_errno()) }
    }

    /// From now on the kernel looks at `word` when the thread ends.
    pub(super) fn hold(&self, word: Option<&AtomicU64>) {
        // The kernel may look after any instruction; it sees what this thread did, in program order.
        compiler_fence(Ordering::SeqCst);
        let word = word.map_or(ptr::null(), ptr::from_ref);
        self.page().pending.store(word.cast_mut(), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it and nobody borrows it any more; the kernel forgot it when the
        // keeper, which was joined, ended.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), size_of::<Page>()) };
    }
}

/// Wakes all who sleep on the low half of a life word.
pub(super) fn wake_life(word: &AtomicU64) {
    let word = ptr::from_ref(word);
    // SAFETY: FUTEX_WAKE takes an address and looks at nothing; the word is borrowed, so mapped.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, i32::MAX) };
}

fn last_errno() -> Errno {
    let code = std::io::Error::last_os_error().raw_os_error();
    code.map_or(Errno::IO, Errno::from_raw_os_error)
}
