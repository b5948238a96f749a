//! The least that the machine needs for a piece of work, in C shape: plain copies, one flag, no promise.
//!
//! A floor keeps no promise that a library must keep (no bounds, no death of a peer, no time-out), so a
//! library cannot be faster by doing the same work better, only by doing other work.

mod exchange;
mod ring;
mod single;

pub use exchange::{Sleep, event_ping_pong, exchange, flag_only, futex_ping_pong};
pub use ring::{one_way, one_way_in_place};
pub use single::{copy, empty_system_call};

/// Words that different processes write lie this far apart: processors fetch lines in pairs.
const LINE_PAIR: usize = 128;

/// One cache line.
const LINE: usize = 64;
