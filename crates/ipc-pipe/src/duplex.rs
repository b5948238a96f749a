//! Two pipes, one each way: what two relatives need to talk.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use crate::error::Result;
use crate::pair::{Reader, Writer, pipe};

/// One side of a two-way pipe: it reads what the other side writes, and the other way round.
#[derive(Debug)]
pub struct Duplex {
    /// From the other side.
    pub reader: Reader,
    /// To the other side.
    pub writer: Writer,
}

/// Creates two pipes, crossed.
///
/// Whoever writes to the other side without ever reading from it can wait for ever while the other
/// does the same: agree whose turn it is, or use the forms with a deadline.
///
/// # Errors
/// `Limit`: too many descriptors or pipes.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), ipc_pipe::Error> {
/// let (mut ours, mut theirs) = ipc_pipe::duplex()?;
/// ours.writer.write(b"question")?;
/// let mut buf = [0; 8];
/// theirs.reader.read(&mut buf)?;
/// theirs.writer.write(b"answer")?;
/// assert_eq!(ours.reader.read(&mut buf)?, 6);
/// # Ok(())
/// # }
/// ```
pub fn duplex() -> Result<(Duplex, Duplex)> {
    let (our_reader, their_writer) = pipe()?;
    let (their_reader, our_writer) = pipe()?;
    Ok((
        Duplex { reader: our_reader, writer: our_writer },
        Duplex { reader: their_reader, writer: their_writer },
    ))
}

impl Duplex {
    /// The two ends, to be used by two threads or closed one at a time.
    #[must_use]
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }
}

impl Read for Duplex {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut self.reader, buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.reader.read_vectored(bufs)
    }
}

impl Write for Duplex {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Write::write(&mut self.writer, buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writer.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
