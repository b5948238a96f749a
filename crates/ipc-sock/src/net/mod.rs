//! Sockets to other hosts, TCP and UDP, and between virtual machines and their host, with the verbs of
//! the Unix ones.

mod options;
mod tcp;
mod udp;
mod vsock;

pub use options::{KeepAlive, NetOptions};
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use vsock::{VsockAddress, VsockListener, VsockStream};
