//! SQLite's errors in words that say what to do next.

use std::path::Path;

use rusqlite::{Error, ErrorCode};
use steadfast_core::ledger::LedgerError;

/// What was being done when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Reading.
    Reading,
    /// Writing.
    Writing,
}

/// Says what an error means for whoever has to mend it.
pub(super) fn explain(error: &Error, path: &Path, doing: Doing) -> LedgerError {
    let file = path.display();
    let said = error.to_string();
    let Some(code) = error.sqlite_error_code() else {
        return refuse(doing, format!("{file}: {said}"));
    };
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => LedgerError::Busy(format!(
            "{file} stayed locked by another process; is there a backup or a program that holds it open? (`fuser {file}` names it)"
        )),
        ErrorCode::DiskFull => LedgerError::Unwritable(format!(
            "the disk that holds {file} is full, or the ledger's size limit is reached; free some space, then `steadfast ledger prune --keep 30d` makes the ledger smaller"
        )),
        ErrorCode::ReadOnly => LedgerError::Unwritable(format!(
            "{file} is read-only for this user: look at the permissions of the file and of its folder, and whether the disk is mounted read-only (`findmnt -T {file}`)"
        )),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => refuse(
            doing,
            format!(
                "{file} cannot be opened ({said}): look at the permissions of the file and of its folder (`namei -l {file}`)"
            ),
        ),
        ErrorCode::NotADatabase => LedgerError::Unreadable(format!(
            "{file} is no SQLite database, or its first page is damaged; move it away to begin a new ledger"
        )),
        ErrorCode::DatabaseCorrupt => LedgerError::Unreadable(format!(
            "{file} is damaged ({said}); `steadfast ledger verify` says where. Copy it before anything else"
        )),
        ErrorCode::SystemIoFailure => refuse(
            doing,
            format!(
                "the system failed on {file} ({said}): a quota, a file-size limit (`ulimit -f`) or a failing disk (`dmesg`)"
            ),
        ),
        ErrorCode::TooBig => {
            refuse(doing, format!("{file}: a record or payload is larger than SQLite can hold (1 GB)"))
        }
        // SQLite's list is open.
        _ => refuse(doing, format!("{file}: {said}")),
    }
}

/// The error of the side that was being worked on.
pub(super) fn refuse(doing: Doing, why: String) -> LedgerError {
    match doing {
        Doing::Reading => LedgerError::Unreadable(why),
        Doing::Writing => LedgerError::Unwritable(why),
    }
}

/// Whether it says that the stored bytes are damaged, rather than that they could not be reached.
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::SqliteFailure(inner, _) => {
            matches!(inner.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch)
        }
        // A value of another type than the column's can only come from flipped bytes.
        Error::InvalidColumnType(..) | Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) => true,
        // The enumeration is open; whatever else there is, is no damage.
        _ => false,
    }
}
