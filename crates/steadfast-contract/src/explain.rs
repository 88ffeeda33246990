//! What a contract says about one path, in words.

use serde::Serialize;
use serde_json::Value;

use crate::contract::annotations::{self, Action};
use crate::contract::{Contract, Profile};
use crate::finding::cut;
use crate::states::{Path, Step};

/// What is said about a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The path.
    pub path: String,
    /// Where in the schema it is said.
    pub places: Vec<String>,
    /// What is said, a line each: (subject, words).
    pub lines: Vec<(String, String)>,
}

/// Explains a path; the error names what there is instead.
pub fn explain(contract: &Contract, text: &str) -> Result<Explanation, String> {
    let path = if text == "(record)" || text == "." { Path::default() } else { Path::parse(text) };
    let schemas = contract.schemas_at(&path);
    if schemas.is_empty() {
        return Err(nowhere(contract, &path));
    }
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut say = |subject: &str, words: String| {
        let line = (subject.to_owned(), words);
        if !lines.contains(&line) {
            lines.push(line);
        }
    };
    for (pointer, schema) in &schemas {
        let Some(members) = schema.as_object() else { continue };
        for (word, value) in members {
            match word.as_str() {
                "description" | "title" => say("about", cut(value.as_str().unwrap_or_default(), 400)),
                "type" => say("type", listed(value)),
                "enum" | "const" => say("one of", cut(&listed(value), 400)),
                "required" => say("required", listed(value)),
                "properties" => say("members", names(value)),
                "additionalProperties" if value == &Value::Bool(false) => say("other members", "none".to_owned()),
                "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minimum"
                | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "pattern" | "format"
                | "uniqueItems" => say(word, cut(&listed(value), 200)),
                "oneOf" | "anyOf" => say(word, format!("{} alternatives", value.as_array().map_or(0, Vec::len))),
                _ => {}
            }
        }
        let annotations = annotations::read(members, pointer, &mut Vec::new(), &mut Vec::new());
        for (state, meaning) in &annotations.states {
            let action = |profile: Profile| match meaning.action(profile) {
                Action::Allow => format!("{}: fine", profile.name()),
                Action::Count => format!("{}: counted", profile.name()),
                Action::Breach => format!("{}: a breach", profile.name()),
                Action::Repair => format!("{}: the default takes its place", profile.name()),
            };
            let means = meaning.means.as_ref().map(|means| format!("means \"{means}\"; ")).unwrap_or_default();
            let actions = [Profile::Write, Profile::Gate, Profile::Load].map(action).join(", ");
            say(state.word(), format!("{means}{actions}"));
        }
        if let Some(on) = &annotations.on_invalid {
            if on.drop_item {
                say("when loaded", "an invalid item is dropped".to_owned());
            }
            if let Some(default) = &on.default {
                say("when loaded", format!("an invalid value becomes {default}"));
            }
        }
        if let Some(severity) = annotations.severity {
            say("severity", format!("{severity:?}").to_lowercase());
        }
    }
    if let Some(rules) = contract.regressions().get(&path) {
        for (transition, limit) in rules {
            say("from release to release", format!("{}: {limit}", transition.name()));
        }
    }
    if contract.key().contains(&path) {
        say("key", "records are matched by it from release to release; it must be there, and once".to_owned());
    }
    if contract.root.attribution.as_ref() == Some(&path) {
        say("attribution", "says who made a record".to_owned());
    }
    if let Some(fresh) = contract.freshness().filter(|fresh| fresh.path == path) {
        say(
            "freshness",
            format!("the newest is at most {} old (profile gate)", crate::report::age(fresh.max_age as i64)),
        );
    }
    let places = schemas.into_iter().map(|(pointer, _)| format!("#{pointer}")).collect();
    Ok(Explanation { path: path.to_string(), places, lines })
}

fn nowhere(contract: &Contract, path: &Path) -> String {
    for length in (0..path.0.len()).rev() {
        let above = Path(path.0[..length].to_vec());
        let schemas = contract.schemas_at(&above);
        if schemas.is_empty() {
            continue;
        }
        let mut known: Vec<String> = schemas
            .iter()
            .filter_map(|(_, schema)| schema.get("properties").and_then(Value::as_object))
            .flat_map(|members| members.keys().cloned())
            .collect();
        known.sort_unstable();
        known.dedup();
        let list =
            schemas.iter().any(|(_, schema)| schema.get("items").is_some() || schema.get("prefixItems").is_some());
        let meant = match &path.0[length] {
            Step::Key(key) => known.iter().min_by_key(|name| strsim::damerau_levenshtein(name, key)).cloned(),
            Step::Item | Step::Free => None,
        };
        let hint = match (list, meant) {
            (true, _) => format!("{above} is a list: its items are {above}[]"),
            (false, Some(meant)) => format!("did you mean {}?", above.with(Step::Key(meant))),
            (false, None) => format!("{above} has no members of its own"),
        };
        return format!("{path}: nowhere in the contract; {hint}");
    }
    format!("{path}: nowhere in the contract")
}

fn listed(value: &Value) -> String {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn names(value: &Value) -> String {
    value.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default()
}
