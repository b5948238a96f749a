//! Message queues beside the system calls they are made of, and beside the floor.
//!
//! `raw` makes the cheapest calls that keep our promises: `mq_timedsend` and `mq_timedreceive` on a
//! non-blocking descriptor of its own, `msgsnd` and `msgrcv` with `IPC_NOWAIT`, on a message that already has its type
//! in front. Where both sides sleep, raw waits as the kernel does, ours as it must to end in time.

mod boost;
mod raw;
mod shared;
mod timing;

use std::io;
use std::process::ExitCode;
use std::rc::Rc;

use ipc_devkit::bench::{self, Better, Buffer, Case, Pair, Placement, Scenario, Turns};
use ipc_mq::sysv::Filter;
use ipc_mq::{Error, posix, sysv};

/// Calls that reach nobody else.
const CALL: Scenario = Scenario::new("call", Better::LowerTime);

const SIZES: [(usize, &str); 3] = [(64, "64 B"), (1 << 10, "1 KiB"), (8 << 10, "8 KiB")];

/// A queue of one of the two kinds, made by us or raw.
type Make = fn(usize, bool) -> io::Result<Ends>;

fn main() -> ExitCode {
    bench::main("ipc-mq", |bench| {
        let kinds: [(&str, &str, &str, Make, Make); 2] = [
            ("posix mq", "ipc-mq posix", "raw posix mq", posix_ours, raw::posix),
            ("sysv msg", "ipc-mq sysv", "raw sysv msg", sysv_ours, raw::sysv),
        ];
        for (kind, our_name, raw_name, ours, raw) in kinds {
            for (busy, form) in [(true, "try_send + try_recv"), (false, "send + recv")] {
                bench.case(
                    Case::alone(CALL, format!("{kind} {form} 64 B"))
                        .size(64)
                        .raw(raw_name, move || alone(64, raw(64, busy)?))
                        .ours(our_name, move || alone(64, ours(64, busy)?)),
                );
            }
            for (size, label) in SIZES {
                for placement in Placement::ALL {
                    let busy = placement == Placement::Busy;
                    let place = placement.name();
                    bench.case(
                        Case::round_trip(
                            format!("{kind} round-trip {label} {place}"),
                            size,
                            placement,
                        )
                        .floor_exchange()
                        .raw(raw_name, move || round_trip(size, || raw(size, busy)))
                        .ours(our_name, move || round_trip(size, || ours(size, busy))),
                    );
                    bench.case(
                        Case::one_way(format!("{kind} one-way {label} {place}"), size, placement)
                            .floor_one_way()
                            .raw(raw_name, move || one_way(size, raw(size, busy)?))
                            .ours(our_name, move || one_way(size, ours(size, busy)?)),
                    );
                }
            }
        }
        shared::cases(bench);
        timing::cases(bench);
    })
}

/// A call that sends a whole message. It stands behind a function call, as it does in C.
type Send = Box<dyn FnMut(&[u8]) -> io::Result<()>>;

/// A call that receives a whole message.
type Receive = Box<dyn FnMut(&mut [u8]) -> io::Result<()>>;

/// The two ends of one queue.
struct Ends {
    send: Send,
    receive: Receive,
}

/// A name for a queue that nobody else makes meanwhile.
fn unused_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("/ipc-t-{}-{number}-bench", std::process::id())
}

fn posix_ours(size: usize, busy: bool) -> io::Result<Ends> {
    let name = unused_name();
    let sender = posix::QueueOptions::new().message_size(size).create(&name)?;
    let receiver = posix::Queue::open(&name)?;
    posix::Queue::unlink(&name)?;
    Ok(if busy {
        Ends {
            send: Box::new(move |bytes| spin(|| sender.try_send(0, bytes))),
            receive: Box::new(move |bytes| spin(|| receiver.try_recv_into(bytes).map(drop))),
        }
    } else {
        Ends {
            send: Box::new(move |bytes| Ok(sender.send(0, bytes)?)),
            receive: Box::new(move |bytes| Ok(receiver.recv_into(bytes).map(drop)?)),
        }
    })
}

/// A private queue that goes with the first process that ran a half: not with the one that made it, which drops
/// its copy of both halves before they run.
struct Removed(sysv::Queue, u32);

impl Drop for Removed {
    fn drop(&mut self) {
        if self.1 != std::process::id() {
            let _ = self.0.remove();
        }
    }
}

fn sysv_ours(_: usize, busy: bool) -> io::Result<Ends> {
    let sender = Rc::new(Removed(sysv::Queue::private()?, std::process::id()));
    let receiver = Rc::new((sysv::Queue::from_id(sender.0.id())?, Rc::clone(&sender)));
    Ok(if busy {
        Ends {
            send: Box::new(move |bytes| spin(|| sender.0.try_send(1, bytes))),
            receive: Box::new(move |bytes| {
                spin(|| receiver.0.try_recv_into(Filter::Any, bytes).map(drop))
            }),
        }
    } else {
        Ends {
            send: Box::new(move |bytes| Ok(sender.0.send(1, bytes)?)),
            receive: Box::new(move |bytes| {
                Ok(receiver.0.recv_into(Filter::Any, bytes).map(drop)?)
            }),
        }
    })
}

/// Asks again for as long as the call would have to wait.
#[inline]
fn spin(mut call: impl FnMut() -> ipc_mq::Result<()>) -> io::Result<()> {
    loop {
        match call() {
            Err(Error::WouldBlock) => {}
            done => return Ok(done?),
        }
    }
}

fn round_trip(size: usize, mut make: impl FnMut() -> io::Result<Ends>) -> io::Result<Pair> {
    let (there, back) = (make()?, make()?);
    let (mut ask, mut hear) = (there.send, there.receive);
    let (mut answer, mut learn) = (back.send, back.receive);
    let (mut near, mut far) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut near, number);
                ask(&near)?;
                learn(&mut near)?;
                turns.check(&near, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                hear(&mut far)?;
                turns.check(&far, number)?;
                answer(&far)?;
            }
            Ok(())
        },
    ))
}

fn one_way(size: usize, ends: Ends) -> io::Result<Pair> {
    let (mut sender, mut receiver) = (ends.send, ends.receive);
    let (mut near, mut far) = (Buffer::new(size), Buffer::new(size));
    Ok(Pair::two(
        move |turns: Turns| {
            for number in turns.sequence() {
                receiver(&mut near)?;
                turns.check(&near, number)?;
            }
            Ok(())
        },
        move |turns: Turns| {
            for number in turns.sequence() {
                turns.fill(&mut far, number);
                sender(&far)?;
            }
            Ok(())
        },
    ))
}

fn alone(size: usize, ends: Ends) -> io::Result<Pair> {
    let (mut sender, mut receiver) = (ends.send, ends.receive);
    let mut message = Buffer::new(size);
    Ok(Pair::alone(move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut message, number);
            sender(&message)?;
            receiver(&mut message)?;
            turns.check(&message, number)?;
        }
        Ok(())
    }))
}
