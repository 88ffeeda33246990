//! The words of an `enum`, found by what their first and last bytes hash to: which of them stands in a record is no
//! guess, and a hundred of them take no longer than one.

use crate::plan::text::hash_of_ends;
use crate::scan::{At, Needle};

/// Some texts.
#[derive(Debug)]
pub(crate) struct Words {
    /// By slot.
    texts: Vec<Box<[u8]>>,
    /// How each stands in a record, with its closing quote.
    needles: Vec<Needle>,
    /// The first of each slot, and behind the last slot how many there are.
    starts: Vec<u32>,
    /// The slot of a hash is what is left of it.
    shift: u32,
}

/// Slots are doubled so many times to keep words apart.
const DOUBLED: u32 = 4;

impl Words {
    /// `needle`: how a text stands in a record, with its closing quote.
    pub(crate) fn new(mut texts: Vec<Box<[u8]>>, needle: impl Fn(&[u8]) -> Needle) -> Words {
        texts.sort_unstable();
        texts.dedup();
        let hash = |text: &[u8]| hash_of_ends(text, 0, text.len());
        let least = texts.len().max(2).next_power_of_two().trailing_zeros();
        let apart = |shift: &u32| {
            let mut slots: Vec<u64> = texts.iter().map(|text| hash(text) >> shift).collect();
            slots.sort_unstable();
            slots.windows(2).all(|pair| pair[0] != pair[1])
        };
        let most = 64 - (least + DOUBLED).min(32);
        let shift = (most..=64 - least).rev().find(apart).unwrap_or(most);
        texts.sort_by_key(|text| hash(text) >> shift);
        let slots = 1_u64 << (64 - shift);
        let starts = (0..=slots).map(|slot| texts.partition_point(|text| hash(text) >> shift < slot) as u32).collect();
        let needles = texts.iter().map(|text| needle(text)).collect();
        Words { texts, needles, starts, shift }
    }

    pub(crate) fn texts(&self) -> &[Box<[u8]>] {
        &self.texts
    }

    /// Whether the text is one of them.
    pub(crate) fn have(&self, text: &[u8]) -> bool {
        self.slot(text, 0, text.len()).any(|word| *self.texts[word] == *text)
    }

    /// The place behind the string of `text` whose inside is from here to `end`, if it is written as one of them.
    #[inline(always)]
    pub(crate) fn behind(&self, text: &[u8], from: At, end: usize) -> Option<At> {
        self.slot(text, from.place(), end).find_map(|word| self.needles[word].behind(text, from))
    }

    /// Whether one of them may have the hash of what stands there: for the walk that is wrong on purpose.
    pub(crate) fn may_have(&self, text: &[u8], start: usize, end: usize) -> bool {
        !self.slot(text, start, end).is_empty()
    }

    #[inline(always)]
    fn slot(&self, text: &[u8], start: usize, end: usize) -> std::ops::Range<usize> {
        let slot = (hash_of_ends(text, start, end) >> self.shift) as usize;
        self.starts[slot] as usize..self.starts[slot + 1] as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(words: &[&str], others: &[&str]) {
        let quoted = |text: &[u8]| Needle::new(&[text, b"\""].concat());
        let known = Words::new(words.iter().map(|word| word.as_bytes().into()).collect(), quoted);
        for (text, is) in words.iter().map(|word| (word, true)).chain(others.iter().map(|word| (word, false))) {
            let record = format!("\"{text}\", and more of the record");
            let from = At::START.over(1, 1);
            let behind = is.then(|| from.over(text.len() + 1, 1));
            assert_eq!(known.have(text.as_bytes()), is, "{text}");
            assert_eq!(known.behind(record.as_bytes(), from, text.len() + 1), behind, "{text}");
        }
    }

    #[test]
    fn a_word_is_found_and_nothing_else_is() {
        check(&["red", "green", "blue", ""], &["re", "reds", "green ", "x"]);
        check(&[], &["", "x"]);
        check(&["the only one"], &["the other one"]);
    }

    #[test]
    fn words_with_equal_ends_and_lengths_are_told_apart() {
        check(&["beginning-1-with an end", "beginning-2-with an end"], &["beginning-3-with an end"]);
    }

    proptest! {
        #[test]
        fn many_words_are_found(
            words in proptest::collection::btree_set("[a-c]{0,20}", 0..200),
            others in proptest::collection::vec("[a-c]{0,20}", 0..50),
        ) {
            let others: Vec<&str> = others.iter().filter(|word| !words.contains(*word)).map(String::as_str).collect();
            check(&words.iter().map(String::as_str).collect::<Vec<_>>(), &others);
        }
    }
}
