//! The shared store: a schema of a Postgres database, which several machines write to.
//!
//! Whoever appends locks the one row of `steadfast.head` first and reads it under that lock, so that the chain cannot
//! fork, whatever the isolation level. A commit whose answer is lost is looked for in the chain before it is repeated,
//! so that a connection that breaks at the wrong moment neither loses a record nor records it twice.

mod append;
mod fold;
mod link;
mod reading;
mod retention;
mod schema;
mod session;
mod trouble;
mod verifying;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use steadfast_core::ledger::{
    Batch, Entry, Filter, Green, Head, Ledger, LedgerError, Projection, Pruned, Verification,
};
use steadfast_core::observation::Hash;
use steadfast_core::world::Boxed;
use steadfast_postgres::address::Address;

use self::link::{Link, Server};
use self::reading::Way;
use self::session::Refusal;
use self::trouble::Doing;
use crate::prepared::Prepared;
use crate::worker::Workers;

/// Reading threads: one for a long `verify`, one for everybody else meanwhile. Each connects when it is first needed.
const READERS: usize = 2;

/// The bounds of a ledger.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long to wait for another machine that writes, for the server to answer, and for one that is starting again.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { patience: Duration::from_secs(10) }
    }
}

/// A ledger in a Postgres database.
pub struct PostgresLedger {
    server: Arc<Server>,
    /// None when it was opened for reading.
    writer: Option<Workers<Link>>,
    readers: Workers<Link>,
}

impl PostgresLedger {
    /// Opens a ledger to write and read, and makes it if it is not there.
    pub fn open(address: Address, options: Options) -> Result<PostgresLedger, LedgerError> {
        let server = Arc::new(Server::new(address, options.patience)?);
        let writer = Workers::owning("ledger-writer", Link::new(Arc::clone(&server), Doing::Writing)?)?;
        writer.wait_for(|link| link.run(async |session| schema::make(session).await))?;
        Ok(PostgresLedger { readers: readers(&server)?, writer: Some(writer), server })
    }

    /// Opens a ledger that is there, to read only. The server may be a standby, and the user may be one that only reads.
    pub fn open_for_reading(address: Address, options: Options) -> Result<PostgresLedger, LedgerError> {
        let server = Arc::new(Server::new(address, options.patience)?);
        let readers = readers(&server)?;
        readers.wait_for(|link| link.run(async |session| schema::expect(session).await))?;
        Ok(PostgresLedger { readers, writer: None, server })
    }

    fn reading<T: Send + 'static>(
        &self,
        mut job: impl AsyncFnMut(&mut session::Session) -> Result<T, Refusal> + Send + 'static,
    ) -> Boxed<'_, Result<T, LedgerError>> {
        self.readers.ask(move |link| link.run(async |session| job(session).await))
    }

    fn writing<T: Send + 'static>(
        &self,
        mut job: impl AsyncFnMut(&mut session::Session) -> Result<T, Refusal> + Send + 'static,
    ) -> Boxed<'_, Result<T, LedgerError>> {
        let Some(writer) = &self.writer else {
            let why = format!("{} was opened for reading only", self.server.address());
            return Box::pin(async move { Err(LedgerError::Unwritable(why)) });
        };
        writer.ask(move |link| link.run(async |session| job(session).await))
    }
}

impl Ledger for PostgresLedger {
    fn commit(&self, batch: Batch) -> Boxed<'_, Result<Head, LedgerError>> {
        let prepared = match Prepared::new(batch) {
            Ok(prepared) => prepared,
            Err(why) => return Box::pin(async move { Err(LedgerError::Unwritable(why)) }),
        };
        let mut sent = None;
        self.writing(async move |session| append::commit(session, &prepared, &mut sent).await)
    }

    fn read(&self, filter: Filter, after: u64, limit: usize) -> Boxed<'_, Result<Vec<Entry>, LedgerError>> {
        self.reading(async move |session| reading::read(session, &filter, Way::After(after), limit).await)
    }

    fn read_back(&self, filter: Filter, before: u64, limit: usize) -> Boxed<'_, Result<Vec<Entry>, LedgerError>> {
        self.reading(async move |session| reading::read(session, &filter, Way::BackFrom(before), limit).await)
    }

    fn payload(&self, digest: Hash) -> Boxed<'_, Result<Option<Vec<u8>>, LedgerError>> {
        self.reading(async move |session| reading::payload(session, digest).await)
    }

    fn newest_green<'a>(&'a self, check: &'a str, look_hash: Hash) -> Boxed<'a, Result<Option<Green>, LedgerError>> {
        let check = check.to_owned();
        self.reading(async move |session| reading::newest_green(session, &check, look_hash).await)
    }

    fn projections<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Vec<Projection>, LedgerError>> {
        let name = name.to_owned();
        self.reading(async move |session| reading::projections(session, &name).await)
    }

    fn rebuild(&self) -> Boxed<'_, Result<u64, LedgerError>> {
        self.writing(async |session| fold::rebuild(session).await)
    }

    fn head(&self) -> Boxed<'_, Result<Head, LedgerError>> {
        self.reading(async |session| reading::head(session).await)
    }

    fn verify(&self, known: Option<Head>) -> Boxed<'_, Result<Verification, LedgerError>> {
        self.reading(async move |session| verifying::verify(session, known).await)
    }

    fn prune(&self, before: Timestamp, at: Timestamp) -> Boxed<'_, Result<Pruned, LedgerError>> {
        let mut sent = None;
        self.writing(async move |session| retention::prune(session, before, at, &mut sent).await)
    }
}

fn readers(server: &Arc<Server>) -> Result<Workers<Link>, LedgerError> {
    let server = Arc::clone(server);
    Workers::opening("ledger-reader", READERS, Box::new(move || Link::new(Arc::clone(&server), Doing::Reading)))
}
