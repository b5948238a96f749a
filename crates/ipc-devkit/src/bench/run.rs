//! Runs a case: starts its subjects, verifies them, finds block lengths, then measures them in turn.
//!
//! This process only supervises. It sleeps while a block runs, so it takes no time from the halves, and it
//! can end a block that hangs whatever the halves are doing.

use std::io;
use std::time::Duration;

use super::model::{Case, Placement, Role};
use super::record::Line;
use super::report::{self, note};
use super::running::{Running, whole};

/// A batch lasts at least this long, if a turn is shorter than [`SHORT_TURN_NS`].
const BATCH_NS: f64 = 2000.0;
const SHORT_TURN_NS: f64 = 1000.0;

/// How a run measures.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) krate: String,
    /// How often every subject of a case gets a block.
    pub(super) rounds: usize,
    /// How long a block lasts, about.
    pub(super) block: Duration,
    /// How many batches a block has at least.
    pub(super) least: u64,
    /// The processors for the halves, or nothing where binding is not possible.
    pub(super) cpus: Vec<usize>,
    /// How many processors there are for us, bound or not.
    pub(super) allowed: usize,
}

/// Runs one case and prints its lines.
pub(super) fn run(case: &mut Case, settings: &Settings) -> io::Result<()> {
    Line::Case { case: &case.name }.print();
    let two = case.wait != "none" && case.placement != Placement::OneCore;
    if two && settings.allowed < 2 {
        note(&format!("{}: skipped, it needs two processors", case.name));
        return Ok(());
    }
    let mut subjects = Vec::new();
    for subject in &mut case.subjects {
        let name = subject.name.clone();
        match Running::start(subject, case.placement, settings) {
            Ok(running) => subjects.push(running),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                note(&format!("{}: {name} is left out: {error}", case.name));
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("{name}: {error}"))),
        }
    }
    for subject in &mut subjects {
        subject.verify(case.size.unwrap_or(0))?;
        subject.calibrate(settings.block)?;
    }
    set_lengths(&mut subjects, settings);
    for round in 0..settings.rounds {
        // Rotated, so that no subject always runs first.
        for place in 0..subjects.len() {
            let next = (place + round) % subjects.len();
            subjects[next].measure(settings.block, settings.least)?;
        }
    }
    report::print(case, &mut subjects, settings)
}

/// Sets batches and blocks. One batch length for all but the floor, whose turns may be far shorter.
fn set_lengths(subjects: &mut [Running], settings: &Settings) {
    for floor in [true, false] {
        let group =
            || subjects.iter().filter(move |subject| (subject.role == Role::Floor) == floor);
        let shortest = group().map(|subject| subject.turn_ns).fold(f64::INFINITY, f64::min);
        let batch = if shortest < SHORT_TURN_NS { whole(BATCH_NS / shortest) } else { 1 };
        for subject in subjects.iter_mut().filter(|subject| (subject.role == Role::Floor) == floor)
        {
            let batches =
                whole(settings.block.as_nanos() as f64 / (subject.turn_ns * batch as f64));
            subject.batch = batch;
            subject.count = batch * batches.max(settings.least);
        }
    }
}
