//! Files that this crate writes and reads for itself: states, stamps, manifests. Opening one never waits, as opening a FIFO
//! would, and writing one never takes the place of a file of another sort, least of all of a database.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

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
        Err(Error::new(ErrorKind::AlreadyExists, "another file is there, which would be lost"))
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
