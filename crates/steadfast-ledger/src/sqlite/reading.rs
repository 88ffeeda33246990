//! Reading records, payloads and projections.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use steadfast_core::ledger::{Entry, Filter, Green, Head, Projection, Record};
use steadfast_core::observation::Hash;

use crate::prepared::{micros, number};

/// Where reading begins, and which way it goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// In order, after this number.
    After(u64),
    /// The newest first, before this number.
    BackFrom(u64),
}

/// At most `limit` records.
pub(super) fn read(
    connection: &mut Connection,
    filter: &Filter,
    way: Way,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    // One state of the ledger for all that follows.
    let transaction = connection.transaction()?;
    let (bound, order, start) = match way {
        Way::After(seq) => (">", "ASC", seq),
        Way::BackFrom(seq) => ("<", "DESC", seq),
    };
    let mut sql = format!("SELECT seq, chain, json FROM record WHERE seq {bound} ?");
    let mut values = vec![Sql::from(number(start))];
    for (column, wanted) in [("run", &filter.run), ("check_id", &filter.check)] {
        if let Some(wanted) = wanted {
            sql.push_str(&format!(" AND {column} = ?"));
            values.push(Sql::from(wanted.clone()));
        }
    }
    if let Some(since) = filter.since {
        // Records are nearly in the order of their time, but only nearly. This finds the first by the index on time, so
        // that a look at the last day does not read the years before.
        let first: Option<i64> = transaction
            .prepare_cached("SELECT min(seq) FROM record INDEXED BY record_at WHERE at >= ?1")?
            .query_row([micros(since)], |row| row.get(0))?;
        let Some(first) = first else { return Ok(Vec::new()) };
        sql.push_str(" AND at >= ? AND seq >= ?");
        values.extend([Sql::from(micros(since)), Sql::from(first)]);
    }
    sql.push_str(&format!(" ORDER BY seq {order}"));
    let mut statement = transaction.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut entries = Vec::new();
    while entries.len() < limit
        && let Some(row) = rows.next()?
    {
        let entry = Entry { seq: seq(row, 0)?, chain: hash(row, 1)?, record: record(row, 2)? };
        // The column is rounded down.
        if filter.since.is_none_or(|since| entry.record.at() >= since) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The payload with this digest, if it is still kept.
pub(super) fn payload(connection: &Connection, digest: Hash) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM payload WHERE digest = ?1")?;
    statement.query_row([digest.0], |row| row.get(0)).optional()
}

/// The newest green observation of a check with this look.
pub(super) fn newest_green(connection: &mut Connection, check: &str, look: Hash) -> rusqlite::Result<Option<Green>> {
    let transaction = connection.transaction()?;
    let mut statement = transaction.prepare_cached(
        "SELECT json FROM green JOIN record USING (seq) WHERE green.check_id = ?1 AND green.look = ?2",
    )?;
    let record = statement.query_row(params![check, look.0], |row| record(row, 0)).optional()?;
    let Some(Record::Observed(observed)) = record else { return Ok(None) };
    let payload = payload(&transaction, observed.payload)?;
    Ok(Some(Green { observed: *observed, payload }))
}

/// All values of a projection, by key.
pub(super) fn projections(connection: &Connection, name: &str) -> rusqlite::Result<Vec<Projection>> {
    let mut statement = connection.prepare_cached("SELECT key, value FROM projection WHERE name = ?1 ORDER BY key")?;
    let rows = statement
        .query_map([name], |row| Ok(Projection { name: name.to_owned(), key: row.get(0)?, value: json(row, 1)? }))?;
    rows.collect()
}

/// The end of the chain, as it is stored.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let mut statement = connection.prepare_cached("SELECT seq, chain FROM head")?;
    statement.query_row([], |row| Ok(Head { seq: seq(row, 0)?, chain: hash(row, 1)? }))
}

/// A sequence number.
pub(super) fn seq(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let stored: i64 = row.get(column)?;
    u64::try_from(stored).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, stored))
}

/// A digest.
pub(super) fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    row.get(column).map(Hash)
}

/// A text as its bytes: after a flipped byte it may be no text any more.
pub(super) fn bytes<'row>(row: &'row Row<'_>, column: usize) -> rusqlite::Result<&'row [u8]> {
    let value = row.get_ref(column)?;
    value.as_bytes().map_err(|why| rusqlite::Error::FromSqlConversionFailure(column, value.data_type(), Box::new(why)))
}

/// A record.
pub(super) fn record(row: &Row<'_>, column: usize) -> rusqlite::Result<Record> {
    json(row, column)
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let failed = |why| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(why));
    serde_json::from_slice(bytes(row, column)?).map_err(failed)
}
