//! Halves for anything that carries bytes one way: pipes, FIFOs, stream sockets.

use std::io;

use super::{Buffer, Pair, Turns};

/// A call that sends some bytes. It stands behind a function call, as `write` does in C: after a system
/// call each return costs some 20 ns, and a subject that happens to be inlined would seem faster.
pub type Send = Box<dyn FnMut(&[u8]) -> io::Result<usize>>;

/// A call that receives some bytes.
pub type Receive = Box<dyn FnMut(&mut [u8]) -> io::Result<usize>>;

/// The two ends of a one-way channel.
pub struct Ends {
    /// Sends some of the bytes it is given.
    pub send: Send,
    /// Receives some bytes; 0 is the end of the stream.
    pub receive: Receive,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

/// A message of `size` bytes there, through one channel, and back through another.
///
/// # Errors
/// What `make` reports.
pub fn round_trip(size: usize, mut make: impl FnMut() -> io::Result<Ends>) -> io::Result<Pair> {
    let (there, back) = (make()?, make()?);
    let (mut ask, mut hear) = (there.send, there.receive);
    let (mut answer, mut learn) = (back.send, back.receive);
    let (mut near, mut far) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut near, number);
                send(&mut ask, &near)?;
                receive(&mut learn, &mut near)?;
                turns.check(&near, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                receive(&mut hear, &mut far)?;
                turns.check(&far, number)?;
                send(&mut answer, &far)?;
            }
            Ok(())
        },
    ))
}

/// Messages of `size` bytes through one channel, as fast as they go.
#[must_use]
pub fn one_way(size: usize, ends: Ends) -> Pair {
    let (mut sender, mut receiver) = (ends.send, ends.receive);
    let (mut near, mut far) = (Buffer::new(size), Buffer::new(size));
    Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                receive(&mut receiver, &mut near)?;
                turns.check(&near, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut far, number);
                send(&mut sender, &far)?;
            }
            Ok(())
        },
    )
}

/// Sends and receives in one process, with nobody to wait for: what the calls cost.
#[must_use]
pub fn alone(size: usize, ends: Ends) -> Pair {
    let (mut sender, mut receiver) = (ends.send, ends.receive);
    let mut message = Buffer::new(size);
    Pair::alone(move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut message, number);
            send(&mut sender, &message)?;
            receive(&mut receiver, &mut message)?;
            turns.check(&message, number)?;
        }
        Ok(())
    })
}

/// Sends all of `message`.
#[inline]
fn send(some: &mut Send, message: &[u8]) -> io::Result<()> {
    let mut sent = 0;
    while sent < message.len() {
        sent += some(&message[sent..])?;
    }
    Ok(())
}

/// Receives a whole message.
#[inline]
fn receive(some: &mut Receive, message: &mut [u8]) -> io::Result<()> {
    let mut got = 0;
    while got < message.len() {
        match some(&mut message[got..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => got += more,
        }
    }
    Ok(())
}
