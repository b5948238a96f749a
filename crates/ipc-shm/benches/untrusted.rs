//! The ring between processes that do not trust each other.
//!
//! There is no `raw` subject: no sequence of system calls moves bytes at this speed. A Unix socket, which a
//! program would use instead, stands beside it as `peer`, and so does the ring between processes that trust
//! each other.

pub(super) mod death;

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use ipc_devkit::bench::{Bench, Buffer, Case, Pair, Placement, Turns};
use ipc_shm::Wait;
use ipc_shm::ring::untrusted::{Options, Receiver, Sender};

use crate::ring;

pub(super) fn cases(bench: &mut Bench) {
    for placement in [Placement::Busy, Placement::OneCore, Placement::Block] {
        let name = format!("untrusted ring round-trip 64 B {}", placement.name());
        bench.case(
            Case::round_trip(name, 64, placement)
                .floor_exchange()
                .ours("untrusted ring", || round_trip(64))
                .peer("trusted ring", || Ok(ring::round_trip(64, Wait::Block)))
                .peer("unix socket", || socket_round_trip(64)),
        );
    }
    for (text, size) in [("64 B", 64), ("1 KiB", 1024), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)] {
        let name = format!("untrusted ring one-way {text} busy");
        bench.case(
            Case::one_way(name, size, Placement::Busy)
                .floor_one_way()
                .ours("untrusted ring", move || one_way(size))
                .peer("trusted ring", move || Ok(ring::one_way(size, Wait::Block))),
        );
    }
    bench.case(
        Case::one_way("untrusted ring one-way 64 B block", 64, Placement::Block)
            .floor_one_way()
            .ours("untrusted ring", || one_way(64)),
    );
    death::cases(bench);
}

/// One side, made by the process that uses it: the handshake falls into the first turn, which is not timed.
struct Side {
    socket: Option<OwnedFd>,
    made: Option<(Sender, Receiver)>,
    capacity: usize,
    offers: bool,
}

impl Side {
    fn pair(size: usize) -> io::Result<(Self, Self)> {
        let (here, there) = UnixStream::pair()?;
        // As the trusted ring beside it.
        let capacity = (size * 5).max(128 << 10);
        let side = |socket: UnixStream, offers| Self {
            socket: Some(socket.into()),
            made: None,
            capacity,
            offers,
        };
        Ok((side(here, true), side(there, false)))
    }

    fn ends(&mut self) -> io::Result<&mut (Sender, Receiver)> {
        if let Some(socket) = self.socket.take() {
            let options = Options::new().capacity(self.capacity);
            let made = if self.offers { options.offer(socket) } else { options.accept(socket) };
            self.made = Some(made?);
        }
        self.made.as_mut().ok_or_else(|| io::Error::other("the handshake failed"))
    }
}

fn round_trip(size: usize) -> io::Result<Pair> {
    let (mut asks, mut answers) = Side::pair(size)?;
    let (mut near, mut far) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            let (sender, receiver) = asks.ends()?;
            for number in turns.sequence() {
                turns.fill(&mut near, number);
                sender.send(&near)?;
                receiver.recv_into(&mut near)?;
                turns.check(&near, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            let (sender, receiver) = answers.ends()?;
            for number in turns.sequence() {
                receiver.recv_into(&mut far)?;
                turns.check(&far, number)?;
                sender.send(&far)?;
            }
            Ok(())
        },
    ))
}

fn one_way(size: usize) -> io::Result<Pair> {
    let (mut receives, mut sends) = Side::pair(size)?;
    let (mut near, mut far) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            let (_, receiver) = receives.ends()?;
            for number in turns.sequence() {
                receiver.recv_into(&mut near)?;
                turns.check(&near, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            let (sender, _) = sends.ends()?;
            for number in turns.sequence() {
                turns.fill(&mut far, number);
                sender.send(&far)?;
            }
            Ok(())
        },
    ))
}

fn socket_round_trip(size: usize) -> io::Result<Pair> {
    let (mut here, mut there) = UnixStream::pair()?;
    let (mut near, mut far) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut near, number);
                here.write_all(&near)?;
                here.read_exact(&mut near)?;
                turns.check(&near, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                there.read_exact(&mut far)?;
                turns.check(&far, number)?;
                there.write_all(&far)?;
            }
            Ok(())
        },
    ))
}
