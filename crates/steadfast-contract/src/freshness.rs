//! How old a data set is: by the newest record in it.

use jiff::Timestamp;
use serde::Serialize;

use crate::contract::annotations::Freshness;
use crate::tally::Times;

/// The freshness verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fresh {
    /// Where records say when they were made.
    pub path: String,
    /// The newest.
    pub newest: Option<String>,
    /// The oldest.
    pub oldest: Option<String>,
    /// Seconds since the newest.
    pub age_seconds: Option<i64>,
    /// Seconds that the contract allows.
    pub max_age_seconds: u64,
    /// Records without a time that can be read.
    pub without: u64,
    /// When it was judged.
    pub at: String,
    /// Whether the promise is kept; `None`: no record says when it was made, or the newest says a time to come.
    pub holds: Option<bool>,
}

/// A time may be so far ahead: a plain date is its first moment in UTC, and clocks differ.
const AHEAD: i64 = 86_400;

/// Whether an age (in seconds) is within what is promised. A newest record from the future says nothing of the age of the
/// others: that is no answer.
pub fn is_kept(age: i64, max_age: u64) -> Option<bool> {
    (age >= -AHEAD).then_some(age <= i64::try_from(max_age).unwrap_or(i64::MAX))
}

/// Judges at the moment `at`.
pub fn judge(promise: &Freshness, times: &Times, at: Timestamp) -> Fresh {
    let age = times.newest.map(|newest| at.as_second() - newest);
    let written = |seconds: i64| Timestamp::from_second(seconds).map(|time| time.to_string()).ok();
    Fresh {
        path: promise.path.to_string(),
        newest: times.newest.and_then(written),
        oldest: times.oldest.and_then(written),
        age_seconds: age,
        max_age_seconds: promise.max_age,
        without: times.without,
        at: at.to_string(),
        holds: age.and_then(|age| is_kept(age, promise.max_age)),
    }
}

/// Seconds of an RFC 3339 time, or of a plain date.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    quick(text.as_bytes()).or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_second)).or_else(|| {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    })
}

/// `2026-01-31T23:59:59Z`, as nearly all records write it.
fn quick(text: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = text else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let (year, month, day) = (number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?, number(&[*s1, *s2])?);
    // Days that every month has; the rest takes the slow way, which knows the calendar.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01 of the proleptic Gregorian calendar (Howard Hinnant, days_from_civil).
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_quick_way_says_what_the_calendar_says(second in -62_000_000_000_i64..253_000_000_000) {
            let text = Timestamp::from_second(second).unwrap().to_string();
            if let Some(quick) = quick(text.as_bytes()) {
                prop_assert_eq!(quick, second);
            }
            prop_assert_eq!(seconds(&text), Some(second));
        }
    }

    #[test]
    fn a_day_that_is_none_has_no_seconds() {
        assert_eq!(seconds("2026-02-30T00:00:00Z"), None);
        assert_eq!(seconds("2026-13-01T00:00:00Z"), None);
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(seconds("2026-01-02"), seconds("2026-01-02T00:00:00Z"));
    }
}
