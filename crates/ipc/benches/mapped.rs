//! Two copies: from the file into memory that both processes map, and from there into the other file.
#![expect(unsafe_code, reason = "a floor is shared memory in C shape")]

use std::io;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

use ipc_devkit::bench::{Pair, Turns};
use ipc_sem::NamedSemaphore;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::{CHUNK, FILE, Files};

/// So many chunks may be filled before one is emptied.
const SLOTS: usize = 2;

/// Shared memory of all slots; a process forked later sees the same bytes.
struct Memory(*mut u8);

impl Memory {
    fn new() -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a null hint lets the kernel choose a place where nothing else is mapped.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), SLOTS * CHUNK, access, flags) }?;
        Ok(Self(base.cast()))
    }

    /// The bytes of one slot.
    ///
    /// # Safety
    /// - No other process touches the slot while the slice lives.
    /// - `slot` is below `SLOTS`.
    #[expect(
        clippy::mut_from_ref,
        reason = "the memory is the kernel's, and the caller has it alone"
    )]
    unsafe fn slot(&self, slot: usize) -> &mut [u8] {
        // SAFETY: the slot lies in the mapping, as `slot` is below `SLOTS`.
        let start = unsafe { self.0.add(slot * CHUNK) };
        #[expect(
            clippy::disallowed_methods,
            reason = "only the kernel touches the bytes, and the other side waits meanwhile"
        )]
        // SAFETY: mapped and zeroed from the start, until `self` goes; the caller has it alone.
        unsafe {
            std::slice::from_raw_parts_mut(start, CHUNK)
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and no slice outlives `self`.
        let _ = unsafe { munmap(self.0.cast(), SLOTS * CHUNK) };
    }
}

/// Counts slots, as C programs do: two `sem_t`.
fn counter(value: u32) -> io::Result<NamedSemaphore> {
    let name = ipc_devkit::scratch::name("through");
    let semaphore = NamedSemaphore::create(&name, value)?;
    NamedSemaphore::unlink(&name)?;
    Ok(semaphore)
}

pub(super) fn pair() -> io::Result<Pair> {
    let slots = u32::try_from(SLOTS).map_err(io::Error::other)?;
    let state = Rc::new((Memory::new()?, counter(slots)?, counter(0)?));
    let other = Rc::clone(&state);
    let target = Files::new()?;
    let source = Rc::clone(&target);
    Ok(Pair::two(
        move |turns: Turns| {
            let (memory, empty, full) = &*state;
            for number in turns.sequence() {
                for at in (0..FILE).step_by(CHUNK) {
                    full.acquire()?;
                    // SAFETY: the slots go round, both sides in step. `full` gave this one to us, and the
                    // sender comes back to it after `empty` only.
                    let bytes = unsafe { memory.slot(at / CHUNK % SLOTS) };
                    target.to.write_all_at(bytes, at as u64)?;
                    empty.release()?;
                }
                if number == 0 {
                    target.check()?;
                }
            }
            Ok(())
        },
        move |turns: Turns| {
            let (memory, empty, full) = &*other;
            for _ in turns.sequence() {
                for at in (0..FILE).step_by(CHUNK) {
                    empty.acquire()?;
                    // SAFETY: as for the receiver, with `empty` and `full` exchanged.
                    let bytes = unsafe { memory.slot(at / CHUNK % SLOTS) };
                    source.from.read_exact_at(bytes, at as u64)?;
                    full.release()?;
                }
            }
            Ok(())
        },
    ))
}
