//! A record: the header that types its fields, and the values.

use crate::header::Encoding;
use crate::varint;

/// One field of a record: its serial type and where its bytes are, counted from the record's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// The serial type.
    pub serial: u64,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub len: u64,
}

/// A stored value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// NULL, and a NaN, which SQLite reads as NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A number with a fraction, or one too large for an integer.
    Real(f64),
    /// Text, in the database's encoding.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordFault {
    /// The header is longer than the record, or shorter than its own length field.
    HeaderLength(u64),
    /// The header's last type runs past the header.
    HeaderEnd,
    /// Header and fields are not exactly the record.
    Length {
        /// What header and fields add up to.
        fields: u64,
        /// What the cell says.
        payload: u64,
    },
    /// A serial type that does not exist (10 or 11).
    Reserved(u64),
}

/// The longest header that SQLite accepts.
const LONGEST_HEADER: u64 = 98_307;

impl Field {
    /// The value, where `bytes` is the record from its start (at least up to the field's end).
    #[inline]
    pub(crate) fn value<'a>(&self, bytes: &'a [u8]) -> Option<Value<'a>> {
        let bytes = bytes.get(self.start as usize..(self.start + self.len) as usize)?;
        Some(match self.serial {
            0 | 10 | 11 => Value::Null,
            1..=6 => Value::Integer(integer(bytes)),
            7 => {
                let real = f64::from_bits(u64::from_be_bytes(*bytes.first_chunk::<8>()?));
                if real.is_nan() { Value::Null } else { Value::Real(real) }
            }
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            serial if serial % 2 == 0 => Value::Blob(bytes),
            _ => Value::Text(bytes),
        })
    }
}

impl Value<'_> {
    /// One letter for the class, as the type checks use it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Value::Null => "NULL".into(),
            Value::Integer(value) => value.to_string(),
            Value::Real(value) => format!("{value:?}"),
            Value::Text(bytes) => {
                let text: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
                format!("'{}'", text.escape_debug())
            }
            Value::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
        }
    }
}

/// Whether text would be turned into a number by numeric affinity (SQLite then would not have stored it as text).
pub(crate) fn reads_as_number(text: &[u8], encoding: Encoding) -> bool {
    let narrow: Vec<u8>;
    let text = match encoding {
        Encoding::Utf8 => text,
        Encoding::Utf16Le | Encoding::Utf16Be => {
            let high = usize::from(encoding == Encoding::Utf16Le);
            let (units, _) = text.as_chunks::<2>();
            if units.iter().any(|unit| unit[high] != 0) {
                return false;
            }
            narrow = units.iter().map(|unit| unit[1 - high]).collect();
            &narrow
        }
    };
    // SQLite reads up to the first NUL.
    let mut rest = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let is_space = |byte: &u8| matches!(byte, b' ' | 0x09..=0x0d);
    let skip = |rest: &mut &[u8], accept: &dyn Fn(&u8) -> bool| {
        let taken = rest.iter().take_while(|byte| accept(byte)).count();
        *rest = &rest[taken..];
        taken
    };
    skip(&mut rest, &is_space);
    if matches!(rest.first(), Some(b'-' | b'+')) {
        rest = &rest[1..];
    }
    let mut digits = skip(&mut rest, &u8::is_ascii_digit);
    if rest.first() == Some(&b'.') {
        rest = &rest[1..];
        digits += skip(&mut rest, &u8::is_ascii_digit);
    }
    if digits == 0 {
        return false;
    }
    if matches!(rest.first(), Some(b'e' | b'E')) {
        rest = &rest[1..];
        if matches!(rest.first(), Some(b'-' | b'+')) {
            rest = &rest[1..];
        }
        if skip(&mut rest, &u8::is_ascii_digit) == 0 {
            return false;
        }
    }
    skip(&mut rest, &is_space);
    rest.is_empty()
}

/// How many bytes the header has, if `bytes` holds its length field.
#[inline]
pub(crate) fn header_length(bytes: &[u8]) -> Option<u64> {
    varint::read(bytes, 0).map(|(length, _)| length)
}

/// Reads the whole header into `fields`, checking that header and fields are exactly `payload` bytes.
///
/// `bytes` holds at least the header, or all of the record.
#[inline]
pub(crate) fn parse(bytes: &[u8], payload: u64, fields: &mut Vec<Field>) -> Result<(), RecordFault> {
    fields.clear();
    let Some((header, mut at)) = varint::read(bytes, 0) else { return Err(RecordFault::HeaderLength(0)) };
    if header < at as u64 || header > payload || header > LONGEST_HEADER {
        return Err(RecordFault::HeaderLength(header));
    }
    let Some(types) = bytes.get(..header as usize) else { return Err(RecordFault::HeaderLength(header)) };
    let mut start = header;
    while at < types.len() {
        let Some((serial, next)) = varint::read(types, at) else { return Err(RecordFault::HeaderEnd) };
        // SQLite reads serial types as 32-bit numbers.
        if serial > 0xffff_ffff {
            return Err(RecordFault::Length { fields: u64::MAX, payload });
        }
        let len = length(serial);
        if serial == 10 || serial == 11 {
            return Err(RecordFault::Reserved(serial));
        }
        fields.push(Field { serial, start, len });
        start += len;
        at = next;
    }
    if start == payload { Ok(()) } else { Err(RecordFault::Length { fields: start, payload }) }
}

#[inline]
fn length(serial: u64) -> u64 {
    const SMALL: [u8; 12] = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0];
    match SMALL.get(serial as usize) {
        Some(len) => u64::from(*len),
        None => (serial - 12) / 2,
    }
}

#[inline]
fn integer(bytes: &[u8]) -> i64 {
    let mut value = if bytes.first().is_some_and(|first| *first >= 0x80) { -1i64 } else { 0 };
    for byte in bytes {
        value = (value << 8) | i64::from(*byte);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Result<Vec<Value<'_>>, RecordFault> {
        let mut fields = Vec::new();
        parse(bytes, bytes.len() as u64, &mut fields)?;
        Ok(fields.iter().filter_map(|field| field.value(bytes)).collect())
    }

    #[test]
    fn every_class_reads_back() {
        assert_eq!(
            check(&[7, 0, 1, 8, 9, 15, 14, 0xff, b'a', 7]),
            Ok(vec![
                Value::Null,
                Value::Integer(-1),
                Value::Integer(0),
                Value::Integer(1),
                Value::Text(b"a"),
                Value::Blob(&[7])
            ])
        );
    }

    #[test]
    fn a_record_that_is_not_exactly_its_payload_is_a_fault() {
        assert_eq!(check(&[2, 1, 9, 9]), Err(RecordFault::Length { fields: 3, payload: 4 }));
        assert_eq!(check(&[2, 2, 9]), Err(RecordFault::Length { fields: 4, payload: 3 }));
        assert_eq!(check(&[9, 1]), Err(RecordFault::HeaderLength(9)));
        assert_eq!(check(&[2, 0x81]), Err(RecordFault::HeaderEnd));
        assert_eq!(check(&[2, 10]), Err(RecordFault::Reserved(10)));
        assert_eq!(check(&[0]), Err(RecordFault::HeaderLength(0)));
    }

    #[test]
    fn a_nan_reads_as_null() {
        let mut bytes = vec![2, 7];
        bytes.extend_from_slice(&f64::NAN.to_bits().to_be_bytes());
        assert_eq!(check(&bytes), Ok(vec![Value::Null]));
    }

    #[test]
    fn text_that_numeric_affinity_would_have_converted_is_known() {
        for number in ["1", " -1.5e3 ", "+.5", "5.", "1e9"] {
            assert!(reads_as_number(number.as_bytes(), Encoding::Utf8), "{number}");
        }
        for text in ["", " ", "abc", "1x", ".", "-", "1e", "1e+", "0x10", "1 2"] {
            assert!(!reads_as_number(text.as_bytes(), Encoding::Utf8), "{text}");
        }
        assert!(reads_as_number(b"1\x002\x00", Encoding::Utf16Le));
        assert!(!reads_as_number(b"1\x002\x00", Encoding::Utf16Be));
    }
}
