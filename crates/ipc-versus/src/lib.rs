//! The rivals in a shape that one bench can measure. The README follows.
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("ipc-versus is for Linux only");

pub mod contest;
pub mod death;
pub mod ends;
pub mod locks;
pub mod ours;
pub mod rivals;
pub mod sweep;
pub mod version;
