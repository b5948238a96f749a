//! Shared memory beside the physical floor.

mod broadcast;
mod fan_in;
mod helper;
mod latest;
mod moves;
mod ring;

use std::process::ExitCode;

use ipc_devkit::bench;

fn main() -> ExitCode {
    if helper::is_one() {
        return helper::run();
    }
    bench::main("ipc-shm", |bench| {
        ring::cases(bench);
        latest::cases(bench);
        broadcast::cases(bench);
        fan_in::cases(bench);
    })
}
