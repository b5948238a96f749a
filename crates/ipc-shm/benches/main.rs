//! Shared memory beside the physical floor.

mod ring;
mod ring_more;

use std::process::ExitCode;

use ipc_devkit::bench;

fn main() -> ExitCode {
    if ring_more::is_victim() {
        return ring_more::victim();
    }
    bench::main("ipc-shm", |bench| {
        ring::cases(bench);
        ring_more::cases(bench);
    })
}
