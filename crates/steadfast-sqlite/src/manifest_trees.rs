//! The last part of a manifest: which tree each page belongs to, so that two manifests can say where their databases
//! differ without either database at hand.
//!
//! Layout: the BLAKE3 hash of the rest, the count of names, each name behind its length, and for each page the number of
//! its name. Numbers are four bytes, the lowest first.

use std::fs::File;
use std::io::Result;
use std::os::unix::fs::FileExt;

/// Which tree each page belongs to.
pub(crate) struct Owners<'a> {
    /// The names of the trees.
    pub(crate) names: &'a [String],
    /// A page's place among the names.
    pub(crate) owner: &'a dyn Fn(u32) -> u32,
}

/// Which tree each page belongs to, as a manifest says it.
#[derive(Debug)]
pub(crate) struct Trees {
    names: Vec<String>,
    owners: Vec<u32>,
}

impl Trees {
    /// The tree of a page.
    pub(crate) fn name(&self, page: u32) -> Option<&str> {
        let owner = self.owners.get((page as usize).checked_sub(1)?)?;
        self.names.get(*owner as usize).map(String::as_str)
    }
}

/// Writes the part at `at`; its length.
pub(crate) fn write(file: &File, at: u64, pages: u32, owners: &Owners<'_>) -> Result<u64> {
    const AT_ONCE: usize = 1 << 18;
    let mut hasher = blake3::Hasher::new();
    let mut next = at + 32;
    let mut bytes = (owners.names.len() as u32).to_le_bytes().to_vec();
    for name in owners.names {
        bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
    }
    let mut flush = |bytes: &mut Vec<u8>| -> Result<u64> {
        hasher.update(bytes);
        file.write_all_at(bytes, next)?;
        next += bytes.len() as u64;
        bytes.clear();
        Ok(next)
    };
    for page in 1..=pages {
        bytes.extend_from_slice(&(owners.owner)(page).to_le_bytes());
        if bytes.len() >= AT_ONCE {
            flush(&mut bytes)?;
        }
    }
    let end = flush(&mut bytes)?;
    file.write_all_at(hasher.finalize().as_bytes(), at)?;
    Ok(end - at)
}

/// Reads the part; `None` if it is damaged.
pub(crate) fn read(file: &File, at: u64, length: u64, pages: u32) -> Result<Option<Trees>> {
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, at)?;
    Ok(parse(&bytes, pages))
}

fn parse(bytes: &[u8], pages: u32) -> Option<Trees> {
    let (digest, mut rest) = bytes.split_first_chunk::<32>()?;
    if blake3::hash(rest).as_bytes() != digest {
        return None;
    }
    let number = |rest: &mut &[u8]| -> Option<u32> {
        let (word, behind) = rest.split_first_chunk::<4>()?;
        *rest = behind;
        Some(u32::from_le_bytes(*word))
    };
    let count = number(&mut rest)?;
    let mut names = Vec::new();
    for _ in 0..count {
        let length = number(&mut rest)?;
        let (name, behind) = rest.split_at_checked(length as usize)?;
        names.push(String::from_utf8(name.to_vec()).ok()?);
        rest = behind;
    }
    let (words, behind) = rest.as_chunks::<4>();
    let owners: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    (behind.is_empty() && owners.len() == pages as usize).then_some(Trees { names, owners })
}
