//! What a run says about a goal.
//!
//! Everything is turned into a cost first, ours divided by the other, so that lower is always better.

use super::{Bar, Goal, Other};
use crate::bench::saved::Run;
use crate::bench::{Ratio, Row, units};

/// One operation of these scenarios is so many calls; of the others, two.
const ROUND_TRIP_CALLS: f64 = 4.0;
const CALLS: f64 = 2.0;

/// A call may cost so much more, in all or in nanoseconds.
const CALL_FACTOR: f64 = 1.02;
const CALL_NS: f64 = 5.0;

/// In order of how bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Met,
    NotDecided,
    Missed,
}

impl Verdict {
    /// With a sign, so that it can be told without colours.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Met => "▲ met",
            Self::NotDecided => "? not decided",
            Self::Missed => "▼ missed",
        }
    }
}

/// All cases of a goal together: the worst of them speaks.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) figure: String,
    /// The row of ours that the figure is from.
    pub(super) row: Option<usize>,
    pub(super) met: usize,
    pub(super) cases: usize,
    /// The case of the figure; if goals were missed, all cases that missed it.
    pub(super) worst: String,
}

/// One case.
struct Single {
    case: String,
    verdict: Verdict,
    /// How far from the bar: 1 is on it, more is worse.
    margin: f64,
    figure: String,
    row: Option<usize>,
}

/// Nothing if no case of the goal was measured.
pub(super) fn judge(goal: &Goal, run: &Run) -> Option<Outcome> {
    let mut singles = match goal.bar {
        Bar::Within(median, all) => deaths(goal, run, median, all),
        _ => ratios(goal, run),
    };
    // The worst first.
    singles.sort_by(|a, b| b.verdict.cmp(&a.verdict).then(b.margin.total_cmp(&a.margin)));
    let first = singles.first()?;
    let shown = |single: &&Single| single.verdict == Verdict::Missed;
    let missed: Vec<_> = singles.iter().filter(shown).map(|one| one.case.as_str()).collect();
    Some(Outcome {
        verdict: first.verdict,
        figure: first.figure.clone(),
        row: first.row,
        met: singles.iter().filter(|one| one.verdict == Verdict::Met).count(),
        cases: singles.len(),
        worst: if missed.is_empty() { first.case.clone() } else { missed.join(", ") },
    })
}

/// One for each of our subjects in each case, beside the other that it looks worst against.
fn ratios(goal: &Goal, run: &Run) -> Vec<Single> {
    let mut singles: Vec<(&str, Single)> = Vec::new();
    let fitting = |ratio: &&Ratio| fits(goal.cases, &ratio.case) && is_other(goal.other, ratio);
    for ratio in run.ratios.iter().filter(fitting) {
        let Some(single) = single(goal, run, ratio) else { continue };
        let same =
            |(ours, old): &&mut (&str, Single)| *ours == ratio.ours && old.case == ratio.case;
        match singles.iter_mut().find(same) {
            Some((_, old)) if old.margin < single.margin => *old = single,
            Some(_) => {}
            None => singles.push((&ratio.ours, single)),
        }
    }
    singles.into_iter().map(|(_, single)| single).collect()
}

fn single(goal: &Goal, run: &Run, ratio: &Ratio) -> Option<Single> {
    let cost = |value: f64| if ratio.lower_is_better { value } else { 1.0 / value };
    let ends = [cost(ratio.low), cost(ratio.high)];
    let bar = match goal.bar {
        Bar::AtMost(bar) => bar,
        Bar::AtLeast(bar) => 1.0 / bar,
        Bar::Calls => call_bar(run, ratio)?,
        Bar::Within(..) => return None,
    };
    let is = cost(ratio.ratio);
    let margin = is / bar;
    let between = ends[0].min(ends[1]) < bar && bar < ends[0].max(ends[1]);
    let verdict = if between || (margin - 1.0).abs() < ratio.spread {
        Verdict::NotDecided
    } else if margin <= 1.0 {
        Verdict::Met
    } else {
        Verdict::Missed
    };
    let shown = if matches!(goal.bar, Bar::AtLeast(_)) { 1.0 / is } else { is };
    let row = |row: &Row| row.text("case") == ratio.case && row.text("subject") == ratio.ours;
    Some(Single {
        case: ratio.case.clone(),
        verdict,
        margin,
        figure: format!("{shown:.2}x"),
        row: run.rows.iter().position(row),
    })
}

/// What the calls of one operation may cost beside the other's.
fn call_bar(run: &Run, ratio: &Ratio) -> Option<f64> {
    let other = |row: &&Row| row.text("case") == ratio.case && row.text("subject") == ratio.against;
    let row = run.rows.iter().find(other)?;
    let calls = if row.text("scenario") == "round-trip" { ROUND_TRIP_CALLS } else { CALLS };
    Some(CALL_FACTOR.max(1.0 + CALL_NS * calls / row.number("p50_ns")?))
}

/// How long our own rows took to tell of a death.
fn deaths(goal: &Goal, run: &Run, median: f64, all: f64) -> Vec<Single> {
    let ours =
        |(_, row): &(usize, &Row)| row.text("role") == "ours" && fits(goal.cases, row.text("case"));
    let rows = run.rows.iter().enumerate().filter(ours);
    let singles = rows.filter_map(|(index, row)| {
        let (p50, max) = (row.number("p50_ns")?, row.number("max_ns")?);
        let margin = (p50 / median).max(max / all);
        Some(Single {
            case: row.text("case").to_owned(),
            verdict: if margin < 1.0 { Verdict::Met } else { Verdict::Missed },
            margin,
            figure: format!("{}, longest {}", units::time(p50), units::time(max)),
            row: Some(index),
        })
    });
    singles.collect()
}

fn fits(patterns: &[&str], case: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => case.starts_with(start),
        None => case == *pattern,
    })
}

fn is_other(other: Other, ratio: &Ratio) -> bool {
    match other {
        Other::Floor => ratio.role == "floor",
        Other::Raw => ratio.role == "raw",
        Other::AnyRaw => ratio.role == "raw" || ratio.against.starts_with("raw "),
        Other::Named(start) => ratio.against.starts_with(start),
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};
    use crate::bench::saved::Run;
    use crate::bench::saved::tests::{ratio, row, run};
    use crate::goals::Bar::{AtLeast, AtMost, Calls, Within};
    use crate::goals::Other::{AnyRaw, Named, Raw};
    use crate::goals::{ALL, Bar, Goal, Other, table};

    const CASE: &str = "pipe round-trip 64 B busy";

    fn goal(bar: Bar, other: Other) -> Goal {
        Goal { what: "pipe", bar, other, than: "raw", cases: &["pipe *", "fifo"] }
    }

    /// A raw pipe of 1 us beside ours.
    fn measured(median: f64, half_width: f64, spread: f64) -> Run {
        run(&[
            row("ipc-pipe", CASE, "raw pipe", "raw", 64, 1000.0),
            row("ipc-pipe", CASE, "ipc-pipe", "ours", 64, 1000.0 * median),
            ratio(CASE, median, half_width, spread),
        ])
    }

    fn verdict(bar: Bar, run: &Run) -> Verdict {
        judge(&goal(bar, Raw), run).unwrap().verdict
    }

    #[test]
    fn a_bar_within_the_noise_is_not_decided() {
        for (median, half_width, spread, is) in [
            (1.05, 0.01, 0.01, Verdict::Met),
            (1.2, 0.01, 0.01, Verdict::Missed),
            // The quartiles enclose the bar, or the machine scatters more than the distance.
            (1.2, 0.15, 0.01, Verdict::NotDecided),
            (1.05, 0.01, 0.08, Verdict::NotDecided),
        ] {
            let run = measured(median, half_width, spread);
            assert_eq!(verdict(AtMost(1.1), &run), is, "{median} {half_width} {spread}");
        }
        // A round trip of 1 us has four calls: 2 % are 20 ns, and so are four times 5 ns.
        assert_eq!(verdict(Calls, &measured(1.015, 0.001, 0.001)), Verdict::Met);
        assert_eq!(verdict(Calls, &measured(1.03, 0.001, 0.001)), Verdict::Missed);
    }

    #[test]
    fn a_rate_is_better_when_it_is_higher() {
        let mut run = measured(0.9, 0.01, 0.01);
        run.ratios[0].lower_is_better = false;
        let outcome = judge(&goal(AtLeast(0.97), Raw), &run).unwrap();
        assert_eq!((outcome.verdict, outcome.figure.as_str()), (Verdict::Missed, "0.90x"));
        assert_eq!(verdict(AtLeast(0.8), &run), Verdict::Met);
    }

    #[test]
    fn the_worst_case_and_the_best_other_speak() {
        let mut run = measured(1.0, 0.0, 0.0);
        run.ratios.push(run.ratios[0].clone());
        run.ratios[1].case = "fifo".to_owned();
        run.ratios[1].ratio = 1.3;
        let outcome = judge(&goal(AtMost(1.1), Raw), &run).unwrap();
        assert_eq!((outcome.verdict, outcome.met, outcome.cases), (Verdict::Missed, 1, 2));
        assert_eq!((outcome.worst.as_str(), outcome.row), ("fifo", None));

        let mut run = measured(1.0, 0.0, 0.0);
        run.ratios.push(run.ratios[0].clone());
        run.ratios[1].role = "peer".to_owned();
        run.ratios[1].against = "raw faster".to_owned();
        run.ratios[1].ratio = 1.4;
        let outcome = judge(&goal(AtMost(1.1), AnyRaw), &run).unwrap();
        assert_eq!((outcome.figure.as_str(), outcome.cases, outcome.row), ("1.40x", 1, Some(1)));
        assert_eq!(judge(&goal(AtMost(1.1), Raw), &run).unwrap().figure, "1.00x");
        assert!(judge(&goal(AtMost(1.1), Named("rtrb ")), &run).is_none());
    }

    #[test]
    fn times_of_their_own_need_no_other() {
        // The longest is 50 times the median in these rows.
        let within = |median: f64| goal(Within(median, 3e8), Raw);
        let run = measured(1.0, 0.0, 0.0);
        let outcome = judge(&within(1500.0), &run).unwrap();
        assert_eq!(outcome.verdict, Verdict::Met);
        assert_eq!(outcome.figure, "1.00 us, longest 50.0 us");
        assert_eq!(judge(&within(500.0), &run).unwrap().verdict, Verdict::Missed);
        assert_eq!(judge(&goal(Within(1500.0, 20_000.0), Raw), &run).unwrap().met, 0);
    }

    #[test]
    fn what_was_not_measured_says_so() {
        let table = table(&measured(1.0, 0.001, 0.001));
        assert_eq!(table.rows.len(), ALL.len());
        for row in &table.rows {
            let is = if row[0].text == "calls of a pipe" { "▲ met" } else { "- not measured" };
            assert_eq!(row[3].text, is, "{}", row[0].text);
        }
        assert!(super::super::table(&Run::default()).rows.is_empty());
    }
}
