//! Floors of a round trip: by spinning on a flag, by a futex, by an eventfd.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use rustix::thread::futex::{self, ClockId, WaitFlags, WaitPtr, WaitvFlags};

use super::{LINE, LINE_PAIR};
use crate::bench::buffer::Buffer;
use crate::bench::model::{Pair, Placement};
use crate::bench::payload::Turns;
use crate::bench::shm::Area;

/// `size` bytes copied in, one flag published, copied out, and the same back.
///
/// Halves on processors of their own spin (`Busy`); otherwise they sleep on one futex word.
///
/// # Errors
/// The kernel gives no memory.
pub fn exchange(size: usize, placement: Placement) -> io::Result<Pair> {
    match placement {
        Placement::Busy => spinning(size),
        Placement::Block | Placement::OneCore => sleeping(size, Sleep::OneWord),
    }
}

/// A flag there and a flag back, with nothing copied.
///
/// # Errors
/// The kernel gives no memory.
pub fn flag_only() -> io::Result<Pair> {
    spinning(0)
}

/// Two processes wake each other by a futex, with nothing copied.
///
/// # Errors
/// `Unsupported`: this kernel has no `futex_waitv`. Else the kernel gives no memory.
pub fn futex_ping_pong(sleep: Sleep) -> io::Result<Pair> {
    sleeping(0, sleep)
}

/// How a half of [`futex_ping_pong`] sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// On the word that changes, by FUTEX_WAIT.
    OneWord,
    /// On that word and on one that never changes, by `futex_waitv`.
    TwoWords,
}

/// One direction of an exchange: a flag, and the payload that it announces.
///
/// A payload of up to 56 bytes shares the flag's line: one transfer between processors moves both.
struct Lane {
    area: Rc<Area>,
    flag: usize,
    payload: usize,
}

impl Lane {
    /// The bytes that a lane takes, padded so that two lanes share no pair of lines.
    fn length(size: usize) -> usize {
        (LINE + size).next_multiple_of(LINE_PAIR)
    }

    fn new(area: &Rc<Area>, start: usize, size: usize) -> Self {
        let payload = if 8 + size <= LINE { start + 8 } else { start + LINE };
        Self { area: Rc::clone(area), flag: start, payload }
    }

    #[inline]
    fn put(&self, message: &[u8], number: u64) {
        self.area.copy_in(self.payload, message);
        // Release: whoever sees the flag sees the payload.
        self.area.word64(self.flag).store(number + 1, Ordering::Release);
    }

    #[inline]
    fn take(&self, message: &mut [u8], number: u64) {
        let flag = self.area.word64(self.flag);
        // Acquire: pairs with the store in `put`.
        while flag.load(Ordering::Acquire) != number + 1 {
            std::hint::spin_loop();
        }
        self.area.copy_out(self.payload, message);
    }
}

fn spinning(size: usize) -> io::Result<Pair> {
    let area = Rc::new(Area::new(2 * Lane::length(size))?);
    let lanes = || (Lane::new(&area, 0, size), Lane::new(&area, Lane::length(size), size));
    let (there, back) = lanes();
    let mut message = Buffer::new(size);
    let ask = move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut message, number);
            there.put(&message, number);
            back.take(&mut message, number);
            turns.check(&message, number)?;
        }
        Ok(())
    };
    let (there, back) = lanes();
    let mut message = Buffer::new(size);
    let answer = move |turns: Turns| {
        for number in turns.sequence() {
            there.take(&mut message, number);
            turns.check(&message, number)?;
            back.put(&message, number);
        }
        Ok(())
    };
    Ok(Pair::two(ask, answer))
}

/// A word that says whose turn it is, a word that never changes, and a payload in each direction.
struct Baton {
    area: Rc<Area>,
    sleep: Sleep,
}

impl Baton {
    /// The word that never changes stands where the payloads begin, a pair of lines after the turn.
    const QUIET: usize = LINE_PAIR;
    const PAYLOAD: usize = 2 * LINE_PAIR;

    /// Leaves the turn to the other half: `turn` counts every hand-over.
    #[inline]
    fn pass(&self, turn: u32) -> io::Result<()> {
        let word = self.area.word32(0);
        // Release: whoever sees the turn sees the payload.
        word.store(turn, Ordering::Release);
        futex::wake(word, futex::Flags::empty(), 1)?;
        Ok(())
    }

    /// Sleeps until the turn is `turn`.
    #[inline]
    fn await_turn(&self, turn: u32) -> io::Result<()> {
        let word = self.area.word32(0);
        loop {
            // Acquire: pairs with the store in `pass`.
            let seen = word.load(Ordering::Acquire);
            if seen == turn {
                return Ok(());
            }
            let slept = match self.sleep {
                Sleep::OneWord => futex::wait(word, futex::Flags::empty(), seen, None),
                Sleep::TwoWords => {
                    let words = [entry(word, seen), entry(self.area.word32(Self::QUIET), 0)];
                    futex::waitv(&words, WaitvFlags::empty(), None, ClockId::Monotonic).map(drop)
                }
            };
            match slept {
                // AGAIN: the turn changed before the kernel looked.
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// One word of a `futex_waitv`, expected to hold `seen`.
fn entry(word: &AtomicU32, seen: u32) -> futex::Wait {
    let mut entry = futex::Wait::new();
    entry.val = u64::from(seen);
    entry.uaddr = WaitPtr::new(word.as_ptr().cast());
    entry.flags = WaitFlags::SIZE_U32;
    entry
}

fn sleeping(size: usize, sleep: Sleep) -> io::Result<Pair> {
    if sleep == Sleep::TwoWords {
        // No words at all: EINVAL from a kernel that has the call, ENOSYS or EPERM from one without.
        let probe = futex::waitv(&[], WaitvFlags::empty(), None, ClockId::Monotonic);
        if probe != Err(Errno::INVAL) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "no futex_waitv here"));
        }
    }
    let area = Rc::new(Area::new(Baton::PAYLOAD + 2 * Lane::length(size))?);
    let (there, back) = (Baton::PAYLOAD, Baton::PAYLOAD + Lane::length(size));
    let baton = Baton { area: Rc::clone(&area), sleep };
    let mut message = Buffer::new(size);
    let ask = move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut message, number);
            baton.area.copy_in(there, &message);
            baton.pass(ask_turn(number))?;
            baton.await_turn(ask_turn(number) + 1)?;
            baton.area.copy_out(back, &mut message);
            turns.check(&message, number)?;
        }
        Ok(())
    };
    let baton = Baton { area, sleep };
    let mut message = Buffer::new(size);
    let answer = move |turns: Turns| {
        for number in turns.sequence() {
            baton.await_turn(ask_turn(number))?;
            baton.area.copy_out(there, &mut message);
            turns.check(&message, number)?;
            baton.area.copy_in(back, &message);
            baton.pass(ask_turn(number) + 1)?;
        }
        Ok(())
    };
    Ok(Pair::two(ask, answer))
}

/// The value of the turn word when the question `number` has been put: odd, so one more is its answer.
fn ask_turn(number: u64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the turn wraps; only neighbours are compared"
    )]
    let low = number as u32;
    low.wrapping_mul(2) | 1
}

/// Two processes wake each other by an eventfd each.
///
/// # Errors
/// The kernel gives no descriptor.
pub fn event_ping_pong() -> io::Result<Pair> {
    let (there, back) = (event()?, event()?);
    let (there_too, back_too) = (there.try_clone()?, back.try_clone()?);
    let ask = move |turns: Turns| {
        for _ in turns.sequence() {
            rustix::io::write(&there, &1_u64.to_ne_bytes())?;
            rustix::io::read(&back, &mut [0; 8])?;
        }
        Ok(())
    };
    let answer = move |turns: Turns| {
        for _ in turns.sequence() {
            rustix::io::read(&there_too, &mut [0; 8])?;
            rustix::io::write(&back_too, &1_u64.to_ne_bytes())?;
        }
        Ok(())
    };
    Ok(Pair::two(ask, answer))
}

fn event() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC)?)
}
