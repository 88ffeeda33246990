//! Why no verdict could be reached: what happened, and what to do about it.

use std::fmt;
use std::path::PathBuf;

/// The file could not be judged. This is neither a pass nor a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProveError {
    /// What kind of obstacle.
    pub kind: ProveErrorKind,
    /// The file it is about.
    pub path: PathBuf,
    /// What was seen.
    pub seen: String,
}

/// The obstacles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProveErrorKind {
    /// No file of this name.
    Missing,
    /// A directory, FIFO, socket or device.
    NotAFile,
    /// Zero bytes.
    Empty,
    /// Not an SQLite database, or an encrypted one.
    NotADatabase,
    /// The operating system refused.
    Permission,
    /// Reading failed.
    Read,
    /// The file changed while it was read.
    Changed,
    /// A writer holds it exclusively.
    Locked,
    /// A crashed transaction waits to be rolled back.
    HotJournal,
    /// The WAL grew beyond the bound while it was pinned.
    WalGrew,
    /// No steady view of the WAL could be had.
    WalBusy,
    /// The saved state belongs to another file or another moment.
    OtherIdentity,
    /// A state, stamp or manifest file cannot be read.
    State,
    /// Another file lies where a state, stamp or manifest is to be written.
    Taken,
    /// The file to compare with has faults in its header.
    Faulty,
    /// Two databases with pages of different sizes are to be compared.
    PageSizes,
    /// There is no table of the name that was asked for.
    NoSuchTable,
    /// SQLite itself could not be used.
    Sqlite,
}

impl ProveErrorKind {
    /// Every obstacle.
    pub const ALL: [ProveErrorKind; 18] = [
        ProveErrorKind::Missing,
        ProveErrorKind::NotAFile,
        ProveErrorKind::Empty,
        ProveErrorKind::NotADatabase,
        ProveErrorKind::Permission,
        ProveErrorKind::Read,
        ProveErrorKind::Changed,
        ProveErrorKind::Locked,
        ProveErrorKind::HotJournal,
        ProveErrorKind::WalGrew,
        ProveErrorKind::WalBusy,
        ProveErrorKind::OtherIdentity,
        ProveErrorKind::State,
        ProveErrorKind::Taken,
        ProveErrorKind::Faulty,
        ProveErrorKind::PageSizes,
        ProveErrorKind::NoSuchTable,
        ProveErrorKind::Sqlite,
    ];

    /// One word for scripts.
    pub fn word(self) -> &'static str {
        match self {
            ProveErrorKind::Missing => "missing",
            ProveErrorKind::NotAFile => "not-a-file",
            ProveErrorKind::Empty => "empty",
            ProveErrorKind::NotADatabase => "not-a-database",
            ProveErrorKind::Permission => "permission",
            ProveErrorKind::Read => "read",
            ProveErrorKind::Changed => "changed",
            ProveErrorKind::Locked => "locked",
            ProveErrorKind::HotJournal => "hot-journal",
            ProveErrorKind::WalGrew => "wal-grew",
            ProveErrorKind::WalBusy => "wal-busy",
            ProveErrorKind::OtherIdentity => "other-identity",
            ProveErrorKind::State => "state",
            ProveErrorKind::Taken => "taken",
            ProveErrorKind::Faulty => "faulty",
            ProveErrorKind::PageSizes => "page-sizes",
            ProveErrorKind::NoSuchTable => "no-such-table",
            ProveErrorKind::Sqlite => "sqlite",
        }
    }

    /// What to do next.
    pub fn advice(self) -> &'static str {
        match self {
            ProveErrorKind::Missing => "check the path; SQLite would create a new, empty database here",
            ProveErrorKind::NotAFile => "name the database file itself",
            ProveErrorKind::Empty => "empty: SQLite would create a new database here. If there was data, restore it",
            ProveErrorKind::NotADatabase => {
                "an encrypted database and a foreign file look the same from outside: decrypt a copy and prove that"
            }
            ProveErrorKind::Permission => "run as the user that owns the database, or grant read access",
            ProveErrorKind::Read => {
                "look at the kernel log for disk errors; copy what can be read before anything else"
            }
            ProveErrorKind::Changed => {
                "a writer was at work: prove again when it is idle, prove a copy made by VACUUM INTO or .backup, or hold a lock with --lock-for 5s"
            }
            ProveErrorKind::Locked => "wait until the writer has finished, or prove a backup",
            ProveErrorKind::HotJournal => {
                "a crash left a transaction half written: open the database once with SQLite, which rolls it back, then prove it"
            }
            ProveErrorKind::WalGrew => {
                "the pin was released so that the WAL can be checkpointed: prove at a quieter hour, raise --max-wal-growth, or prove a backup"
            }
            ProveErrorKind::WalBusy => "try again, or prove a copy made by VACUUM INTO or .backup",
            ProveErrorKind::OtherIdentity => {
                "the file has changed since that state was saved: start over with --restart, or prove a copy in one run"
            }
            ProveErrorKind::State => "delete the file and start over, or name another",
            ProveErrorKind::Taken => {
                "name another file: what is there was not written by this program, and is left as it is"
            }
            ProveErrorKind::Faulty => "say `steadfast sqlite verify` to that file, and compare with a sound copy",
            ProveErrorKind::PageSizes => {
                "pages can be compared if they are equally large: bring both to one page size with PRAGMA page_size and VACUUM"
            }
            ProveErrorKind::NoSuchTable => "list the tables with `steadfast sqlite info`",
            ProveErrorKind::Sqlite => {
                "this is a limit of the prover or of its SQLite: use PRAGMA integrity_check and report it"
            }
        }
    }
}

impl ProveError {
    /// An obstacle with what was seen of it.
    pub fn new(kind: ProveErrorKind, path: impl Into<PathBuf>, seen: impl Into<String>) -> ProveError {
        ProveError { kind, path: path.into(), seen: seen.into() }
    }

    /// A file of our own that cannot be written.
    pub(crate) fn unwritable(path: &std::path::Path, doing: &str, why: &std::io::Error) -> ProveError {
        let kind = match why.kind() {
            std::io::ErrorKind::AlreadyExists => ProveErrorKind::Taken,
            _ => ProveErrorKind::State,
        };
        ProveError::new(kind, path, format!("{doing}: {why}"))
    }

    /// From an error of SQLite's. What it could not read, we could not read for it: the disk is at fault then.
    pub(crate) fn from_sql(path: &std::path::Path, why: &rusqlite::Error) -> ProveError {
        match why.sqlite_error_code() {
            Some(rusqlite::ErrorCode::SystemIoFailure) => {
                ProveError::new(ProveErrorKind::Read, path, format!("reading it for SQLite failed: {why}"))
            }
            _ => ProveError::new(ProveErrorKind::Sqlite, path, why.to_string()),
        }
    }

    /// From the operating system's refusal.
    pub(crate) fn from_io(path: &std::path::Path, doing: &str, why: &std::io::Error) -> ProveError {
        let kind = match why.kind() {
            std::io::ErrorKind::NotFound => ProveErrorKind::Missing,
            std::io::ErrorKind::PermissionDenied => ProveErrorKind::Permission,
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::IsADirectory => ProveErrorKind::NotAFile,
            _ => ProveErrorKind::Read,
        };
        ProveError::new(kind, path, format!("{doing}: {why}"))
    }
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.seen)
    }
}

impl std::error::Error for ProveError {}
