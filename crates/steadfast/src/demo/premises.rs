//! The folder that a shop lives in while the demo runs. It is gone when its value is.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A folder of our own.
pub(super) enum Folder {
    /// With a name that nobody can guess.
    Temporary(tempfile::TempDir),
    /// Where `examples/` look for it.
    Known(PathBuf),
}

/// What says that a folder of a known name is left over from a demo.
const MARK: &str = ".steadfast-demo";

impl Folder {
    /// One for the time of the show.
    pub(super) fn temporary() -> Result<Folder, String> {
        let made = tempfile::Builder::new().prefix("steadfast-demo-").tempdir();
        made.map(Folder::Temporary).map_err(|why| format!("no temporary folder: {why}"))
    }

    /// `/tmp/steadfast-shop-PORT`. One that a killed demo left is taken over; anything else is left alone.
    pub(super) fn known(port: u16) -> Result<Folder, String> {
        let path = PathBuf::from(format!("/tmp/steadfast-shop-{port}"));
        let make = || DirBuilder::new().mode(0o700).create(&path);
        match make() {
            Ok(()) => {}
            Err(why) if why.kind() == ErrorKind::AlreadyExists && is_left_over(&path) => {
                std::fs::remove_dir_all(&path)
                    .and_then(|()| make())
                    .map_err(|why| format!("{} is left over and cannot be removed: {why}", path.display()))?;
            }
            Err(why) => {
                return Err(format!("cannot make {}: {why}\nremove it, or take another --port", path.display()));
            }
        }
        let folder = Folder::Known(path);
        std::fs::write(folder.path().join(MARK), "made by `steadfast demo --keep`\n").map_err(|why| why.to_string())?;
        Ok(folder)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        match self {
            Folder::Temporary(folder) => folder.path(),
            Folder::Known(path) => path,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        match self {
            Folder::Temporary(_) => {}
            Folder::Known(path) => drop(std::fs::remove_dir_all(path)),
        }
    }
}

/// Whether it is a folder (no link) of this user's with our mark in it.
fn is_left_over(path: &Path) -> bool {
    let ours = std::fs::metadata("/proc/self").map(|me| me.uid());
    let folder = std::fs::symlink_metadata(path);
    matches!((ours, folder), (Ok(ours), Ok(folder)) if folder.is_dir() && folder.uid() == ours)
        && path.join(MARK).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_ours_is_left_alone() {
        let port = 1;
        let path = PathBuf::from(format!("/tmp/steadfast-shop-{port}"));
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("precious"), "x").unwrap();
        let refused = Folder::known(port).err();
        let kept = path.join("precious").is_file();
        std::fs::remove_dir_all(&path).unwrap();
        assert!(refused.unwrap().contains("--port"));
        assert!(kept);
    }

    #[test]
    fn one_that_a_killed_demo_left_is_taken_over_and_removed_at_the_end() {
        std::mem::forget(Folder::known(2).unwrap());
        let folder = Folder::known(2).unwrap();
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
