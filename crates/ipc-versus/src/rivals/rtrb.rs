//! rtrb: a ring between two threads, which only spins.
//!
//! Short messages are its elements, as arrays; longer ones go through a ring of bytes by its slice calls,
//! which copy once in and once out.

use std::io;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::ends::{Ends, Rx, TryRx, TryTx, Tx, Wait, copy_out, failed, spin};

/// A ring of messages.
///
/// # Errors
/// None: the signature is that of all rivals.
pub fn of_messages<const N: usize>(capacity: usize) -> Ends<Producer<[u8; N]>, Consumer<[u8; N]>> {
    Ok(RingBuffer::new(capacity))
}

impl<const N: usize> Tx for Producer<[u8; N]> {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        spins(wait)?;
        spin(|| self.try_send(message))
    }
}

impl<const N: usize> TryTx for Producer<[u8; N]> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> io::Result<bool> {
        Ok(self.push(message.try_into().map_err(failed)?).is_ok())
    }
}

impl<const N: usize> Rx for Consumer<[u8; N]> {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        spins(wait)?;
        spin(|| self.try_recv(into))
    }
}

impl<const N: usize> TryRx for Consumer<[u8; N]> {
    #[inline]
    fn try_recv(&mut self, into: &mut [u8]) -> io::Result<bool> {
        match self.pop() {
            Ok(message) => copy_out(&message, into).map(|()| true),
            Err(_) => Ok(false),
        }
    }
}

/// A ring of bytes.
///
/// # Errors
/// None: the signature is that of all rivals.
pub fn of_bytes(size: usize, capacity: usize) -> Ends<Producer<u8>, Consumer<u8>> {
    Ok(RingBuffer::new(size * capacity))
}

impl Tx for Producer<u8> {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        spins(wait)?;
        spin(|| Ok(self.push_entire_slice(message).is_ok()))
    }
}

impl Rx for Consumer<u8> {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        spins(wait)?;
        spin(|| Ok(self.pop_entire_slice(into).is_ok()))
    }
}

#[inline]
fn spins(wait: Wait) -> io::Result<()> {
    match wait {
        Wait::Spin => Ok(()),
        Wait::Block => Err(io::ErrorKind::Unsupported.into()),
    }
}
