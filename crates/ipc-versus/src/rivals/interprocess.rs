//! interprocess: a local socket, which is a Unix stream socket here, with the system's buffers.

use std::io::{self, Read as _, Write as _};

use interprocess::local_socket::traits::{Listener as _, Stream as _};
use interprocess::local_socket::{
    GenericNamespaced, Listener, ListenerOptions, Name, Stream, ToNsName as _,
};

use crate::ends::{Ends, Ready, Rx, Tx, Wait};
use crate::sweep;

/// A listener at an abstract name, and the name.
///
/// # Errors
/// It cannot be made.
pub fn listener() -> io::Result<(Listener, Name<'static>)> {
    let name = sweep::name("local").to_ns_name::<GenericNamespaced>()?;
    Ok((ListenerOptions::new().name(name.clone()).create_sync()?, name))
}

/// Two connected ends, which do not wait if `wait` is to spin.
///
/// # Errors
/// They cannot be connected.
pub fn ends(wait: Wait) -> Ends<Ready<Stream>, Ready<Stream>> {
    let (listener, name) = listener()?;
    let one = Stream::connect(name)?;
    let other = listener.accept()?;
    one.set_nonblocking(wait == Wait::Spin)?;
    other.set_nonblocking(wait == Wait::Spin)?;
    Ok((Ready(one), Ready(other)))
}

impl Tx for Stream {
    #[inline]
    fn send(&mut self, message: &[u8], _: Wait) -> io::Result<()> {
        all(message.len(), |at| self.write(&message[at..]))
    }
}

impl Rx for Stream {
    #[inline]
    fn recv(&mut self, into: &mut [u8], _: Wait) -> io::Result<()> {
        all(into.len(), |at| self.read(&mut into[at..]))
    }
}

/// Repeats `part`, from where the last one stopped, until all is done.
#[inline]
fn all(size: usize, mut part: impl FnMut(usize) -> io::Result<usize>) -> io::Result<()> {
    let mut done = 0;
    while done < size {
        match part(done) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
