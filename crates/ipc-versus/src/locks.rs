//! Locks: ours, glibc's robust mutex, std's and parking_lot's, around three numbers each.

use std::io;
use std::sync::Arc;

use ipc_devkit::bench::{Pair, Turns};
use ipc_sem::LockError;

use crate::ends::{Late, Open, Ready, failed};
use crate::sweep;

pub mod robust;

/// What a lock protects: how often it was held in all, and how often by each half.
pub type Counts = [u64; 3];

/// One lock, for either half.
pub type Both<L> = (L, L);

/// A lock around [`Counts`].
pub trait Lock: 'static {
    /// Holds the lock while `work` runs.
    ///
    /// # Errors
    /// What the lock reports.
    fn with<R>(&self, work: impl FnOnce(&mut Counts) -> R) -> io::Result<R>;
}

/// Ours, by name, opened by each process.
pub fn ours() -> Both<Late<ipc_sem::Mutex<Counts>>> {
    let name = sweep::name("mutex");
    let open = move || Ok(ipc_sem::Mutex::open_or_create(&name)?);
    (Late::new(open.clone()), Late::new(open))
}

impl Lock for ipc_sem::Mutex<Counts> {
    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut Counts) -> R) -> io::Result<R> {
        match self.lock() {
            Ok(mut guard) => Ok(work(&mut guard)),
            Err(LockError::Failed(error)) => Err(error.into()),
            Err(_) => Err(io::Error::other("nobody died")),
        }
    }
}

/// A lock of threads on lines of its own: none of them should suffer from where the allocator put it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Apart<L>(L);

/// std's, for two threads.
pub fn of_std() -> Both<Ready<Arc<Apart<std::sync::Mutex<Counts>>>>> {
    let lock = Arc::default();
    (Ready(Arc::clone(&lock)), Ready(lock))
}

impl Lock for Arc<Apart<std::sync::Mutex<Counts>>> {
    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut Counts) -> R) -> io::Result<R> {
        let mut guard = self.0.lock().map_err(failed)?;
        Ok(work(&mut guard))
    }
}

/// parking_lot's, for two threads.
pub fn of_parking_lot() -> Both<Ready<Arc<Apart<parking_lot::Mutex<Counts>>>>> {
    let lock = Arc::default();
    (Ready(Arc::clone(&lock)), Ready(lock))
}

impl Lock for Arc<Apart<parking_lot::Mutex<Counts>>> {
    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut Counts) -> R) -> io::Result<R> {
        Ok(work(&mut self.0.lock()))
    }
}

/// Lock and unlock with nobody else there; nothing is done in between.
pub fn uncontended<L: Open<End: Lock>>(mut lock: L) -> Pair {
    Pair::alone(move |turns: Turns| {
        let lock = lock.end()?;
        for _ in turns.sequence() {
            lock.with(|_| ())?;
        }
        Ok(())
    })
}

/// Locks and unlocks in one turn, by both halves together.
pub const PAIRS: u64 = 20_000;

/// Two processes that want one lock all the time.
pub fn contended<L: Open<End: Lock>>((one, other): Both<L>) -> Pair {
    Pair::two(half(one, 1), half(other, 2))
}

/// Two threads that want one lock all the time.
pub fn contended_threads<L: Lock + Send>((one, other): Both<Ready<L>>) -> Pair {
    Pair::threads(half(one, 1), half(other, 2))
}

/// Counts until both together have done what the turns ask for. Two that ever held the lock together
/// would lose a count, and the sums would differ.
fn half<L: Open<End: Lock>>(mut lock: L, own: usize) -> impl FnMut(Turns) -> io::Result<()> {
    move |turns: Turns| {
        let lock = lock.end()?;
        for number in turns.sequence() {
            let target = (number + 1) * PAIRS;
            let [all, one, other] = loop {
                let done = lock.with(|counts| {
                    if counts[0] >= target {
                        return Some(*counts);
                    }
                    counts[0] += 1;
                    counts[own] += 1;
                    None
                })?;
                if let Some(counts) = done {
                    break counts;
                }
            };
            if all != one + other {
                let text = format!("{one} and {other} were counted as {all}: two held the lock");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(())
    }
}
