//! A read-only VFS through which SQLite sees exactly the pinned view: one file, no journal, no WAL, no locks, nothing
//! written. All SQL of the prover runs over it. Only this file and `quiet_vfs` have `unsafe`.
#![expect(unsafe_code, reason = "SQLite calls a VFS through C function pointers")]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::ffi;
use rusqlite::{Connection, OpenFlags};

use crate::source::{ReadFault, Source};

const NAME: &CStr = c"steadfast-pinned";

static VIEWS: Mutex<Option<HashMap<u64, Arc<Source>>>> = Mutex::new(None);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A connection that sees the view, and the view's place in the list for as long as the connection lives.
pub(crate) struct Pinned {
    pub(crate) sql: Connection,
    id: u64,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut views = VIEWS.lock().unwrap_or_else(PoisonError::into_inner);
        views.get_or_insert_with(HashMap::new).remove(&self.id);
    }
}

/// Opens the view as a database.
pub(crate) fn open(view: &Arc<Source>) -> Result<Pinned, rusqlite::Error> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    let code = *REGISTERED.get_or_init(register);
    if code != ffi::SQLITE_OK {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("cannot register the VFS".into())));
    }
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut views = VIEWS.lock().unwrap_or_else(PoisonError::into_inner);
    views.get_or_insert_with(HashMap::new).insert(id, Arc::clone(view));
    drop(views);
    // A read-only connection does not even record CHECK constraints, and its integrity_check passes over them without a
    // word. So SQLite is told that it may write, and every attempt to write is refused.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sql = Connection::open_with_flags_and_vfs(format!("view-{id}"), flags, NAME);
    match sql {
        Ok(sql) => Ok(Pinned { sql, id }),
        Err(why) => {
            VIEWS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(HashMap::new).remove(&id);
            Err(why)
        }
    }
}

/// An open file, laid out as SQLite demands: its own part first.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    view: *const Source,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

fn register() -> c_int {
    // SAFETY: the default VFS outlives the process; its time and randomness functions take any VFS pointer that they
    // themselves registered, which is why ours are own wrappers. The new VFS is leaked, so it lives as long.
    unsafe {
        let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
            iVersion: 1,
            szOsFile: size_of::<File>() as c_int,
            mxPathname: 64,
            pNext: std::ptr::null_mut(),
            zName: NAME.as_ptr(),
            pAppData: std::ptr::null_mut(),
            xOpen: Some(open_file),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: None,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        ffi::sqlite3_vfs_register(vfs, 0)
    }
}

unsafe extern "C" fn open_file(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands over `szOsFile` bytes for the file and a terminated name, or a null one for scratch files.
    unsafe {
        (*file).pMethods = std::ptr::null();
        if name.is_null() || flags & ffi::SQLITE_OPEN_MAIN_DB == 0 {
            return ffi::SQLITE_CANTOPEN;
        }
        let id = CStr::from_ptr(name).to_str().ok().and_then(|name| name.strip_prefix("view-")?.parse::<u64>().ok());
        let views = VIEWS.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(view) = id.and_then(|id| views.as_ref()?.get(&id).cloned()) else { return ffi::SQLITE_CANTOPEN };
        let ours = file.cast::<File>();
        (*ours).view = Arc::into_raw(view);
        (*ours).base.pMethods = &raw const METHODS;
        if !out_flags.is_null() {
            *out_flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_MAIN_DB;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: `view` came from `Arc::into_raw` when the file was opened, and SQLite closes it once.
    unsafe {
        drop(Arc::from_raw((*file.cast::<File>()).view));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, out: *mut c_void, amount: c_int, offset: i64) -> c_int {
    // SAFETY: the view is alive until `close`; SQLite hands over `amount` writable bytes.
    let (view, out) = unsafe {
        (&*(*file.cast::<File>()).view, std::slice::from_raw_parts_mut(out.cast::<u8>(), amount.max(0) as usize))
    };
    match view.bytes(offset.max(0) as u64, out) {
        Ok(there) => {
            // The view is complete in itself: to SQLite it is a rollback-journal database, whatever the file is.
            for version in [18usize, 19] {
                let at = version as i64 - offset;
                if at >= 0
                    && let Some(byte) = out.get_mut(at as usize)
                    && *byte == 2
                {
                    *byte = 1;
                }
            }
            if there < out.len() { ffi::SQLITE_IOERR_SHORT_READ } else { ffi::SQLITE_OK }
        }
        Err(ReadFault::Shrunk | ReadFault::Io(..) | ReadFault::Elsewhere(_) | ReadFault::Halted(_)) => {
            view.meter.is_refused.store(true, Ordering::Relaxed);
            ffi::SQLITE_IOERR_READ
        }
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: as in `read`; `size` is a valid place.
    unsafe {
        let view = &*(*file.cast::<File>()).view;
        *size = i64::from(view.pages) * i64::from(view.geometry.page_size);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn write(_: *mut ffi::sqlite3_file, _: *const c_void, _: c_int, _: i64) -> c_int {
    ffi::SQLITE_READONLY
}

unsafe extern "C" fn truncate(_: *mut ffi::sqlite3_file, _: i64) -> c_int {
    ffi::SQLITE_READONLY
}

unsafe extern "C" fn sync(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved(_: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: a valid place.
    unsafe { *out = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    // Not "immutable", which would make the connection a read-only one.
    0
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, _: *const c_char, _: c_int) -> c_int {
    ffi::SQLITE_IOERR_DELETE
}

unsafe extern "C" fn access(_: *mut ffi::sqlite3_vfs, _: *const c_char, _: c_int, out: *mut c_int) -> c_int {
    // SAFETY: a valid place. No journal and no WAL ever stand beside the view.
    unsafe { *out = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    length: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: a terminated name, and `length` writable bytes.
    unsafe {
        let bytes = CStr::from_ptr(name).to_bytes_with_nul();
        if bytes.len() > length.max(0) as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len());
    }
    ffi::SQLITE_OK
}

/// Nothing of the prover depends on SQLite's randomness.
unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, length: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `length` writable bytes.
    unsafe { std::ptr::write_bytes(out, 0x5a, length.max(0) as usize) };
    length
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, _: c_int) -> c_int {
    0
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |past| past.as_secs_f64());
    // SAFETY: a valid place. Julian day number.
    unsafe { *out = 2_440_587.5 + now / 86_400.0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}
