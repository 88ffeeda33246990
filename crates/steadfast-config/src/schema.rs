//! The JSON Schema of the file, for editors.

use serde_json::{Map, Value, json};
use steadfast_core::gate::Gate;
use steadfast_core::measure::Lapse;
use steadfast_core::project::{GateSettings, LedgerSettings};
use steadfast_core::secret::Text;
use steadfast_core::setting::Setting;

use crate::check_table::CheckSettings;
use crate::load::Kinds;
use crate::root::ProjectSettings;

/// The JSON Schema (2020-12) of `steadfast.toml` and of the files it includes.
pub fn schema(kinds: Kinds<'_>) -> Value {
    let tables: Map<String, Value> =
        kinds.iter().map(|kind| (kind.name().to_owned(), optional(kind.schema()))).collect();
    let defaults: Map<String, Value> = tables
        .iter()
        .map(|(name, table)| {
            let mut table = table.clone();
            let timeout = json!({ "description": "The `timeout` of the checks that say none." });
            table["properties"]["timeout"] = with(Lapse::schema(), timeout);
            (name.clone(), table)
        })
        .collect();
    let gates: Map<String, Value> = Gate::ALL
        .iter()
        .map(|gate| {
            let manual = steadfast_core::setting::tidy(gate.manual());
            (gate.word().to_owned(), with(GateSettings::schema(), json!({ "description": manual })))
        })
        .collect();
    let mut check = CheckSettings::schema();
    if let Some(properties) = check["properties"].as_object_mut() {
        properties.extend(tables);
    }
    check["oneOf"] = kinds.iter().map(|kind| json!({ "required": [kind.name()] })).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "steadfast.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "project": ProjectSettings::schema(),
            "include": {
                "description": "Globs of further files, relative to this one. They hold checks, targets and defaults.",
                "type": "array", "items": { "type": "string" },
            },
            "targets": {
                "description": "Named addresses: a URL, host:port or path, written out or from the environment.",
                "type": "object", "additionalProperties": Text::schema(),
            },
            "defaults": {
                "description": "What the checks of a kind do not say themselves.",
                "type": "object", "additionalProperties": false, "properties": defaults,
            },
            "gate": {
                "description": "How a gate behaves.",
                "type": "object", "additionalProperties": false, "properties": gates,
            },
            "ledger": LedgerSettings::schema(),
            "check": { "type": "array", "items": check },
        },
    })
}

fn with(mut schema: Value, more: Value) -> Value {
    if let (Some(schema), Value::Object(more)) = (schema.as_object_mut(), more) {
        schema.extend(more);
    }
    schema
}

/// Without `required`, as `[defaults.<kind>]` may supply what a table does not say.
fn optional(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
    }
    if let Some(expect) = schema.pointer_mut("/properties/expect").and_then(Value::as_object_mut) {
        expect.remove("required");
    }
    schema
}
