//! The one record that stands for an entry, however it is stored: the bytes that are hashed.
//!
//! It is the record that SQLite writes for the entry, with every choice taken away: numbers go in by value, as the
//! shortest integer if they are whole (an integral REAL equals the INTEGER, -0.0 equals 0) and as a REAL otherwise, NaN is
//! NULL, and the header is as short as it can be. Its header gives class and length of every column, so no two entries
//! have one record, no record is the beginning of another, and one that is filled up with zeros can be read back.
//!
//! Entries on their pages are nearly always in this form already, and are hashed as they lie there.

use crate::record::{Field, Value};
use crate::schema::Default as Missing;

/// Bytes that a piece carries with it.
const HEAD: usize = 16;

/// One column of an entry: its serial type in the one form, and its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    /// The first bytes, with zeros behind their end.
    pub(crate) head: [u8; HEAD],
    pub(crate) serial: u32,
    pub(crate) len: u32,
    /// Where the bytes are, if they are more than the head.
    origin: Origin,
}

#[derive(Debug, Clone, Copy)]
enum Origin {
    /// From this byte of the row's record on.
    Record(u32),
    /// The default value of this column.
    Default(u32),
}

/// Where the bytes of long pieces are.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// The row's record.
    pub(crate) record: &'a [u8],
    /// The default of a column.
    pub(crate) default_of: &'a dyn Fn(u32) -> &'a Missing,
}

impl Piece {
    /// NULL, or a NaN.
    pub(crate) const NULL: Piece = Piece { head: [0; HEAD], serial: 0, len: 0, origin: Origin::Record(0) };

    // Pieces are filled where they stand: one that is made elsewhere and moved is read back before it is written, for
    // which the processor waits.

    /// Becomes an integer.
    #[inline(always)]
    pub(crate) fn set_integer(&mut self, value: i64) {
        const LENGTHS: [u8; 10] = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];
        let serial = serial_of(value);
        let len = u32::from(LENGTHS[serial as usize]);
        // The two shifts are one of 64 to none.
        self.set_number(serial, len, (value as u64) << (32 - 4 * len) << (32 - 4 * len));
    }

    #[inline(always)]
    fn set_number(&mut self, serial: u32, len: u32, first: u64) {
        self.head = u128::from(first.to_be()).to_le_bytes();
        (self.serial, self.len) = (serial, len);
    }

    /// Becomes a real, which goes in as an integer if it is one.
    fn set_real(&mut self, value: f64) {
        if value.is_nan() {
            self.set_number(0, 0, 0);
        } else if let Some(integer) = whole(value) {
            self.set_integer(integer);
        } else {
            self.set_number(7, 8, value.to_bits());
        }
    }

    /// Becomes a stored field; in a column of REAL affinity an integer stands for a real. `rest` is the record from its
    /// start, and may go on behind its end.
    #[inline(always)]
    pub(crate) fn set_field(&mut self, field: &Field, record: &[u8], rest: &[u8], is_real: bool) {
        match field.serial {
            0 | 10 | 11 => self.set_number(0, 0, 0),
            1..=6 | 8 | 9 => {
                let value = match field.serial {
                    8 => 0,
                    9 => 1,
                    _ => field.integer(record).unwrap_or(0),
                };
                if is_real { self.set_real(value as f64) } else { self.set_integer(value) }
            }
            7 => self.set_real(field.real(record).unwrap_or(f64::NAN)),
            serial => {
                self.head = head_of(rest, field.start as usize, field.len as usize);
                (self.serial, self.len, self.origin) = (serial, field.len, Origin::Record(field.start));
            }
        }
    }

    /// Becomes what a record that is too short has in a column.
    pub(crate) fn set_missing(&mut self, value: &Missing, column: u32, is_real: bool) {
        match value.value() {
            Value::Null => self.set_number(0, 0, 0),
            Value::Integer(value) if is_real => self.set_real(value as f64),
            Value::Integer(value) => self.set_integer(value),
            Value::Real(value) => self.set_real(value),
            Value::Text(bytes) => self.set_bytes(bytes, 13, column),
            Value::Blob(bytes) => self.set_bytes(bytes, 12, column),
        }
    }

    fn set_bytes(&mut self, bytes: &[u8], class: u32, column: u32) {
        let len = bytes.len() as u32;
        self.head = head_of(bytes, 0, bytes.len());
        (self.serial, self.len, self.origin) = (class + 2 * len, len, Origin::Default(column));
    }

    /// A stored field, as [`Piece::set_field`].
    pub(crate) fn field(field: &Field, record: &[u8]) -> Piece {
        let mut piece = Piece::NULL;
        piece.set_field(field, record, record, false);
        piece
    }

    /// The bytes, if they are more than the head.
    #[inline]
    pub(crate) fn long<'a>(&self, sources: &Sources<'a>) -> Option<&'a [u8]> {
        if self.len as usize <= HEAD {
            return None;
        }
        let (from, bytes) = match self.origin {
            Origin::Record(start) => (start as usize, sources.record),
            Origin::Default(column) => match (sources.default_of)(column).value() {
                Value::Text(bytes) | Value::Blob(bytes) => (0, bytes),
                Value::Null | Value::Integer(_) | Value::Real(_) => (0, [].as_slice()),
            },
        };
        bytes.get(from..from + self.len as usize)
    }
}

/// Writes the record of `pieces` after what is in `out`, of any length.
pub(crate) fn write<'p>(pieces: impl Iterator<Item = &'p Piece> + Clone, sources: &Sources<'_>, out: &mut Vec<u8>) {
    varint(header_length(pieces.clone().map(|piece| piece.serial)), out);
    pieces.clone().for_each(|piece| varint(u64::from(piece.serial), out));
    for piece in pieces {
        match piece.long(sources) {
            Some(bytes) => out.extend_from_slice(bytes),
            None => out.extend_from_slice(&piece.head[..(piece.len as usize).min(HEAD)]),
        }
    }
}

/// Whether a stored record, whose header says that it has `header` bytes, is in the one form.
#[inline]
pub(crate) fn is_in_form(fields: &[Field], header: u64, record: &[u8]) -> bool {
    is_short(fields, header) && fields.iter().filter_map(Width::of).all(|width| width.is_least(record))
}

/// Whether a header of `header` bytes is the shortest with these types.
#[inline]
pub(crate) fn is_short(fields: &[Field], header: u64) -> bool {
    // No type is shorter than it can be, so a header of the least length has only such types.
    header == 1 + fields.len() as u64 && header < 128
        || header == header_length(fields.iter().map(|field| field.serial))
}

/// A number whose serial type may be another than the one of its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Width {
    field: Field,
    /// Half of what a narrower integer can be, and the bits that it has beside its sign.
    bias: i64,
    bits: u32,
}

impl Width {
    /// Of a field that is such a number.
    #[inline(always)]
    pub(crate) fn of(field: &Field) -> Option<Width> {
        // Of one byte only 0 and 1 can be had for less.
        const BITS: [u32; 8] = [0, 0, 7, 15, 23, 31, 47, 0];
        let bits = *BITS.get(field.serial as usize).filter(|_| field.serial > 0)?;
        let bias = if field.serial == 1 { 0 } else { 1 << bits };
        Some(Width { field: *field, bias, bits })
    }

    /// Whether the value asks for this type.
    #[inline(always)]
    pub(crate) fn is_least(&self, record: &[u8]) -> bool {
        if self.field.serial == 7 {
            return self.field.real(record).is_some_and(|value| !value.is_nan() && whole(value).is_none());
        }
        self.field.integer(record).is_some_and(|value| (value.wrapping_add(self.bias) >> self.bits) as u64 > 1)
    }
}

/// The least bytes of a header with these types, its own length among them.
fn header_length(serials: impl Iterator<Item = u32>) -> u64 {
    let types: u64 = serials.map(|serial| varint_length(u64::from(serial))).sum();
    let mut length = types + 1;
    while types + varint_length(length) > length {
        length += 1;
    }
    length
}

fn varint_length(value: u64) -> u64 {
    u64::from((64 - value.leading_zeros()).div_ceil(7).max(1))
}

/// Of at most eight bytes: types and lengths have no more than five.
fn varint(value: u64, out: &mut Vec<u8>) {
    for group in (0..varint_length(value)).rev() {
        let more = if group > 0 { 0x80 } else { 0 };
        out.push(((value >> (7 * group)) & 0x7f) as u8 | more);
    }
}

/// The serial type that SQLite gives an integer.
#[inline]
fn serial_of(value: i64) -> u32 {
    /// By the number of bits beside the sign.
    const SERIALS: [u8; 64] = {
        let mut serials = [6; 64];
        let mut bits = 0;
        while bits < 48 {
            serials[bits] = match bits {
                0..8 => 1,
                8..16 => 2,
                16..24 => 3,
                24..32 => 4,
                _ => 5,
            };
            bits += 1;
        }
        serials
    };
    if value == 0 || value == 1 {
        return 8 + value as u32;
    }
    let bits = 64 - (value ^ (value >> 63)).leading_zeros();
    u32::from(SERIALS[bits as usize % 64])
}

/// The integer that a real equals, if there is one: 5.0, and -0.0 for 0.
#[inline]
fn whole(value: f64) -> Option<i64> {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    let integer = value as i64;
    (fits && integer as f64 == value).then_some(integer)
}

/// The first bytes of a field, with zeros behind its end.
#[inline]
fn head_of(bytes: &[u8], start: usize, len: usize) -> [u8; HEAD] {
    match bytes.get(start..).and_then(|from| from.first_chunk::<HEAD>()) {
        Some(chunk) => cut(*chunk, len),
        None => {
            let mut head = [0; HEAD];
            let there = bytes.get(start..).unwrap_or_default();
            let len = len.min(there.len());
            head[..len].copy_from_slice(&there[..len]);
            head
        }
    }
}

/// Sixteen bytes with zeros from byte `len` on.
#[inline(always)]
pub(crate) fn cut(chunk: [u8; HEAD], len: usize) -> [u8; HEAD] {
    const MASKS: [u128; HEAD + 1] = {
        let mut masks = [u128::MAX; HEAD + 1];
        let mut len = 0;
        while len < HEAD {
            masks[len] = (1 << (8 * len)) - 1;
            len += 1;
        }
        masks
    };
    (u128::from_le_bytes(chunk) & MASKS[len.min(HEAD)]).to_le_bytes()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Missing> {
        prop_oneof![
            Just(Missing::Null),
            any::<i64>().prop_map(Missing::Integer),
            (any::<i64>(), 0u32..64).prop_map(|(value, shift)| Missing::Integer(value >> shift)),
            any::<f64>().prop_map(Missing::Real),
            (-300i32..300).prop_map(|value| Missing::Real(f64::from(value) / 4.0)),
            proptest::collection::vec(any::<u8>(), 0..80).prop_map(Missing::Text),
            proptest::collection::vec(any::<u8>(), 0..80).prop_map(Missing::Blob),
        ]
    }

    pub(crate) fn pieces_of(values: &[Missing]) -> Vec<Piece> {
        let mut pieces = vec![Piece::NULL; values.len()];
        pieces.iter_mut().zip(values).zip(0..).for_each(|((piece, value), at)| piece.set_missing(value, at, false));
        pieces
    }

    fn written(values: &[Missing]) -> Vec<u8> {
        let pieces: Vec<Piece> = pieces_of(values);
        let mut out = Vec::new();
        let default_of = |column: u32| &values[column as usize];
        write(pieces.iter(), &Sources { record: &[], default_of: &default_of }, &mut out);
        out
    }

    /// The record as SQLite itself stores it in an index (NaN is NULL there, too).
    fn of_sqlite(values: &[Missing]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.db");
        let sql = rusqlite::Connection::open(&path).unwrap();
        let columns: Vec<String> = (0..values.len()).map(|at| format!("c{at}")).collect();
        let columns = columns.join(",");
        sql.execute_batch(&format!(
            "PRAGMA page_size=65536; CREATE TABLE t({columns}); CREATE INDEX i ON t({columns});"
        ))
        .unwrap();
        let marks = vec!["?"; values.len()].join(",");
        let values: Vec<rusqlite::types::Value> = values
            .iter()
            .map(|value| match value {
                Missing::Null | Missing::Unknown => rusqlite::types::Value::Null,
                Missing::Integer(value) => (*value).into(),
                Missing::Real(value) => (*value).into(),
                // Text of any bytes would not pass the driver.
                Missing::Text(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
                Missing::Blob(bytes) => bytes.clone().into(),
            })
            .collect();
        sql.execute(&format!("INSERT INTO t VALUES({marks})"), rusqlite::params_from_iter(values)).unwrap();
        drop(sql);
        let bytes = std::fs::read(path).unwrap();
        let page = &bytes[2 * 65536..];
        let at = usize::from(u16::from_be_bytes([page[8], page[9]]));
        let (len, start) = crate::varint::read(page, at).unwrap();
        page[start..start + len as usize].to_vec()
    }

    fn plain(values: &[Missing]) -> Vec<Missing> {
        let text = |bytes: &Vec<u8>| Missing::Text(String::from_utf8_lossy(bytes).into_owned().into_bytes());
        values.iter().map(|value| if let Missing::Text(bytes) = value { text(bytes) } else { value.clone() }).collect()
    }

    #[test]
    fn it_is_the_record_that_sqlite_writes_but_for_whole_reals() {
        let values = [
            Missing::Integer(0),
            Missing::Integer(-1),
            Missing::Integer(128),
            Missing::Integer(-32_769),
            Missing::Integer(1 << 31),
            Missing::Integer(1 << 47),
            Missing::Integer(i64::MIN),
            Missing::Real(2.5),
            Missing::Null,
            Missing::Text(b"a text of more than sixteen and indeed of more than fifty-seven bytes".to_vec()),
            Missing::Blob(vec![7; 16]),
        ];
        let mut with_rowid = values.to_vec();
        with_rowid.push(Missing::Integer(1));
        assert_eq!(written(&with_rowid), of_sqlite(&values));
        assert_eq!(written(&[Missing::Real(-0.0), Missing::Real(f64::NAN)]), vec![3, 8, 0]);
        assert_eq!(written(&[Missing::Real(5.0)]), vec![2, 1, 5]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_in_form_and_reads_back(values in proptest::collection::vec(value(), 1..150)) {
            let bytes = written(&values);
            let mut fields = Vec::new();
            prop_assert_eq!(record::parse(&bytes, bytes.len() as u64, &mut fields), Ok(()));
            let header = record::header_length(&bytes).unwrap();
            prop_assert!(is_in_form(&fields, header, &bytes));
            let again: Vec<Piece> = fields.iter().map(|field| Piece::field(field, &bytes)).collect();
            let mut out = Vec::new();
            write(again.iter(), &Sources { record: &bytes, default_of: &|_| &Missing::Null }, &mut out);
            prop_assert_eq!(out, bytes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_entry_of_sqlite_comes_to_the_same_record(values in proptest::collection::vec(value(), 1..6)) {
            let values = plain(&values);
            let stored = of_sqlite(&values);
            let mut fields = Vec::new();
            prop_assert_eq!(record::parse(&stored, stored.len() as u64, &mut fields), Ok(()));
            let pieces: Vec<Piece> = fields.iter().map(|field| Piece::field(field, &stored)).collect();
            let mut out = Vec::new();
            write(pieces.iter(), &Sources { record: &stored, default_of: &|_| &Missing::Null }, &mut out);
            let mut with_rowid = values;
            with_rowid.push(Missing::Integer(1));
            prop_assert_eq!(&out, &written(&with_rowid));
            let header = record::header_length(&stored).unwrap();
            prop_assert_eq!(is_in_form(&fields, header, &stored), out == stored);
        }
    }

    #[test]
    fn an_integer_wider_than_it_must_be_is_not_in_form() {
        for (stored, one) in [([2u8, 1, 1].as_slice(), [2u8, 9].as_slice()), (&[2, 2, 0, 9], &[2, 1, 9])] {
            let mut fields = Vec::new();
            record::parse(stored, stored.len() as u64, &mut fields).unwrap();
            assert!(!is_in_form(&fields, 2, stored));
            let mut out = Vec::new();
            let pieces: Vec<Piece> = fields.iter().map(|field| Piece::field(field, stored)).collect();
            write(pieces.iter(), &Sources { record: stored, default_of: &|_| &Missing::Null }, &mut out);
            assert_eq!(out, one);
        }
    }
}
