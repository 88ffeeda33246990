//! Quantities as people write them: `"5m"`, `"400ms"`, `"1MiB"`; and patterns.

use std::fmt;
use std::time::Duration;

use regex::Regex;
use serde_json::{Value, json};

use crate::setting::{Node, Problems, Raw, Setting};

/// A length of time: `"400ms"`, `"10s"`, `"1h30m"`, `"90d"`. Whole microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lapse(pub Duration);

const TIME_UNITS: &[(&str, u64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

impl Lapse {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Lapse {
        Lapse(Duration::from_secs(seconds))
    }

    /// In microseconds, saturating.
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX)
    }

    /// Reads `"1h30m"`; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Lapse, String> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err("an empty string is no length of time".into());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let tail = tail.trim_start();
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let amount: f64 = number.parse().map_err(|_| format!("`{text}` is no length of time"))?;
            let Some((_, micros)) = TIME_UNITS.iter().find(|(word, _)| *word == unit) else {
                return Err(match unit {
                    "" => format!("`{text}` has no unit"),
                    unit => format!("`{unit}` is no unit of time"),
                });
            };
            let part = amount * *micros as f64;
            total = match (0.0..9.0e18).contains(&part).then(|| total.checked_add(part.round() as u64)).flatten() {
                Some(total) => total,
                None => return Err(format!("`{text}` is too long")),
            };
            rest = tail.trim_start();
        }
        Ok(Lapse(Duration::from_micros(total)))
    }
}

impl fmt::Display for Lapse {
    /// The largest units first, and only those that count: `1h30m`, `400ms`, `1.5ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.micros();
        if rest == 0 {
            return f.pad("0s");
        }
        let mut text = String::new();
        for (word, micros) in TIME_UNITS.iter().rev().filter(|(word, _)| *word != "w") {
            if rest >= *micros {
                text.push_str(&format!("{}{word}", rest / micros));
                rest %= micros;
            }
        }
        f.pad(&text)
    }
}

impl Setting for Lapse {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Raw::Integer(number) = node.raw {
            let why = "a bare number could be seconds or milliseconds";
            problems.suggest(node.span, "a length of time without a unit", why, format!("write \"{number}s\""));
            return None;
        }
        match Lapse::parse(&String::read(node, problems)?) {
            Ok(lapse) => Some(lapse),
            Err(what) => {
                let units = "a number with one of the units us, ms, s, m, h, d, w, as in \"1h30m\"";
                problems.suggest(node.span, what, "it is a bound or an age", units);
                None
            }
        }
    }
    fn write(&self) -> Value {
        json!(self.to_string())
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": r"^\s*([0-9.]+(us|ms|s|m|h|d|w)\s*)+$", "examples": ["400ms", "10s", "1h30m"] })
    }
}

impl serde::Serialize for Lapse {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.micros())
    }
}

impl<'de> serde::Deserialize<'de> for Lapse {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Lapse(Duration::from_micros(<u64 as serde::Deserialize>::deserialize(deserializer)?)))
    }
}

/// A number of bytes: `4096`, `"1MiB"`, `"10 kB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

const BYTE_UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Bytes {
    /// Reads `"1MiB"`; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Bytes, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim();
        let factor = match BYTE_UNITS.iter().find(|(word, _)| *word == unit) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(format!("`{unit}` is no unit of bytes")),
        };
        let amount: f64 = number.parse().map_err(|_| format!("`{text}` is no number of bytes"))?;
        let total = amount * factor as f64;
        if total < 9.0e18 { Ok(Bytes(total.round() as u64)) } else { Err(format!("`{text}` is too many bytes")) }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = BYTE_UNITS.iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        match exact {
            Some((word, factor)) => f.pad(&format!("{}{word}", self.0 / factor)),
            None => f.pad("0B"),
        }
    }
}

impl Setting for Bytes {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Raw::Integer(number) = node.raw {
            let bytes = u64::try_from(number).ok().map(Bytes);
            if bytes.is_none() {
                problems.add(node.span, format!("{number} is no number of bytes"), "it is zero or more");
            }
            return bytes;
        }
        match Bytes::parse(&String::read(node, problems)?) {
            Ok(bytes) => Some(bytes),
            Err(what) => {
                let units = "a number with one of the units B, kB, MB, GB, TB, KiB, MiB, GiB, TiB";
                problems.suggest(node.span, what, "it is a size", units);
                None
            }
        }
    }
    fn write(&self) -> Value {
        json!(self.to_string())
    }
    fn schema() -> Value {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": r"^[0-9.]+ ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$" },
        ] })
    }
}

/// A regular expression in the syntax of the Rust `regex` crate: no backtracking, so no pattern can hang a check.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles it; the error says what is wrong with it.
    pub fn parse(source: &str) -> Result<Pattern, String> {
        match regex::RegexBuilder::new(source).size_limit(2 << 20).build() {
            Ok(regex) => Ok(Pattern(regex)),
            Err(regex::Error::CompiledTooBig(limit)) => {
                Err(format!("the regular expression compiles to more than {}", Bytes(limit as u64)))
            }
            Err(refusal) => Err(format!("invalid regular expression: {}", last_line(&refusal.to_string()))),
        }
    }

    /// Whether it occurs in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As written.
    pub fn source(&self) -> &str {
        self.0.as_str()
    }
}

fn last_line(text: &str) -> &str {
    let line = text.lines().last().unwrap_or(text);
    line.strip_prefix("error: ").unwrap_or(line)
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Setting for Pattern {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match Pattern::parse(&String::read(node, problems)?) {
            Ok(pattern) => Some(pattern),
            Err(what) => {
                let instead = "the syntax is that of the Rust regex crate: no look-around, no back-references";
                problems.suggest(node.span, what, "it could never be matched", instead);
                None
            }
        }
    }
    fn write(&self) -> Value {
        json!(self.source())
    }
    fn schema() -> Value {
        json!({ "type": "string", "format": "regex" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_reads_back_as_written() {
        for text in ["400ms", "10s", "1h30m", "90d", "1ms500us", "0s"] {
            assert_eq!(Lapse::parse(text).map(|lapse| lapse.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Lapse::parse("1.5s"), Ok(Lapse(Duration::from_millis(1500))));
        assert_eq!(Lapse::parse("2w"), Ok(Lapse::seconds(14 * 86_400)));
    }

    #[test]
    fn a_length_of_time_without_a_unit_is_refused() {
        assert_eq!(Lapse::parse("10"), Err("`10` has no unit".into()));
        assert_eq!(Lapse::parse("10 fortnights"), Err("`fortnights` is no unit of time".into()));
        assert_eq!(Lapse::parse("5y"), Err("`y` is no unit of time".into()));
        assert_eq!(Lapse::parse("99999999999999999999w"), Err("`99999999999999999999w` is too long".into()));
    }

    #[test]
    fn a_size_reads_back_as_written() {
        for text in ["1MiB", "10kB", "4097B", "0B"] {
            assert_eq!(Bytes::parse(text).map(|bytes| bytes.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Bytes::parse("10 kB"), Ok(Bytes(10_000)));
        assert!(Bytes::parse("3 apples").is_err());
    }

    #[test]
    fn a_pattern_that_would_explode_is_refused() {
        assert!(Pattern::parse(r"(\w{1000}){1000}").is_err_and(|what| what.contains("more than")));
        assert!(Pattern::parse("(").is_err_and(|what| what.contains("unclosed group")));
    }
}
