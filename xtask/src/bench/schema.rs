//! What a row of a benchmark must look like, alone and beside the others of its case.
//!
//! Other programs read these rows. A field that is missing, misspelt or out of range is an error
//! here, before it is a wrong conclusion there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// The words of these fields are a closed list.
const ROLES: [&str; 4] = ["ours", "raw", "floor", "peer"];
const PLACEMENTS: [&str; 3] = ["busy", "block", "one-core"];
const WAITS: [&str; 3] = ["spin", "block", "none"];

/// The scenarios that need no explanation; another word needs its line in docs/benchmarks.md.
const SCENARIOS: [&str; 11] = [
    "round-trip",
    "one-way",
    "wake",
    "open-close",
    "file-to-file",
    "fan-in",
    "fan-out",
    "contended",
    "uncontended",
    "death",
    "memory",
];

/// All fields, in the order in which they are shown.
pub(super) const FIELDS: [&str; 17] = [
    "case",
    "crate",
    "scenario",
    "subject",
    "role",
    "placement",
    "wait",
    "size",
    "batch",
    "p50_ns",
    "p99_ns",
    "p999_ns",
    "max_ns",
    "msgs_per_s",
    "bytes_per_s",
    "cpu_ns_per_msg",
    "samples",
];

const TEXTS: [&str; 7] = ["case", "crate", "scenario", "subject", "role", "placement", "wait"];
const COUNTS: [&str; 3] = ["size", "batch", "samples"];
const PERCENTILES: [&str; 4] = ["p50_ns", "p99_ns", "p999_ns", "max_ns"];
const RATES: [&str; 3] = ["msgs_per_s", "bytes_per_s", "cpu_ns_per_msg"];

/// What all rows of a case have in common, since they are compared with each other.
const SHARED: [&str; 5] = ["crate", "scenario", "size", "placement", "wait"];

/// One measured row.
#[derive(Clone, Debug)]
pub(crate) struct Row(Map<String, Value>);

impl Row {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(&self, field: &str) -> Option<f64> {
        self.0.get(field)?.as_f64()
    }

    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// The rules, with the scenarios that this repository explains.
pub(crate) struct Schema {
    scenarios: BTreeSet<String>,
}

impl Schema {
    pub(crate) fn load(root: &Path) -> Self {
        let page = fs::read_to_string(root.join("docs/benchmarks.md")).unwrap_or_default();
        Self::new(&page)
    }

    fn new(page: &str) -> Self {
        // Where the page has a chapter about them, only that explains scenarios.
        let page = page.split_once("\n## Scenarios\n").map_or(page, |(_, rest)| rest);
        let page = page.split_once("\n## ").map_or(page, |(chapter, _)| chapter);
        // Every odd piece between backticks is a word set as code.
        let explained = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        let known = SCENARIOS.into_iter().chain(explained);
        Self { scenarios: known.map(str::to_owned).collect() }
    }

    /// What is wrong with one row by itself.
    pub(crate) fn check_row(&self, row: &Row) -> Result<(), String> {
        self.check_fields(row).map_err(|why| {
            format!("row of case `{}`, subject `{}`: {why}", row.text("case"), row.text("subject"))
        })
    }

    fn check_fields(&self, row: &Row) -> Result<(), String> {
        for (field, value) in &row.0 {
            let field = field.as_str();
            let good = if TEXTS.contains(&field) {
                value.as_str().is_some_and(|text| !text.is_empty())
            } else if COUNTS.contains(&field) {
                value.as_u64().is_some()
            } else if PERCENTILES.contains(&field) || RATES.contains(&field) {
                value.as_f64().is_some_and(|number| number >= 0.0)
            } else {
                return Err(format!("unknown field `{field}`"));
            };
            if !good {
                return Err(format!("field `{field}` cannot be {value}"));
            }
        }
        for field in TEXTS.into_iter().chain(["samples"]) {
            if !row.0.contains_key(field) {
                return Err(format!("field `{field}` is missing"));
            }
        }
        for (field, words) in
            [("role", &ROLES[..]), ("placement", &PLACEMENTS[..]), ("wait", &WAITS[..])]
        {
            if !words.contains(&row.text(field)) {
                let known = words.join(", ");
                return Err(format!("{field} `{}` is none of {known}", row.text(field)));
            }
        }
        let scenario = row.text("scenario");
        if !self.scenarios.contains(scenario) {
            return Err(format!("scenario `{scenario}` has no line in docs/benchmarks.md"));
        }
        check_figures(row)
    }

    /// What is wrong with the rows of one run together.
    pub(crate) fn check_cases(rows: &[Row]) -> Vec<String> {
        let mut cases: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            cases.entry(row.text("case")).or_default().push(row);
        }
        cases.into_iter().flat_map(|(case, rows)| check_case(case, &rows)).collect()
    }
}

fn check_figures(row: &Row) -> Result<(), String> {
    let percentiles: Vec<_> = PERCENTILES.iter().filter_map(|field| row.number(field)).collect();
    if !matches!(percentiles.len(), 0 | 4) {
        return Err(format!("{} come together or not at all", PERCENTILES.join(", ")));
    }
    if !percentiles.is_sorted() {
        return Err(format!("{} do not grow: {percentiles:?}", PERCENTILES.join(", ")));
    }
    if percentiles.is_empty() && RATES.iter().all(|field| row.number(field).is_none()) {
        return Err("no figure at all".to_owned());
    }
    Ok(())
}

fn check_case(case: &str, rows: &[&Row]) -> Vec<String> {
    let mut errors = Vec::new();
    for field in SHARED {
        let values: BTreeSet<String> = rows
            .iter()
            .map(|row| row.0.get(field).map_or_else(|| "absent".to_owned(), Value::to_string))
            .collect();
        if values.len() > 1 {
            let values = values.into_iter().collect::<Vec<_>>().join(" and ");
            errors.push(format!("case `{case}`: its rows differ in {field}: {values}"));
        }
    }
    for role in ["floor", "raw"] {
        let of_role = rows.iter().filter(|row| row.text("role") == role);
        let subjects: BTreeSet<_> = of_role.map(|row| row.text("subject")).collect();
        if subjects.len() > 1 {
            errors.push(format!("case `{case}`: more than one {role} subject: {subjects:?}"));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::{Row, Schema};
    use serde_json::{Value, json};

    fn row() -> Value {
        json!({
            "case": "pipe round-trip 64 B busy", "crate": "ipc-pipe", "scenario": "round-trip",
            "subject": "ipc-pipe", "role": "ours", "placement": "busy", "wait": "spin", "size": 64,
            "batch": 1, "p50_ns": 1.0, "p99_ns": 2.0, "p999_ns": 3.0, "max_ns": 4.0,
            "msgs_per_s": 5.0, "bytes_per_s": 6.0, "cpu_ns_per_msg": 7.0, "samples": 8,
        })
    }

    fn to_row(value: &Value) -> Row {
        Row::new(value.as_object().unwrap().clone())
    }

    fn check(value: &Value) -> Result<(), String> {
        Schema::new("- `storm`: many at once").check_row(&to_row(value))
    }

    /// The row with one field changed, or removed by `null`.
    fn with(field: &str, value: Value) -> Value {
        let mut row = row();
        match value {
            Value::Null => drop(row.as_object_mut().unwrap().remove(field)),
            value => row[field] = value,
        }
        row
    }

    #[test]
    fn a_good_row_passes() {
        check(&row()).unwrap();
        check(&with("scenario", json!("storm"))).unwrap();
        check(&with("size", Value::Null)).unwrap();
    }

    #[test]
    fn every_kind_of_bad_field_is_found() {
        for (field, value, part) in [
            ("p50", json!(1), "unknown field `p50`"),
            ("kind", json!("row"), "unknown field `kind`"),
            ("case", Value::Null, "`case` is missing"),
            ("wait", Value::Null, "`wait` is missing"),
            ("samples", Value::Null, "`samples` is missing"),
            ("p99_ns", Value::Null, "come together"),
            ("p99_ns", json!(0.5), "do not grow"),
            ("size", json!(1.5), "`size` cannot be 1.5"),
            ("size", json!(-1), "`size` cannot be -1"),
            ("msgs_per_s", json!("5"), "cannot be \"5\""),
            ("msgs_per_s", json!(-5), "cannot be -5"),
            ("subject", json!(""), "cannot be \"\""),
            ("role", json!("rival"), "role `rival`"),
            ("placement", json!("cold"), "placement `cold`"),
            ("wait", json!("sleep"), "wait `sleep`"),
            ("scenario", json!("ping"), "docs/benchmarks.md"),
        ] {
            let error = check(&with(field, value)).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn only_the_chapter_about_scenarios_explains_them() {
        let schema = Schema::new("`a`\n\n## Scenarios\n\n`b`\n\n## Placements\n\n`c`\n");
        for (word, good) in [("a", false), ("b", true), ("c", false)] {
            let row = to_row(&with("scenario", json!(word)));
            assert_eq!(schema.check_row(&row).is_ok(), good, "{word}");
        }
    }

    #[test]
    fn a_row_has_a_figure() {
        let mut bare = row();
        let figures = ["p50_ns", "p99_ns", "p999_ns", "max_ns"];
        for field in figures.iter().chain(&["msgs_per_s", "bytes_per_s", "cpu_ns_per_msg"]) {
            bare.as_object_mut().unwrap().remove(*field);
        }
        assert!(check(&bare).unwrap_err().contains("no figure"));
    }

    #[test]
    fn rows_of_a_case_belong_together() {
        let other = |changes: &[(&str, Value)]| {
            let mut row = row();
            for (field, value) in changes {
                row[*field] = value.clone();
            }
            to_row(&row)
        };
        let raw = other(&[("role", json!("raw")), ("subject", json!("raw pipe"))]);
        assert_eq!(Schema::check_cases(&[to_row(&row()), raw.clone()]), [""; 0]);

        let second = other(&[("role", json!("raw")), ("subject", json!("raw duplex"))]);
        let errors = Schema::check_cases(&[raw.clone(), second]);
        assert!(errors.len() == 1 && errors[0].contains("more than one raw"), "{errors:?}");

        for (field, value) in [("size", json!(65)), ("crate", json!("x")), ("wait", json!("block"))]
        {
            let errors = Schema::check_cases(&[raw.clone(), other(&[(field, value)])]);
            assert!(errors.len() == 1 && errors[0].contains(field), "{errors:?}");
        }
    }
}
