//! Data as blocks of records, whatever it is packed in: JSON lines, one JSON array, one JSON value, CSV; plain, gzip,
//! zstandard; files and standard input. A block is small enough to stay in the cache of the core that walks it.

mod array;
pub(crate) mod csv;
mod lines;
mod oversized;
mod single;
pub(crate) mod source;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::contract::Contract;
pub use crate::read::csv::Empty;
use crate::read::source::Source;

/// How records are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON value a line.
    Lines,
    /// One JSON array; its items are the records.
    Array,
    /// One JSON value, the record.
    Single,
    /// RFC 4180, with a header.
    Csv,
}

/// Where data comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(std::path::PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// Its name in findings; `-` for standard input.
    pub fn name(&self) -> String {
        match self {
            Input::File(file) => file.display().to_string(),
            Input::Stdin => "-".to_owned(),
        }
    }
}

/// How far a run is: read by whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read, as they are stored (compressed).
    pub read: AtomicU64,
    /// Bytes to be read, as far as that is known.
    pub total: AtomicU64,
}

/// How to read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The layout; `None`: told from the name and the first bytes.
    pub form: Option<Form>,
    /// What an empty CSV cell means.
    pub csv_empty: Option<Empty>,
    /// The longest record that is judged, in bytes.
    pub max_record: usize,
    /// Bytes in a block.
    pub block: usize,
    /// Which part of how many, from 1.
    pub part: Option<(u32, u32)>,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading { form: None, csv_empty: None, max_record: 64 << 20, block: 256 << 10, part: None }
    }
}

/// Why data cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The call was wrong: nothing was judged.
    Usage(String),
    /// The data could not be looked at to its end.
    Unreadable(String),
}

/// A stretch of records.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) stretch: u32,
    /// Bytes of the input before the block.
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    /// The rows as they stand in the input, where `bytes` is a translation of them.
    pub(crate) rows: Vec<u8>,
    pub(crate) sort: Sort,
    /// Lines before the block that belong to no stretch (a CSV header).
    pub(crate) head_lines: u64,
    /// The input ends with this block.
    pub(crate) last: bool,
}

#[derive(Debug, Default)]
pub(crate) enum Sort {
    /// Every line is a record.
    #[default]
    Lines,
    /// These are the records.
    Units(Vec<Unit>),
    /// A piece of a record that is longer than is judged.
    Oversized { first: bool, last: bool },
}

/// One record of a block.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where it stands in `rows`, if it was translated.
    pub(crate) row: Option<(usize, usize)>,
    /// Lines before it in this stretch.
    pub(crate) line: u64,
    pub(crate) offset: u64,
    /// It cannot be read as a record, and why.
    pub(crate) fault: Option<String>,
}

/// Yields blocks. A block's vectors are reused.
pub(crate) trait Blocks: Send {
    /// Fills the next block; `false` at the end.
    fn next(&mut self, block: &mut Block) -> Result<bool, Fault>;
    /// Whether the input is still what it was when it was opened.
    fn changed(&self) -> Option<String>;
    /// What stands above the records and belongs to all of them: the header of CSV, with its line end.
    fn header(&self) -> &[u8] {
        b""
    }
}

/// How the records of an input are laid out, by its name and its first bytes.
pub(crate) fn form(input: &Input, contract: &Contract) -> Result<Form, Fault> {
    Ok(Source::open(input, &Arc::default())?.form(is_of_arrays(contract)))
}

/// Whether the record itself is an array.
fn is_of_arrays(contract: &Contract) -> bool {
    contract.schema.get("type").and_then(serde_json::Value::as_str) == Some("array")
}

/// Opens an input.
pub(crate) fn open(
    input: &Input,
    reading: &Reading,
    contract: &Contract,
    progress: &Arc<Progress>,
) -> Result<Box<dyn Blocks>, Fault> {
    let source = Source::open(input, progress)?;
    let form = reading.form.unwrap_or_else(|| source.form(is_of_arrays(contract)));
    if let Some((part, parts)) = reading.part {
        if form != Form::Lines {
            return Err(Fault::Usage(format!("{}: --part is for JSON lines only", input.name())));
        }
        return Ok(Box::new(lines::Lines::part(source, reading, part, parts)?));
    }
    Ok(match form {
        Form::Lines => Box::new(lines::Lines::new(source, reading)),
        Form::Array => Box::new(array::Array::new(source, reading)),
        Form::Single => Box::new(single::Single::new(source, reading)),
        Form::Csv => Box::new(csv::Csv::new(source, reading, contract)?),
    })
}
