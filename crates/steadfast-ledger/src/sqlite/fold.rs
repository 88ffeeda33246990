//! What is derived from the records: the fold that every commit applies to its own, and a rebuild to all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde_json::Value;
use steadfast_core::ledger::{Projection, Record};
use steadfast_core::observation::Hash;

use super::append::{micros, number};
use super::{Refusal, reading, retention};

/// Projections by name and key: the last value of each.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Projections(pub(super) BTreeMap<(String, String), Value>);

impl Projections {
    /// Those that follow from these records, in this order.
    pub(super) fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Projections {
        Projections::default().with(records.filter_map(Record::project))
    }

    /// And these, which replace those of the same name and key.
    pub(super) fn with(mut self, projections: impl IntoIterator<Item = Projection>) -> Projections {
        for Projection { name, key, value } in projections {
            self.0.insert((name, key), value);
        }
        self
    }

    /// The names and keys whose values are not the same in both.
    pub(super) fn differences(&self, other: &Projections) -> Vec<(String, String)> {
        let both: BTreeSet<&(String, String)> = self.0.keys().chain(other.0.keys()).collect();
        both.into_iter().filter(|at| self.0.get(*at) != other.0.get(*at)).cloned().collect()
    }

    /// Stores them.
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO projection (name, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        for ((name, key), value) in &self.0 {
            statement.execute(params![name, key, value.to_string()])?;
        }
        Ok(())
    }
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
    projections.write(&transaction)?;
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
