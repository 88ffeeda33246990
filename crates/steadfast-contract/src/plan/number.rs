//! Numbers, as the plan reads them: exact where that is cheap, "don't know" where it is not.
//!
//! The official judge reads numbers with `serde_json` as `u64`, `i64` or `f64` (no `arbitrary_precision`). Up to fifteen
//! significant digits and small exponents of ten, the quotient of two exact floats is the float that `serde_json`
//! yields, and no fraction rounds to an integer. Beyond that the plan does not decide anything but the syntax.

use crate::plan::bug::{Bug, Flaw};
use crate::plan::{Bound, NumberRule, Side};
use crate::scan::eight;

/// A number as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Digits only, at most fifteen.
    Whole(i64),
    /// At most fifteen digits, this many of them behind a point.
    Decimal { digits: i64, decimals: usize },
    /// Digits only, more than fifteen: an integer, of a size that is not looked at.
    LongWhole,
    /// Anything else that is a number.
    Odd,
}

impl Written {
    /// The float that `serde_json` yields; `None` where that is not known.
    #[inline]
    pub(crate) fn value(self) -> Option<f64> {
        match self {
            Written::Whole(value) => Some(value as f64),
            Written::Decimal { digits, decimals } => Some(digits as f64 / TENS[decimals]),
            Written::LongWhole | Written::Odd => None,
        }
    }

    /// Whether it is an integer; `None` where that is not known.
    #[inline]
    pub(crate) fn is_whole(self) -> Option<bool> {
        match self {
            Written::Whole(_) | Written::LongWhole => Some(true),
            Written::Decimal { digits, decimals } => {
                Some(digits.unsigned_abs().is_multiple_of(10_u64.pow(decimals as u32)))
            }
            Written::Odd => None,
        }
    }
}

/// Reads the number of at most seven digits and nothing else that begins at `from`: most numbers are one. `None`: it is
/// another one, or none.
#[inline(always)]
pub(crate) fn short(text: &[u8], from: usize) -> Option<(i64, usize)> {
    let word = eight(text, from);
    let (digits, count) = leading(word);
    let next = (word >> ((8 * count) & 63)) as u8;
    let zero_first = digits & 0xff == 0 && count > 1;
    if count == 0 || count == 8 || zero_first || matches!(next, b'.' | b'e' | b'E') {
        return None;
    }
    Some((worth(digits, count) as i64, from + count))
}

/// Reads the number at `from`: what it is, and the place behind it. `None`: it is none, or one that is not read here.
#[inline]
pub(crate) fn read<F: Flaw>(text: &[u8], from: usize, flaw: F) -> Option<(Written, usize)> {
    let at = |place: usize| text.get(place).copied().unwrap_or_default();
    let negative = at(from) == b'-';
    let start = from + usize::from(negative);
    let (whole_digits, value) = run(text, start, 0);
    let place = start + whole_digits;
    if whole_digits == 0 || whole_digits > 1 && at(start) == b'0' && !flaw.makes(Bug::LeadingZeroAccepted) {
        return None;
    }
    match at(place) {
        b'.' | b'e' | b'E' => fraction(text, negative, whole_digits, value, place, flaw),
        _ if whole_digits <= 15 => {
            let value = value as i64;
            Some((Written::Whole(if negative { -value } else { value }), place))
        }
        // serde_json reads up to 1.8e308 as a float.
        _ if whole_digits <= 300 => Some((Written::LongWhole, place)),
        _ => None,
    }
}

#[inline]
fn fraction<F: Flaw>(
    text: &[u8],
    negative: bool,
    whole_digits: usize,
    mut value: u64,
    mut place: usize,
    flaw: F,
) -> Option<(Written, usize)> {
    let at = |place: usize| text.get(place).copied().unwrap_or_default();
    let mut decimals = 0;
    if at(place) == b'.' {
        (decimals, value) = run(text, place + 1, value);
        place += 1 + decimals;
        if decimals == 0 {
            return None;
        }
    }
    if let b'e' | b'E' = at(place) {
        place += 1;
        if let b'+' | b'-' = at(place) {
            place += 1;
        }
        let start = place;
        let mut exponent = 0_u32;
        while let digit @ b'0'..=b'9' = at(place) {
            exponent = exponent.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
            place += 1;
        }
        let huge = exponent > 200 || whole_digits > 50;
        if place == start || huge && !flaw.makes(Bug::HugeExponentAccepted) {
            return None;
        }
        return Some((Written::Odd, place));
    }
    if whole_digits + decimals > 15 {
        return (whole_digits <= 300).then_some((Written::Odd, place));
    }
    let digits = value as i64;
    Some((Written::Decimal { digits: if negative { -digits } else { digits }, decimals }, place))
}

/// Digits from here on: how many, and the number that they make behind those of `before`. It wraps around beyond
/// nineteen digits; nobody looks at it then.
#[inline(always)]
fn run(text: &[u8], from: usize, before: u64) -> (usize, u64) {
    let mut value = before;
    let mut count = 0;
    loop {
        // Eight bytes at once: a loop over few digits costs more in wrong guesses of where it ends than in its steps.
        let (digits, more) = leading(eight(text, from + count));
        if more == 0 {
            return (count, value);
        }
        value = value.wrapping_mul(WHOLE_TENS[more]).wrapping_add(worth(digits, more));
        count += more;
        if more < 8 {
            return (count, value);
        }
    }
}

/// The bytes of the word as digits, and how many of its first bytes are.
#[inline(always)]
fn leading(word: u64) -> (u64, usize) {
    let digits = word ^ 0x3030_3030_3030_3030;
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    (digits, others.trailing_zeros() as usize / 8)
}

/// The number that the first digits make; there is at least one.
#[inline(always)]
fn worth(digits: u64, count: usize) -> u64 {
    let digits = digits << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & 0xff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & 0xff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// Whether the rule holds; `None` when the plan cannot tell.
#[inline]
pub(crate) fn holds(rule: &NumberRule, written: Written, exclusive_includes: bool) -> Option<bool> {
    let value = written.value()?;
    let inside = |bound: &Bound| match bound.side {
        Side::AtLeast => value >= bound.limit,
        Side::AtMost => value <= bound.limit,
        Side::Above => value > bound.limit || exclusive_includes && value == bound.limit,
        Side::Below => value < bound.limit || exclusive_includes && value == bound.limit,
    };
    if !rule.bounds.iter().all(inside) {
        return Some(false);
    }
    if rule.multiple_of.is_empty() {
        return Some(true);
    }
    match written {
        Written::Whole(value) => Some(rule.multiple_of.iter().all(|of| value.unsigned_abs() % of == 0)),
        Written::Decimal { .. } | Written::LongWhole | Written::Odd => None,
    }
}

/// Ten to this power, exactly.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

const WHOLE_TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The limit as the plan may use it: a float that is exactly the number written.
pub(crate) fn exact_limit(value: &serde_json::Value) -> Option<f64> {
    let number = value.as_number()?;
    let float = number.as_f64()?;
    let exact = match (number.as_u64(), number.as_i64()) {
        (Some(whole), _) => whole <= 1 << 53,
        (None, Some(whole)) => whole >= -(1 << 53),
        (None, None) => float.is_finite(),
    };
    exact.then_some(float)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::bug::Sound;

    proptest! {
        #[test]
        fn a_number_is_what_serde_json_reads(
            number in "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,12})?", behind in "[,} \\]a:]?[0-9]{0,3}"
        ) {
            let text = format!("{number}{behind}");
            let whole_text = !behind.starts_with(|first: char| first.is_ascii_digit());
            prop_assume!(whole_text);
            let (written, end) = read(text.as_bytes(), 0, Sound).unwrap();
            prop_assert_eq!(end, number.len());
            let theirs: f64 = serde_json::from_str(&number).unwrap();
            if let Some(ours) = written.value() {
                prop_assert_eq!(ours, theirs);
                prop_assert_eq!(written.is_whole(), Some(theirs.fract() == 0.0));
            } else {
                prop_assert!(number.bytes().filter(u8::is_ascii_digit).count() > 15);
            }
        }

        #[test]
        fn what_is_no_number_is_not_read(number in "-?(0[0-9]{1,9}|[1-9][0-9]{0,9}\\.|[0-9]{1,3}e[+-]?)") {
            prop_assume!(serde_json::from_str::<f64>(&number).is_err());
            prop_assert_eq!(read(number.as_bytes(), 0, Sound), None);
        }
    }

    #[test]
    fn every_byte_but_a_digit_ends_a_run() {
        for byte in 0..=255_u8 {
            for digits in 1..20 {
                let mut text = b"1234567890123456789"[..digits].to_vec();
                text.push(byte);
                text.extend(b"77777777");
                let expected = if byte.is_ascii_digit() { text.len() } else { digits };
                assert_eq!(run(&text, 0, 0).0, expected, "{byte} behind {digits}");
            }
        }
    }
}
