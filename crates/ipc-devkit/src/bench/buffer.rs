//! The private memory that a message is written from and read into.

use std::ops::{Deref, DerefMut};

/// Zeroed bytes that begin on a page, for both halves of every subject.
///
/// Where a buffer begins matters: some processors copy more than 1 KiB at a twentieth of their speed when
/// the target lies 1 to 63 bytes after the source, counted within a line. With buffers from here no subject
/// meets that by the luck of the allocator.
///
/// # Examples
/// ```
/// let mut message = ipc_devkit::bench::Buffer::new(64);
/// message[0] = 1;
/// assert_eq!(message.len(), 64);
/// ```
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    size: usize,
}

impl Buffer {
    /// `size` bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let page = rustix::param::page_size();
        let bytes = vec![0; size + page];
        let start = bytes.as_ptr().align_offset(page);
        Self { bytes, start, size }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.size]
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.size]
    }
}
