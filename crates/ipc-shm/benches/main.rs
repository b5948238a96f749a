//! Shared memory beside the physical floor.

use std::process::ExitCode;

use ipc_devkit::bench;

fn main() -> ExitCode {
    bench::main("ipc-shm", |_| {})
}
