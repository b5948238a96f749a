//! Messages that are filled and checked where they are in shared memory, with no copy at all.

use std::io;

use ipc_devkit::bench::{Pair, Turns};

use super::Open;

/// A sending end that lends the place of a message.
pub trait TxInPlace: 'static {
    /// Sends one message of `size` bytes that `fill` writes; what it does not write is left over.
    ///
    /// # Errors
    /// What the rival reports.
    fn send_with(&mut self, size: usize, fill: impl FnOnce(&mut [u8])) -> io::Result<()>;
}

/// A receiving end that lends a message.
pub trait RxInPlace: 'static {
    /// Receives one message, which `check` sees.
    ///
    /// # Errors
    /// What the rival or `check` reports.
    fn recv_with(&mut self, check: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()>;
}

/// Messages through one channel, as fast as they go; both halves spin.
///
/// # Errors
/// None: the signature is that of all models.
pub fn one_way_in_place<T: Open<End: TxInPlace>, R: Open<End: RxInPlace>>(
    size: usize,
    (mut to, mut from): (T, R),
) -> io::Result<Pair> {
    Ok(Pair::two(
        move |turns: Turns| {
            let from = from.end()?;
            for number in turns.sequence() {
                from.recv_with(|message| match message.len() == size {
                    true => turns.check(message, number),
                    false => Err(io::ErrorKind::InvalidData.into()),
                })?;
            }
            Ok(())
        },
        move |turns: Turns| {
            let to = to.end()?;
            for number in turns.sequence() {
                to.send_with(size, |message| turns.fill(message, number))?;
            }
            Ok(())
        },
    ))
}
