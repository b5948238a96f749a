//! Which of the messages in the lanes are taken over, and in which order.
//!
//! Of two messages of which one was sent before the sending of the other began, the earlier one must
//! come first. What one lane has is in order. Between lanes: either only one of them has messages,
//! and after the last of these was seen the others still have none; or the tickets decide, and only those
//! are taken that were given out before we looked. For if B's ticket is below that mark, and A was sent
//! before B was begun, then A was published before the mark was read, and is found too.

use super::atomic::{AtomicU64, Ordering};

/// The lanes of a queue, whose lock the caller has.
pub(super) trait Lanes {
    type Error;

    /// Which there are.
    fn lanes(&self) -> impl Iterator<Item = usize>;

    /// Slot and ticket of the `nth` message of a lane that was not taken over, if it was sent. The look
    /// acquires what its sender published.
    fn sent(&self, lane: usize, nth: u32) -> Result<Option<(u32, u64)>, Self::Error>;

    /// Gives out the tickets, to senders, by [`ticket`].
    fn tickets(&self) -> &AtomicU64;
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// The first `count` of one lane.
    InOne {
        lane: usize,
        count: u32,
    },
    /// Of several lanes: slot and lane of each.
    InOrder(Vec<(u32, usize)>),
}

/// A sender's, between the begin of its sending and the end.
#[inline]
pub(super) fn ticket(tickets: &AtomicU64) -> u64 {
    tickets.fetch_add(1, Ordering::AcqRel)
}

/// Messages with a lower ticket that were sent before a message with one are seen by who has this.
#[inline]
pub(super) fn mark(tickets: &AtomicU64) -> u64 {
    tickets.load(Ordering::Acquire)
}

/// Looks into all lanes.
#[inline]
pub(super) fn look<L: Lanes>(all: &L) -> Result<Found, L::Error> {
    let mut found = None;
    for lane in all.lanes() {
        if all.sent(lane, 0)?.is_some() && found.replace(lane).is_some() {
            return by_ticket(all);
        }
    }
    let Some(lane) = found else { return Ok(Found::Nothing) };
    let mut count = 1;
    while all.sent(lane, count)?.is_some() {
        count += 1;
    }
    for other in all.lanes() {
        if other != lane && all.sent(other, 0)?.is_some() {
            return by_ticket(all);
        }
    }
    Ok(Found::InOne { lane, count })
}

#[cold]
fn by_ticket<L: Lanes>(all: &L) -> Result<Found, L::Error> {
    let mark = mark(all.tickets());
    let mut found = Vec::new();
    for lane in all.lanes() {
        for nth in 0.. {
            match all.sent(lane, nth)? {
                Some((slot, ticket)) if ticket < mark => found.push((ticket, slot, lane)),
                _ => break,
            }
        }
    }
    found.sort_unstable();
    Ok(Found::InOrder(found.into_iter().map(|(_, slot, lane)| (slot, lane)).collect()))
}
