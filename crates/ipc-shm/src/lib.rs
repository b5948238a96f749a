//! [`ring`]: crate::ring
//! [`ring::of`]: crate::ring::of
//! [`ring::untrusted`]: crate::ring::untrusted
//! [`ring::Sender::reserve`]: crate::ring::Sender::reserve
//! [`ring::Receiver::peek`]: crate::ring::Receiver::peek
//! [`ring::Receiver::ready`]: crate::ring::Receiver::ready
//! [`Wait::Block`]: crate::Wait::Block
//! [`Wait::Spin`]: crate::Wait::Spin
//! [`features`]: crate::features()
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("ipc-shm is for 64-bit little-endian Linux");

pub mod ring;

pub mod broadcast;
#[cfg(not(loom))]
pub mod fan_in;
#[cfg(not(loom))]
pub mod latest;

#[doc(hidden)]
pub mod memory;
#[doc(hidden)]
pub mod slots;

mod atomic;

#[cfg(not(loom))]
mod area;
#[cfg(not(loom))]
mod canceller;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod event;
#[cfg(not(loom))]
mod features;
#[cfg(not(loom))]
pub mod guard;
#[cfg(not(loom))]
mod handle;
#[cfg(not(loom))]
mod log;
#[cfg(not(loom))]
mod named;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
mod wait;

#[cfg(not(loom))]
pub use canceller::Canceller;
#[cfg(not(loom))]
pub use error::{Error, Rejected, Result};
#[cfg(not(loom))]
pub use features::{Features, features};
#[cfg(not(loom))]
pub use ipc_core::safe::ShmSafe;
#[cfg(not(loom))]
pub use ipc_core::shm_safe;
#[cfg(not(loom))]
pub use latest::{Latest, LatestOptions, LatestReader, LatestWriter};
#[cfg(not(loom))]
pub use segment::{Cell, Huge, Key, Sealed, Segment, SegmentOptions, SysvSegment, SysvStat};
#[cfg(not(loom))]
pub use wait::Wait;
