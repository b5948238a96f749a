//! The report of a run: one file that opens without a network and needs no script to be read.
//!
//! A page is put together once, of tables and facts; HTML and Markdown only dress it.

#[cfg(feature = "report")]
mod axis;
#[cfg(all(test, feature = "report"))]
mod browser;
mod cells;
#[cfg(feature = "report")]
mod charts;
#[cfg(feature = "report")]
mod crowd;
pub(crate) mod group;
#[cfg(feature = "report")]
mod html;
pub(crate) mod markdown;
#[cfg(feature = "report")]
mod plot;
pub(crate) mod summary;
mod tables;

#[cfg(feature = "report")]
use std::path::{Path, PathBuf};

use crate::bench::saved::Run;
use cells::RANKS_NOTHING;
pub(crate) use cells::{Cell, Table};

/// What a report says.
pub(crate) struct Page {
    pub(crate) title: String,
    /// What one must know to believe the figures.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// What is wrong with this run.
    pub(crate) warnings: Vec<String>,
    /// The summary and, beside another run, what changed.
    pub(crate) advice: Vec<Table>,
    /// What is asked for, and whether it is met.
    pub(crate) goals: Table,
    pub(crate) tables: Vec<Table>,
    #[cfg_attr(
        not(feature = "report"),
        expect(dead_code, reason = "only the HTML shows all rows")
    )]
    pub(crate) rows: Table,
    pub(crate) notes: Vec<String>,
}

/// Puts the page together.
pub(crate) fn page(run: &Run, before: Option<&Run>) -> Page {
    let mut warnings = Vec::new();
    if run.quick {
        warnings
            .push("A quick run: it shows that everything works, not how fast it is.".to_owned());
    }
    if run.interrupted {
        warnings.push("The run was interrupted: this is a part of it.".to_owned());
    }
    warnings.extend(run.failures.iter().cloned());
    let mut advice = vec![summary::advice(run), summary::table(run)];
    advice.extend(before.map(|before| tables::changes(run, before)));
    let mut tables = tables::side_by_side(run);
    tables.push(tables::ratios(run));
    Page {
        title: "Inter-process communication on this machine".to_owned(),
        facts: vec![
            ("machine", run.machine_line().unwrap_or_else(|| "not told".to_owned())),
            ("date", run.date.clone()),
            ("command", format!("`{}`", run.command)),
            ("commit", run.commit.clone()),
            ("beware", RANKS_NOTHING.to_owned()),
        ],
        warnings,
        advice,
        goals: crate::goals::table(run),
        tables,
        rows: tables::all(run),
        notes: run.notes.clone(),
    }
}

/// Writes `report.html` and `report.md` into the folder, and tells where the page is.
#[cfg(feature = "report")]
pub(crate) fn write(folder: &Path, run: &Run, before: Option<&Run>) -> Result<PathBuf, String> {
    use crate::bench::saved::write;
    write(&folder.join("report.md"), &markdown::render(run, before))?;
    let path = folder.join("report.html");
    write(&path, &html::render(run, before)?)?;
    Ok(path)
}

/// Text as it may stand in HTML or SVG, in quotes too.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}
