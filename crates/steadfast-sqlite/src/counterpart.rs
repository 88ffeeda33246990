//! What a run holds every page against: a manifest, or another database file.

use std::path::{Path, PathBuf};

use crate::error::{ProveError, ProveErrorKind};
use crate::leaf::Stop;
use crate::manifest::{Digest, Reference};
use crate::options::Options;
use crate::source::Source;
use crate::view::{self, Opened, Watch};

/// The other side of a comparison.
pub(crate) enum Counterpart {
    Manifest(Reference),
    Database(Box<Beside>),
}

/// Another database.
pub(crate) struct Beside {
    path: PathBuf,
    source: Source,
}

impl Counterpart {
    /// A manifest if the file says so, otherwise a database, with what shows whether its view has held. It is read at the rate
    /// of the file `beside` it.
    pub(crate) fn open(path: &Path, beside: &Source) -> Result<(Counterpart, Option<Watch>), ProveError> {
        if let Some(manifest) = Reference::recognise(path)? {
            return Ok((Counterpart::Manifest(manifest), None));
        }
        match view::open(path, &Options::default())? {
            Opened::View(mut view) => {
                view.source.share_pace(beside);
                let beside = Beside { path: path.to_owned(), source: view.source };
                Ok((Counterpart::Database(Box::new(beside)), Some(view.watch)))
            }
            Opened::Faulty(findings, _) => {
                let seen = findings.first().map_or_else(String::new, |finding| {
                    format!("it cannot be compared with: {}, expected: {}", finding.seen, finding.expected)
                });
                Err(ProveError::new(ProveErrorKind::Faulty, path, seen))
            }
        }
    }

    pub(crate) fn pages(&self) -> u32 {
        match self {
            Counterpart::Manifest(manifest) => manifest.pages,
            Counterpart::Database(beside) => beside.source.pages,
        }
    }

    pub(crate) fn page_size(&self) -> u32 {
        match self {
            Counterpart::Manifest(manifest) => manifest.page_size,
            Counterpart::Database(beside) => beside.source.geometry.page_size,
        }
    }

    /// The pages of a chunk that are others here. Pages that this side does not have are not among them.
    pub(crate) fn differing(&self, first: u32, chunk: &[u8], digests: &[Digest]) -> Result<Vec<u32>, Stop> {
        let size = self.page_size() as usize;
        let number = |index: usize| first + index as u32;
        Ok(match self {
            Counterpart::Manifest(manifest) => {
                let expected = manifest.read(first, digests.len()).map_err(|why| Stop::Elsewhere(Box::new(why)))?;
                let pairs = digests.iter().zip(expected).enumerate();
                pairs.filter(|(_, (seen, expected))| *seen != expected).map(|(index, _)| number(index)).collect()
            }
            Counterpart::Database(beside) => {
                let behind = (u64::from(self.pages()) + 1).saturating_sub(u64::from(first));
                let there = (chunk.len() / size).min(behind as usize);
                let mut other = vec![0; there * size];
                beside
                    .source
                    .run(first, &mut other)
                    .map_err(|why| Stop::Elsewhere(Box::new(view::read_error(&beside.path, why))))?;
                let pairs = chunk.chunks_exact(size).zip(other.chunks_exact(size)).enumerate();
                pairs.filter(|(_, (a, b))| a != b).map(|(index, _)| number(index)).collect()
            }
        })
    }

    /// Bytes read on this side.
    pub(crate) fn bytes_read(&self) -> u64 {
        match self {
            Counterpart::Manifest(manifest) => manifest.bytes_read(),
            Counterpart::Database(beside) => beside.source.meter.read.load(std::sync::atomic::Ordering::Relaxed),
        }
    }
}
