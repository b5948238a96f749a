//! What somebody needs, as answers to nine questions.

use std::fmt;

/// In which order messages are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    AsSent,
    Priority,
    Type,
}

/// The answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Needs {
    /// One started the other, or a third one both.
    pub(crate) relatives: bool,
    pub(crate) other_host: bool,
    /// Bytes of a message; 0 if there is nothing to carry.
    pub(crate) size: u64,
    /// Messages a second.
    pub(crate) rate: Option<f64>,
    /// Nanoseconds for a message and its answer.
    pub(crate) latency: Option<f64>,
    /// What was sent must still be there after both sides crashed.
    pub(crate) survives: bool,
    pub(crate) distrust: bool,
    pub(crate) descriptors: bool,
    pub(crate) order: Order,
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            relatives: false,
            other_host: false,
            size: 64,
            rate: None,
            latency: None,
            survives: false,
            distrust: false,
            descriptors: false,
            order: Order::AsSent,
        }
    }
}

/// One question: its flag, its words, an example of an answer, and what is taken without one.
pub(crate) struct Question {
    pub(crate) flag: &'static str,
    pub(crate) value: &'static str,
    pub(crate) words: &'static str,
    pub(crate) usual: &'static str,
}

/// All questions, in the order in which they are asked.
pub(crate) const QUESTIONS: [Question; 9] = [
    Question {
        flag: "other-host",
        value: "yes|no",
        words: "May the other program run on another host?",
        usual: "no",
    },
    Question {
        flag: "between",
        value: "relatives|strangers",
        words: "Did one start the other (relatives), or do they meet by a name (strangers)?",
        usual: "strangers",
    },
    Question {
        flag: "size",
        value: "BYTES",
        words: "How long is a message? 0 if there is nothing to carry; 64, 4K, 1M",
        usual: "64",
    },
    Question {
        flag: "rate",
        value: "PER_SECOND",
        words: "How many messages a second? any, 5000, 200k, 2M",
        usual: "any",
    },
    Question {
        flag: "latency",
        value: "TIME",
        words: "How long may a message and its answer take? any, 500ns, 20us, 1ms",
        usual: "any",
    },
    Question {
        flag: "survive-crash",
        value: "yes|no",
        words: "Must what was sent still be there after both sides crashed?",
        usual: "no",
    },
    Question {
        flag: "distrust",
        value: "yes|no",
        words: "May the other side be hostile?",
        usual: "no",
    },
    Question {
        flag: "descriptors",
        value: "yes|no",
        words: "Are there open files to pass?",
        usual: "no",
    },
    Question {
        flag: "order",
        value: "sent|priority|type",
        words: "In which order are messages taken?",
        usual: "sent",
    },
];

impl Needs {
    /// Takes the answer to the question with this flag.
    pub(crate) fn answer(&mut self, flag: &str, text: &str) -> Result<(), String> {
        let text = text.trim().to_ascii_lowercase();
        let yes = || match text.as_str() {
            "yes" | "y" => Ok(true),
            "no" | "n" => Ok(false),
            _ => Err(format!("--{flag}: `{text}` is neither yes nor no")),
        };
        match flag {
            "other-host" => self.other_host = yes()?,
            "between" => {
                self.relatives = match text.as_str() {
                    "relatives" | "r" => true,
                    "strangers" | "s" => false,
                    _ => {
                        return Err(format!(
                            "--between: `{text}` is neither relatives nor strangers"
                        ));
                    }
                }
            }
            "size" => self.size = size(&text)?,
            "rate" => self.rate = limit(&text, &[("k", 1e3), ("m", 1e6), ("g", 1e9), ("", 1.0)])?,
            "latency" => {
                let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];
                self.latency = limit(&text, &units)?;
            }
            "survive-crash" => self.survives = yes()?,
            "distrust" => self.distrust = yes()?,
            "descriptors" => self.descriptors = yes()?,
            "order" => {
                self.order = match text.as_str() {
                    "sent" => Order::AsSent,
                    "priority" => Order::Priority,
                    "type" => Order::Type,
                    _ => return Err(format!("--order: `{text}` is none of sent, priority, type")),
                }
            }
            other => return Err(format!("no question --{other}")),
        }
        Ok(())
    }

    /// Faster than a system call a message allows for comfort.
    pub(crate) fn is_fast(&self) -> bool {
        self.rate.is_some_and(|rate| rate >= 200e3) || self.latency.is_some_and(|ns| ns <= 5e3)
    }
}

/// `64`, `4k`, `1m`: whole bytes.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim_end_matches("ib").trim_end_matches('b').trim();
    let (digits, shift) = match text.chars().last() {
        Some('k') => (&text[..text.len() - 1], 10),
        Some('m') => (&text[..text.len() - 1], 20),
        Some('g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let count: Option<u64> = digits.trim().parse().ok();
    let bytes = count.and_then(|count| count.checked_mul(1 << shift));
    bytes.ok_or_else(|| format!("--size: `{text}` is no number of bytes, like 64, 4K or 1M"))
}

/// A number with one of these units, or `any`.
fn limit(text: &str, units: &[(&str, f64)]) -> Result<Option<f64>, String> {
    if text == "any" {
        return Ok(None);
    }
    let number = units.iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        (number.is_finite() && number > 0.0).then_some(number * factor)
    });
    let names: Vec<_> =
        units.iter().map(|(unit, _)| *unit).filter(|unit| !unit.is_empty()).collect();
    let advice = || format!("`{text}` is neither any nor a number with {}", names.join(", "));
    number.map(Some).ok_or_else(advice)
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsSent => "as sent",
            Self::Priority => "by priority",
            Self::Type => "by type",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Needs, Order, QUESTIONS};

    #[test]
    fn answers_are_understood() {
        let mut needs = Needs::default();
        for (flag, text) in [
            ("other-host", "yes"),
            ("between", "Relatives"),
            ("size", "4KiB"),
            ("rate", "200k"),
            ("latency", "1.5 us"),
            ("order", "type"),
        ] {
            needs.answer(flag, text).unwrap();
        }
        assert!(needs.other_host && needs.relatives && needs.is_fast());
        assert_eq!((needs.size, needs.rate, needs.latency), (4096, Some(200e3), Some(1500.0)));
        assert_eq!(needs.order, Order::Type);
        needs.answer("latency", "any").unwrap();
        assert_eq!(needs.latency, None);
    }

    #[test]
    fn nonsense_is_refused_with_the_flag_or_the_text() {
        for (flag, text) in [
            ("size", "-1"),
            ("size", "x"),
            ("size", "99999999999999G"),
            ("rate", "0"),
            ("rate", "fast"),
            ("rate", "inf"),
            ("latency", "5"),
            ("distrust", "maybe"),
            ("between", "friends"),
            ("order", "random"),
            ("colour", "red"),
        ] {
            let error = Needs::default().answer(flag, text).unwrap_err();
            assert!(error.contains(flag) || error.contains(text), "{error}");
        }
    }

    #[test]
    fn the_usual_answers_are_the_default() {
        let mut needs = Needs { relatives: true, size: 1, ..Needs::default() };
        for question in &QUESTIONS {
            needs.answer(question.flag, question.usual).unwrap();
        }
        assert_eq!(needs, Needs::default());
    }
}
