//! Floor of messages in one direction: a ring with one sender and one receiver.
//!
//! Each slot begins with a header word, and a short payload shares its line, so a short message costs one
//! transfer between processors. The header holds the number of the message (plus one), so nobody needs to
//! clear it. The receiver publishes how far it is once in a quarter of the ring.

use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use rustix::io::Errno;
use rustix::thread::futex;

use super::{LINE, LINE_PAIR};
use crate::bench::buffer::Buffer;
use crate::bench::model::{Pair, Placement};
use crate::bench::payload::Turns;
use crate::bench::shm::Area;

/// Messages of `size` bytes through a ring. `Busy` halves spin; others sleep on a futex.
///
/// # Errors
/// The kernel gives no memory.
pub fn one_way(size: usize, placement: Placement) -> io::Result<Pair> {
    let sleeps = placement != Placement::Busy;
    let layout = Layout::of(size);
    let area = Rc::new(Area::new(layout.length())?);
    let mut receiver = Receiver { area: Rc::clone(&area), layout, sleeps };
    let mut sender = Sender { area, layout, sleeps, tail: 0 };
    let mut received = Buffer::new(size);
    let mut sent = Buffer::new(size);
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                receiver.receive(&mut received, number)?;
                turns.check(&received, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut sent, number);
                sender.send(&sent, number)?;
            }
            Ok(())
        },
    ))
}

/// The same without copies: the sender writes the first and the last 8 bytes of each message in its slot, and
/// the receiver checks them there. `size` is a multiple of 8 and at least 16.
///
/// # Errors
/// The kernel gives no memory.
pub fn one_way_in_place(size: usize) -> io::Result<Pair> {
    // Nothing but the ends of a message need be in a cache.
    let layout = Layout::with(size, 8);
    let area = Rc::new(Area::new(layout.length())?);
    let receiver = Receiver { area: Rc::clone(&area), layout, sleeps: false };
    let mut sender = Sender { area, layout, sleeps: false, tail: 0 };
    let (mut received, mut sent) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                let slot = receiver.await_message(number)? + layout.payload;
                if turns.is_whole() {
                    receiver.area.copy_out(slot, &mut received);
                    turns.check(&received, number)?;
                } else {
                    let mut ends = [0; 16];
                    receiver.area.copy_out(slot, &mut ends[..8]);
                    receiver.area.copy_out(slot + size - 8, &mut ends[8..]);
                    turns.check(&ends, number)?;
                }
                receiver.pass(number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                let slot = sender.slot(number)?;
                if turns.is_whole() {
                    turns.fill(&mut sent, number);
                    sender.area.copy_in(slot + layout.payload, &sent);
                } else {
                    let stamp = number.to_le_bytes();
                    sender.area.copy_in(slot + layout.payload, &stamp);
                    sender.area.copy_in(slot + layout.payload + size - 8, &stamp);
                }
                sender.publish(slot, number)?;
            }
            Ok(())
        },
    ))
}

/// How many messages the receiver has taken; it writes, the sender reads.
const TAIL: usize = 0;
/// 1 while the receiver sleeps or is about to; both write.
const RECEIVER_SLEEPS: usize = LINE_PAIR;
/// 1 while the sender sleeps or is about to; both write.
const SENDER_SLEEPS: usize = 2 * LINE_PAIR;
/// The first slot.
const SLOTS: usize = 3 * LINE_PAIR;

/// Where the slots lie, and the payload in a slot.
#[derive(Clone, Copy)]
struct Layout {
    slots: u64,
    stride: usize,
    payload: usize,
}

impl Layout {
    /// As many slots as stay inside a second-level cache, but at least four.
    fn of(size: usize) -> Self {
        Self::with(size, 4)
    }

    /// The same, but at least so many.
    fn with(size: usize, least: usize) -> Self {
        const CACHE: usize = 128 * 1024;
        let (payload, stride) = if 8 + size <= LINE {
            (8, LINE)
        } else if size <= 1024 {
            // Packed: a line boundary would cost more than it saves.
            (8, (8 + size).next_multiple_of(8))
        } else {
            // Long copies are fast only between places that are aligned alike.
            (LINE, LINE + size.next_multiple_of(LINE))
        };
        let slots = (CACHE / stride).max(least).next_power_of_two();
        Self { slots: slots as u64, stride, payload }
    }

    fn length(self) -> usize {
        SLOTS + self.stride * self.number(self.slots)
    }

    /// Where the slot of a message begins.
    #[inline]
    fn slot(self, message: u64) -> usize {
        SLOTS + self.stride * self.number(message & (self.slots - 1))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "slots are few, and targets have 64 bits")]
    fn number(self, slots: u64) -> usize {
        slots as usize
    }
}

struct Sender {
    area: Rc<Area>,
    layout: Layout,
    sleeps: bool,
    /// A copy of the receiver's word, refreshed when the ring looks full.
    tail: u64,
}

impl Sender {
    #[inline]
    fn send(&mut self, message: &[u8], number: u64) -> io::Result<()> {
        let slot = self.slot(number)?;
        self.area.copy_in(slot + self.layout.payload, message);
        self.publish(slot, number)
    }

    /// A slot that is free.
    #[inline]
    fn slot(&mut self, number: u64) -> io::Result<usize> {
        if number - self.tail == self.layout.slots {
            self.await_room(number)?;
        }
        Ok(self.layout.slot(number))
    }

    #[inline]
    fn publish(&self, slot: usize, number: u64) -> io::Result<()> {
        // Release: whoever sees the header sees the payload.
        self.area.word64(slot).store(number + 1, Ordering::Release);
        if self.sleeps { wake(self.area.word32(RECEIVER_SLEEPS)) } else { Ok(()) }
    }

    #[cold]
    fn await_room(&mut self, number: u64) -> io::Result<()> {
        let tail = self.area.word64(TAIL);
        let slots = self.layout.slots;
        let sleeping = self.sleeps.then(|| self.area.word32(SENDER_SLEEPS));
        // Acquire: the receiver has read the slot before it moved the tail.
        wait_until(sleeping, || number - tail.load(Ordering::Acquire) < slots)?;
        self.tail = tail.load(Ordering::Acquire);
        Ok(())
    }
}

struct Receiver {
    area: Rc<Area>,
    layout: Layout,
    sleeps: bool,
}

impl Receiver {
    #[inline]
    fn receive(&mut self, message: &mut [u8], number: u64) -> io::Result<()> {
        let slot = self.await_message(number)?;
        self.area.copy_out(slot + self.layout.payload, message);
        self.pass(number)
    }

    /// The slot of a message that was sent.
    #[inline]
    fn await_message(&self, number: u64) -> io::Result<usize> {
        let slot = self.layout.slot(number);
        let header = self.area.word64(slot);
        // Acquire: pairs with the store of the header in `send`.
        if header.load(Ordering::Acquire) != number + 1 {
            let sleeping = self.sleeps.then(|| self.area.word32(RECEIVER_SLEEPS));
            wait_until(sleeping, || header.load(Ordering::Acquire) == number + 1)?;
        }
        Ok(slot)
    }

    /// Gives the slot back.
    #[inline]
    fn pass(&self, number: u64) -> io::Result<()> {
        if (number + 1) % (self.layout.slots / 4) == 0 {
            // Release: the slots are read before the sender may use them again.
            self.area.word64(TAIL).store(number + 1, Ordering::Release);
            if self.sleeps {
                wake(self.area.word32(SENDER_SLEEPS))?;
            }
        }
        Ok(())
    }
}

/// Spins until `ready`, or sleeps on the word `sleeping` if there is one.
fn wait_until(sleeping: Option<&AtomicU32>, ready: impl Fn() -> bool) -> io::Result<()> {
    let Some(sleeping) = sleeping else {
        while !ready() {
            // Leaving the line alone for a while lets the other side fill several slots.
            for _ in 0..BACK_OFF {
                std::hint::spin_loop();
            }
        }
        return Ok(());
    };
    while !ready() {
        sleeping.store(1, Ordering::Relaxed);
        // Pairs with the fence in `wake`: one of the two sides sees the other's store.
        fence(Ordering::SeqCst);
        if ready() {
            sleeping.store(0, Ordering::Relaxed);
            return Ok(());
        }
        match futex::wait(sleeping, futex::Flags::empty(), 1, None) {
            Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// How many `pause`s between two looks at a slot that is not ready.
const BACK_OFF: u32 = 40;

/// Wakes whoever sleeps on `sleeping`.
#[inline]
fn wake(sleeping: &AtomicU32) -> io::Result<()> {
    // Pairs with the fence in `wait_until`: what was published before is seen, or the sleeper is.
    fence(Ordering::SeqCst);
    if sleeping.load(Ordering::Relaxed) == 1 {
        sleeping.store(0, Ordering::Relaxed);
        futex::wake(sleeping, futex::Flags::empty(), 1)?;
    }
    Ok(())
}
