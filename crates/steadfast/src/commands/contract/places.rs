//! Where a run writes: never over what it reads, and no two of its outputs in one place.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use steadfast_contract::baseline;

use super::Refused;

/// The places of a run, each with the words that it is called by.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    read: Vec<(String, &'a Path)>,
    written: Vec<(&'static str, &'a Path)>,
    folders: Vec<(&'static str, &'a Path)>,
    baseline: Option<&'a Path>,
    compared: Option<&'a Path>,
}

impl<'a> Places<'a> {
    /// Files that are read; `-` is none.
    pub(super) fn reads(mut self, what: &str, files: impl IntoIterator<Item = &'a Path>) -> Places<'a> {
        let files = files.into_iter().filter(|file| *file != Path::new("-"));
        self.read.extend(files.map(|file| (what.to_owned(), file)));
        self
    }

    /// A file that is written.
    pub(super) fn writes(mut self, flag: &'static str, file: Option<&'a Path>) -> Places<'a> {
        self.written.extend(file.map(|file| (flag, file)));
        self
    }

    /// A folder that is replaced with all that is in it.
    pub(super) fn fills(mut self, flag: &'static str, folder: Option<&'a Path>) -> Places<'a> {
        self.folders.extend(folder.map(|folder| (flag, folder)));
        self
    }

    /// A baseline that is written, which may be the one that is compared with.
    pub(super) fn writes_baseline(mut self, file: Option<&'a Path>) -> Places<'a> {
        self.baseline = file;
        self.writes("the baseline", file)
    }

    /// A baseline that is compared with, which only a baseline may be written over.
    pub(super) fn compares_with(mut self, file: Option<&'a Path>) -> Places<'a> {
        self.compared = file;
        self
    }

    /// Refuses what would be lost.
    pub(super) fn keep_apart(self) -> Result<(), Refused> {
        let refuse = |flag: &str, place: &Path, what: &str| {
            Err(Refused::usage(format!(
                "{}: {flag} would be written over {what}: name another place. Nothing was touched",
                place.display()
            )))
        };
        for (at, (flag, place)) in self.written.iter().enumerate() {
            let own = Identity::of(place);
            if let Some((what, _)) = self.read.iter().find(|(_, read)| Identity::of(read) == own) {
                return refuse(flag, place, what);
            }
            let compared = self.compared.filter(|_| Some(*place) != self.baseline);
            if compared.is_some_and(|compared| Identity::of(compared) == own) {
                return refuse(flag, place, "the baseline that is compared with");
            }
            if let Some((other, _)) = self.written[..at].iter().find(|(_, other)| Identity::of(other) == own) {
                return refuse(flag, place, other);
            }
        }
        for (flag, folder) in &self.folders {
            let read = self.read.iter().map(|(what, read)| (what.as_str(), *read));
            let written = self.written.iter().map(|(other, place)| (*other, *place));
            let compared = self.compared.map(|place| ("the baseline that is compared with", place));
            for (what, place) in read.chain(written).chain(compared) {
                if whole(place).starts_with(whole(folder)) {
                    return refuse(flag, folder, &format!("{what} ({})", place.display()));
                }
            }
        }
        match self.baseline.filter(|file| !baseline::may_be_written(file)) {
            None => Ok(()),
            Some(file) => refuse("the baseline", file, "a file that is no baseline"),
        }
    }
}

/// Which file a path leads to, by whatever name.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    There(u64, u64),
    NotYet(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Identity {
        match std::fs::metadata(path) {
            Ok(there) => Identity::There(there.dev(), there.ino()),
            Err(_) => Identity::NotYet(whole(path)),
        }
    }
}

/// The path without links and dots, as far as it is there.
fn whole(path: &Path) -> PathBuf {
    let mut behind: Vec<OsString> = Vec::new();
    let mut above = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    loop {
        if let Ok(there) = std::fs::canonicalize(&above) {
            return behind.iter().rev().fold(there, |path, name| path.join(name));
        }
        match (above.file_name().map(ToOwned::to_owned), above.parent().map(ToOwned::to_owned)) {
            (Some(name), Some(parent)) => {
                behind.push(name);
                above = parent;
            }
            (None, _) | (_, None) => return path.to_owned(),
        }
    }
}
