//! Messages in a byte stream: a 32-bit little-endian length, then that many bytes.
//!
//! Both sides keep their place inside a message, so that a deadline in the middle of one loses
//! nothing. The stream itself is given to each call as a closure that reads or writes some bytes;
//! the closure holds the deadline, so one deadline covers the whole message.

use std::io::IoSlice;

/// Bytes of the length before each message.
pub const HEAD: usize = 4;
/// How much is read at a time, and the step by which room is made for a long message: a peer that
/// lies about a length gets no more memory than it sends bytes.
const CHUNK: usize = 64 * 1024;

/// Why no message came.
#[derive(Debug)]
pub enum RecvError<E> {
    /// The stream ended between two messages.
    End,
    /// The stream ended inside a message: `got` of `want` bytes, its length field included.
    Truncated {
        /// Bytes that came.
        got: usize,
        /// Bytes that were announced.
        want: usize,
    },
    /// The next message is longer than allowed. It cannot be skipped: a length that is wrong would
    /// make every later one wrong too.
    TooLong {
        /// The announced length.
        len: usize,
    },
    /// Reading failed.
    Stream(E),
}

/// The receiving side: what has come and is not yet taken.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// Bytes read from the stream; `bytes[..start]` are taken, `bytes[start..end]` are not, the
    /// rest is room.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Decoder {
    /// A decoder that refuses messages longer than `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, bytes: Vec::new(), start: 0, end: 0 }
    }

    /// The longest message it accepts.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for a whole message and lends it; it is gone with the next call.
    ///
    /// # Errors
    /// See [`RecvError`]. After `Stream`, call again: nothing that came is lost.
    pub fn next<E>(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<&[u8], RecvError<E>> {
        let len = self.fill(&mut read)?;
        let start = self.start + HEAD;
        self.start = start + len;
        Ok(&self.bytes[start..start + len])
    }

    /// As [`next`](Self::next), but leaves the message in place: the length of a whole message that
    /// is here.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn fill<E>(
        &mut self,
        read: &mut impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, RecvError<E>> {
        loop {
            let want = match self.announced()? {
                Some(len) if self.held() >= HEAD + len => return Ok(len),
                Some(len) => HEAD + len,
                None => HEAD,
            };
            self.make_room(want);
            match read(&mut self.bytes[self.end..]).map_err(RecvError::Stream)? {
                0 if self.held() == 0 => return Err(RecvError::End),
                0 => return Err(RecvError::Truncated { got: self.held(), want }),
                more => self.end += more,
            }
        }
    }

    /// Bytes that have come and are not taken. Not 0 between messages only if more than one came.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.end - self.start
    }

    /// Bytes of the message that is arriving, its length field included: what came, what it wants.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let want = self.head().map_or(HEAD, |len| HEAD + len);
        (self.held(), want)
    }

    /// The bytes that were read from the stream and not taken.
    #[must_use]
    pub fn into_rest(mut self) -> Vec<u8> {
        self.bytes.truncate(self.end);
        self.bytes.drain(..self.start);
        self.bytes
    }

    fn head(&self) -> Option<usize> {
        let head = self.bytes[self.start..self.end].first_chunk::<HEAD>()?;
        usize::try_from(u32::from_le_bytes(*head)).ok()
    }

    fn announced<E>(&self) -> Result<Option<usize>, RecvError<E>> {
        match self.head() {
            Some(len) if len > self.limit => Err(RecvError::TooLong { len }),
            head => Ok(head),
        }
    }

    /// Makes room to read on towards a message of `want` bytes.
    fn make_room(&mut self, want: usize) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // Twice what has come, at least a chunk, and never more than the message and a chunk.
        let room = (self.end * 2).clamp(CHUNK, want.max(CHUNK));
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
    }
}

/// Why a message was not sent.
#[derive(Debug)]
pub enum SendError<E> {
    /// It is longer than allowed; nothing was sent.
    TooLong,
    /// Writing failed.
    Stream(E),
}

/// The sending side: the rest of a message that a deadline cut.
#[derive(Debug)]
pub struct Encoder {
    limit: usize,
    rest: Vec<u8>,
}

impl Encoder {
    /// An encoder that refuses messages longer than `limit` bytes (and than the length field holds).
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.min(u32::MAX as usize), rest: Vec::new() }
    }

    /// The longest message it accepts.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes of an earlier message that are still to be written.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.rest.len()
    }

    /// Writes the rest of an earlier message.
    ///
    /// # Errors
    /// What `write` reports; call again to go on.
    pub fn flush<E>(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>,
    ) -> Result<(), E> {
        while !self.rest.is_empty() {
            let sent = write(&[IoSlice::new(&self.rest)])?;
            self.rest.drain(..sent);
        }
        Ok(())
    }

    /// Writes what is left of an earlier message, then this one.
    ///
    /// # Errors
    /// If [`unsent`](Self::unsent) grew, the message was begun: it goes out with the next call and
    /// must not be sent again. Otherwise nothing of it was sent.
    pub fn send<E>(
        &mut self,
        message: &[u8],
        mut write: impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>,
    ) -> Result<(), SendError<E>> {
        if message.len() > self.limit {
            return Err(SendError::TooLong);
        }
        self.flush(&mut write).map_err(SendError::Stream)?;
        let head = u32::try_from(message.len()).map_err(|_| SendError::TooLong)?.to_le_bytes();
        let mut sent =
            write(&[IoSlice::new(&head), IoSlice::new(message)]).map_err(SendError::Stream)?;
        while sent < HEAD + message.len() {
            let (head, body) = (&head[sent.min(HEAD)..], &message[sent.saturating_sub(HEAD)..]);
            match write(&[IoSlice::new(head), IoSlice::new(body)]) {
                Ok(more) => sent += more,
                Err(error) => {
                    self.rest.extend_from_slice(head);
                    self.rest.extend_from_slice(body);
                    return Err(SendError::Stream(error));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
