//! Floors of what a process does by itself.

use std::hint::black_box;
use std::io;

use crate::bench::buffer::Buffer;
use crate::bench::model::Pair;
use crate::bench::payload::Turns;

/// A copy of `size` bytes inside one process.
///
/// # Errors
/// None: the signature is that of every set-up.
pub fn copy(size: usize) -> io::Result<Pair> {
    let mut from = Buffer::new(size);
    let mut to = Buffer::new(size);
    Ok(Pair::alone(move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut from, number);
            black_box(&mut *to).copy_from_slice(black_box(&from));
            turns.check(&to, number)?;
        }
        Ok(())
    }))
}

/// A system call that does nothing: `getppid`.
///
/// # Errors
/// None: the signature is that of every set-up.
pub fn empty_system_call() -> io::Result<Pair> {
    Ok(Pair::alone(|turns: Turns| {
        for _ in turns.sequence() {
            black_box(rustix::process::getppid());
        }
        Ok(())
    }))
}
