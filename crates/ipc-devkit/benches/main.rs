//! What this machine can do at best: the floors that the other crates are held against.

use std::process::ExitCode;

use ipc_devkit::bench::floor::{self, Sleep};
use ipc_devkit::bench::{self, Bench, Case, Placement, Scenario};

fn main() -> ExitCode {
    bench::main("ipc-devkit", |bench| {
        messages(bench);
        wake_ups(bench);
        one_process(bench);
    })
}

/// Payload between two processes, in every placement.
fn messages(bench: &mut Bench) {
    for placement in Placement::ALL {
        let place = placement.name();
        for (size, label) in [(48, "48 B"), (64, "64 B"), (4096, "4 KiB"), (65536, "64 KiB")] {
            let name = format!("floor exchange {label} {place}");
            bench.case(Case::round_trip(name, size, placement).floor_exchange());
        }
        for (size, label) in [(64, "64 B"), (4096, "4 KiB"), (65536, "64 KiB"), (1 << 20, "1 MiB")]
        {
            let name = format!("floor one-way {label} {place}");
            bench.case(Case::one_way(name, size, placement).floor_one_way());
        }
    }
    let name = "floor flag only busy";
    bench.case(Case::round_trip(name, 0, Placement::Busy).floor("flag only", floor::flag_only));
}

/// Two processes that wake each other, with nothing to say.
fn wake_ups(bench: &mut Bench) {
    for placement in [Placement::Block, Placement::OneCore] {
        let place = placement.name();
        let case = |what: &str| {
            Case::new(Scenario::ROUND_TRIP, format!("floor {what} {place}"), placement)
        };
        for (sleep, what) in [
            (Sleep::OneWord, "futex ping-pong one word"),
            (Sleep::TwoWords, "futex ping-pong two words"),
        ] {
            bench.case(case(what).floor(what, move || floor::futex_ping_pong(sleep)));
        }
        let what = "eventfd ping-pong";
        bench.case(case(what).floor(what, floor::event_ping_pong));
    }
}

/// What a process does by itself.
fn one_process(bench: &mut Bench) {
    for (size, label) in [
        (64, "64 B"),
        (256, "256 B"),
        (1024, "1 KiB"),
        (4096, "4 KiB"),
        (16384, "16 KiB"),
        (65536, "64 KiB"),
        (1 << 20, "1 MiB"),
    ] {
        let case = Case::alone(Scenario::MEMCPY, format!("floor memcpy {label}")).size(size);
        bench.case(case.floor("memcpy", move || floor::copy(size)));
    }
    let case = Case::alone(Scenario::SYSTEM_CALL, "floor empty system call");
    bench.case(case.floor("getppid", floor::empty_system_call));
}
