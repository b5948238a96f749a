//! Shared memory beside the physical floor.

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
    if untrusted::death::is_victim() {
        return untrusted::death::victim();
    }
    bench::main("ipc-shm", |bench| {
        ring::cases(bench);
        ring_more::cases(bench);
        untrusted::cases(bench);
        segment::cases(bench);
    })
}
