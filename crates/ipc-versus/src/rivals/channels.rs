//! Channels between threads: crossbeam-channel, flume, kanal, std's mpsc. Messages travel by value, as
//! arrays, through bounded channels.

use std::io;
use std::sync::mpsc;

use crate::ends::{Ends, Rx, TryRx, TryTx, Tx, Wait, copy_out, failed, spin};

/// A message as a value.
#[inline]
fn value<const N: usize>(message: &[u8]) -> io::Result<[u8; N]> {
    message.try_into().map_err(failed)
}

/// `crossbeam_channel::bounded`.
///
/// # Errors
/// None: the signature is that of all rivals.
pub fn crossbeam<const N: usize>(
    capacity: usize,
) -> Ends<crossbeam_channel::Sender<[u8; N]>, crossbeam_channel::Receiver<[u8; N]>> {
    Ok(crossbeam_channel::bounded(capacity))
}

impl<const N: usize> Tx for crossbeam_channel::Sender<[u8; N]> {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => spin(|| TryTx::try_send(self, message)),
            Wait::Block => crossbeam_channel::Sender::send(self, value(message)?).map_err(failed),
        }
    }
}

impl<const N: usize> TryTx for crossbeam_channel::Sender<[u8; N]> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> io::Result<bool> {
        match crossbeam_channel::Sender::try_send(self, value(message)?) {
            Err(crossbeam_channel::TrySendError::Full(_)) => Ok(false),
            done => done.map(|()| true).map_err(failed),
        }
    }
}

impl<const N: usize> Rx for crossbeam_channel::Receiver<[u8; N]> {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => spin(|| TryRx::try_recv(self, into)),
            Wait::Block => {
                copy_out(&crossbeam_channel::Receiver::recv(self).map_err(failed)?, into)
            }
        }
    }
}

impl<const N: usize> TryRx for crossbeam_channel::Receiver<[u8; N]> {
    #[inline]
    fn try_recv(&mut self, into: &mut [u8]) -> io::Result<bool> {
        match crossbeam_channel::Receiver::try_recv(self) {
            Err(crossbeam_channel::TryRecvError::Empty) => Ok(false),
            done => copy_out(&done.map_err(failed)?, into).map(|()| true),
        }
    }
}

/// `flume::bounded`.
///
/// # Errors
/// None: the signature is that of all rivals.
pub fn flume<const N: usize>(
    capacity: usize,
) -> Ends<flume::Sender<[u8; N]>, flume::Receiver<[u8; N]>> {
    Ok(flume::bounded(capacity))
}

impl<const N: usize> Tx for flume::Sender<[u8; N]> {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        let message = value(message)?;
        match wait {
            Wait::Spin => spin(|| match self.try_send(message) {
                Err(flume::TrySendError::Full(_)) => Ok(false),
                done => done.map(|()| true).map_err(failed),
            }),
            Wait::Block => flume::Sender::send(self, message).map_err(failed),
        }
    }
}

impl<const N: usize> Rx for flume::Receiver<[u8; N]> {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => spin(|| match self.try_recv() {
                Err(flume::TryRecvError::Empty) => Ok(false),
                done => copy_out(&done.map_err(failed)?, into).map(|()| true),
            }),
            Wait::Block => copy_out(&flume::Receiver::recv(self).map_err(failed)?, into),
        }
    }
}

/// `kanal::bounded`.
///
/// # Errors
/// None: the signature is that of all rivals.
pub fn kanal<const N: usize>(
    capacity: usize,
) -> Ends<kanal::Sender<[u8; N]>, kanal::Receiver<[u8; N]>> {
    Ok(kanal::bounded(capacity))
}

impl<const N: usize> Tx for kanal::Sender<[u8; N]> {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        let message = value(message)?;
        match wait {
            Wait::Spin => spin(|| self.try_send(message).map_err(failed)),
            Wait::Block => kanal::Sender::send(self, message).map_err(failed),
        }
    }
}

impl<const N: usize> Rx for kanal::Receiver<[u8; N]> {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => spin(|| match self.try_recv().map_err(failed)? {
                None => Ok(false),
                Some(message) => copy_out(&message, into).map(|()| true),
            }),
            Wait::Block => copy_out(&kanal::Receiver::recv(self).map_err(failed)?, into),
        }
    }
}

/// `std::sync::mpsc::sync_channel`.
///
/// # Errors
/// None: the signature is that of all rivals.
pub fn std_mpsc<const N: usize>(
    capacity: usize,
) -> Ends<mpsc::SyncSender<[u8; N]>, mpsc::Receiver<[u8; N]>> {
    Ok(mpsc::sync_channel(capacity))
}

impl<const N: usize> Tx for mpsc::SyncSender<[u8; N]> {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        let message = value(message)?;
        match wait {
            Wait::Spin => spin(|| match self.try_send(message) {
                Err(mpsc::TrySendError::Full(_)) => Ok(false),
                done => done.map(|()| true).map_err(failed),
            }),
            Wait::Block => mpsc::SyncSender::send(self, message).map_err(failed),
        }
    }
}

impl<const N: usize> Rx for mpsc::Receiver<[u8; N]> {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        match wait {
            Wait::Spin => spin(|| match self.try_recv() {
                Err(mpsc::TryRecvError::Empty) => Ok(false),
                done => copy_out(&done.map_err(failed)?, into).map(|()| true),
            }),
            Wait::Block => copy_out(&mpsc::Receiver::recv(self).map_err(failed)?, into),
        }
    }
}
