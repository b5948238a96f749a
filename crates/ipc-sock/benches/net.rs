//! TCP and UDP to this host.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use ipc_devkit::bench::{Bench, Buffer, Case, Pair, Placement, Turns};
use ipc_sock::net::{NetOptions, TcpStream, UdpSocket};
use rustix::net::{RecvFlags, SendFlags};

const SIZE: usize = 64;
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const BYTES: RecvFlags = RecvFlags::empty();
/// The real length of a message. (On TCP it would throw the bytes away.)
const WHOLE: RecvFlags = RecvFlags::TRUNC;

pub(crate) fn cases(bench: &mut Bench) {
    for placement in [Placement::Block, Placement::OneCore] {
        let place = placement.name();
        bench.case(
            Case::round_trip(format!("tcp round-trip 64 B {place}"), SIZE, placement)
                .floor_exchange()
                .raw("raw socket", || {
                    let (one, other) = tcp()?;
                    round_trip(SIZE, (raw(one.into(), BYTES), raw(other.into(), BYTES)))
                })
                .ours("ipc-sock", || {
                    let (one, other) = tcp()?;
                    round_trip(SIZE, (ours_tcp(one), ours_tcp(other)))
                })
                .peer("std", || {
                    let (one, other) = tcp()?;
                    round_trip(SIZE, (std_tcp(one.into()), std_tcp(other.into())))
                }),
        );
        bench.case(
            Case::round_trip(format!("udp round-trip 64 B {place}"), SIZE, placement)
                .floor_exchange()
                .raw("raw socket", || {
                    let (one, other) = udp()?;
                    round_trip(SIZE, (raw(one.into(), WHOLE), raw(other.into(), WHOLE)))
                })
                .ours("ipc-sock", || {
                    let (one, other) = udp()?;
                    round_trip(SIZE, (ours_udp(one), ours_udp(other)))
                })
                .peer("std", || {
                    let (one, other) = udp()?;
                    round_trip(SIZE, (std_udp(one), std_udp(other)))
                }),
        );
    }
}

/// What an end is asked to do with a whole message.
pub(crate) enum Call<'a> {
    Send(&'a [u8]),
    /// What came is shown where it lies.
    Receive(&'a mut dyn FnMut(&[u8]) -> io::Result<()>),
}

/// One end of a connection, behind one function call.
pub(crate) struct End(Box<dyn FnMut(Call<'_>) -> io::Result<()>>);

impl End {
    pub(crate) fn new(call: impl FnMut(Call<'_>) -> io::Result<()> + 'static) -> Self {
        Self(Box::new(call))
    }
}

pub(crate) fn round_trip(size: usize, (mut near, mut far): (End, End)) -> io::Result<Pair> {
    let (mut question, mut answer) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut question, number);
                (near.0)(Call::Send(&question))?;
                (near.0)(Call::Receive(&mut |came| checked(turns, came, size, number)))?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                (far.0)(Call::Receive(&mut |came| checked(turns, came, size, number)))?;
                turns.fill(&mut answer, number);
                (far.0)(Call::Send(&answer))?;
            }
            Ok(())
        },
    ))
}

fn checked(turns: Turns, came: &[u8], size: usize, number: u64) -> io::Result<()> {
    if came.len() != size {
        return Err(io::ErrorKind::InvalidData.into());
    }
    turns.check(came, number)
}

pub(crate) fn tcp() -> io::Result<(TcpStream, TcpStream)> {
    let options = NetOptions::new().nodelay();
    let listener = options.listen(ANY)?;
    let one = options.connect(listener.local_addr()?)?;
    Ok((one, listener.accept()?))
}

fn udp() -> io::Result<(UdpSocket, UdpSocket)> {
    let (one, other) = (UdpSocket::bind(ANY)?, UdpSocket::bind(ANY)?);
    one.connect(other.local_addr()?)?;
    other.connect(one.local_addr()?)?;
    Ok((one, other))
}

/// So small a message is never cut on the way through one host.
fn whole(done: usize) -> io::Result<()> {
    if done == SIZE { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn raw(socket: OwnedFd, flags: RecvFlags) -> End {
    let mut buf = [0; SIZE];
    End::new(move |call| match call {
        Call::Send(message) => whole(rustix::net::send(&socket, message, SendFlags::NOSIGNAL)?),
        Call::Receive(check) => {
            whole(rustix::net::recv(&socket, &mut buf[..], flags)?.1)?;
            check(&buf)
        }
    })
}

fn ours_tcp(end: TcpStream) -> End {
    let mut buf = [0; SIZE];
    End::new(move |call| match call {
        Call::Send(message) => whole(end.send(message)?),
        Call::Receive(check) => {
            whole(end.recv(&mut buf)?)?;
            check(&buf)
        }
    })
}

fn ours_udp(end: UdpSocket) -> End {
    let mut buf = [0; SIZE];
    End::new(move |call| match call {
        Call::Send(message) => Ok(end.send(message)?),
        Call::Receive(check) => {
            whole(end.recv(&mut buf)?)?;
            check(&buf)
        }
    })
}

fn std_tcp(mut end: std::net::TcpStream) -> End {
    let mut buf = [0; SIZE];
    End::new(move |call| match call {
        Call::Send(message) => whole(end.write(message)?),
        Call::Receive(check) => {
            whole(end.read(&mut buf)?)?;
            check(&buf)
        }
    })
}

fn std_udp(end: UdpSocket) -> End {
    let end = std::net::UdpSocket::from(OwnedFd::from(end));
    let mut buf = [0; SIZE];
    End::new(move |call| match call {
        Call::Send(message) => whole(end.send(message)?),
        Call::Receive(check) => {
            whole(end.recv(&mut buf)?)?;
            check(&buf)
        }
    })
}
