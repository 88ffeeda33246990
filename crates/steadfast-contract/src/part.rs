//! Parts: one data set judged in pieces, on as many machines as there are, and put together to what one run would have
//! said. A part is a head in JSON, and behind it the keyed records of the part, sorted.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::check::{Ran, not_kept};
use crate::contract::Contract;
use crate::finding::Place;
use crate::judge::Judge;
use crate::keyed::{Collector, Keyed, read_entry, write_entry};
use crate::tally::Tally;

const MAGIC: &[u8; 8] = b"SFPART2\n";

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
    /// Bytes of the input.
    pub size: u64,
    /// Profile and whatever else changes a verdict, as text.
    pub options: String,
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
        size: agreement.size,
        contract: contract.fingerprint,
        options: agreement.options.clone(),
        tally: std::mem::take(&mut ran.tally).into_stretch(part - 1),
        words: ran.gathered.words.iter().map(|word| word.to_vec()).collect(),
        keyed,
    };
    let head = serde_json::to_vec(&head)?;
    out.write_all(MAGIC)?;
    out.write_all(&(head.len() as u64).to_le_bytes())?;
    out.write_all(&head)?;
    ran.keyed(|mut entry| {
        entry.place.stretch = part - 1;
        write_entry(out, entry).map(drop)
    })?;
    out.write_all(b"SFEND")?;
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
            Some((other, known)) if (&known.file, known.size, known.parts) != (&head.file, head.size, head.parts) => {
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
        let mut end = [0; 5];
        bytes.read_exact(&mut end).map_err(damaged)?;
        if &end != b"SFEND" {
            return Err(format!("{name}: damaged at its end: run that part again"));
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
