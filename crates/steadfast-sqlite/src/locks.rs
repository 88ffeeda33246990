//! Who holds which of SQLite's locks on a file, seen without taking any.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use rustix::process::{FlockOffsetType, FlockType, fcntl_getlk};

const PENDING: u64 = 0x4000_0000;
const RESERVED: u64 = PENDING + 1;
const SHARED: u64 = PENDING + 2;
const SHARED_SIZE: u64 = 510;
/// Every connection in WAL mode holds this byte of the `-shm` file, shared, for as long as it lives.
const SHM_IN_USE: u64 = 128;

/// What writers hold on a database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Writers {
    /// Somebody has begun to write and has not touched the file yet, or has.
    pub(crate) reserved: bool,
    /// Somebody may be writing into the file now.
    pub(crate) exclusive: bool,
}

/// Looks at the locks of other processes and of this one.
pub(crate) fn writers(database: &File) -> Writers {
    Writers {
        reserved: is_held(database, FlockType::ReadLock, RESERVED, 1),
        exclusive: is_held(database, FlockType::ReadLock, PENDING, 1)
            || is_held(database, FlockType::ReadLock, SHARED, SHARED_SIZE),
    }
}

/// Whether any connection uses the `-shm` file.
pub(crate) fn shm_in_use(shm: &File) -> bool {
    is_held(shm, FlockType::WriteLock, SHM_IN_USE, 1)
}

/// Whether a lock of type `wish` would be refused because of another holder.
fn is_held(file: &File, wish: FlockType, start: u64, length: u64) -> bool {
    let question = rustix::process::Flock { start, length, pid: None, typ: wish, offset_type: FlockOffsetType::Set };
    let elsewhere = fcntl_getlk(file, &question).is_ok_and(|holder| holder.is_some());
    elsewhere || is_held_here(file, wish, start, length)
}

/// The kernel does not tell a process about its own locks, but lists them in `/proc/locks`.
fn is_held_here(file: &File, wish: FlockType, start: u64, length: u64) -> bool {
    let (Ok(locks), Ok(meta)) = (std::fs::read_to_string("/proc/locks"), file.metadata()) else { return false };
    let me = std::process::id().to_string();
    let inode = format!(":{}", meta.ino());
    locks.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let posix = words.next() == Some("POSIX");
        let kind = words.nth(1);
        let pid = words.next();
        let at = words.next().unwrap_or_default();
        let from = words.next().and_then(|word| word.parse::<u64>().ok());
        let to = words.next().map(|word| word.parse::<u64>().unwrap_or(u64::MAX));
        let conflicts = match wish {
            FlockType::ReadLock => kind == Some("WRITE"),
            FlockType::WriteLock => true,
            FlockType::Unlocked => false,
        };
        posix
            && conflicts
            && pid == Some(me.as_str())
            && at.ends_with(&inode)
            && from.is_some_and(|from| from < start + length)
            && to.is_some_and(|to| to >= start)
    })
}
