//! The walk: one pass over the bytes of a record. Nothing is allocated while the record is plain and valid.
//!
//! Two things are always exact. A `Reject` is the schema's verdict on a value that is well-formed up to where the walk
//! gave up, so `not`, `oneOf`, `if` and `contains` may count on it. And an accepting walk has seen every byte of the
//! value: its syntax is JSON and no object in it has two equal keys. Whatever is in doubt is `DontKnow`, which nothing
//! turns into a verdict.

mod object;

use crate::plan::bug::{Bug, Flaw};
use crate::plan::number;
use crate::plan::text::{code_points, unescape};
use crate::plan::{
    ANYTHING, Also, Answer, ArrayRule, Constants, NOTHING, Node, NodeId, ObjectRule, Plan, StringRule, kind,
};
use crate::scan::{Marked, Marks};
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
    #[expect(clippy::too_many_arguments, reason = "the innermost entry: a struct of them would be built per record")]
    pub(crate) fn walk<F: Flaw>(
        &self,
        trie: &Trie,
        marked: Marked<'_>,
        from: usize,
        lines: bool,
        facts: &mut Facts,
        scratch: &mut Scratch,
        flaw: F,
    ) -> Answer {
        scratch.keys.clear();
        let text = marked.text;
        let mut walk = Walk { plan: self, trie, text, marked, lines, facts, scratch, depth: 0, branches: 0, flaw };
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
        let mut marks = Marks::default();
        let Some(marked) = marks.of(self.engine, record) else { return Answer::DontKnow };
        let trie = Trie::nothing();
        self.walk(&trie, marked, 0, false, &mut trie.facts(), &mut Scratch::new(self), flaw)
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
        Scratch { successors: plan.successors.clone(), ..Scratch::default() }
    }
}

struct Walk<'a, F> {
    plan: &'a Plan,
    trie: &'a Trie,
    text: &'a [u8],
    marked: Marked<'a>,
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
        if self.at(place) == b' ' {
            place += 1;
            if self.at(place) > b' ' {
                return place;
            }
        }
        self.more_space(place)
    }

    #[cold]
    #[inline(never)]
    fn more_space(&self, mut place: usize) -> usize {
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
                let (written, end) = number::read(self.text, from, self.flaw).ok_or(DontKnow)?;
                let value = written.value().ok_or(DontKnow)?;
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
        let end = self.marked.next(from + 1);
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
            place = self.marked.next(place);
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
        if rule.only_one_of
            && let Some(needle) = rule.one_of.iter().flatten().find(|needle| needle.is_at(self.text, from + 1))
        {
            return Ok(from + 1 + needle.len());
        }
        let (end, escaped) = self.string_end(from)?;
        let holds = if escaped {
            let mut text = std::mem::take(&mut self.scratch.text);
            let lone = self.flaw.makes(Bug::LoneSurrogateAccepted);
            let read = unescape(&self.text[from + 1..end], lone, &mut text);
            let holds = self.string_holds(rule, &text, 0, text.len(), true);
            self.scratch.text = text;
            read.ok_or(DontKnow)?;
            holds
        } else {
            self.string_holds(rule, self.text, from + 1, end, false)
        };
        if holds { Ok(end + 1) } else { Err(Reject) }
    }

    /// The string without escapes is `text` from `start` to `end`.
    #[inline]
    fn string_holds(&self, rule: &StringRule, text: &[u8], start: usize, end: usize, escaped: bool) -> bool {
        let max = rule.max.saturating_add(usize::from(self.flaw.makes(Bug::MaxLengthOffByOne)));
        // A code point has one to four bytes: most lengths need no count.
        let bytes = end - start;
        if bytes < rule.min {
            return false;
        }
        if (bytes > max || bytes < rule.min.saturating_mul(4)) && !(rule.min <= 1 && max == usize::MAX) {
            let length = if self.flaw.makes(Bug::LengthInBytes) { bytes } else { code_points(&text[start..end]) };
            if length < rule.min || length > max {
                return false;
            }
        }
        if rule.one_of.is_some() && !rule.one_of_text.iter().any(|known| **known == text[start..end]) {
            return false;
        }
        rule.patterns.is_empty()
            || escaped && self.flaw.makes(Bug::PatternSkippedOnEscapes)
            || rule.patterns.iter().all(|pattern| pattern.matches_within(text, start, end))
    }

    #[inline]
    fn number(&mut self, node: &Node, from: usize) -> Step {
        let (written, end) = number::read(self.text, from, self.flaw).ok_or(DontKnow)?;
        if node.integer && !self.flaw.makes(Bug::FractionIsInteger) {
            match written.is_whole() {
                Some(true) => {}
                Some(false) => return Err(Reject),
                None => return Err(DontKnow),
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
}

static ANY_OBJECT: ObjectRule = ObjectRule {
    props: Vec::new(),
    plain: true,
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
