//! The protocol of a ring, for each side: what is stored, in which order. No waiting, no system call.
//!
//! | word | values | written by | ordering |
//! |---|---|---|---|
//! | header of a record | 0: nothing yet; else see `record` | the sender | Release, after the message and after the 0 behind it; the receiver's load is Acquire |
//! | the word where the next header will be | 0 | the sender | Relaxed, before that Release |
//! | `taken` | bytes taken, all in all | the receiver | Release, after the message was copied out; Acquire |
//! | `tail` | what `taken` was some time ago | the receiver | the same |
//!
//! The sender keeps the next header's place free and 0. So no stale byte is ever taken for a header, a
//! killed sender leaves a 0 behind its last message, and its successor finds the end by walking from
//! `taken` to the first 0.
//!
//! `taken` is exact, so a message is received at most once, whoever dies. The sender reads it only when it
//! would have to wait: each look takes the line away from the receiver, which writes it for each message.
//! `tail` is for the sender of a stream: written when a quarter of the ring was taken, or nothing is left.
#![cfg_attr(loom, expect(dead_code, reason = "the models use a part"))]

use super::record::{HEADER, PADDING, Place, Word, committed, decode, message};
use crate::atomic::{AtomicU64, Ordering};

/// The words of a ring. Offsets are multiples of 8 and lie inside the ring.
pub(crate) trait Words {
    /// Bytes of the ring: a private copy, a multiple of 64.
    fn size(&self) -> usize;
    /// The header word at `at`.
    fn header(&self, at: usize) -> &AtomicU64;
    /// How many bytes the receiver has taken.
    fn taken(&self) -> &AtomicU64;
    /// How many it had taken some time ago.
    fn tail(&self) -> &AtomicU64;
}

/// What a ring holds cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// The sending side: where the next record goes.
///
/// A position counts bytes from the ring's beginning on, lap after lap; an offset is one within a lap.
#[derive(Debug)]
pub(crate) struct Tx {
    /// Offset of the next header, whose word is 0.
    at: usize,
    /// Up to which offset of this lap it may write, headers included.
    until: usize,
    /// Position of this lap's offset 0.
    lap: u64,
    /// Up to which position it may write: what the receiver had taken when last looked at, and the size.
    limit: u64,
}

impl Tx {
    /// Finds the end of what was sent so far.
    pub(crate) fn find(words: &impl Words) -> Result<Self, Corrupt> {
        let size = words.size();
        let (mut at, mut lap) = start(words)?;
        let limit = lap + (at + size) as u64;
        // A sound ring ends within its size.
        while lap + (at as u64) < limit {
            at = match decode(words.header(at).load(Ordering::Acquire), at, size) {
                Word::Nothing => {
                    let mut found = Self { at, until: 0, lap, limit };
                    found.until = found.end_of_lap(size);
                    return Ok(found);
                }
                Word::Pad => size,
                Word::Message(place) => place.end,
                Word::Corrupt => return Err(Corrupt),
            };
            if at == size {
                (at, lap) = (0, lap + size as u64);
            }
        }
        Err(Corrupt)
    }

    /// A place for a message of `len` bytes; none if a look at the receiver's side is needed first: see
    /// [`find_place`](Self::find_place).
    #[inline]
    pub(crate) fn place(&self, len: usize) -> Option<Place> {
        let place = Place::new(self.at, len);
        if place.end + HEADER <= self.until { Some(place) } else { None }
    }

    /// A place for a message of `len` bytes, which fits the ring; none if there is no room, as far as
    /// `tail` tells.
    pub(crate) fn find_place(
        &mut self,
        words: &impl Words,
        len: usize,
    ) -> Result<Option<Place>, Corrupt> {
        self.look(words, words.tail())?;
        Ok(self.make_place(words, len))
    }

    /// As [`find_place`](Self::find_place), and certain.
    pub(crate) fn find_place_exactly(
        &mut self,
        words: &impl Words,
        len: usize,
    ) -> Result<Option<Place>, Corrupt> {
        self.look(words, words.taken())?;
        Ok(self.make_place(words, len))
    }

    /// Looks how far the receiver got.
    fn look(&mut self, words: &impl Words, word: &AtomicU64) -> Result<(), Corrupt> {
        let size = words.size();
        let taken = word.load(Ordering::Acquire);
        // It cannot be ahead of what was sent.
        if taken > self.position() {
            return Err(Corrupt);
        }
        self.limit = self.limit.max(taken + size as u64);
        self.until = self.end_of_lap(size);
        Ok(())
    }

    fn make_place(&mut self, words: &impl Words, len: usize) -> Option<Place> {
        let size = words.size();
        if Place::new(self.at, len).end > size {
            if !self.has_room(size) {
                return None;
            }
            words.header(0).store(0, Ordering::Relaxed);
            words.header(self.at).store(PADDING, Ordering::Release);
            self.wrap(size);
        }
        let place = Place::new(self.at, len);
        (place.end <= size && self.has_room(place.end)).then_some(place)
    }

    /// Whether records may be written up to the offset `end`, and the header behind them.
    fn has_room(&self, end: usize) -> bool {
        self.lap + (end + HEADER) as u64 <= self.limit
    }

    /// The part of this lap that may be written.
    fn end_of_lap(&self, size: usize) -> usize {
        usize::try_from(self.limit - self.lap).map_or(size, |room| room.min(size))
    }

    fn position(&self) -> u64 {
        self.lap + self.at as u64
    }

    /// Publishes the message that was written to `place`, the last one that was asked for.
    #[inline]
    pub(crate) fn commit(&mut self, words: &impl Words, place: Place) {
        self.prepare(words, place);
        Self::publish(words, place);
    }

    /// Steps over `place`, whose header stays 0 until [`publish`](Self::publish).
    #[inline]
    pub(crate) fn prepare(&mut self, words: &impl Words, place: Place) {
        if place.end == words.size() {
            words.header(0).store(0, Ordering::Relaxed);
            self.wrap(place.end);
        } else {
            words.header(place.end).store(0, Ordering::Relaxed);
            self.at = place.end;
        }
    }

    /// Shows the message at `place`, and all behind it.
    #[inline]
    pub(crate) fn publish(words: &impl Words, place: Place) {
        words.header(place.at).store(committed(place.len), Ordering::Release);
    }

    #[cold]
    fn wrap(&mut self, size: usize) {
        self.at = 0;
        self.lap += size as u64;
        self.until = self.end_of_lap(size);
    }

    /// Up to which position the receiver must get for a message of `len` bytes to be placed, or for the
    /// padding before it; less the size.
    pub(crate) fn needs(&self, words: &impl Words, len: usize) -> u64 {
        let end = Place::new(self.at, len).end.min(words.size());
        self.lap + (end + HEADER) as u64
    }

    /// Whether the receiver got so far.
    pub(crate) fn has_room_now(words: &impl Words, needed: u64) -> bool {
        let taken = words.taken().load(Ordering::Acquire);
        needed <= taken.saturating_add(words.size() as u64)
    }

    /// Bytes that were sent and not taken yet, with headers and padding.
    pub(crate) fn pending(&self, words: &impl Words) -> u64 {
        self.position().wrapping_sub(words.taken().load(Ordering::Acquire))
    }
}

/// The receiving side: where the next record is read.
#[derive(Debug)]
pub(crate) struct Rx {
    /// Offset of the next header.
    at: usize,
    /// Position of this lap's offset 0.
    lap: u64,
    /// What `tail` says.
    told: u64,
}

impl Rx {
    /// Begins where the last receiver ended.
    pub(crate) fn find(words: &impl Words) -> Result<Self, Corrupt> {
        let found = Self::view(words)?;
        // The one before may have died without telling.
        words.tail().store(found.told, Ordering::Release);
        Ok(found)
    }

    /// As [`find`](Self::find), to look only: nothing is written.
    pub(crate) fn view(words: &impl Words) -> Result<Self, Corrupt> {
        let (at, lap) = start(words)?;
        Ok(Self { at, lap, told: lap + at as u64 })
    }

    /// Where the next header is.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// Whether something was sent: one load.
    #[inline]
    pub(crate) fn ready(&self, words: &impl Words) -> bool {
        words.header(self.at).load(Ordering::Acquire) != 0
    }

    /// The next message; none also if something else stands there: see [`next`](Self::next).
    #[inline]
    pub(crate) fn message(&self, words: &impl Words) -> Option<Place> {
        let word = words.header(self.at).load(Ordering::Acquire);
        message(word, self.at, words.size())
    }

    /// The next message, if one was sent. It stays until it is [taken](Self::take).
    pub(crate) fn next(&mut self, words: &impl Words) -> Result<Option<Place>, Corrupt> {
        let word = words.header(self.at).load(Ordering::Acquire);
        match decode(word, self.at, words.size()) {
            Word::Message(place) => Ok(Some(place)),
            Word::Nothing => Ok(None),
            other => self.skip(words, other),
        }
    }

    #[cold]
    fn skip(&mut self, words: &impl Words, word: Word) -> Result<Option<Place>, Corrupt> {
        let size = words.size();
        // At the start there is nothing to pad.
        if word != Word::Pad || self.at == 0 {
            return Err(Corrupt);
        }
        self.pass(words, size);
        self.settle(words);
        let word = words.header(0).load(Ordering::Acquire);
        match decode(word, 0, size) {
            Word::Message(place) => Ok(Some(place)),
            Word::Nothing => Ok(None),
            Word::Pad | Word::Corrupt => Err(Corrupt),
        }
    }

    /// Gives the room of a message back, which has been read.
    #[inline]
    pub(crate) fn take(&mut self, words: &impl Words, place: Place) {
        self.pass(words, place.end);
        self.settle(words);
    }

    /// Steps to the offset `end`; nothing is given back until [`settle`](Self::settle).
    #[inline]
    pub(crate) fn pass(&mut self, words: &impl Words, end: usize) {
        self.at = end;
        if end == words.size() {
            self.at = 0;
            self.lap += end as u64;
        }
    }

    /// Gives the room of all that was passed back.
    #[inline]
    pub(crate) fn settle(&mut self, words: &impl Words) {
        let position = self.position();
        words.taken().store(position, Ordering::Release);
        if position - self.told >= (words.size() / 4) as u64 {
            self.tell(words);
        }
    }

    /// Tells a streaming sender what was taken.
    #[inline]
    pub(crate) fn tell(&mut self, words: &impl Words) {
        self.told = self.position();
        words.tail().store(self.told, Ordering::Release);
    }

    /// Whether everything was told.
    #[inline]
    pub(crate) fn has_told(&self) -> bool {
        self.told == self.position()
    }

    #[inline]
    fn position(&self) -> u64 {
        self.lap + self.at as u64
    }

    /// How many messages wait. At most `most` are counted.
    pub(crate) fn count(&self, words: &impl Words, most: usize) -> usize {
        let size = words.size();
        let (mut at, mut count, mut passed) = (self.at, 0, 0);
        while count < most && passed < size {
            let step = match decode(words.header(at).load(Ordering::Acquire), at, size) {
                Word::Nothing | Word::Corrupt => break,
                Word::Pad => size - at,
                Word::Message(place) => {
                    count += 1;
                    place.end - place.at
                }
            };
            passed += step;
            at = wrapped(at + step, size);
        }
        count
    }
}

/// Where the next message that nobody has taken stands: its offset, and the position of its lap.
fn start(words: &impl Words) -> Result<(usize, u64), Corrupt> {
    let (taken, size) = (words.taken().load(Ordering::Acquire), words.size() as u64);
    let at = usize::try_from(taken % size).map_err(|_| Corrupt)?;
    // Positions grow by less than an exabyte.
    if at % HEADER == 0 && taken < 1 << 62 { Ok((at, taken - taken % size)) } else { Err(Corrupt) }
}

fn wrapped(at: usize, size: usize) -> usize {
    if at == size { 0 } else { at }
}
