//! Two copies again, by a ring of ipc-shm: read into a reserved place, written from where it lies.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

use ipc_devkit::bench::{Pair, Turns};
use ipc_shm::ring::{Options, Receiver, RingEnd, Sender};

use crate::{CHUNK, FILE, Files};

/// A ring that both halves open on their first turn, each in its own process.
struct Named(String);

impl Named {
    fn end<E: RingEnd>(&self) -> io::Result<E> {
        Ok(Options::new().capacity(5 * CHUNK).open_or_create(&self.0)?)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = Sender::unlink(&self.0);
    }
}

pub(super) fn pair() -> io::Result<Pair> {
    let ring = Rc::new(Named(ipc_devkit::scratch::name("through")));
    let other = Rc::clone(&ring);
    let target = Files::new()?;
    let source = Rc::clone(&target);
    let mut near: Option<Receiver> = None;
    let mut far: Option<Sender> = None;
    Ok(Pair::two(
        move |turns: Turns| {
            let receiver = opened(&mut near, || ring.end())?;
            for number in turns.sequence() {
                for at in (0..FILE).step_by(CHUNK) {
                    let chunk = receiver.peek()?;
                    target.to.write_all_at(&chunk, at as u64)?;
                    chunk.release();
                }
                if number == 0 {
                    target.check()?;
                }
            }
            Ok(())
        },
        move |turns: Turns| {
            let sender = opened(&mut far, || other.end())?;
            for _ in turns.sequence() {
                for at in (0..FILE).step_by(CHUNK) {
                    let mut slot = sender.reserve(CHUNK)?;
                    source.from.read_exact_at(&mut slot, at as u64)?;
                    slot.commit();
                }
            }
            Ok(())
        },
    ))
}

/// What is opened on the first turn: it belongs to the process that uses it.
fn opened<E>(place: &mut Option<E>, open: impl FnOnce() -> io::Result<E>) -> io::Result<&mut E> {
    match place {
        Some(end) => Ok(end),
        None => Ok(place.insert(open()?)),
    }
}
