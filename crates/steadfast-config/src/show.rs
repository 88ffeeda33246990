//! The effective configuration: every check with its defaults applied, as a file that would load to the same project.

use serde_json::{Map, Value, json};
use steadfast_core::project::{LedgerSettings, Project, ProjectCheck};
use steadfast_core::setting::{Setting, Settings};

use crate::check_table::CheckSettings;
use crate::write::{header, toml_of};

/// The project as one TOML file. Secrets stand there as the references that they are.
pub fn to_toml(project: &Project) -> String {
    let mut text = String::new();
    section(&mut text, "[project]", &json!({ "name": project.name }));
    if !project.targets.is_empty() {
        let targets: Map<String, Value> = project.targets.iter().map(|(k, v)| (k.clone(), v.write())).collect();
        section(&mut text, "[targets]", &targets.into());
    }
    for (gate, settings) in &project.gates {
        section(&mut text, &header(&["gate", gate.word()]), &settings.write());
    }
    if project.ledger != LedgerSettings::default() {
        section(&mut text, "[ledger]", &project.ledger.write());
    }
    for check in &project.checks {
        one_check(&mut text, check);
    }
    text
}

fn one_check(text: &mut String, check: &ProjectCheck) {
    section(text, "[[check]]", &own_keys(check));
    let mut table = check.check.written();
    let expect = table.as_object_mut().and_then(|map| map.remove("expect"));
    text.push_str(&format!("{}\n{}", header(&["check", check.check.kind()]), toml_of(&table)));
    if let Some(expect) = expect {
        text.push_str(&format!("{}\n{}", header(&["check", check.check.kind(), "expect"]), toml_of(&expect)));
    }
}

fn own_keys(check: &ProjectCheck) -> Value {
    let settings = CheckSettings {
        id: check.id.to_string(),
        summary: Some(check.summary.to_string()),
        gates: check.gates.iter().collect(),
        every: check.every,
        severity: check.severity,
        runbook: check.runbook.as_ref().cloned(),
        what_to_do: check.what_to_do.as_ref().cloned(),
        tags: check.tags.to_vec(),
        depends_on: check.depends_on.to_vec(),
        paths: check.paths.to_vec(),
        retry: check.retry.clone(),
        timeout: Some(check.timeout),
        public: check.public,
    };
    let mut map = Map::new();
    settings.write_into(&mut map);
    // `Map` sorts by key; people look for the id first.
    let order = CheckSettings::fields().into_iter().filter_map(|field| Some((field.key, map.remove(field.key)?)));
    Value::Array(order.map(|(key, value)| json!([key, value])).collect())
}

/// A header, its keys, and an empty line before both. An array of pairs keeps its order.
fn section(text: &mut String, header: &str, keys: &Value) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(header);
    text.push('\n');
    match keys {
        Value::Array(pairs) => {
            for pair in pairs {
                if let (Some(Value::String(key)), Some(value)) = (pair.get(0), pair.get(1)) {
                    text.push_str(&toml_of(&json!({ key.as_str(): value })));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            text.push_str(&toml_of(keys));
        }
    }
}
