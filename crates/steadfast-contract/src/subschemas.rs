//! Where schemas stand within a schema.

use serde_json::Value;

use crate::draft::Draft;

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
    "additionalItems",
];
/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is an object of schemas.
const MAP: &[&str] = &["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/// Calls `seen` with the JSON pointer and the members of every schema object in the document, the root first.
/// In draft 7 the siblings of `$ref` are no schemas.
pub(crate) fn visit<'a>(root: &'a Value, draft: Draft, seen: &mut impl FnMut(&str, &'a Value)) {
    step(root, draft, &mut String::new(), seen);
}

fn step<'a>(schema: &'a Value, draft: Draft, pointer: &mut String, seen: &mut impl FnMut(&str, &'a Value)) {
    let Some(members) = schema.as_object() else { return };
    seen(pointer, schema);
    if draft == Draft::Seven && members.contains_key("$ref") {
        return;
    }
    let length = pointer.len();
    for (keyword, value) in members {
        pointer.push('/');
        pointer.push_str(&escape(keyword));
        match (keyword.as_str(), value) {
            ("items", Value::Array(list)) => each(list, draft, pointer, seen),
            ("items", one) => step(one, draft, pointer, seen),
            (word, one) if ONE.contains(&word) => step(one, draft, pointer, seen),
            (word, Value::Array(list)) if LIST.contains(&word) => each(list, draft, pointer, seen),
            (word, Value::Object(map)) if MAP.contains(&word) => {
                let length = pointer.len();
                for (name, one) in map {
                    pointer.push('/');
                    pointer.push_str(&escape(name));
                    step(one, draft, pointer, seen);
                    pointer.truncate(length);
                }
            }
            _ => {}
        }
        pointer.truncate(length);
    }
}

fn each<'a>(list: &'a [Value], draft: Draft, pointer: &mut String, seen: &mut impl FnMut(&str, &'a Value)) {
    let length = pointer.len();
    for (place, one) in list.iter().enumerate() {
        pointer.push('/');
        pointer.push_str(&place.to_string());
        step(one, draft, pointer, seen);
        pointer.truncate(length);
    }
}

/// A member's name within a JSON pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
