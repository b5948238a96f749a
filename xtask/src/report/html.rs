//! The report as one HTML file: no script, no network, light and dark, wide and narrow.

use std::fmt::Write as _;

use super::cells::{Cell, RANKS_NOTHING, Table};
use super::charts::{self, Chart, Section, Series};
use super::plot::{self, COLORS};
use super::{Page, escape, page};
use crate::bench::saved::Run;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn render(run: &Run, before: Option<&Run>) -> Result<String, String> {
    let Page { title, facts, warnings, advice, goals, tables, rows, notes } = page(run, before);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <h1>{title}</h1>\n<dl>\n"
    );
    for (name, fact) in &facts {
        text += &format!("<dt>{name}</dt><dd>{}</dd>\n", rich(fact));
    }
    text += "</dl>\n";
    for warning in &warnings {
        text += &format!("<p class=\"warning\">⚠ {}</p>\n", escape(warning));
    }
    text += "</header>\n<nav aria-label=\"Parts of this page\"><ul>";
    for (id, name) in [
        ("which", "Which one?"),
        ("charts", "Charts"),
        ("goals", "Goals"),
        ("side", "Side by side"),
        ("ratios", "Ratios"),
        ("rows", "Every row"),
        ("notes", "Notes"),
    ] {
        text += &format!("<li><a href=\"#{id}\">{name}</a></li>");
    }
    text += "</ul></nav>\n<main>\n<section id=\"which\">\n";
    // The recommendation, the picture, then the whole table.
    let mut advice = advice.iter();
    let mut charts = charts::sections(run).into_iter();
    text += &advice.next().map(section).unwrap_or_default();
    text += &charts.next().map_or(Ok(String::new()), |part| drawn(&part))?;
    advice.for_each(|table| text += &section(table));
    text += "</section>\n<section id=\"charts\">\n";
    for part in charts {
        text += &drawn(&part)?;
    }
    text += "</section>\n<section id=\"goals\">\n";
    text += &section(&goals);
    text += "</section>\n<section id=\"side\">\n<h2>Side by side</h2>\n\
             <p>All that was measured in the same scenario, at the same size, in the same placement. \
             A name leads to its row.</p>\n";
    let (ratios, side) = tables.split_last().ok_or("a page has tables")?;
    for (index, table) in side.iter().enumerate() {
        text += &folded(table, index < 2);
    }
    text += "</section>\n<section id=\"ratios\">\n";
    text += &section(ratios);
    text += "</section>\n<section id=\"rows\">\n";
    text += &format!("<h2>{}</h2>\n<p>{}</p>\n{}", rows.title, rows.text, table(&rows, true));
    text += "</section>\n<section id=\"notes\">\n<h2>Notes of the benches</h2>\n";
    if notes.is_empty() {
        text += "<p>None.</p>\n";
    } else {
        let items: String =
            notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
        text += &format!("<ul>\n{items}</ul>\n");
    }
    text += "</section>\n</main>\n</body>\n</html>\n";
    Ok(text)
}

fn section(part: &Table) -> String {
    let text =
        if part.text.is_empty() { String::new() } else { format!("<p>{}</p>\n", rich(&part.text)) };
    format!("<h2>{}</h2>\n{text}{}", escape(&part.title), table(part, false))
}

fn folded(part: &Table, open: bool) -> String {
    let open = if open { " open" } else { "" };
    let text = match part.text.as_str() {
        "" => String::new(),
        text => format!("<p class=\"note\">{}</p>\n", rich(text)),
    };
    let title = escape(&part.title);
    format!("<details{open}><summary>{title}</summary>\n{text}{}</details>\n", table(part, false))
}

/// A table; the one with every row gives each an address.
fn table(table: &Table, addresses: bool) -> String {
    let class = if table.cards { " class=\"cards\"" } else { "" };
    let label = escape(&table.title);
    let mut text = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">\n\
         <table{class}>\n<thead><tr>"
    );
    let first = table.rows.first().map(Vec::as_slice).unwrap_or_default();
    for (index, head) in table.head.iter().enumerate() {
        let number = first.get(index).is_some_and(|cell| cell.number);
        let class = if number { " class=\"n\"" } else { "" };
        text += &format!("<th scope=\"col\"{class}>{}</th>", escape(head));
    }
    text += "</tr></thead>\n<tbody>\n";
    for (index, row) in table.rows.iter().enumerate() {
        let id = if addresses { format!(" id=\"r{}\"", index + 1) } else { String::new() };
        text += &format!("<tr{id}>");
        for (cell, head) in row.iter().zip(&table.head) {
            text += &self::cell(cell, if table.cards { Some(head) } else { None });
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table>\n</div>\n"
}

fn cell(cell: &Cell, head: Option<&str>) -> String {
    let mut inner = rich(&cell.text);
    if let Some(row) = cell.row {
        inner = format!("<a href=\"#r{}\">{inner}</a>", row + 1);
    }
    let mood = match cell.text.chars().next() {
        Some('▲' | '=') => "good",
        Some('▼') => "bad",
        _ => "",
    };
    let class = if cell.number { "n" } else { mood };
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    if head.is_some() {
        // One piece beside the head, whatever is inside.
        inner = format!("<span>{inner}</span>");
    }
    let head = head.map(|head| format!(" data-head=\"{}\"", escape(head))).unwrap_or_default();
    format!("<td{class}{head}>{inner}</td>")
}

/// Charts under their heading.
fn drawn(part: &Section) -> Result<String, String> {
    let figures: String = part.charts.iter().map(figure).collect::<Result<_, _>>()?;
    let title = escape(part.title);
    Ok(format!("<h2>{title}</h2>\n<div class=\"charts\">\n{figures}</div>\n"))
}

fn figure(chart: &Chart) -> Result<String, String> {
    let mut text = format!("<figure>\n<figcaption>{}</figcaption>\n", escape(&chart.title));
    text += &plot::svg(chart)?;
    text += "<ul class=\"legend\">";
    for series in &chart.series {
        text +=
            &format!("<li>{} {}</li>", key(series, chart.names.is_empty()), escape(&series.name));
    }
    text += "</ul>\n";
    if chart.block {
        text += &format!("<p class=\"note\">{RANKS_NOTHING}</p>\n");
    }
    Ok(text + "</figure>\n")
}

/// The line and mark of a series, for the legend.
fn key(series: &Series, line: bool) -> String {
    let (red, green, blue) = COLORS[series.color];
    let color = format!("#{red:02X}{green:02X}{blue:02X}");
    let mut corners = String::new();
    for (x, y) in plot::mark(series.style) {
        // Writing into a string cannot fail.
        let _ = write!(corners, "{},{} ", x + 17, y + 7);
    }
    let dashes = if series.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    let line = if line {
        format!(
            "<line x1=\"0\" y1=\"7\" x2=\"34\" y2=\"7\" stroke=\"{color}\" stroke-width=\"2\"{dashes}/>"
        )
    } else {
        String::new()
    };
    format!(
        "<svg viewBox=\"0 0 34 14\" aria-hidden=\"true\">{line}\
         <polygon points=\"{}\" fill=\"{color}\"/></svg>",
        corners.trim_end()
    )
}

/// Text between backticks is set as code; nothing else means anything.
fn rich(text: &str) -> String {
    let parts: Vec<_> = text.split('`').collect();
    if parts.len() % 2 == 0 {
        return escape(text);
    }
    let mut rich = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        let part = escape(part);
        rich += &if index % 2 == 1 { format!("<code>{part}</code>") } else { part };
    }
    rich
}

#[cfg(test)]
mod tests;
