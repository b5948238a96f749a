//! The rivals beside ours: see the README of this crate.

use std::io;
use std::process::ExitCode;

use ipc_devkit::bench::{self, Bench, Case, Pair, Placement, Scenario, Turns};
use ipc_versus::contest::{Contest, Trip};
use ipc_versus::death::Kind;
use ipc_versus::ends::in_place::one_way_in_place;
use ipc_versus::ends::{BackOff, Wait, capacity, round_trip};
use ipc_versus::rivals::{channels, iceoryx2, interprocess, ipc_channel, ipmpsc, rtrb, shmem_ipc};
use ipc_versus::sweep::{self, Sweep};
use ipc_versus::{death, locks, ours, version};

fn main() -> ExitCode {
    if let Some(done) = sweep::serve().or_else(death::serve) {
        return done;
    }
    let _sweep = match sweep::own_temp_dir().and_then(|()| Sweep::start()) {
        Ok(sweep) => sweep,
        Err(error) => {
            eprintln!("no process that cleans up: {error}");
            return ExitCode::FAILURE;
        }
    };
    bench::main("ipc-versus", |bench| {
        rings(bench);
        queues(bench);
        sockets(bench);
        mutexes(bench);
        wake(bench);
        opening(bench);
        deaths(bench);
    })
}

/// Short messages, and streams of messages up to 1 MiB, through shared memory.
fn rings(bench: &mut Bench) {
    for placement in [Placement::Busy, Placement::OneCore, Placement::Block] {
        let case = ring::<64>(Trip::Round, placement);
        let case = zeromq::<64>(
            case.rival("ipc-channel", ipc_channel::ends),
            placement == Placement::Busy,
        );
        bench.case(threads::<64>(case, placement).done());
    }
    let case = ring::<64>(Trip::OneWay, Placement::Busy);
    bench.case(backing_off(threads::<64>(zeromq::<64>(case, false), Placement::Busy)).done());
    let case = ring::<1024>(Trip::OneWay, Placement::Busy);
    bench.case(threads::<1024>(case, Placement::Busy).done());
    bench.case(long::<{ 64 << 10 }>().done());
    bench.case(long::<{ 1 << 20 }>().done());
    in_place(bench);
}

/// A case of the ring with the rivals that are processes.
fn ring<const N: usize>(trip: Trip, placement: Placement) -> Contest {
    let wait = Wait::of(placement);
    Contest::new("ipc-shm", "shm ring", trip, N, placement)
        .ours("ipc-shm", move || ours::ring(N, capacity(N), wait))
        .rival("iceoryx2", move || iceoryx2::ends(N, capacity(N), wait))
        .rival("shmem-ipc", || shmem_ipc::ends(N, capacity(N)))
        .rival("ipmpsc", || ipmpsc::ends(N, capacity(N)))
}

#[cfg(feature = "zeromq")]
fn zeromq<const N: usize>(case: Contest, _: bool) -> Contest {
    use ipc_versus::rivals::zeromq;
    case.rival_named(zeromq::name(), || zeromq::ends(capacity(N)))
}

/// If asked to, says in the output that it is not there.
#[cfg(not(feature = "zeromq"))]
fn zeromq<const N: usize>(case: Contest, say: bool) -> Contest {
    match say {
        true => case.absent("zmq", "it needs a C++ compiler and the feature `zeromq`"),
        false => case,
    }
}

/// Those that are threads. They carry short messages only.
fn threads<const N: usize>(case: Contest, placement: Placement) -> Contest {
    let case = case
        .threads(version::of("crossbeam-channel"), || channels::crossbeam::<N>(capacity(N)))
        .threads(version::of("flume"), || channels::flume::<N>(capacity(N)))
        .threads(version::of("kanal"), || channels::kanal::<N>(capacity(N)))
        .threads(version::of_std("mpsc"), || channels::std_mpsc::<N>(capacity(N)));
    if placement != Placement::Busy {
        return case;
    }
    case.threads(version::of("rtrb"), || rtrb::of_messages::<N>(capacity(N)))
}

/// Messages that are written and read where they are: only their first and last 8 bytes are touched.
fn in_place(bench: &mut Bench) {
    const SIZE: usize = 1 << 20;
    let (room, wait) = (capacity(SIZE), Wait::Spin);
    bench.case(
        Case::one_way("versus shm ring in place one-way 1 MiB busy", SIZE, Placement::Busy)
            .of("ipc-shm")
            .ours("ipc-shm", move || one_way_in_place(SIZE, ours::ring(SIZE, room, wait)?))
            .peer(version::of("iceoryx2"), move || {
                one_way_in_place(SIZE, iceoryx2::ends(SIZE, room, wait)?)
            }),
    );
}

/// A receiver that leaves the ring alone for a while when it is empty lets the sender fill several slots.
/// Ours and the floor do so by themselves; a caller of the others can.
fn backing_off(case: Contest) -> Contest {
    const N: usize = 64;
    let name = |krate| format!("{}, caller backs off", version::of(krate));
    let case = case.threads(name("crossbeam-channel"), || {
        let (to, from) = channels::crossbeam::<N>(capacity(N))?;
        Ok((BackOff(to), BackOff(from)))
    });
    case.threads(name("rtrb"), || {
        let (to, from) = rtrb::of_messages::<N>(capacity(N))?;
        Ok((BackOff(to), BackOff(from)))
    })
}

fn long<const N: usize>() -> Contest {
    let case = ring::<N>(Trip::OneWay, Placement::Busy).rival("ipc-channel", ipc_channel::ends);
    zeromq::<N>(case, false).threads(version::of("rtrb"), || rtrb::of_bytes(N, capacity(N)))
}

/// Many senders and receivers may use each of these, though here one does.
fn queues(bench: &mut Bench) {
    const SIZE: usize = 64;
    let case = Contest::new("ipc-mq", "mq shared", Trip::OneWay, SIZE, Placement::Busy)
        .ours("ipc-mq", || ours::queue(SIZE, capacity(SIZE)))
        .rival("iceoryx2", || iceoryx2::ends(SIZE, capacity(SIZE), Wait::Spin))
        .rival("ipmpsc", || ipmpsc::ends(SIZE, capacity(SIZE)))
        .rival("ipc-channel", ipc_channel::ends);
    bench.case(
        case.threads(version::of("crossbeam-channel"), || {
            channels::crossbeam::<SIZE>(capacity(SIZE))
        })
        .threads(version::of("kanal"), || channels::kanal::<SIZE>(capacity(SIZE)))
        .done(),
    );
}

/// Unix sockets: ours keeps messages whole, as ipc-channel does; interprocess has streams only.
fn sockets(bench: &mut Bench) {
    for size in [64 << 10, 1 << 20] {
        bench.case(
            Contest::new("ipc-sock", "stream", Trip::OneWay, size, Placement::Busy)
                .ours("ipc-sock", ours::stream)
                .rival("interprocess", || interprocess::ends(Wait::Spin))
                .rival("ipc-channel", ipc_channel::ends)
                .done(),
        );
    }
    bench.case(
        Contest::new("ipc-sock", "seqpacket", Trip::OneWay, 1 << 20, Placement::Busy)
            .ours("ipc-sock", ours::seqpacket)
            .rival("interprocess", || interprocess::ends(Wait::Spin))
            .rival("ipc-channel", ipc_channel::ends)
            .done(),
    );
}

fn mutexes(bench: &mut Bench) {
    let thread = |name: String| format!("{name}{}", version::THREADS);
    let (robust, std, parking_lot) = (
        version::of_libc("pthread robust"),
        thread(version::of_std("Mutex")),
        thread(version::of("parking_lot")),
    );
    bench.case(
        Case::alone(Scenario::UNCONTENDED, "versus mutex lock + unlock")
            .of("ipc-sem")
            .ours("Mutex", || Ok(locks::uncontended(locks::ours().0)))
            .peer(robust.clone(), || Ok(locks::uncontended(locks::robust::robust()?.0)))
            .peer(std.clone(), || Ok(locks::uncontended(locks::of_std().0)))
            .peer(parking_lot.clone(), || Ok(locks::uncontended(locks::of_parking_lot().0))),
    );
    bench.case(
        Case::new(Scenario::CONTENDED, "versus mutex contended by 2", Placement::Block)
            .of("ipc-sem")
            .ours("Mutex", || Ok(locks::contended(locks::ours())))
            .peer(robust, || Ok(locks::contended(locks::robust::robust()?)))
            .peer(std, || Ok(locks::contended_threads(locks::of_std())))
            .peer(parking_lot, || Ok(locks::contended_threads(locks::of_parking_lot()))),
    );
}

/// A sleeper is woken, and wakes the other.
fn wake(bench: &mut Bench) {
    for placement in [Placement::OneCore, Placement::Block] {
        let name = format!("versus event there and back {}", placement.name());
        bench.case(
            Case::new(Scenario::WAKE, name, placement)
                .size(0)
                .of("ipc-sem")
                .floor_exchange()
                .ours("Event", || round_trip(0, Wait::Block, ours::event))
                .peer(version::of("iceoryx2"), || round_trip(0, Wait::Block, iceoryx2::bell)),
        );
    }
}

/// Makes a channel and both its ends, in one process, and closes it again.
fn opening(bench: &mut Bench) {
    bench.case(
        Case::alone(Scenario::OPEN_CLOSE, "versus stream pair open-close")
            .of("ipc-sock")
            .ours("ipc-sock", || each(|| ours::stream().map(drop)))
            .peer(version::of("interprocess"), || {
                each(|| interprocess::ends(Wait::Block).map(drop))
            })
            .peer(version::of("ipc-channel"), || each(|| ipc_channel::ends().map(drop))),
    );
    bench.case(
        Case::alone(Scenario::OPEN_CLOSE, "versus shm ring open-close")
            .of("ipc-shm")
            .ours("ipc-shm", || {
                each(|| Ok(ipc_shm::ring::Options::new().capacity(64 << 10).pair().map(drop)?))
            })
            .peer(version::of("iceoryx2"), || each(iceoryx2::open_close()?))
            .peer(version::of("shmem-ipc"), || each(shmem_ipc::open_close))
            .peer(version::of("ipmpsc"), || each(ipmpsc::open_close)),
    );
}

/// A sleeping receiver, whose sender is killed.
fn deaths(bench: &mut Bench) {
    let case = Case::alone(Scenario::DEATH, "versus death of the sender to a sleeping receiver");
    bench.case(
        case.of("ipc-shm")
            .ours("ipc-shm", || death::deaths(Kind::Ring))
            .peer("ipc-sock", || death::deaths(Kind::Socket))
            .peer(version::of("interprocess"), || death::deaths(Kind::Interprocess))
            .peer(version::of("ipc-channel"), || death::deaths(Kind::IpcChannel)),
    );
}

fn each(mut turn: impl FnMut() -> io::Result<()> + 'static) -> io::Result<Pair> {
    Ok(Pair::alone(move |turns: Turns| turns.sequence().try_for_each(|_| turn())))
}
