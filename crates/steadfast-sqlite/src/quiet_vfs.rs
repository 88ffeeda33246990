//! SQLite's own VFS without leave to make or to remove a file: for the connections that hold a read mark or a lock on a
//! database that others use.
//!
//! Between our look at the `-shm` file and SQLite's, the last other connection may close and take `-wal` and `-shm` away;
//! SQLite would make them anew, even for a read-only connection. Here a `-wal` is only opened if it is there with its `-shm`.
//! SQLite holds the shared lock on the database by then, and nobody removes either file without the exclusive one: both
//! stay. What is left is a user of the database who is killed in just that moment: then SQLite finds a `-shm` that nobody
//! uses, and sets it up anew as the next reader would. It makes no file.
#![expect(unsafe_code, reason = "SQLite calls a VFS through C function pointers")]

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::{Connection, OpenFlags, ffi};

const NAME: &CStr = c"steadfast-quiet";

/// Opens a database for reading.
pub(crate) fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    let code = *REGISTERED.get_or_init(register);
    if code != ffi::SQLITE_OK {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("cannot register the VFS".into())));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags_and_vfs(path, flags, NAME)
}

/// The VFS that does the work.
fn default_vfs() -> *mut ffi::sqlite3_vfs {
    // SAFETY: may be called at any time; null means the default one.
    unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) }
}

fn register() -> c_int {
    let default = default_vfs();
    if default.is_null() {
        return ffi::SQLITE_ERROR;
    }
    // SAFETY: the default VFS lives as long as the process, and so does its leaked copy. Its functions look at the VFS they
    // are given only for `szOsFile`, `mxPathname` and `pAppData`, which the copy has too.
    unsafe {
        let mut quiet = *default;
        quiet.zName = NAME.as_ptr();
        quiet.pNext = std::ptr::null_mut();
        quiet.xOpen = Some(open_file);
        quiet.xDelete = Some(delete);
        ffi::sqlite3_vfs_register(Box::leak(Box::new(quiet)), 0)
    }
}

unsafe extern "C" fn open_file(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let default = default_vfs();
    // SAFETY: SQLite hands over what the default VFS asks for, and the default VFS is used for nothing but that. A file that
    // was not opened has no methods.
    unsafe {
        (*file).pMethods = std::ptr::null();
        // A file without a name is one for scratch.
        if name.is_null() || flags & ffi::SQLITE_OPEN_WAL != 0 && !has_shm(name) {
            return ffi::SQLITE_CANTOPEN;
        }
        let flags = flags & !(ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_DELETEONCLOSE);
        match (*default).xOpen {
            Some(open) => open(default, name, file, flags, out_flags),
            None => ffi::SQLITE_CANTOPEN,
        }
    }
}

/// Whether the `-shm` file stands beside this `-wal`.
///
/// # Safety
/// `wal` is a terminated name.
unsafe fn has_shm(wal: *const c_char) -> bool {
    // SAFETY: the caller's.
    let wal = unsafe { CStr::from_ptr(wal) }.to_bytes();
    let Some(database) = wal.strip_suffix(b"-wal") else { return false };
    Path::new(OsStr::from_bytes(&[database, b"-shm"].concat())).exists()
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, _: *const c_char, _: c_int) -> c_int {
    ffi::SQLITE_IOERR_DELETE
}
