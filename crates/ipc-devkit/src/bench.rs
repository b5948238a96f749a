//! Bench models: two real processes, pinned, verified before they are timed, measured in turn.
//!
//! A bench binary is a plain `main` with one thread. It lists cases; each case has subjects that do the
//! same work: ours, the raw system calls, the floor, and others. A subject is two closures, so both halves
//! of a model stand on one screen; each runs in a process of its own, forked before the case begins and
//! kept until it ends.
//!
//! For each case, the run
//! 1. verifies every byte of some messages of each subject;
//! 2. finds block lengths, and batches for turns too short for the clock;
//! 3. lets every subject run one block in each of 11 rounds, in rotating order, so that a change of the
//!    machine's speed meets all of them;
//! 4. prints a row for each subject and a ratio for each comparison, as lines of JSON.
//!
//! A wrong byte, a dead half or a hang is reported on standard error and makes the exit status non-zero.
//!
//! # Examples
//! ```no_run
//! use std::io::{Read as _, Write as _};
//! use std::os::unix::net::UnixStream;
//! use ipc_devkit::bench::{self, Buffer, Case, Pair, Placement, Turns};
//!
//! fn main() -> std::process::ExitCode {
//!     bench::main("my-crate", |bench| {
//!         bench.case(
//!             Case::round_trip("socket round-trip 64 B block", 64, Placement::Block)
//!                 .floor_exchange()
//!                 .ours("my-crate", || {
//!                     let (mut near, mut far) = UnixStream::pair()?;
//!                     let (mut question, mut answer) = (Buffer::new(64), Buffer::new(64));
//!                     Ok(Pair::two(
//!                         move |turns: Turns| {
//!                             for number in turns.sequence() {
//!                                 turns.fill(&mut question, number);
//!                                 near.write_all(&question)?;
//!                                 near.read_exact(&mut question)?;
//!                                 turns.check(&question, number)?;
//!                             }
//!                             Ok(())
//!                         },
//!                         move |turns: Turns| {
//!                             for number in turns.sequence() {
//!                                 far.read_exact(&mut answer)?;
//!                                 turns.check(&answer, number)?;
//!                                 far.write_all(&answer)?;
//!                             }
//!                             Ok(())
//!                         },
//!                     ))
//!                 }),
//!         );
//!     })
//! }
//! ```

mod buffer;
pub mod floor;
mod machine;
mod model;
mod options;
mod payload;
mod record;
mod report;
mod run;
mod running;
mod shm;
mod start_line;
mod stats;
pub mod stream;
mod worker;

use std::process::ExitCode;

pub use buffer::Buffer;
pub use model::{Better, Case, Pair, Placement, Scenario};
pub use payload::Turns;

use options::Options;
use record::Line;
use report::note;
use run::Settings;

/// The cases of a bench, in the order in which they run.
#[derive(Debug, Default)]
pub struct Bench {
    cases: Vec<Case>,
}

impl Bench {
    /// Adds a case.
    pub fn case(&mut self, case: Case) {
        self.cases.push(case);
    }
}

/// The `main` of a bench binary: lists the cases by `plan` and runs those that the command line asks for.
///
/// Options: `--quick` (short blocks), `--filter TEXT` (only cases with TEXT in their name),
/// `--seconds-per-case X`, `--list` (only the names).
pub fn main(krate: &str, plan: impl FnOnce(&mut Bench)) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let mut bench = Bench::default();
    plan(&mut bench);
    bench.cases.retain(|case| case.name.contains(&options.filter));
    if options.list {
        for case in &bench.cases {
            println!("{}", case.name);
        }
        return ExitCode::SUCCESS;
    }

    let allowed = machine::allowed_cpus();
    let pinned = machine::can_pin();
    Line::Machine(&machine::facts(pinned)).print();
    Line::Plan { cases: bench.cases.len() }.print();
    if !pinned {
        note("the halves cannot be bound to processors here");
    }
    let mut settings = Settings {
        krate: krate.to_owned(),
        rounds: options::ROUNDS,
        block: options.block(1),
        least: options.least_batches(),
        allowed: allowed.len(),
        cpus: if pinned { allowed } else { Vec::new() },
    };
    let mut status = ExitCode::SUCCESS;
    for case in &mut bench.cases {
        settings.block = options.block(case.subjects.len());
        if let Err(error) = run::run(case, &settings) {
            eprintln!("{}: {error}", case.name);
            status = ExitCode::FAILURE;
        }
    }
    status
}
