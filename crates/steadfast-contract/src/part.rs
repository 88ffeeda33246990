//! Parts: one data set judged in pieces, on as many machines as there are, and put together to what one run would have
//! said. A part is a head in JSON, behind it the keyed records of the part, sorted, and at its end a sum over all of it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use crate::check::{Ran, not_kept};
use crate::contract::Contract;
use crate::finding::Place;
use crate::judge::Judge;
use crate::keyed::{Collector, Keyed, read_entry, write_entry};
use crate::tally::Tally;

const MAGIC: &[u8; 8] = b"SFPART3\n";

/// The most parts that one run may have.
pub const MOST: u32 = 100_000;

/// What a part says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    part: u32,
    parts: u32,
    /// Name and size of the input.
    file: String,
    size: u64,
    /// See [`Source`].
    sample: String,
    /// Contract and options: parts of one run agree on them.
    contract: u64,
    options: String,
    tally: Tally,
    /// Words of the dictionary.
    words: Vec<Vec<u8>>,
    keyed: u64,
}

/// What every part of a run has to agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Which part, from 1, and of how many.
    pub part: (u32, u32),
    /// The input, the same for every part.
    pub source: Source,
    /// Profile and whatever else changes a verdict, as text.
    pub options: String,
}

/// What parts of one input have in common, wherever it was read: its size, and what stands at places all over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    size: u64,
    sample: String,
}

impl Source {
    /// Of a file: sixty-four pieces of four kilobytes, the first and the last among them, are read.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(file: &Path) -> io::Result<Source> {
        const PIECES: u64 = 64;
        const PIECE: u64 = 4096;
        let file = File::open(file)?;
        let size = file.metadata()?.len();
        let mut sum = Xxh3Default::new();
        let mut piece = [0; PIECE as usize];
        for number in 0..PIECES {
            let at = (u128::from(size.saturating_sub(PIECE)) * u128::from(number) / u128::from(PIECES - 1)) as u64;
            let mut there = 0;
            while let got @ 1.. = file.read_at(&mut piece[there..], at + there as u64)? {
                there += got;
            }
            sum.update(&piece[..there]);
        }
        Ok(Source { size, sample: format!("{:032x}", sum.digest128()) })
    }
}

/// Sums what passes through.
struct Summed<T> {
    inner: T,
    sum: Xxh3Default,
}

impl<T> Summed<T> {
    fn new(inner: T) -> Summed<T> {
        Summed { inner, sum: Xxh3Default::new() }
    }

    /// Of all that has passed: 16 bytes.
    fn sum(&self) -> [u8; 16] {
        self.sum.digest128().to_le_bytes()
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.sum.update(&into[..read]);
        Ok(read)
    }
}

/// Writes what a run of one part came to; a part without all of its keys would be no part, and is refused.
pub fn write(contract: &Contract, mut ran: Ran, agreement: &Agreement, out: &mut impl Write) -> io::Result<()> {
    if let Some(why) = ran.keys_lost.take() {
        return Err(io::Error::new(io::ErrorKind::StorageFull, why));
    }
    let (part, parts) = agreement.part;
    let mut keyed = 0;
    ran.keyed(|_| {
        keyed += 1;
        Ok(())
    })?;
    let head = Head {
        part,
        parts,
        file: ran.files.first().cloned().unwrap_or_default(),
        size: agreement.source.size,
        sample: agreement.source.sample.clone(),
        contract: contract.fingerprint,
        options: agreement.options.clone(),
        tally: std::mem::take(&mut ran.tally).into_stretch(part - 1),
        words: ran.gathered.words.iter().map(|word| word.to_vec()).collect(),
        keyed,
    };
    let head = serde_json::to_vec(&head)?;
    let out = &mut Summed::new(out);
    out.write_all(MAGIC)?;
    out.write_all(&(head.len() as u64).to_le_bytes())?;
    out.write_all(&head)?;
    ran.keyed(|mut entry| {
        entry.place.stretch = part - 1;
        write_entry(out, entry).map(drop)
    })?;
    let sum = out.sum();
    out.inner.write_all(&sum)?;
    out.flush()
}

/// Puts parts together: (name, bytes) each, in any order.
pub fn merge(
    judge: &Judge<'_>,
    parts: &mut [(String, Box<dyn Read>)],
    options: &str,
    keep: usize,
) -> Result<Ran, String> {
    let mut collector = Collector::among(1);
    let mut keys_lost = None;
    let mut tally = Tally { states: vec![[0; 4]; judge.trie.watched.len()], ..Tally::default() };
    let mut seen: Vec<Option<String>> = Vec::new();
    let mut first: Option<(String, Head)> = None;
    for (name, bytes) in parts {
        let damaged = |why: io::Error| format!("{name}: no part, or cut short ({why}): run that part again");
        let bytes = &mut Summed::new(bytes);
        let mut magic = [0; 16];
        bytes.read_exact(&mut magic).map_err(damaged)?;
        if !magic.starts_with(MAGIC) {
            return Err(format!("{name}: no part: parts are what `contract check --part i/n` prints"));
        }
        let (_, length) = magic.split_at(8);
        let length = length.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let mut head = Vec::new();
        bytes.by_ref().take(length).read_to_end(&mut head).map_err(damaged)?;
        let mut head: Head = serde_json::from_slice(&head)
            .map_err(|why| format!("{name}: its head is no head ({why}): run that part again"))?;
        if head.contract != judge.contract.fingerprint {
            return Err(format!("{name}: judged by another contract than {}", judge.contract.name));
        }
        if head.options != options {
            return Err(format!("{name}: judged with other options: {} instead of {options}", head.options));
        }
        match &first {
            None if head.parts > MOST => {
                return Err(format!("{name}: damaged: part of {} parts, and {MOST} are the most", head.parts));
            }
            None => seen = vec![None; head.parts as usize],
            Some((other, known)) if (&known.sample, known.size) != (&head.sample, head.size) => {
                return Err(format!(
                    "{name}: part of another {} than {other} is: the contents differ ({} and {} bytes)",
                    head.file, head.size, known.size
                ));
            }
            Some((other, known)) if (&known.file, known.parts) != (&head.file, head.parts) => {
                return Err(format!(
                    "{name}: part of {} ({} bytes, {} parts), and {other} of {} ({} bytes, {} parts)",
                    head.file, head.size, head.parts, known.file, known.size, known.parts
                ));
            }
            Some(_) => {}
        }
        let slot = head.part.checked_sub(1).and_then(|at| seen.get_mut(at as usize));
        match slot {
            Some(slot @ None) => *slot = Some(name.clone()),
            Some(Some(other)) => return Err(format!("{name}: part {} again, after {other}", head.part)),
            None => return Err(format!("{name}: part {} of {}", head.part, head.parts)),
        }
        let mut key = Vec::new();
        for _ in 0..head.keyed {
            let Keyed { place, word, .. } = read_entry(bytes, &mut key).map_err(damaged)?;
            let word = head.words.get(word as usize).ok_or_else(|| format!("{name}: damaged: run that part again"))?;
            if let Err(why) = collector.push(&key, word, place) {
                keys_lost.get_or_insert(not_kept(&why));
            }
        }
        // Nothing is told before all parts are read, so the sum may come last.
        let sum = bytes.sum();
        let mut end = [0; 16];
        bytes.read_exact(&mut end).map_err(damaged)?;
        let is_over = bytes.read(&mut [0]).map_err(damaged)? == 0;
        if end != sum || !is_over {
            let what = if is_over { "its sum is another than it says" } else { "there is more behind its end" };
            return Err(format!("{name}: damaged: {what}: run that part again"));
        }
        tally.add(std::mem::take(&mut head.tally), keep);
        first.get_or_insert((name.clone(), head));
    }
    let Some((_, head)) = first else { return Err("no parts".to_owned()) };
    let missing: Vec<String> =
        seen.iter().enumerate().filter(|(_, slot)| slot.is_none()).map(|(at, _)| (at + 1).to_string()).collect();
    if !missing.is_empty() {
        return Err(format!("of {} parts {} missing: {}", head.parts, missing.len(), missing.join(", ")));
    }
    // Lines before each part, then everything is one stretch.
    let mut bases = Vec::new();
    let mut base = 0;
    for part in 0..head.parts {
        bases.push(base);
        base += tally.lines.get(&(0, part)).copied().unwrap_or_default();
    }
    let resolve = |place: &mut Place| {
        place.line += bases.get(place.stretch as usize).copied().unwrap_or_default();
        place.stretch = 0;
    };
    tally.findings.iter_mut().for_each(|finding| resolve(&mut finding.place));
    tally.groups.values_mut().for_each(|group| resolve(&mut group.first.place));
    tally.lines = [((0, 0), base)].into();
    Ok(Ran::merged(tally, collector, vec![head.file], vec![bases], keys_lost))
}
