//! Shared memory beside the physical floor.

mod ring;
mod segment;

use std::process::ExitCode;

use ipc_devkit::bench;

fn main() -> ExitCode {
    bench::main("ipc-shm", |bench| {
        ring::cases(bench);
        segment::cases(bench);
    })
}
