//! The first stage's input, a piece at a time, whenever there is room.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};

use crate::error::{Error, Result};
use crate::pair::Writer;

const PIECE: usize = 64 << 10;

/// What is to be written, and where.
pub(super) struct Feed<'a> {
    to: Writer,
    /// What comes next is `piece[at..]`.
    piece: Cow<'a, [u8]>,
    at: usize,
    source: Option<Box<dyn Read + Send + 'a>>,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
pub(super) enum Fed {
    More,
    /// All of it is written.
    All,
    /// Nobody reads it any more.
    Unread,
}

impl<'a> Feed<'a> {
    pub(super) fn bytes(to: Writer, bytes: Cow<'a, [u8]>) -> Self {
        Self { to, piece: bytes, at: 0, source: None }
    }

    pub(super) fn reader(to: Writer, source: Box<dyn Read + Send + 'a>) -> Self {
        Self { to, piece: Cow::Owned(Vec::new()), at: 0, source: Some(source) }
    }

    /// Writes what there is room for.
    pub(super) fn feed(&mut self) -> Result<Fed> {
        if self.at == self.piece.len() && !self.refill()? {
            return Ok(Fed::All);
        }
        match self.to.try_write(&self.piece[self.at..]) {
            Ok(n) => self.at += n,
            Err(Error::WouldBlock) => {}
            Err(Error::Closed { .. }) => return Ok(Fed::Unread),
            Err(error) => return Err(error),
        }
        let is_all = self.source.is_none() && self.at == self.piece.len();
        Ok(if is_all { Fed::All } else { Fed::More })
    }

    /// The next piece; false at the end.
    fn refill(&mut self) -> Result<bool> {
        let Some(source) = &mut self.source else { return Ok(false) };
        let piece = self.piece.to_mut();
        piece.resize(PIECE, 0);
        self.at = 0;
        let got = loop {
            match source.read(piece) {
                Ok(n) => break n.min(PIECE),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    piece.clear();
                    return Err(Error::io("read input of pipeline", error));
                }
            }
        };
        piece.truncate(got);
        Ok(got > 0)
    }
}

impl AsFd for Feed<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.to.as_fd()
    }
}
