//! Reads one record strictly: what is no JSON is said in words that help, and equal keys are found.
//!
//! This is the slow path's reader. It parses with `serde_json`; on top come the decided divergences of
//! [`crate::divergence`]: depth, equal keys, and names for what `serde_json` refuses.

use serde_json::Value;

use crate::finding::Token;
use crate::plan::kind;

/// Containers within containers that a record may have; `serde_json` follows no more.
pub const DEPTH: usize = 127;

/// A record that was read.
#[derive(Debug)]
pub struct Read {
    /// The value; of equal keys the last one.
    pub value: Value,
    /// Objects with two equal keys: where, and which key.
    pub duplicates: Vec<(Vec<Token>, String)>,
}

/// Why a record is no JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which rule it breaks.
    pub keyword: &'static str,
    /// In words.
    pub message: String,
    /// Bytes into the record.
    pub at: usize,
    /// The text ends before the value does.
    pub cut_short: bool,
}

/// Reads one record.
pub fn read(text: &[u8]) -> Result<Read, Fault> {
    let fault = |keyword, message: &str, at| Fault { keyword, message: message.to_owned(), at, cut_short: false };
    if text.starts_with(b"\xef\xbb\xbf") {
        return Err(fault("json", "a byte order mark stands before the value", 0));
    }
    if let Err(why) = simdutf8::compat::from_utf8(text) {
        let cut = why.error_len().is_none();
        return Err(Fault { cut_short: cut, ..fault("utf8", "not UTF-8", why.valid_up_to()) });
    }
    if let Some(at) = too_deep(text) {
        return Err(fault("depth", &format!("nested deeper than {DEPTH} levels; not judged"), at));
    }
    match serde_json::from_slice(text) {
        Ok(value) => Ok(Read { value, duplicates: duplicates(text) }),
        Err(why) => {
            let at = offset(text, why.line(), why.column());
            let cut_short = why.is_eof();
            Err(Fault { keyword: "json", message: in_words(text, at, &why), at, cut_short })
        }
    }
}

/// The place of the bracket that opens one level too many.
pub(crate) fn too_deep(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => {
                at += 1;
                while let Some(found) = memchr::memchr2(b'"', b'\\', text.get(at..)?) {
                    at += found;
                    if text[at] == b'"' {
                        break;
                    }
                    at += 2;
                    if at > text.len() {
                        return None;
                    }
                }
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH {
                    return Some(at);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        _ => memchr::memchr_iter(b'\n', text).nth(line - 2).map_or(0, |at| at + 1),
    };
    (start + column.saturating_sub(1)).min(text.len())
}

fn in_words(text: &[u8], at: usize, why: &serde_json::Error) -> String {
    let said = why.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let near = &text[at.saturating_sub(9)..(at + 10).min(text.len())];
    let near = String::from_utf8_lossy(near);
    if near.contains("NaN") || near.contains("Infinity") {
        return "NaN and Infinity are no JSON: write null, or leave the member out".to_owned();
    }
    if said.contains("surrogate") || said.contains("unexpected end of hex escape") {
        return "half of a surrogate pair (\\ud800 to \\udfff) without its other half".to_owned();
    }
    if said.contains("number out of range") {
        return "a number beyond the range of a double (1.8e308)".to_owned();
    }
    format!("not JSON: {said}")
}

/// Finds equal keys in text that is JSON.
fn duplicates(text: &[u8]) -> Vec<(Vec<Token>, String)> {
    let mut found = Vec::new();
    Keys { text, at: 0, path: Vec::new(), found: &mut found }.value();
    found
}

struct Keys<'a> {
    text: &'a [u8],
    at: usize,
    path: Vec<Token>,
    found: &'a mut Vec<(Vec<Token>, String)>,
}

impl Keys<'_> {
    fn peek(&mut self) -> u8 {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied().unwrap_or_default()
    }

    fn value(&mut self) {
        match kind::of(self.peek()) {
            kind::OBJECT => self.object(),
            kind::ARRAY => self.array(),
            kind::STRING => {
                self.string();
            }
            _ => {
                while self.text.get(self.at).is_some_and(|byte| !matches!(byte, b',' | b'}' | b']')) {
                    self.at += 1;
                }
            }
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let raw = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_slice(raw).unwrap_or_default()
    }

    fn object(&mut self) {
        self.at += 1;
        let mut seen = std::collections::HashSet::new();
        while self.peek() == b'"' {
            let key = self.string();
            self.peek();
            self.at += 1;
            self.path.push(Token::Key(key.clone()));
            self.value();
            self.path.pop();
            if !seen.insert(key.clone()) {
                self.found.push((self.path.clone(), key));
            }
            if self.peek() != b',' {
                break;
            }
            self.at += 1;
        }
        self.peek();
        self.at += 1;
    }

    fn array(&mut self) {
        self.at += 1;
        let mut index = 0;
        while !matches!(self.peek(), b']' | 0) {
            self.path.push(Token::Index(index));
            self.value();
            self.path.pop();
            index += 1;
            if self.peek() != b',' {
                break;
            }
            self.at += 1;
        }
        self.peek();
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &[u8]) -> String {
        let fault = read(text).unwrap_err();
        format!("{}: {}", fault.keyword, fault.message)
    }

    #[test]
    fn what_is_no_json_is_said_in_words() {
        assert_eq!(fault(b"{\"a\": NaN}"), "json: NaN and Infinity are no JSON: write null, or leave the member out");
        assert_eq!(fault(b"[-Infinity]"), "json: NaN and Infinity are no JSON: write null, or leave the member out");
        assert_eq!(
            fault(b"{\"a\": \"\\ud800\"}"),
            "json: half of a surrogate pair (\\ud800 to \\udfff) without its other half"
        );
        assert_eq!(fault(b"[1e400]"), "json: a number beyond the range of a double (1.8e308)");
        assert_eq!(fault(b"\xef\xbb\xbf{}"), "json: a byte order mark stands before the value");
        assert_eq!(fault(b"\"\xff\""), "utf8: not UTF-8");
        assert_eq!(fault(b"[01]"), "json: not JSON: invalid number");
        assert_eq!(fault(&[b'['; 200_000]), "depth: nested deeper than 127 levels; not judged");
    }

    #[test]
    fn a_cut_text_is_told_from_a_wrong_one() {
        assert!(read(b"{\"a\": 1").unwrap_err().cut_short);
        assert!(read(b"{\"a\": \"x").unwrap_err().cut_short);
        assert!(!read(b"{\"a\" 1}").unwrap_err().cut_short);
    }

    #[test]
    fn equal_keys_are_found_after_unescaping_and_below() {
        let read = read(br#"{"x": [{"age": 1, "\u0061ge": 2}], "y": {}, "y": 1}"#).unwrap();
        assert_eq!(read.duplicates.len(), 2);
        assert_eq!(read.duplicates[0].1, "age");
        assert_eq!(read.duplicates[1], (vec![], "y".to_owned()));
    }

    #[test]
    fn serde_json_follows_as_deep_as_we_say() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(read(nested(DEPTH).as_bytes()).is_ok());
        assert!(serde_json::from_str::<Value>(&nested(DEPTH + 1)).is_err());
    }
}
