//! The walk: one pass over the bytes of a record. Nothing is allocated while the record is plain and valid.
//!
//! Two things are always exact. A `Reject` is the schema's verdict on a value that is well-formed up to where the walk
//! gave up, so `not`, `oneOf`, `if` and `contains` may count on it. And an accepting walk has seen every byte of the
//! value: its syntax is JSON and no object in it has two equal keys. Whatever is in doubt is `DontKnow`, which nothing
//! turns into a verdict.

use crate::plan::bug::{Bug, Flaw};
use crate::plan::number::{self, Written};
use crate::plan::text::{code_points, unescape};
use crate::plan::{
    ANYTHING, Also, Answer, ArrayRule, Constants, NOTHING, Node, NodeId, ObjectRule, Plan, StringRule, kind,
};
use crate::scan::goes_on_with;
use crate::states::{Cursor, Facts, Trie};

/// Containers within containers that the walk follows; deeper records are judged by the slow path, which stops at 128.
const DEPTH: u32 = 100;
/// Branches of applicators tried for one record before the walk gives up.
const BRANCHES: u32 = 20_000;

/// Why a walk stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Reject,
    DontKnow,
}

use Stop::{DontKnow, Reject};

/// The offset behind the value, or why there is none.
type Step = Result<usize, Stop>;

impl Plan {
    /// Walks the record that starts at `from`. `lines`: the record ends with its line; otherwise it ends with the text.
    ///
    /// The text must be valid UTF-8: the walk does not look again.
    #[expect(clippy::too_many_arguments, reason = "the innermost entry: a struct of them would be built per record")]
    pub(crate) fn walk<F: Flaw>(
        &self,
        trie: &Trie,
        text: &[u8],
        from: usize,
        lines: bool,
        facts: &mut Facts,
        scratch: &mut Scratch,
        flaw: F,
    ) -> Answer {
        scratch.keys.clear();
        let mut walk = Walk { plan: self, trie, text, lines, facts, scratch, depth: 0, branches: 0, flaw };
        let start = walk.space(from);
        match walk.node(self.root, start, trie.root()) {
            Ok(end) => {
                let end = walk.space(end);
                if end >= text.len() || lines && text[end] == b'\n' || flaw.makes(Bug::TrailingTextAccepted) {
                    Answer::Accept(end)
                } else {
                    Answer::DontKnow
                }
            }
            Err(Reject) => Answer::Reject,
            Err(DontKnow) => Answer::DontKnow,
        }
    }

    /// What the plan alone says of one record; for the campaign, with a bug planted or none.
    pub fn judge<F: Flaw>(&self, record: &[u8], flaw: F) -> Answer {
        if simdutf8::basic::from_utf8(record).is_err() {
            return Answer::DontKnow;
        }
        let trie = Trie::nothing();
        self.walk(&trie, record, 0, false, &mut trie.facts(), &mut Scratch::new(self), flaw)
    }
}

impl Plan {
    /// A branch that does not allow this kind rejects, and need not be walked.
    #[inline]
    fn could_be(&self, id: NodeId, first: u8) -> bool {
        self.nodes[id as usize].kinds & first != 0
    }
}

/// Buffers that live longer than a record.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    text: Vec<u8>,
    /// (hash, start, end) of the unknown keys of the open objects.
    keys: Vec<(u64, usize, usize)>,
    /// Which member followed which, the last time: writers keep an order.
    successors: Vec<u32>,
}

impl Scratch {
    pub(crate) fn new(plan: &Plan) -> Scratch {
        Scratch { successors: vec![0; plan.successors], ..Scratch::default() }
    }
}

struct Walk<'a, F> {
    plan: &'a Plan,
    trie: &'a Trie,
    text: &'a [u8],
    lines: bool,
    facts: &'a mut Facts,
    scratch: &'a mut Scratch,
    depth: u32,
    branches: u32,
    flaw: F,
}

impl<'a, F: Flaw> Walk<'a, F> {
    #[inline(always)]
    fn at(&self, place: usize) -> u8 {
        match self.text.get(place) {
            Some(byte) => *byte,
            None => 0,
        }
    }

    #[inline(always)]
    fn space(&self, mut place: usize) -> usize {
        // Nearly always nothing or one blank.
        if self.at(place) > b' ' {
            return place;
        }
        loop {
            match self.at(place) {
                b' ' | b'\t' | b'\r' => place += 1,
                b'\n' if !self.lines => place += 1,
                _ => return place,
            }
        }
    }

    #[inline]
    fn node(&mut self, id: NodeId, from: usize, cursor: Cursor) -> Step {
        let plan = self.plan;
        let node = &plan.nodes[id as usize];
        if node.plain { self.base(node, from, cursor) } else { self.composed(node, from, cursor) }
    }

    /// The rules of the node itself.
    #[inline]
    fn base(&mut self, node: &'a Node, from: usize, cursor: Cursor) -> Step {
        match self.at(from) {
            b'"' if node.kinds & kind::STRING != 0 => match &node.string {
                None => self.string_end(from).map(|(end, _)| end + 1),
                Some(rule) => self.string(rule, from),
            },
            b'{' if node.kinds & kind::OBJECT != 0 => match &node.object {
                None => self.object(&ANY_OBJECT, from, cursor),
                Some(rule) => self.object(rule, from, cursor),
            },
            b'[' if node.kinds & kind::ARRAY != 0 => match &node.array {
                None => self.array(&ANY_ARRAY, from, cursor),
                Some(rule) => self.array(rule, from, cursor),
            },
            b'-' | b'0'..=b'9' if node.kinds & kind::NUMBER != 0 => self.number(node, from),
            b'n' if node.kinds & kind::NULL != 0 => self.word(from, b"null"),
            b't' if node.kinds & kind::BOOL != 0 => self.word(from, b"true"),
            b'f' if node.kinds & kind::BOOL != 0 => self.word(from, b"false"),
            first if kind::of(first) != 0 => Err(Reject),
            _ => Err(DontKnow),
        }
    }

    fn composed(&mut self, node: &'a Node, from: usize, cursor: Cursor) -> Step {
        let first = kind::of(self.at(from));
        if first & node.kinds == 0 {
            return Err(if first == 0 { DontKnow } else { Reject });
        }
        let mut end = None;
        let mut doubt = false;
        if !node.open {
            match self.base(node, from, cursor) {
                Ok(behind) => end = Some(behind),
                Err(Reject) => return Err(Reject),
                Err(DontKnow) => doubt = true,
            }
        }
        for constants in &node.constants {
            match self.constant(constants, from, cursor) {
                Ok(behind) => end = Some(behind),
                Err(Reject) => return Err(Reject),
                Err(DontKnow) => doubt = true,
            }
        }
        for also in &node.also {
            match self.applied(also, first, from, cursor) {
                Ok(behind) => end = behind.or(end),
                Err(Reject) => return Err(Reject),
                Err(DontKnow) => doubt = true,
            }
        }
        match end {
            _ if doubt => Err(DontKnow),
            Some(end) => Ok(end),
            None => self.node(ANYTHING, from, cursor),
        }
    }

    /// One branch of an applicator, counted.
    fn branch(&mut self, id: NodeId, from: usize, cursor: Cursor) -> Step {
        self.branches += 1;
        if self.branches > BRANCHES {
            return Err(DontKnow);
        }
        let (keys, depth) = (self.scratch.keys.len(), self.depth);
        let step = self.node(id, from, cursor);
        // A branch that stopped midway leaves its open objects behind.
        self.scratch.keys.truncate(keys);
        self.depth = depth;
        step
    }

    /// `Some`: the applicator holds and has seen the whole value. `None`: it holds.
    fn applied(&mut self, also: &'a Also, first: u8, from: usize, cursor: Cursor) -> Result<Option<usize>, Stop> {
        match also {
            Also::All(id) => self.branch(*id, from, cursor).map(Some),
            Also::Any(branches) => {
                let (mut doubt, plan) = (false, self.plan);
                for id in branches.iter().filter(|id| plan.could_be(**id, first)) {
                    match self.branch(*id, from, cursor) {
                        Ok(end) => return Ok(Some(end)),
                        Err(Reject) => {}
                        Err(DontKnow) => doubt = true,
                    }
                }
                Err(if doubt { DontKnow } else { Reject })
            }
            Also::One { branches, disjoint } => {
                let (mut end, mut doubt, plan) = (None, false, self.plan);
                for id in branches.iter().filter(|id| plan.could_be(**id, first)) {
                    match self.branch(*id, from, cursor) {
                        Ok(behind) => {
                            if *disjoint || self.flaw.makes(Bug::OneOfStopsAtTheFirst) {
                                return Ok(Some(behind));
                            }
                            if end.is_some() {
                                return Err(Reject);
                            }
                            end = Some(behind);
                        }
                        Err(Reject) => {}
                        Err(DontKnow) => doubt = true,
                    }
                }
                match end {
                    _ if doubt => Err(DontKnow),
                    Some(end) => Ok(Some(end)),
                    None => Err(Reject),
                }
            }
            Also::Not(id) => match self.branch(*id, from, Trie::NOWHERE) {
                Ok(_) => Err(Reject),
                Err(Reject) => Ok(None),
                Err(DontKnow) if self.flaw.makes(Bug::NotTakesUnknownForNo) => Ok(None),
                Err(DontKnow) => Err(DontKnow),
            },
            Also::If { condition, then, otherwise } => {
                let next = match self.branch(*condition, from, cursor) {
                    Ok(_) => *then,
                    Err(Reject) => *otherwise,
                    Err(DontKnow) => return Err(DontKnow),
                };
                if next == ANYTHING { Ok(None) } else { self.branch(next, from, cursor).map(Some) }
            }
            Also::Dependent(name, id) => {
                if first != kind::OBJECT || !self.has_key(from, name)? {
                    return Ok(None);
                }
                self.branch(*id, from, cursor).map(Some)
            }
            Also::Official(kinds, judge) => {
                if first & kinds == 0 {
                    return Ok(None);
                }
                let end = self.branch(ANYTHING, from, cursor)?;
                let value: serde_json::Value = serde_json::from_slice(&self.text[from..end]).map_err(|_| DontKnow)?;
                if self.plan.official[*judge].is_valid(&value) { Ok(Some(end)) } else { Err(DontKnow) }
            }
            Also::Unknown(kinds) => {
                if first & kinds == 0 {
                    Ok(None)
                } else {
                    Err(DontKnow)
                }
            }
        }
    }

    /// Whether the object at `from` has the key.
    fn has_key(&mut self, from: usize, name: &[u8]) -> Result<bool, Stop> {
        let mut place = self.space(from + 1);
        while self.at(place) == b'"' {
            let (end, escaped) = self.string_end(place)?;
            if escaped {
                return Err(DontKnow);
            }
            if self.text[place + 1..end] == *name {
                return Ok(true);
            }
            place = self.space(end + 1);
            if self.at(place) != b':' {
                return Err(DontKnow);
            }
            let value = self.space(place + 1);
            let end = self.branch(ANYTHING, value, Trie::NOWHERE)?;
            place = self.space(end);
            if self.at(place) == b',' {
                place = self.space(place + 1);
            }
        }
        if self.at(place) == b'}' { Ok(false) } else { Err(DontKnow) }
    }

    fn constant(&mut self, constants: &Constants, from: usize, cursor: Cursor) -> Step {
        let first = self.at(from);
        if kind::of(first) & constants.unknown != 0 {
            return Err(DontKnow);
        }
        let equal = |yes: bool, end: Step| if yes { end } else { Err(Reject) };
        match first {
            b'n' => equal(constants.null, self.word(from, b"null")),
            b't' => equal(constants.yes, self.word(from, b"true")),
            b'f' => equal(constants.no, self.word(from, b"false")),
            b'"' => {
                let (end, escaped) = self.string_end(from)?;
                if escaped {
                    let mut text = std::mem::take(&mut self.scratch.text);
                    let read = unescape(&self.text[from + 1..end], false, &mut text);
                    let found = constants.strings.iter().any(|known| **known == *text);
                    self.scratch.text = text;
                    read.ok_or(DontKnow)?;
                    return equal(found, Ok(end + 1));
                }
                let text = &self.text[from + 1..end];
                equal(constants.strings.iter().any(|known| **known == *text), Ok(end + 1))
            }
            b'-' | b'0'..=b'9' => {
                let (written, end) = self.digits(from)?;
                let value = match written {
                    Written::Whole(value) => value as f64,
                    Written::Decimal { value, .. } => value,
                    Written::LongWhole | Written::Odd => return Err(DontKnow),
                };
                equal(constants.numbers.contains(&value), Ok(end))
            }
            // No equal list or object is known: `unknown` was looked at above.
            b'[' | b'{' => Err(Reject),
            _ => self.node(NOTHING, from, cursor),
        }
    }

    #[inline]
    fn word(&self, from: usize, word: &[u8]) -> Step {
        if self.text.get(from..from + word.len()) == Some(word) { Ok(from + word.len()) } else { Err(DontKnow) }
    }

    /// The place of the closing quote, and whether there is an escape before it.
    #[inline]
    fn string_end(&self, from: usize) -> Result<(usize, bool), Stop> {
        let end = self.plan.engine.plain_end(self.text, from + 1);
        if self.at(end) == b'"' { Ok((end, false)) } else { self.string_end_slowly(end) }
    }

    #[inline(never)]
    fn string_end_slowly(&self, mut place: usize) -> Result<(usize, bool), Stop> {
        let mut escaped = false;
        loop {
            match self.at(place) {
                b'"' => return Ok((place, escaped)),
                b'\\' => {
                    escaped = true;
                    match self.at(place + 1) {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => place += 2,
                        b'u' => place = self.unicode_escape(place)?,
                        _ => return Err(DontKnow),
                    }
                }
                byte if byte < 0x20 && place < self.text.len() && self.flaw.makes(Bug::ControlCharacterAccepted) => {
                    place += 1;
                }
                _ => return Err(DontKnow),
            }
            place = self.plan.engine.plain_end(self.text, place);
        }
    }

    /// The place behind `\uXXXX`, or behind a pair of surrogates.
    fn unicode_escape(&self, place: usize) -> Step {
        let unit = self.unit(place)?;
        match unit {
            0xd800..=0xdbff if matches!(self.unit(place + 6), Ok(0xdc00..=0xdfff)) => Ok(place + 12),
            0xd800..=0xdfff if !self.flaw.makes(Bug::LoneSurrogateAccepted) => Err(DontKnow),
            _ => Ok(place + 6),
        }
    }

    fn unit(&self, place: usize) -> Result<u32, Stop> {
        match self.text.get(place..place + 6) {
            Some([b'\\', b'u', digits @ ..]) if digits.iter().all(u8::is_ascii_hexdigit) => {
                Ok(digits.iter().fold(0, |sum, digit| sum << 4 | (*digit as char).to_digit(16).unwrap_or(0)))
            }
            _ => Err(DontKnow),
        }
    }

    #[inline]
    fn string(&mut self, rule: &'a StringRule, from: usize) -> Step {
        if let Some(one_of) = &rule.one_of
            && let Some(needle) = one_of.iter().find(|needle| goes_on_with(self.text, from + 1, needle))
            && rule.patterns.is_empty()
            && rule.min == 0
            && rule.max == usize::MAX
        {
            return Ok(from + 1 + needle.len());
        }
        let (end, escaped) = self.string_end(from)?;
        let holds = if escaped {
            let mut text = std::mem::take(&mut self.scratch.text);
            let lone = self.flaw.makes(Bug::LoneSurrogateAccepted);
            let read = unescape(&self.text[from + 1..end], lone, &mut text);
            let holds = self.string_holds(rule, &text, true);
            self.scratch.text = text;
            read.ok_or(DontKnow)?;
            holds
        } else {
            self.string_holds(rule, &self.text[from + 1..end], false)
        };
        match holds {
            Some(true) => Ok(end + 1),
            Some(false) => Err(Reject),
            None => Err(DontKnow),
        }
    }

    #[inline]
    fn string_holds(&self, rule: &StringRule, text: &[u8], escaped: bool) -> Option<bool> {
        let max = rule.max.saturating_add(usize::from(self.flaw.makes(Bug::MaxLengthOffByOne)));
        // A code point has one to four bytes: most lengths need no count.
        if text.len() < rule.min {
            return Some(false);
        }
        if (text.len() > max || text.len() < rule.min.saturating_mul(4)) && !(rule.min <= 1 && max == usize::MAX) {
            let length = if self.flaw.makes(Bug::LengthInBytes) { text.len() } else { code_points(text) };
            if length < rule.min || length > max {
                return Some(false);
            }
        }
        if rule.one_of.is_some() && !rule.one_of_text.iter().any(|known| **known == *text) {
            return Some(false);
        }
        if rule.patterns.is_empty() || escaped && self.flaw.makes(Bug::PatternSkippedOnEscapes) {
            return Some(true);
        }
        let text = std::str::from_utf8(text).ok()?;
        Some(rule.patterns.iter().all(|pattern| pattern.matches(text)))
    }

    #[inline]
    fn number(&mut self, node: &Node, from: usize) -> Step {
        let (written, end) = self.digits(from)?;
        if node.integer {
            match written {
                Written::Whole(_) | Written::LongWhole | Written::Decimal { whole: true, .. } => {}
                Written::Decimal { whole: false, .. } if self.flaw.makes(Bug::FractionIsInteger) => {}
                Written::Decimal { whole: false, .. } => return Err(Reject),
                Written::Odd => return Err(DontKnow),
            }
        }
        match &node.number {
            None => Ok(end),
            Some(rule) => match number::holds(rule, written, self.flaw.makes(Bug::ExclusiveIncludesItsLimit)) {
                Some(true) => Ok(end),
                Some(false) => Err(Reject),
                None => Err(DontKnow),
            },
        }
    }

    #[inline]
    fn digits(&self, from: usize) -> Result<(Written, usize), Stop> {
        let negative = self.at(from) == b'-';
        let start = from + usize::from(negative);
        let mut place = start;
        let mut value: u64 = 0;
        while let digit @ b'0'..=b'9' = self.at(place) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            place += 1;
        }
        let whole_digits = place - start;
        if whole_digits == 0 || whole_digits > 1 && self.at(start) == b'0' && !self.flaw.makes(Bug::LeadingZeroAccepted)
        {
            return Err(DontKnow);
        }
        match self.at(place) {
            b'.' | b'e' | b'E' => self.fraction(negative, whole_digits, value, place),
            _ if whole_digits <= 15 => {
                let value = value as i64;
                Ok((Written::Whole(if negative { -value } else { value }), place))
            }
            // serde_json reads up to 1.8e308 as a float.
            _ if whole_digits <= 300 => Ok((Written::LongWhole, place)),
            _ => Err(DontKnow),
        }
    }

    #[inline]
    fn fraction(
        &self,
        negative: bool,
        whole_digits: usize,
        mut value: u64,
        mut place: usize,
    ) -> Result<(Written, usize), Stop> {
        let mut decimals = 0;
        if self.at(place) == b'.' {
            let start = place + 1;
            place = start;
            while let digit @ b'0'..=b'9' = self.at(place) {
                value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
                place += 1;
            }
            decimals = place - start;
            if decimals == 0 {
                return Err(DontKnow);
            }
        }
        if let b'e' | b'E' = self.at(place) {
            place += 1;
            if let b'+' | b'-' = self.at(place) {
                place += 1;
            }
            let start = place;
            let mut exponent = 0_u32;
            while let digit @ b'0'..=b'9' = self.at(place) {
                exponent = exponent.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
                place += 1;
            }
            let huge = exponent > 200 || whole_digits > 50;
            if place == start || huge && !self.flaw.makes(Bug::HugeExponentAccepted) {
                return Err(DontKnow);
            }
            return Ok((Written::Odd, place));
        }
        if whole_digits + decimals > 15 {
            return if whole_digits <= 300 { Ok((Written::Odd, place)) } else { Err(DontKnow) };
        }
        let tens = number::TENS[decimals];
        let magnitude = value as f64 / tens;
        let written = Written::Decimal {
            value: if negative { -magnitude } else { magnitude },
            whole: value.is_multiple_of(10_u64.pow(decimals as u32)),
        };
        Ok((written, place))
    }

    fn array(&mut self, rule: &'a ArrayRule, from: usize, cursor: Cursor) -> Step {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(DontKnow);
        }
        let below = self.trie.item(cursor);
        let mut count = 0;
        let mut contained = 0;
        let mut doubt = false;
        let mut starts: Vec<(usize, usize)> = Vec::new();
        let mut place = self.space(from + 1);
        if self.at(place) != b']' {
            loop {
                let node = if count < rule.first.len() { rule.first[count] } else { rule.rest };
                let end = self.node(node, place, below)?;
                if below != Trie::NOWHERE {
                    self.trie.note(below, self.text, place, end, self.facts);
                }
                if rule.unique {
                    starts.push((place, end));
                }
                if let Some(contains) = &rule.contains {
                    match self.branch(contains.node, place, Trie::NOWHERE) {
                        Ok(_) => contained += 1,
                        Err(Reject) => {}
                        Err(DontKnow) => doubt = true,
                    }
                }
                count += 1;
                place = self.space(end);
                match self.at(place) {
                    b',' => place = self.space(place + 1),
                    b']' => break,
                    _ => return Err(DontKnow),
                }
            }
        }
        self.depth -= 1;
        if count < rule.min && !self.flaw.makes(Bug::MinItemsForgotten) || count > rule.max {
            return Err(Reject);
        }
        if let Some(contains) = &rule.contains {
            if doubt {
                return Err(DontKnow);
            }
            if contained < contains.min || contained > contains.max {
                return Err(Reject);
            }
        }
        if rule.unique && count > 1 {
            self.unique(&starts)?;
        }
        Ok(place + 1)
    }

    /// Scalars that are written alike are equal, and the ones looked at here are equal only then.
    #[inline(never)]
    fn unique(&self, places: &[(usize, usize)]) -> Result<(), Stop> {
        let mut items: Vec<&[u8]> = places.iter().map(|(start, end)| &self.text[*start..*end]).collect();
        let plain = |item: &&[u8]| match item[0] {
            b'"' => !item.contains(&b'\\'),
            b'n' | b't' | b'f' => true,
            b'0'..=b'9' => item.len() <= 15 && item.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        if !items.iter().all(plain) {
            return Err(DontKnow);
        }
        items.sort_unstable();
        if items.windows(2).any(|pair| pair[0] == pair[1]) { Err(Reject) } else { Ok(()) }
    }

    fn object(&mut self, rule: &'a ObjectRule, from: usize, cursor: Cursor) -> Step {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(DontKnow);
        }
        let mut few = [0_u64; 4];
        let mut many = Vec::new();
        let words = rule.props.len().div_ceil(64);
        let seen: &mut [u64] = if words <= 4 {
            &mut few
        } else {
            many.resize(words, 0);
            &mut many
        };
        let unknown_from = self.scratch.keys.len();
        let mut crowd = None;
        let mut seen_below = 0;
        let mut count = 0_usize;
        let mut slot = rule.learnt as usize;
        let mut place = self.space(from + 1);
        if self.at(place) != b'}' {
            loop {
                if self.at(place) != b'"' {
                    return Err(DontKnow);
                }
                let key_start = place + 1;
                let (known, key_end, value) = match self.guess(rule, slot, place) {
                    Some((prop, behind)) => (Some(prop), behind - 2, self.space(behind)),
                    None => {
                        let (end, escaped) = self.string_end(place)?;
                        if escaped && !self.flaw.makes(Bug::EscapedKeyTakenLiterally) {
                            return Err(DontKnow);
                        }
                        let colon = self.space(end + 1);
                        if self.at(colon) != b':' {
                            return Err(DontKnow);
                        }
                        (find(rule, &self.text[key_start..end]), end, self.space(colon + 1))
                    }
                };
                count += 1;
                if let Some(names) = rule.names {
                    self.branch(names, place, Trie::NOWHERE)?;
                }
                let mut node = None;
                match known {
                    Some(prop) => {
                        let bit = 1_u64 << (prop % 64);
                        let word = &mut seen[prop / 64];
                        if *word & bit != 0 && !self.flaw.makes(Bug::KnownDuplicateUnseen) {
                            return Err(DontKnow);
                        }
                        *word |= bit;
                        self.learn(rule, slot, prop);
                        slot = rule.learnt as usize + prop + 1;
                        node = rule.props[prop].node;
                    }
                    None => self.remember(unknown_from, key_start, key_end, &mut crowd)?,
                }
                let (below, bit) = if cursor == Trie::NOWHERE {
                    (Trie::NOWHERE, 0)
                } else {
                    self.trie.member(cursor, &self.text[key_start..key_end])
                };
                seen_below |= bit;
                let mut end = None;
                if let Some(node) = node {
                    end = Some(self.node(node, value, below)?);
                }
                for (pattern, node) in &rule.patterns {
                    let key = std::str::from_utf8(&self.text[key_start..key_end]).map_err(|_| DontKnow)?;
                    if pattern.matches(key) {
                        end = Some(self.branch(*node, value, below)?);
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
        self.scratch.keys.truncate(unknown_from);
        if cursor != Trie::NOWHERE {
            self.trie.note_absent(cursor, seen_below, self.facts);
        }
        let missing = rule.required.iter().zip(seen.iter()).any(|(required, seen)| required & !seen != 0);
        if missing && !self.flaw.makes(Bug::RequiredForgotten) || count < rule.min || count > rule.max {
            return Err(Reject);
        }
        let has = |prop: u32| seen[prop as usize / 64] >> (prop % 64) & 1 == 1;
        if rule.dependent.iter().any(|(first, others)| has(*first) && !others.iter().all(|other| has(*other))) {
            return Err(Reject);
        }
        Ok(place + 1)
    }

    /// The member that followed this one the last time, or the one behind it in the schema.
    #[inline(always)]
    fn guess(&self, rule: &ObjectRule, slot: usize, place: usize) -> Option<(usize, usize)> {
        let expected = *self.scratch.successors.get(slot)? as usize;
        let next = rule.props.get(expected)?;
        if goes_on_with(self.text, place, &next.needle) {
            return Some((expected, place + next.needle.len()));
        }
        let after = rule.props.get(expected + 1)?;
        goes_on_with(self.text, place, &after.needle).then(|| (expected + 1, place + after.needle.len()))
    }

    /// Notes which member came here, and guesses that the one behind it in the schema comes next where nothing is known.
    #[inline(always)]
    fn learn(&mut self, rule: &ObjectRule, slot: usize, prop: usize) {
        if let Some(known) = self.scratch.successors.get_mut(slot)
            && *known as usize != prop
        {
            *known = prop as u32;
        }
        let next = rule.learnt as usize + prop + 1;
        if let Some(next) = self.scratch.successors.get_mut(next)
            && *next == 0
        {
            *next = prop as u32 + 1;
        }
    }

    /// Notes an unknown key; two equal ones are for the official judge to report.
    fn remember(
        &mut self,
        unknown_from: usize,
        start: usize,
        end: usize,
        crowd: &mut Option<std::collections::HashSet<&'a [u8]>>,
    ) -> Result<(), Stop> {
        let text = self.text;
        let key = &text[start..end];
        if let Some(crowd) = crowd {
            return if crowd.insert(key) || self.flaw.makes(Bug::UnknownDuplicateUnseen) {
                Ok(())
            } else {
                Err(DontKnow)
            };
        }
        let hash = quick_hash(key);
        let keys = &self.scratch.keys[unknown_from..];
        let twice = keys.iter().any(|(known, from, to)| *known == hash && text[*from..*to] == *key);
        if twice && !self.flaw.makes(Bug::UnknownDuplicateUnseen) {
            return Err(DontKnow);
        }
        if keys.len() >= 32 {
            *crowd = Some(keys.iter().map(|(_, from, to)| &text[*from..*to]).chain([key]).collect());
            return Ok(());
        }
        self.scratch.keys.push((hash, start, end));
        Ok(())
    }
}

/// Length, first and last eight bytes: equal keys have equal ones.
#[inline(always)]
fn quick_hash(key: &[u8]) -> u64 {
    let eight = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let (head, tail) = if key.len() <= 8 { (eight(key), 0) } else { (eight(&key[..8]), eight(&key[key.len() - 8..])) };
    (head ^ tail.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key.len() as u64
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

static ANY_OBJECT: ObjectRule = ObjectRule {
    props: Vec::new(),
    learnt: 0,
    index: Vec::new(),
    required: Vec::new(),
    patterns: Vec::new(),
    additional: ANYTHING,
    names: None,
    min: 0,
    max: usize::MAX,
    dependent: Vec::new(),
};

static ANY_ARRAY: ArrayRule =
    ArrayRule { first: Vec::new(), rest: ANYTHING, min: 0, max: usize::MAX, unique: false, contains: None };
