//! What is hashed of an index entry: an injective, prefix-free sequence of words over (tree, per column: class, length,
//! value). Numbers go in by value, so that a REAL stored as an integer and any width of the same integer agree.
//!
//! First word: the tree (32 bits) and the classes of the first ten columns (three bits each, 0 ends the list). Columns
//! beyond come in further words of twenty-one classes. Then, column by column: nothing for NULL, one word for a number,
//! the length and the bytes (zero-filled to whole words) for text and blobs. The classes tell how many words follow a
//! column, the length tells how many words hold it, so no sequence is the start of another and each is read in one way.

use crate::record::Value;
use crate::siphash::{Key, Sip};

const FIRST: usize = 10;
const FURTHER: usize = 21;

/// Hashes an entry of `tree`, given as the values of its columns in index order.
#[inline]
pub(crate) fn hash(key: Key, tree: u32, values: &[Value<'_>]) -> u128 {
    let mut sip = Sip::new(key);
    let mut first = u64::from(tree);
    for (index, value) in values.iter().take(FIRST).enumerate() {
        first |= class(value) << (32 + 3 * index);
    }
    sip.word(first);
    if values.len() >= FIRST {
        further_classes(&mut sip, &values[FIRST..]);
    }
    for value in values {
        match value {
            Value::Null => {}
            Value::Integer(value) => sip.word(*value as u64),
            Value::Real(value) => sip.word(match whole(*value) {
                Some(integer) => integer as u64,
                None => value.to_bits(),
            }),
            Value::Text(bytes) | Value::Blob(bytes) => {
                sip.word(bytes.len() as u64);
                sip.bytes(bytes);
            }
        }
    }
    sip.finish()
}

/// At ten columns and more, further words follow until one is not full.
fn further_classes(sip: &mut Sip, values: &[Value<'_>]) {
    let mut rest = values;
    loop {
        let (now, later) = rest.split_at(rest.len().min(FURTHER));
        sip.word(now.iter().enumerate().fold(0, |word, (index, value)| word | (class(value) << (3 * index))));
        if now.len() < FURTHER {
            return;
        }
        rest = later;
    }
}

#[inline]
fn class(value: &Value<'_>) -> u64 {
    match value {
        Value::Null => 1,
        Value::Integer(_) => 2,
        Value::Real(value) => {
            if whole(*value).is_some() {
                2
            } else {
                3
            }
        }
        Value::Text(_) => 4,
        Value::Blob(_) => 5,
    }
}

/// The integer that a real equals, if there is one: 5.0, and -0.0 for 0.
#[inline]
fn whole(value: f64) -> Option<i64> {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    (fits && value.trunc() == value).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { k0: 1, k1: 2 };

    fn check(left: &[Value<'_>], right: &[Value<'_>]) -> bool {
        hash(KEY, 3, left) == hash(KEY, 3, right)
    }

    #[test]
    fn equal_numbers_agree_whatever_their_storage() {
        assert!(check(&[Value::Real(5.0)], &[Value::Integer(5)]));
        assert!(check(&[Value::Real(-0.0)], &[Value::Integer(0)]));
        assert!(!check(&[Value::Real(5.5)], &[Value::Integer(5)]));
        assert!(!check(&[Value::Real(f64::from_bits(5))], &[Value::Integer(5)]));
    }

    #[test]
    fn class_length_column_and_tree_each_count() {
        assert!(!check(&[Value::Text(b"a")], &[Value::Blob(b"a")]));
        assert!(!check(&[Value::Text(b"a")], &[Value::Text(b"a\0")]));
        assert!(!check(&[Value::Null, Value::Integer(1)], &[Value::Integer(1), Value::Null]));
        assert!(!check(&[Value::Text(b"ab"), Value::Text(b"")], &[Value::Text(b"a"), Value::Text(b"b")]));
        assert_ne!(hash(KEY, 3, &[Value::Null]), hash(KEY, 4, &[Value::Null]));
        let many: Vec<Value<'_>> = (0..31).map(|_| Value::Null).collect();
        let mut hashes: Vec<u128> = (0..=many.len()).map(|n| hash(KEY, 3, &many[..n])).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 32);
    }
}
