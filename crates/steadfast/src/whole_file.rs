//! Files that are there whole or not at all: written beside their place and moved onto it.

use std::io::{self, Write};
use std::path::Path;

/// Replaces a file. Who reads it meanwhile sees the old text or the new, never a part. What is no file, as `/dev/stdout`
/// or a pipe, is written into: it would be gone otherwise.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one: the file that it leads to is replaced.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if is_special(path) {
        return std::fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
    }
    let mut file = beside(path)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|refused| refused.error)?;
    Ok(())
}

/// Makes a file in one step, and only if there is none.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|refused| refused.error)?;
    Ok(())
}

/// Whether the file could be replaced, without touching it.
pub(crate) fn could_replace(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if is_special(path) {
        return Ok(());
    }
    beside(path).map(drop)
}

fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|there| !there.is_file())
}

fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What is written here is for others to read: no secret is in it.
    let mode = std::fs::Permissions::from_mode(0o644);
    tempfile::Builder::new().prefix(".steadfast-").permissions(mode).tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_the_old_text_until_the_new_is_whole_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status");
        replace(&path, "old").unwrap();
        let mut reader = std::fs::File::open(&path).unwrap();
        replace(&path, "new").unwrap();
        let mut seen = String::new();
        io::Read::read_to_string(&mut reader, &mut seen).unwrap();
        assert_eq!((seen.as_str(), std::fs::read_to_string(&path).unwrap().as_str()), ("old", "new"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(could_replace(folder.path()).is_err());
        assert!(could_replace(&folder.path().join("no/such/folder")).is_err());
    }

    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, "new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        let device = folder.path().join("device");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        could_replace(&device).unwrap();
        replace(&device, "new").unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    }

    #[test]
    fn a_file_that_came_meanwhile_is_not_overwritten_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("steadfast.toml");
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(create(&file, "ours").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
