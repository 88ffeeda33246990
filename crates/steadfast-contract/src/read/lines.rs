//! JSON lines. A block ends with a line; a line that is longer than is judged is passed on in pieces.

use crate::read::source::Source;
use crate::read::{Block, Blocks, Fault, Reading, Sort};

pub(crate) struct Lines {
    source: Source,
    tail: Vec<u8>,
    /// Bytes of the input before `tail`.
    offset: u64,
    stretch: u32,
    block: usize,
    max_record: usize,
    /// Records that start at or after this byte belong to another part.
    until: Option<u64>,
    oversized: bool,
    finished: bool,
    /// Why there is no more: told after the lines before the damage.
    broken: Option<Fault>,
}

impl Lines {
    pub(crate) fn new(source: Source, reading: &Reading) -> Lines {
        Lines {
            offset: source.skipped,
            source,
            tail: Vec::new(),
            stretch: 0,
            block: reading.block,
            max_record: reading.max_record,
            until: None,
            oversized: false,
            finished: false,
            broken: None,
        }
    }

    /// Part `part` of `parts`, from 1: the records whose first byte is in it.
    pub(crate) fn part(mut source: Source, reading: &Reading, part: u32, parts: u32) -> Result<Lines, Fault> {
        let size = source.size().ok_or_else(|| {
            Fault::Usage(format!("{}: --part needs a plain file that can be read from any place", source.name))
        })?;
        let edge = |which: u32| (u128::from(size) * u128::from(which) / u128::from(parts)) as u64;
        let (mut start, end) = (edge(part - 1), edge(part));
        let skipped = source.skipped;
        if start > skipped {
            // The record that holds the byte before belongs to the part before.
            start -= 1;
            source.seek(start)?;
            loop {
                let mut piece = Vec::new();
                if source.read(&mut piece, 64 << 10)? == 0 {
                    start = size;
                    break;
                }
                if let Some(found) = memchr::memchr(b'\n', &piece) {
                    start += found as u64 + 1;
                    break;
                }
                start += piece.len() as u64;
            }
            source.seek(start)?;
        } else {
            start = skipped;
        }
        let mut lines = Lines::new(source, reading);
        lines.offset = start;
        lines.until = Some(end);
        lines.finished = start >= end;
        Ok(lines)
    }
}

impl Blocks for Lines {
    fn next(&mut self, block: &mut Block) -> Result<bool, Fault> {
        block.bytes.clear();
        if let Some(fault) = self.broken.take() {
            return Err(fault);
        }
        if self.finished {
            return Ok(false);
        }
        block.bytes.append(&mut self.tail);
        block.offset = self.offset;
        block.stretch = self.stretch;
        block.last = false;
        self.stretch += 1;
        let mut searched = 0;
        loop {
            let wanted = self.block.saturating_sub(block.bytes.len()).max(self.block / 2);
            let got = match self.source.read(&mut block.bytes, wanted) {
                Ok(got) => got,
                // The whole lines before the damage are judged.
                Err(fault) => match memchr::memrchr(b'\n', &block.bytes) {
                    Some(end) if !self.oversized => {
                        block.bytes.truncate(end + 1);
                        block.sort = Sort::Lines;
                        self.broken = Some(fault);
                        return Ok(true);
                    }
                    Some(_) | None => return Err(fault),
                },
            };
            let end_of_input = got < wanted;
            // A part ends with the record that holds its last byte.
            if let Some(until) = self.until
                && self.offset + block.bytes.len() as u64 >= until
            {
                let last = (until - 1 - self.offset) as usize;
                if let Some(found) = memchr::memchr(b'\n', &block.bytes[last..]) {
                    block.bytes.truncate(last + found + 1);
                    self.finished = true;
                    block.last = true;
                    break;
                }
            }
            let complete = memchr::memrchr(b'\n', &block.bytes[searched..]).map(|at| searched + at + 1);
            let cut_by_part = self.until.is_some_and(|until| self.offset + block.bytes.len() as u64 >= until);
            match complete {
                Some(end) if !cut_by_part || self.oversized => {
                    self.tail.extend_from_slice(&block.bytes[end..]);
                    block.bytes.truncate(end);
                }
                _ if end_of_input => {}
                // More than is judged, and no end of the line in sight.
                None if block.bytes.len() > self.max_record || self.oversized => {
                    let first = !self.oversized;
                    self.oversized = true;
                    self.offset += block.bytes.len() as u64;
                    block.sort = Sort::Oversized { first, last: false };
                    return Ok(true);
                }
                _ => {
                    searched = if complete.is_some() { searched } else { block.bytes.len() };
                    continue;
                }
            }
            if end_of_input && self.tail.is_empty() {
                self.finished = true;
                block.last = true;
            }
            break;
        }
        block.sort = Sort::Lines;
        if self.oversized {
            // The rest of the long line; whole lines behind it wait for the next block.
            let end = memchr::memchr(b'\n', &block.bytes).map_or(block.bytes.len(), |at| at + 1);
            if end < block.bytes.len() {
                let mut later = block.bytes.split_off(end);
                later.append(&mut self.tail);
                self.tail = later;
                self.finished = false;
                block.last = false;
            }
            self.oversized = false;
            block.sort = Sort::Oversized { first: false, last: true };
        }
        self.offset += block.bytes.len() as u64;
        Ok(!block.bytes.is_empty())
    }

    fn changed(&self) -> Option<String> {
        self.source.changed()
    }
}
