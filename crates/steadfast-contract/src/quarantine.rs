//! Bad records, byte for byte, and what is wrong with them, beside the good ones. Nothing is published before everything
//! is written: a half-written quarantine is worse than none.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files of a quarantine.
pub(crate) const RECORDS: &str = "records.jsonl";
/// See [`RECORDS`].
pub(crate) const FINDINGS: &str = "findings.jsonl";

/// A quarantine that is being filled.
#[derive(Debug)]
pub(crate) struct Quarantine {
    folder: PathBuf,
    staged: PathBuf,
    records: BufWriter<File>,
    findings: BufWriter<File>,
    published: bool,
}

impl Quarantine {
    /// The folder must not exist, be empty, or hold a quarantine.
    pub(crate) fn new(folder: &Path) -> Result<Quarantine, String> {
        if let Ok(there) = fs::read_dir(folder) {
            for entry in there.flatten() {
                if entry.file_name() != RECORDS && entry.file_name() != FINDINGS {
                    return Err(format!(
                        "{}: holds {}, which is not from a quarantine: name a folder of its own",
                        folder.display(),
                        entry.file_name().display()
                    ));
                }
            }
        } else if folder.exists() {
            return Err(format!("{}: is not a folder", folder.display()));
        }
        let name = folder.file_name().ok_or_else(|| format!("{}: is no name for a folder", folder.display()))?;
        remove_left(folder, name);
        let staged = folder.with_file_name(format!(".{}.{}", name.display(), std::process::id()));
        let start = || -> io::Result<(File, File)> {
            fs::create_dir_all(&staged)?;
            let records = File::create(staged.join(RECORDS))?;
            // Where locks are not known nothing of anybody is ever taken for abandoned.
            let _ = lock(&records);
            Ok((records, File::create(staged.join(FINDINGS))?))
        };
        let (records, findings) = start().map_err(|why| {
            let _ = fs::remove_dir_all(&staged);
            format!("{}: cannot be made: {why}", folder.display())
        })?;
        Ok(Quarantine {
            folder: folder.to_owned(),
            staged,
            records: BufWriter::new(records),
            findings: BufWriter::new(findings),
            published: false,
        })
    }

    pub(crate) fn write(&mut self, records: &[u8], findings: &[u8]) -> io::Result<()> {
        self.records.write_all(records)?;
        self.findings.write_all(findings)
    }

    /// Puts the whole folder in its place in one step.
    pub(crate) fn publish(mut self) -> io::Result<()> {
        for file in [&mut self.records, &mut self.findings] {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        if self.folder.exists() {
            swap(&self.staged, &self.folder)?;
            fs::remove_dir_all(&self.staged)?;
        } else {
            fs::rename(&self.staged, &self.folder)?;
        }
        self.published = true;
        Ok(())
    }
}

/// Removes what runs left that were killed before they could publish. Whoever still writes holds a lock on it.
fn remove_left(folder: &Path, name: &std::ffi::OsStr) {
    let beginning = format!(".{}.", name.display());
    let beside = folder.parent().filter(|beside| *beside != Path::new("")).unwrap_or(Path::new("."));
    for entry in fs::read_dir(beside).into_iter().flatten().flatten() {
        let staged = entry.file_name();
        let is_staged =
            staged.to_str().and_then(|staged| staged.strip_prefix(&beginning)?.parse::<u32>().ok()).is_some();
        if is_staged && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_abandoned(&entry.path()) {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(staged: &Path) -> bool {
    let is_ours = |entry: fs::DirEntry| entry.file_name() == RECORDS || entry.file_name() == FINDINGS;
    let holds_ours = fs::read_dir(staged).is_ok_and(|mut there| there.all(|entry| entry.is_ok_and(is_ours)));
    // One that begins now is not locked yet.
    let modified = fs::metadata(staged).and_then(|meta| meta.modified()).ok();
    let is_old = modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > Duration::from_secs(60));
    holds_ours && is_old && File::open(staged.join(RECORDS)).is_ok_and(|records| lock(&records).is_ok())
}

fn lock(records: &File) -> io::Result<()> {
    Ok(rustix::fs::flock(records, rustix::fs::FlockOperation::NonBlockingLockExclusive)?)
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_dir_all(&self.staged);
        }
    }
}

#[cfg(target_os = "linux")]
fn swap(staged: &Path, folder: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, staged, CWD, folder, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // A file system that cannot exchange: one file after the other.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => one_by_one(staged, folder),
        Err(why) => Err(why.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn swap(staged: &Path, folder: &Path) -> io::Result<()> {
    one_by_one(staged, folder)
}

fn one_by_one(staged: &Path, folder: &Path) -> io::Result<()> {
    fs::rename(staged.join(RECORDS), folder.join(RECORDS))?;
    fs::rename(staged.join(FINDINGS), folder.join(FINDINGS))
}

/// A file that appears whole or not at all.
#[derive(Debug)]
pub(crate) struct Whole {
    target: PathBuf,
    out: BufWriter<tempfile::NamedTempFile>,
}

impl Whole {
    /// What is there already must be a file: a device, a pipe or a link would be replaced by one.
    pub(crate) fn new(target: &Path) -> Result<Whole, String> {
        if fs::symlink_metadata(target).is_ok_and(|there| !there.is_file()) {
            return Err(format!("{}: is no plain file, and would be replaced: name another", target.display()));
        }
        let folder = match target.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        // As a file that is written plainly would have it: a new one follows the umask, and what stands there keeps its mode.
        let there = fs::metadata(target).map(|there| there.permissions()).ok();
        let file = tempfile::Builder::new()
            .prefix(".steadfast-")
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .and_then(|file| there.map_or(Ok(()), |mode| file.as_file().set_permissions(mode)).map(|()| file))
            .map_err(|why| format!("{}: cannot be made: {why}", target.display()))?;
        Ok(Whole { target: target.to_owned(), out: BufWriter::new(file) })
    }

    pub(crate) fn publish(self) -> io::Result<()> {
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&self.target).map(drop).map_err(|why| why.error)
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_goes_with_the_next_and_what_lives_or_is_of_others_stays() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("bad");
        let left = |name: &str, file: &str, is_old: bool| {
            let staged = folder.path().join(name);
            fs::create_dir(&staged).unwrap();
            fs::write(staged.join(file), "x").unwrap();
            if is_old {
                let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
                File::open(&staged).unwrap().set_modified(long_ago).unwrap();
            }
            staged
        };
        let killed = left(".bad.4194305", RECORDS, true);
        let lives = left(".bad.4194306", RECORDS, true);
        let held = File::open(lives.join(RECORDS)).unwrap();
        lock(&held).unwrap();
        let stay =
            [left(".bad.4194307", "notes.txt", true), left(".bad.x", RECORDS, true), left(".bad.7", RECORDS, false)];
        drop(Quarantine::new(&target).unwrap());
        assert!(!killed.exists());
        assert!(lives.exists() && stay.iter().all(|staged| staged.exists()));
    }
}
