//! zeromq, by the crate zmq: PAIR sockets at a path. Built with the feature `zeromq` only.
//!
//! Each process has a context with one I/O thread, which moves the bytes. It needs the processor that a
//! spinning caller would take from it, so both calls wait in every placement. The socket is in `/dev/shm`
//! under the name of this run.

use std::io;

use crate::ends::{Ends, Late, Rx, Tx, Wait, failed};
use crate::sweep;

/// A socket; its context goes with it.
pub struct End(zmq::Socket);

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("End").finish_non_exhaustive()
    }
}

/// Two sockets, each of which holds up to `capacity` messages. The receiver binds, the sender connects.
///
/// # Errors
/// None here; opening reports what zeromq does.
pub fn ends(capacity: usize) -> Ends<Late<End>, Late<End>> {
    let address = format!("ipc://{}", sweep::path("zeromq").display());
    let address_too = address.clone();
    let socket = move || {
        let socket = zmq::Context::new().socket(zmq::PAIR)?;
        let most = i32::try_from(capacity).unwrap_or(i32::MAX);
        socket.set_sndhwm(most)?;
        socket.set_rcvhwm(most)?;
        socket.set_linger(0)?;
        Ok::<_, zmq::Error>(socket)
    };
    let connect = move || {
        let socket = socket()?;
        socket.connect(&address)?;
        Ok(socket)
    };
    let bind = move || {
        let socket = socket()?;
        socket.bind(&address_too)?;
        Ok(socket)
    };
    Ok((
        Late::new(move || connect().map(End).map_err(|error: zmq::Error| failed(error))),
        Late::new(move || bind().map(End).map_err(|error: zmq::Error| failed(error))),
    ))
}

/// `zmq` with its version and that of the library.
#[must_use]
pub fn name() -> String {
    let (major, minor, patch) = zmq::version();
    format!("{}, libzmq {major}.{minor}.{patch}", crate::version::of("zmq"))
}

impl Tx for End {
    #[inline]
    fn send(&mut self, message: &[u8], _: Wait) -> io::Result<()> {
        self.0.send(message, 0).map_err(failed)
    }
}

impl Rx for End {
    #[inline]
    fn recv(&mut self, into: &mut [u8], _: Wait) -> io::Result<()> {
        match self.0.recv_into(into, 0).map_err(failed)? {
            got if got == into.len() => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
