//! Messages with a length, over any stream.

use std::time::{Duration, Instant};

use ipc_core::Wait;
use ipc_core::frames::{Decoder, Encoder, RecvError, SendError};

use crate::error::{Error, Result};
use crate::socket::Socket;

/// Whole messages over a stream: each is sent and received as one piece, its length before it.
///
/// A message longer than the limit (16 MiB unless asked otherwise) is refused on both sides; room grows
/// only with the bytes that really came, so a sender that lies about a length gains nothing. A deadline
/// covers the whole message: a peer that sends half of one and stalls costs no more than that.
///
/// On the wire: the length as 32 bits, little-endian, then the bytes.
///
/// ```
/// # fn main() -> Result<(), ipc_sock::Error> {
/// use ipc_sock::{Frames, unix::Stream};
/// let (ours, theirs) = Stream::pair()?;
/// let (mut ours, mut theirs) = (Frames::new(ours), Frames::new(theirs));
/// ours.send(b"question")?;
/// assert_eq!(theirs.recv()?, b"question");
/// theirs.send(b"")?;
/// assert_eq!(ours.recv()?, b"");
/// drop(theirs);
/// assert!(matches!(ours.recv(), Err(ipc_sock::Error::Closed { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Frames<S> {
    stream: S,
    from: Decoder,
    to: Encoder,
}

/// The longest message, unless asked otherwise: 16 MiB.
const LIMIT: usize = 16 << 20;

/// A stream that [`Frames`] can work over: those of this crate.
pub trait ByteStream: sealed::Bytes {}

pub(crate) mod sealed {
    //! How frames reach the socket under a stream.

    pub trait Bytes {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "the trait cannot be named outside")]
        fn socket(&self) -> &super::Socket;
    }
}

macro_rules! byte_stream {
    ($Type:ty) => {
        impl $crate::frames::sealed::Bytes for $Type {
            #[expect(private_interfaces, reason = "the trait cannot be named outside")]
            fn socket(&self) -> &$crate::socket::Socket {
                &self.0
            }
        }
        impl $crate::frames::ByteStream for $Type {}
    };
}
pub(crate) use byte_stream;

byte_stream!(crate::unix::Stream);

impl<S: ByteStream> Frames<S> {
    /// Frames of up to 16 MiB.
    pub fn new(stream: S) -> Self {
        Self::with_limit(stream, LIMIT)
    }

    /// Frames of up to `limit` bytes.
    pub fn with_limit(stream: S, limit: usize) -> Self {
        Self { stream, from: Decoder::new(limit), to: Encoder::new(limit) }
    }

    /// The stream underneath, to ask about the peer or to shut it down.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The stream underneath, for its canceller or `watch_peer`.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Sends one message, waiting for room.
    ///
    /// # Errors
    /// `MessageTooLong`: nothing was sent. `Closed`, `PeerReset`, `Cancelled`, `Os`. When an error
    /// comes in the middle of the message, its rest stays here ([`unsent`](Self::unsent)) and goes out
    /// before the next message, or with [`flush`](Self::flush): do not send it again.
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

    /// Bytes of a message that an error cut and that are still to be sent.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.to.unsent()
    }

    /// Sends the rest of a message that an error cut. Dropping the frames instead leaves the receiver
    /// with `Truncated`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<()> {
        let Self { stream, to, .. } = self;
        to.flush(|bufs| stream.socket().send_vectored(bufs, Wait::FOREVER))
    }

    fn send_until(&mut self, message: &[u8], wait: Wait) -> Result<()> {
        let Self { stream, to, .. } = self;
        let limit = to.limit();
        to.send(message, |bufs| stream.socket().send_vectored(bufs, wait)).map_err(|error| {
            match error {
                SendError::TooLong => Error::MessageTooLong { real: message.len(), limit },
                SendError::Stream(error) => error,
            }
        })
    }

    /// Takes one message, waiting for all of it.
    ///
    /// # Errors
    /// `Closed`: the other side closed the stream between two messages, or the watched process died.
    /// `Truncated`: it did so inside this message. `PeerReset`: it is gone, with bytes of ours unread.
    /// `MessageTooLong`: more than the limit was announced, and the stream cannot be read any further.
    /// `Cancelled`, `Os`.
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
        let Self { stream, from, .. } = self;
        let limit = from.limit();
        // A death that the watch saw inside a message has cut that message.
        let (held, want) = from.progress();
        let mut got = held;
        let message = from.next(|buf| {
            let n = stream.socket().recv(buf, wait)?;
            got += n;
            Ok(n)
        });
        message.map_err(|error| match error {
            RecvError::End => Error::closed(),
            RecvError::Truncated { got, want } => cut(got, want),
            RecvError::TooLong { len } => Error::MessageTooLong { real: len, limit },
            RecvError::Stream(Error::Closed { .. }) if got > 0 => cut(got, want),
            RecvError::Stream(error) => error,
        })
    }

    /// The stream underneath, and the bytes that were read from it but not taken as messages. What is
    /// unsent is lost.
    #[must_use]
    pub fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.from.into_rest())
    }
}

/// A message that stays incomplete.
fn cut(got: usize, want: usize) -> Error {
    crate::log::warn(format_args!("message cut: {got} of {want} bytes came over a socket"));
    Error::Truncated { got, want }
}
