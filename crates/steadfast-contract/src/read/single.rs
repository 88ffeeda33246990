//! One JSON value: the record.

use crate::read::source::Source;
use crate::read::{Block, Blocks, Fault, Reading, Sort, Unit};

pub(crate) struct Single {
    source: Source,
    max_record: usize,
    pieces: u32,
    oversized: bool,
    finished: bool,
}

impl Single {
    pub(crate) fn new(source: Source, reading: &Reading) -> Single {
        Single { source, max_record: reading.max_record, pieces: 0, oversized: false, finished: false }
    }
}

impl Blocks for Single {
    fn next(&mut self, block: &mut Block) -> Result<bool, Fault> {
        block.bytes.clear();
        if self.finished {
            return Ok(false);
        }
        let got = self.source.read(&mut block.bytes, self.max_record.saturating_add(1))?;
        block.stretch = self.pieces;
        self.pieces += 1;
        block.offset = self.source.skipped;
        if got > self.max_record || self.oversized {
            let first = !self.oversized;
            self.oversized = true;
            self.finished = got <= self.max_record;
            block.last = self.finished;
            block.sort = Sort::Oversized { first, last: self.finished };
            return Ok(true);
        }
        self.finished = true;
        block.last = true;
        let blank = block.bytes.trim_ascii().is_empty();
        let unit =
            Unit { start: 0, end: block.bytes.len(), row: None, line: 0, offset: self.source.skipped, fault: None };
        block.sort = Sort::Units(if blank { Vec::new() } else { vec![unit] });
        Ok(true)
    }

    fn changed(&self) -> Option<String> {
        self.source.changed()
    }
}
