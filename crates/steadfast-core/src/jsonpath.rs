//! JSONPath (RFC 9535) with the one thing that a judgement needs besides: which part of a path is singular.

use serde_json::Value;
use serde_json_path::JsonPath as Compiled;

use crate::setting::{Node, Problems, Setting};

/// A JSONPath.
#[derive(Debug, Clone)]
pub struct JsonPath {
    source: String,
    compiled: Compiled,
    /// The longest prefix that names at most one node.
    prefix: Compiled,
    singular: bool,
}

impl JsonPath {
    /// Compiles a path; the error says what is wrong with it.
    pub fn parse(source: &str) -> Result<JsonPath, String> {
        let compiled = Compiled::parse(source).map_err(|why| format!("invalid JSONPath: {why}"))?;
        let end = singular_end(source);
        let prefix = Compiled::parse(source[..end].trim_end()).map_err(|why| format!("invalid JSONPath: {why}"))?;
        Ok(JsonPath { source: source.to_owned(), compiled, prefix, singular: end == source.len() })
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it names at most one node: only names and indices (RFC 9535, 2.3.5.1).
    pub fn is_singular(&self) -> bool {
        self.singular
    }

    /// The nodes it finds.
    pub fn nodes<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.compiled.query(value).all()
    }

    /// The places of the nodes it finds, as JSON Pointers.
    pub fn pointers(&self, value: &Value) -> Vec<String> {
        self.compiled.query_located(value).locations().map(|location| location.to_json_pointer()).collect()
    }

    /// The node at the longest singular prefix.
    pub fn prefix_node<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.prefix.query(value).at_most_one().ok().flatten()
    }
}

/// A step of a singular path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A member of an object.
    Name(String),
    /// An item of an array; negative counts from the end.
    Index(i64),
}

impl JsonPath {
    /// The steps of a singular path; `None` for any other.
    pub fn keys(&self) -> Option<Vec<Key>> {
        let mut rest = self.source.strip_prefix('$').filter(|_| self.singular)?.trim_start();
        let mut keys = Vec::new();
        while !rest.is_empty() {
            let (key, length) = match rest.as_bytes()[0] {
                b'.' => {
                    let end = rest[1..].find(['.', '[', ' ']).map_or(rest.len(), |n| n + 1);
                    (Key::Name(rest[1..end].to_owned()), end)
                }
                _ => {
                    let end = bracket_end(rest)?;
                    (key_in_brackets(rest[1..end - 1].trim())?, end)
                }
            };
            keys.push(key);
            rest = rest[length..].trim_start();
        }
        Some(keys)
    }
}

fn key_in_brackets(inner: &str) -> Option<Key> {
    match inner.as_bytes().first()? {
        b'"' => serde_json::from_str(inner).ok().map(Key::Name),
        b'\'' => {
            let plain = inner.get(1..inner.len() - 1)?.replace("\\'", "'").replace('"', "\\\"");
            serde_json::from_str(&format!("\"{plain}\"")).ok().map(Key::Name)
        }
        _ => inner.parse().ok().map(Key::Index),
    }
}

/// How far into a valid path only names and indices stand.
fn singular_end(source: &str) -> usize {
    let bytes = source.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        let next = match bytes[at] {
            b'.' if bytes.get(at + 1).is_some_and(|b| *b != b'.' && *b != b'*') => {
                let name = source[at + 1..].find(['.', '[', ' ']).map_or(source.len(), |n| at + 1 + n);
                Some(name)
            }
            b'[' => bracket_end(&source[at..]).map(|n| at + n),
            b' ' | b'\t' | b'\n' | b'\r' => Some(at + 1),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return at,
        }
    }
    at
}

/// The length of `['name']` or `[index]`; `None` for any other selector.
fn bracket_end(text: &str) -> Option<usize> {
    let inner = text[1..].trim_start();
    let lead = text.len() - inner.len();
    let used = match inner.as_bytes().first()? {
        quote @ (b'\'' | b'"') => {
            let mut escaped = false;
            let end = inner.bytes().skip(1).position(|byte| {
                let ends = byte == *quote && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            })?;
            end + 2
        }
        _ => inner.find(|c: char| !c.is_ascii_digit() && c != '-').filter(|end| *end > 0)?,
    };
    let rest = inner[used..].trim_start();
    rest.starts_with(']').then(|| lead + used + (inner.len() - used - rest.len()) + 1)
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl JsonPath {
    /// Reads the key of a table as a path.
    pub fn read_key(key: &str, node: &Node, problems: &mut Problems) -> Option<JsonPath> {
        match JsonPath::parse(key) {
            Ok(path) => Some(path),
            Err(what) => {
                let instead = if key.starts_with('$') { None } else { Some(format!("\"$.{key}\"")) };
                match instead {
                    Some(instead) => problems.suggest(node.span, what, "it could never find anything", instead),
                    None => problems.add(node.span, what, "it could never find anything"),
                }
                None
            }
        }
    }
}

impl Setting for JsonPath {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        JsonPath::read_key(&String::read(node, problems)?, node, problems)
    }
    fn write(&self) -> Value {
        Value::from(self.source())
    }
    fn schema() -> Value {
        serde_json::json!({ "type": "string", "pattern": r"^\$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_singular_path_is_a_list_of_keys() {
        let name = |text: &str| Key::Name(text.to_owned());
        for (path, keys) in [
            ("$", vec![]),
            ("$.a.b[0]", vec![name("a"), name("b"), Key::Index(0)]),
            (r#"$['a b']["c\"d"][-1]"#, vec![name("a b"), name("c\"d"), Key::Index(-1)]),
            (r#"$['it\'s "so"']"#, vec![name("it's \"so\"")]),
        ] {
            assert_eq!(JsonPath::parse(path).unwrap().keys(), Some(keys), "{path}");
        }
        assert_eq!(JsonPath::parse("$.a[*]").unwrap().keys(), None);
    }

    #[test]
    fn a_path_of_names_and_indices_is_singular() {
        for path in ["$", "$.a", "$.a.b[0]", "$['a b'][\"c\"][-1]", r"$['it\'s']", "$[ 0 ].a"] {
            assert!(JsonPath::parse(path).unwrap().is_singular(), "{path}");
        }
        for (path, prefix) in [
            ("$..a", "$"),
            ("$.a[*].b", "$.a"),
            ("$.a.*", "$.a"),
            ("$.a[0:2]", "$.a"),
            ("$.a[?@.b]", "$.a"),
            ("$['a','b']", "$"),
        ] {
            let parsed = JsonPath::parse(path).unwrap();
            assert!(!parsed.is_singular(), "{path}");
            assert_eq!(parsed.prefix.to_string(), Compiled::parse(prefix).unwrap().to_string(), "{path}");
        }
    }
}
