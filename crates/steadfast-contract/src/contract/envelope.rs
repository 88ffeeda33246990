//! The optional envelope: an ODCS 3.1 document that says what a schema of one record cannot: rows, freshness, owner.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contract::annotations::{self, Limit, Transition};
use crate::states::Path;

/// What is read from an ODCS document.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    /// `id`
    pub id: Option<String>,
    /// `version`
    pub version: Option<String>,
    /// The link to the record's schema, as it is written.
    pub record_schema: String,
    /// Rows that the data set must have.
    pub rows: Vec<RowRule>,
    /// (element, seconds) of the freshness promise; the element is the part behind the last dot of `element`.
    pub freshness: Option<(Path, u64)>,
    /// The share of bad records that may go to quarantine without breaking the gate.
    pub quarantine_ratio: Option<f64>,
    /// The key of the regression rule.
    pub key: Option<Path>,
    /// Keys that may be gone.
    pub gone: Option<Limit>,
    /// Keys that may be new.
    pub new: Option<Limit>,
    /// Regression rules by path; `*` is for every other member of the record.
    pub fields: BTreeMap<String, BTreeMap<Transition, Limit>>,
    /// Rules of the document that nothing here judges: told, so that silence is not taken for a pass.
    pub not_judged: Vec<String>,
}

/// A bound on the number of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowRule {
    /// At least this many.
    pub min: u64,
    /// At most this many.
    pub max: u64,
}

impl Envelope {
    /// Whether the document says that it is one.
    pub(crate) fn is_one(document: &Value) -> bool {
        document.get("apiVersion").is_some() && document.get("kind").and_then(Value::as_str) == Some("DataContract")
    }

    pub(crate) fn read(document: &Value, errors: &mut Vec<String>) -> Envelope {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut envelope = Envelope { id: text("id"), version: text("version"), ..Envelope::default() };
        match document.get("apiVersion").and_then(Value::as_str) {
            Some(version) if version.trim_start_matches('v').starts_with("3.") => {}
            other => errors.push(format!("apiVersion is {other:?}: ODCS 3.x is read")),
        }
        let tables = document.get("schema").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let linked = |table: &&Value| link(table).is_some();
        match tables.iter().filter(linked).collect::<Vec<_>>().as_slice() {
            [table] => {
                envelope.record_schema = link(table).unwrap_or_default().to_owned();
                let rules = table.get("quality").and_then(Value::as_array).into_iter().flatten();
                rules.for_each(|rule| envelope.quality(rule, errors));
                for property in table.get("properties").and_then(Value::as_array).into_iter().flatten() {
                    let name = property.get("name").and_then(Value::as_str).unwrap_or_default();
                    for rule in property.get("quality").and_then(Value::as_array).into_iter().flatten() {
                        envelope.not_judged.push(format!("{name}: {}", title(rule)));
                    }
                }
            }
            [] => errors.push(
                "no schema in this ODCS document links to a record schema: add authoritativeDefinitions: \
                 [{type: recordSchema, url: ./record.schema.json}]"
                    .to_owned(),
            ),
            several => errors.push(format!("{} schemas link to a record schema: keep one per document", several.len())),
        }
        for promise in document.get("slaProperties").and_then(Value::as_array).into_iter().flatten() {
            envelope.promise(promise, errors);
        }
        envelope
    }

    fn quality(&mut self, rule: &Value, errors: &mut Vec<String>) {
        let word = |name: &str| rule.get(name).and_then(Value::as_str);
        if word("metric") == Some("rowCount") {
            match rows(rule) {
                Some(bound) => self.rows.push(bound),
                None => errors.push(format!("quality {}: no mustBe... bound with whole numbers", title(rule))),
            }
            return;
        }
        if word("type") == Some("custom") && word("engine") == Some("steadfast") {
            let Some(Value::Object(implementation)) = rule.get("implementation") else {
                errors.push(format!("quality {}: implementation is an object", title(rule)));
                return;
            };
            for (name, value) in implementation {
                match (name.as_str(), value) {
                    ("regression", Value::Object(_)) => self.regression(value, errors),
                    ("onInvalid", Value::String(what)) if what == "quarantine" => {}
                    ("maxRatio", value) if value.as_f64().is_some_and(|ratio| (0.0..=1.0).contains(&ratio)) => {
                        self.quarantine_ratio = value.as_f64();
                    }
                    _ => errors.push(format!(
                        "quality {}: {name}: {value} is not known; regression, onInvalid: quarantine and maxRatio are",
                        title(rule)
                    )),
                }
            }
            return;
        }
        self.not_judged.push(title(rule));
    }

    fn regression(&mut self, rule: &Value, errors: &mut Vec<String>) {
        let mut mistakes = Vec::new();
        let mut fail = |what: String| mistakes.push(what);
        for (name, value) in rule.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                ("baseline", Value::String(which)) if which == "accepted" => {}
                ("key", Value::String(path)) => self.key = Some(Path::parse(path)),
                ("gone", value) => self.gone = annotations::limit("gone", value, &mut fail),
                ("new", value) => self.new = annotations::limit("new", value, &mut fail),
                ("fields", Value::Object(fields)) => {
                    for (path, rules) in fields {
                        self.fields.insert(path.clone(), annotations::regression(rules, false, &mut fail));
                    }
                }
                (name, value) => {
                    fail(format!("{name}: {value} is not known; baseline: accepted, key, gone, new and fields are"));
                }
            }
        }
        errors.extend(mistakes.into_iter().map(|what| format!("regression: {what}")));
    }

    fn promise(&mut self, promise: &Value, errors: &mut Vec<String>) {
        let word = |name: &str| promise.get(name).and_then(Value::as_str);
        if word("property") != Some("freshness") {
            self.not_judged.push(format!("slaProperties: {}", title(promise)));
            return;
        }
        let second = match promise.get("unit").map(seconds_of) {
            None => 86400.0,
            Some(Ok(seconds)) => seconds,
            Some(Err(why)) => {
                errors.push(format!("slaProperties {}: unit: {why}", title(promise)));
                return;
            }
        };
        let element = word("element").map(|element| element.split_once('.').map_or(element, |(_, field)| field));
        match (promise.get("value").and_then(Value::as_f64), element) {
            (Some(value), Some(element)) if value > 0.0 => {
                self.freshness = Some((Path::parse(element), (value * second) as u64));
            }
            _ => errors.push(format!(
                "slaProperties {}: a value that is a number above 0, its unit, and the element that has the time",
                title(promise)
            )),
        }
    }
}

/// Seconds of a unit, in the spellings of ODCS 3.1 (`d`, `day`, `days`; `y`, `yr`, `years`) and the like.
fn seconds_of(unit: &Value) -> Result<f64, String> {
    const DAY: f64 = 86400.0;
    let known = "s, min, h, d, w and y are (also sec, m, hr, day, week, yr and their plurals)";
    match unit {
        Value::String(word) => match word.to_ascii_lowercase().as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => Ok(1.0),
            "m" | "min" | "mins" | "minute" | "minutes" => Ok(60.0),
            "h" | "hr" | "hrs" | "hour" | "hours" => Ok(3600.0),
            "d" | "day" | "days" => Ok(DAY),
            "w" | "wk" | "week" | "weeks" => Ok(7.0 * DAY),
            "y" | "yr" | "yrs" | "year" | "years" => Ok(365.0 * DAY),
            _ => Err(format!("\"{word}\" is not known; {known}")),
        },
        Value::Bool(_) => Err(format!("YAML reads a bare y or n as {unit}: write it in quotes, as in unit: \"y\"")),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("{unit} is no unit; {known}"))
        }
    }
}

fn link(table: &Value) -> Option<&str> {
    table
        .get("authoritativeDefinitions")?
        .as_array()?
        .iter()
        .find(|definition| definition.get("type").and_then(Value::as_str) == Some("recordSchema"))?
        .get("url")?
        .as_str()
}

fn rows(rule: &Value) -> Option<RowRule> {
    let number = |name: &str| rule.get(name).and_then(Value::as_u64);
    let between = rule.get("mustBeBetween").and_then(Value::as_array).map(|pair| {
        (pair.first().and_then(Value::as_u64).unwrap_or(0), pair.get(1).and_then(Value::as_u64).unwrap_or(u64::MAX))
    });
    let bound = RowRule {
        min: [
            number("mustBe"),
            number("mustBeGreaterOrEqualTo"),
            number("mustBeGreaterThan").map(|count| count + 1),
            between.map(|(min, _)| min),
        ]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or(0),
        max: [
            number("mustBe"),
            number("mustBeLessOrEqualTo"),
            number("mustBeLessThan").map(|count| count.saturating_sub(1)),
            between.map(|(_, max)| max),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(u64::MAX),
    };
    (bound != RowRule { min: 0, max: u64::MAX }).then_some(bound)
}

fn title(rule: &Value) -> String {
    ["id", "name", "metric", "rule", "property", "type"]
        .iter()
        .find_map(|name| rule.get(*name).and_then(Value::as_str))
        .unwrap_or("a rule without a name")
        .to_owned()
}
