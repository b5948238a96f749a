//! Sleeping on several words at once, which may lie in several segments.

use std::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::futex::WaitFlags;

use super::{CancelWord, Membership, entry, nap, table};
use crate::deadline::Deadline;
use crate::wait::SLICE;

/// One of the words, as it was at the last look.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// Sleep while it is `expected`.
    pub word: &'a AtomicU32,
    /// What was seen in it.
    pub expected: u32,
    /// The segment it lies in.
    pub members: &'a Membership,
    /// [`Membership::deaths`], read before the word.
    pub deaths: u32,
    /// Ends the sleep too.
    pub cancel: Option<&'a CancelWord>,
}

impl CancelWord {
    /// The word: 0 until somebody cancels.
    #[must_use]
    pub fn word(&self) -> &AtomicU32 {
        &self.0
    }
}

/// Sleeps while every word is as expected, nobody dies and nobody cancels; at most 250 ms. Then the
/// caller looks again at everything. It is the index of the word on which somebody woke us, if one did:
/// if the caller takes another thing or leaves, that wake-up belongs to the next sleeper there.
///
/// At most 40 words: the kernel takes 128 entries.
#[must_use]
pub fn sleep_any(watched: &[Watched<'_>], deadline: Deadline) -> Option<usize> {
    let first = watched.first()?;
    let mut entries: Vec<_> =
        watched.iter().map(|one| entry(one.word, one.expected, WaitFlags::empty())).collect();
    for (index, one) in watched.iter().enumerate() {
        let deaths = &one.members.map().control().deaths;
        let known = |other: &Watched<'_>| std::ptr::eq(other.members, one.members);
        if !watched[..index].iter().any(known) {
            entries.push(entry(deaths, one.deaths, WaitFlags::empty()));
        }
        if let Some(cancel) = one.cancel {
            entries.push(entry(&*cancel.0, 0, WaitFlags::PRIVATE));
        }
    }
    let slept = nap(first.word, first.expected, &entries, deadline, SLICE);
    if slept == Err(Errno::TIMEDOUT) {
        for one in watched {
            table::report_deaths(one.members.map());
        }
    }
    slept.ok().filter(|index| *index < watched.len())
}
