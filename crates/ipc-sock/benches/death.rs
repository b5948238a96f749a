//! A killed process, as seen by a reader that sleeps.
//!
//! The peer half connects, starts a program that holds the connection as its standard input, drops its
//! own copy and kills the program while the reader sleeps. Starting it is part of every turn, the same
//! for all subjects.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use ipc_devkit::bench::{Bench, Case, Pair, Placement, Scenario, Turns};
use ipc_sock::Error;
use ipc_sock::unix::{Address, Listener, Stream};
use rustix::net::{RecvFlags, SocketFlags};

pub(crate) fn cases(bench: &mut Bench) {
    for placement in [Placement::Block, Placement::OneCore] {
        let place = placement.name();
        bench.case(
            Case::new(Scenario::DEATH, format!("stream death {place}"), placement)
                .raw("raw accept + recv", || {
                    let (listener, address) = listener("raw")?;
                    let listener = OwnedFd::from(listener);
                    dying(address, move || {
                        // Ours is non-blocking from birth, for its deadlines.
                        let mut ready =
                            [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)];
                        rustix::event::poll(&mut ready, None)?;
                        let end = rustix::net::accept_with(&listener, SocketFlags::CLOEXEC)?;
                        match rustix::net::recv(&end, &mut [0; 64][..], RecvFlags::empty())? {
                            (0, _) => Ok(()),
                            _ => Err(io::ErrorKind::InvalidData.into()),
                        }
                    })
                })
                .ours("ipc-sock", || {
                    let (listener, address) = listener("ours")?;
                    dying(address, move || match listener.accept()?.recv(&mut [0; 64]) {
                        Ok(0) | Err(Error::Closed { .. }) => Ok(()),
                        Ok(_) => Err(io::ErrorKind::InvalidData.into()),
                        Err(error) => Err(error.into()),
                    })
                }),
        );
    }
}

fn listener(whose: &str) -> io::Result<(Listener, Address)> {
    let address = Address::abstract_name(format!("ipc-death-{whose}-{}", std::process::id()))?;
    Ok((Listener::bind(&address)?, address))
}

fn dying(address: Address, mut see: impl FnMut() -> io::Result<()> + 'static) -> io::Result<Pair> {
    Ok(Pair::two(
        move |turns: Turns| turns.sequence().try_for_each(|_| see()),
        move |turns: Turns| {
            for _ in turns.sequence() {
                let end = OwnedFd::from(Stream::connect(&address)?);
                let mut holder =
                    Command::new("sleep").arg("1000").stdin(Stdio::from(end)).spawn()?;
                holder.kill()?;
                holder.wait()?;
            }
            Ok(())
        },
    ))
}
