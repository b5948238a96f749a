//! How long a case may take, so that a whole run ends in time however many cases there are.

use crate::step::{Cmd, Console};

/// What a case takes when nobody limits it: eleven blocks of 30 ms (quick: 2 ms) for each of some four
/// subjects, and about as much again to start, verify and calibrate them.
const FULL_CASE: f64 = 1.6;
const QUICK_CASE: f64 = 0.13;

/// What of a case is not blocks.
const OVERHEAD: f64 = 0.045;

/// No case gets less: the blocks would be too short to mean anything.
const LEAST: f64 = 0.05;

/// The cases of a bench, by asking it.
pub(super) fn count(console: &Console, list: &Cmd) -> u64 {
    let text = console.output(list).unwrap_or_default();
    u64::try_from(text.lines().filter(|line| !line.trim().is_empty()).count()).unwrap_or(0)
}

/// The seconds that a whole run may take.
pub(super) fn seconds(quick: bool, versus: bool) -> f64 {
    match (quick, versus) {
        (true, false) => 49.0,
        (true, true) => 90.0,
        (false, false) => 545.0,
        (false, true) => 820.0,
    }
}

/// How many seconds the blocks of each case may take, or nothing if there is time enough for the
/// lengths that the benches choose themselves.
pub(super) fn per_case(cases: u64, budget: f64, quick: bool) -> Option<f64> {
    let cases = u32::try_from(cases).map_or(f64::MAX, f64::from);
    let usual = if quick { QUICK_CASE } else { FULL_CASE };
    if cases * usual <= budget {
        return None;
    }
    Some(((budget / cases) - OVERHEAD).max(LEAST).min(usual - OVERHEAD))
}

#[cfg(test)]
mod tests {
    use super::{count, per_case};
    use crate::step::{Cmd, Console};
    use std::path::Path;

    #[test]
    fn few_cases_choose_their_own_length_and_many_share() {
        assert_eq!(per_case(0, 560.0, false), None);
        assert_eq!(per_case(100, 560.0, false), None);
        let share = per_case(500, 560.0, false).unwrap();
        assert!(500.0 * (share + 0.04) <= 561.0 && share > 1.0, "{share}");
        assert_eq!(per_case(1_000_000, 560.0, false), Some(0.05));
    }

    #[test]
    fn a_bench_is_asked_for_its_cases() {
        let console = Console::new(Path::new("."));
        assert_eq!(count(&console, &Cmd::new("printf", ["a\\nb\\n\\n"])), 2);
        assert_eq!(count(&console, &Cmd::new("false", [])), 0);
    }
}
