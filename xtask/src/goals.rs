//! How fast everything is meant to be, and by which cases that is judged.
//!
//! A goal is a bar for the ratio of ours to another subject of the same case, from one run.

mod judge;
mod list;

use crate::bench::saved::Run;
use crate::bench::units;
use crate::report::{Cell, Table};
use judge::Outcome;
pub(crate) use list::ALL;

/// Whom ours is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    Floor,
    Raw,
    /// The raw subject, and all others whose name begins with `raw `: the fastest of them counts.
    AnyRaw,
    /// The subject whose name begins so: the fastest, if there are several.
    Named(&'static str),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bar {
    /// So many times the time of the other, at most.
    AtMost(f64),
    /// So many times the rate of the other, at least.
    AtLeast(f64),
    /// 1.02 times the time, or 5 ns for each of the calls that one operation makes.
    Calls,
    /// Nanoseconds: the median, and every single one.
    Within(f64, f64),
}

/// One line of the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) bar: Bar,
    pub(crate) other: Other,
    /// How the other is called in the table.
    pub(crate) than: &'static str,
    /// The cases whose name is one of these, or begins with what stands before a `*`.
    pub(crate) cases: &'static [&'static str],
}

impl Goal {
    /// The bar in words.
    fn wanted(&self) -> String {
        let than = self.than;
        match self.bar {
            Bar::AtMost(bar) => format!("<= {bar}x {than}"),
            Bar::AtLeast(bar) => format!(">= {bar}x {than}"),
            Bar::Calls => format!("<= 1.02x {than}, or + 5 ns a call"),
            Bar::Within(median, all) => {
                format!("median < {}, all < {}", units::time(median), units::time(all))
            }
        }
    }
}

/// Every goal with what this run says about it; no rows if it says nothing about any.
pub(crate) fn table(run: &Run) -> Table {
    let outcomes: Vec<_> = ALL.iter().map(|goal| (goal, judge::judge(goal, run))).collect();
    let measured = outcomes.iter().filter(|(_, outcome)| outcome.is_some()).count();
    let rows = outcomes.into_iter().map(|(goal, outcome)| line(goal, outcome)).collect();
    Table {
        title: "The goals".to_owned(),
        text: "Ours divided by the other, where several cases count the worst of them. \"Not decided\": the bar \
               lies between the quartiles of the pairs, or is closer than the machine's own spread in this run. \
               † are threads of one process. Cases that begin with `versus` need `--versus`."
            .to_owned(),
        head: vec!["what", "goal", "measured", "outcome", "judged by", "cases"],
        rows: if measured == 0 { Vec::new() } else { rows },
        cards: true,
    }
}

fn line(goal: &Goal, outcome: Option<Outcome>) -> Vec<Cell> {
    let head = [Cell::text(goal.what), Cell::text(goal.wanted())];
    let rest = match outcome {
        None => [
            Cell::number(None),
            Cell::text("- not measured"),
            Cell::text(format!("`{}`", goal.cases.join("`, `"))),
            Cell::number(None),
        ],
        Some(outcome) => [
            Cell { row: outcome.row, ..Cell::number(Some(outcome.figure)) },
            Cell::text(outcome.verdict.word()),
            Cell::text(outcome.worst),
            Cell::number(Some(match outcome.met {
                met if met == outcome.cases || outcome.cases == 1 => outcome.cases.to_string(),
                met => format!("{met} of {} met", outcome.cases),
            })),
        ],
    };
    head.into_iter().chain(rest).collect()
}
