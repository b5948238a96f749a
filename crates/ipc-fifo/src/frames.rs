//! Messages with a length, over the bytes of a FIFO.

use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::frames::{Decoder, Encoder, HEAD, RecvError, SendError};

use crate::error::{Error, Result};
use crate::reader::Reader;
use crate::writer::{PIPE_BUF, Writer};

/// Whole messages over a FIFO: each is sent and received as one piece, its length before it.
///
/// `Frames<Writer>` sends, `Frames<Reader>` receives. A message longer than the limit (16 MiB unless
/// asked otherwise) is refused on both sides; room grows only with the bytes that really came, so a
/// sender that lies about a length gains nothing.
///
/// A [persistent](Reader::persistent) reader cannot notice that a writer was killed inside a message:
/// what comes then is taken for its rest. Let writers use [`shared`](Self::shared) there.
///
/// On the wire: the length as 32 bits, little-endian, then the bytes.
///
/// ```
/// # fn main() -> Result<(), ipc_fifo::Error> {
/// # let dir = ipc_devkit::scratch::dir();
/// # let path = dir.path().join("fifo");
/// use ipc_fifo::{Fifo, Frames};
/// let fifo = Fifo::create(path)?;
/// let mut from = Frames::new(fifo.try_open_reader()?);
/// let mut to = Frames::new(fifo.open_writer()?);
/// to.send(b"first")?;
/// to.send(b"")?;
/// assert_eq!(from.recv()?, b"first");
/// assert_eq!(from.recv()?, b"");
/// drop(to);
/// assert!(matches!(from.recv(), Err(ipc_fifo::Error::Closed { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Frames<End> {
    end: End,
    // An end only ever uses one of the two; the other holds no memory.
    from: Decoder,
    to: Encoder,
}

/// The longest message, unless asked otherwise: 16 MiB.
const LIMIT: usize = 16 << 20;

impl<End> Frames<End> {
    /// Frames of up to 16 MiB over a [`Reader`] or a [`Writer`].
    pub fn new(end: End) -> Self {
        Self::with_limit(end, LIMIT)
    }

    /// Frames of up to `limit` bytes.
    pub fn with_limit(end: End, limit: usize) -> Self {
        Self { end, from: Decoder::new(limit), to: Encoder::new(limit) }
    }

    /// The end underneath, for its canceller, its capacity or `watch_peer`.
    pub fn end_mut(&mut self) -> &mut End {
        &mut self.end
    }
}

impl Frames<Writer> {
    /// The longest message that goes out in one piece: [`PIPE_BUF`] less the length before it.
    pub const ATOMIC: usize = PIPE_BUF - HEAD;

    /// For a FIFO that several processes write to: refuses messages longer than
    /// [`ATOMIC`](Self::ATOMIC), since the parts of longer ones would mix with others'.
    #[must_use]
    pub fn shared(writer: Writer) -> Self {
        Self::with_limit(writer, Self::ATOMIC)
    }

    /// Sends one message, waiting for room.
    ///
    /// # Errors
    /// `MessageTooLong`: nothing was sent. `Closed`, `Cancelled`, `Os`. When an error comes in the
    /// middle of the message, its rest stays here ([`unsent`](Self::unsent)) and goes out before the
    /// next message, or with [`flush`](Self::flush): do not send it again.
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        self.send_until(message, Wait::FOREVER)
    }

    /// As [`send`](Self::send), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: [`unsent`](Self::unsent) tells whether the message was begun. Otherwise as
    /// [`send`](Self::send).
    pub fn try_send(&mut self, message: &[u8]) -> Result<()> {
        self.send_until(message, Wait::No)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout` for the whole message.
    ///
    /// # Errors
    /// `TimedOut`: [`unsent`](Self::unsent) tells whether the message was begun. Otherwise as
    /// [`send`](Self::send).
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<()> {
        self.send_until(message, Wait::timeout(timeout))
    }

    /// As [`send`](Self::send), but waits no longer than to `deadline` for the whole message.
    ///
    /// # Errors
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline(&mut self, message: &[u8], deadline: Instant) -> Result<()> {
        self.send_until(message, Wait::deadline(deadline))
    }

    /// Bytes of a message that an error cut and that are still to be written.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.to.unsent()
    }

    /// Writes the rest of a message that an error cut. Dropping the frames instead leaves the
    /// receiver with `Truncated`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<()> {
        let Self { end, to, .. } = self;
        to.flush(|bufs| end.write_until(bufs, Wait::FOREVER))
    }

    fn send_until(&mut self, message: &[u8], wait: Wait) -> Result<()> {
        let Self { end, to, .. } = self;
        let limit = to.limit();
        to.send(message, |bufs| end.write_until(bufs, wait)).map_err(|error| match error {
            SendError::TooLong => Error::MessageTooLong { real: message.len(), limit },
            SendError::Stream(error) => error,
        })
    }

    /// The end underneath. What is unsent is lost.
    #[must_use]
    pub fn into_inner(self) -> Writer {
        self.end
    }
}

impl Frames<Reader> {
    /// Takes one message, waiting for all of it.
    ///
    /// # Errors
    /// `Closed`: all senders are gone, between two messages; or the watched process died.
    /// `Truncated`: the sender died, or closed its end, inside this message. `MessageTooLong`: more
    /// than the limit was announced, and the stream cannot be read any further. `Cancelled`, `Os`.
    pub fn recv(&mut self) -> Result<Vec<u8>> {
        self.recv_until(Wait::FOREVER)
    }

    /// As [`recv`](Self::recv), but does not wait.
    ///
    /// # Errors
    /// `WouldBlock`: no whole message is there; the part that came is kept. Otherwise as
    /// [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Vec<u8>> {
        self.recv_until(Wait::No)
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout` for the whole message.
    ///
    /// # Errors
    /// `TimedOut`: the part that came is kept. Otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>> {
        self.recv_until(Wait::timeout(timeout))
    }

    /// As [`recv`](Self::recv), but waits no longer than to `deadline` for the whole message.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Vec<u8>> {
        self.recv_until(Wait::deadline(deadline))
    }

    /// As [`recv`](Self::recv), but lends the message where it stands: no allocation, no copy.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_ref(&mut self) -> Result<&[u8]> {
        self.next_until(Wait::FOREVER)
    }

    fn recv_until(&mut self, wait: Wait) -> Result<Vec<u8>> {
        self.next_until(wait).map(<[u8]>::to_vec)
    }

    fn next_until(&mut self, wait: Wait) -> Result<&[u8]> {
        let Self { end, from, .. } = self;
        let limit = from.limit();
        // A death that the watch saw inside a message has cut that message.
        let (held, want) = from.progress();
        let mut got = held;
        let message = from.next(|buf| {
            let n = end.read_until(buf, wait)?;
            got += n;
            Ok(n)
        });
        message.map_err(|error| match error {
            RecvError::End => Error::Closed { peer_died: false },
            RecvError::Truncated { got, want } => cut(got, want),
            RecvError::TooLong { len } => Error::MessageTooLong { real: len, limit },
            RecvError::Stream(Error::Closed { .. }) if got > 0 => cut(got, want),
            RecvError::Stream(error) => error,
        })
    }

    /// The end underneath, and the bytes that were read from it but not taken as messages.
    #[must_use]
    pub fn into_parts(self) -> (Reader, Vec<u8>) {
        (self.end, self.from.into_rest())
    }
}

/// A message that stays incomplete.
fn cut(got: usize, want: usize) -> Error {
    crate::log::warn(format_args!("message cut: {got} of {want} bytes came through a FIFO"));
    Error::Truncated { got, want }
}

/// The messages until all senders are gone. An error other than that end is returned once, and
/// ends the iteration.
impl IntoIterator for Frames<Reader> {
    type Item = Result<Vec<u8>>;
    type IntoIter = Messages;

    fn into_iter(self) -> Messages {
        Messages(Some(self))
    }
}

/// The iterator over received messages, made by [`Frames::into_iter`].
#[derive(Debug)]
pub struct Messages(Option<Frames<Reader>>);

impl Iterator for Messages {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.as_mut()?.recv() {
            Ok(message) => Some(Ok(message)),
            Err(Error::Closed { peer_died: false }) => {
                self.0 = None;
                None
            }
            Err(error) => {
                self.0 = None;
                Some(Err(error))
            }
        }
    }
}
