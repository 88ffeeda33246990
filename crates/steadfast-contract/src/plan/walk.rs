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
use crate::scan::{At, Marked, Marks, WINDOW};
use crate::states::{Cursor, Facts, Trie};

/// Containers within containers that the walk follows; deeper records are judged by the slow path, which stops at 128.
const DEPTH: u32 = 100;
/// Branches of applicators tried for one record before the walk gives up.
const BRANCHES: u32 = 20_000;

/// Why a walk stopped. As wide as a place, so that a step comes back in two registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
enum Stop {
    Reject,
    DontKnow,
}

use Stop::{DontKnow, Reject};

/// The place behind the value, or why there is none.
type Step = Result<At, Stop>;

impl Plan {
    /// Walks the record that starts at `from`. `lines`: the record ends with its line; otherwise it ends with the text.
    /// The answer: where it ends, or whether it was rejected.
    #[expect(clippy::too_many_arguments, reason = "the innermost entry: a struct of them would be built per record")]
    pub(crate) fn walk<F: Flaw>(
        &self,
        trie: &Trie,
        marked: Marked<'_>,
        from: At,
        lines: bool,
        facts: &mut Facts,
        scratch: &mut Scratch,
        flaw: F,
    ) -> Result<At, Answer> {
        scratch.keys.clear();
        let text = marked.text;
        let mut walk = Walk { plan: self, trie, text, marked, lines, facts, scratch, depth: 0, branches: 0, flaw };
        let start = walk.space(from);
        match walk.node(self.root, start, trie.root()) {
            Ok(end) => {
                let end = walk.space(end);
                let ended = end.place() >= text.len() || lines && text[end.place()] == b'\n';
                if ended || flaw.makes(Bug::TrailingTextAccepted) { Ok(end) } else { Err(Answer::DontKnow) }
            }
            Err(Reject) => Err(Answer::Reject),
            Err(DontKnow) => Err(Answer::DontKnow),
        }
    }

    /// What the plan alone says of one record; for the campaign, with a bug planted or none.
    pub fn judge<F: Flaw>(&self, record: &[u8], flaw: F) -> Answer {
        let mut marks = Marks::default();
        let Some(marked) = marks.of(self.engine, record) else { return Answer::DontKnow };
        let trie = Trie::nothing();
        match self.walk(&trie, marked, At::START, false, &mut trie.facts(), &mut Scratch::new(self), flaw) {
            Ok(end) => Answer::Accept(end.place()),
            Err(answer) => answer,
        }
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
    style: Style,
}

/// How the writer puts blanks between members, as far as that is looked for: the last one that was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// None: `{"a":1,"b":2}`.
    #[default]
    Close,
    /// One behind each comma and colon: `{"a": 1, "b": 2}`.
    Wide,
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
    fn byte(&self, at: At) -> u8 {
        self.byte_at(at.place())
    }

    #[inline(always)]
    fn byte_at(&self, place: usize) -> u8 {
        match self.text.get(place) {
            Some(byte) => *byte,
            None => 0,
        }
    }

    #[inline(always)]
    fn space(&self, mut at: At) -> At {
        // Nearly always nothing or one blank.
        if self.byte(at) > b' ' {
            return at;
        }
        if self.byte(at) == b' ' {
            at = at.plus(1);
            if self.byte(at) > b' ' {
                return at;
            }
        }
        self.more_space(at)
    }

    #[cold]
    #[inline(never)]
    fn more_space(&self, mut at: At) -> At {
        loop {
            match self.byte(at) {
                b' ' => at = at.plus(1),
                b'\t' | b'\r' => at = at.over(1, 1),
                b'\n' if !self.lines => at = at.over(1, 1),
                _ => return at,
            }
        }
    }

    /// As `node`, for where most values are: what most of them are is told without a call.
    #[inline(always)]
    fn value(&mut self, id: NodeId, from: At, cursor: Cursor) -> Step {
        let plan = self.plan;
        let node = &plan.nodes[id as usize];
        match self.byte(from) {
            b'"' => {
                let end = self.marked.stop(from, 1);
                let bytes = end - from.place() - 1;
                if bytes >= node.sure.0 && bytes <= node.sure.1 && self.byte_at(end) == b'"' {
                    return Ok(from.over(0, 2).to(end + 1));
                }
            }
            b'{' if node.plain && node.kinds & kind::OBJECT != 0 => {
                if let Some(rule) = &node.object {
                    return self.object(rule, from, cursor);
                }
            }
            b'0'..=b'9' if node.plain && node.kinds & kind::NUMBER != 0 => {
                if let Some((whole, end)) = number::short(self.text, from.place()) {
                    let holds = node.number.as_ref().is_none_or(|rule| {
                        let loose = self.flaw.makes(Bug::ExclusiveIncludesItsLimit);
                        number::holds(rule, number::Written::Whole(whole), loose) == Some(true)
                    });
                    return if holds { Ok(from.to(end)) } else { Err(Reject) };
                }
            }
            _ => {}
        }
        self.node(id, from, cursor)
    }

    #[inline]
    fn node(&mut self, id: NodeId, from: At, cursor: Cursor) -> Step {
        let plan = self.plan;
        let node = &plan.nodes[id as usize];
        if node.plain { self.base(node, from, cursor) } else { self.composed(node, from, cursor) }
    }

    /// The rules of the node itself.
    #[inline]
    fn base(&mut self, node: &'a Node, from: At, cursor: Cursor) -> Step {
        match self.byte(from) {
            b'"' if node.kinds & kind::STRING != 0 => match &node.string {
                None => self.string_end(from).map(|string| string.behind),
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

    // Its frame is large: what is inlined into the plain way would carry it.
    #[inline(never)]
    fn composed(&mut self, node: &'a Node, from: At, cursor: Cursor) -> Step {
        let first = kind::of(self.byte(from));
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
    fn branch(&mut self, id: NodeId, from: At, cursor: Cursor) -> Step {
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
    fn applied(&mut self, also: &'a Also, first: u8, from: At, cursor: Cursor) -> Result<Option<At>, Stop> {
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
                let value: serde_json::Value =
                    serde_json::from_slice(&self.text[from.place()..end.place()]).map_err(|_| DontKnow)?;
                let holds = self.flaw.makes(Bug::OfficialJudgeNotAsked) || self.plan.official[*judge].is_valid(&value);
                if holds { Ok(Some(end)) } else { Err(DontKnow) }
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
    fn has_key(&mut self, from: At, name: &[u8]) -> Result<bool, Stop> {
        let mut at = self.space(from.plus(1));
        while self.byte(at) == b'"' {
            let key = self.string_end(at)?;
            if key.escaped {
                return Err(DontKnow);
            }
            if self.text[at.place() + 1..key.end] == *name {
                return Ok(true);
            }
            at = self.space(key.behind);
            if self.byte(at) != b':' {
                return Err(DontKnow);
            }
            let value = self.space(at.plus(1));
            let end = self.branch(ANYTHING, value, Trie::NOWHERE)?;
            at = self.space(end);
            if self.byte(at) == b',' {
                at = self.space(at.plus(1));
            }
        }
        if self.byte(at) == b'}' { Ok(false) } else { Err(DontKnow) }
    }

    fn constant(&mut self, constants: &Constants, from: At, cursor: Cursor) -> Step {
        let first = self.byte(from);
        if kind::of(first) & constants.unknown != 0 {
            return Err(DontKnow);
        }
        let equal = |yes: bool, end: Step| if yes { end } else { Err(Reject) };
        match first {
            b'n' => equal(constants.null, self.word(from, b"null")),
            b't' => equal(constants.yes, self.word(from, b"true")),
            b'f' => equal(constants.no, self.word(from, b"false")),
            b'"' => {
                let string = self.string_end(from)?;
                let inside = &self.text[from.place() + 1..string.end];
                if string.escaped {
                    let mut text = std::mem::take(&mut self.scratch.text);
                    let read = unescape(inside, false, &mut text);
                    let found = constants.strings.iter().any(|known| **known == *text);
                    self.scratch.text = text;
                    read.ok_or(DontKnow)?;
                    return equal(found, Ok(string.behind));
                }
                equal(constants.strings.iter().any(|known| **known == *inside), Ok(string.behind))
            }
            b'-' | b'0'..=b'9' => {
                let (written, end) = number::read(self.text, from.place(), self.flaw).ok_or(DontKnow)?;
                let value = written.value().ok_or(DontKnow)?;
                equal(constants.numbers.contains(&value), Ok(from.to(end)))
            }
            // No equal list or object is known: `unknown` was looked at above.
            b'[' | b'{' => Err(Reject),
            _ => self.node(NOTHING, from, cursor),
        }
    }

    #[inline]
    fn word(&self, from: At, word: &[u8]) -> Step {
        let there = self.text.get(from.place()..).is_some_and(|rest| rest.starts_with(word));
        if there { Ok(from.plus(word.len())) } else { Err(DontKnow) }
    }

    /// The end of the string that begins at `from`.
    #[inline(always)]
    fn string_end(&self, from: At) -> Result<StringEnd, Stop> {
        let end = self.marked.stop(from, 1);
        if self.byte_at(end) == b'"' {
            return Ok(StringEnd { end, escaped: false, behind: from.over(0, 2).to(end + 1) });
        }
        self.string_end_slowly(from)
    }

    #[cold]
    #[inline(never)]
    fn string_end_slowly(&self, from: At) -> Result<StringEnd, Stop> {
        // The stops from here on: the string's quote is the first of them.
        let mut stops = 1;
        let mut escaped = false;
        loop {
            let place = self.marked.stop(from, stops);
            match self.byte_at(place) {
                b'"' => {
                    return Ok(StringEnd { end: place, escaped, behind: from.over(0, stops + 1).to(place + 1) });
                }
                b'\\' => {
                    escaped = true;
                    stops += match self.byte_at(place + 1) {
                        // These are stops themselves.
                        b'"' | b'\\' => 2,
                        b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 1,
                        b'u' => self.unicode_escape(place)?,
                        _ => return Err(DontKnow),
                    };
                }
                byte if byte < 0x20 && place < self.text.len() && self.flaw.makes(Bug::ControlCharacterAccepted) => {
                    stops += 1;
                }
                _ => return Err(DontKnow),
            }
        }
    }

    /// The stops within `\uXXXX`, or within a pair of surrogates: their backslashes.
    fn unicode_escape(&self, place: usize) -> Result<usize, Stop> {
        let unit = self.unit(place)?;
        match unit {
            0xd800..=0xdbff if matches!(self.unit(place + 6), Ok(0xdc00..=0xdfff)) => Ok(2),
            0xd800..=0xdfff if !self.flaw.makes(Bug::LoneSurrogateAccepted) => Err(DontKnow),
            _ => Ok(1),
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
    fn string(&mut self, rule: &'a StringRule, from: At) -> Step {
        if rule.only_one_of
            && let Some(words) = &rule.one_of
        {
            let end = self.marked.stop(from, 1);
            if let Some(behind) = words.behind(self.text, from.over(1, 1), end) {
                return Ok(behind);
            }
            if self.flaw.makes(Bug::EnumWordNotCompared) && words.may_have(self.text, from.place() + 1, end) {
                return self.string_end(from).map(|string| string.behind);
            }
        }
        let string = self.string_end(from)?;
        let start = from.place() + 1;
        let holds = if string.escaped {
            let mut text = std::mem::take(&mut self.scratch.text);
            let lone = self.flaw.makes(Bug::LoneSurrogateAccepted);
            let read = unescape(&self.text[start..string.end], lone, &mut text);
            let holds = self.string_holds(rule, &text, 0, text.len(), true);
            self.scratch.text = text;
            read.ok_or(DontKnow)?;
            holds
        } else {
            self.string_holds(rule, self.text, start, string.end, false)
        };
        if holds { Ok(string.behind) } else { Err(Reject) }
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
            let length = if self.flaw.makes(Bug::LengthInBytes) { bytes } else { code_points(text, start, end) };
            if length < rule.min || length > max {
                return false;
            }
        }
        if let Some(words) = &rule.one_of {
            let begins = || words.texts().iter().any(|known| text[start..end].starts_with(known));
            if !(words.have(&text[start..end]) || self.flaw.makes(Bug::EnumTakesABeginning) && begins()) {
                return false;
            }
        }
        let end = if self.flaw.makes(Bug::PatternSeesOneWindowOnly) { end.min(start + WINDOW) } else { end };
        rule.patterns.is_empty()
            || escaped && self.flaw.makes(Bug::PatternSkippedOnEscapes)
            || rule.patterns.iter().all(|pattern| pattern.matches_within(text, start, end))
    }

    #[inline]
    fn number(&mut self, node: &Node, from: At) -> Step {
        let (written, end) = number::read(self.text, from.place(), self.flaw).ok_or(DontKnow)?;
        let end = from.to(end);
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

    fn array(&mut self, rule: &'a ArrayRule, from: At, cursor: Cursor) -> Step {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(DontKnow);
        }
        let below = self.trie.item(cursor);
        let mut count = 0;
        let mut contained = 0;
        let mut doubt = false;
        let mut starts: Vec<(usize, usize)> = Vec::new();
        let mut at = self.space(from.plus(1));
        if self.byte(at) != b']' {
            loop {
                let node = if count < rule.first.len() { rule.first[count] } else { rule.rest };
                let end = self.value(node, at, below)?;
                if below != Trie::NOWHERE {
                    self.trie.note(below, self.text, at.place(), end.place(), self.facts);
                }
                if rule.unique {
                    starts.push((at.place(), end.place()));
                }
                if let Some(contains) = &rule.contains {
                    match self.branch(contains.node, at, Trie::NOWHERE) {
                        Ok(_) => contained += 1,
                        Err(Reject) => {}
                        Err(DontKnow) => doubt = true,
                    }
                }
                count += 1;
                at = self.space(end);
                match self.byte(at) {
                    b',' => at = self.space(at.plus(1)),
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
        Ok(at.plus(1))
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

/// The end of a string.
struct StringEnd {
    /// The place of its closing quote.
    end: usize,
    /// There is an escape in it.
    escaped: bool,
    behind: At,
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
