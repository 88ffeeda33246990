//! Instants as services write them: RFC 3339, HTTP-date (RFC 9110, 5.6.7), epoch numbers, and zoneless ones with a zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use crate::setting::{Node, Problems, Setting};

crate::words! {
    /// The unit of a date that is a number counted from 1970-01-01T00:00:00Z.
    pub enum EpochUnit {
        /// Seconds.
        Seconds = "s",
        /// Milliseconds.
        Millis = "ms",
        /// Microseconds.
        Micros = "us",
        /// Nanoseconds.
        Nanos = "ns",
    }
}

/// A fixed offset from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(Offset);

impl Setting for Zone {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = String::read(node, problems)?;
        let offset = offset_of(&text);
        if offset.is_none() {
            let why = "a named zone would depend on this machine's database of zones";
            problems.suggest(node.span, format!("`{text}` is no zone"), why, "UTC, or an offset such as +09:00");
        }
        offset.map(Zone)
    }
    fn write(&self) -> Value {
        if self.0 == Offset::UTC { json!("UTC") } else { json!(self.0.to_string()) }
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^(UTC|[+-][0-9]{2}(:[0-9]{2})?)$" })
    }
}

fn offset_of(text: &str) -> Option<Offset> {
    if text == "UTC" {
        return Some(Offset::UTC);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':').unwrap_or((&text[1..], "00"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..60).contains(&minutes) || !(0..=25).contains(&hours) {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Reads an instant, or `None` if the value is none or does not say enough.
pub fn read_instant(value: &Value, zone: Option<&Zone>, epoch: Option<EpochUnit>) -> Option<Timestamp> {
    match value {
        Value::Number(number) => {
            let nanos = number.as_f64()? * per_unit(epoch?) as f64;
            match number.as_i128() {
                Some(integer) => Timestamp::from_nanosecond(integer.checked_mul(i128::from(per_unit(epoch?)))?).ok(),
                None => Timestamp::from_nanosecond(nanos as i128).ok(),
            }
        }
        Value::String(text) => {
            let text = text.trim();
            let zoned = text.parse::<Timestamp>().ok();
            zoned.or_else(|| http_date(text)).or_else(|| zoneless(text, zone?))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Writes an instant in the manner of an example: a number if that is one, otherwise RFC 3339.
pub fn write_instant(instant: Timestamp, like: &Value, epoch: Option<EpochUnit>) -> Value {
    match (like, epoch) {
        (Value::Number(_), Some(unit)) => json!((instant.as_nanosecond() / i128::from(per_unit(unit))) as i64),
        (_, _) => json!(instant.to_string()),
    }
}

fn per_unit(unit: EpochUnit) -> i64 {
    match unit {
        EpochUnit::Seconds => 1_000_000_000,
        EpochUnit::Millis => 1_000_000,
        EpochUnit::Micros => 1_000,
        EpochUnit::Nanos => 1,
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    let plain = text.strip_suffix(" GMT")?;
    let time = DateTime::strptime("%a, %d %b %Y %H:%M:%S", plain).ok()?;
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn zoneless(text: &str, zone: &Zone) -> Option<Timestamp> {
    let time: DateTime = text.parse().ok()?;
    zone.0.to_timestamp(time).ok()
}
