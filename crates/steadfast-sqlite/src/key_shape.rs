//! What follows from the header of a key's record alone. Neighbours in an index mostly have the same header, and then all
//! of this need not be found out again: not where the fields are, not whether they are an entry of this index, and the
//! first byte that differs decides the order.

use std::cmp::Ordering;

use crate::collation::Collation;
use crate::entry_record::{self, Width};
use crate::page::Cell;
use crate::record::{self, Field};
use crate::schema::KeyOrder;

/// Bytes of a header that are compared at once; longer ones are read every time.
const WORD: usize = 8;

/// The header of the record that was read last, and what it says.
#[derive(Debug, Default)]
pub(crate) struct KeyShape {
    pub(crate) fields: Vec<Field>,
    payload: u64,
    /// The header, and the bits of it that count; none, if no other record may be taken for one of this shape.
    header: u64,
    mask: u64,
    /// What is found out only when a second record has the same header.
    known: Option<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By column of the key.
    kinds: Vec<Kind>,
    /// Where the key's last column ends.
    key_end: usize,
    /// By byte of the key: the column that it belongs to.
    column_at: Vec<u16>,
    /// Whether the header is the shortest that it can be.
    is_short: bool,
    /// The integers and reals.
    widths: Vec<Width>,
}

/// How two fields of one serial type are ordered by the first byte in which they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An integer: its first byte has the sign.
    Signed,
    /// A blob, or text that is compared as bytes.
    Bytes,
    /// A real.
    Real,
    /// By the collation.
    Collated,
}

impl KeyShape {
    /// Whether the record of `cell`, all of which is on the page, has this header.
    #[inline(always)]
    pub(crate) fn is_of(&self, cell: &Cell<'_>) -> bool {
        let Some(word) = cell.rest.first_chunk::<WORD>() else { return false };
        self.mask != 0
            && (u64::from_le_bytes(*word) ^ self.header) & self.mask == 0
            && cell.payload == self.payload
            && cell.local.len() as u64 == cell.payload
    }

    /// The shape is not one to go by, until [`KeyShape::settle`].
    pub(crate) fn forget(&mut self) {
        self.mask = 0;
        self.known = None;
    }

    /// Notes the header of a record of `payload` bytes, which begins `rest`, and whose fields have been read and found to
    /// be an entry of the index.
    #[inline]
    pub(crate) fn settle(&mut self, rest: &[u8], payload: u64) {
        let length = record::header_length(rest).unwrap_or(0) as usize;
        let Some(word) = rest.first_chunk::<WORD>() else { return };
        if (1..=WORD).contains(&length) {
            self.header = u64::from_le_bytes(*word);
            self.mask = u64::MAX >> (64 - 8 * length);
            self.payload = payload;
        }
    }

    #[inline(always)]
    fn known(&mut self, order: &KeyOrder) -> (&[Field], &Known) {
        let KeyShape { fields, header, known, .. } = self;
        (fields, known.get_or_insert_with(|| Known::new(fields, *header & 0xff, order)))
    }

    /// The order of two keys of this shape, and the first column in which they differ; `None` if the bytes alone do not
    /// decide. Both records may go on behind their ends.
    #[inline(always)]
    pub(crate) fn compare(&mut self, earlier: &[u8], later: &[u8], order: &KeyOrder) -> Option<(Ordering, usize)> {
        let (fields, known) = self.known(order);
        let Some(at) = first_difference(earlier, later, known.key_end) else {
            return Some((Ordering::Equal, order.columns.len()));
        };
        let column = usize::from(*known.column_at.get(at)?);
        let kind = *known.kinds.get(column)?;
        let (left, right) = (*earlier.get(at)?, *later.get(at)?);
        let ordering = match kind {
            Kind::Signed if at == fields[column].start as usize => (left as i8).cmp(&(right as i8)),
            Kind::Signed | Kind::Bytes => left.cmp(&right),
            Kind::Real => {
                let (left, right) = (fields[column].real(earlier)?, fields[column].real(later)?);
                // Zeros of either sign are equal, and a NaN is no number.
                left.partial_cmp(&right).filter(|ordering| ordering.is_ne())?
            }
            Kind::Collated => return None,
        };
        Some((if order.columns[column].descending { ordering.reverse() } else { ordering }, column))
    }

    /// Whether a record of this shape is in the one form that is hashed.
    #[inline(always)]
    pub(crate) fn is_in_form(&mut self, record: &[u8], order: &KeyOrder) -> bool {
        let (_, known) = self.known(order);
        known.is_short && known.widths.iter().all(|width| width.is_least(record))
    }
}

impl Known {
    #[cold]
    fn new(fields: &[Field], header: u64, order: &KeyOrder) -> Known {
        let kinds = fields.iter().zip(&order.columns).map(|(field, column)| match field.serial {
            0 | 8..=11 | 1..=6 => Kind::Signed,
            7 => Kind::Real,
            serial if serial % 2 == 0 || column.collation == Collation::Binary => Kind::Bytes,
            _ => Kind::Collated,
        });
        let key_end = fields.iter().take(order.columns.len()).next_back().map_or(0, Field::end);
        // The header's bytes are the same in both and never asked for.
        let column_of = |at: usize| fields.iter().position(|field| at < field.end()).unwrap_or(0) as u16;
        Known {
            kinds: kinds.collect(),
            key_end,
            column_at: (0..key_end).map(column_of).collect(),
            is_short: entry_record::is_short(fields, header),
            widths: fields.iter().filter_map(Width::of).collect(),
        }
    }
}

/// Where two strings differ first in their first `length` bytes; both may go on behind them.
#[inline(always)]
fn first_difference(left: &[u8], right: &[u8], length: usize) -> Option<usize> {
    const WIDE: usize = 16;
    let chunk = |bytes: &[u8], at: usize| bytes.get(at..).and_then(|from| from.first_chunk::<WIDE>().copied());
    let mut at = 0;
    while let (Some(left), Some(right)) = (chunk(left, at), chunk(right, at)) {
        let differ = u128::from_le_bytes(left) ^ u128::from_le_bytes(right);
        if differ != 0 {
            return Some(at + differ.trailing_zeros() as usize / 8).filter(|at| *at < length);
        }
        at += WIDE;
        if at >= length {
            return None;
        }
    }
    let tails = left.get(at..length)?.iter().zip(right.get(at..length)?);
    tails.into_iter().position(|(left, right)| left != right).map(|tail| at + tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Encoding;
    use crate::leaf::{self, Key};
    use crate::schema::KeyColumn;
    use proptest::prelude::*;

    fn record(fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![1 + fields.len() as u8];
        bytes.extend(fields.iter().map(|(serial, _)| *serial));
        fields.iter().for_each(|(_, body)| bytes.extend_from_slice(body));
        bytes
    }

    /// Two records of one header, whose bodies differ little.
    fn pair() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let field = prop_oneof![0u8..10, 12u8..34].prop_flat_map(|serial| {
            let mut fields = Vec::new();
            record::parse(&[2, serial], 2 + 99, &mut fields).unwrap_or_default();
            let length = fields.first().map_or(0, |field| field.len as usize);
            let byte = prop_oneof![Just(0u8), Just(b'a'), Just(b'A'), Just(0x7f), any::<u8>()];
            let body = proptest::collection::vec(byte, length);
            let changed = (body.clone(), body, any::<bool>());
            changed.prop_map(move |(left, other, differs)| {
                let right = if differs { other } else { left.clone() };
                (serial, left, right)
            })
        });
        proptest::collection::vec(field, 1..6).prop_map(|fields| {
            let side = |right: bool| {
                let fields: Vec<(u8, Vec<u8>)> =
                    fields.iter().map(|(serial, l, r)| (*serial, if right { r } else { l }.clone())).collect();
                record(&fields)
            };
            (side(false), side(true))
        })
    }

    proptest! {
        /// Whatever the bytes decide, the values decide so, too.
        #[test]
        fn records_of_one_shape_are_judged_as_by_their_values((left, right) in pair(), collations in proptest::collection::vec(0usize..3, 6), descending in proptest::collection::vec(any::<bool>(), 6), columns in 1usize..6) {
            let mut shape = KeyShape::default();
            prop_assume!(record::parse(&left, left.len() as u64, &mut shape.fields).is_ok());
            shape.settle(&[left.as_slice(), &[0; WORD]].concat(), left.len() as u64);
            let columns = columns.min(shape.fields.len());
            let columns = (0..columns).map(|at| KeyColumn {
                collation: [Collation::Binary, Collation::NoCase, Collation::RTrim][collations[at]].clone(),
                descending: descending[at],
            });
            let order = KeyOrder { columns: columns.collect(), unique: None, fields: shape.fields.len(), ends_in_rowid: false };
            let fields = shape.fields.clone();
            let key = |bytes| Key { fields: &fields, bytes };
            let expected = leaf::compare(&key(&left), &key(&right), &order, Encoding::Utf8);
            for behind in [0, 7, 20] {
                let (left, right) = ([left.as_slice(), &vec![1; behind]].concat(), [right.as_slice(), &vec![2; behind]].concat());
                if let Some(found) = shape.compare(&left, &right, &order) {
                    prop_assert_eq!(found, expected);
                }
            }
            for record in [&left, &right] {
                let header = record::header_length(record).unwrap();
                prop_assert_eq!(shape.is_in_form(record, &order), entry_record::is_in_form(&fields, header, record));
            }
        }
    }

    fn is_of(shape: &KeyShape, record: &[u8], behind: &[u8]) -> bool {
        let rest = [record, behind].concat();
        let (payload, local) = (record.len() as u64, &rest[..record.len()]);
        shape.is_of(&Cell { offset: 0, size: 0, child: 0, rowid: 0, payload, local, rest: &rest, overflow: 0 })
    }

    #[test]
    fn only_the_same_header_is_of_the_shape() {
        let mut shape = KeyShape::default();
        let one = [3, 1, 2, 5, 6, 7, 9, 9];
        record::parse(&one[..6], 6, &mut shape.fields).unwrap();
        assert!(!is_of(&shape, &one[..6], &[9; 9]));
        shape.settle(&one, 6);
        assert!(is_of(&shape, &[3, 1, 2, 8, 8, 8], &[0; 9]));
        assert!(!is_of(&shape, &[3, 2, 1, 5, 6, 7], &[0; 9]));
        assert!(!is_of(&shape, &[3, 1, 2, 5, 6, 7, 8], &[0; 9]));
        assert!(!is_of(&shape, &[3, 1, 2, 8, 8, 8], &[0]));
        shape.forget();
        assert!(!is_of(&shape, &[3, 1, 2, 8, 8, 8], &[0; 9]));
    }
}
