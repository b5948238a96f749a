//! ipmpsc: a ring in a mapped file, with a lock shared between processes.
//!
//! The file is in `/dev/shm`. Messages are serialised as bytes, which is a copy, and received by its
//! zero-copy context, so that they are copied out once. Spinning is `send_timeout` of no time and
//! `try_recv`.

use std::io;
use std::time::Duration;

use ipmpsc::{Receiver, Sender, SharedRingBuffer};
use serde::{Serialize, Serializer};

use crate::ends::{Ends, Late, Rx, Tx, Wait, copy_out, failed, spin};
use crate::sweep;

/// What it puts before a message: its own length, and the serialiser's.
const OVERHEAD: usize = 12;

/// A ring with room for `capacity` messages.
///
/// # Errors
/// It cannot be made.
pub fn ends(size: usize, capacity: usize) -> Ends<Late<Sender>, Late<Receiver>> {
    let path = sweep::path("ipmpsc").to_string_lossy().into_owned();
    let bytes = u32::try_from((size + OVERHEAD) * capacity).map_err(failed)?;
    // Dropped here: this maps the file, which the halves open for themselves.
    SharedRingBuffer::create(&path, bytes).map_err(failed)?;
    let open = move || SharedRingBuffer::open(&path).map_err(failed);
    let open_too = open.clone();
    Ok((
        Late::new(move || Ok(Sender::new(open()?))),
        Late::new(move || Ok(Receiver::new(open_too()?))),
    ))
}

/// Serialised in one piece; a slice would go byte by byte.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl Tx for Sender {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        let message = Bytes(message);
        match wait {
            Wait::Spin => spin(|| self.send_timeout(&message, Duration::ZERO).map_err(failed)),
            Wait::Block => Sender::send(self, &message).map_err(failed),
        }
    }
}

impl Rx for Receiver {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => spin(|| match self.zero_copy_context().try_recv::<&[u8]>() {
                Ok(Some(message)) => copy_out(message, into).map(|()| true),
                Ok(None) => Ok(false),
                Err(error) => Err(failed(error)),
            }),
            Wait::Block => {
                let mut context = self.zero_copy_context();
                copy_out(context.recv::<&[u8]>().map_err(failed)?, into)
            }
        }
    }
}

/// Makes a ring of 64 KiB in a temporary file, and both its ends.
///
/// # Errors
/// It cannot be made.
pub fn open_close() -> io::Result<()> {
    let (path, ring) = SharedRingBuffer::create_temp(64 << 10).map_err(failed)?;
    let _ends = (Sender::new(ring), Receiver::new(SharedRingBuffer::open(&path).map_err(failed)?));
    Ok(())
}
