//! Values as Postgres writes them, as JSON: nothing is lost, and nothing becomes another type.

use jiff::Timestamp;
use serde_json::{Number, Value, json};
use steadfast_core::observation::Hash;
use tokio_postgres::types::{Kind, Type};

const LONGEST_TEXT: usize = 64 << 10;
/// Postgres itself allows six.
const DEEPEST_ARRAY: usize = 6;

/// What the values of a type are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Integer,
    Float,
    /// Of any size and precision.
    Numeric,
    Json,
    /// A moment: `timestamptz`.
    Instant,
    Bytes,
    Array(Box<Shape>),
    /// All others, as they are written: texts, dates, uuids, enums, intervals, ranges, and what an extension adds.
    Text,
}

impl Shape {
    /// Of a type that every database has.
    pub(super) fn of(of: &Type) -> Shape {
        match *of {
            Type::BOOL => Shape::Bool,
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Shape::Integer,
            Type::FLOAT4 | Type::FLOAT8 => Shape::Float,
            Type::NUMERIC => Shape::Numeric,
            Type::JSON | Type::JSONB => Shape::Json,
            Type::TIMESTAMPTZ => Shape::Instant,
            Type::BYTEA => Shape::Bytes,
            // The one type whose arrays have another comma.
            Type::BOX_ARRAY => Shape::Text,
            _ => match of.kind() {
                Kind::Array(element) => Shape::Array(Box::new(Shape::of(element))),
                _ => Shape::Text,
            },
        }
    }
}

/// A value, and whether it was cut.
pub(super) fn shown(cell: Option<String>, shape: &Shape) -> (Value, bool) {
    let Some(text) = cell else { return (Value::Null, false) };
    if *shape == Shape::Bytes {
        return (bytes(&text), false);
    }
    if text.len() > LONGEST_TEXT {
        return (json!(text[..text.floor_char_boundary(LONGEST_TEXT)]), true);
    }
    (value(text, shape), false)
}

fn value(text: String, shape: &Shape) -> Value {
    let read = match shape {
        Shape::Bool => match text.as_str() {
            "t" => Some(json!(true)),
            "f" => Some(json!(false)),
            _ => None,
        },
        Shape::Integer => text.parse::<i64>().ok().map(Value::from),
        Shape::Float => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        Shape::Numeric => number(&text).map(Value::Number),
        Shape::Json => serde_json::from_str(&text).ok(),
        Shape::Instant => instant(&text).map(Value::String),
        Shape::Bytes => return bytes(&text),
        Shape::Array(element) => array(&text, element),
        Shape::Text => None,
    };
    // What JSON cannot say (NaN, infinity, a date before Christ, forty digits) stays as it is written.
    read.unwrap_or(Value::String(text))
}

/// A number of JSON with exactly this value.
fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let near: f64 = text.parse().ok().filter(|near: &f64| near.is_finite())?;
    // Rust writes the fewest digits that mean this float: if they are the ones that were sent, nothing is lost.
    let sent = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    (near.to_string() == sent).then(|| Number::from_f64(near)).flatten()
}

/// `2026-11-22 11:00:00.5+01` as RFC 3339 in UTC.
fn instant(text: &str) -> Option<String> {
    let (date, time) = text.split_once(' ')?;
    let sign = time.rfind(['+', '-'])?;
    let minutes = if time.len() - sign == 3 { ":00" } else { "" };
    let moment: Timestamp = format!("{date}T{time}{minutes}").parse().ok()?;
    Some(moment.to_string())
}

/// Bytes are known by their digest, as those of SQLite are.
fn bytes(hex: &str) -> Value {
    let digits = hex.strip_prefix("\\x").unwrap_or_default().as_bytes();
    if digits.is_empty() {
        return if hex == "\\x" { json!("") } else { json!(hex) };
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    match digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>() {
        Some(bytes) => json!(format!("blake3:{} ({} bytes)", Hash::of(&bytes), bytes.len())),
        None => json!(hex),
    }
}

/// An array as `array_out` writes it (PostgreSQL 15, 8.15.6). `None` if it is none, or one whose first index is not 1,
/// which a JSON array cannot say.
fn array(text: &str, element: &Shape) -> Option<Value> {
    let mut rest = text;
    let items = items(&mut rest, element, DEEPEST_ARRAY)?;
    rest.is_empty().then_some(items)
}

fn items(rest: &mut &str, element: &Shape, deepest: usize) -> Option<Value> {
    *rest = rest.strip_prefix('{').filter(|_| deepest > 0)?;
    let mut all = Vec::new();
    if let Some(after) = rest.strip_prefix('}') {
        *rest = after;
        return Some(Value::Array(all));
    }
    loop {
        all.push(match rest.chars().next()? {
            '{' => items(rest, element, deepest - 1)?,
            '"' => value(quoted(rest)?, element),
            _ => {
                let (plain, after) = rest.split_at(rest.find([',', '}'])?);
                *rest = after;
                if plain == "NULL" { Value::Null } else { value(plain.to_owned(), element) }
            }
        });
        if let Some(after) = rest.strip_prefix(',') {
            *rest = after;
        } else {
            *rest = rest.strip_prefix('}')?;
            return Some(Value::Array(all));
        }
    }
}

fn quoted(rest: &mut &str) -> Option<String> {
    let mut plain = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                *rest = &rest[at + 1..];
                return Some(plain);
            }
            '\\' => plain.push(letters.next()?.1),
            _ => plain.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shape: &Shape, expected: Value) {
        assert_eq!(shown(Some(text.to_owned()), shape), (expected, false), "{text} {shape:?}");
    }

    #[test]
    fn numbers_are_exact_or_stay_texts() {
        check("12", &Shape::Numeric, json!(12));
        check("1234.50", &Shape::Numeric, json!(1234.5));
        check("12.00", &Shape::Numeric, json!(12.0));
        check("-0.1", &Shape::Numeric, json!(-0.1));
        check("0.10000000000000000555", &Shape::Numeric, json!("0.10000000000000000555"));
        check("123456789012345678901234567890", &Shape::Numeric, json!("123456789012345678901234567890"));
        check("NaN", &Shape::Numeric, json!("NaN"));
        check("9223372036854775807", &Shape::Integer, json!(i64::MAX));
        check("-Infinity", &Shape::Float, json!("-Infinity"));
        check("1e-07", &Shape::Float, json!(1e-7));
    }

    #[test]
    fn moments_are_written_in_utc() {
        check("2026-11-22 11:00:00.5+01", &Shape::Instant, json!("2026-11-22T10:00:00.5Z"));
        check("2026-11-22 15:30:00+05:30", &Shape::Instant, json!("2026-11-22T10:00:00Z"));
        check("2026-11-22 05:00:00-05", &Shape::Instant, json!("2026-11-22T10:00:00Z"));
        check("infinity", &Shape::Instant, json!("infinity"));
        check("0044-03-15 12:00:00+00 BC", &Shape::Instant, json!("0044-03-15 12:00:00+00 BC"));
    }

    #[test]
    fn arrays_are_read_with_all_their_quotes_or_stay_texts() {
        let (texts, numbers) = (Shape::Array(Box::new(Shape::Text)), Shape::Array(Box::new(Shape::Integer)));
        check("{}", &numbers, json!([]));
        check("{1,NULL,3}", &numbers, json!([1, null, 3]));
        check("{{1,2},{3,4}}", &numbers, json!([[1, 2], [3, 4]]));
        check(r#"{a,"NULL","b, \"c\" \\",""}"#, &texts, json!(["a", "NULL", r#"b, "c" \"#, ""]));
        check(r#"{t,f}"#, &Shape::Array(Box::new(Shape::Bool)), json!([true, false]));
        for odd in ["[0:1]={1,2}", "{1", "{1,}x", "{\"", "{{{{{{{{1}}}}}}}}", ""] {
            check(odd, &numbers, json!(odd));
        }
    }

    #[test]
    fn bytes_are_known_by_their_digest_and_long_texts_are_cut() {
        let two = format!("blake3:{} (2 bytes)", Hash::of(&[0, 255]));
        check("\\x00ff", &Shape::Bytes, json!(two));
        check("\\x", &Shape::Bytes, json!(""));
        check("\\x0", &Shape::Bytes, json!("\\x0"));
        check("\\xzz", &Shape::Bytes, json!("\\xzz"));
        let (value, cut) = shown(Some("ä".repeat(LONGEST_TEXT)), &Shape::Text);
        assert!(cut && value.as_str().is_some_and(|text| text.len() == LONGEST_TEXT));
        assert_eq!(shown(None, &Shape::Json), (Value::Null, false));
        check(r#"{"a": [1, null]}"#, &Shape::Json, json!({ "a": [1, null] }));
    }
}
