//! The shape of the database: numbered migrations, each applied once, in order.

use rusqlite::{Connection, TransactionBehavior};

/// The steps from an empty file to today's shape. `user_version` counts those that are done. Never change one that was
/// released: add the next.
const MIGRATIONS: &[&str] = &[include_str!("schema/0001.sql")];

/// In the file's header, so that `file(1)` and we tell a ledger from any other SQLite database: "Stdf".
pub(super) const APPLICATION_ID: i32 = 0x5374_6466;

/// The version of the shape that this program writes.
pub(super) const LATEST: i64 = MIGRATIONS.len() as i64;

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// Nothing yet.
    Nothing,
    /// A ledger of this version.
    Ledger(i64),
    /// Something else's tables.
    Another,
}

/// Looks, and changes nothing. All in one transaction: another process may be making the ledger at this moment, and its
/// tables without its mark would look like somebody else's.
pub(super) fn contents(connection: &Connection) -> rusqlite::Result<Contents> {
    let _snapshot = connection.unchecked_transaction()?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application == APPLICATION_ID {
        return connection.pragma_query_value(None, "user_version", |row| row.get(0)).map(Contents::Ledger);
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(if tables == 0 && application == 0 { Contents::Nothing } else { Contents::Another })
}

/// Applies what is missing, all or nothing. Several processes may do so at once.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have been first.
    let done: u16 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for migration in MIGRATIONS.iter().skip(done.into()) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", LATEST)?;
    transaction.commit()
}
