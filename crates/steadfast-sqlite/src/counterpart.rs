//! What a run holds every page against: a manifest, or another database file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::{ProveError, ProveErrorKind};
use crate::leaf::Stop;
use crate::manifest::{Digest, Reference};
use crate::options::Options;
use crate::source::Source;
use crate::view::{self, Opened};

/// The other side of a comparison.
pub(crate) enum Counterpart {
    Manifest(Reference),
    Database(Box<Source>),
}

impl Counterpart {
    /// A manifest if the file says so, otherwise a database.
    pub(crate) fn open(path: &Path) -> Result<Counterpart, ProveError> {
        let mut first = [0; 16];
        let is_manifest = File::open(path)
            .and_then(|file| file.read_exact_at(&mut first, 0))
            .is_ok_and(|()| Reference::is_one(&first));
        if is_manifest {
            return Reference::open(path).map(Counterpart::Manifest).map_err(|why| {
                ProveError::new(ProveErrorKind::State, path, format!("cannot read the manifest: {why}"))
            });
        }
        match view::open(path, &Options::default())? {
            Opened::View(view) => Ok(Counterpart::Database(Box::new(view.source))),
            Opened::Faulty(findings, _) => {
                let seen = findings.first().map(|finding| finding.seen.clone()).unwrap_or_default();
                Err(ProveError::new(ProveErrorKind::NotADatabase, path, seen))
            }
        }
    }

    pub(crate) fn pages(&self) -> u32 {
        match self {
            Counterpart::Manifest(manifest) => manifest.pages,
            Counterpart::Database(source) => source.pages,
        }
    }

    pub(crate) fn page_size(&self) -> u32 {
        match self {
            Counterpart::Manifest(manifest) => manifest.page_size,
            Counterpart::Database(source) => source.geometry.page_size,
        }
    }

    /// The pages of a chunk that are others here. Pages that this side does not have are not among them.
    pub(crate) fn differing(&self, first: u32, chunk: &[u8], digests: &[Digest]) -> Result<Vec<u32>, Stop> {
        let size = self.page_size() as usize;
        let there = digests
            .len()
            .max(chunk.len() / size)
            .min((u64::from(self.pages()) + 1).saturating_sub(u64::from(first)) as usize);
        let number = |index: usize| first + index as u32;
        Ok(match self {
            Counterpart::Manifest(manifest) => {
                let expected = manifest.read(first, there).map_err(|why| Stop::Io(0, why))?;
                (0..there).filter(|index| digests[*index] != expected[*index]).map(number).collect()
            }
            Counterpart::Database(source) => {
                let mut other = vec![0; there * size];
                source.run(first, &mut other)?;
                let pairs = chunk.chunks_exact(size).zip(other.chunks_exact(size)).enumerate();
                pairs.filter(|(_, (a, b))| a != b).map(|(index, _)| number(index)).collect()
            }
        })
    }

    /// Bytes read on this side.
    pub(crate) fn bytes_read(&self) -> u64 {
        match self {
            Counterpart::Manifest(_) => 0,
            Counterpart::Database(source) => source.meter.read.load(std::sync::atomic::Ordering::Relaxed),
        }
    }
}
