//! CSV (RFC 4180) with a header. A row becomes a JSON object: cells are read by the types that the contract gives
//! their columns, and what an empty cell means has to be said where the contract distinguishes.

use serde_json::Value;

use crate::contract::Contract;
use crate::read::oversized::{self, Piece};
use crate::read::source::Source;
use crate::read::{Block, Blocks, Fault, Reading, Sort, Unit};
use crate::states::{Path, Step};

/// What an empty cell means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// `null`.
    Null,
    /// The member is not there.
    Absent,
    /// `""`.
    String,
}

pub(crate) struct Csv {
    source: Source,
    tail: Vec<u8>,
    offset: u64,
    line: u64,
    stretch: u32,
    block: usize,
    max_record: usize,
    header: Vec<u8>,
    columns: Vec<Column>,
    /// A row that is longer than is judged passes by in pieces: how far it was looked through.
    passing: Option<Within>,
    finished: bool,
}

/// Where a scan for a row's end stands, as [`row_end`] goes.
#[derive(Debug, Clone, Copy)]
struct Within {
    quoted: bool,
    /// A quote within quotes: the next byte says what it was.
    closing: bool,
    before: u8,
}

impl Within {
    /// At the beginning of a row.
    fn new() -> Within {
        Within { quoted: false, closing: false, before: b',' }
    }

    /// Behind the row's line end, if it ends within `text`.
    fn end(&mut self, text: &[u8]) -> Option<usize> {
        for (at, byte) in text.iter().enumerate() {
            if self.quoted && self.closing {
                self.closing = false;
                if *byte == b'"' {
                    continue;
                }
                self.quoted = false;
                self.before = b'"';
            }
            match byte {
                b'"' if self.quoted => self.closing = true,
                _ if self.quoted => {}
                b'\n' => return Some(at + 1),
                b'"' if self.before == b',' => self.quoted = true,
                _ => {}
            }
            self.before = *byte;
        }
        None
    }
}

struct Column {
    name: String,
    /// `"name":`, as JSON.
    key: Vec<u8>,
    number: bool,
    boolean: bool,
    container: bool,
    /// `None`: it has to be said.
    empty: Option<Empty>,
}

impl Csv {
    pub(crate) fn new(mut source: Source, reading: &Reading, contract: &Contract) -> Result<Csv, Fault> {
        let mut tail = Vec::new();
        let name = source.name.clone();
        let usage = |what: String| Fault::Usage(format!("{name}: {what}"));
        let header = loop {
            let got = source.read(&mut tail, reading.block)?;
            match row_end(&tail, 0, got < reading.block) {
                RowEnd::At(end) => break end,
                RowEnd::CutShort | RowEnd::More if got < reading.block => {
                    let why = "there is no header, so there is nothing to judge: the first row names the columns";
                    return Err(Fault::Unreadable(format!("{name}: {why}")));
                }
                RowEnd::CutShort | RowEnd::More if tail.len() > reading.max_record => {
                    let why =
                        "the header does not end within the longest record that is judged: is it CSV, is a quote open?";
                    return Err(Fault::Unreadable(format!("{name}: {why} (--max-record)")));
                }
                RowEnd::CutShort | RowEnd::More => {}
            }
        };
        let names = cells(&tail[..header])
            .map_err(|what| usage(format!("the header: {what}")))?
            .into_iter()
            .map(|cell| String::from_utf8(cell.text).map_err(|_| usage("the header is not UTF-8".to_owned())))
            .collect::<Result<Vec<String>, Fault>>()?;
        for (place, name) in names.iter().enumerate() {
            if names[..place].contains(name) {
                return Err(usage(format!("two columns are called \"{name}\"")));
            }
        }
        let columns = names.into_iter().map(|name| Column::new(name, contract, reading.csv_empty)).collect();
        let rest = tail.split_off(header);
        Ok(Csv {
            offset: source.skipped + header as u64,
            line: memchr::memchr_iter(b'\n', &tail).count() as u64,
            source,
            tail: rest,
            stretch: 0,
            block: reading.block,
            max_record: reading.max_record,
            header: tail,
            columns,
            passing: None,
            finished: false,
        })
    }

    /// The next piece of a row that is longer than is judged; what stands behind it waits for the next block.
    fn pass(&mut self, mut within: Within, first: bool, block: &mut Block) -> Result<bool, Fault> {
        std::mem::swap(&mut block.bytes, &mut block.rows);
        block.rows.clear();
        let piece = oversized::piece(&mut self.source, self.block, first, block, |text| within.end(text))?;
        self.offset += block.bytes.len() as u64;
        match piece {
            Piece::Inside => self.passing = Some(within),
            Piece::Last(behind) => self.tail = behind,
            Piece::CutShort => {}
        }
        Ok(true)
    }

    fn translate(&self, row: &[u8], line: u64, out: &mut Vec<u8>) -> Result<Option<String>, Fault> {
        let cells = match cells(row) {
            Ok(cells) => cells,
            Err(what) => return Ok(Some(what)),
        };
        if cells.len() != self.columns.len() {
            return Ok(Some(format!("{} columns, where the header has {}", cells.len(), self.columns.len())));
        }
        out.push(b'{');
        let mut first = true;
        for (cell, column) in cells.iter().zip(&self.columns) {
            let empty = cell.text.is_empty();
            let meaning = match (empty, column.empty) {
                (true, None) => {
                    return Err(Fault::Usage(format!(
                        "{}: line {}, column \"{}\": an empty cell, and the contract tells null, \"\" and absent apart; \
                         say which it is with --csv-empty null|absent|string",
                        self.source.name,
                        line + 1,
                        column.name
                    )));
                }
                (true, Some(Empty::Absent)) => continue,
                (_, meaning) => meaning,
            };
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(&column.key);
            match (empty, meaning) {
                (true, Some(Empty::Null)) => out.extend_from_slice(b"null"),
                _ => column.value(cell, out),
            }
        }
        out.push(b'}');
        Ok(None)
    }
}

impl Blocks for Csv {
    fn next(&mut self, block: &mut Block) -> Result<bool, Fault> {
        block.bytes.clear();
        block.rows.clear();
        if self.finished {
            return Ok(false);
        }
        block.rows.append(&mut self.tail);
        block.offset = self.offset;
        block.stretch = self.stretch;
        block.last = false;
        self.stretch += 1;
        // Lines are counted from the header on, in the first stretch.
        let base = if block.stretch == 0 { self.line } else { 0 };
        block.head_lines = base;
        if let Some(within) = self.passing.take() {
            return self.pass(within, false, block);
        }
        let mut units = Vec::new();
        let mut size = self.block;
        let mut used = 0;
        let mut line = base;
        loop {
            let wanted = size.saturating_sub(block.rows.len()).max(1);
            let end_of_input = self.source.read(&mut block.rows, wanted)? < wanted;
            loop {
                let end = match row_end(&block.rows, used, end_of_input) {
                    RowEnd::At(end) => end,
                    RowEnd::More => break,
                    RowEnd::CutShort => {
                        let offset = self.offset + used as u64;
                        let unit = Unit {
                            start: block.bytes.len(),
                            end: block.bytes.len(),
                            row: Some((used, block.rows.len())),
                            line,
                            offset,
                            fault: None,
                        };
                        // An empty record is cut short, whatever is judged.
                        units.push(unit);
                        used = block.rows.len();
                        break;
                    }
                };
                let row = &block.rows[used..end];
                if !row.trim_ascii().is_empty() {
                    let start = block.bytes.len();
                    let fault = self.translate(row, line, &mut block.bytes)?;
                    let unit = Unit {
                        start,
                        end: block.bytes.len(),
                        row: Some((used, end)),
                        line,
                        offset: self.offset + used as u64,
                        fault,
                    };
                    units.push(unit);
                }
                line += memchr::memchr_iter(b'\n', row).count() as u64;
                used = end;
            }
            if end_of_input {
                self.finished = true;
                block.last = true;
                break;
            }
            if used > 0 {
                break;
            }
            if size > self.max_record {
                return self.pass(Within::new(), true, block);
            }
            size *= 2;
        }
        self.tail.extend_from_slice(&block.rows[used..]);
        block.rows.truncate(used);
        self.offset += used as u64;
        block.sort = Sort::Units(units);
        Ok(true)
    }

    fn changed(&self) -> Option<String> {
        self.source.changed()
    }

    fn header(&self) -> &[u8] {
        &self.header
    }
}

impl Column {
    fn new(name: String, contract: &Contract, said: Option<Empty>) -> Column {
        let path = Path(vec![Step::Key(name.clone())]);
        let schemas = contract.schemas_at(&path);
        let mut types: Vec<&str> = Vec::new();
        for (_, schema) in &schemas {
            match schema.get("type") {
                Some(Value::String(one)) => types.push(one),
                Some(Value::Array(several)) => types.extend(several.iter().filter_map(Value::as_str)),
                _ => {}
            }
        }
        let has = |kinds: &[&str]| types.iter().any(|there| kinds.contains(there));
        let required = contract.schema.get("required").and_then(Value::as_array);
        let required = required.is_some_and(|names| names.iter().any(|there| there.as_str() == Some(&name)));
        let judged = contract.meanings().any(|(known, _)| *known == path);
        // The readings that the contract allows; none: the empty text shows best what is wrong.
        let mut readings = Vec::new();
        if types.is_empty() || has(&["null"]) {
            readings.push(Empty::Null);
        }
        if types.is_empty() || has(&["string"]) {
            readings.push(Empty::String);
        }
        if !required {
            readings.push(Empty::Absent);
        }
        let empty = match readings.as_slice() {
            _ if said.is_some() => said,
            _ if judged => None,
            [] => Some(Empty::String),
            [only] => Some(*only),
            _ => None,
        };
        Column {
            key: [Value::from(name.as_str()).to_string().as_bytes(), b":"].concat(),
            name,
            number: has(&["number", "integer"]),
            boolean: has(&["boolean"]),
            container: has(&["object", "array"]),
            empty,
        }
    }

    fn value(&self, cell: &Cell, out: &mut Vec<u8>) {
        let text = cell.text.trim_ascii();
        let looks = match text.first() {
            Some(b'-' | b'0'..=b'9') => self.number,
            Some(b't' | b'f') => self.boolean && (text == b"true" || text == b"false"),
            Some(b'{' | b'[') => self.container,
            _ => false,
        };
        if looks
            && crate::strict::too_deep(text).is_none()
            && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
        {
            out.extend_from_slice(text);
        } else {
            quote(&cell.text, out);
        }
    }
}

/// Bytes as a JSON string; what is no UTF-8 stays so, and is found when the record is judged.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

struct Cell {
    text: Vec<u8>,
}

enum RowEnd {
    /// Behind the line end.
    At(usize),
    /// More text is needed.
    More,
    /// The text ends within quotes.
    CutShort,
}

/// A quote that stands within a cell which is not quoted is that row's fault, and opens nothing: the rows behind it are
/// rows (RFC 4180, 2.5).
fn row_end(text: &[u8], from: usize, end_of_input: bool) -> RowEnd {
    let mut quoted = false;
    let mut at = from;
    while let Some(found) = memchr::memchr2(b'"', b'\n', &text[at..]) {
        let place = at + found;
        at = place + 1;
        match text[place] {
            b'"' if quoted => match text.get(at) {
                Some(b'"') => at += 1,
                Some(_) => quoted = false,
                None if end_of_input => quoted = false,
                None => return RowEnd::More,
            },
            b'"' => quoted = place == from || text[place - 1] == b',',
            _ if !quoted => return RowEnd::At(at),
            _ => {}
        }
    }
    match (end_of_input, quoted) {
        (true, true) => RowEnd::CutShort,
        (true, false) if from < text.len() => RowEnd::At(text.len()),
        _ => RowEnd::More,
    }
}

fn cells(row: &[u8]) -> Result<Vec<Cell>, String> {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let mut text = Vec::new();
        if row.get(at) == Some(&b'"') {
            at += 1;
            loop {
                let quote = memchr::memchr(b'"', &row[at..]).ok_or("a quoted cell is not closed")? + at;
                text.extend_from_slice(&row[at..quote]);
                at = quote + 1;
                if row.get(at) != Some(&b'"') {
                    break;
                }
                text.push(b'"');
                at += 1;
            }
            if !matches!(row.get(at), None | Some(b',')) {
                return Err(format!("text behind the closing quote of cell {}", cells.len() + 1));
            }
        } else {
            let end = memchr::memchr(b',', &row[at..]).map_or(row.len(), |found| at + found);
            text.extend_from_slice(&row[at..end]);
            if text.contains(&b'"') {
                return Err(format!("a quote within cell {}, which is not quoted", cells.len() + 1));
            }
            at = end;
        }
        cells.push(Cell { text });
        if at >= row.len() {
            return Ok(cells);
        }
        at += 1;
    }
}
