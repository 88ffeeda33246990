//! The manifest: a BLAKE3 hash of every page, and over groups of 256 hashes a tree up to one root, so that a sample of
//! pages can be held against the root by reading a few kilobytes.
//!
//! Layout: a header of 64 bytes (magic, page size, page count, root), then the page hashes, then each level above.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

const MAGIC: &[u8; 16] = b"steadfast pages\x01";
const HEADER: u64 = 64;
const FAN_OUT: u64 = 256;

/// A BLAKE3 hash.
pub type Digest = [u8; 32];

/// Page hashes while they are being written. The name appears when the manifest is complete.
#[derive(Debug)]
pub(crate) struct Leaves {
    file: File,
    unfinished: PathBuf,
    path: PathBuf,
    page_size: u32,
    pages: u32,
}

impl Leaves {
    /// Begins a manifest, or takes up the one that an earlier run left unfinished.
    pub(crate) fn begin(path: &Path, page_size: u32, pages: u32, goes_on: bool) -> Result<Leaves> {
        let mut name = path.as_os_str().to_owned();
        name.push(".unfinished");
        let unfinished = PathBuf::from(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(!goes_on)
            .truncate(!goes_on)
            .mode(0o600)
            .open(&unfinished)?;
        Ok(Leaves { file, unfinished, path: path.to_owned(), page_size, pages })
    }

    pub(crate) fn write(&self, first: u32, digests: &[Digest]) -> Result<()> {
        self.file.write_all_at(digests.as_flattened(), HEADER + 32 * u64::from(first - 1))
    }

    /// Builds the upper levels and gives the file its name.
    pub(crate) fn finish(self) -> Result<Digest> {
        let mut below = (HEADER, u64::from(self.pages));
        while below.1 > 1 {
            let above = (below.0 + 32 * below.1, below.1.div_ceil(FAN_OUT));
            for group in 0..above.1 {
                let digest = group_digest(&self.file, below, group)?;
                self.file.write_all_at(&digest, above.0 + 32 * group)?;
            }
            below = above;
        }
        let mut top = [0; 32];
        if self.pages > 0 {
            self.file.read_exact_at(&mut top, below.0)?;
        }
        let root = root_of(self.page_size, self.pages, &top);
        let mut header = [0; HEADER as usize];
        header[..16].copy_from_slice(MAGIC);
        header[16..20].copy_from_slice(&self.page_size.to_le_bytes());
        header[20..24].copy_from_slice(&self.pages.to_le_bytes());
        header[24..56].copy_from_slice(&root);
        self.file.write_all_at(&header, 0)?;
        self.file.sync_all()?;
        std::fs::rename(&self.unfinished, &self.path)?;
        Ok(root)
    }
}

/// The root binds page size and count too.
fn root_of(page_size: u32, pages: u32, top: &Digest) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("steadfast-sqlite 2026 manifest root");
    hasher.update(&page_size.to_le_bytes());
    hasher.update(&pages.to_le_bytes());
    hasher.update(top);
    *hasher.finalize().as_bytes()
}

fn group_digest(file: &File, (at, count): (u64, u64), group: u64) -> Result<Digest> {
    let first = group * FAN_OUT;
    let members = FAN_OUT.min(count - first) as usize;
    let mut bytes = vec![0; 32 * members];
    file.read_exact_at(&mut bytes, at + 32 * first)?;
    let mut hasher = blake3::Hasher::new_derive_key("steadfast-sqlite 2026 manifest group");
    hasher.update(&bytes);
    Ok(*hasher.finalize().as_bytes())
}

/// A finished manifest.
#[derive(Debug)]
pub struct Reference {
    file: File,
    /// Bytes of a page.
    pub page_size: u32,
    /// Pages.
    pub pages: u32,
    /// The root of the hash tree.
    pub root: Digest,
}

impl Reference {
    /// Whether a file that starts so is a manifest.
    pub(crate) fn is_one(first: &[u8; 16]) -> bool {
        first == MAGIC
    }

    /// Opens a manifest.
    pub fn open(path: &Path) -> Result<Reference> {
        let file = File::open(path)?;
        let mut header = [0; HEADER as usize];
        let no_manifest = || Error::new(ErrorKind::InvalidData, "not a manifest of this program");
        file.read_exact_at(&mut header, 0).map_err(|_| no_manifest())?;
        if &header[..16] != MAGIC {
            return Err(no_manifest());
        }
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let mut root = [0; 32];
        root.copy_from_slice(&header[24..56]);
        let reference = Reference { file, page_size: number(16), pages: number(20), root };
        if !reference.page_size.is_power_of_two() || reference.file.metadata()?.len() < reference.length() {
            return Err(Error::new(ErrorKind::InvalidData, "the manifest is cut short"));
        }
        Ok(reference)
    }

    /// The hashes of `count` pages from `first`; pages behind the manifest's end have a hash that no page has.
    pub fn read(&self, first: u32, count: usize) -> Result<Vec<Digest>> {
        let there = count.min((u64::from(self.pages) + 1).saturating_sub(u64::from(first)) as usize);
        let mut digests = vec![[0; 32]; count];
        self.file.read_exact_at(digests[..there].as_flattened_mut(), HEADER + 32 * u64::from(first - 1))?;
        Ok(digests)
    }

    /// Says to the kernel that [`Reference::page`] will be asked for these pages: the groups that they are in, and all
    /// that is above, which is a 256th of the whole.
    pub(crate) fn will_need(&self, numbers: &[u32]) {
        let group_bytes = 32 * FAN_OUT;
        for number in numbers {
            let group = u64::from(number.saturating_sub(1)) / FAN_OUT;
            let _ = fadvise(&self.file, HEADER + group * group_bytes, NonZeroU64::new(group_bytes), Advice::WillNeed);
        }
        let above = HEADER + 32 * u64::from(self.pages);
        let _ = fadvise(&self.file, above, NonZeroU64::new(self.length() - above), Advice::WillNeed);
    }

    /// The hash of one page, held against the root on its way up.
    pub fn page(&self, number: u32) -> Result<Digest> {
        let broken = || Error::new(ErrorKind::InvalidData, "the manifest contradicts its own root");
        if number == 0 || number > self.pages {
            return Err(broken());
        }
        let mut level = (HEADER, u64::from(self.pages));
        let mut place = u64::from(number) - 1;
        let mut digest = self.digest_at(level.0, place)?;
        let page = digest;
        while level.1 > 1 {
            let group = place / FAN_OUT;
            let computed = group_digest(&self.file, level, group)?;
            level = (level.0 + 32 * level.1, level.1.div_ceil(FAN_OUT));
            place = group;
            digest = self.digest_at(level.0, place)?;
            if digest != computed {
                return Err(broken());
            }
        }
        if root_of(self.page_size, self.pages, &digest) == self.root { Ok(page) } else { Err(broken()) }
    }

    fn digest_at(&self, level: u64, place: u64) -> Result<Digest> {
        let mut digest = [0; 32];
        self.file.read_exact_at(&mut digest, level + 32 * place)?;
        Ok(digest)
    }

    fn length(&self) -> u64 {
        let (mut at, mut count) = (HEADER, u64::from(self.pages));
        loop {
            at += 32 * count;
            if count <= 1 {
                return at;
            }
            count = count.div_ceil(FAN_OUT);
        }
    }
}

/// A digest in hexadecimal.
pub(crate) fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pages: u32, spoil: Option<u64>) -> Result<Digest> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let leaves = Leaves::begin(&path, 4096, pages, false).unwrap();
        let digests: Vec<Digest> = (0..pages).map(|page| *blake3::hash(&page.to_le_bytes()).as_bytes()).collect();
        leaves.write(1, &digests).unwrap();
        leaves.finish().unwrap();
        if let Some(at) = spoil {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[at as usize] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        let reference = Reference::open(&path)?;
        for page in 1..=pages {
            assert_eq!(reference.page(page)?, digests[page as usize - 1]);
        }
        Ok(reference.root)
    }

    #[test]
    fn every_page_leads_up_to_the_root() {
        for pages in [1, 2, 256, 257, 700] {
            check(pages, None).unwrap();
        }
        assert_ne!(check(256, None).unwrap(), check(257, None).unwrap());
    }

    #[test]
    fn a_changed_manifest_contradicts_its_root() {
        assert!(check(700, Some(HEADER + 5)).is_err());
        assert!(check(700, Some(30)).is_err());
        assert!(check(700, Some(0)).is_err());
    }
}
