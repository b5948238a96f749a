//! Unix sockets: between processes of one machine, by path, by abstract name, or as a pair.

mod accept;
mod bytes;
mod datagram;
mod listener;
mod nursery;
mod place;
mod seqpacket;
mod stream;
mod verbs;

pub use crate::address::{Address, PATH_LIMIT};
pub use crate::ancillary::{FDS_MAX, Received};
pub use crate::options::Options;
pub use datagram::Datagram;
pub use listener::{Incoming, Listener, SeqPacketListener};
pub use seqpacket::SeqPacket;
pub use stream::Stream;

pub(crate) use accept::Acceptor;
pub(crate) use bytes::streams;
pub(crate) use verbs::{carries, handle, watches};

pub(crate) mod sealed {
    //! What the public traits need and nobody else may see.

    use rustix::net::SocketType;

    use crate::error::Result;
    use crate::options::Options;
    use crate::socket::Socket;
    use crate::unix::Address;

    /// The kind, not to be named outside.
    #[derive(Debug)]
    pub struct Kind(pub(crate) SocketType);

    pub trait Wrap: Sized {
        const TYPE: Kind;
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "the trait cannot be named outside")]
        fn wrap(socket: Socket) -> Self;
    }

    pub trait Create: Sized {
        #[doc(hidden)]
        fn create(options: &Options, address: &Address) -> Result<Self>;
    }
}

/// What [`Options`] can connect or make a pair of: [`Stream`], [`SeqPacket`].
pub trait Connection: sealed::Wrap {}

/// What [`Options`] can listen with: [`Listener`], [`SeqPacketListener`].
pub trait Listening: sealed::Create {}

impl Connection for Stream {}
impl Connection for SeqPacket {}
impl Listening for Listener {}
impl Listening for SeqPacketListener {}
