//! Our meanings, as `x-` annotations within a JSON Schema. `schema/annotations.schema.json` describes the same for
//! editors and linters; a test holds the two to each other.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::contract::Profile;
use crate::finding::Severity;
use crate::states::{Path, State};

/// Every annotation that means something here.
pub const NAMES: [&str; 7] =
    ["x-states", "x-onInvalid", "x-regression", "x-key", "x-freshness", "x-attribution", "x-severity"];

/// Annotations that stand at the root of the schema only.
const ROOT_ONLY: [&str; 3] = ["x-key", "x-freshness", "x-attribution"];

/// What follows when a path is in a state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    #[default]
    Allow,
    /// It is counted in the report.
    Count,
    /// The record is bad.
    Breach,
    /// The safe default of `x-onInvalid` takes its place (profile `load`).
    Repair,
}

/// What one state of a path means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meaning {
    /// In words, for people.
    pub means: Option<String>,
    write: Action,
    gate: Action,
    load: Action,
}

impl Meaning {
    /// What follows in this profile.
    pub fn action(&self, profile: Profile) -> Action {
        match profile {
            Profile::Write => self.write,
            Profile::Gate => self.gate,
            Profile::Load => self.load,
        }
    }
}

/// What replaces an invalid value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OnInvalid {
    /// The safe default.
    pub default: Option<Value>,
    /// An invalid item of this list is dropped.
    pub drop_item: bool,
}

/// How many records may make a transition. Every bound that is set has to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limit {
    /// This many.
    pub max: Option<u64>,
    /// This share of the records that were in the first state.
    pub max_ratio: Option<f64>,
}

impl Limit {
    /// None at all.
    pub const NONE: Limit = Limit { max: Some(0), max_ratio: None };

    /// Whether `count` of `of` is within the bounds.
    pub fn holds(&self, count: u64, of: u64) -> bool {
        self.max.is_none_or(|max| count <= max) && self.max_ratio.is_none_or(|ratio| count as f64 <= ratio * of as f64)
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.max, self.max_ratio) {
            (Some(max), None) => write!(out, "at most {max}"),
            (None, Some(ratio)) => write!(out, "at most {} %", ratio * 100.0),
            (Some(max), Some(ratio)) => write!(out, "at most {max} and {} %", ratio * 100.0),
            (None, None) => out.write_str("any number"),
        }
    }
}

/// A change of state from the last accepted release to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Transition {
    /// What the path held.
    pub from: State,
    /// What it holds now.
    pub to: State,
}

impl Transition {
    /// Every change there is.
    pub fn all() -> impl Iterator<Item = Transition> {
        State::ALL
            .into_iter()
            .flat_map(|from| State::ALL.into_iter().map(move |to| Transition { from, to }))
            .filter(|transition| transition.from != transition.to)
    }

    /// `populatedToEmpty`
    pub fn name(self) -> String {
        format!("{}To{}", self.from.word(), self.to.capital())
    }
}

/// The annotations of one schema object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations {
    /// `x-states`
    pub states: BTreeMap<State, Meaning>,
    /// `x-onInvalid`
    pub on_invalid: Option<OnInvalid>,
    /// `x-regression`; an empty object watches and allows everything.
    pub regression: Option<BTreeMap<Transition, Limit>>,
    /// `x-severity`
    pub severity: Option<Severity>,
}

/// The annotations of the root.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RootAnnotations {
    /// `x-key`: one path, or several that make the key together.
    pub key: Vec<Path>,
    /// `x-attribution`: who made the record.
    pub attribution: Option<Path>,
    /// `x-freshness`
    pub freshness: Option<Freshness>,
    /// `gone` in the root's `x-regression`.
    pub gone: Option<Limit>,
    /// `new` in the root's `x-regression`.
    pub new: Option<Limit>,
}

/// How old the newest record may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Freshness {
    /// Where the record says when it was made: RFC 3339.
    pub path: Path,
    /// In seconds.
    pub max_age: u64,
}

/// Reads the annotations of one schema object; mistakes are added to `errors`, names that are not ours to `foreign`.
pub(crate) fn read(
    schema: &Map<String, Value>,
    pointer: &str,
    errors: &mut Vec<String>,
    foreign: &mut Vec<String>,
) -> Annotations {
    let mut annotations = Annotations::default();
    for (name, value) in schema.iter().filter(|(name, _)| name.starts_with("x-")) {
        let mut fail = |what: String| errors.push(format!("#{pointer}/{name}: {what}"));
        match name.as_str() {
            "x-states" => annotations.states = states(value, &mut fail),
            "x-onInvalid" => annotations.on_invalid = on_invalid(value, &mut fail),
            "x-regression" => annotations.regression = Some(regression(value, pointer.is_empty(), &mut fail)),
            "x-severity" => {
                annotations.severity = serde_json::from_value(value.clone()).ok();
                if annotations.severity.is_none() {
                    fail(format!("{value} is none of \"critical\", \"error\", \"warning\", \"info\""));
                }
            }
            name if ROOT_ONLY.contains(&name) => {
                if !pointer.is_empty() {
                    fail("stands at the root of the schema only".to_owned());
                }
            }
            name => match NAMES.iter().find(|ours| strsim::damerau_levenshtein(ours, name) <= 2) {
                Some(meant) => fail(format!("is not known; {meant} is")),
                None => foreign.push(format!("#{pointer}/{name}")),
            },
        }
    }
    let repairs = annotations.states.values().any(|meaning| meaning.load == Action::Repair);
    if repairs && annotations.on_invalid.as_ref().is_none_or(|on| on.default.is_none()) {
        errors.push(format!("#{pointer}/x-states: \"repair\" needs a default in x-onInvalid"));
    }
    annotations
}

/// Reads what stands at the root only.
pub(crate) fn read_root(schema: &Map<String, Value>, errors: &mut Vec<String>) -> RootAnnotations {
    let mut root = RootAnnotations::default();
    let path = |value: &Value| value.as_str().filter(|text| text.len() > 1).map(Path::parse);
    if let Some(value) = schema.get("x-key") {
        let keys = match value {
            Value::Array(several) => several.iter().map(path).collect(),
            one => vec![path(one)],
        };
        match keys.into_iter().collect::<Option<Vec<Path>>>().filter(|keys| !keys.is_empty()) {
            Some(keys) => root.key = keys,
            None => errors.push("#/x-key: a JSON pointer such as \"/id\", or a list of them".to_owned()),
        }
    }
    if let Some(value) = schema.get("x-attribution") {
        root.attribution = path(value);
        if root.attribution.is_none() {
            errors.push("#/x-attribution: a JSON pointer such as \"/made_by\"".to_owned());
        }
    }
    if let Some(value) = schema.get("x-freshness") {
        let mut unknown = |place: &str, value: Option<&Value>, known: &[&str]| {
            let members = value.and_then(Value::as_object).into_iter().flatten();
            for (name, _) in members.filter(|(name, _)| !known.contains(&name.as_str())) {
                errors.push(format!("#/x-freshness{place}/{name}: is not known; {} is", known.join(" and ")));
            }
        };
        unknown("", Some(value), &["path", "gate"]);
        unknown("/gate", value.get("gate"), &["maxAge"]);
        let age = value.get("gate").and_then(|gate| gate.get("maxAge")).and_then(Value::as_str);
        match (value.get("path").and_then(path), age.map(duration)) {
            (Some(path), Some(Ok(max_age))) => root.freshness = Some(Freshness { path, max_age }),
            (None, _) => errors.push("#/x-freshness/path: a JSON pointer to the record's time".to_owned()),
            (_, Some(Err(why))) => errors.push(format!("#/x-freshness/gate/maxAge: {why}")),
            (_, None) => errors.push("#/x-freshness/gate/maxAge: a duration such as \"P2D\" is missing".to_owned()),
        }
    }
    if let Some(Value::Object(rules)) = schema.get("x-regression") {
        let mut fail = |what: String| errors.push(format!("#/x-regression: {what}"));
        root.gone = rules.get("gone").and_then(|value| limit("gone", value, &mut fail));
        root.new = rules.get("new").and_then(|value| limit("new", value, &mut fail));
    }
    root
}

/// Seconds of an ISO 8601 or friendly duration.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("\"{text}\" is no duration: write \"P2D\", \"PT36H\" or \"2 days\"");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let marker = jiff::SpanRelativeTo::days_are_24_hours();
    let seconds = span.total((jiff::Unit::Second, marker)).map_err(|_| wrong())?;
    if seconds > 0.0 { Ok(seconds as u64) } else { Err(wrong()) }
}

fn states(value: &Value, fail: &mut impl FnMut(String)) -> BTreeMap<State, Meaning> {
    let mut states = BTreeMap::new();
    let Some(members) = value.as_object() else {
        fail("an object with \"absent\", \"null\", \"empty\", \"populated\"".to_owned());
        return states;
    };
    for (name, rule) in members {
        let Some(state) = State::ALL.into_iter().find(|state| state.word() == name) else {
            fail(format!("\"{name}\" is none of absent, null, empty, populated"));
            continue;
        };
        let mut meaning = Meaning::default();
        match rule {
            Value::String(word) => match action(word) {
                Some(Action::Repair) | None => fail(format!(
                    "{name}: \"{word}\" is none of allow, count, breach; a meaning in words is {{\"means\": \"{word}\"}}"
                )),
                Some(all) => meaning = Meaning { means: None, write: all, gate: all, load: all },
            },
            Value::Object(members) => {
                for (word, value) in members {
                    let text = value.as_str().unwrap_or_default();
                    let slot = match word.as_str() {
                        "means" => {
                            meaning.means = Some(text.to_owned());
                            continue;
                        }
                        "write" => &mut meaning.write,
                        "gate" => &mut meaning.gate,
                        "load" => &mut meaning.load,
                        other => {
                            fail(format!("{name}.{other}: none of means, write, gate, load"));
                            continue;
                        }
                    };
                    match action(text) {
                        Some(Action::Repair) if word != "load" => fail(format!("{name}.{word}: only load repairs")),
                        Some(action) => *slot = action,
                        None => fail(format!("{name}.{word}: {value} is none of allow, count, breach, repair")),
                    }
                }
            }
            _ => fail(format!("{name}: a word or an object")),
        }
        states.insert(state, meaning);
    }
    states
}

fn action(word: &str) -> Option<Action> {
    match word {
        "allow" => Some(Action::Allow),
        "count" => Some(Action::Count),
        "breach" => Some(Action::Breach),
        "repair" => Some(Action::Repair),
        _ => None,
    }
}

fn on_invalid(value: &Value, fail: &mut impl FnMut(String)) -> Option<OnInvalid> {
    let Some(members) = value.as_object().filter(|members| !members.is_empty()) else {
        fail("an object with \"default\", \"dropItem\" or both".to_owned());
        return None;
    };
    let mut on = OnInvalid::default();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("default", value) => on.default = Some(value.clone()),
            ("dropItem", Value::Bool(drop)) => on.drop_item = *drop,
            (name, value) => fail(format!("{name}: {value} is not known; \"default\" and \"dropItem\": true are")),
        }
    }
    Some(on)
}

pub(crate) fn regression(value: &Value, root: bool, fail: &mut impl FnMut(String)) -> BTreeMap<Transition, Limit> {
    let mut rules = BTreeMap::new();
    let Some(members) = value.as_object() else {
        fail("an object such as {\"populatedToEmpty\": 0}".to_owned());
        return rules;
    };
    for (name, value) in members {
        if root && (name == "gone" || name == "new") {
            continue;
        }
        match Transition::all().find(|transition| transition.name() == *name) {
            Some(transition) => {
                if let Some(limit) = limit(name, value, fail) {
                    rules.insert(transition, limit);
                }
            }
            None => {
                fail(format!("\"{name}\" is no transition; populatedToEmpty, populatedToNull, nullToAbsent, ... are"))
            }
        }
    }
    rules
}

pub(crate) fn limit(name: &str, value: &Value, fail: &mut impl FnMut(String)) -> Option<Limit> {
    let wrong = format!("{name}: a count, or {{\"max\": count, \"maxRatio\": 0 to 1}}, is wanted");
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(max) => Some(Limit { max: Some(max), max_ratio: None }),
            None => {
                fail(wrong);
                None
            }
        },
        Value::Object(members) if !members.is_empty() => {
            let mut limit = Limit::default();
            for (word, value) in members {
                match (word.as_str(), value.as_u64(), value.as_f64()) {
                    ("max", Some(max), _) => limit.max = Some(max),
                    ("maxRatio", _, Some(ratio)) if (0.0..=1.0).contains(&ratio) => limit.max_ratio = Some(ratio),
                    _ => {
                        fail(wrong);
                        return None;
                    }
                }
            }
            Some(limit)
        }
        _ => {
            fail(wrong);
            None
        }
    }
}
