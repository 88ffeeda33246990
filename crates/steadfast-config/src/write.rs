//! JSON values as TOML that a person would have written.

use serde_json::{Map, Value};
use toml_writer::{ToTomlKey, ToTomlValue, TomlKeyBuilder, TomlStringBuilder};

/// A line that is longer is broken, where TOML allows it.
const LINE: usize = 100;

/// The keys of an object as lines to paste below a table's header. A table that fits stands in its line; a larger one
/// is spread over dotted keys. Nulls are left out, as TOML has none.
pub fn toml_of(value: &Value) -> String {
    let mut text = String::new();
    if let Value::Object(map) = value {
        lines(&mut text, "", map);
    }
    text
}

/// `[a.b."c d"]`.
pub(crate) fn header(path: &[&str]) -> String {
    format!("[{}]", path.iter().map(|part| key(part)).collect::<Vec<_>>().join("."))
}

fn lines(text: &mut String, prefix: &str, map: &Map<String, Value>) {
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let name = format!("{prefix}{}", key(name));
        let line = format!("{name} = {}", inline(value));
        let long = line.chars().count() > LINE;
        match value {
            Value::Object(inner) if (prefix.is_empty() && spreads(inner)) || (long && !inner.is_empty()) => {
                lines(text, &format!("{name}."), inner);
            }
            Value::Array(items) if long => {
                text.push_str(&format!("{name} = [\n"));
                for item in items.iter().filter(|item| !item.is_null()) {
                    text.push_str(&format!("    {},\n", inline(item)));
                }
                text.push_str("]\n");
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
}

/// Whether a table holds tables, such as `json` with its paths: a line for each is easier to read.
fn spreads(map: &Map<String, Value>) -> bool {
    map.len() > 1 && map.values().any(Value::is_object)
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.to_string(),
            // Beyond 64 bits with sign TOML has floats only; Rust writes them without an exponent.
            (None, Some(float)) if float.fract() == 0.0 => format!("{float:.1}"),
            (None, Some(float)) => float.to_string(),
            (None, None) => number.to_string(),
        },
        Value::String(text) => string(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().filter(|item| !item.is_null()).map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let set = map.iter().filter(|(_, value)| !value.is_null());
            let pairs: Vec<String> = set.map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            if pairs.is_empty() { "{}".into() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
    }
}

fn string(text: &str) -> String {
    let builder = TomlStringBuilder::new(text);
    builder.as_basic_pretty().or_else(|| builder.as_literal()).unwrap_or_else(|| builder.as_basic()).to_toml_value()
}

fn key(name: &str) -> String {
    TomlKeyBuilder::new(name).as_default().to_toml_key()
}
