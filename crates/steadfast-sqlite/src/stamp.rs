//! The stamp: a stored proof that a file is, byte for byte, the one that was proven; checked in milliseconds at any size.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Advice, fadvise};
use serde::{Deserialize, Serialize};

use crate::error::{ProveError, ProveErrorKind};
use crate::identity::{Identity, WalIdentity};
use crate::journal::beside;
use crate::manifest::{Reference, hex};
use crate::proof::{Level, Proof, Verdict};
use crate::view::look_for_hot_journal;
use crate::wal::WalHeader;
use crate::{own_file, registry};

/// What is kept of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The program that proved it.
    pub program: String,
    /// Seconds since 1970.
    pub proven_at: u64,
    /// How much was proven.
    pub level: Level,
    /// The file in the moment of the proof.
    pub identity: Identity,
    /// Bytes of a page.
    pub page_size: u32,
    /// Pages.
    pub pages: u32,
    /// Tables, the schema's own not counted.
    pub tables: u32,
    /// Rows of all tables.
    pub rows: u64,
    /// The root of the manifest.
    pub manifest_root: String,
    /// Where the manifest is.
    pub manifest: PathBuf,
}

/// What a check of a stamp came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StampCheck {
    /// The answer.
    pub outcome: StampOutcome,
    /// Seconds since the proof.
    pub age_seconds: u64,
    /// Pages that were read and compared.
    pub sampled: u32,
    /// Pages of the database.
    pub pages: u32,
    /// Whether times, device and inode were left out.
    pub ignored_times: bool,
}

/// The answer of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum StampOutcome {
    /// Nothing says that the file has changed.
    Trusted,
    /// It has changed since the proof, as it does after any write.
    Changed {
        /// What is different.
        what: Vec<String>,
        /// Why it is not the file that was proven, at a later moment: another file, or an older copy of it.
        replaced: Option<String>,
    },
    /// Its metadata are those of the proof and a page is not.
    PageDiffers {
        /// The page.
        page: u32,
    },
}

impl StampCheck {
    /// The probability that a sample of this size sees none of `changed` pages, at most: `(1 - c/n)^N`. No page is drawn
    /// twice, so that it is nothing where fewer pages were left out than had changed.
    pub fn risk(&self, changed: u32) -> f64 {
        if self.pages == 0 {
            return 1.0;
        }
        if u64::from(self.sampled) + u64::from(changed) > u64::from(self.pages) && changed > 0 {
            return 0.0;
        }
        (1.0 - f64::from(changed.min(self.pages)) / f64::from(self.pages)).powi(self.sampled as i32)
    }
}

/// How every stamp begins.
const BEGINNING: &[u8] = b"{\n  \"program\": \"steadfast-sqlite ";

impl Stamp {
    /// From a proof of the whole file that passed and wrote a manifest.
    pub fn of(proof: &Proof, manifest: &Path) -> Option<Stamp> {
        let identity = proof.identity.clone()?;
        let manifest_root = proof.manifest_root.clone()?;
        (proof.verdict == Verdict::Pass && proof.scope.is_none()).then(|| Stamp {
            program: format!("steadfast-sqlite {}", env!("CARGO_PKG_VERSION")),
            proven_at: now(),
            level: proof.level,
            identity,
            page_size: proof.page_size,
            pages: proof.pages,
            tables: proof.tables,
            rows: proof.rows(),
            manifest_root,
            // Whoever checks the stamp may stand in another folder.
            manifest: std::path::absolute(manifest).unwrap_or_else(|_| manifest.to_owned()),
        })
    }

    /// Reads a stamp.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn load(path: &Path) -> Result<Stamp, ProveError> {
        let state = |seen: String| ProveError::new(ProveErrorKind::State, path, seen);
        let text = own_file::read(path).map_err(|why| match why.kind() {
            std::io::ErrorKind::NotFound => {
                state("there is no stamp: the file has not been proven and stamped yet".into())
            }
            _ => state(format!("cannot read the stamp: {why}")),
        })?;
        serde_json::from_slice(&text).map_err(|why| state(format!("not a stamp: {why}")))
    }

    /// Refuses a place where a stamp could not be written, or where another file than a stamp lies.
    ///
    /// # Errors
    /// It is such a place.
    pub fn may_be_saved(path: &Path) -> Result<(), ProveError> {
        own_file::could_write(path, BEGINNING).map_err(|why| unwritable(path, &why))
    }

    /// Writes the stamp with mode 0600, complete or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ProveError> {
        self.stage(path)?.publish(path).map_err(|why| unwritable(path, &why))
    }

    /// Gives a manifest that was written elsewhere in the same folder its name, and writes the stamp; an earlier stamp and its
    /// manifest stay what they are unless both can be replaced.
    ///
    /// # Errors
    /// The stamp cannot be written, or the manifest not be moved.
    pub fn save_with(&self, written: &Path, path: &Path) -> Result<(), ProveError> {
        let staged = self.stage(path)?;
        std::fs::rename(written, &self.manifest)
            .and_then(|()| staged.publish(path))
            .map_err(|why| unwritable(path, &why))
    }

    fn stage(&self, path: &Path) -> Result<own_file::Staged, ProveError> {
        let text = serde_json::to_vec_pretty(self).map_err(|why| unwritable(path, &why.into()))?;
        own_file::stage(path, BEGINNING, &text).map_err(|why| unwritable(path, &why))
    }

    /// Compares a file with its stamp: metadata, then `sample` pages drawn at random against the manifest.
    ///
    /// # Errors
    /// The file or the manifest cannot be read, or the manifest is not the stamp's.
    pub fn check(&self, path: &Path, sample: u32, ignore_times: bool) -> Result<StampCheck, ProveError> {
        let io = |doing: &'static str| move |why: std::io::Error| ProveError::from_io(path, doing, &why);
        let is_a_file = std::fs::metadata(path).map_err(io("cannot look at it"))?.is_file();
        if !is_a_file {
            return Err(ProveError::new(ProveErrorKind::NotAFile, path, "it is no file"));
        }
        let file = registry::open(path).map_err(io("cannot open it"))?;
        look_for_hot_journal(path, &file)?;
        let log = open_log(path)?;
        let mut identity = Identity::of(&file, None).map_err(io("cannot read it"))?;
        if let Some((wal, header)) = &log {
            let meta = wal.metadata().map_err(io("cannot look at its WAL"))?;
            // The commit frame is the stamp's if size and time are: counting frames would take as long as the log is.
            let frames = self.identity.wal.as_ref().map_or(0, |wal| wal.frames);
            identity.wal = Some(WalIdentity::of(header.salts, frames, &meta));
        }
        if !identity.is_a_database() {
            let kind = if identity.size <= 1 { ProveErrorKind::Empty } else { ProveErrorKind::NotADatabase };
            let seen = format!(
                "{} bytes that are no database; when it was proven it had {}",
                identity.size, self.identity.size
            );
            return Err(ProveError::new(kind, path, seen));
        }
        let mut check = StampCheck {
            outcome: StampOutcome::Trusted,
            age_seconds: now().saturating_sub(self.proven_at),
            sampled: 0,
            pages: self.pages,
            ignored_times: ignore_times,
        };
        let mut proven = self.identity.clone();
        if ignore_times {
            (proven.mtime_ns, proven.ctime_ns) = (identity.mtime_ns, identity.ctime_ns);
            (proven.device, proven.inode) = (identity.device, identity.inode);
            if let (Some(proven), Some(now)) = (&mut proven.wal, &identity.wal) {
                proven.mtime_ns = now.mtime_ns;
            }
        }
        let what = proven.differences(&identity);
        if !what.is_empty() {
            let replaced = proven.replaced_by(&identity);
            let what = what.into_iter().map(str::to_owned).collect();
            check.outcome = StampOutcome::Changed { what, replaced };
            return Ok(check);
        }
        self.sample(&file, log.as_ref(), sample, path, &mut check)?;
        Ok(check)
    }

    fn sample(
        &self,
        file: &File,
        log: Option<&(std::sync::Arc<File>, WalHeader)>,
        sample: u32,
        path: &Path,
        check: &mut StampCheck,
    ) -> Result<(), ProveError> {
        let state = |seen: String| ProveError::new(ProveErrorKind::State, &self.manifest, seen);
        let manifest = Reference::open(&self.manifest)
            .map_err(|why| state(format!("the stamp's manifest cannot be used: {}", why.seen)))?;
        if hex(&manifest.root) != self.manifest_root {
            return Err(state("the manifest is not the one of the stamp".into()));
        }
        // The root binds both, so that a stamp which says otherwise was changed by hand or by a fault.
        if (manifest.pages, manifest.page_size) != (self.pages, self.page_size) {
            return Err(state(format!(
                "the stamp contradicts its manifest: {} pages of {} bytes in the one, {} of {} in the other",
                self.pages, self.page_size, manifest.pages, manifest.page_size
            )));
        }
        let io = |why: std::io::Error| ProveError::from_io(path, "cannot read it", &why);
        let view = match log {
            Some((wal, header)) => header.frames(wal, self.identity.wal.as_ref().map(|wal| wal.frames)).map_err(io)?,
            None => None,
        };
        let drawn = draw(self.pages, sample).map_err(io)?;
        // Asked for all at once: a disk answers many questions in little more time than one. Advice may be ignored.
        manifest.will_need(&drawn);
        for number in &drawn {
            let offset = u64::from(number - 1) * u64::from(self.page_size);
            let _ = fadvise(file, offset, NonZeroU64::new(u64::from(self.page_size)), Advice::WillNeed);
        }
        let mut page = vec![0; self.page_size as usize];
        for number in drawn {
            match (log, view.as_ref().and_then(|view| view.overlay.get(&number))) {
                (Some((wal, _)), Some(offset)) => wal.read_exact_at(&mut page, *offset).map_err(io)?,
                _ => file.read_exact_at(&mut page, u64::from(number - 1) * u64::from(self.page_size)).map_err(io)?,
            }
            check.sampled += 1;
            let expected = manifest.page(number)?;
            if *blake3::hash(&page).as_bytes() != expected {
                check.outcome = StampOutcome::PageDiffers { page: number };
                return Ok(());
            }
        }
        Ok(())
    }
}

fn unwritable(path: &Path, why: &std::io::Error) -> ProveError {
    ProveError::unwritable(path, "cannot write the stamp", why)
}

/// The log beside a file and its header, if there is one that counts.
fn open_log(path: &Path) -> Result<Option<(std::sync::Arc<File>, WalHeader)>, ProveError> {
    let wal_path = beside(path, "-wal");
    let error = |why: std::io::Error| ProveError::from_io(&wal_path, "cannot read the WAL", &why);
    match registry::open(&wal_path) {
        Ok(wal) => Ok(WalHeader::read(&wal).map_err(error)?.map(|header| (wal, header))),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(error(why)),
    }
}

/// Pages drawn at random, each at most once; all of them if there are not more.
fn draw(pages: u32, sample: u32) -> std::io::Result<Vec<u32>> {
    if pages <= sample {
        return Ok((1..=pages).collect());
    }
    let mut random = File::open("/dev/urandom")?;
    let mut drawn = std::collections::BTreeSet::new();
    while drawn.len() < sample as usize {
        let mut bytes = [0; 8];
        random.read_exact(&mut bytes)?;
        drawn.insert((u64::from_le_bytes(bytes) % u64::from(pages)) as u32 + 1);
    }
    Ok(drawn.into_iter().collect())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs())
}
