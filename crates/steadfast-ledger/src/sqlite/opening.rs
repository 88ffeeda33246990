//! Opening a ledger's file: makes it if asked to, refuses what is none, and reads one that lies in a read-only place.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use steadfast_core::ledger::LedgerError;

use super::Options;
use super::schema::{self, Contents, LATEST};
use super::trouble::{Doing, explain};

/// Opens the one connection that writes. What is not there is made: the file (0600), and the last folder of its path
/// (0700, and ignored by git).
pub(super) fn for_writing(path: &Path, options: Options) -> Result<Connection, LedgerError> {
    make(path)?;
    refuse_special_files(path)?;
    let explained = |error: rusqlite::Error| explain(&error, path, Doing::Writing);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(explained)?;
    harden(&connection, options).map_err(explained)?;
    let contents = schema::contents(&connection).map_err(explained)?;
    check_contents(&contents, path, Doing::Writing)?;
    if contents == Contents::Nothing {
        // Only possible before the first page is written. Without it a pruned ledger would not become smaller.
        connection.pragma_update(None, "auto_vacuum", "incremental").map_err(explained)?;
    }
    enter_wal_mode(&connection, options.patience).map_err(explained)?;
    // FULL: a commit is on the disk when it is acknowledged. With NORMAL a power cut could take back records whose head
    // was already printed, and `ledger verify --head` would call that a cut tail. It costs one fsync per commit, and a
    // run is one commit.
    connection.pragma_update(None, "synchronous", "full").map_err(explained)?;
    if contents != Contents::Ledger(LATEST) {
        schema::migrate(&mut connection).map_err(explained)?;
    }
    if let Some(limit) = options.size_limit {
        let page: u64 = connection
            .pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))
            .map_err(explained)?
            .unsigned_abs();
        let pages = i64::try_from(limit / page.max(1)).unwrap_or(i64::MAX).max(1);
        connection.pragma_update(None, "max_page_count", pages).map_err(explained)?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens a connection that only reads, wherever the file lies.
pub(super) fn for_reading(path: &Path, options: Options) -> Result<Connection, LedgerError> {
    refuse_special_files(path)?;
    let explained = |error: rusqlite::Error| explain(&error, path, Doing::Reading);
    let connection = match open_read_only(path, "") {
        Err(error) if needs_to_write(&error) => open_where_nothing_can_be_written(path)?,
        opened => opened.map_err(explained)?,
    };
    harden(&connection, options).map_err(explained)?;
    let contents = schema::contents(&connection).map_err(explained)?;
    check_contents(&contents, path, Doing::Reading)?;
    connection.pragma_update(None, "query_only", true).map_err(explained)?;
    Ok(connection)
}

/// The parameters come last in a `file:` address.
fn open_read_only(path: &Path, parameters: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(address(path, parameters), flags)?;
    // SQLite opens lazily: only reading shows whether it works.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn address(path: &Path, parameters: &str) -> PathBuf {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut text = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'?' | b'#' | b'%' => text.extend(format!("%{byte:02X}").bytes()),
            _ => text.push(*byte),
        }
    }
    text.extend(parameters.bytes());
    std::ffi::OsString::from_vec(text).into()
}

/// A WAL database is shared through a second and a third file, which a reader makes if they are not there.
fn needs_to_write(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// The folder is read-only. Without a write-ahead log the file alone is the ledger; with one (a writer was killed) both
/// are read from a private copy, as SQLite can only recover the log where it may write.
fn open_where_nothing_can_be_written(path: &Path) -> Result<Connection, LedgerError> {
    let explained = |error: rusqlite::Error| explain(&error, path, Doing::Reading);
    let log = beside(path, "-wal");
    if std::fs::metadata(&log).map_or(0, |metadata| metadata.len()) == 0 {
        return open_read_only(path, "?immutable=1").map_err(explained);
    }
    let failed = |why: std::io::Error| {
        LedgerError::Unreadable(format!(
            "{} lies in a read-only folder and cannot be copied to read it: {why}",
            path.display()
        ))
    };
    let folder = tempfile::Builder::new().prefix("steadfast-ledger-").tempdir().map_err(failed)?;
    let copy = folder.path().join("ledger.db");
    std::fs::copy(path, &copy).map_err(failed)?;
    std::fs::copy(&log, beside(&copy, "-wal")).map_err(failed)?;
    let connection = open_read_only(&copy, "").map_err(explained)?;
    // Open files outlive their names, so nothing is left behind however this process ends.
    folder.close().map_err(failed)?;
    Ok(connection)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What reading somebody else's file must not do; and how long a lock is waited for.
fn harden(connection: &Connection, options: Options) -> rusqlite::Result<()> {
    connection.busy_timeout(options.patience)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Two processes that begin the same ledger collide here without SQLite's own waiting.
fn enter_wal_mode(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && began.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(2));
            }
            // A file system without shared memory answers another mode: it is as safe, and slower.
            other => return other.map(drop),
        }
    }
}

fn check_contents(contents: &Contents, path: &Path, doing: Doing) -> Result<(), LedgerError> {
    let file = path.display();
    match contents {
        Contents::Another => Err(LedgerError::Unreadable(format!(
            "{file} is an SQLite database of another program; choose another path for the ledger"
        ))),
        Contents::Ledger(version) if *version > LATEST => Err(LedgerError::Unreadable(format!(
            "{file} was written by a newer Steadfast (version {version} of the ledger, this program knows {LATEST}); update this program"
        ))),
        Contents::Nothing if doing == Doing::Reading => {
            Err(LedgerError::Unreadable(format!("{file} holds no records yet; `steadfast verify` writes the first")))
        }
        Contents::Ledger(version) if *version < LATEST && doing == Doing::Reading => {
            Err(LedgerError::Unreadable(format!(
                "{file} was written by an older Steadfast and is brought up to date by the next `steadfast verify`"
            )))
        }
        Contents::Nothing | Contents::Ledger(_) => Ok(()),
    }
}

/// A pipe would be waited on for ever, a device has no end.
fn refuse_special_files(path: &Path) -> Result<(), LedgerError> {
    let file = path.display();
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(metadata) if metadata.is_dir() => {
            Err(LedgerError::Unreadable(format!("{file} is a folder; the ledger is a file, such as {file}/ledger.db")))
        }
        Ok(_) => Err(LedgerError::Unreadable(format!("{file} is no regular file"))),
        Err(why) if why.kind() == ErrorKind::NotFound => {
            Err(LedgerError::Unreadable(format!("{file} is not there; `steadfast verify` makes it")))
        }
        Err(why) => Err(LedgerError::Unreadable(format!("{file}: {why}"))),
    }
}

fn make(path: &Path) -> Result<(), LedgerError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(why) => Err(cannot_make(path, &why)),
    }
}

/// One level only: a path with a typo is to be said, not to become a tree of folders.
fn make_folder(folder: &Path) -> Result<(), LedgerError> {
    let ours = match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => true,
        Err(why) if why.kind() == ErrorKind::AlreadyExists => {
            folder.file_name().is_some_and(|name| name == ".steadfast")
        }
        Err(why) => return Err(cannot_make(folder, &why)),
    };
    let ignore = folder.join(".gitignore");
    if ours && !ignore.exists() {
        // Nobody's ledger is lost for want of this file.
        let _ = File::create_new(ignore).and_then(|mut file| file.write_all(b"*\n"));
    }
    Ok(())
}

fn cannot_make(path: &Path, why: &std::io::Error) -> LedgerError {
    let file = path.display();
    let advice = match why.kind() {
        ErrorKind::PermissionDenied => "this user may not write there (`namei -l` shows the permissions on the way)",
        ErrorKind::ReadOnlyFilesystem => "it lies on a disk that is mounted read-only",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk or the quota is full: free some space",
        ErrorKind::NotFound => "the folder above it does not exist: make it, or choose another path",
        ErrorKind::NotADirectory => "a part of the path is a file: choose another path",
        _ => "choose another path, or mend this one",
    };
    LedgerError::Unwritable(format!("{file} cannot be made ({why}): {advice}"))
}
