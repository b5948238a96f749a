//! Signals beside the system calls they are made of, and beside the floor.
//!
//! `raw` makes the cheapest calls that keep our promises: `pidfd_send_signal` with a value, so that no
//! recycled number is hit, and `read` of a signalfd or `rt_sigtimedwait`. `plain` is what a C programmer
//! writes: `sigqueue` to a number.

mod death;
mod raw;

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_devkit::bench::{self, Bench, Better, Case, Pair, Placement, Scenario, Turns};
use ipc_signal::{Error, Mask, Process, Signal, SignalInfo, Signals, handle, raise};

/// Calls that reach nobody else.
const CALL: Scenario = Scenario::new("call", Better::LowerTime);
/// The bytes of a value.
const VALUE: usize = 4;

fn main() -> ExitCode {
    // Before any process or thread is made: all of them inherit it.
    Mask::block(Signal::rt(0)).expect("block").keep();
    bench::main("ipc-signal", |bench| {
        calls(bench);
        for placement in Placement::ALL {
            for form in [Form::Signalfd, Form::Sigwait] {
                messages(bench, form, placement);
            }
        }
        death::cases(bench);
    })
}

/// How signals are taken.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Signalfd,
    Sigwait,
}

/// Opens what sends to the process with this number.
type OpenSender = fn(u32) -> io::Result<Send>;
/// Queues one value; it stands behind a function call, as `sigqueue` does in C.
type Send = Box<dyn FnMut(i32) -> io::Result<()>>;
/// Opens what takes values in this process.
type OpenReceiver = fn(busy: bool) -> io::Result<Receive>;
/// Takes one value.
type Receive = Box<dyn FnMut() -> io::Result<i32>>;

/// The two sides of one subject.
#[derive(Clone, Copy)]
struct Ends {
    sender: OpenSender,
    receiver: OpenReceiver,
}

fn calls(bench: &mut Bench) {
    bench.case(
        Case::alone(CALL, "signal queue + take (signalfd)")
            .size(VALUE)
            .raw("raw signalfd", || alone(raw::ends(Form::Signalfd)))
            .ours("ipc-signal", || alone(ours(Form::Signalfd)))
            .peer("plain sigqueue + signalfd", || alone(raw::plain(Form::Signalfd))),
    );
    bench.case(
        Case::alone(CALL, "signal queue + take (sigwait)")
            .size(VALUE)
            .raw("raw sigtimedwait", || alone(raw::ends(Form::Sigwait)))
            .ours("ipc-signal", || alone(ours(Form::Sigwait)))
            .peer("plain sigqueue + sigtimedwait", || alone(raw::plain(Form::Sigwait))),
    );
    bench.case(
        Case::alone(CALL, "signal raise + handler that counts")
            .raw("raw sigaction", || raw::handler(raw::count_by_sigaction))
            .ours("ipc-signal", handler)
            .peer("signal-hook", || raw::handler(raw::count_by_signal_hook)),
    );
}

fn messages(bench: &mut Bench, form: Form, placement: Placement) {
    let place = placement.name();
    let busy = placement == Placement::Busy;
    let (name, raw) = match form {
        Form::Signalfd => ("signalfd", "raw signalfd"),
        Form::Sigwait => ("sigwait", "raw sigtimedwait"),
    };
    bench.case(
        Case::round_trip(format!("signal round-trip {name} {place}"), VALUE, placement)
            .floor_exchange()
            .raw(raw, move || round_trip(raw::ends(form), busy))
            .ours("ipc-signal", move || round_trip(ours(form), busy))
            .peer("plain sigqueue", move || round_trip(raw::plain(form), busy)),
    );
    bench.case(
        Case::one_way(format!("signal queued {name} {place}"), VALUE, placement)
            .floor_one_way()
            .raw(raw, move || one_way(raw::ends(form), busy))
            .ours("ipc-signal", move || one_way(ours(form), busy))
            .peer("plain sigqueue", move || one_way(raw::plain(form), busy)),
    );
}

/// Ours: the `try_` forms where both sides spin, the plain forms where they sleep.
fn ours(form: Form) -> Ends {
    Ends {
        sender: |pid| {
            let process = Process::open(pid)?;
            Ok(Box::new(move |value| match process.queue(Signal::rt(0), value) {
                Err(Error::LimitReached) => Err(io::ErrorKind::WouldBlock.into()),
                done => Ok(done?),
            }))
        },
        receiver: match form {
            Form::Signalfd => |busy| {
                let mut signals = Signals::new(Signal::rt(0))?;
                Ok(if busy {
                    Box::new(move || spin(|| signals.try_recv()))
                } else {
                    Box::new(move || value(signals.recv()?))
                })
            },
            Form::Sigwait => |busy| {
                let set = Signal::rt(0);
                Ok(if busy {
                    Box::new(move || spin(|| ipc_signal::try_wait_for(set)))
                } else {
                    Box::new(move || value(ipc_signal::wait_for(set)?))
                })
            },
        },
    }
}

/// Asks again for as long as the call would have to wait.
#[inline]
fn spin(mut call: impl FnMut() -> ipc_signal::Result<SignalInfo>) -> io::Result<i32> {
    loop {
        match call() {
            Err(Error::WouldBlock) => {}
            done => return value(done?),
        }
    }
}

#[inline]
fn value(info: SignalInfo) -> io::Result<i32> {
    info.value.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn handler() -> io::Result<Pair> {
    let counter = Arc::new(AtomicU64::new(0));
    let mut registration = None;
    Ok(Pair::alone(move |turns: Turns| {
        opened(&mut registration, || Ok(handle(Signal::USR1, counter.clone())?))?;
        let before = counter.load(Ordering::Acquire);
        let mut raised = 0;
        for _ in turns.sequence() {
            raise(Signal::USR1)?;
            raised += 1;
        }
        same(counter.load(Ordering::Acquire) - before, raised)
    }))
}

fn same(got: u64, expected: u64) -> io::Result<()> {
    if got == expected {
        return Ok(());
    }
    let text = format!("got {got}, expected {expected}");
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// The value that stands for a sequence number.
fn number(sequence: u64) -> i32 {
    i32::try_from(sequence & 0x3fff_ffff).unwrap_or(0)
}

/// The two halves learn each other's process number over a socket pair, on their first turn.
struct Meeting(OwnedFd);

impl Meeting {
    fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        Ok((Self(one.into()), Self(other.into())))
    }

    fn peer(&self) -> io::Result<u32> {
        let mut bytes = std::process::id().to_ne_bytes();
        rustix::io::write(&self.0, &bytes)?;
        rustix::io::read(&self.0, &mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }
}

/// A side once it is open: set on the first turn.
fn opened<T>(side: &mut Option<T>, open: impl FnOnce() -> io::Result<T>) -> io::Result<&mut T> {
    if side.is_none() {
        *side = Some(open()?);
    }
    side.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn round_trip(ends: Ends, busy: bool) -> io::Result<Pair> {
    let (here, there) = Meeting::pair()?;
    let open = move |meeting: &Meeting| -> io::Result<(Send, Receive)> {
        let receive = (ends.receiver)(busy)?;
        Ok(((ends.sender)(meeting.peer()?)?, receive))
    };
    let (mut near, mut far) = (None, None);
    Ok(Pair::two(
        move |turns: Turns| {
            let (send, receive) = opened(&mut near, || open(&here))?;
            for sequence in turns.sequence() {
                send(number(sequence))?;
                if receive()? != number(sequence) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
            Ok(())
        },
        move |turns: Turns| {
            let (send, receive) = opened(&mut far, || open(&there))?;
            for sequence in turns.sequence() {
                let value = receive()?;
                if value != number(sequence) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                send(value)?;
            }
            Ok(())
        },
    ))
}

fn one_way(ends: Ends, busy: bool) -> io::Result<Pair> {
    let (here, there) = Meeting::pair()?;
    let (mut near, mut far) = (None, None);
    Ok(Pair::two(
        move |turns: Turns| {
            let receive = opened(&mut near, || {
                let receive = (ends.receiver)(busy)?;
                here.peer()?;
                Ok(receive)
            })?;
            for sequence in turns.sequence() {
                if receive()? != number(sequence) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
            Ok(())
        },
        move |turns: Turns| {
            let send = opened(&mut far, || (ends.sender)(there.peer()?))?;
            for sequence in turns.sequence() {
                loop {
                    match send(number(sequence)) {
                        // The queue is full.
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            std::thread::yield_now();
                        }
                        done => break done?,
                    }
                }
            }
            Ok(())
        },
    ))
}

fn alone(ends: Ends) -> io::Result<Pair> {
    let mut sides = None;
    Ok(Pair::alone(move |turns: Turns| {
        let (send, receive) = opened(&mut sides, || {
            Ok(((ends.sender)(std::process::id())?, (ends.receiver)(true)?))
        })?;
        for sequence in turns.sequence() {
            send(number(sequence))?;
            if receive()? != number(sequence) {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(())
    }))
}
