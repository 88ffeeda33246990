//! Where the lists are wired: which kinds there are, and which stores of the ledger.

use std::path::Path;
use std::sync::Arc;

use steadfast_core::check::AnyKind;
use steadfast_core::finding::{Code, codes};
use steadfast_core::ledger::{Ledger, LedgerError};
use steadfast_ledger::postgres::{self, PostgresLedger};
use steadfast_ledger::sqlite::{self, SqliteLedger};
use steadfast_postgres::address::Address;

/// Every kind of check.
pub(crate) fn kinds() -> &'static [&'static dyn AnyKind] {
    steadfast_checks::kinds::KINDS
}

/// Every finding code: the shared ones, then those of single kinds with the kind's name.
pub(crate) fn codes() -> Vec<(Code, Option<&'static str>)> {
    let own = kinds().iter().flat_map(|kind| kind.codes().iter().map(|code| (*code, Some(kind.name()))));
    codes::SHARED.iter().map(|code| (*code, None)).chain(own).collect()
}

/// The ledger in this file, made if it is not there.
pub(crate) fn ledger_in_file(path: &Path) -> Result<Arc<dyn Ledger>, LedgerError> {
    Ok(Arc::new(SqliteLedger::open(path, sqlite::Options::default())?))
}

/// The ledger in this file, to read.
pub(crate) fn ledger_in_file_for_reading(path: &Path) -> Result<Arc<dyn Ledger>, LedgerError> {
    Ok(Arc::new(SqliteLedger::open_for_reading(path, sqlite::Options::default())?))
}

/// The ledger in this database, made if it is not there.
pub(crate) fn ledger_in_database(address: Address) -> Result<Arc<dyn Ledger>, LedgerError> {
    Ok(Arc::new(PostgresLedger::open(address, postgres::Options::default())?))
}

/// The ledger in this database, to read.
pub(crate) fn ledger_in_database_for_reading(address: Address) -> Result<Arc<dyn Ledger>, LedgerError> {
    Ok(Arc::new(PostgresLedger::open_for_reading(address, postgres::Options::default())?))
}
