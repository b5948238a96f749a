//! Ours, through the same traits as the rivals.

use std::io;

use ipc_mq::shared::{Queue, QueueOptions};
use ipc_sem::{Event, Reset};
use ipc_shm::ring;
use ipc_sock::unix::{SeqPacket, Stream};

use crate::ends::in_place::{RxInPlace, TxInPlace};
use crate::ends::{Ends, Late, Ready, Rx, Tx, Wait};
use crate::sweep;

/// A ring in shared memory. How its ends wait is chosen when they are opened.
///
/// A message does not wrap, so that the room for one more makes it as deep as the rivals.
///
/// # Errors
/// None here; opening reports what ours does.
pub fn ring(
    size: usize,
    capacity: usize,
    wait: Wait,
) -> Ends<Late<ring::Sender>, Late<ring::Receiver>> {
    let name = sweep::name("ring");
    let options = ring::Options::new().capacity((size + 64) * (capacity + 1)).wait(match wait {
        Wait::Spin => ring::Wait::Spin,
        Wait::Block => ring::Wait::Block,
    });
    let (name_too, options_too) = (name.clone(), options.clone());
    Ok((
        Late::new(move || Ok(options.open_or_create(&name)?)),
        Late::new(move || Ok(options_too.open_or_create(&name_too)?)),
    ))
}

impl Tx for ring::Sender {
    #[inline]
    fn send(&mut self, message: &[u8], _: Wait) -> io::Result<()> {
        Ok(ring::Sender::send(self, message)?)
    }
}

impl Rx for ring::Receiver {
    #[inline]
    fn recv(&mut self, into: &mut [u8], _: Wait) -> io::Result<()> {
        match self.recv_into(into)? {
            got if got == into.len() => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl TxInPlace for ring::Sender {
    #[inline]
    fn send_with(&mut self, size: usize, fill: impl FnOnce(&mut [u8])) -> io::Result<()> {
        let mut slot = self.reserve(size)?;
        fill(&mut slot);
        slot.commit();
        Ok(())
    }
}

impl RxInPlace for ring::Receiver {
    #[inline]
    fn recv_with(&mut self, check: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let message = self.peek()?;
        check(&message)?;
        message.release();
        Ok(())
    }
}

/// A queue in shared memory.
///
/// # Errors
/// None here; opening reports what ours does.
pub fn queue(size: usize, capacity: usize) -> Ends<Late<Queue>, Late<Queue>> {
    let name = sweep::name("queue");
    let open = move || {
        let options = QueueOptions::new().capacity(capacity).message_size(size);
        Ok(options.open_or_create(&name)?)
    };
    Ok((Late::new(open.clone()), Late::new(open)))
}

impl Tx for Queue {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => loop {
                match self.try_send(0, message) {
                    Err(ipc_mq::Error::WouldBlock) => std::hint::spin_loop(),
                    done => return Ok(done?),
                }
            },
            Wait::Block => Ok(Queue::send(self, 0, message)?),
        }
    }
}

impl Rx for Queue {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        let message = match wait {
            Wait::Spin => loop {
                match self.try_recv_now() {
                    Err(ipc_mq::Error::WouldBlock) => std::hint::spin_loop(),
                    done => break done?,
                }
            },
            Wait::Block => self.recv_now()?,
        };
        crate::ends::copy_out(&message.bytes, into)
    }
}

/// A stream socket pair.
///
/// # Errors
/// It cannot be made.
pub fn stream() -> Ends<Ready<Stream>, Ready<Stream>> {
    let (one, other) = Stream::pair()?;
    Ok((Ready(one), Ready(other)))
}

impl Tx for Stream {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        let mut sent = 0;
        while sent < message.len() {
            let rest = &message[sent..];
            let part =
                if wait == Wait::Spin { self.try_send(rest) } else { Stream::send(self, rest) };
            sent += some(part)?;
        }
        Ok(())
    }
}

impl Rx for Stream {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        let mut got = 0;
        while got < into.len() {
            let rest = &mut into[got..];
            let part =
                if wait == Wait::Spin { self.try_recv(rest) } else { Stream::recv(self, rest) };
            match part {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                part => got += some(part)?,
            }
        }
        Ok(())
    }
}

/// A socket pair that keeps messages whole.
///
/// # Errors
/// It cannot be made.
pub fn seqpacket() -> Ends<Ready<SeqPacket>, Ready<SeqPacket>> {
    let (one, other) = SeqPacket::pair()?;
    Ok((Ready(one), Ready(other)))
}

impl Tx for SeqPacket {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => while some(self.try_send(message).map(|()| 1))? == 0 {},
            Wait::Block => SeqPacket::send(self, message)?,
        }
        Ok(())
    }
}

impl Rx for SeqPacket {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => while some(self.try_recv(into).map(|_| 1))? == 0 {},
            Wait::Block => drop(SeqPacket::recv(self, into)?),
        }
        Ok(())
    }
}

/// How much was done; nothing where the call would have had to wait.
#[inline]
fn some(done: ipc_sock::Result<usize>) -> io::Result<usize> {
    match done {
        Err(ipc_sock::Error::WouldBlock) => {
            std::hint::spin_loop();
            Ok(0)
        }
        done => Ok(done?),
    }
}

/// An event that one wait uses up.
///
/// # Errors
/// None here; opening reports what ours does.
pub fn event() -> Ends<Late<Event>, Late<Event>> {
    let name = sweep::name("event");
    let open = move || Ok(Event::open_or_create(&name, Reset::Auto)?);
    Ok((Late::new(open.clone()), Late::new(open)))
}

impl Tx for Event {
    #[inline]
    fn send(&mut self, _: &[u8], _: Wait) -> io::Result<()> {
        Ok(self.set()?)
    }
}

impl Rx for Event {
    #[inline]
    fn recv(&mut self, _: &mut [u8], _: Wait) -> io::Result<()> {
        Ok(self.wait()?)
    }
}
