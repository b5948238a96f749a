//! A stack for handlers of one thread: without it a stack overflow cannot be reported.
#![expect(unsafe_code, reason = "the kernel is told where the stack is")]

use std::ffi::c_void;
use std::marker::PhantomData;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use crate::error::{Error, Result};
use crate::sys;

/// Enough for any handler of ours, and for the registers of the largest processors.
const SIZE: usize = 64 * 1024;
/// A multiple of every page size: what lies below the stack faults.
const GUARD: usize = 64 * 1024;

/// An alternate signal stack of the calling thread, until dropped.
///
/// Threads that Rust started have one; this is for threads that C code started. It stays on its
/// thread: it is not `Send`.
///
/// ```
/// # fn main() -> Result<(), ipc_signal::Error> {
/// let stack = ipc_signal::fault::AltStack::ensure()?;
/// // ... run what may overflow its stack ...
/// drop(stack);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the thread has the stack until this is dropped"]
#[doc(alias = "sigaltstack")]
pub struct AltStack {
    /// Where our mapping begins; null if the thread had a stack already.
    base: *mut c_void,
    stays: PhantomData<*const ()>,
}

impl AltStack {
    /// Gives the calling thread an alternate stack, unless it has one.
    ///
    /// # Errors
    /// `Os` with `ENOMEM`: there is no memory for it.
    ///
    /// # Linux
    /// [`sigaltstack(2)`](https://man7.org/linux/man-pages/man2/sigaltstack.2.html)
    pub fn ensure() -> Result<Self> {
        let failed = |errno| Error::os("set up alternate stack", errno);
        let mut now = stack(std::ptr::null_mut(), 0, 0);
        // SAFETY: with a null new stack `sigaltstack` only writes the present one, to a live local.
        sys::check(unsafe { libc::sigaltstack(std::ptr::null(), &raw mut now) }.into())
            .map_err(failed)?;
        if now.ss_flags & libc::SS_DISABLE == 0 {
            return Ok(Self { base: std::ptr::null_mut(), stays: PhantomData });
        }
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new private mapping at an address of the kernel's choice overlaps nothing.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), GUARD + SIZE, prot, flags) }
            .map_err(failed)?;
        let made = Self { base, stays: PhantomData };
        // SAFETY: the range is the lower part of the mapping just made, which nobody uses yet.
        unsafe { mprotect(base, GUARD, MprotectFlags::empty()) }.map_err(failed)?;
        let new = stack(base.wrapping_byte_add(GUARD), SIZE, 0);
        // SAFETY: `sigaltstack` reads `new`; the stack it names is mapped until `Drop`, which first takes
        // it away from the thread.
        sys::check(unsafe { libc::sigaltstack(&raw const new, std::ptr::null_mut()) }.into())
            .map_err(failed)?;
        Ok(made)
    }
}

impl Drop for AltStack {
    fn drop(&mut self) {
        if self.base.is_null() {
            return;
        }
        let none = stack(std::ptr::null_mut(), 0, libc::SS_DISABLE);
        // SAFETY: `sigaltstack` reads `none`. It fails only while a handler runs on the stack.
        if unsafe { libc::sigaltstack(&raw const none, std::ptr::null_mut()) } == 0 {
            // SAFETY: `ensure` made the mapping, and the thread no longer has it as its stack.
            let _ = unsafe { munmap(self.base, GUARD + SIZE) };
        }
    }
}

const fn stack(base: *mut c_void, size: usize, flags: i32) -> libc::stack_t {
    libc::stack_t { ss_sp: base, ss_flags: flags, ss_size: size }
}
