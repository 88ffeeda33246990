//! A body as it was read: text where it is UTF-8, otherwise base64.

use serde::{Deserialize, Serialize};

/// The bytes of an answer, storable as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// Valid UTF-8.
    Text(String),
    /// Anything else, as standard base64 with padding.
    Base64(String),
}

impl Body {
    /// Of these bytes.
    pub fn new(bytes: Vec<u8>) -> Body {
        match String::from_utf8(bytes) {
            Ok(text) => Body::Text(text),
            Err(not_text) => Body::Base64(encode(not_text.as_bytes())),
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Body::Text(text) => Some(text),
            Body::Base64(_) => None,
        }
    }

    /// The text, with every byte that is no UTF-8 replaced.
    pub fn lossy(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Body::Text(text) => text.as_str().into(),
            Body::Base64(code) => String::from_utf8_lossy(&decode(code)).into_owned().into(),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> std::borrow::Cow<'_, [u8]> {
        match self {
            Body::Text(text) => text.as_bytes().into(),
            Body::Base64(code) => decode(code).into(),
        }
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        match self {
            Body::Text(text) => text.len(),
            Body::Base64(code) => decode(code).len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        match self {
            Body::Text(text) => text.is_empty(),
            Body::Base64(code) => code.is_empty(),
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with padding (RFC 4648, 4).
pub fn encode(bytes: &[u8]) -> String {
    let mut code = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            code.push(if i <= chunk.len() { char::from(ALPHABET[(word >> (18 - 6 * i) & 63) as usize]) } else { '=' });
        }
    }
    code
}

fn decode(code: &str) -> Vec<u8> {
    let digits: Vec<u32> = code
        .bytes()
        .filter_map(|byte| ALPHABET.iter().position(|known| *known == byte))
        .filter_map(|digit| u32::try_from(digit).ok())
        .collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for chunk in digits.chunks(4) {
        let word = chunk.iter().fold(0u32, |word, digit| word << 6 | digit) << (6 * (4 - chunk.len()));
        bytes.extend_from_slice(&word.to_be_bytes()[1..chunk.len().max(1)]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_come_back_as_they_were(bytes: Vec<u8>) {
            let body = Body::new(bytes.clone());
            prop_assert_eq!(body.bytes().into_owned(), bytes.clone());
            prop_assert_eq!(body.len(), bytes.len());
            let stored = serde_json::to_string(&body).unwrap();
            prop_assert_eq!(serde_json::from_str::<Body>(&stored).unwrap(), body);
        }
    }
}
