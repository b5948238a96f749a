//! The rows as a table of values separated by commas, for spreadsheets.

use serde_json::Value;

use super::schema::{FIELDS, Row};

/// All rows, under a line with the names of the fields.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text = FIELDS.join(",") + "\n";
    for row in rows {
        let cells: Vec<_> = FIELDS.iter().map(|field| cell(row.get(field))).collect();
        text += &cells.join(",");
        text.push('\n');
    }
    text
}

/// A field that is absent is an empty cell. Texts with a comma, quote or line end are quoted.
fn cell(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) if text.contains([',', '"', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::bench::schema::Row;
    use serde_json::json;

    #[test]
    fn cells_keep_their_columns() {
        let row = json!({
            "case": "a, \"b\"", "crate": "c", "scenario": "one-way", "subject": "s", "role": "ours",
            "placement": "busy", "wait": "spin", "msgs_per_s": 1.5, "samples": 3,
        });
        let text = render(&[Row::new(row.as_object().unwrap().clone())]);
        let mut lines = text.lines();
        assert_eq!(
            lines.next().unwrap(),
            "case,crate,scenario,subject,role,placement,wait,size,batch,p50_ns,p99_ns,p999_ns,\
             max_ns,msgs_per_s,bytes_per_s,cpu_ns_per_msg,samples"
        );
        assert_eq!(
            lines.next().unwrap(),
            "\"a, \"\"b\"\"\",c,one-way,s,ours,busy,spin,,,,,,,1.5,,,3"
        );
        assert_eq!(lines.next(), None);
    }
}
