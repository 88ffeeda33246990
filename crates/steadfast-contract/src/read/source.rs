//! Bytes, unpacked, with a look at the first of them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::read::{Fault, Form, Input, Progress};

/// Bytes of room made at once for what is read; a record may be allowed to be larger than the memory.
const ROOM: usize = 16 << 20;
/// Bytes looked at to tell what an input is.
const PEEK: usize = 64 << 10;

pub(crate) struct Source {
    pub(crate) name: String,
    reader: Reader,
    peeked: Vec<u8>,
    given: usize,
    /// Bytes of a byte order mark that was skipped.
    pub(crate) skipped: u64,
    plain_file: Option<File>,
    stamp: Option<(std::path::PathBuf, Stamp)>,
    progress: Arc<Progress>,
}

enum Reader {
    /// Read straight into the block that is judged: nothing is cleared or copied first.
    File(File),
    Streamed(Box<dyn Read + Send>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<std::time::SystemTime>,
    #[cfg(unix)]
    file: (u64, u64),
}

impl Stamp {
    fn of(facts: &std::fs::Metadata) -> Stamp {
        Stamp {
            size: facts.len(),
            modified: facts.modified().ok(),
            #[cfg(unix)]
            file: (std::os::unix::fs::MetadataExt::dev(facts), std::os::unix::fs::MetadataExt::ino(facts)),
        }
    }
}

impl Source {
    pub(crate) fn open(input: &Input, progress: &Arc<Progress>) -> Result<Source, Fault> {
        let name = input.name();
        let mut stamp = None;
        let mut plain_file = None;
        let mut raw: Box<dyn Read + Send> = match input {
            Input::Stdin => Box::new(io::stdin()),
            Input::File(path) => {
                let cannot = |why: io::Error| Fault::Usage(format!("{name}: cannot be opened: {why}"));
                let file = File::open(path).map_err(cannot)?;
                let facts = file.metadata().map_err(cannot)?;
                if facts.is_dir() {
                    return Err(Fault::Usage(format!("{name}: is a folder: name the files in it")));
                }
                progress.total.fetch_add(facts.len(), Ordering::Relaxed);
                stamp = Some((path.clone(), Stamp::of(&facts)));
                plain_file = facts.is_file().then(|| file.try_clone()).and_then(Result::ok);
                Box::new(file)
            }
        };
        let unreadable = |why: io::Error| Fault::Unreadable(format!("{name}: {}", in_words(&why)));
        let mut head = [0; 4];
        let got = fill(&mut raw, &mut head).map_err(unreadable)?;
        progress.read.fetch_add(got as u64, Ordering::Relaxed);
        let head = &head[..got];
        let packed = matches!(head, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd]);
        let mut peeked = vec![0; PEEK];
        if !packed && let Some(file) = plain_file.as_ref().and_then(|file| file.try_clone().ok()) {
            peeked[..got].copy_from_slice(head);
            let more = fill(&mut &file, &mut peeked[got..]).map_err(unreadable)?;
            progress.read.fetch_add(more as u64, Ordering::Relaxed);
            peeked.truncate(got + more);
            return Ok(Source::new(name, Reader::File(file), peeked, plain_file, stamp, progress));
        }
        let counted = Counted { inner: raw, progress: progress.clone() };
        let whole = io::Cursor::new(head.to_vec()).chain(counted);
        let mut reader: Box<dyn Read + Send> = match head {
            [0x1f, 0x8b, ..] => {
                plain_file = None;
                Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(128 << 10, whole)))
            }
            [0x28, 0xb5, 0x2f, 0xfd] => {
                plain_file = None;
                Box::new(zstd::stream::read::Decoder::new(whole).map_err(unreadable)?)
            }
            _ => Box::new(whole),
        };
        let got = fill(&mut reader, &mut peeked).map_err(unreadable)?;
        peeked.truncate(got);
        Ok(Source::new(name, Reader::Streamed(reader), peeked, plain_file, stamp, progress))
    }

    fn new(
        name: String,
        reader: Reader,
        peeked: Vec<u8>,
        plain_file: Option<File>,
        stamp: Option<(std::path::PathBuf, Stamp)>,
        progress: &Arc<Progress>,
    ) -> Source {
        let given = if peeked.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Source { name, reader, peeked, given, skipped: given as u64, plain_file, stamp, progress: progress.clone() }
    }

    /// What the first bytes and the name say.
    pub(crate) fn form(&self, array_record: bool) -> Form {
        let name = self.name.trim_end_matches(".gz").trim_end_matches(".zst").to_ascii_lowercase();
        if name.ends_with(".csv") {
            return Form::Csv;
        }
        if name.ends_with(".jsonl") || name.ends_with(".ndjson") {
            return Form::Lines;
        }
        let text = &self.peeked[self.given..];
        let begin = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        let line_end = memchr::memchr(b'\n', &text[begin..]).map(|at| begin + at);
        let whole_line = |end: usize| serde_json::from_slice::<serde::de::IgnoredAny>(&text[begin..end]).is_ok();
        let more = line_end.is_some_and(|end| text[end..].iter().any(|byte| !byte.is_ascii_whitespace()));
        match line_end {
            Some(end) if more && whole_line(end) => Form::Lines,
            _ if text.get(begin) == Some(&b'[') && !array_record => Form::Array,
            Some(end) if !more && whole_line(end) => Form::Single,
            Some(_) if name.ends_with(".json") => Form::Single,
            None if name.ends_with(".json") => Form::Single,
            // A first line that is no JSON, and one longer than was looked at.
            Some(end) if text[begin..end].trim_ascii_end() == b"{" => Form::Single,
            _ => Form::Lines,
        }
    }

    /// Appends `count` bytes, or somewhat more; fewer only at the end. Before an error, too, what could be read is appended.
    pub(crate) fn read(&mut self, into: &mut Vec<u8>, count: usize) -> Result<usize, Fault> {
        let before = into.len();
        let held = self.peeked.len().saturating_sub(self.given).min(count);
        into.extend_from_slice(&self.peeked[self.given..self.given + held]);
        self.given += held;
        if self.given >= self.peeked.len() && !self.peeked.is_empty() {
            self.peeked = Vec::new();
            self.given = 0;
        }
        let cannot = |why: io::Error| Fault::Unreadable(format!("{}: {}", self.name, in_words(&why)));
        match &mut self.reader {
            Reader::File(file) => {
                // Room that one long record needed is not filled with the next thousand short ones.
                if into.capacity() - into.len() > count.saturating_mul(2) {
                    into.shrink_to(into.len().saturating_add(count));
                }
                while into.len() - before < count {
                    let missing = count - (into.len() - before);
                    if missing <= ROOM {
                        into.reserve_exact(missing);
                    } else {
                        into.reserve(ROOM);
                    }
                    match rustix::io::read(&*file, rustix::buffer::spare_capacity(into)) {
                        Ok(0) => break,
                        Ok(more) => _ = self.progress.read.fetch_add(more as u64, Ordering::Relaxed),
                        Err(rustix::io::Errno::INTR) => {}
                        Err(why) => return Err(cannot(why.into())),
                    }
                }
            }
            Reader::Streamed(reader) => {
                let wanted = (count - held) as u64;
                reader.by_ref().take(wanted).read_to_end(into).map_err(cannot)?;
            }
        }
        Ok(into.len() - before)
    }

    /// Goes on from this byte; for plain files only.
    pub(crate) fn seek(&mut self, to: u64) -> Result<(), Fault> {
        let file = self.plain_file.as_ref().and_then(|file| file.try_clone().ok());
        let Some(mut file) = file else {
            return Err(Fault::Usage(format!(
                "{}: --part needs a plain file that can be read from any place",
                self.name
            )));
        };
        file.seek(SeekFrom::Start(to)).map_err(|why| Fault::Unreadable(format!("{}: {why}", self.name)))?;
        self.reader = Reader::File(file);
        self.peeked = Vec::new();
        self.given = 0;
        Ok(())
    }

    /// Bytes of a plain file.
    pub(crate) fn size(&self) -> Option<u64> {
        self.plain_file.as_ref().and(self.stamp.as_ref()).map(|(_, stamp)| stamp.size)
    }

    /// Whether the file is another one, or another size or age, than when it was opened.
    pub(crate) fn changed(&self) -> Option<String> {
        let (path, stamp) = self.stamp.as_ref()?;
        match std::fs::metadata(path) {
            Ok(facts) if Stamp::of(&facts) == *stamp => None,
            Ok(_) => Some(format!("{}: changed while it was read: judge it again when it is at rest", self.name)),
            Err(why) => Some(format!("{}: went away while it was read: {why}", self.name)),
        }
    }
}

fn in_words(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::UnexpectedEof => format!("the compressed data ends too early ({why})"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => format!("the compressed data is damaged ({why})"),
        _ => format!("cannot be read further: {why}"),
    }
}

fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match from.read(&mut into[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            // What came before the damage is still worth judging; the damage shows up again at the next read.
            Err(_) if got > 0 => break,
            Err(why) => return Err(why),
        }
    }
    Ok(got)
}

struct Counted {
    inner: Box<dyn Read + Send>,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.progress.read.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}
