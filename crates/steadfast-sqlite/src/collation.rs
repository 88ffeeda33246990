//! The order of values in an index, under the three collations that SQLite has built in.

use std::cmp::Ordering;

use crate::header::Encoding;
use crate::record::Value;

/// A collation whose order the pass knows, or one that only the application knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Collation {
    /// Bytes.
    Binary,
    /// ASCII letters without regard to case.
    NoCase,
    /// Bytes, without trailing spaces.
    RTrim,
    /// Registered by the application: its content can be proven, its order cannot.
    Custom(String),
}

impl Collation {
    /// From the name that `index_xinfo` gives.
    pub(crate) fn named(name: &str) -> Collation {
        if name.eq_ignore_ascii_case("BINARY") {
            Collation::Binary
        } else if name.eq_ignore_ascii_case("NOCASE") {
            Collation::NoCase
        } else if name.eq_ignore_ascii_case("RTRIM") {
            Collation::RTrim
        } else {
            Collation::Custom(name.to_owned())
        }
    }

    fn text(&self, left: &[u8], right: &[u8], encoding: Encoding) -> Ordering {
        match self {
            Collation::Binary | Collation::Custom(_) => bytes(left, right),
            // Neighbours in an index are often the same text, and that is equal whatever the collation.
            Collation::NoCase | Collation::RTrim if bytes(left, right) == Ordering::Equal => Ordering::Equal,
            Collation::NoCase | Collation::RTrim => match encoding {
                Encoding::Utf8 => self.narrow(left, right),
                Encoding::Utf16Le | Encoding::Utf16Be => self.narrow(&utf8(left, encoding), &utf8(right, encoding)),
            },
        }
    }

    fn narrow(&self, left: &[u8], right: &[u8]) -> Ordering {
        match self {
            Collation::Binary | Collation::Custom(_) => bytes(left, right),
            Collation::NoCase => no_case(left, right),
            Collation::RTrim => trimmed(left).cmp(trimmed(right)),
        }
    }
}

/// Compares two values as SQLite orders them: NULL, numbers, text, blobs.
#[inline]
pub(crate) fn compare(left: &Value<'_>, right: &Value<'_>, collation: &Collation, encoding: Encoding) -> Ordering {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => collation.text(left, right, encoding),
        (Value::Blob(left), Value::Blob(right)) => bytes(left, right),
        (Value::Real(left), Value::Real(right)) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
        (Value::Integer(left), Value::Real(right)) => integer_and_real(*left, *right),
        (Value::Real(left), Value::Integer(right)) => integer_and_real(*right, *left).reverse(),
        _ => rank(left).cmp(&rank(right)),
    }
}

/// As `left.cmp(right)`, for the short strings that keys are: in words, without a call.
#[inline]
pub(crate) fn bytes(left: &[u8], right: &[u8]) -> Ordering {
    const WORD: usize = 8;
    let shared = left.len().min(right.len());
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..at + WORD).and_then(|word| word.first_chunk::<WORD>()).map_or(0, |word| u64::from_be_bytes(*word))
    };
    let mut at = 0;
    while at + WORD <= shared {
        let (l, r) = (word(left, at), word(right, at));
        if l != r {
            return l.cmp(&r);
        }
        at += WORD;
    }
    if at < shared && shared >= WORD {
        // The last word overlaps with what was found equal.
        let (l, r) = (word(left, shared - WORD), word(right, shared - WORD));
        if l != r {
            return l.cmp(&r);
        }
    } else if at < shared {
        for (l, r) in left.iter().zip(right) {
            if l != r {
                return l.cmp(r);
            }
        }
    }
    left.len().cmp(&right.len())
}

fn rank(value: &Value<'_>) -> u8 {
    match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    }
}

fn integer_and_real(left: i64, right: f64) -> Ordering {
    if right >= 9_223_372_036_854_775_808.0 {
        return Ordering::Less;
    }
    if right < -9_223_372_036_854_775_808.0 {
        return Ordering::Greater;
    }
    let whole = right.trunc();
    left.cmp(&(whole as i64)).then_with(|| 0.0_f64.partial_cmp(&(right - whole)).unwrap_or(Ordering::Equal))
}

/// As `sqlite3StrNICmp` over the shorter length, which stops at a NUL, then the longer is the greater.
fn no_case(left: &[u8], right: &[u8]) -> Ordering {
    for (l, r) in left.iter().zip(right) {
        let (l, r) = (l.to_ascii_lowercase(), r.to_ascii_lowercase());
        if l != r {
            return l.cmp(&r);
        }
        if l == 0 {
            break;
        }
    }
    left.len().cmp(&right.len())
}

fn trimmed(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    &text[..end]
}

/// SQLite's own conversion, which takes surrogates as they come.
fn utf8(text: &[u8], encoding: Encoding) -> Vec<u8> {
    let mut units = text.as_chunks::<2>().0.iter().map(|unit| match encoding {
        Encoding::Utf16Le => u32::from(u16::from_le_bytes(*unit)),
        Encoding::Utf16Be | Encoding::Utf8 => u32::from(u16::from_be_bytes(*unit)),
    });
    let mut out = Vec::with_capacity(text.len());
    while let Some(unit) = units.next() {
        let mut code = unit;
        if (0xd800..0xe000).contains(&unit)
            && let Some(low) = units.next()
        {
            code = (low & 0x3ff) + ((unit & 0x3f) << 10) + (((unit & 0x3c0) + 0x40) << 10);
        }
        match code {
            0..0x80 => out.push(code as u8),
            0x80..0x800 => out.extend([0xc0 | (code >> 6) as u8, 0x80 | (code & 0x3f) as u8]),
            0x800..0x1_0000 => {
                out.extend([0xe0 | (code >> 12) as u8, 0x80 | ((code >> 6) & 0x3f) as u8, 0x80 | (code & 0x3f) as u8]);
            }
            _ => out.extend([
                0xf0 | ((code >> 18) & 7) as u8,
                0x80 | ((code >> 12) & 0x3f) as u8,
                0x80 | ((code >> 6) & 0x3f) as u8,
                0x80 | (code & 0x3f) as u8,
            ]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_are_ordered_as_slices_are(shared in proptest::collection::vec(0u8..3, 0..20), left in proptest::collection::vec(0u8..3, 0..12), right in proptest::collection::vec(any::<u8>(), 0..12)) {
            let (left, right) = ([shared.clone(), left].concat(), [shared, right].concat());
            prop_assert_eq!(bytes(&left, &right), left.cmp(&right));
        }
    }

    fn check(left: &str, right: &str, collation: &str) -> Ordering {
        compare(
            &Value::Text(left.as_bytes()),
            &Value::Text(right.as_bytes()),
            &Collation::named(collation),
            Encoding::Utf8,
        )
    }

    #[test]
    fn text_is_ordered_as_sqlite_orders_it() {
        assert_eq!(check("a", "B", "BINARY"), Ordering::Greater);
        assert_eq!(check("a", "B", "nocase"), Ordering::Less);
        assert_eq!(check("a", "A", "NOCASE"), Ordering::Equal);
        assert_eq!(check("a  ", "a", "RTRIM"), Ordering::Equal);
        assert_eq!(check("a\0x", "a\0y", "NOCASE"), Ordering::Equal);
        assert_eq!(check("a\0xx", "a\0y", "NOCASE"), Ordering::Greater);
    }

    #[test]
    fn numbers_are_compared_by_value_across_classes() {
        let binary = Collation::Binary;
        let cmp = |l: Value<'_>, r: Value<'_>| compare(&l, &r, &binary, Encoding::Utf8);
        assert_eq!(cmp(Value::Integer(5), Value::Real(5.0)), Ordering::Equal);
        assert_eq!(cmp(Value::Integer(i64::MAX), Value::Real(9.3e18)), Ordering::Less);
        assert_eq!(cmp(Value::Integer(9_007_199_254_740_993), Value::Real(9_007_199_254_740_992.0)), Ordering::Greater);
        assert_eq!(cmp(Value::Integer(-1), Value::Real(-1.5)), Ordering::Greater);
        assert_eq!(cmp(Value::Null, Value::Integer(i64::MIN)), Ordering::Less);
        assert_eq!(cmp(Value::Text(b"9"), Value::Blob(b"")), Ordering::Less);
    }

    #[test]
    fn utf16_is_raw_bytes_under_binary_and_letters_under_nocase() {
        let (a, big) = (Value::Text(b"a\0"), Value::Text(b"A\0"));
        assert_eq!(compare(&a, &big, &Collation::NoCase, Encoding::Utf16Le), Ordering::Equal);
        // U+0100 is 00 01 in memory, below 'a' (61 00).
        assert_eq!(compare(&Value::Text(&[0, 1]), &a, &Collation::Binary, Encoding::Utf16Le), Ordering::Less);
    }
}
