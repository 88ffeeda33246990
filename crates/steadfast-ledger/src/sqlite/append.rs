//! Appending a batch: all of it or nothing, after the head that is there.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use steadfast_core::ledger::{Head, LedgerError, Record};

use super::{Refusal, fold, reading, retention};
use crate::prepared::{Prepared, Stored, micros, number};
use crate::projections::Projections;

/// Appends all of it, and returns the head after.
pub(super) fn commit(connection: &mut Connection, mut batch: Prepared) -> Result<Head, Refusal> {
    // The write lock comes before the head is read: nobody can append in between.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = reading::head(&transaction)?;
    if let Some(expected) = batch.expect_head.filter(|expected| *expected != found) {
        return Err(Refusal::Ledger(LedgerError::HeadMoved { expected, found }));
    }
    let mut head = found;
    let mut released = Vec::new();
    for (record, stored) in &batch.records {
        head = append(&transaction, head, record, stored)?;
        retention::keep(&transaction, head.seq, record, &mut batch.blobs, &mut released)?;
    }
    // A store that folds by itself cannot forget a projection; what the batch says on top comes last.
    let derived = Projections::of(batch.records.iter().map(|(record, _)| record));
    fold::write(&derived.with(batch.projections), &transaction)?;
    retention::drop_unless_kept(&transaction, &released)?;
    set_head(&transaction, head)?;
    transaction.commit()?;
    Ok(head)
}

/// Adds one record after this head.
pub(super) fn append(
    transaction: &Transaction<'_>,
    head: Head,
    record: &Record,
    stored: &Stored,
) -> rusqlite::Result<Head> {
    let next = head.after(stored.digest);
    transaction
        .prepare_cached("INSERT INTO record (seq, at, run, check_id, chain, json) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            number(next.seq),
            micros(record.at()),
            record.run(),
            record.check(),
            next.chain.0,
            stored.json
        ])?;
    Ok(next)
}

/// Remembers the end of the chain.
pub(super) fn set_head(transaction: &Transaction<'_>, head: Head) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE head SET seq = ?1, chain = ?2")?
        .execute(params![number(head.seq), head.chain.0])
        .map(drop)
}
