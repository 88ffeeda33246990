//! Keys as bytes: two are equal only if the keys are. Text and numbers are told apart, and so are the parts of a key of
//! several members, whatever stands in them: each part is its sort, its length (u32, little-endian) and its text.

use serde_json::{Number, Value};

const TEXT: u8 = b's';
const NUMBER: u8 = b'n';

/// Adds a part as it is written in a record; `false`: it is neither text nor a number.
pub(crate) fn add_raw(raw: &[u8], key: &mut Vec<u8>) -> bool {
    match raw {
        [b'"', inside @ .., b'"'] if !inside.contains(&b'\\') => {
            add(TEXT, inside, key);
            true
        }
        // 1, 1.0 and 1e0 are one key.
        [b'"' | b'-' | b'0'..=b'9', ..] => serde_json::from_slice(raw).is_ok_and(|value| add_value(&value, key)),
        _ => false,
    }
}

/// Adds every part; `false`: there is none, or one is missing.
pub(crate) fn add_values(values: &[Option<Value>], key: &mut Vec<u8>) -> bool {
    !values.is_empty() && values.iter().all(|value| value.as_ref().is_some_and(|value| add_value(value, key)))
}

/// For people: the parts, and text in quotes where it would be taken for a number.
pub(crate) fn spelt(key: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut rest = key;
    while let [sort, a, b, c, d, behind @ ..] = rest {
        // A kept key may have been cut.
        let length = (u32::from_le_bytes([*a, *b, *c, *d]) as usize).min(behind.len());
        let (part, next) = behind.split_at(length);
        let part = String::from_utf8_lossy(part);
        parts.push(if *sort == TEXT && part.parse::<f64>().is_ok() {
            format!("\"{part}\"")
        } else {
            part.into_owned()
        });
        rest = next;
    }
    parts.join(" + ")
}

fn add_value(value: &Value, key: &mut Vec<u8>) -> bool {
    match value {
        Value::String(text) => add(TEXT, text.as_bytes(), key),
        Value::Number(number) => add(NUMBER, written(number).as_bytes(), key),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return false,
    }
    true
}

fn add(sort: u8, text: &[u8], key: &mut Vec<u8>) {
    key.push(sort);
    key.extend_from_slice(&(text.len() as u32).to_le_bytes());
    key.extend_from_slice(text);
}

/// A number in one way, however it was written.
fn written(number: &Number) -> String {
    match number.as_f64() {
        // A float of this size is exactly the integer that is written here.
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e38 => (float as i128).to_string(),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[&str]) -> Vec<u8> {
        let mut raw = Vec::new();
        assert!(parts.iter().all(|part| add_raw(part.as_bytes(), &mut raw)), "{parts:?}");
        let values: Vec<Option<Value>> = parts.iter().map(|part| serde_json::from_str(part).ok()).collect();
        let mut parsed = Vec::new();
        assert!(add_values(&values, &mut parsed));
        assert_eq!(raw, parsed, "both ways say the same: {parts:?}");
        raw
    }

    #[test]
    fn keys_are_equal_only_where_their_values_are() {
        assert_eq!(key(&["1"]), key(&["1.0"]));
        assert_eq!(key(&["1"]), key(&["1e0"]));
        assert_eq!(key(&["-0.0"]), key(&["0"]));
        assert_eq!(key(&["1e16"]), key(&["10000000000000000"]));
        assert_eq!(key(&["\"é\""]), key(&["\"\\u00e9\""]));
        assert_ne!(key(&["1"]), key(&["\"1\""]));
        assert_ne!(key(&["9007199254740993"]), key(&["9007199254740992"]));
        assert_ne!(key(&["\"a\\u001fb\"", "\"c\""]), key(&["\"a\"", "\"b\\u001fc\""]));
        assert_ne!(key(&["\"as\\u0001\\u0000\\u0000\\u0000b\""]), key(&["\"a\"", "\"b\""]));
        assert_ne!(key(&["\"\"", "\"a\""]), key(&["\"a\"", "\"\""]));
    }

    #[test]
    fn a_key_is_spelt_so_that_people_can_tell() {
        assert_eq!(spelt(&key(&["\"a\""])), "a");
        assert_eq!(spelt(&key(&["1"])), "1");
        assert_eq!(spelt(&key(&["\"1\""])), "\"1\"");
        assert_eq!(spelt(&key(&["\"a\"", "2.50"])), "a + 2.5");
    }

    #[test]
    fn what_is_no_key_is_none() {
        for raw in ["null", "true", "[]", "{}", ""] {
            assert!(!add_raw(raw.as_bytes(), &mut Vec::new()), "{raw}");
        }
        assert!(!add_values(&[], &mut Vec::new()));
        assert!(!add_values(&[Some(Value::from(1)), None], &mut Vec::new()));
    }
}
