//! One JSON array, however long: its items are the records, and only a block of them is held.

use crate::read::oversized::{self, Piece};
use crate::read::source::Source;
use crate::read::{Block, Blocks, Fault, Reading, Sort, Unit};

pub(crate) struct Array {
    source: Source,
    tail: Vec<u8>,
    offset: u64,
    stretch: u32,
    block: usize,
    max_record: usize,
    state: State,
    /// An item that is longer than is judged passes by in pieces: how far it was looked through.
    passing: Option<Within>,
}

/// Where a scan for an item's end stands.
#[derive(Debug, Clone, Copy, Default)]
struct Within {
    depth: usize,
    in_text: bool,
    /// The last byte was a backslash in a text.
    escaped: bool,
    /// A text that is the whole item ends with its quote.
    is_text: bool,
    /// Something of it was seen.
    has_begun: bool,
}

impl Within {
    /// Where the item ends within `text`, one past its last byte; `None` if it goes on.
    fn end(&mut self, text: &[u8]) -> Option<usize> {
        for (at, byte) in text.iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_text = false;
                        if self.depth == 0 && self.is_text {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => {
                    self.in_text = true;
                    self.is_text = !self.has_begun;
                }
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' if self.depth == 0 => return Some(at),
                b']' | b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b',' if self.depth == 0 => return Some(at),
                _ => {}
            }
            self.has_begun = true;
        }
        None
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeTheBracket,
    /// An item must follow, or, at the start, the closing bracket.
    BeforeAnItem {
        first: bool,
    },
    AfterAnItem,
    Closed,
    Over,
}

impl Array {
    pub(crate) fn new(source: Source, reading: &Reading) -> Array {
        Array {
            offset: source.skipped,
            source,
            tail: Vec::new(),
            stretch: 0,
            block: reading.block,
            max_record: reading.max_record,
            state: State::BeforeTheBracket,
            passing: None,
        }
    }

    /// The next piece of an item that is longer than is judged; what stands behind it waits for the next block.
    fn pass(&mut self, mut within: Within, first: bool, block: &mut Block) -> Result<bool, Fault> {
        let piece = oversized::piece(&mut self.source, self.block, first, block, |text| within.end(text))?;
        self.offset += block.bytes.len() as u64;
        match piece {
            Piece::Inside => self.passing = Some(within),
            Piece::Last(behind) => {
                self.tail = behind;
                self.state = State::AfterAnItem;
            }
            // The item, and with it the array, is cut short.
            Piece::CutShort => self.state = State::BeforeAnItem { first: false },
        }
        Ok(true)
    }
}

impl Blocks for Array {
    fn next(&mut self, block: &mut Block) -> Result<bool, Fault> {
        block.bytes.clear();
        if self.state == State::Over {
            return Ok(false);
        }
        block.bytes.append(&mut self.tail);
        block.offset = self.offset;
        block.stretch = self.stretch;
        block.last = false;
        self.stretch += 1;
        if let Some(within) = self.passing.take() {
            return self.pass(within, false, block);
        }
        let mut units = Vec::new();
        let mut size = self.block;
        let used = loop {
            let wanted = size.saturating_sub(block.bytes.len()).max(1);
            let end_of_input = self.source.read(&mut block.bytes, wanted)? < wanted;
            match self.items(&block.bytes, end_of_input, &mut units) {
                Ok(used) if end_of_input || used > 0 => {
                    if end_of_input {
                        self.state = State::Over;
                        block.last = true;
                    }
                    break used;
                }
                Ok(_) if size > self.max_record && matches!(self.state, State::BeforeAnItem { .. }) => {
                    return self.pass(Within::default(), true, block);
                }
                Ok(_) => size *= 2,
                Err((at, what)) => {
                    self.state = State::Over;
                    block.last = true;
                    let cut = what.is_empty();
                    let line = memchr::memchr_iter(b'\n', &block.bytes[..at]).count() as u64;
                    let fault = (!cut).then(|| what.to_owned());
                    units.push(Unit {
                        start: at,
                        end: block.bytes.len().min(if cut { usize::MAX } else { at + 40 }),
                        row: None,
                        line,
                        offset: self.offset + at as u64,
                        fault,
                    });
                    break block.bytes.len();
                }
            }
        };
        self.tail.extend_from_slice(&block.bytes[used..]);
        block.bytes.truncate(used);
        self.offset += used as u64;
        block.sort = Sort::Units(units);
        Ok(true)
    }

    fn changed(&self) -> Option<String> {
        self.source.changed()
    }
}

impl Array {
    /// Finds the items that end within `text`; the answer is how much of it they use up. The error is where the array
    /// is no array; an empty message: it is cut short.
    fn items(
        &mut self,
        text: &[u8],
        end_of_input: bool,
        units: &mut Vec<Unit>,
    ) -> Result<usize, (usize, &'static str)> {
        let mut at = 0;
        let (mut line, mut counted) = (0, 0);
        loop {
            while text.get(at).is_some_and(u8::is_ascii_whitespace) {
                at += 1;
            }
            let Some(byte) = text.get(at) else {
                return match self.state {
                    State::Closed => Ok(at),
                    _ if end_of_input => Err((at, "")),
                    _ => Ok(at),
                };
            };
            match (self.state, byte) {
                (State::BeforeTheBracket, b'[') => {
                    self.state = State::BeforeAnItem { first: true };
                    at += 1;
                }
                (State::BeforeTheBracket, _) => return Err((at, "a JSON array begins with [")),
                (State::BeforeAnItem { first: true } | State::AfterAnItem, b']') => {
                    self.state = State::Closed;
                    at += 1;
                }
                (State::BeforeAnItem { .. }, b']' | b',') => return Err((at, "an item is missing in the array")),
                (State::BeforeAnItem { .. }, _) => match item_end(text, at) {
                    Some(end) if end < text.len() || end_of_input => {
                        line += memchr::memchr_iter(b'\n', &text[counted..at]).count() as u64;
                        counted = at;
                        units.push(Unit {
                            start: at,
                            end,
                            row: None,
                            line,
                            offset: self.offset + at as u64,
                            fault: None,
                        });
                        at = end;
                        self.state = State::AfterAnItem;
                    }
                    _ if end_of_input => return Err((at, "")),
                    _ => return Ok(at),
                },
                (State::AfterAnItem, b',') => {
                    self.state = State::BeforeAnItem { first: false };
                    at += 1;
                }
                (State::AfterAnItem, _) => return Err((at, "a comma or ] is missing in the array")),
                (State::Closed | State::Over, _) => return Err((at, "text behind the array")),
            }
        }
    }
}

/// Where the value that starts at `at` ends, going by brackets and quotes.
fn item_end(text: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut place = at;
    while place < text.len() {
        match text[place] {
            b'"' => {
                place += 1;
                loop {
                    place += memchr::memchr2(b'"', b'\\', text.get(place..)?)?;
                    if text[place] == b'"' {
                        break;
                    }
                    place += 2;
                }
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth <= 1 => {
                return Some(if depth == 0 { place } else { place + 1 });
            }
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => return Some(place),
            _ => {}
        }
        place += 1;
        if depth == 0 && text[at] == b'"' {
            return Some(place);
        }
    }
    (depth == 0).then_some(place)
}
