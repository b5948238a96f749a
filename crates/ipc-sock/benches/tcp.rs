//! TCP to this host as a stream of bytes: there and back with both ends awake, and one way.

use std::io;
use std::os::fd::OwnedFd;

use ipc_devkit::bench::stream::{Ends, one_way, round_trip};
use ipc_devkit::bench::{Bench, Case, Placement};
use ipc_sock::Error;
use ipc_sock::net::TcpStream;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::net;

pub(crate) fn cases(bench: &mut Bench) {
    bench.case(
        Case::round_trip("tcp round-trip 64 B busy", 64, Placement::Busy)
            .floor_exchange()
            .raw("raw socket", || round_trip(64, || raw(true)))
            .ours("ipc-sock", || round_trip(64, || ours(true))),
    );
    for (size, label) in [(64, "64 B"), (64 << 10, "64 KiB"), (1 << 20, "1 MiB")] {
        for placement in Placement::ALL {
            let busy = placement == Placement::Busy;
            let name = format!("tcp one-way {label} {}", placement.name());
            bench.case(
                Case::one_way(name, size, placement)
                    .floor_one_way()
                    .raw("raw socket", move || Ok(one_way(size, raw(busy)?)))
                    .ours("ipc-sock", move || Ok(one_way(size, ours(busy)?))),
            );
        }
    }
}

fn ours(busy: bool) -> io::Result<Ends> {
    let (sender, receiver) = net::tcp()?;
    Ok(if busy {
        Ends {
            send: Box::new(move |bytes| spin(|| sender.try_send(bytes))),
            receive: Box::new(move |bytes| spin(|| receiver.try_recv(bytes))),
        }
    } else {
        Ends {
            send: Box::new(move |bytes| Ok(sender.send(bytes)?)),
            receive: Box::new(move |bytes| Ok(receiver.recv(bytes)?)),
        }
    })
}

fn raw(busy: bool) -> io::Result<Ends> {
    let (sender, receiver): (TcpStream, TcpStream) = net::tcp()?;
    let (sender, receiver) = (OwnedFd::from(sender), OwnedFd::from(receiver));
    let (send, receive) = if busy {
        (SendFlags::NOSIGNAL | SendFlags::DONTWAIT, RecvFlags::DONTWAIT)
    } else {
        (SendFlags::NOSIGNAL, RecvFlags::empty())
    };
    Ok(Ends {
        send: Box::new(move |bytes| raw_spin(|| rustix::net::send(&sender, bytes, send))),
        receive: Box::new(move |bytes| {
            raw_spin(|| rustix::net::recv(&receiver, &mut *bytes, receive).map(|(got, _)| got))
        }),
    })
}

/// Asks again for as long as the call would have to wait.
#[inline]
fn spin(mut call: impl FnMut() -> ipc_sock::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Error::WouldBlock) => {}
            done => return Ok(done?),
        }
    }
}

#[inline]
fn raw_spin(mut call: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::AGAIN) => {}
            done => return Ok(done?),
        }
    }
}
