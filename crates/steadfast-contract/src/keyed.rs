//! Records by key: an eight-byte fingerprint, a number into a dictionary of (states, attribution), and where the record
//! stands. Runs are sorted; what does not fit into memory is spilled to temporary files and merged.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use crate::finding::Place;
use crate::states::State;

/// Bytes that the runs of one thread may hold before they are spilled.
const HELD: usize = 6 << 20;

/// One keyed record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Keyed {
    pub(crate) fingerprint: u64,
    /// The key, as text.
    pub(crate) key: Box<[u8]>,
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
#[derive(Debug, Default)]
pub(crate) struct Collector {
    held: Vec<Keyed>,
    bytes: usize,
    spilled: Vec<Run>,
    pub(crate) dictionary: Dictionary,
}

#[derive(Debug)]
struct Run {
    file: std::fs::File,
    entries: u64,
}

impl Collector {
    pub(crate) fn push(&mut self, key: &[u8], word: &[u8], place: Place) -> io::Result<()> {
        let word = self.dictionary.number(word);
        self.bytes += size_of::<Keyed>() + key.len() + 16;
        self.held.push(Keyed { fingerprint: fingerprint(key), key: key.into(), place, word });
        if self.bytes >= HELD { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let mut out = BufWriter::new(tempfile::tempfile()?);
        for entry in &self.held {
            write_entry(&mut out, entry)?;
        }
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.spilled.push(Run { file, entries: self.held.len() as u64 });
        self.held.clear();
        self.bytes = 0;
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
                collector.held.sort_unstable();
                let renumbered = collector.dictionary.listed().iter().map(|word| numbers[&**word]).collect();
                (collector, renumbered)
            })
            .collect();
        Gathered { words, parts }
    }

    /// Calls `seen` with every record in the order of fingerprint, key and place.
    pub(crate) fn merged(&mut self, mut seen: impl FnMut(Keyed) -> io::Result<()>) -> io::Result<()> {
        let mut runs: Vec<Box<dyn Iterator<Item = io::Result<Keyed>> + '_>> = Vec::new();
        for (collector, renumbered) in &mut self.parts {
            let renumbered = &*renumbered;
            let rename = move |mut entry: Keyed| {
                entry.word = renumbered[entry.word as usize];
                entry
            };
            runs.push(Box::new(collector.held.iter().cloned().map(move |entry| Ok(rename(entry)))));
            for run in &mut collector.spilled {
                run.file.rewind()?;
                let mut reader = BufReader::with_capacity(256 << 10, &run.file);
                runs.push(Box::new((0..run.entries).map(move |_| read_entry(&mut reader).map(rename))));
            }
        }
        let mut heap = BinaryHeap::new();
        for (which, run) in runs.iter_mut().enumerate() {
            if let Some(entry) = run.next() {
                heap.push(std::cmp::Reverse((entry?, which)));
            }
        }
        while let Some(std::cmp::Reverse((entry, which))) = heap.pop() {
            if let Some(next) = runs[which].next() {
                heap.push(std::cmp::Reverse((next?, which)));
            }
            seen(entry)?;
        }
        Ok(())
    }
}

/// The fingerprint of a key: part of the format of baselines, so xxh3 for good.
pub(crate) fn fingerprint(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}

pub(crate) fn write_entry(out: &mut impl Write, entry: &Keyed) -> io::Result<()> {
    out.write_all(&entry.fingerprint.to_le_bytes())?;
    out.write_all(&entry.word.to_le_bytes())?;
    out.write_all(&entry.place.file.to_le_bytes())?;
    out.write_all(&entry.place.stretch.to_le_bytes())?;
    out.write_all(&entry.place.line.to_le_bytes())?;
    out.write_all(&entry.place.offset.to_le_bytes())?;
    out.write_all(&(entry.key.len() as u32).to_le_bytes())?;
    out.write_all(&entry.key)
}

pub(crate) fn read_entry(from: &mut impl Read) -> io::Result<Keyed> {
    let mut head = [0; 40];
    from.read_exact(&mut head)?;
    let four = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let eight = |at: usize| u64::from(four(at)) | u64::from(four(at + 4)) << 32;
    let length = four(36) as usize;
    if length > 1 << 20 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a key of more than 1 MiB: not a run of ours"));
    }
    let mut key = vec![0; length];
    from.read_exact(&mut key)?;
    Ok(Keyed {
        fingerprint: eight(0),
        word: four(8),
        place: Place { file: four(12), stretch: four(16), line: eight(20), offset: eight(28) },
        key: key.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spilled_runs_come_back_sorted_and_whole() {
        let place = |line| Place { file: 0, stretch: 3, line, offset: line * 7 };
        let mut collectors = vec![Collector::default(), Collector::default()];
        for number in 0..5000_u64 {
            let collector = &mut collectors[(number % 2) as usize];
            collector.push(format!("key {number}").as_bytes(), &[(number % 4) as u8, b'x'], place(number)).unwrap();
            if number % 700 < 2 {
                collector.spill().unwrap();
            }
        }
        let mut gathered = Gathered::new(collectors);
        let mut seen = Vec::new();
        gathered
            .merged(|entry| {
                seen.push(entry);
                Ok(())
            })
            .unwrap();
        assert_eq!(seen.len(), 5000);
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
        let one = seen.iter().find(|entry| &*entry.key == b"key 4321").unwrap();
        assert_eq!((one.place.line, &*gathered.words[one.word as usize]), (4321, [1, b'x'].as_slice()));
    }
}
