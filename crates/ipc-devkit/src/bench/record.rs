//! What a bench prints on standard output: one JSON object a line, `kind` first.

use serde::Serialize;

/// One line of output.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Line<'a> {
    Machine(&'a Machine),
    Plan { cases: usize },
    Case { case: &'a str },
    Row(Row<'a>),
    Ratio(Ratio<'a>),
    Note { text: &'a str },
}

impl Line<'_> {
    /// Prints the line. A reader that has gone away ends the bench: nobody is left to tell.
    pub(super) fn print(&self) {
        println!("{}", serde_json::to_string(self).expect("a line has only text and numbers"));
    }
}

/// The machine and its state. An absolute figure means nothing without them.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) kernel: String,
    pub(super) os: Option<String>,
    pub(super) cpu: Option<String>,
    pub(super) cpus: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) governor: Option<String>,
    /// What one reading of the clock costs.
    pub(super) clock_ns: f64,
    /// Whether the halves are bound to processors.
    pub(super) pinned: bool,
}

/// What one subject of a case did.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    pub(super) case: &'a str,
    #[serde(rename = "crate")]
    pub(super) krate: &'a str,
    pub(super) scenario: &'a str,
    pub(super) subject: &'a str,
    pub(super) role: &'a str,
    pub(super) placement: &'a str,
    pub(super) wait: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<usize>,
    pub(super) batch: u64,
    pub(super) p50_ns: f64,
    pub(super) p99_ns: f64,
    pub(super) p999_ns: f64,
    pub(super) max_ns: f64,
    pub(super) msgs_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_per_s: Option<f64>,
    pub(super) cpu_ns_per_msg: f64,
    pub(super) samples: u64,
}

/// How ours compares with another subject of the same case.
#[derive(Debug, Serialize)]
pub(super) struct Ratio<'a> {
    pub(super) case: &'a str,
    /// The role of the other subject.
    pub(super) role: &'a str,
    pub(super) against: &'a str,
    pub(super) ours: &'a str,
    /// Median over the pairs of ours / other, with its quartiles.
    pub(super) ratio: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) pairs: usize,
    /// `lower` or `higher`.
    pub(super) better: &'a str,
    /// The noise that the ratio was held against; see the module `stats`.
    pub(super) spread: f64,
    pub(super) decided: bool,
    /// Median over the pairs of ours - other, of the blocks' medians.
    pub(super) delta_ns: f64,
}

/// `number` with `digits` digits after the point: the rest is noise.
pub(super) fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (number * scale).round() / scale
}
