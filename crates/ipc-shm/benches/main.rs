//! Shared memory beside the physical floor.

mod ring;

use std::process::ExitCode;

use ipc_devkit::bench;

fn main() -> ExitCode {
    bench::main("ipc-shm", ring::cases)
}
