//! From the blocks of a case to its rows, ratios and notes.

use std::io;

use super::model::{Better, Case, Role};
use super::record::{Line, Ratio, Row, rounded};
use super::run::Settings;
use super::running::Running;
use super::stats::{Quartiles, decided, median};

/// Prints a row for each subject, and a ratio for each that ours is compared with.
pub(super) fn print(case: &Case, subjects: &mut [Running], settings: &Settings) -> io::Result<()> {
    for subject in &mut *subjects {
        let samples = subject.samples()?;
        let rate = median(subject.rates());
        let cpu =
            median(subject.blocks.iter().map(|(count, block)| block.cpu_ns as f64 / *count as f64));
        let row = Row {
            case: &case.name,
            krate: case.krate.as_deref().unwrap_or(&settings.krate),
            scenario: case.scenario.name,
            subject: &subject.name,
            role: subject.role.name(),
            placement: case.placement.name(),
            wait: case.wait,
            size: case.size,
            batch: subject.batch,
            p50_ns: rounded(samples.p50_ns, 1),
            p99_ns: rounded(samples.p99_ns, 1),
            p999_ns: rounded(samples.p999_ns, 1),
            max_ns: rounded(samples.max_ns, 1),
            msgs_per_s: rounded(rate, 0),
            bytes_per_s: case
                .size
                .filter(|size| *size > 0)
                .map(|size| rounded(rate * size as f64, 0)),
            cpu_ns_per_msg: rounded(cpu, 1),
            samples: samples.count,
        };
        Line::Row(row).print();
    }
    let Some(ours) = subjects.iter().find(|subject| subject.role == Role::Ours) else {
        return Ok(());
    };
    let floor = subjects.iter().find(|subject| subject.role == Role::Floor);
    for other in subjects.iter().filter(|subject| subject.role != Role::Ours) {
        print_ratio(case, ours, other, floor.unwrap_or(other));
    }
    if let Some(floor) = floor {
        note_slow_phase(case, floor);
    }
    Ok(())
}

fn print_ratio(case: &Case, ours: &Running, other: &Running, probe: &Running) {
    let better = case.scenario.better;
    let pairs = || ours.figures(better).into_iter().zip(other.figures(better));
    let ratio = Quartiles::of(pairs().map(|(ours, other)| ours / other).collect());
    let spread = Quartiles::of(probe.figures(better)).spread();
    let deltas = ours.times().zip(other.times()).map(|(ours, other)| ours - other);
    let line = Ratio {
        case: &case.name,
        role: other.role.name(),
        against: &other.name,
        ours: &ours.name,
        ratio: rounded(ratio.median, 4),
        low: rounded(ratio.low, 4),
        high: rounded(ratio.high, 4),
        pairs: pairs().count(),
        better: if better == Better::LowerTime { "lower" } else { "higher" },
        spread: rounded(spread, 4),
        decided: decided(ratio, spread),
        delta_ns: rounded(median(deltas), 1),
    };
    Line::Ratio(line).print();
}

/// A machine whose floor doubles within a case was in two states: its absolute figures mix both.
fn note_slow_phase(case: &Case, floor: &Running) {
    let least = floor.times().fold(f64::INFINITY, f64::min);
    let most = floor.times().fold(0.0, f64::max);
    if most > 2.0 * least {
        note(&format!(
            "{}: the machine changed speed, {} took {least:.0} to {most:.0} ns",
            case.name, floor.name
        ));
    }
}

/// Something that a reader of the figures should know.
pub(super) fn note(text: &str) {
    Line::Note { text }.print();
}
