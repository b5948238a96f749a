//! Rings: messages from one process to another through memory that both see.

pub mod untrusted;
