//! Where the file goes. It is there whole or not at all, and never in the place of another.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use steadfast_checks::kinds::KINDS;

use super::draft::{Draft, SCHEMA};
use crate::session::{Refused, refuse};
use crate::whole_file;

/// The file's name.
pub(super) const NAME: &str = "steadfast.toml";

/// The folder, if the file can be written there and is not there yet: said before anything is looked at.
pub(super) fn place(folder: &Path) -> Result<PathBuf, Refused> {
    let whole = folder.canonicalize().map_err(|why| refuse(format!("{} cannot be used: {why}", folder.display())))?;
    if !whole.is_dir() {
        return Err(refuse(format!("{} is no folder", folder.display())));
    }
    let file = whole.join(NAME);
    // A dangling link is a file of somebody's, too.
    if file.symlink_metadata().is_ok() {
        return Err(there_already(&file));
    }
    whole_file::could_replace(&file).map_err(|why| refuse(format!("{} cannot be written: {why}", file.display())))?;
    Ok(whole)
}

/// Writes the file, and the schema that its first line names. A schema that cannot be written is a warning.
pub(super) fn write(file: &Path, draft: &Draft) -> Result<Option<String>, Refused> {
    match create(file, &draft.toml()) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => return Err(there_already(file)),
        Err(why) => return Err(refuse(format!("{} cannot be written: {why}", file.display()))),
    }
    let schema = file.with_file_name(SCHEMA);
    let written = folder_of_state(&schema)
        .and_then(|()| whole_file::replace(&schema, &format!("{:#}\n", steadfast_config::schema(KINDS))));
    Ok(written.err().map(|why| format!("{} was not written, so editors cannot help: {why}", schema.display())))
}

fn there_already(file: &Path) -> Refused {
    refuse(format!(
        "{} is there already, and init never overwrites.\n       Nothing was written. `steadfast look URL|FILE` \
         proposes one check to paste; --dir names another folder.",
        file.display()
    ))
}

/// Makes the file in one step, and only if there is none.
fn create(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mode = std::fs::Permissions::from_mode(0o644);
    let mut beside = tempfile::Builder::new().prefix(".steadfast-").permissions(mode).tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist_noclobber(file).map_err(|refused| refused.error)?;
    Ok(())
}

/// `.steadfast`, as the ledger makes it: for this user alone, and not for git.
fn folder_of_state(schema: &Path) -> io::Result<()> {
    let folder = schema.parent().unwrap_or(Path::new("."));
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
        Err(why) => return Err(why),
    }
    let ignore = folder.join(".gitignore");
    if ignore.exists() { Ok(()) } else { std::fs::write(ignore, "*\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_came_meanwhile_is_not_overwritten_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(create(&file, "ours").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
