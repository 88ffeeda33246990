//! Which payloads are kept, and for how long.
//!
//! A row in `kept` says that a record keeps its payload. It goes when the record is pruned, or when a newer green
//! observation takes its place; the payload goes with the last row that names it.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use steadfast_core::ledger::{Checkpoint, Keep, LedgerError, Observed, Pruned, Record};
use steadfast_core::observation::Hash;

use super::append::{append, set_head};
use super::{Refusal, reading};
use crate::prepared::{Stored, micros, number};

/// Follows the rules for one record that was just appended as number `seq`. Payloads that may no longer be needed are
/// added to `released`.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    seq: u64,
    record: &Record,
    blobs: &mut HashMap<Hash, Vec<u8>>,
    released: &mut Vec<Hash>,
) -> rusqlite::Result<()> {
    match record {
        Record::Observed(seen) => keep_observed(transaction, seq, seen, blobs, released),
        Record::Checkpoint(checkpoint) => release_before(transaction, checkpoint.before, released),
        Record::RunBegan(_) | Record::RunEnded(_) | Record::Transition(_) | Record::Proved(_) | Record::Note(_) => {
            Ok(())
        }
    }
}

fn keep_observed(
    transaction: &Transaction<'_>,
    seq: u64,
    seen: &Observed,
    blobs: &mut HashMap<Hash, Vec<u8>>,
    released: &mut Vec<Hash>,
) -> rusqlite::Result<()> {
    let present = match blobs.remove(&seen.payload) {
        Some(bytes) => {
            transaction
                .prepare_cached("INSERT INTO payload (digest, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                .execute(params![seen.payload.0, bytes])?;
            true
        }
        None => transaction.prepare_cached("SELECT 1 FROM payload WHERE digest = ?1")?.exists([seen.payload.0])?,
    };
    // A fail that was to be kept only as the newest green is a mistake; evidence is kept rather than lost.
    let until_pruned = seen.keep == Keep::UntilPruned || !seen.verdict.is_pass();
    if present {
        transaction
            .prepare_cached("INSERT INTO kept (seq, payload, until_pruned) VALUES (?1, ?2, ?3)")?
            .execute(params![number(seq), seen.payload.0, until_pruned])?;
    }
    if !seen.verdict.is_pass() {
        return Ok(());
    }
    let superseded: Option<i64> = transaction
        .prepare_cached("SELECT seq FROM green WHERE check_id = ?1 AND look = ?2")?
        .query_row(params![seen.check, seen.look_hash.0], |row| row.get(0))
        .optional()?;
    transaction
        .prepare_cached(
            "INSERT INTO green (check_id, look, seq) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seq = excluded.seq",
        )?
        .execute(params![seen.check, seen.look_hash.0, number(seq)])?;
    let Some(superseded) = superseded else { return Ok(()) };
    let payload: Option<[u8; 32]> = transaction
        .prepare_cached("DELETE FROM kept WHERE seq = ?1 AND NOT until_pruned RETURNING payload")?
        .query_row([superseded], |row| row.get(0))
        .optional()?;
    released.extend(payload.map(Hash));
    Ok(())
}

/// Which rows a checkpoint ends: those of older records that are not the newest green of their check and look.
const OLD: &str = "seq IN (SELECT seq FROM record WHERE at < ?1) AND seq NOT IN (SELECT seq FROM green)";

fn release_before(transaction: &Transaction<'_>, before: Timestamp, released: &mut Vec<Hash>) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(&format!("DELETE FROM kept WHERE {OLD} RETURNING payload"))?;
    for payload in statement.query_map([micros(before)], |row| row.get(0).map(Hash))? {
        released.push(payload?);
    }
    // What stays is from now on kept as the newest green alone.
    transaction
        .prepare_cached("UPDATE kept SET until_pruned = 0 WHERE seq IN (SELECT seq FROM record WHERE at < ?1)")?
        .execute([micros(before)])?;
    Ok(())
}

/// Drops those of these payloads that no record keeps any more; says how many and how many bytes.
pub(super) fn drop_unless_kept(transaction: &Transaction<'_>, payloads: &[Hash]) -> rusqlite::Result<Pruned> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM payload WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM kept WHERE payload = ?1) RETURNING length(bytes)",
    )?;
    let mut pruned = Pruned { dropped: 0, bytes: 0 };
    for payload in payloads {
        let bytes: Option<i64> = statement.query_row([payload.0], |row| row.get(0)).optional()?;
        if let Some(bytes) = bytes {
            pruned.dropped += 1;
            pruned.bytes += bytes.unsigned_abs();
        }
    }
    Ok(pruned)
}

/// Drops payloads of records before this moment, and appends a checkpoint that says so.
pub(super) fn prune(connection: &mut Connection, before: Timestamp, at: Timestamp) -> Result<Pruned, Refusal> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut released = Vec::new();
    release_before(&transaction, before, &mut released)?;
    let pruned = drop_unless_kept(&transaction, &released)?;
    let checkpoint = Record::Checkpoint(Checkpoint { at, before, dropped: pruned.dropped, bytes: pruned.bytes });
    let stored = Stored::new(&checkpoint).map_err(|why| Refusal::Ledger(LedgerError::Unwritable(why)))?;
    let head = append(&transaction, reading::head(&transaction)?, &checkpoint, &stored)?;
    set_head(&transaction, head)?;
    transaction.commit()?;
    give_space_back(connection);
    Ok(pruned)
}

/// The records are safe already; that the file stays larger than it need be is no reason to report a failure.
fn give_space_back(connection: &Connection) {
    let step_through = |sql: &str| -> rusqlite::Result<()> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    };
    let _ = step_through("PRAGMA incremental_vacuum").and_then(|()| step_through("PRAGMA wal_checkpoint(TRUNCATE)"));
}
