//! A record: the header that types its fields, and the values.

use crate::header::Encoding;
use crate::varint;

/// One field of a record: its serial type and where its bytes are, counted from the record's start. A record has less
/// than 2^32 bytes, as its size in the cell has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// The serial type.
    pub serial: u32,
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
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
    /// The offset after the last byte.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.start as usize + self.len as usize
    }

    /// The bytes of the field, where `record` is the record from its start (at least up to the field's end).
    #[inline]
    pub(crate) fn bytes<'a>(&self, record: &'a [u8]) -> Option<&'a [u8]> {
        record.get(self.start as usize..self.end())
    }

    /// The value; `record` as in [`Field::bytes`].
    #[inline]
    pub(crate) fn value<'a>(&self, record: &'a [u8]) -> Option<Value<'a>> {
        Some(match self.serial {
            0 | 10 | 11 => Value::Null,
            1..=6 => Value::Integer(self.integer(record)?),
            7 => {
                let real = self.real(record)?;
                if real.is_nan() { Value::Null } else { Value::Real(real) }
            }
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            serial if serial % 2 == 0 => Value::Blob(self.bytes(record)?),
            _ => Value::Text(self.bytes(record)?),
        })
    }

    /// The number of a field of serial type 1 to 6.
    #[inline]
    pub(crate) fn integer(&self, record: &[u8]) -> Option<i64> {
        let end = self.end();
        let unused = 64 - 8 * self.len;
        // Most integers have eight bytes of their record before their end; what is not theirs is shifted out.
        if let Some(word) = end.checked_sub(8).and_then(|from| record.get(from..end)?.first_chunk::<8>()) {
            return Some((i64::from_be_bytes(*word) << unused) >> unused);
        }
        let word = self.bytes(record)?.iter().fold(0, |word, byte| (word << 8) | i64::from(*byte));
        Some((word << unused) >> unused)
    }

    /// The number of a field of serial type 7, as it is stored.
    #[inline]
    pub(crate) fn real(&self, record: &[u8]) -> Option<f64> {
        Some(f64::from_bits(u64::from_be_bytes(*self.bytes(record)?.first_chunk::<8>()?)))
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
    // The usual header: its length and each type is one byte.
    if let Some(header) = bytes.first()
        && let Some(types) = bytes.get(1..usize::from(*header))
    {
        let mut start = u32::from(*header);
        let mut flags = *header;
        fields.extend(types.iter().map(|serial| {
            let len = LENGTHS[usize::from(*serial)];
            let field = Field { serial: u32::from(*serial), start, len: u32::from(len) };
            flags |= len;
            start += u32::from(len);
            field
        }));
        if flags < UNUSUAL && u64::from(start) == payload {
            return Ok(());
        }
    }
    parse_slowly(bytes, payload, fields)
}

/// A header with types of several bytes, or one that is at fault.
fn parse_slowly(bytes: &[u8], payload: u64, fields: &mut Vec<Field>) -> Result<(), RecordFault> {
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
        let Ok(serial) = u32::try_from(serial) else {
            return Err(RecordFault::Length { fields: u64::MAX, payload });
        };
        if serial == 10 || serial == 11 {
            return Err(RecordFault::Reserved(u64::from(serial)));
        }
        let len = length(serial);
        // A start beyond 2^32 lies beyond the payload, and then this is not a record.
        fields.push(Field { serial, start: start as u32, len });
        start += u64::from(len);
        at = next;
    }
    if start == payload { Ok(()) } else { Err(RecordFault::Length { fields: start, payload }) }
}

/// Bytes of a field by a serial type of one byte; `UNUSUAL` for those that are reserved or go on in the next byte.
const LENGTHS: [u8; 256] = {
    let mut lengths = [UNUSUAL; 256];
    let mut serial = 0;
    while serial < 128 {
        if serial != 10 && serial != 11 {
            lengths[serial] = length(serial as u32) as u8;
        }
        serial += 1;
    }
    lengths
};

/// Above every length in [`LENGTHS`], and a bit that none of them has.
const UNUSUAL: u8 = 0x80;

#[inline]
const fn length(serial: u32) -> u32 {
    const SMALL: [u8; 12] = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0];
    if serial < 12 { SMALL[serial as usize] as u32 } else { (serial - 12) / 2 }
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
