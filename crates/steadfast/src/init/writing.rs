//! Where the file goes. It is there whole or not at all, and never in the place of another.

use std::io;
use std::os::unix::fs::DirBuilderExt;
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
    match whole_file::create(file, &draft.toml()) {
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
