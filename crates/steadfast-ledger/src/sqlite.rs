//! The embedded store: one SQLite file, written by one thread of each process and read by others.
//!
//! Several processes may write to the same ledger: a commit takes SQLite's write lock before it reads the head, so that
//! the chain cannot fork. SQLite's write-ahead log makes it safe against kill -9 and power cuts; it needs a local disk,
//! as a network file system has no shared memory between machines.

mod append;
mod fold;
mod opening;
mod reading;
mod retention;
mod schema;
mod trouble;
mod verifying;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use steadfast_core::ledger::{
    Batch, Entry, Filter, Green, Head, Ledger, LedgerError, Projection, Pruned, Verification,
};
use steadfast_core::observation::Hash;
use steadfast_core::world::Boxed;

use self::reading::Way;
use self::trouble::{Doing, explain};
use crate::prepared::Prepared;
use crate::worker::Workers;

/// Where the ledger is, from the folder of the root configuration, unless said otherwise.
pub const DEFAULT_PATH: &str = ".steadfast/ledger.db";

/// Reading threads: one for a long `verify`, one for everybody else meanwhile.
const READERS: usize = 2;

/// The bounds of a ledger.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long to wait for another process that writes.
    pub patience: Duration,
    /// The ledger refuses to grow beyond so many bytes.
    pub size_limit: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options { patience: Duration::from_secs(10), size_limit: None }
    }
}

/// A ledger in an SQLite file.
pub struct SqliteLedger {
    path: Arc<Path>,
    /// They end before the writer does: the last connection to close puts the WAL into the file, and a reader cannot.
    readers: Workers<Connection>,
    /// None when it was opened for reading.
    writer: Option<Workers<Connection>>,
}

impl SqliteLedger {
    /// Opens a ledger to write and read, and makes it if it is not there.
    pub fn open(path: impl Into<PathBuf>, options: Options) -> Result<SqliteLedger, LedgerError> {
        let path: Arc<Path> = path.into().into();
        let connection = opening::for_writing(&path, options)?;
        let writer = Workers::owning("ledger-writer", connection)?;
        Ok(SqliteLedger { readers: readers(&path, options)?, writer: Some(writer), path })
    }

    /// Opens a ledger that is there, to read only. The file and its folder may be read-only.
    pub fn open_for_reading(path: impl Into<PathBuf>, options: Options) -> Result<SqliteLedger, LedgerError> {
        let path: Arc<Path> = path.into().into();
        // What cannot be read is said now.
        drop(opening::for_reading(&path, options)?);
        Ok(SqliteLedger { readers: readers(&path, options)?, writer: None, path })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn reading<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Boxed<'_, Result<T, LedgerError>> {
        let path = Arc::clone(&self.path);
        self.readers.ask(move |connection| job(connection).map_err(|error| explain(&error, &path, Doing::Reading)))
    }

    fn writing<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Refusal> + Send + 'static,
    ) -> Boxed<'_, Result<T, LedgerError>> {
        let path = Arc::clone(&self.path);
        let Some(writer) = &self.writer else {
            let why = format!("{} was opened for reading only", path.display());
            return Box::pin(async move { Err(LedgerError::Unwritable(why)) });
        };
        writer.ask(move |connection| {
            job(connection).map_err(|refusal| match refusal {
                Refusal::Sqlite(error) => explain(&error, &path, Doing::Writing),
                Refusal::Ledger(error) => error,
            })
        })
    }
}

impl Ledger for SqliteLedger {
    fn commit(&self, batch: Batch) -> Boxed<'_, Result<Head, LedgerError>> {
        let prepared = match Prepared::new(batch) {
            Ok(prepared) => prepared,
            Err(why) => return Box::pin(async move { Err(LedgerError::Unwritable(why)) }),
        };
        self.writing(|connection| append::commit(connection, prepared))
    }

    fn read(&self, filter: Filter, after: u64, limit: usize) -> Boxed<'_, Result<Vec<Entry>, LedgerError>> {
        self.reading(move |connection| reading::read(connection, &filter, Way::After(after), limit))
    }

    fn read_back(&self, filter: Filter, before: u64, limit: usize) -> Boxed<'_, Result<Vec<Entry>, LedgerError>> {
        self.reading(move |connection| reading::read(connection, &filter, Way::BackFrom(before), limit))
    }

    fn payload(&self, digest: Hash) -> Boxed<'_, Result<Option<Vec<u8>>, LedgerError>> {
        self.reading(move |connection| reading::payload(connection, digest))
    }

    fn newest_green<'a>(&'a self, check: &'a str, look_hash: Hash) -> Boxed<'a, Result<Option<Green>, LedgerError>> {
        let check = check.to_owned();
        self.reading(move |connection| reading::newest_green(connection, &check, look_hash))
    }

    fn projections<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Vec<Projection>, LedgerError>> {
        let name = name.to_owned();
        self.reading(move |connection| reading::projections(connection, &name))
    }

    fn rebuild(&self) -> Boxed<'_, Result<u64, LedgerError>> {
        self.writing(fold::rebuild)
    }

    fn head(&self) -> Boxed<'_, Result<Head, LedgerError>> {
        self.reading(|connection| reading::head(connection))
    }

    fn verify(&self, known: Option<Head>) -> Boxed<'_, Result<Verification, LedgerError>> {
        self.reading(move |connection| verifying::verify(connection, known))
    }

    fn prune(&self, before: Timestamp, at: Timestamp) -> Boxed<'_, Result<Pruned, LedgerError>> {
        self.writing(move |connection| retention::prune(connection, before, at))
    }
}

/// Why a transaction was rolled back.
#[derive(Debug)]
enum Refusal {
    Sqlite(rusqlite::Error),
    Ledger(LedgerError),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Refusal::Sqlite(error)
    }
}

fn readers(path: &Arc<Path>, options: Options) -> Result<Workers<Connection>, LedgerError> {
    let path = Arc::clone(path);
    Workers::opening("ledger-reader", READERS, Box::new(move || opening::for_reading(&path, options)))
}
