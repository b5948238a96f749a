//! shmem-ipc: a ring in a memory file, with an event descriptor for each direction.
//!
//! It is a ring of bytes. Spinning uses its low-level ends, which never signal; blocking uses the calls
//! that do, and its `block_until_...`.
#![expect(unsafe_code, reason = "it gives the caller pointers into its ring")]

use std::fs::File;
use std::io;

use shmem_ipc::sharedring::{Receiver, Sender};

use crate::ends::{Ends, Late, Ready, Rx, Tx, Wait, failed};

/// A ring with room for `capacity` messages. The sender is made here, and the receiver attaches.
///
/// # Errors
/// It cannot be made.
pub fn ends(size: usize, capacity: usize) -> Ends<Ready<Sender<u8>>, Late<Receiver<u8>>> {
    let capacity = size * capacity;
    let sender = Sender::new(capacity).map_err(failed)?;
    let files = files(&sender)?;
    let open = move || {
        let [memory, empty, full] = [&files[0], &files[1], &files[2]].map(File::try_clone);
        Receiver::open(capacity, memory?, empty?, full?).map_err(failed)
    };
    Ok((Ready(sender), Late::new(open)))
}

fn files(sender: &Sender<u8>) -> io::Result<[File; 3]> {
    Ok([
        sender.memfd().as_file().try_clone()?,
        sender.empty_signal().try_clone()?,
        sender.full_signal().try_clone()?,
    ])
}

impl Tx for Sender<u8> {
    #[inline]
    fn send(&mut self, message: &[u8], wait: Wait) -> io::Result<()> {
        let mut sent = 0;
        while sent < message.len() {
            let rest = &message[sent..];
            let part = |to: *mut u8, room: usize| {
                let count = room.min(rest.len());
                // SAFETY: the ring gives `room` bytes to write to, and `count` is no more; `rest` is private
                // memory with at least `count` bytes.
                unsafe { std::ptr::copy_nonoverlapping(rest.as_ptr(), to, count) };
                sent += count;
                count
            };
            match wait {
                Wait::Spin => drop(self.sender_mut().send(part).map_err(failed)?),
                Wait::Block => {
                    self.block_until_writable().map_err(failed)?;
                    self.send_raw(part).map_err(failed)?;
                }
            }
            if sent < message.len() {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }
}

impl Rx for Receiver<u8> {
    #[inline]
    fn recv(&mut self, into: &mut [u8], wait: Wait) -> io::Result<()> {
        let (mut got, size) = (0, into.len());
        while got < size {
            let rest = &mut into[got..];
            let part = |from: *const u8, there: usize| {
                let count = there.min(rest.len());
                // SAFETY: the ring gives `there` bytes to read from, and `count` is no more; `rest` is private
                // memory with at least `count` bytes.
                unsafe { std::ptr::copy_nonoverlapping(from, rest.as_mut_ptr(), count) };
                got += count;
                count
            };
            match wait {
                Wait::Spin => drop(self.receiver_mut().recv(part).map_err(failed)?),
                Wait::Block => {
                    self.block_until_readable().map_err(failed)?;
                    self.receive_raw(part).map_err(failed)?;
                }
            }
            if got < size {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }
}

/// Makes a ring of 64 KiB and both its ends.
///
/// # Errors
/// It cannot be made.
pub fn open_close() -> io::Result<()> {
    const CAPACITY: usize = 64 << 10;
    let sender = Sender::<u8>::new(CAPACITY).map_err(failed)?;
    let [memory, empty, full] = files(&sender)?;
    let _receiver = Receiver::<u8>::open(CAPACITY, memory, empty, full).map_err(failed)?;
    Ok(())
}
