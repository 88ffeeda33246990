//! Appending a batch: all of it or nothing, after the head that is there.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use steadfast_core::ledger::{Batch, Head, LedgerError, Projection, Record};
use steadfast_core::observation::Hash;

use super::{Refusal, fold, reading, retention};

/// A batch with everything computed that needs no lock.
pub(super) struct Prepared {
    records: Vec<(Record, Stored)>,
    blobs: HashMap<Hash, Vec<u8>>,
    projections: Vec<Projection>,
    expect_head: Option<Head>,
}

/// The bytes of a record and their digest.
pub(super) struct Stored {
    json: String,
    digest: Hash,
}

impl Stored {
    /// As it will be stored.
    pub(super) fn new(record: &Record) -> Result<Stored, String> {
        let json = serde_json::to_string(record).map_err(|why| format!("a record cannot be written as JSON: {why}"))?;
        Ok(Stored { digest: Hash::of(json.as_bytes()), json })
    }
}

impl Prepared {
    /// Serializes and digests.
    pub(super) fn new(batch: Batch) -> Result<Prepared, String> {
        let stored = |record: Record| Stored::new(&record).map(|stored| (record, stored));
        Ok(Prepared {
            records: batch.records.into_iter().map(stored).collect::<Result<_, _>>()?,
            blobs: batch.blobs.into_iter().map(|bytes| (Hash::of(&bytes), bytes)).collect(),
            projections: batch.projections,
            expect_head: batch.expect_head,
        })
    }
}

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
    let derived = fold::Projections::of(batch.records.iter().map(|(record, _)| record));
    derived.with(batch.projections).write(&transaction)?;
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

/// A moment as records are searched by it.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A sequence number as SQLite has it. None is anywhere near the end of either.
pub(super) fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
