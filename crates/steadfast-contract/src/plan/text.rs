//! Strings with escapes in them, and how long strings are.

use crate::scan::eight;

/// Undoes the escapes of a JSON string's inside. `None`: an escape that is none, or a lone surrogate.
pub(crate) fn unescape(raw: &[u8], lone_surrogates: bool, out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    let mut at = 0;
    while at < raw.len() {
        let next = memchr::memchr(b'\\', &raw[at..]).map_or(raw.len(), |found| at + found);
        out.extend_from_slice(&raw[at..next]);
        if next == raw.len() {
            break;
        }
        at = next + 2;
        match *raw.get(next + 1)? {
            b'"' => out.push(b'"'),
            b'\\' => out.push(b'\\'),
            b'/' => out.push(b'/'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let unit = hex(raw, at)?;
                at += 4;
                let code = match unit {
                    0xd800..=0xdbff => {
                        let low = (raw.get(at..at + 2) == Some(b"\\u")).then(|| hex(raw, at + 2)).flatten();
                        match low {
                            Some(low @ 0xdc00..=0xdfff) => {
                                at += 6;
                                0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                            }
                            _ if lone_surrogates => 0xfffd,
                            _ => return None,
                        }
                    }
                    0xdc00..=0xdfff if lone_surrogates => 0xfffd,
                    other => other,
                };
                let letter = char::from_u32(code)?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
    }
    Some(())
}

fn hex(raw: &[u8], at: usize) -> Option<u32> {
    raw.get(at..at + 4)?.iter().try_fold(0, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        Some(sum << 4 | u32::from(digit))
    })
}

/// Code points of the valid UTF-8 from `start` to `end`.
pub(crate) fn code_points(text: &[u8], start: usize, end: usize) -> usize {
    let bytes = end - start;
    if bytes <= 8 {
        // The word begins with what may stand behind the text; it is shifted out.
        let word = if bytes == 0 { 0 } else { eight(text, start) << (64 - 8 * bytes) };
        let continued = word & !word << 1 & 0x8080_8080_8080_8080;
        return bytes - if continued == 0 { 0 } else { continued.count_ones() as usize };
    }
    text[start..end].iter().filter(|byte| (**byte as i8) >= -0x40).count()
}

/// Length, first and last eight bytes: equal texts have equal ones.
#[inline(always)]
pub(crate) fn hash_of_ends(text: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    let (head, tail) = if length >= 8 {
        (eight(text, start), eight(text, end - 8))
    } else {
        (eight(text, start) & ((1 << (8 * length)) - 1), 0)
    };
    (head ^ tail.rotate_left(29) ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn code_points_are_counted_as_characters(before in "[aé愛]{0,3}", text in "[a-zé愛😀]{0,12}", after in "[aé愛]{0,9}") {
            let whole = [before.as_str(), &text, &after].concat();
            let (start, end) = (before.len(), before.len() + text.len());
            prop_assert_eq!(code_points(whole.as_bytes(), start, end), text.chars().count());
        }

        #[test]
        fn escapes_mean_what_serde_json_says(raw in r#"([a-c]|é|\\["\\/bfnrtu0x]|\\u[dD][89cC]00|\\u00e9|\\u[0-9a-fA-F]{3,4}){0,6}"#) {
            let mut out = Vec::new();
            let ours = unescape(raw.as_bytes(), false, &mut out).map(|()| String::from_utf8(out.clone()).unwrap());
            let theirs: Option<String> = serde_json::from_str(&format!("\"{raw}\"")).ok();
            prop_assert_eq!(ours, theirs);
        }
    }
}
