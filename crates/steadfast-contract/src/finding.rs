//! One way in which a record falls short.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One step of the way to a value within one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Token {
    /// A member.
    Key(String),
    /// An item.
    Index(usize),
}

/// How much it matters, from `x-severity`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Told, and nothing more (profile `gate`).
    Info,
    /// Told, and does not break a gate.
    Warning,
    /// Breaks; what a finding is unless the contract says otherwise.
    #[default]
    Error,
    /// Breaks, whatever share of bad records the envelope allows.
    Critical,
}

impl Severity {
    /// Whether a finding of this severity makes a record bad.
    pub fn breaks(self) -> bool {
        self >= Severity::Error
    }
}

/// What is wrong with a value, without where the record stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// The way to the value.
    pub path: Vec<Token>,
    /// The keyword of the contract that is broken; `json`, `depth`, `duplicateKey`, ... for what is no keyword.
    pub keyword: String,
    /// What the contract wants.
    pub expected: String,
    /// What is there.
    pub seen: String,
    /// The sort of the value that is there.
    pub seen_kind: String,
    /// How much it matters.
    pub severity: Severity,
}

impl Breach {
    pub(crate) fn new(path: Vec<Token>, keyword: &str, expected: impl Into<String>, seen: &Value) -> Breach {
        Breach {
            path,
            keyword: keyword.to_owned(),
            expected: expected.into(),
            seen: short(seen),
            seen_kind: kind_of(seen).to_owned(),
            severity: Severity::Error,
        }
    }

    pub(crate) fn of_text(keyword: &str, expected: &str, seen: &str) -> Breach {
        Breach {
            path: Vec::new(),
            keyword: keyword.to_owned(),
            expected: expected.to_owned(),
            seen: seen.to_owned(),
            seen_kind: String::new(),
            severity: Severity::Error,
        }
    }
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Which input.
    pub file: u32,
    /// Which stretch of it: lines are counted within stretches, and summed up at the end.
    pub stretch: u32,
    /// Lines before it within the stretch.
    pub line: u64,
    /// Bytes before it in the (uncompressed) input.
    pub offset: u64,
}

/// A finding, with everything that is told about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Where the record stands.
    pub place: Place,
    /// The record's key, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The way to the value, written with its indices: `famous_people[0].selected_people[2]`.
    pub path: String,
    /// The same with `[]` and `{*}`.
    pub pattern: String,
    /// See [`Breach::keyword`].
    pub keyword: String,
    /// See [`Breach::expected`].
    pub expected: String,
    /// See [`Breach::seen`].
    pub seen: String,
    /// See [`Breach::seen_kind`].
    pub seen_kind: String,
    /// See [`Breach::severity`].
    pub severity: Severity,
}

/// `famous_people[0].selected_people[2]`
pub fn spell(path: &[Token]) -> String {
    if path.is_empty() {
        return "(record)".to_owned();
    }
    let mut out = String::new();
    for token in path {
        match token {
            Token::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Token::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

/// A value in at most sixty characters.
pub(crate) fn short(value: &Value) -> String {
    match value {
        Value::Array(items) if items.len() > 3 => format!("a list of {}", items.len()),
        Value::Object(members) if members.len() > 3 => format!("an object of {} members", members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            cut(&value.to_string(), 60)
        }
    }
}

/// At most `limit` characters, with an ellipsis where there were more.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
