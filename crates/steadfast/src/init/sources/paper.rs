//! A file as its reader gets it: a regular one, of a bounded size, in UTF-8.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::init::draft::LeftOut;

/// The longest that is read, in bytes.
pub(super) const LARGEST: u64 = 8 << 20;

/// A file.
#[derive(Debug)]
pub(in crate::init) struct Paper {
    /// Its path below the project's folder.
    pub(in crate::init) path: String,
    /// The folder that it is in, below the project's; empty for that itself.
    pub(in crate::init) folder: String,
    /// Its name.
    pub(in crate::init) name: String,
    /// What is in it.
    pub(in crate::init) text: String,
}

impl Paper {
    /// A place in it, for people.
    pub(in crate::init) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }

    /// One that stands at this path.
    pub(in crate::init) fn of(path: &str, text: String) -> Paper {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Paper { path: path.to_owned(), folder: folder.to_owned(), name: name.to_owned(), text }
    }
}

/// Reads a file. What is none is said: a folder, a pipe that nobody writes to, one that may not be read or is too long.
pub(super) fn read(root: &Path, path: &Path) -> Result<Paper, LeftOut> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let shown = relative.display().to_string();
    let left = |why: String| LeftOut { what: shown.clone(), why: format!("it was not read: {why}") };
    let sort = path.metadata().map_err(|why| left(why.to_string()))?.file_type();
    let strange = [
        (sort.is_dir(), "it is a folder"),
        (sort.is_fifo(), "it is a pipe"),
        (sort.is_socket(), "it is a socket"),
        (sort.is_char_device() || sort.is_block_device(), "it is a device"),
    ];
    if let Some((_, why)) = strange.iter().find(|(is, _)| *is) {
        return Err(left((*why).to_owned()));
    }
    // Should a pipe be there now, it is not waited for.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    let file = file.map_err(|why| left(why.to_string()))?;
    if !file.metadata().is_ok_and(|now| now.is_file()) {
        return Err(left("it is no file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|why| left(why.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(left(format!("it is longer than {} MiB", LARGEST >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|why| {
        let line = why.as_bytes()[..why.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        left(format!("it is no UTF-8 text, from line {line} on"))
    })?;
    match relative.to_str() {
        Some(path) => Ok(Paper::of(path, text)),
        None => Err(left("its path is no UTF-8, which TOML needs".to_owned())),
    }
}
