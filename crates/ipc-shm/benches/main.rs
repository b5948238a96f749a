//! Shared memory beside the physical floor.

mod broadcast;
mod fan_in;
mod helper;
mod latest;
mod moves;
mod ring;
mod ring_more;
mod segment;
mod untrusted;

use std::process::ExitCode;

use ipc_devkit::bench;

fn main() -> ExitCode {
    if ring_more::is_victim() {
        return ring_more::victim();
    }
    if helper::is_one() {
        return helper::run();
    }
    if untrusted::death::is_victim() {
        return untrusted::death::victim();
    }
    bench::main("ipc-shm", |bench| {
        ring::cases(bench);
        ring_more::cases(bench);
        latest::cases(bench);
        broadcast::cases(bench);
        fan_in::cases(bench);
        untrusted::cases(bench);
        segment::cases(bench);
    })
}
