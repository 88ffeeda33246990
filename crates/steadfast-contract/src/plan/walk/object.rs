//! Objects: members by the order that was learnt, known ones by a bit each, unknown ones by what they hash to.

use super::{DEPTH, DontKnow, Flaw, Reject, Step, Stop, Walk};
use crate::plan::bug::Bug;
use crate::plan::{ANYTHING, NOTHING, ObjectRule};
use crate::scan::eight;
use crate::states::{Cursor, Trie};

/// Unknown keys of one object that are compared with each other as they come; beyond that they are sorted at its end.
const FEW: usize = 32;

impl<'a, F: Flaw> Walk<'a, F> {
    #[inline]
    pub(super) fn object(&mut self, rule: &'a ObjectRule, from: usize, cursor: Cursor) -> Step {
        match (rule.plain, cursor == Trie::NOWHERE) {
            (true, true) => self.members::<true, false>(rule, from, cursor),
            (true, false) => self.members::<true, true>(rule, from, cursor),
            (false, _) => self.members::<false, true>(rule, from, cursor),
        }
    }

    /// `PLAIN`: the rule is. `WATCHED`: something below may be watched. Nearly all objects are the one and not the other.
    fn members<const PLAIN: bool, const WATCHED: bool>(
        &mut self,
        rule: &'a ObjectRule,
        from: usize,
        cursor: Cursor,
    ) -> Step {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(DontKnow);
        }
        let watched = WATCHED && cursor != Trie::NOWHERE;
        let mut seen = 0_u64;
        // Props beyond the first 64.
        let mut more_seen = if PLAIN { Vec::new() } else { vec![0_u64; rule.props.len() / 64] };
        let mut unknown = Unknown { from: self.scratch.keys.len(), filter: 0 };
        let mut seen_below = 0;
        let mut count = 0_usize;
        let mut slot = rule.learnt as usize;
        let mut place = self.space(from + 1);
        if self.at(place) != b'}' {
            loop {
                let (known, key_end, value) = match self.guess(rule, slot, place) {
                    Some((prop, behind)) => (Some(prop), behind - 2, self.space(behind)),
                    None => self.key(rule, slot, place)?,
                };
                let key_start = place + 1;
                count += 1;
                if !PLAIN && let Some(names) = rule.names {
                    self.branch(names, place, Trie::NOWHERE)?;
                }
                let mut node = None;
                match known {
                    Some(prop) => {
                        let bit = 1_u64 << (prop % 64);
                        let word = if PLAIN || prop < 64 { &mut seen } else { &mut more_seen[prop / 64 - 1] };
                        if *word & bit != 0 && !self.flaw.makes(Bug::KnownDuplicateUnseen) {
                            return Err(DontKnow);
                        }
                        *word |= bit;
                        slot = rule.learnt as usize + prop + 1;
                        node = rule.props[prop].node;
                    }
                    None => self.remember(&mut unknown, key_start, key_end)?,
                }
                let (below, bit) =
                    if watched { self.trie.member(cursor, &self.text[key_start..key_end]) } else { (Trie::NOWHERE, 0) };
                seen_below |= bit;
                let mut end = None;
                if let Some(node) = node {
                    end = Some(self.node(node, value, below)?);
                }
                if !PLAIN {
                    for (pattern, node) in &rule.patterns {
                        if pattern.matches_within(self.text, key_start, key_end) {
                            end = Some(self.branch(*node, value, below)?);
                        }
                    }
                }
                let end = match end {
                    Some(end) => end,
                    None if rule.additional == NOTHING && !self.flaw.makes(Bug::AdditionalAccepted) => {
                        return Err(Reject);
                    }
                    None if rule.additional == NOTHING => self.node(ANYTHING, value, below)?,
                    None => self.node(rule.additional, value, below)?,
                };
                if below != Trie::NOWHERE {
                    self.trie.note(below, self.text, value, end, self.facts);
                }
                place = self.space(end);
                match self.at(place) {
                    b',' => place = self.space(place + 1),
                    b'}' => break,
                    _ => return Err(DontKnow),
                }
            }
        }
        self.depth -= 1;
        self.forget(&unknown)?;
        if watched {
            self.trie.note_absent(cursor, seen_below, self.facts);
        }
        let has = |prop: usize| {
            let word = if prop < 64 { seen } else { more_seen[prop / 64 - 1] };
            word >> (prop % 64) & 1 == 1
        };
        let required = |word: usize| rule.required.get(word).copied().unwrap_or_default();
        let mut missing = required(0) & !seen != 0;
        if !PLAIN {
            missing |= more_seen.iter().enumerate().any(|(word, seen)| required(word + 1) & !seen != 0);
        }
        if missing && !self.flaw.makes(Bug::RequiredForgotten) || count < rule.min || count > rule.max {
            return Err(Reject);
        }
        let depends = |(first, others): &(u32, Vec<u32>)| {
            has(*first as usize) && !others.iter().all(|other| has(*other as usize))
        };
        if !PLAIN && rule.dependent.iter().any(depends) {
            return Err(Reject);
        }
        Ok(place + 1)
    }

    /// The member that followed this one the last time, and the place behind its colon.
    #[inline(always)]
    fn guess(&self, rule: &ObjectRule, slot: usize, place: usize) -> Option<(usize, usize)> {
        let expected = *self.scratch.successors.get(slot)? as usize;
        let next = rule.props.get(expected)?;
        next.needle.is_at(self.text, place).then(|| (expected, place + next.needle.len()))
    }

    /// The member that starts at `place`, whichever it is: its number if it is known, the place of its key's closing
    /// quote, and the place of its value.
    #[inline(never)]
    fn key(&mut self, rule: &ObjectRule, slot: usize, place: usize) -> Result<(Option<usize>, usize, usize), Stop> {
        if self.at(place) != b'"' {
            return Err(DontKnow);
        }
        let (end, escaped) = self.string_end(place)?;
        if escaped && !self.flaw.makes(Bug::EscapedKeyTakenLiterally) {
            return Err(DontKnow);
        }
        let colon = self.space(end + 1);
        if self.at(colon) != b':' {
            return Err(DontKnow);
        }
        let known = find(rule, &self.text[place + 1..end]);
        // Writers keep an order: what came here now is what comes here next time.
        if let Some(prop) = known
            && let Some(successor) = self.scratch.successors.get_mut(slot)
        {
            *successor = prop as u32;
        }
        Ok((known, end, self.space(colon + 1)))
    }

    /// Notes an unknown key; two equal ones are for the official judge to report.
    #[inline]
    fn remember(&mut self, unknown: &mut Unknown, start: usize, end: usize) -> Result<(), Stop> {
        let text = self.text;
        let hash = quick_hash(text, start, end);
        let bit = 1 << (hash >> 58);
        if unknown.filter & bit != 0 {
            let keys = &self.scratch.keys[unknown.from..];
            let twice = keys.len() <= FEW
                && keys.iter().any(|(known, from, to)| *known == hash && text[*from..*to] == text[start..end]);
            if twice && !self.flaw.makes(Bug::UnknownDuplicateUnseen) {
                return Err(DontKnow);
            }
        }
        unknown.filter |= bit;
        self.scratch.keys.push((hash, start, end));
        Ok(())
    }

    /// Looks for equal keys among many unknown ones, and forgets them all.
    #[inline]
    fn forget(&mut self, unknown: &Unknown) -> Result<(), Stop> {
        if unknown.filter == 0 {
            return Ok(());
        }
        let text = self.text;
        let keys = &mut self.scratch.keys[unknown.from..];
        if keys.len() > FEW {
            keys.sort_unstable_by(|one, other| {
                one.0.cmp(&other.0).then_with(|| text[one.1..one.2].cmp(&text[other.1..other.2]))
            });
            let twice = keys
                .windows(2)
                .any(|pair| pair[0].0 == pair[1].0 && text[pair[0].1..pair[0].2] == text[pair[1].1..pair[1].2]);
            if twice && !self.flaw.makes(Bug::UnknownDuplicateUnseen) {
                return Err(DontKnow);
            }
        }
        self.scratch.keys.truncate(unknown.from);
        Ok(())
    }
}

/// The unknown keys of an open object.
struct Unknown {
    /// Where they begin among the keys of all open objects.
    from: usize,
    /// A bit for each of them, by hash: most keys are seen to be new by this alone.
    filter: u64,
}

/// Length, first and last eight bytes: equal keys have equal ones.
#[inline(always)]
fn quick_hash(text: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    let (head, tail) = if length >= 8 {
        (eight(text, start), eight(text, end - 8))
    } else {
        (eight(text, start) & ((1 << (8 * length)) - 1), 0)
    };
    (head ^ tail.rotate_left(29) ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline]
fn find(rule: &ObjectRule, key: &[u8]) -> Option<usize> {
    if rule.index.is_empty() {
        return rule.props.iter().position(|prop| *prop.name == *key);
    }
    let hash = xxhash_rust::xxh3::xxh3_64(key);
    let first = rule.index.partition_point(|(known, _)| *known < hash);
    rule.index[first..]
        .iter()
        .take_while(|(known, _)| *known == hash)
        .map(|(_, place)| *place as usize)
        .find(|place| *rule.props[*place].name == *key)
}
