//! The manifest: a BLAKE3 hash of every page, and over groups of 256 hashes a tree up to one root, so that a sample of
//! pages can be held against the root by reading a few kilobytes; and the tree that each page belongs to.
//!
//! Layout: a header of 64 bytes (magic with the format's version, page size, page count, root, length of the last part),
//! the page hashes, each level above, and the names of the trees (`manifest_trees`). Format 1 had no names.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Advice, fadvise};

use crate::entry_hash::Key;
use crate::error::{ProveError, ProveErrorKind};
use crate::header::PAGE_SIZES;
use crate::manifest_trees::{self, Owners, Trees};
use crate::{own_file, registry};

/// Of every format; the byte behind it is the format's version.
pub(crate) const BEGINNING: &[u8; 15] = b"steadfast pages";
/// Where a finished one has its format, so that it is not taken for one.
const UNFINISHED: &[u8; 16] = b"steadfast pages\0";
const FORMAT: u8 = 2;
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
    /// Whether what is unfinished is left for a later run.
    is_kept: bool,
}

impl Leaves {
    /// Begins a manifest, or takes up the one that this run, of which there is one key, left unfinished when it was stopped.
    pub(crate) fn begin(path: &Path, page_size: u32, pages: u32, goes_on: bool, run: Key) -> Result<Leaves> {
        own_file::may_replace(path, BEGINNING)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".unfinished");
        let unfinished = PathBuf::from(name);
        let file = if goes_on {
            let file = own_file::take_up(&unfinished, UNFINISHED)?;
            let mut whose = [0; 32];
            file.read_exact_at(&mut whose, UNFINISHED.len() as u64)?;
            if whose != run_digest(run) {
                let seen = format!("{} is of another run than the state", unfinished.display());
                return Err(Error::new(ErrorKind::InvalidData, seen));
            }
            file
        } else {
            let file = own_file::begin(&unfinished, UNFINISHED)?;
            if let Err(why) = file.write_all_at(&[&UNFINISHED[..], &run_digest(run)].concat(), 0) {
                // On a full disk: it serves nobody.
                let _ = std::fs::remove_file(&unfinished);
                return Err(why);
            }
            file
        };
        Ok(Leaves { file, unfinished, path: path.to_owned(), page_size, pages, is_kept: goes_on })
    }

    pub(crate) fn write(&self, first: u32, digests: &[Digest]) -> Result<()> {
        self.file.write_all_at(digests.as_flattened(), HEADER + 32 * u64::from(first - 1))
    }

    /// Why it cannot be written.
    pub(crate) fn unwritable(&self, why: &std::io::Error) -> ProveError {
        ProveError::new(ProveErrorKind::State, &self.path, format!("cannot write the manifest: {why}"))
    }

    /// Builds the upper levels, says whose pages they are, and gives the file its name.
    pub(crate) fn finish(mut self, owners: Option<&Owners<'_>>) -> Result<Digest> {
        let mut below = (HEADER, u64::from(self.pages));
        while below.1 > 1 {
            let above = above(below);
            for group in 0..above.1 {
                let first = group * FAN_OUT;
                let mut members = vec![0; 32 * FAN_OUT.min(below.1 - first) as usize];
                self.file.read_exact_at(&mut members, below.0 + 32 * first)?;
                self.file.write_all_at(&group_digest(&members), above.0 + 32 * group)?;
            }
            below = above;
        }
        let mut top = [0; 32];
        if self.pages > 0 {
            self.file.read_exact_at(&mut top, below.0)?;
        }
        let root = root_of(self.page_size, self.pages, &top);
        let end = below.0 + 32 * below.1;
        let names = match owners {
            Some(owners) => manifest_trees::write(&self.file, end, self.pages, owners)?,
            None => 0,
        };
        let mut header = [0; HEADER as usize];
        header[..15].copy_from_slice(BEGINNING);
        header[15] = FORMAT;
        header[16..20].copy_from_slice(&self.page_size.to_le_bytes());
        header[20..24].copy_from_slice(&self.pages.to_le_bytes());
        header[24..56].copy_from_slice(&root);
        header[56..].copy_from_slice(&names.to_le_bytes());
        self.file.write_all_at(&header, 0)?;
        self.file.set_len(end + names)?;
        self.file.sync_all()?;
        std::fs::rename(&self.unfinished, &self.path)?;
        self.is_kept = true;
        Ok(root)
    }

    /// Leaves what was written for the run that takes up the state of this one.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Leaves {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is written over by the next run.
            let _ = std::fs::remove_file(&self.unfinished);
        }
    }
}

/// Says which run is writing, without giving its key away.
fn run_digest(run: Key) -> Digest {
    blake3::derive_key(
        "steadfast-sqlite 2026 unfinished manifest",
        &[run.k0.to_le_bytes(), run.k1.to_le_bytes()].concat(),
    )
}

/// Place and count of the level above another.
fn above((at, count): (u64, u64)) -> (u64, u64) {
    (at + 32 * count, count.div_ceil(FAN_OUT))
}

/// The root binds page size and count too.
fn root_of(page_size: u32, pages: u32, top: &Digest) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("steadfast-sqlite 2026 manifest root");
    hasher.update(&page_size.to_le_bytes());
    hasher.update(&pages.to_le_bytes());
    hasher.update(top);
    *hasher.finalize().as_bytes()
}

fn group_digest(members: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("steadfast-sqlite 2026 manifest group");
    hasher.update(members);
    *hasher.finalize().as_bytes()
}

/// A finished manifest. Nothing that it says is believed before it was held against its root.
#[derive(Debug)]
pub struct Reference {
    file: Arc<File>,
    path: PathBuf,
    /// Bytes of a page.
    pub page_size: u32,
    /// Pages.
    pub pages: u32,
    /// The root of the hash tree.
    pub root: Digest,
    /// Bytes behind the hashes.
    names: u64,
    /// The level above the page hashes, once it was held against the root: an eighth of a byte for a page.
    groups: Mutex<Option<Arc<[Digest]>>>,
    read: AtomicU64,
}

impl Reference {
    /// Opens a manifest.
    ///
    /// # Errors
    /// It cannot be read, is none, is cut short, or was written by a newer version of this program.
    pub fn open(path: &Path) -> std::result::Result<Reference, ProveError> {
        Self::recognise(path)?
            .ok_or_else(|| ProveError::new(ProveErrorKind::State, path, "it is not a manifest of this program"))
    }

    /// Opens a file as a manifest if it begins as one; `None` if it is something else.
    ///
    /// # Errors
    /// It cannot be read, or is a manifest that is cut short or of a newer version of this program.
    pub fn recognise(path: &Path) -> std::result::Result<Option<Reference>, ProveError> {
        // Through the registry: it may be a database, and closing that would drop locks of this process.
        let file = registry::open(path).map_err(|why| ProveError::from_io(path, "cannot open it", &why))?;
        let mut header = [0; HEADER as usize];
        let there = file.read_at(&mut header, 0).map_err(|why| ProveError::from_io(path, "cannot read it", &why))?;
        if there < 16 || header[..15] != BEGINNING[..] {
            return Ok(None);
        }
        let refuse = |seen: String| Err(ProveError::new(ProveErrorKind::State, path, seen));
        let format = header[15];
        if format == 0 || format > FORMAT {
            return refuse(format!(
                "a manifest of format {format}, from a newer version of this program: this one reads formats up to {FORMAT}"
            ));
        }
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let names = u64::from(number(56)) | u64::from(number(60)) << 32;
        let mut root = [0; 32];
        root.copy_from_slice(&header[24..56]);
        let reference = Reference {
            path: path.to_owned(),
            page_size: number(16),
            pages: number(20),
            root,
            names: if format == 1 { 0 } else { names },
            groups: Mutex::new(None),
            read: AtomicU64::new(HEADER),
            file,
        };
        let length = reference.file.metadata().map_err(|why| reference.unreadable(&why))?.len();
        let expected = reference.end().checked_add(reference.names);
        if expected != Some(length) || !PAGE_SIZES.contains(&reference.page_size) {
            let expected = expected.map_or_else(|| "more".to_owned(), |expected| expected.to_string());
            return refuse(format!(
                "the manifest is cut short or damaged: {length} bytes, and its header says {expected}"
            ));
        }
        Ok(Some(reference))
    }

    /// The hashes of `count` pages from `first`, held against the root. Pages behind the manifest's end are left out.
    ///
    /// # Errors
    /// The manifest cannot be read or contradicts its root.
    pub fn read(&self, first: u32, count: usize) -> std::result::Result<Vec<Digest>, ProveError> {
        let from = u64::from(first.max(1)) - 1;
        let to = u64::from(self.pages).min(from.saturating_add(count as u64));
        if from >= to {
            return Ok(Vec::new());
        }
        let groups = self.groups()?;
        // Whole groups, for it is they that can be held against the level above.
        let start = from / FAN_OUT * FAN_OUT;
        let end = to.next_multiple_of(FAN_OUT).min(u64::from(self.pages));
        let mut digests = self.level(HEADER + 32 * start, end - start)?;
        for (members, group) in digests.chunks(FAN_OUT as usize).zip(start / FAN_OUT..) {
            // The hash of an only page is the top itself.
            let holds = if self.pages == 1 {
                root_of(self.page_size, 1, &members[0]) == self.root
            } else {
                groups.get(group as usize) == Some(&group_digest(members.as_flattened()))
            };
            if !holds {
                return Err(self.contradicts());
            }
        }
        digests.truncate((to - start) as usize);
        Ok(digests.split_off((from - start) as usize))
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
        let _ = fadvise(&self.file, above, NonZeroU64::new(self.end() - above), Advice::WillNeed);
    }

    /// The hash of one page, held against the root on its way up.
    ///
    /// # Errors
    /// There is no such page, or the manifest cannot be read or contradicts its root.
    pub fn page(&self, number: u32) -> std::result::Result<Digest, ProveError> {
        if number == 0 || number > self.pages {
            return Err(self.contradicts());
        }
        let mut level = (HEADER, u64::from(self.pages));
        let mut place = u64::from(number) - 1;
        let page = self.level(level.0 + 32 * place, 1)?[0];
        let mut digest = page;
        while level.1 > 1 {
            let group = place / FAN_OUT;
            let first = group * FAN_OUT;
            let members = self.level(level.0 + 32 * first, FAN_OUT.min(level.1 - first))?;
            if members[(place - first) as usize] != digest {
                return Err(self.contradicts());
            }
            digest = group_digest(members.as_flattened());
            (level, place) = (above(level), group);
        }
        if root_of(self.page_size, self.pages, &digest) == self.root { Ok(page) } else { Err(self.contradicts()) }
    }

    /// Which tree each page belongs to; `None` if the manifest does not say.
    ///
    /// # Errors
    /// The manifest cannot be read or is damaged.
    pub(crate) fn trees(&self) -> std::result::Result<Option<Trees>, ProveError> {
        if self.names == 0 {
            return Ok(None);
        }
        self.read.fetch_add(self.names, Ordering::Relaxed);
        let trees = manifest_trees::read(&self.file, self.end(), self.names, self.pages);
        match trees.map_err(|why| self.unreadable(&why))? {
            Some(trees) => Ok(Some(trees)),
            None => Err(self.contradicts()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that were read of the manifest.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The level above the page hashes, held against the root.
    fn groups(&self) -> std::result::Result<Arc<[Digest]>, ProveError> {
        let mut known = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(groups) = &*known {
            return Ok(Arc::clone(groups));
        }
        let pages = (HEADER, u64::from(self.pages));
        let groups: Arc<[Digest]> = if self.pages > 1 {
            let (at, count) = above(pages);
            let groups = self.level(at, count)?;
            let mut level = (at, count);
            let mut top = groups.clone();
            while top.len() > 1 {
                level = above(level);
                top = top.chunks(FAN_OUT as usize).map(|members| group_digest(members.as_flattened())).collect();
                if top != self.level(level.0, level.1)? {
                    return Err(self.contradicts());
                }
            }
            if root_of(self.page_size, self.pages, &top[0]) != self.root {
                return Err(self.contradicts());
            }
            groups.into()
        } else {
            Arc::new([])
        };
        *known = Some(Arc::clone(&groups));
        Ok(groups)
    }

    fn level(&self, at: u64, count: u64) -> std::result::Result<Vec<Digest>, ProveError> {
        let mut digests = vec![[0; 32]; count as usize];
        self.file.read_exact_at(digests.as_flattened_mut(), at).map_err(|why| self.unreadable(&why))?;
        self.read.fetch_add(32 * count, Ordering::Relaxed);
        Ok(digests)
    }

    /// Where the hashes end.
    fn end(&self) -> u64 {
        let mut level = (HEADER, u64::from(self.pages));
        while level.1 > 1 {
            level = above(level);
        }
        level.0 + 32 * level.1
    }

    fn contradicts(&self) -> ProveError {
        ProveError::new(ProveErrorKind::State, &self.path, "the manifest is damaged: it contradicts its own root")
    }

    fn unreadable(&self, why: &std::io::Error) -> ProveError {
        ProveError::new(ProveErrorKind::State, &self.path, format!("cannot read the manifest: {why}"))
    }
}

/// A digest in hexadecimal.
pub(crate) fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Key = Key { k0: 1, k1: 2 };

    /// A manifest of so many pages, which belong to `t` and `i` in turn.
    fn written(path: &Path, pages: u32, is_named: bool) -> Vec<Digest> {
        let leaves = Leaves::begin(path, 4096, pages, false, RUN).unwrap();
        let digests: Vec<Digest> = (0..pages).map(|page| *blake3::hash(&page.to_le_bytes()).as_bytes()).collect();
        leaves.write(1, &digests).unwrap();
        let names = ["t".to_owned(), "i".to_owned()];
        let owners = Owners { names: &names, owner: &|page| page % 2 };
        leaves.finish(is_named.then_some(&owners)).unwrap();
        digests
    }

    /// Reads all of a manifest in every way there is.
    fn read_all(path: &Path) -> std::result::Result<(Vec<Digest>, Digest), ProveError> {
        let reference = Reference::open(path)?;
        for page in [1, reference.pages / 2 + 1, reference.pages] {
            reference.page(page)?;
        }
        reference.trees()?;
        Ok((reference.read(1, reference.pages as usize)?, reference.root))
    }

    fn check(pages: u32) -> Digest {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let digests = written(&path, pages, true);
        let reference = Reference::open(&path).unwrap();
        for page in 1..=pages {
            assert_eq!(reference.page(page).unwrap(), digests[page as usize - 1]);
        }
        for (first, count) in [(1, 1), (1, 64), (pages, 1), (pages, 9), (pages.div_ceil(2), 300), (pages + 1, 4)] {
            let expected: Vec<Digest> = digests.iter().copied().skip(first as usize - 1).take(count).collect();
            assert_eq!(reference.read(first, count).unwrap(), expected, "{count} from {first} of {pages}");
        }
        let trees = reference.trees().unwrap().unwrap();
        assert_eq!((trees.name(1), trees.name(pages + 1)), (Some("i"), None));
        reference.root
    }

    #[test]
    fn every_page_leads_up_to_the_root() {
        for pages in [1, 2, 256, 257, 700] {
            check(pages);
        }
        assert_ne!(check(256), check(257));
    }

    #[test]
    fn no_byte_of_a_manifest_changes_unnoticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        for (pages, step) in [(1, 1), (3, 1), (300, 37), (70_000, 65_521)] {
            written(&path, pages, true);
            read_all(&path).unwrap();
            let sound = std::fs::read(&path).unwrap();
            // The byte of the format is the one whose change gives another manifest: one that names no trees.
            for at in (0..sound.len()).step_by(step).filter(|at| *at != 15) {
                let mut spoilt = sound.clone();
                spoilt[at] ^= 0x11;
                std::fs::write(&path, spoilt).unwrap();
                assert!(read_all(&path).is_err(), "byte {at} of {} with {pages} pages", sound.len());
            }
        }
    }

    #[test]
    fn a_manifest_that_is_cut_or_longer_than_it_says_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        written(&path, 3, true);
        let sound = std::fs::read(&path).unwrap();
        for length in [16, 63, 64, sound.len() - 1, sound.len() + 1] {
            let mut other = sound.clone();
            other.resize(length, 0);
            std::fs::write(&path, other).unwrap();
            let why = Reference::open(&path).unwrap_err();
            assert!(why.kind == ProveErrorKind::State && why.seen.contains("cut short or damaged"), "{length}: {why}");
        }
    }

    #[test]
    fn format_one_is_read_and_a_newer_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let digests = written(&path, 300, false);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[15] = 1;
        std::fs::write(&path, &bytes).unwrap();
        let old = Reference::open(&path).unwrap();
        assert_eq!(old.read(1, 300).unwrap(), digests);
        assert!(old.trees().unwrap().is_none());
        bytes[15] = 3;
        std::fs::write(&path, &bytes).unwrap();
        let why = Reference::recognise(&path).unwrap_err().to_string();
        assert!(
            why.ends_with(
                "a manifest of format 3, from a newer version of this program: this one reads formats up to 2"
            )
        );
    }

    #[test]
    fn what_a_run_left_unfinished_is_taken_up_by_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let begin = |goes_on, run| Leaves::begin(&path, 4096, 3, goes_on, run);
        begin(false, RUN).unwrap().keep();
        let why = begin(true, Key { k0: 3, k1: 2 }).unwrap_err();
        assert!(why.to_string().ends_with("m.unfinished is of another run than the state"), "{why}");
        begin(true, RUN).unwrap().keep();
        // A run of another state has begun anew in between.
        begin(false, Key { k0: 3, k1: 2 }).unwrap().keep();
        assert_eq!(begin(true, RUN).unwrap_err().kind(), ErrorKind::InvalidData);
        drop(begin(false, RUN).unwrap());
        assert_eq!(begin(true, RUN).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_database_is_not_overwritten_by_a_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        std::fs::write(&path, "SQLite format 3\0 and all that was ever stored").unwrap();
        assert!(Reference::recognise(&path).unwrap().is_none());
        let why = Leaves::begin(&path, 4096, 1, false, RUN).unwrap_err();
        assert_eq!(why.kind(), std::io::ErrorKind::AlreadyExists);
    }
}
