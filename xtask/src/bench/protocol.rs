//! The lines that a bench binary prints: one JSON object each, told apart by `kind`.

use serde_json::{Map, Value};

use super::schema::Row;

/// One line.
#[derive(Debug)]
pub(crate) enum Event {
    /// Facts about the machine, first of all.
    Machine(String),
    /// How many cases will run.
    Plan(u64),
    /// A case starts.
    Case(String),
    Row(Row),
    Ratio(Ratio),
    Note(String),
}

/// Ours beside another subject of the same case, from pairs of adjacent blocks.
#[derive(Clone, Debug)]
pub(crate) struct Ratio {
    pub(crate) case: String,
    pub(crate) role: String,
    /// Which of our subjects it is.
    pub(crate) ours: String,
    /// Ours divided by the other.
    pub(crate) ratio: f64,
    /// False if the machine's own spread is wider than the difference.
    pub(crate) decided: bool,
    pub(crate) lower_is_better: bool,
    /// Ours minus the other, per message, where it was measured.
    pub(crate) delta_ns: Option<f64>,
}

/// Reads one line.
pub(crate) fn parse(line: &str) -> Result<Event, String> {
    let mut object: Map<String, Value> =
        serde_json::from_str(line).map_err(|e| format!("not a JSON object ({e}): {line}"))?;
    let kind = object.remove("kind");
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    let fields = Fields(&object);
    let event = match kind {
        "machine" => Ok(Event::Machine(machine(&object))),
        "plan" => fields.count("cases").map(Event::Plan),
        "case" => fields.text("case").map(Event::Case),
        "note" => fields.text("text").map(Event::Note),
        "ratio" => ratio(&fields).map(Event::Ratio),
        "row" => return Ok(Event::Row(Row::new(object))),
        other => Err(format!("unknown kind `{other}`")),
    };
    event.map_err(|why| format!("{why}: {line}"))
}

fn ratio(fields: &Fields<'_>) -> Result<Ratio, String> {
    let better = fields.text("better")?;
    if !matches!(better.as_str(), "lower" | "higher") {
        return Err(format!("better `{better}` is neither lower nor higher"));
    }
    Ok(Ratio {
        case: fields.text("case")?,
        role: fields.text("role")?,
        ours: fields.text("ours")?,
        ratio: fields.number("ratio")?,
        decided: fields.0.get("decided").and_then(Value::as_bool).ok_or("no field `decided`")?,
        lower_is_better: better == "lower",
        delta_ns: fields.number("delta_ns").ok(),
    })
}

/// The facts in one line, the well-known ones first.
fn machine(object: &Map<String, Value>) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let known = ["os", "kernel", "cpu"];
    let first = known.iter().filter_map(|key| object.get(*key)).map(plain);
    let rest = object.iter().filter(|(key, _)| !known.contains(&key.as_str()));
    let rest = rest.map(|(key, value)| format!("{key} {}", plain(value)));
    first.chain(rest).collect::<Vec<_>>().join(", ")
}

/// Fields that must be there.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn text(&self, field: &str) -> Result<String, String> {
        let value = self.0.get(field).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| format!("no text in field `{field}`"))
    }

    fn number(&self, field: &str) -> Result<f64, String> {
        let value = self.0.get(field).and_then(Value::as_f64);
        value.ok_or_else(|| format!("no number in field `{field}`"))
    }

    fn count(&self, field: &str) -> Result<u64, String> {
        let value = self.0.get(field).and_then(Value::as_u64);
        value.ok_or_else(|| format!("no count in field `{field}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, parse};

    #[test]
    fn every_kind_is_understood() {
        let line = r#"{"kind":"machine","kernel":"6.18","cpu":"X","cpus":2,"clock_ns":19.0}"#;
        assert!(
            matches!(parse(line), Ok(Event::Machine(m)) if m == "6.18, X, clock_ns 19.0, cpus 2")
        );
        assert!(matches!(parse(r#"{"kind":"plan","cases":7}"#), Ok(Event::Plan(7))));
        assert!(matches!(parse(r#"{"kind":"case","case":"a"}"#), Ok(Event::Case(c)) if c == "a"));
        assert!(matches!(parse(r#"{"kind":"note","text":"b"}"#), Ok(Event::Note(n)) if n == "b"));
        let row = r#"{"kind":"row","case":"a","p50_ns":1.5}"#;
        assert!(matches!(parse(row), Ok(Event::Row(r)) if r.number("p50_ns") == Some(1.5)));
        let ratio = r#"{"kind":"ratio","case":"a","role":"raw","against":"raw pipe",
            "ours":"ipc-pipe","ratio":1.01,"low":1.0,"high":1.02,"pairs":11,"decided":false,
            "delta_ns":4.5,"better":"lower"}"#;
        assert!(matches!(parse(ratio), Ok(Event::Ratio(r)) if !r.decided && r.lower_is_better));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (line, part) in [
            ("hello", "not a JSON object"),
            ("[1]", "not a JSON object"),
            (r#"{"kind":"rows"}"#, "unknown kind `rows`"),
            (r#"{"cases":1}"#, "unknown kind ``"),
            (r#"{"kind":"plan","cases":-1}"#, "`cases`"),
            (
                r#"{"kind":"ratio","case":"a","role":"raw","ours":"b","ratio":1,"better":"lower"}"#,
                "`decided`",
            ),
            (r#"{"kind":"ratio","case":"a","role":"raw","better":"more"}"#, "better `more`"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
