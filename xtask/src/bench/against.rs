//! A run beside an earlier one: which changes are real.
//!
//! Absolute figures of two runs differ because the machine does. So what is compared is the ratio of
//! ours to the subject that was measured in turn with it: the raw system calls, or the floor where a
//! case has no raw subject. A change counts only if it is larger than what the floor itself scattered in
//! both runs, and than one and a half times what the pairs did.

use super::protocol::Ratio;
use super::saved::Run;
use super::schema::Row;
use super::table::EQUAL_NS;

/// No change below this can be told from chance, however calm both runs were: memory lies elsewhere in
/// each.
const LEAST: f64 = 0.03;

/// So many widths between the quartiles of the pairs.
const PAIRS: f64 = 1.5;

/// What became of one of our figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Better,
    Worse,
    NotDecided,
    /// The case or subject was not in the earlier run.
    New,
}

impl Change {
    /// With a sign, so that it can be told without colours.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Better => "▲ better",
            Self::Worse => "▼ worse",
            Self::NotDecided => "? not decided",
            Self::New => "+ new",
        }
    }
}

/// One of our rows in both runs.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    pub(crate) case: String,
    pub(crate) subject: String,
    /// Medians, earlier and now, as far as they were measured.
    pub(crate) before_ns: Option<f64>,
    pub(crate) now_ns: Option<f64>,
    /// Now divided by earlier, of the ratios to the same other subject.
    pub(crate) factor: Option<f64>,
    /// The other subject.
    pub(crate) by: String,
    pub(crate) change: Change,
}

/// Both runs, row by row of ours, in the order of the new one.
pub(crate) fn compare(now: &Run, before: &Run) -> Vec<Compared> {
    let ours = now.rows.iter().filter(|row| row.text("role") == "ours");
    ours.map(|row| compare_row(row, now, before)).collect()
}

/// What in the surroundings makes the two runs hard to compare.
pub(crate) fn doubts(now: &Run, before: &Run) -> Vec<String> {
    let mut doubts = Vec::new();
    if now.quick || before.quick {
        doubts.push("at least one of the runs was quick: only large changes show".to_owned());
    }
    let fact = |run: &Run, key: &str| run.machine.get(key).cloned();
    for key in ["cpu", "kernel", "cpus", "governor", "pinned"] {
        let (then, is) = (fact(before, key), fact(now, key));
        if then != is {
            let text =
                |value: Option<serde_json::Value>| value.map_or("-".into(), |v| v.to_string());
            doubts.push(format!("another machine: {key} was {}, is {}", text(then), text(is)));
        }
    }
    doubts
}

fn compare_row(row: &Row, now: &Run, before: &Run) -> Compared {
    let (case, subject) = (row.text("case"), row.text("subject"));
    let earlier =
        before.rows.iter().find(|r| r.text("case") == case && r.text("subject") == subject);
    let pair = ["raw", "floor"].into_iter().find_map(|role| {
        let (is, was) = (now.ratio(row, role)?, before.ratio(row, role)?);
        (is.against == was.against).then_some((is, was))
    });
    let change = match (earlier, pair) {
        (None, _) => Change::New,
        (Some(_), None) => Change::NotDecided,
        (Some(_), Some((is, was))) => judge(is, was),
    };
    Compared {
        case: case.to_owned(),
        subject: subject.to_owned(),
        before_ns: earlier.and_then(|row| row.number("p50_ns")),
        now_ns: row.number("p50_ns"),
        factor: pair.map(|(is, was)| is.ratio / was.ratio),
        by: pair.map_or(String::new(), |(is, _)| is.against.clone()),
        change,
    }
}

fn judge(is: &Ratio, was: &Ratio) -> Change {
    let factor = is.ratio / was.ratio;
    // Two runs, so both kinds of scatter add up.
    let width = |ratio: &Ratio| (ratio.high - ratio.low) / ratio.ratio;
    let noise = [LEAST, is.spread + was.spread, PAIRS * (width(is) + width(was))];
    let noise = noise.into_iter().fold(0.0, f64::max);
    let deltas = is.delta_ns.zip(was.delta_ns).map(|(is, was)| (is - was).abs());
    let tiny = is.lower_is_better && deltas.is_some_and(|delta| delta <= EQUAL_NS);
    if tiny || (factor - 1.0).abs() <= noise {
        return Change::NotDecided;
    }
    if (factor < 1.0) == is.lower_is_better { Change::Better } else { Change::Worse }
}

#[cfg(test)]
mod tests {
    use super::{Change, compare, doubts};
    use crate::bench::saved::Run;
    use crate::bench::saved::tests::{ratio, row, run};
    use serde_json::json;

    const CASE: &str = "pipe round-trip 64 B busy";

    fn with(median: f64, half_width: f64, spread: f64) -> Run {
        run(&[
            row("ipc-pipe", CASE, "ipc-pipe", "ours", 64, 1000.0 * median),
            row("ipc-pipe", CASE, "raw pipe", "raw", 64, 1000.0),
            ratio(CASE, median, half_width, spread),
        ])
    }

    #[test]
    fn only_what_is_beyond_both_kinds_of_noise_is_a_change() {
        let before = with(1.0, 0.005, 0.02);
        for (now, change) in [
            (with(1.2, 0.01, 0.02), Change::Worse),
            (with(0.8, 0.01, 0.02), Change::Better),
            // The pairs scattered nearly as much.
            (with(1.2, 0.08, 0.02), Change::NotDecided),
            // The floor scattered more than that.
            (with(1.2, 0.01, 0.3), Change::NotDecided),
            (with(1.02, 0.0, 0.0), Change::NotDecided),
        ] {
            let compared = compare(&now, &before);
            assert_eq!(compared.len(), 1);
            assert_eq!(compared[0].change, change, "{compared:?}");
            assert_eq!(compared[0].by, "raw pipe");
        }
    }

    #[test]
    fn a_few_nanoseconds_are_no_change() {
        let before = with(1.0, 0.0, 0.0);
        let mut now = with(1.5, 0.0, 0.0);
        assert_eq!(compare(&now, &before)[0].change, Change::Worse);
        now.ratios[0].delta_ns = before.ratios[0].delta_ns.map(|delta| delta + 4.0);
        assert_eq!(compare(&now, &before)[0].change, Change::NotDecided);
    }

    #[test]
    fn a_machine_that_got_slower_as_a_whole_is_no_change() {
        let before = with(1.0, 0.01, 0.02);
        let mut now = with(1.0, 0.01, 0.02);
        let slow = row("ipc-pipe", CASE, "ipc-pipe", "ours", 64, 5000.0);
        now.rows[0] = run(&[slow]).rows.remove(0);
        let compared = compare(&now, &before);
        assert_eq!(compared[0].change, Change::NotDecided);
        assert_eq!((compared[0].before_ns, compared[0].now_ns), (Some(1000.0), Some(5000.0)));
    }

    #[test]
    fn what_was_not_there_is_new_and_what_has_no_ratio_is_not_decided() {
        let now = with(1.0, 0.01, 0.02);
        assert_eq!(compare(&now, &Run::default())[0].change, Change::New);
        let mut before = now.clone();
        before.ratios.clear();
        assert_eq!(compare(&now, &before)[0].change, Change::NotDecided);
    }

    #[test]
    fn another_machine_and_a_quick_run_are_said() {
        let machine = |cpu: &str| run(&[json!({ "kind": "machine", "cpu": cpu }).to_string()]);
        assert!(doubts(&machine("a"), &machine("a")).is_empty());
        let found = doubts(&machine("a"), &Run { quick: true, ..machine("b") });
        assert!(found.len() == 2 && found[1].contains("cpu was \"b\", is \"a\""), "{found:?}");
    }
}
