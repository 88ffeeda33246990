//! Objects: members by the order that was learnt, known ones by a bit each, unknown ones by what they hash to.

use super::{DEPTH, DontKnow, Flaw, Reject, Step, Stop, Style, Walk};
use crate::plan::bug::Bug;
use crate::plan::text::hash_of_ends;
use crate::plan::{ANYTHING, NOTHING, ObjectRule};
use crate::scan::At;
use crate::states::{Cursor, Trie};

/// Unknown keys of one object that are compared with each other as they come; beyond that they are sorted at its end.
const FEW: usize = 32;

impl<'a, F: Flaw> Walk<'a, F> {
    #[inline]
    pub(super) fn object(&mut self, rule: &'a ObjectRule, from: At, cursor: Cursor) -> Step {
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
        from: At,
        cursor: Cursor,
    ) -> Step {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(DontKnow);
        }
        let watched = WATCHED && cursor != Trie::NOWHERE;
        let mut seen = 0_u64;
        // Props beyond the first 64.
        let mut kept;
        let more_seen: &mut [u64] = if PLAIN {
            &mut []
        } else {
            kept = vec![0; rule.props.len() / 64];
            &mut kept
        };
        let mut unknown = Unknown { from: self.scratch.keys.len(), filter: 0 };
        let mut seen_below = 0;
        let mut count = 0_usize;
        let mut slot = rule.learnt as usize;
        // Behind the brace or behind a member.
        let mut at = from.plus(1);
        let end = loop {
            let member = match self.guess(rule, slot, count > 0, at) {
                Some(member) => member,
                None => match self.member(rule, slot, count > 0, at)? {
                    Some(member) => member,
                    None => break self.space(at).plus(1),
                },
            };
            let key_start = member.key.place() + 1;
            count += 1;
            if !PLAIN && let Some(names) = rule.names {
                self.branch(names, member.key, Trie::NOWHERE)?;
            }
            let mut node = None;
            match member.known {
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
                None => self.remember(&mut unknown, key_start, member.key_end)?,
            }
            let (below, bit) = if watched {
                match member.known {
                    Some(prop) => self.trie.prop(cursor, rule.learnt as usize + prop),
                    None => self.trie.member(cursor, &self.text[key_start..member.key_end]),
                }
            } else {
                (Trie::NOWHERE, 0)
            };
            seen_below |= bit;
            let mut end = None;
            if !PLAIN {
                for (pattern, node) in &rule.patterns {
                    if pattern.matches_within(self.text, key_start, member.key_end) {
                        end = Some(self.branch(*node, member.value, below)?);
                    }
                }
            }
            at = match (node, end) {
                (Some(node), _) => self.value(node, member.value, below)?,
                (None, Some(end)) => end,
                (None, None) if rule.additional == NOTHING => {
                    if !self.flaw.makes(Bug::AdditionalAccepted) {
                        return Err(Reject);
                    }
                    self.node(ANYTHING, member.value, below)?
                }
                (None, None) => self.value(rule.additional, member.value, below)?,
            };
            if below != Trie::NOWHERE {
                self.trie.note(below, self.text, member.value.place(), at.place(), self.facts);
            }
        };
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
        Ok(end)
    }

    /// The member that followed this one the last time, written as the last ones were.
    #[inline(always)]
    fn guess(&self, rule: &ObjectRule, slot: usize, later: bool, at: At) -> Option<Member> {
        let expected = *self.scratch.successors.get(slot)? as usize;
        let prop = rule.props.get(expected)?;
        let style = self.scratch.style;
        let (needles, before) = if later { (&prop.next, 1 + style as usize) } else { (&prop.first, 0) };
        let value = needles[style as usize].behind(self.text, at)?;
        // A blank too many is rare, but it may stand there.
        let value = if self.byte(value) > b' ' { value } else { self.space(value) };
        let key = at.plus(before);
        Some(Member { known: Some(expected), key, key_end: key.place() + 1 + prop.name.len(), value })
    }

    /// The next member, whichever it is; `None` at the end of the object.
    #[inline(always)]
    fn member(&mut self, rule: &ObjectRule, slot: usize, later: bool, at: At) -> Result<Option<Member>, Stop> {
        let at = self.space(at);
        match (self.byte(at), later) {
            (b'}', _) => Ok(None),
            (b',', true) => self.key(rule, slot, at.plus(1)).map(Some),
            (b'"', false) => self.key(rule, slot, at).map(Some),
            _ => Err(DontKnow),
        }
    }

    /// The member whose key is the next that stands at `from`.
    fn key(&mut self, rule: &ObjectRule, slot: usize, from: At) -> Result<Member, Stop> {
        let key = self.space(from);
        if self.byte(key) != b'"' {
            return Err(DontKnow);
        }
        let string = self.string_end(key)?;
        if string.escaped && !self.flaw.makes(Bug::EscapedKeyTakenLiterally) {
            return Err(DontKnow);
        }
        let colon = self.space(string.behind);
        if self.byte(colon) != b':' {
            return Err(DontKnow);
        }
        let value = self.space(colon.plus(1));
        let known = find(rule, &self.text[key.place() + 1..string.end]);
        // Writers keep an order and a style: what came here now is what comes here next time.
        if let Some(prop) = known {
            if let Some(successor) = self.scratch.successors.get_mut(slot) {
                *successor = prop as u32;
            }
            self.scratch.style = if value == colon.plus(1) { Style::Close } else { Style::Wide };
        }
        Ok(Member { known, key, key_end: string.end, value })
    }

    /// Notes an unknown key; two equal ones are for the official judge to report.
    #[inline]
    fn remember(&mut self, unknown: &mut Unknown, start: usize, end: usize) -> Result<(), Stop> {
        let text = self.text;
        let hash = hash_of_ends(text, start, end);
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

/// A member of the object that is walked.
struct Member {
    /// Which of the rule's props it is.
    known: Option<usize>,
    /// The opening quote of its key, and the place of the closing one.
    key: At,
    key_end: usize,
    value: At,
}

/// The unknown keys of an open object.
struct Unknown {
    /// Where they begin among the keys of all open objects.
    from: usize,
    /// A bit for each of them, by hash: most keys are seen to be new by this alone.
    filter: u64,
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
