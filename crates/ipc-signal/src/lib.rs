//! [`signal(7)`]: https://man7.org/linux/man-pages/man7/signal.7.html
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-signal is for 64-bit little-endian Linux");

mod set;
mod signal;

mod info;
mod mask;
mod queue;
mod wait;

mod process;
mod send;

mod disposition;
mod handler;
mod wake;

pub mod fault;
pub mod graceful;
mod isolated;
mod timer;

mod canceller;
mod error;
mod features;
mod log;
mod sys;
mod threads;

pub use canceller::Canceller;
pub use disposition::{Disposition, Override, default, disposition, ignore};
pub use error::{Error, Result};
pub use features::{Features, features};
pub use handler::{Action, Registration, handle, handle_with};
pub use info::{Cause, ChildEvent, SignalInfo};
pub use isolated::{run_isolated, run_isolated_deadline, run_isolated_timeout};
pub use mask::{Mask, block_early, pending, spawn_masked, unblock_in_child};
pub use process::{Exit, Process};
pub use queue::Signals;
pub use send::{raise, send_group, send_thread, thread_id};
pub use set::SignalSet;
pub use signal::{DefaultAction, Signal};
pub use timer::{SignalTimer, Timer};
pub use wait::{try_wait_for, wait_for, wait_for_deadline, wait_for_timeout};
pub use wake::Wake;
