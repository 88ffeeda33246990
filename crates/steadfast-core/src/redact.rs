//! Redaction by value: every secret that a look has used is taken out of what it saw, also where it stands encoded.

use std::sync::Mutex;

use serde_json::Value;

use crate::secret::Secret;

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// A secret shorter than this would be found everywhere and redact the world.
pub const SHORTEST_SECRET: usize = 4;

/// The secrets that one look has used. It only ever learns more.
#[derive(Debug, Default)]
pub struct Redactor(Mutex<Needles>);

#[derive(Default)]
struct Needles(Vec<Vec<u8>>);

impl std::fmt::Debug for Needles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} needles", self.0.len())
    }
}

impl Redactor {
    /// Learns a secret with its usual encodings: base64 (three alignments, both alphabets), percent, JSON, hex, HTML.
    pub fn learn(&self, secret: &Secret) {
        let Ok(mut needles) = self.0.lock() else { return };
        for form in forms(secret.expose()) {
            if form.len() >= SHORTEST_SECRET && !needles.0.contains(&form) {
                needles.0.push(form);
            }
        }
        // The longest first, so that no shorter form leaves a readable rest.
        needles.0.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    }

    /// Whether it knows no secret, so that there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.0.lock().is_ok_and(|needles| needles.0.is_empty())
    }

    /// Takes the secrets out of bytes; `None` if there is none in them.
    pub fn bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let needles = self.0.lock().ok()?;
        let mut redacted: Option<Vec<u8>> = None;
        for needle in &needles.0 {
            let current = redacted.as_deref().unwrap_or(bytes);
            if let Some(replaced) = replace_all(current, needle) {
                redacted = Some(replaced);
            }
        }
        redacted
    }

    /// Takes the secrets out of bytes that were cut, where a secret's beginning may stand at the very end.
    pub fn cut_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let whole = self.bytes(bytes);
        let current = whole.as_deref().unwrap_or(bytes);
        let needles = self.0.lock().ok()?;
        let overhang = needles.0.iter().map(|needle| overhang(current, needle)).max().unwrap_or(0);
        if overhang < SHORTEST_SECRET {
            return whole;
        }
        let mut clean = current[..current.len() - overhang].to_vec();
        clean.extend_from_slice(MASK.as_bytes());
        Some(clean)
    }

    /// Takes the secrets out of a text.
    pub fn text(&self, text: &str) -> Option<String> {
        self.bytes(text.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Takes the secrets out of every string and key of a JSON value.
    pub fn json(&self, value: &mut Value) {
        match value {
            // Numbers are measurements (timings, sizes, counts): a numeric secret would only ever match by chance.
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => {
                if let Some(clean) = self.text(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(map) => {
                let keys: Vec<(String, String)> =
                    map.keys().filter_map(|key| Some((key.clone(), self.text(key)?))).collect();
                for (key, clean) in keys {
                    if let Some(item) = map.remove(&key) {
                        map.insert(clean, item);
                    }
                }
                map.values_mut().for_each(|item| self.json(item));
            }
        }
    }
}

fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let mut forms = vec![bytes.to_vec()];
    for table in [BASE64, BASE64_URL] {
        // Inside a longer text (`user:password`) the secret starts at one of three alignments; the characters that
        // also encode a neighbour are left out.
        for lead in 0..3 {
            let mut shifted = vec![0; lead];
            shifted.extend_from_slice(bytes);
            let encoded = base64(&shifted, table);
            let from = [0, 2, 3][lead];
            let to = shifted.len() * 8 / 6;
            if to > from {
                forms.push(encoded[from..to].to_vec());
            }
        }
    }
    // RFC 3986; JavaScript's encodeURIComponent; a form's values (WHATWG), with `+` for a space; every single byte.
    for (kept, space) in [("-._~", "%20"), ("-._~!'()*", "%20"), ("*-._", "+"), ("-._~", "+")] {
        forms.push(percent(bytes, kept, space, true));
        forms.push(percent(bytes, kept, space, false));
    }
    forms.push(bytes.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect());
    forms.push(bytes.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect());
    forms.push(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect());
    forms.push(bytes.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect());
    if let Ok(quoted) = serde_json::to_string(secret) {
        let inner = quoted[1..quoted.len() - 1].to_owned();
        forms.push(inner.replace('/', "\\/").into_bytes());
        forms.push(ascii_json(&inner).into_bytes());
        forms.push(inner.into_bytes());
    }
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    forms.push(html.replace('\'', "&#39;").into_bytes());
    forms.push(html.into_bytes());
    forms
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], table: &[u8; 64]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        out.extend((0..=chunk.len()).map(|i| table[(word >> (18 - 6 * i) & 63) as usize]));
    }
    out
}

fn percent(bytes: &[u8], kept: &str, space: &str, upper: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(byte) {
            out.push(*byte);
        } else if *byte == b' ' {
            out.extend(space.as_bytes());
        } else if upper {
            out.extend(format!("%{byte:02X}").into_bytes());
        } else {
            out.extend(format!("%{byte:02x}").into_bytes());
        }
    }
    out
}

fn ascii_json(inner: &str) -> String {
    let mut out = String::new();
    for character in inner.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            let mut units = [0; 2];
            character.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

fn replace_all(haystack: &[u8], needle: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&haystack[from..], needle) {
        out.extend_from_slice(&haystack[from..from + at]);
        out.extend_from_slice(MASK.as_bytes());
        from += at + needle.len();
    }
    if from == 0 {
        return None;
    }
    out.extend_from_slice(&haystack[from..]);
    Some(out)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

/// How many bytes at the end of the haystack are the beginning of the needle.
fn overhang(haystack: &[u8], needle: &[u8]) -> usize {
    (1..needle.len().min(haystack.len() + 1)).rev().find(|len| haystack.ends_with(&needle[..*len])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn knowing(secret: &str) -> Redactor {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new(secret));
        redactor
    }

    #[test]
    fn a_secret_is_taken_out_in_every_usual_encoding() {
        let redactor = knowing("s3cr&t/\"pässword");
        for echo in [
            "token s3cr&t/\"pässword!",
            r#"{"token":"s3cr&t/\"pässword"}"#,
            r#"{"token":"s3cr&t\/\"pässword"}"#,
            r#"{"token":"s3cr&t/\"p\u00e4ssword"}"#,
            "/?token=s3cr%26t%2F%22p%C3%A4ssword",
            "/?token=s3cr%26t%2f%22p%c3%a4ssword",
            "<b>s3cr&amp;t/&quot;pässword</b>",
        ] {
            let clean = redactor.text(echo).unwrap_or_else(|| echo.to_owned());
            assert!(clean.contains(MASK) && !clean.contains("ssword"), "{echo} became {clean}");
        }
    }

    #[test]
    fn a_secret_is_taken_out_of_forms_whichever_way_they_are_encoded() {
        let redactor = knowing("correct horse~(1)");
        for echo in [
            "password=correct+horse%7E%281%29",
            "password=correct+horse~%281%29",
            "password=correct%20horse~(1)",
            "password=%63%6F%72%72%65%63%74%20%68%6F%72%73%65%7E%28%31%29",
        ] {
            assert_eq!(redactor.text(echo).as_deref(), Some("password=***"), "{echo}");
        }
    }

    #[test]
    fn a_secret_cut_in_the_middle_is_taken_out() {
        let redactor = knowing("abcdefghijkl");
        assert_eq!(redactor.cut_bytes(b"token=abcdefg"), Some(b"token=***".to_vec()));
        assert_eq!(redactor.cut_bytes(b"token=ab"), None);
    }

    proptest! {
        #[test]
        fn basic_auth_never_shows_the_password(user in "[a-z]{0,7}", password in "[ -~]{8,24}") {
            let header = base64(format!("{user}:{password}").as_bytes(), BASE64);
            let clean = knowing(&password).bytes(&header);
            prop_assert!(clean.is_some(), "the password survived in {}", String::from_utf8_lossy(&header));
        }
    }
}
