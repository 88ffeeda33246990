//! What is derived from the records: the fold that every commit applies to its own, and a rebuild to all.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use steadfast_core::ledger::Record;
use steadfast_core::observation::Hash;

use super::{Refusal, reading, retention};
use crate::prepared::{micros, number};
use crate::projections::Projections;

/// Stores them.
pub(super) fn write(projections: &Projections, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO projection (name, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
    )?;
    for ((name, key), value) in &projections.0 {
        statement.execute(params![name, key, value.to_string()])?;
    }
    Ok(())
}

/// Forgets everything derived and folds it anew from the records: projections, the newest greens, which payloads are
/// kept, and the columns to search by. Returns how many projections there are.
pub(super) fn rebuild(connection: &mut Connection) -> Result<u64, Refusal> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("DELETE FROM projection; DELETE FROM green; DELETE FROM kept;")?;
    let mut projections = Projections::default();
    let mut after = 0;
    loop {
        let page = page(&transaction, after)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (seq, record) in &page {
            transaction
                .prepare_cached("UPDATE record SET at = ?2, run = ?3, check_id = ?4 WHERE seq = ?1 AND (at, run, check_id) IS NOT (?2, ?3, ?4)")?
                .execute(params![number(*seq), micros(record.at()), record.run(), record.check()])?;
            // A payload that one record releases may be kept by a later one, so none is dropped before the end.
            retention::keep(&transaction, *seq, record, &mut HashMap::new(), &mut Vec::new())?;
        }
        projections = projections.with(page.iter().filter_map(|(_, record)| record.project()));
    }
    write(&projections, &transaction)?;
    let orphans: Vec<Hash> = transaction
        .prepare("SELECT digest FROM payload WHERE digest NOT IN (SELECT payload FROM kept)")?
        .query_map([], |row| reading::hash(row, 0))?
        .collect::<Result<_, _>>()?;
    retention::drop_unless_kept(&transaction, &orphans)?;
    transaction.commit()?;
    Ok(projections.0.len() as u64)
}

fn page(transaction: &Transaction<'_>, after: u64) -> rusqlite::Result<Vec<(u64, Record)>> {
    let mut statement =
        transaction.prepare_cached("SELECT seq, json FROM record WHERE seq > ?1 ORDER BY seq LIMIT 1000")?;
    let rows = statement.query_map([number(after)], |row| Ok((reading::seq(row, 0)?, reading::record(row, 1)?)))?;
    rows.collect()
}
