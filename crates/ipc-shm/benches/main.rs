//! Shared memory beside the physical floor.

mod ring;
mod untrusted;

use std::process::ExitCode;

use ipc_devkit::bench;

fn main() -> ExitCode {
    if untrusted::death::is_victim() {
        return untrusted::death::victim();
    }
    bench::main("ipc-shm", |bench| {
        ring::cases(bench);
        untrusted::cases(bench);
    })
}
