//! The last accepted release, as a sidecar: twelve bytes a record (fingerprint of the key, number into a dictionary of
//! distinct states and attributions), sorted; with `--keep-keys` the keys too, so that gone ones have names.
//!
//! Layout: `SFBASE2\n`, the length of the head (u32, little-endian), the head as JSON, the entries, the keys (u16 length
//! and text, in the order of the entries; only if the head says so), and the xxh3 of everything before it.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path as FilePath;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::keyed::Gathered;
use crate::quarantine::Whole;

const MAGIC: &[u8; 8] = b"SFBASE2\n";
/// Keys were written in a way that took 1 and "1" for one.
const BEFORE: &[u8; 8] = b"SFBASE1\n";

/// What a baseline says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The key's path (several: all of them together).
    pub key: Vec<String>,
    /// The paths whose states are kept.
    pub paths: Vec<String>,
    /// Keyed records.
    pub records: u64,
    /// Each: one byte of state per path, then the attribution.
    pub words: Vec<(Vec<u8>, String)>,
    /// Whether the keys themselves are kept.
    pub keys: bool,
    /// What it was made from.
    pub made_from: Vec<String>,
    /// When, RFC 3339.
    pub made_at: String,
}

/// A baseline that is being read.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) head: Head,
    entries: BufReader<File>,
    keys: Option<BufReader<File>>,
    left: u64,
}

impl Baseline {
    /// Opens and verifies a baseline.
    pub(crate) fn open(path: &FilePath) -> Result<Baseline, String> {
        let name = path.display();
        let cannot = |why: io::Error| format!("{name}: cannot be read: {why}");
        let no = |what: &str| format!("{name}: {what}: make it again with `steadfast contract accept`");
        let mut file = File::open(path).map_err(|why| {
            format!("{name}: cannot be read: {why}; `steadfast contract accept` makes a release the baseline")
        })?;
        let size = file.metadata().map_err(cannot)?.len();
        let mut magic = Vec::new();
        (&file).take(8).read_to_end(&mut magic).map_err(cannot)?;
        if magic == BEFORE {
            return Err(no("made by an earlier version, which took the key 1 and the key \"1\" for one"));
        }
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        verify(&mut file, size).map_err(cannot)?.then_some(()).ok_or_else(|| no("damaged, or no baseline"))?;
        file.seek(SeekFrom::Start(8)).map_err(cannot)?;
        let mut length = [0; 4];
        file.read_exact(&mut length).map_err(cannot)?;
        let mut head = vec![0; u32::from_le_bytes(length) as usize];
        file.read_exact(&mut head).map_err(cannot)?;
        let start = 12 + head.len() as u64;
        let head: Head = serde_json::from_slice(&head).map_err(|why| no(&format!("its head is no head ({why})")))?;
        let mut keys = None;
        if head.keys {
            let mut second = File::open(path).map_err(cannot)?;
            second.seek(SeekFrom::Start(start + 12 * head.records)).map_err(cannot)?;
            keys = Some(BufReader::with_capacity(128 << 10, second));
        }
        Ok(Baseline { left: head.records, head, entries: BufReader::with_capacity(128 << 10, file), keys })
    }

    /// The next (fingerprint, word, key).
    pub(crate) fn next(&mut self) -> io::Result<Option<crate::regression::EarlierKey>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut entry = [0; 12];
        self.entries.read_exact(&mut entry)?;
        let mut key = None;
        if let Some(keys) = &mut self.keys {
            let mut length = [0; 2];
            keys.read_exact(&mut length)?;
            let mut text = vec![0; usize::from(u16::from_le_bytes(length))];
            keys.read_exact(&mut text)?;
            key = Some(text);
        }
        let (fingerprint, word) = entry.split_at(8);
        let fingerprint = fingerprint.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let word = word.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        Ok(Some((fingerprint, word, key)))
    }
}

fn verify(file: &mut File, size: u64) -> io::Result<bool> {
    if size < 20 {
        return Ok(false);
    }
    let mut hash = Xxh3::new();
    let mut left = size - 8;
    let mut piece = vec![0; 256 << 10];
    let mut first = true;
    while left > 0 {
        let count = piece.len().min(left as usize);
        file.read_exact(&mut piece[..count])?;
        if first && !piece.starts_with(MAGIC) {
            return Ok(false);
        }
        first = false;
        hash.update(&piece[..count]);
        left -= count as u64;
    }
    let mut sum = [0; 8];
    file.read_exact(&mut sum)?;
    Ok(hash.digest().to_le_bytes() == sum)
}

/// Writes a baseline; it appears whole or not at all. The answer: bytes, and of those the keys.
pub(crate) fn write(
    target: &FilePath,
    key: Vec<String>,
    paths: Vec<String>,
    gathered: &Gathered,
    keep_keys: bool,
    made_from: Vec<String>,
    made_at: String,
) -> Result<(u64, u64), String> {
    let cannot = |why: io::Error| format!("{}: cannot be written: {why}", target.display());
    let words = gathered
        .words
        .iter()
        .map(|word| {
            let (states, attribution) = word.split_at(paths.len().min(word.len()));
            (states.to_vec(), String::from_utf8_lossy(attribution).into_owned())
        })
        .collect();
    let mut records = 0;
    gathered
        .merged(|_| {
            records += 1;
            Ok(())
        })
        .map_err(cannot)?;
    let head = Head { key, paths, records, words, keys: keep_keys, made_from, made_at };
    let head = serde_json::to_vec(&head).map_err(|why| format!("{}: {why}", target.display()))?;
    let mut out = Summed { out: Whole::new(target)?, hash: Xxh3::new(), written: 0 };
    let mut put = || -> io::Result<(u64, u64)> {
        out.write_all(MAGIC)?;
        out.write_all(&(head.len() as u32).to_le_bytes())?;
        out.write_all(&head)?;
        gathered.merged(|entry| {
            out.write_all(&entry.fingerprint.to_le_bytes())?;
            out.write_all(&entry.word.to_le_bytes())
        })?;
        let before = out.written;
        if keep_keys {
            gathered.merged(|entry| {
                let key = &entry.key[..entry.key.len().min(usize::from(u16::MAX))];
                out.write_all(&(key.len() as u16).to_le_bytes())?;
                out.write_all(key)
            })?;
        }
        let keys = out.written - before;
        let sum = out.hash.digest().to_le_bytes();
        out.write_all(&sum)?;
        Ok((out.written, keys))
    };
    let sizes = put().map_err(cannot)?;
    out.out.publish().map_err(cannot)?;
    Ok(sizes)
}

struct Summed {
    out: Whole,
    hash: Xxh3,
    written: u64,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
/// Whether a baseline may take the place of what stands there: nothing, nothing in it, or a baseline of any version.
pub fn may_be_written(path: &std::path::Path) -> bool {
    let Ok(mut there) = std::fs::File::open(path) else { return !path.exists() };
    let mut begin = [0; 6];
    let size = there.metadata().map_or(u64::MAX, |meta| meta.len());
    size == 0 || std::io::Read::read_exact(&mut there, &mut begin).is_ok_and(|()| MAGIC.starts_with(&begin))
}
