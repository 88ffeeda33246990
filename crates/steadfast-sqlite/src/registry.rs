//! Descriptors that must not be closed. Closing any descriptor of a file drops every POSIX lock that this process holds
//! on it: a host that uses the database in the same process would lose its transaction's lock to our `close`. So the
//! descriptors of databases and `-shm` files are kept here, one per file, until the host says that it is safe.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::own_file;

type Kept = HashMap<(u64, u64), Arc<File>>;

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// Opens a regular file for reading, or hands out the descriptor that is kept already for it.
pub(crate) fn open(path: &Path) -> std::io::Result<Arc<File>> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_with(HashMap::new);
    own_file::must_be_regular(path)?;
    let named = std::fs::metadata(path)?;
    if let Some(file) = kept.get(&(named.dev(), named.ino())) {
        return Ok(Arc::clone(file));
    }
    let file = Arc::new(File::open(path)?);
    let opened = file.metadata()?;
    // Under this identity, so that a file swapped between the two calls is kept as well.
    let file = kept.entry((opened.dev(), opened.ino())).or_insert(file);
    Ok(Arc::clone(file))
}

/// Closes every descriptor that no run is using. Call it when this process holds no SQLite lock on any database that was
/// proven: closing drops those locks.
pub fn close_kept_descriptors() {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept.as_mut() {
        kept.retain(|_, file| Arc::strong_count(file) > 1);
    }
}

/// Closes the descriptors of files that have no name any more, and that no run is using: a program that proves again and
/// again would otherwise hold the space of every database that was ever replaced. A lock that this process holds on such a
/// file is dropped; nobody can come to the file anew, so it only matters to those who have had it open all along.
pub fn close_descriptors_of_deleted_files() {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept.as_mut() {
        let has_a_name = |file: &File| file.metadata().is_ok_and(|meta| meta.nlink() > 0);
        kept.retain(|_, file| Arc::strong_count(file) > 1 || has_a_name(file));
    }
}

/// How many descriptors are kept.
pub fn kept_descriptors() -> usize {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, HashMap::len)
}
