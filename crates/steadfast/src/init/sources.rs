//! The files of a project that say what it is made of. Each sort is one file in `sources/` and one line in [`SOURCES`];
//! one suite holds all of them to the same. They are read and nothing else: no program is run and nothing is dialled.

mod compose;
mod dockerfile;
mod dotenv;
mod fly;
mod health;
mod image;
mod openapi;
mod paper;
mod port_line;
mod procfile;
#[cfg(test)]
mod suite;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::clue::Clues;
pub(super) use paper::Paper;

/// Every sort of file, in the order in which they are read.
pub(super) const SOURCES: &[&dyn Source] =
    &[&compose::Compose, &dockerfile::Dockerfile, &fly::Fly, &procfile::Procfile, &openapi::OpenApi, &dotenv::DotEnv];

/// So many files are read; a repository of hundreds of services is not described by one `init`.
const MOST_FILES: usize = 40;

/// A sort of file.
pub(super) trait Source: Sync {
    /// Its name for people.
    fn title(&self) -> &'static str;
    /// Whether a file of this name is one.
    fn claims(&self, name: &str) -> bool;
    /// Reads those of one folder, and notes what is worth a check and what cannot be seen. A file that is wrong is said
    /// and not used; the others are.
    fn read(&self, papers: &[Paper], into: &mut Clues);
    /// Files that show all that the sort has, by name, for the suite.
    #[cfg(test)]
    fn exemplars(&self) -> Vec<Vec<(&'static str, &'static str)>>;
}

/// Whether a file of this name is worth reading.
pub(super) fn claimed(name: &str) -> bool {
    SOURCES.iter().any(|source| source.claims(name))
}

/// Reads all of them.
pub(super) fn read(folder: &Path, files: &[PathBuf]) -> Clues {
    let mut clues = Clues::default();
    for source in SOURCES {
        let mut folders: BTreeMap<(usize, String), Vec<Paper>> = BTreeMap::new();
        for path in files.iter().take(MOST_FILES) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if !source.claims(name) {
                continue;
            }
            match paper::read(folder, path) {
                Ok(paper) => {
                    let depth = paper.folder.split('/').filter(|part| !part.is_empty()).count();
                    folders.entry((depth, paper.folder.clone())).or_default().push(paper);
                }
                Err(left) => clues.unseen.push(left),
            }
        }
        folders.values().for_each(|papers| source.read(papers, &mut clues));
    }
    if let Some(more) = files.len().checked_sub(MOST_FILES).filter(|more| *more > 0) {
        let what = if more == 1 { "1 further file".to_owned() } else { format!("{more} further files") };
        clues.miss(what, format!("{MOST_FILES} files that describe the project were read already"));
    }
    clues
}
