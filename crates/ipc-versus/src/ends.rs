//! What every rival is brought to: an end that sends whole messages and an end that receives them.
//!
//! Messages are copied in from the sender's buffer and copied out into the receiver's, whatever a rival
//! calls that. The calls are known at compile time, so a short one can be inlined, ours and theirs alike.

pub mod in_place;

use std::io;

use ipc_devkit::bench::{Buffer, Pair, Placement, Turns};

/// How an end waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It asks again and again, by the form of the call that never waits.
    Spin,
    /// It makes the call that waits.
    Block,
}

/// How many `pause`s are between two questions of an end that backs off.
pub const BACK_OFF: u32 = 40;

impl Wait {
    /// The way of waiting that belongs to a placement.
    #[must_use]
    pub fn of(placement: Placement) -> Self {
        if placement == Placement::Busy { Self::Spin } else { Self::Block }
    }
}

/// An end that sends.
pub trait Tx: 'static {
    /// Sends one message.
    ///
    /// # Errors
    /// What the rival reports.
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()>;
}

/// An end that receives.
pub trait Rx: 'static {
    /// Receives one message, which has exactly the length of `into`.
    ///
    /// # Errors
    /// What the rival reports.
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()>;
}

/// An end that may have to be opened by the process that uses it.
pub trait Open: 'static {
    /// What is opened.
    type End: 'static;

    /// The end, opened by the first call, which is never timed.
    ///
    /// # Errors
    /// It cannot be opened.
    fn end(&mut self) -> io::Result<&mut Self::End>;
}

/// An end that was made before the processes were forked, or is used by threads.
#[derive(Debug)]
pub struct Ready<E>(pub E);

impl<E: 'static> Open for Ready<E> {
    type End = E;

    #[inline]
    fn end(&mut self) -> io::Result<&mut E> {
        Ok(&mut self.0)
    }
}

/// An end that its process opens on its first turn.
pub struct Late<E> {
    open: Box<dyn FnMut() -> io::Result<E>>,
    end: Option<E>,
}

impl<E> Late<E> {
    /// An end that `open` opens.
    pub fn new(open: impl FnMut() -> io::Result<E> + 'static) -> Self {
        Self { open: Box::new(open), end: None }
    }
}

impl<E> std::fmt::Debug for Late<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Late").field("opened", &self.end.is_some()).finish_non_exhaustive()
    }
}

impl<E: 'static> Open for Late<E> {
    type End = E;

    fn end(&mut self) -> io::Result<&mut E> {
        if self.end.is_none() {
            self.end = Some((self.open)()?);
        }
        self.end.as_mut().ok_or_else(|| io::ErrorKind::Other.into())
    }
}

/// The sending and the receiving end of one channel.
pub type Ends<T, R> = io::Result<(T, R)>;

/// A message there through one channel, and back through another.
///
/// # Errors
/// What `make` reports.
pub fn round_trip<T: Open<End: Tx>, R: Open<End: Rx>>(
    size: usize,
    wait: Wait,
    mut make: impl FnMut() -> Ends<T, R>,
) -> io::Result<Pair> {
    let ((there, heard), (back, learnt)) = (make()?, make()?);
    Ok(Pair::two(ask(size, wait, there, learnt), answer(size, wait, heard, back)))
}

/// Messages through one channel, as fast as they go.
///
/// # Errors
/// What `make` reports.
pub fn one_way<T: Open<End: Tx>, R: Open<End: Rx>>(
    size: usize,
    wait: Wait,
    mut make: impl FnMut() -> Ends<T, R>,
) -> io::Result<Pair> {
    let (to, from) = make()?;
    Ok(Pair::two(drain(size, wait, from), pour(size, wait, to)))
}

/// As [`round_trip`], between two threads of one process.
///
/// # Errors
/// What `make` reports.
pub fn round_trip_threads<T: Tx + Send, R: Rx + Send>(
    size: usize,
    wait: Wait,
    mut make: impl FnMut() -> Ends<T, R>,
) -> io::Result<Pair> {
    let ((there, heard), (back, learnt)) = (make()?, make()?);
    let asking = ask(size, wait, Ready(there), Ready(learnt));
    Ok(Pair::threads(asking, answer(size, wait, Ready(heard), Ready(back))))
}

/// As [`one_way`], between two threads of one process.
///
/// # Errors
/// What `make` reports.
pub fn one_way_threads<T: Tx + Send, R: Rx + Send>(
    size: usize,
    wait: Wait,
    mut make: impl FnMut() -> Ends<T, R>,
) -> io::Result<Pair> {
    let (to, from) = make()?;
    Ok(Pair::threads(drain(size, wait, Ready(from)), pour(size, wait, Ready(to))))
}

// Each half opens its receiving end first: a sender may wait until somebody listens.

fn ask<T: Open<End: Tx>, R: Open<End: Rx>>(
    size: usize,
    wait: Wait,
    mut to: T,
    mut from: R,
) -> impl FnMut(Turns) -> io::Result<()> {
    let mut message = Buffer::new(size);
    move |turns: Turns| {
        let from = from.end()?;
        let to = to.end()?;
        for number in turns.sequence() {
            turns.fill(&mut message, number);
            to.send(&message, wait)?;
            from.recv(&mut message, wait)?;
            turns.check(&message, number)?;
        }
        Ok(())
    }
}

fn answer<T: Open<End: Tx>, R: Open<End: Rx>>(
    size: usize,
    wait: Wait,
    mut from: R,
    mut to: T,
) -> impl FnMut(Turns) -> io::Result<()> {
    let mut message = Buffer::new(size);
    move |turns: Turns| {
        let from = from.end()?;
        let to = to.end()?;
        for number in turns.sequence() {
            from.recv(&mut message, wait)?;
            turns.check(&message, number)?;
            to.send(&message, wait)?;
        }
        Ok(())
    }
}

fn drain<R: Open<End: Rx>>(
    size: usize,
    wait: Wait,
    mut from: R,
) -> impl FnMut(Turns) -> io::Result<()> {
    let mut message = Buffer::new(size);
    move |turns: Turns| {
        let from = from.end()?;
        for number in turns.sequence() {
            from.recv(&mut message, wait)?;
            turns.check(&message, number)?;
        }
        Ok(())
    }
}

fn pour<T: Open<End: Tx>>(
    size: usize,
    wait: Wait,
    mut to: T,
) -> impl FnMut(Turns) -> io::Result<()> {
    let mut message = Buffer::new(size);
    move |turns: Turns| {
        let to = to.end()?;
        for number in turns.sequence() {
            turns.fill(&mut message, number);
            to.send(&message, wait)?;
        }
        Ok(())
    }
}

/// Asks until it is done, with one `pause` between two questions.
#[inline]
pub(crate) fn spin(mut done: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    while !done()? {
        std::hint::spin_loop();
    }
    Ok(())
}

/// An end that backs off: after a vain question it waits for [`BACK_OFF`] `pause`s.
#[derive(Debug)]
pub struct BackOff<E>(pub E);

/// A sending end that can be asked once.
pub trait TryTx: 'static {
    /// Sends the message if there is room.
    ///
    /// # Errors
    /// What the rival reports.
    fn try_send(&mut self, message: &[u8]) -> io::Result<bool>;
}

/// A receiving end that can be asked once.
pub trait TryRx: 'static {
    /// Receives one message if there is one.
    ///
    /// # Errors
    /// What the rival reports.
    fn try_recv(&mut self, into: &mut [u8]) -> io::Result<bool>;
}

impl<T: TryTx> Tx for BackOff<T> {
    #[inline]
    fn send(&mut self, message: &[u8], _: Wait) -> io::Result<()> {
        while !self.0.try_send(message)? {
            back_off();
        }
        Ok(())
    }
}

impl<R: TryRx> Rx for BackOff<R> {
    #[inline]
    fn recv(&mut self, into: &mut [u8], _: Wait) -> io::Result<()> {
        while !self.0.try_recv(into)? {
            back_off();
        }
        Ok(())
    }
}

#[inline]
fn back_off() {
    for _ in 0..BACK_OFF {
        std::hint::spin_loop();
    }
}

/// Copies out a message that must have the length of `into`.
#[inline]
pub(crate) fn copy_out(message: &[u8], into: &mut [u8]) -> io::Result<()> {
    if message.len() != into.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of another length"));
    }
    into.copy_from_slice(message);
    Ok(())
}

/// An error of a rival.
#[cold]
pub(crate) fn failed(error: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("{error:?}"))
}

/// How many messages of this size every channel has room for: as many as stay inside a second-level
/// cache, at least 4, at most 1024.
#[must_use]
pub fn capacity(size: usize) -> usize {
    const CACHE: usize = 128 * 1024;
    (CACHE / size.max(1)).clamp(4, 1024)
}
