//! Records by key: an eight-byte fingerprint, a number into a dictionary of (states, attribution), and where the record
//! stands. Runs are sorted; what does not fit into memory is spilled to temporary files and merged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use crate::finding::Place;
use crate::states::State;

/// Bytes that the runs of all threads together may hold before they are spilled, and the least that one may hold.
const HELD: (usize, usize) = (24 << 20, 1 << 20);
/// Bytes that the spilled runs are read through when they are merged, and the most and the least for one of them.
const READ: (usize, usize, usize) = (16 << 20, 128 << 10, 4 << 10);

/// One keyed record, as it passes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Keyed<'k> {
    pub(crate) fingerprint: u64,
    /// The key, as text.
    pub(crate) key: &'k [u8],
    pub(crate) place: Place,
    /// Into the dictionary.
    pub(crate) word: u32,
}

/// The distinct (states, attribution) pairs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dictionary {
    words: HashMap<Box<[u8]>, u32>,
}

impl Dictionary {
    /// `word`: one byte of state per followed path, then the attribution's text.
    pub(crate) fn number(&mut self, word: &[u8]) -> u32 {
        if let Some(number) = self.words.get(word) {
            return *number;
        }
        let number = self.words.len() as u32;
        self.words.insert(word.into(), number);
        number
    }

    /// The words in the order of their numbers.
    pub(crate) fn listed(&self) -> Vec<Box<[u8]>> {
        let mut words: Vec<(&u32, &Box<[u8]>)> = self.words.iter().map(|(word, number)| (number, word)).collect();
        words.sort_unstable();
        words.into_iter().map(|(_, word)| word.clone()).collect()
    }
}

/// A word as states and attribution.
pub(crate) fn read_word(word: &[u8], followed: usize) -> (Vec<State>, String) {
    let states = word.iter().take(followed).map(|byte| State::ALL[usize::from(*byte & 3)]).collect();
    (states, String::from_utf8_lossy(word.get(followed..).unwrap_or_default()).into_owned())
}

/// What one thread collects.
#[derive(Debug)]
pub(crate) struct Collector {
    /// Bytes that it may hold.
    room: usize,
    held: Vec<Held>,
    /// The keys of what is held, one behind the other.
    keys: Vec<u8>,
    spilled: Vec<Run>,
    /// Where the spilled runs are, one behind the other: a file each would be as many as a process may have open.
    file: Option<File>,
    /// A run could not be spilled: that was told, and what comes after it is not collected.
    is_lost: bool,
    pub(crate) dictionary: Dictionary,
    /// The word of the last record and its number: most records have the word of the one before.
    last: (Vec<u8>, Option<u32>),
}

/// One record of a run in memory.
#[derive(Debug, Clone, Copy)]
struct Held {
    fingerprint: u64,
    place: Place,
    /// Where its key stands.
    start: u32,
    end: u32,
    word: u32,
}

impl Held {
    fn with<'k>(&self, keys: &'k [u8]) -> Keyed<'k> {
        let Held { fingerprint, place, start, end, word } = *self;
        Keyed { fingerprint, key: &keys[start as usize..end as usize], place, word }
    }
}

/// A sorted run in the file.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: u64,
    end: u64,
    entries: u64,
}

impl Collector {
    /// One of so many.
    pub(crate) fn among(threads: usize) -> Collector {
        Collector {
            room: (HELD.0 / threads.max(1)).max(HELD.1),
            held: Vec::new(),
            keys: Vec::new(),
            spilled: Vec::new(),
            file: None,
            is_lost: false,
            dictionary: Dictionary::default(),
            last: (Vec::new(), None),
        }
    }

    /// An error is told once: nothing is collected any more then.
    pub(crate) fn push(&mut self, key: &[u8], word: &[u8], place: Place) -> io::Result<()> {
        if self.is_lost {
            return Ok(());
        }
        let number = match self.last {
            (ref last, Some(number)) if *last == *word => number,
            _ => {
                let number = self.dictionary.number(word);
                self.last.0.clear();
                self.last.0.extend_from_slice(word);
                self.last.1 = Some(number);
                number
            }
        };
        let start = self.keys.len();
        self.keys.extend_from_slice(key);
        let Ok(end) = u32::try_from(self.keys.len()) else {
            self.keys.truncate(start);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a key of four gigabytes"));
        };
        let start = start as u32;
        self.held.push(Held { fingerprint: fingerprint(key), place, start, end, word: number });
        if self.held.len() * size_of::<Held>() + self.keys.len() < self.room {
            return Ok(());
        }
        let spilled = self.spill();
        if spilled.is_err() {
            // Otherwise each record would try it again.
            self.is_lost = true;
            self.held = Vec::new();
            self.keys = Vec::new();
        }
        spilled
    }

    fn sort(&mut self) {
        self.held.sort_unstable_by_key(|held| held.fingerprint);
        // Equal fingerprints are rare, but for equal keys: only then are the keys looked at.
        for alike in self.held.chunk_by_mut(|one, other| one.fingerprint == other.fingerprint) {
            if alike.len() > 1 {
                alike.sort_unstable_by(|one, other| one.with(&self.keys).cmp(&other.with(&self.keys)));
            }
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        let start = self.spilled.last().map_or(0, |run| run.end);
        let mut end = start;
        file.seek(SeekFrom::Start(start))?;
        let mut out = BufWriter::with_capacity(128 << 10, file);
        for entry in &self.held {
            end += write_entry(&mut out, entry.with(&self.keys))?;
        }
        out.flush()?;
        self.spilled.push(Run { start, end, entries: self.held.len() as u64 });
        self.held.clear();
        self.keys.clear();
        Ok(())
    }
}

/// Everything that was collected, with one dictionary.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) words: Vec<Box<[u8]>>,
    parts: Vec<(Collector, Vec<u32>)>,
}

impl Gathered {
    pub(crate) fn new(collectors: Vec<Collector>) -> Gathered {
        let distinct: std::collections::BTreeSet<Box<[u8]>> =
            collectors.iter().flat_map(|collector| collector.dictionary.listed()).collect();
        let words: Vec<Box<[u8]>> = distinct.into_iter().collect();
        let numbers: BTreeMap<&[u8], u32> = words.iter().enumerate().map(|(at, word)| (&**word, at as u32)).collect();
        let parts = collectors
            .into_iter()
            .map(|mut collector| {
                collector.sort();
                let renumbered = collector.dictionary.listed().iter().map(|word| numbers[&**word]).collect();
                (collector, renumbered)
            })
            .collect();
        Gathered { words, parts }
    }

    /// Calls `seen` with every record in the order of fingerprint, key and place.
    pub(crate) fn merged(&self, mut seen: impl FnMut(Keyed<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut streams: Vec<Stream<'_>> = Vec::new();
        let runs: usize = self.parts.iter().map(|(collector, _)| collector.spilled.len()).sum();
        let (all, most, least) = READ;
        let each = (all / runs.max(1)).clamp(least, most);
        for (collector, renumbered) in &self.parts {
            let renumbered = &**renumbered;
            streams.push(Stream { source: Source::Held(&collector.held, &collector.keys), renumbered });
            for run in &collector.spilled {
                let file = collector.file.as_ref().ok_or_else(|| io::Error::other("a run without its file"))?;
                let from = BufReader::with_capacity(each, Stretch { file, at: run.start, end: run.end });
                let spilled = Spilled { from, left: run.entries, entry: None, key: Vec::new() };
                streams.push(Stream { source: Source::Spilled(spilled), renumbered });
            }
        }
        let mut heap = BinaryHeap::new();
        for (which, stream) in streams.iter_mut().enumerate() {
            stream.start()?;
            heap.extend(stream.head().map(|head| Reverse((head.fingerprint, which))));
        }
        let mut alike: Vec<(Box<[u8]>, Place, u32)> = Vec::new();
        while let Some(Reverse((fingerprint, which))) = heap.pop() {
            let next = heap.peek().map(|Reverse((fingerprint, _))| *fingerprint);
            let stream = &mut streams[which];
            if next != Some(fingerprint) {
                // Nobody else has it: this stream goes on until another one has something smaller or equal.
                while let Some(head) = stream.head().filter(|head| next.is_none_or(|next| head.fingerprint < next)) {
                    seen(head)?;
                    stream.advance()?;
                }
            } else {
                while let Some(head) = stream.head().filter(|head| head.fingerprint == fingerprint) {
                    alike.push((head.key.into(), head.place, head.word));
                    stream.advance()?;
                }
                // The others that have it follow; the last of them is the one that finds nobody beside it.
                let mut others = Vec::new();
                while let Some(Reverse((_, other))) = heap.peek().filter(|Reverse((there, _))| *there == fingerprint) {
                    others.push(*other);
                    heap.pop();
                }
                for other in others {
                    let stream = &mut streams[other];
                    while let Some(head) = stream.head().filter(|head| head.fingerprint == fingerprint) {
                        alike.push((head.key.into(), head.place, head.word));
                        stream.advance()?;
                    }
                    heap.extend(stream.head().map(|head| Reverse((head.fingerprint, other))));
                }
                alike.sort_unstable();
                for (key, place, word) in alike.drain(..) {
                    seen(Keyed { fingerprint, key: &key, place, word })?;
                }
            }
            heap.extend(streams[which].head().map(|head| Reverse((head.fingerprint, which))));
        }
        Ok(())
    }
}

/// A sorted run that is read, in memory or from its file.
struct Stream<'a> {
    source: Source<'a>,
    renumbered: &'a [u32],
}

enum Source<'a> {
    /// What is left of it, and the keys.
    Held(&'a [Held], &'a [u8]),
    Spilled(Spilled<'a>),
}

struct Spilled<'a> {
    from: BufReader<Stretch<'a>>,
    left: u64,
    /// The entry that is next, without its key.
    entry: Option<Keyed<'static>>,
    key: Vec<u8>,
}

/// A part of a file, read from its start to its end.
struct Stretch<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Stretch<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = out.len().min((self.end - self.at) as usize);
        let read = self.file.read_at(&mut out[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Stream<'_> {
    fn start(&mut self) -> io::Result<()> {
        match &mut self.source {
            Source::Held(..) => Ok(()),
            Source::Spilled(spilled) => spilled.next(),
        }
    }

    fn head(&self) -> Option<Keyed<'_>> {
        let head = match &self.source {
            Source::Held(left, keys) => left.first()?.with(keys),
            Source::Spilled(spilled) => Keyed { key: &spilled.key, ..spilled.entry? },
        };
        Some(Keyed { word: self.renumbered[head.word as usize], ..head })
    }

    fn advance(&mut self) -> io::Result<()> {
        match &mut self.source {
            Source::Held(left, _) => {
                *left = left.get(1..).unwrap_or_default();
                Ok(())
            }
            Source::Spilled(spilled) => spilled.next(),
        }
    }
}

impl Spilled<'_> {
    fn next(&mut self) -> io::Result<()> {
        self.entry = None;
        if self.left > 0 {
            self.left -= 1;
            self.entry = Some(read_entry(&mut self.from, &mut self.key)?);
        }
        Ok(())
    }
}

/// The fingerprint of a key: part of the format of baselines, so xxh3 for good.
pub(crate) fn fingerprint(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}

/// The answer: bytes written.
pub(crate) fn write_entry(out: &mut impl Write, entry: Keyed<'_>) -> io::Result<u64> {
    let mut head = [0; HEAD];
    let mut rest = &mut head[..];
    rest.write_all(&entry.fingerprint.to_le_bytes())?;
    rest.write_all(&entry.word.to_le_bytes())?;
    rest.write_all(&entry.place.file.to_le_bytes())?;
    rest.write_all(&entry.place.stretch.to_le_bytes())?;
    rest.write_all(&entry.place.line.to_le_bytes())?;
    rest.write_all(&entry.place.offset.to_le_bytes())?;
    rest.write_all(&(entry.key.len() as u32).to_le_bytes())?;
    out.write_all(&head)?;
    out.write_all(entry.key)?;
    Ok((HEAD + entry.key.len()) as u64)
}

/// Bytes of an entry before its key.
const HEAD: usize = 40;
/// The longest record that may be judged is bounded by memory; a key in a run longer than this is damage.
const LONGEST_KEY: usize = 1 << 30;

/// The entry without its key, which is put into `key`.
pub(crate) fn read_entry(from: &mut impl Read, key: &mut Vec<u8>) -> io::Result<Keyed<'static>> {
    let mut head = [0; HEAD];
    from.read_exact(&mut head)?;
    let four = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let eight = |at: usize| u64::from(four(at)) | u64::from(four(at + 4)) << 32;
    let length = four(36) as usize;
    if length > LONGEST_KEY {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a key of more than 1 GiB: not a run of ours"));
    }
    key.clear();
    // A damaged length is found out by the end of the file, not by the end of the memory.
    if from.by_ref().take(length as u64).read_to_end(key)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Keyed {
        fingerprint: eight(0),
        word: four(8),
        place: Place { file: four(12), stretch: four(16), line: eight(20), offset: eight(28) },
        key: &[],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_full_is_told_once_and_nothing_is_tried_again() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut collector = Collector { room: 2000, file: Some(full), ..Collector::among(1) };
        let place = Place { file: 0, stretch: 0, line: 0, offset: 0 };
        let failed = (0..10_000).filter(|_| collector.push(b"a key", b"x", place).is_err()).count();
        assert_eq!((failed, collector.is_lost, collector.held.len()), (1, true, 0));
    }

    #[test]
    fn runs_by_the_hundred_lie_in_one_file_and_come_back_sorted() {
        let mut collector = Collector { room: 2000, ..Collector::among(1) };
        for line in 0..20_000_u64 {
            let place = Place { file: 0, stretch: 0, line, offset: line * 9 };
            collector.push(format!("key {line}").as_bytes(), b"x", place).unwrap();
        }
        assert!(collector.spilled.len() > 500, "{}", collector.spilled.len());
        let gathered = Gathered::new(vec![collector]);
        for _ in 0..2 {
            let mut seen: Vec<(u64, u64)> = Vec::new();
            gathered
                .merged(|entry| {
                    assert_eq!(entry.key, format!("key {}", entry.place.line).as_bytes());
                    seen.push((entry.fingerprint, entry.place.line));
                    Ok(())
                })
                .unwrap();
            assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
            let lines: std::collections::BTreeSet<u64> = seen.iter().map(|(_, line)| *line).collect();
            assert_eq!(lines.len(), 20_000);
        }
    }

    #[test]
    fn spilled_runs_come_back_sorted_and_whole() {
        let place = |line| Place { file: 0, stretch: 3, line, offset: line * 7 };
        let mut collectors = vec![Collector::among(8), Collector::among(8)];
        for number in 0..5000_u64 {
            let collector = &mut collectors[(number % 2) as usize];
            collector.push(format!("key {number}").as_bytes(), &[(number % 4) as u8, b'x'], place(number)).unwrap();
            if number % 700 < 2 {
                collector.spill().unwrap();
            }
        }
        // The same key in different runs, and twice in one.
        for (which, line) in [(0, 9000), (1, 9001), (1, 9002)] {
            collectors[which].push(b"key 4000", &[1, b'x'], place(line)).unwrap();
        }
        let gathered = Gathered::new(collectors);
        let mut seen: Vec<(u64, Vec<u8>, Place, u32)> = Vec::new();
        gathered
            .merged(|entry| {
                seen.push((entry.fingerprint, entry.key.to_vec(), entry.place, entry.word));
                Ok(())
            })
            .unwrap();
        assert_eq!(seen.len(), 5003);
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
        let lines = |key: &[u8]| -> Vec<u64> {
            seen.iter().filter(|(_, there, ..)| there == key).map(|(_, _, place, _)| place.line).collect()
        };
        assert_eq!(lines(b"key 4000"), [4000, 9000, 9001, 9002]);
        assert_eq!(lines(b"key 4321"), [4321]);
        let (.., word) = seen.iter().find(|(_, key, ..)| key == b"key 4321").unwrap();
        assert_eq!(*gathered.words[*word as usize], [1, b'x']);
    }
}
