//! Files that this crate writes and reads for itself: states, stamps, manifests. Opening one never waits, as opening a FIFO
//! would, and writing one never takes the place of a file of another sort, least of all of a database.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use tempfile::NamedTempFile;

/// A file that is complete, with mode 0600, under a name that nobody else has.
#[derive(Debug)]
pub(crate) struct Staged(NamedTempFile);

/// Writes what is to stand at `path`, without touching what stands there.
pub(crate) fn stage(path: &Path, beginning: &[u8], content: &[u8]) -> Result<Staged> {
    may_replace(path, beginning)?;
    // A new name, made by this process alone: a link that lies in wait there is not followed.
    let mut file = tempfile::Builder::new().prefix(".steadfast-").tempfile_in(folder_of(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(Staged(file))
}

impl Staged {
    /// Gives it its name.
    pub(crate) fn publish(self, path: &Path) -> Result<()> {
        self.0.persist(path).map(drop).map_err(|refused| refused.error)
    }
}

/// Refuses a place where nothing could be written, before hours were spent on what belongs there.
pub(crate) fn could_write(path: &Path, beginning: &[u8]) -> Result<()> {
    may_replace(path, beginning)?;
    tempfile::tempfile_in(folder_of(path)).map(drop)
}

/// Makes an empty file with mode 0600 that this run alone writes, in the place of what an earlier run left there.
pub(crate) fn begin(path: &Path, beginning: &[u8]) -> Result<File> {
    match take_up(path, beginning) {
        // Removed by its name, and made new: what came there in between is not written into.
        Ok(_left) => std::fs::remove_file(path)?,
        Err(why) if why.kind() == ErrorKind::NotFound => {}
        Err(why) => return Err(why),
    }
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    lock(&file)?;
    Ok(file)
}

/// Opens what an earlier run of ours left unfinished, and nothing else.
pub(crate) fn take_up(path: &Path, beginning: &[u8]) -> Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let mut file = File::options().read(true).write(true).custom_flags(flags).open(path)?;
    let mut first = vec![0; beginning.len()];
    let there = if file.metadata()?.is_file() { read_up_to(&mut file, &mut first)? } else { 1 };
    if there != 0 && first != beginning {
        return Err(another_file(&format!("another file is at {}, which would be lost", path.display())));
    }
    lock(&file)?;
    Ok(file)
}

fn lock(file: &File) -> Result<()> {
    flock(file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| Error::new(ErrorKind::ResourceBusy, "another run is writing it"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn another_file(seen: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, seen)
}

/// Opens a regular file for reading.
pub(crate) fn open(path: &Path) -> Result<File> {
    must_be_regular(path)?;
    File::open(path)
}

/// Reads a regular file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    must_be_regular(path)?;
    std::fs::read(path)
}

/// Refuses a directory, a FIFO, a socket or a device.
pub(crate) fn must_be_regular(path: &Path) -> Result<()> {
    if std::fs::metadata(path)?.is_file() {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"))
    }
}

/// Refuses to replace a file that does not begin as ours do. Nothing there, or nothing in it, is no obstacle.
pub(crate) fn may_replace(path: &Path, beginning: &[u8]) -> Result<()> {
    let mut first = vec![0; beginning.len()];
    let there = match open(path) {
        Ok(mut file) => read_up_to(&mut file, &mut first)?,
        Err(why) if why.kind() == ErrorKind::NotFound => 0,
        Err(why) => return Err(why),
    };
    if there == 0 || first == beginning {
        Ok(())
    } else {
        Err(another_file("another file is there, which would be lost"))
    }
}

fn read_up_to(file: &mut File, out: &mut [u8]) -> Result<usize> {
    let mut there = 0;
    while there < out.len() {
        match file.read(&mut out[there..])? {
            0 => break,
            more => there += more,
        }
    }
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: Option<&[u8]>) -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        may_replace(&path, b"ours")
    }

    #[test]
    fn only_a_file_of_ours_is_replaced() {
        for fine in [None, Some(&b""[..]), Some(b"ours"), Some(b"ours, and more")] {
            check(fine).unwrap();
        }
        for other in [&b"SQLite format 3\0"[..], b"our", b"text"] {
            assert_eq!(check(Some(other)).unwrap_err().kind(), ErrorKind::AlreadyExists);
        }
    }

    #[test]
    fn a_stranger_at_the_unfinished_name_is_neither_followed_nor_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, link, left) = (folder.path().join("mine"), folder.path().join("link"), folder.path().join("left"));
        std::fs::write(&mine, "the only copy").unwrap();
        std::os::unix::fs::symlink(&mine, &link).unwrap();
        for stranger in [&mine, &link, &folder.path().to_owned()] {
            begin(stranger, b"ours").unwrap_err();
        }
        assert_eq!(std::fs::read(&mine).unwrap(), b"the only copy");
        std::fs::write(&left, "ours, half").unwrap();
        let first = begin(&left, b"ours").unwrap();
        assert_eq!(first.metadata().unwrap().len(), 0);
        assert_eq!(begin(&left, b"ours").unwrap_err().kind(), ErrorKind::ResourceBusy);
        drop(first);
        begin(&left, b"ours").unwrap();
    }

    #[test]
    fn what_is_staged_is_for_its_owner_and_replaces_in_one_step() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, trap) = (folder.path().join("stamp"), folder.path().join("stamp.new"));
        std::os::unix::fs::symlink("/dev/null", &trap).unwrap();
        let staged = stage(&path, b"ours", b"ours, whole").unwrap();
        assert!(!path.exists());
        staged.publish(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"ours, whole");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(stage(&path, b"ours", b"ours, never published").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"ours, whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        could_write(&path, b"ours").unwrap();
        could_write(&folder.path().join("no/such"), b"ours").unwrap_err();
    }

    #[test]
    fn what_is_no_regular_file_is_neither_opened_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        for path in [fifo.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert_eq!(open(path).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(read(path).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(may_replace(path, b"ours").unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
