//! Random records: what a schema asks for, as far as that is easy to see, and then damaged.

use serde_json::{Map, Value, json};

use crate::random::Random;
use crate::schema::{LONG_PATTERNS, NAMES, scalar, word};

/// A value that the schema is likely to accept.
pub fn likely(random: &mut Random, root: &Value, schema: &Value, depth: usize) -> Value {
    let Some(members) = schema.as_object() else { return anything(random, depth) };
    if let Some(target) =
        members.get("$ref").and_then(Value::as_str).and_then(|to| root.pointer(to.trim_start_matches('#')))
    {
        return likely(random, root, target, depth);
    }
    if let Some(values) = members.get("enum").and_then(Value::as_array).filter(|values| !values.is_empty()) {
        return if random.one_in(8) { word(random) } else { random.pick(values).clone() };
    }
    if let Some(value) = members.get("const") {
        return value.clone();
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(branches) = members.get(word).and_then(Value::as_array).filter(|branches| !branches.is_empty()) {
            let branch = random.pick(branches);
            return likely(random, root, branch, depth);
        }
    }
    let kinds: Vec<&str> = match members.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ if members.contains_key("properties") || members.contains_key("required") => vec!["object"],
        _ if members.contains_key("items") || members.contains_key("prefixItems") => vec!["array"],
        _ if members.contains_key("pattern") || members.contains_key("minLength") => vec!["string"],
        _ if members.contains_key("minimum") || members.contains_key("multipleOf") => vec!["number"],
        _ => return anything(random, depth),
    };
    let count = |word: &str| members.get(word).and_then(Value::as_u64).map(|count| count as usize);
    match *random.pick(&kinds) {
        "null" => Value::Null,
        "boolean" => random.one_in(2).into(),
        "integer" => {
            let floor = members.get("minimum").and_then(Value::as_i64).unwrap_or(0);
            (floor + random.below(9) as i64).into()
        }
        "number" => {
            let floor = members.get("minimum").and_then(Value::as_f64).unwrap_or(0.0);
            let roof = members.get("maximum").and_then(Value::as_f64).unwrap_or(floor + 10.0);
            json!(((floor + (roof - floor) * random.below(1001) as f64 / 1000.0) * 1e4).round() / 1e4)
        }
        "string" => {
            text(random, members.get("pattern").and_then(Value::as_str), count("minLength"), count("maxLength"))
        }
        "array" => {
            let min = count("minItems").unwrap_or(0);
            let length = min + random.below(3);
            let items = members.get("items").unwrap_or(&Value::Null);
            (0..length).map(|_| likely(random, root, items, depth.saturating_sub(1))).collect()
        }
        _ => {
            let mut out = Map::new();
            let required: Vec<&str> = members
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let properties = members.get("properties").and_then(Value::as_object);
            for (name, schema) in properties.into_iter().flatten() {
                if required.contains(&name.as_str()) || random.one_in(2) {
                    out.insert(name.clone(), likely(random, root, schema, depth.saturating_sub(1)));
                }
            }
            for name in required {
                out.entry(name).or_insert_with(|| scalar(random));
            }
            if let Some(additional) = members.get("additionalProperties").filter(|schema| schema.is_object()) {
                for number in 0..random.below(4) {
                    out.insert(format!("k{number}"), likely(random, root, additional, depth.saturating_sub(1)));
                }
            }
            Value::Object(out)
        }
    }
}

fn text(random: &mut Random, pattern: Option<&str>, min: Option<usize>, max: Option<usize>) -> Value {
    let hex = |random: &mut Random, count: usize| -> String {
        (0..count).map(|_| char::from(*random.pick(b"0123456789abcdef"))).collect()
    };
    match pattern {
        Some("^[0-9a-f]{8}$") => hex(random, 8).into(),
        Some("^[0-9a-f]{32}$") => hex(random, 32).into(),
        Some("^Q[0-9]+$") => {
            // Now and then far longer than any such name: a wrong byte is to be seen wherever it stands.
            let most = if random.one_in(4) { 100 } else { 3 };
            let length = 1 + random.below(most);
            let digits: String = (0..length).map(|_| char::from(*random.pick(b"0123456789"))).collect();
            wrong_somewhere(random, format!("Q{digits}")).into()
        }
        Some(pattern) if LONG_PATTERNS.contains(&pattern) => {
            let anywhere = random.below(100);
            let length = *random.pick(&[anywhere, 31, 32, 33, 64, 65]);
            let letters: String = (0..length).map(|_| char::from(*random.pick(b"ab"))).collect();
            wrong_somewhere(random, letters).into()
        }
        Some("^https?://") => format!("https://example.org/{}", random.below(1000)).into(),
        Some(pattern) if pattern.contains("T[0-9]{2}") => {
            format!("2026-0{}-1{}T0{}:30:00Z", 1 + random.below(9), random.below(9), random.below(9)).into()
        }
        _ => {
            let min = min.unwrap_or(0);
            let length = (min + random.below(6)).min(max.unwrap_or(usize::MAX));
            let letters = ['a', 'b', 'é', '愛', '1', ' ', '"', '\\', '😀', 'x'];
            (0..length).map(|_| *random.pick(&letters)).collect::<String>().into()
        }
    }
}

/// One time in eight with one byte that no long pattern allows, at any offset.
fn wrong_somewhere(random: &mut Random, mut text: String) -> String {
    if !text.is_empty() && random.one_in(8) {
        let at = random.below(text.len());
        let wrong: &&str = random.pick(&["c", "!", "/", ":"]);
        text.replace_range(at..=at, wrong);
    }
    text
}

fn anything(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 4 } else { 8 }) {
        0..5 => scalar(random),
        5 => (0..random.below(4)).map(|_| anything(random, depth - 1)).collect(),
        _ => {
            let members: Map<String, Value> = (0..random.below(4))
                .map(|_| ((*random.pick(NAMES)).to_owned(), anything(random, depth.saturating_sub(1))))
                .collect();
            members.into()
        }
    }
}

/// Damages a value as builders damage records.
pub fn damage(random: &mut Random, value: &mut Value) {
    let mut places = Vec::new();
    collect(value, &mut String::new(), &mut places);
    let place = random.pick(&places).clone();
    let Some(there) = value.pointer_mut(&place) else { return };
    match (random.below(7), there) {
        (0, there) => *there = scalar(random),
        (1, Value::Object(members)) => {
            if let Some(name) = members.keys().nth(random.below(members.len().max(1))).cloned() {
                members.remove(&name);
            }
        }
        (2, Value::Object(members)) => {
            members.insert((*random.pick(&["debug", "é", "a", "b", "name"])).to_owned(), scalar(random));
        }
        (3, Value::Array(items)) => {
            items.clear();
        }
        (4, Value::Array(items)) if !items.is_empty() => {
            let item = items[0].clone();
            items.push(item);
        }
        (5, Value::String(text)) => {
            let more: &&str = random.pick(&["a", "é", "\u{1F600}", "\n", "\""]);
            text.push_str(more);
        }
        (5, Value::Number(number)) => {
            let float = number.as_f64().unwrap_or(0.0);
            *number =
                serde_json::Number::from_f64(float + *random.pick(&[0.5, 1.0, -1.0, 0.0])).unwrap_or_else(|| 0.into());
        }
        (_, there) => {
            let old = there.take();
            *there = random
                .pick(&[Value::Null, json!([]), json!({}), json!(""), json!([old.clone()]), old.to_string().into()])
                .clone();
        }
    }
}

fn collect(value: &Value, pointer: &mut String, places: &mut Vec<String>) {
    places.push(pointer.clone());
    let length = pointer.len();
    let mut below = |name: &str, child: &Value, places: &mut Vec<String>| {
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        collect(child, pointer, places);
        pointer.truncate(length);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, child)| below(name, child, places)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, child)| below(&at.to_string(), child, places)),
        _ => {}
    }
}

/// Writes a value, not always in the plainest way, and damages the text one time in four.
pub fn write(random: &mut Random, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let style = random.below(4);
    put(random, value, style, &mut out);
    if random.one_in(4) {
        hurt(random, &mut out);
    }
    out
}

fn put(random: &mut Random, value: &Value, style: usize, out: &mut Vec<u8>) {
    let blank = |random: &mut Random, out: &mut Vec<u8>| {
        if style == 1 || style == 2 && random.one_in(4) {
            out.extend_from_slice(random.pick(&[" ", "  ", "\t", "\r", "\n"]).as_bytes());
        }
    };
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                    blank(random, out);
                }
                put(random, item, style, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            // serde_json sorts: writers do not.
            let mut names: Vec<&String> = members.keys().collect();
            if style == 2 && names.len() > 1 {
                let (one, other) = (random.below(names.len()), random.below(names.len()));
                names.swap(one, other);
            }
            for (at, name) in names.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                    blank(random, out);
                }
                string(random, name, style, out);
                out.push(b':');
                blank(random, out);
                put(random, &members[name], style, out);
                if random.one_in(500) {
                    // The same member again, sometimes under another spelling.
                    out.push(b',');
                    string(random, name, 3, out);
                    out.extend_from_slice(b":null");
                }
            }
            out.push(b'}');
        }
        Value::String(text) => string(random, text, style, out),
        Value::Number(number) if random.one_in(12) => {
            let plain = number.to_string();
            let odd = match random.below(6) {
                0 => format!("{plain}e0"),
                1 => format!("{plain}E+2"),
                2 if !plain.contains(['.', 'e']) => format!("{plain}.0"),
                3 if !plain.contains(['.', 'e']) => format!("{plain}00000000000000000000"),
                4 if !plain.contains(['.', 'e']) => format!("{plain}.00000000000000000001"),
                _ => plain,
            };
            out.extend_from_slice(odd.as_bytes());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

fn string(random: &mut Random, text: &str, style: usize, out: &mut Vec<u8>) {
    if style != 3 {
        out.extend_from_slice(Value::from(text).to_string().as_bytes());
        return;
    }
    out.push(b'"');
    for letter in text.chars() {
        if letter.is_control() || letter == '"' || letter == '\\' || random.one_in(3) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        } else {
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    out.push(b'"');
}

fn hurt(random: &mut Random, out: &mut Vec<u8>) {
    let at = random.below(out.len());
    let insert = |out: &mut Vec<u8>, at: usize, what: &[u8]| {
        out.splice(at..at, what.iter().copied());
    };
    // Within a string, if there is one: most damage is only visible there.
    let inside = out.iter().position(|byte| *byte == b'"').map_or(at, |found| found + 1);
    let digit = out.iter().position(u8::is_ascii_digit);
    match random.below(16) {
        0 => out.truncate(at),
        1 => out[at] = random.word() as u8,
        2 => insert(out, at, b" "),
        3 => out.extend_from_slice(random.pick(&["x", "}", " 1", "\u{0}", "\n"]).as_bytes()),
        4 => insert(out, inside, random.pick(&["\n", "\t", "\u{1}", "\u{1f}"]).as_bytes()),
        5 => insert(
            out,
            inside,
            random.pick(&["\\ud800", "\\udc00", "\\ud83d\\ude00", "\\u00e9", "\\x", "\\u12"]).as_bytes(),
        ),
        6 => {
            if let Some(digit) = digit {
                insert(out, digit, b"0");
            }
        }
        7 => {
            if let Some(digit) = digit {
                insert(out, digit + 1, random.pick(&["e400", "e5", ".", ".5", "e", "-", "E-3"]).as_bytes());
            }
        }
        8 => insert(out, at, random.pick(&["NaN", "Infinity", "null", "true", "[]", "{}"]).as_bytes()),
        9 => insert(out, 0, random.pick(&["\u{feff}", " ", "[", "\n"]).as_bytes()),
        10 => insert(out, inside, &[0xff]),
        11 => {
            out.remove(at);
        }
        12 => insert(out, at, random.pick(&[",", ":", "\"", "{", "]"]).as_bytes()),
        13 => {
            let copy = out[at..(at + random.below(20)).min(out.len())].to_vec();
            insert(out, at, &copy);
        }
        14 => insert(out, inside, "é".as_bytes()),
        _ => {
            let wrapped = [b"[".repeat(140).as_slice(), out, &b"]".repeat(140)].concat();
            *out = wrapped;
        }
    }
}
