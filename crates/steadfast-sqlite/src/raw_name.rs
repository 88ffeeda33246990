//! Names that are not UTF-8. SQLite takes any bytes for a name. Within a run a name is a `String` in which a byte that is no
//! text stands as one character of a private plane, so that names stay different from each other and lead back to their
//! bytes; people and programs are shown `\xNN`.

use std::borrow::Cow;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// U+10FE00 to U+10FEFF: private use, where no name that people type has a character.
const PLANE: u32 = 0x10_fe00;

/// The name that these bytes are.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    let mut name = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        name.push_str(chunk.valid());
        name.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(PLANE + u32::from(*byte))));
    }
    name
}

/// The bytes that this name is.
pub(crate) fn bytes(name: &str) -> Cow<'_, [u8]> {
    if is_text(name) {
        return Cow::Borrowed(name.as_bytes());
    }
    let mut bytes = Vec::with_capacity(name.len());
    for c in name.chars() {
        match byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// Whether all of the name is text.
pub(crate) fn is_text(name: &str) -> bool {
    name.chars().all(|c| byte(c).is_none())
}

/// A text in which names may stand, for people and programs.
pub(crate) fn shown(text: String) -> String {
    if is_text(&text) {
        return text;
    }
    text.chars().map(|c| byte(c).map_or_else(|| c.to_string(), |byte| format!("\\x{byte:02x}"))).collect()
}

fn byte(c: char) -> Option<u8> {
    u32::from(c).checked_sub(PLANE).and_then(|byte| u8::try_from(byte).ok())
}

/// A name as a parameter of a statement: its bytes, as TEXT.
pub(crate) struct Bound<'a>(Cow<'a, [u8]>);

/// This name as a parameter.
pub(crate) fn bound(name: &str) -> Bound<'_> {
    Bound(bytes(name))
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_bytes_and_no_two_are_the_same() {
        let names: [&[u8]; 7] = [b"", b"t", b"caf\xe9", b"caf\xe8", "caf\u{e9}".as_bytes(), b"\xff\xfe", b"\xf0\x9f x"];
        let mut seen = std::collections::HashSet::new();
        for name in names {
            let decoded = of_bytes(name);
            assert_eq!(*bytes(&decoded), *name);
            assert_eq!(is_text(&decoded), std::str::from_utf8(name).is_ok());
            assert!(seen.insert(decoded));
        }
        assert_eq!(shown(of_bytes(b"caf\xe9 \"x\"")), "caf\\xe9 \"x\"");
    }
}
