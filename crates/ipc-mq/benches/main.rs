//! Message queues beside the system calls they replace, and beside the floor.

mod shared;

use std::process::ExitCode;

use ipc_devkit::bench;

fn main() -> ExitCode {
    bench::main("ipc-mq", |bench| {
        shared::cases(bench);
    })
}
