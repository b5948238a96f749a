//! The lines that a bench binary prints: one JSON object each, told apart by `kind`.

use serde_json::{Map, Value, json};

use super::schema::Row;

/// One line.
#[derive(Debug)]
pub(crate) enum Event {
    /// Facts about the machine, first of all.
    Machine(Map<String, Value>),
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
    /// The other subject.
    pub(crate) against: String,
    /// Which of our subjects it is.
    pub(crate) ours: String,
    /// Ours divided by the other.
    pub(crate) ratio: f64,
    /// Its quartiles over the pairs.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) pairs: u64,
    /// How much the floor (or the other, where there is no floor) scattered by itself.
    pub(crate) spread: f64,
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
        "machine" => return Ok(Event::Machine(object)),
        "plan" => fields.count("cases").map(Event::Plan),
        "case" => fields.text("case").map(Event::Case),
        "note" => fields.text("text").map(Event::Note),
        "ratio" => Ratio::from_json(&object).map(Event::Ratio),
        "row" => return Ok(Event::Row(Row::new(object))),
        other => Err(format!("unknown kind `{other}`")),
    };
    event.map_err(|why| format!("{why}: {line}"))
}

impl Ratio {
    pub(crate) fn from_json(object: &Map<String, Value>) -> Result<Self, String> {
        let fields = Fields(object);
        let better = fields.text("better")?;
        if !matches!(better.as_str(), "lower" | "higher") {
            return Err(format!("better `{better}` is neither lower nor higher"));
        }
        Ok(Self {
            case: fields.text("case")?,
            role: fields.text("role")?,
            against: fields.text("against")?,
            ours: fields.text("ours")?,
            ratio: fields.number("ratio")?,
            low: fields.number("low")?,
            high: fields.number("high")?,
            pairs: fields.count("pairs")?,
            spread: fields.number("spread")?,
            decided: object.get("decided").and_then(Value::as_bool).ok_or("no field `decided`")?,
            lower_is_better: better == "lower",
            delta_ns: fields.number("delta_ns").ok(),
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "case": self.case, "role": self.role, "against": self.against, "ours": self.ours,
            "ratio": self.ratio, "low": self.low, "high": self.high, "pairs": self.pairs,
            "spread": self.spread, "decided": self.decided, "delta_ns": self.delta_ns,
            "better": if self.lower_is_better { "lower" } else { "higher" },
        })
    }
}

/// The facts in one line, the well-known ones first.
pub(crate) fn facts(object: &Map<String, Value>) -> String {
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
    use super::{Event, facts, parse};

    #[test]
    fn every_kind_is_understood() {
        let line = r#"{"kind":"machine","kernel":"6.18","cpu":"X","cpus":2,"clock_ns":19.0}"#;
        assert!(
            matches!(parse(line), Ok(Event::Machine(m)) if facts(&m) == "6.18, X, clock_ns 19.0, cpus 2")
        );
        assert!(matches!(parse(r#"{"kind":"plan","cases":7}"#), Ok(Event::Plan(7))));
        assert!(matches!(parse(r#"{"kind":"case","case":"a"}"#), Ok(Event::Case(c)) if c == "a"));
        assert!(matches!(parse(r#"{"kind":"note","text":"b"}"#), Ok(Event::Note(n)) if n == "b"));
        let row = r#"{"kind":"row","case":"a","p50_ns":1.5}"#;
        assert!(matches!(parse(row), Ok(Event::Row(r)) if r.number("p50_ns") == Some(1.5)));
        let ratio = r#"{"kind":"ratio","case":"a","role":"raw","against":"raw pipe",
            "ours":"ipc-pipe","ratio":1.01,"low":1.0,"high":1.02,"pairs":11,"spread":0.1,
            "decided":false,"delta_ns":4.5,"better":"lower"}"#;
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
                r#"{"kind":"ratio","case":"a","role":"raw","against":"x","ours":"b","ratio":1,"low":1,
                "high":1,"pairs":11,"spread":0,"better":"lower"}"#,
                "`decided`",
            ),
            (r#"{"kind":"ratio","case":"a","role":"raw","better":"more"}"#, "better `more`"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
