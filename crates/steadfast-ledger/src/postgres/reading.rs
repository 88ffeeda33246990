//! Reading records, payloads and what is derived from them.

use std::error::Error;

use serde::de::DeserializeOwned;
use steadfast_core::ledger::{Entry, Filter, Green, Head, Projection, Record};
use steadfast_core::observation::Hash;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use super::session::{Purpose, Refusal, Session};
use crate::prepared::{micros, number};

/// How many records come in one answer.
const PAGE: usize = 1000;

/// Where reading begins, and which way it goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// In order, after this number.
    After(u64),
    /// The newest first, before this number.
    BackFrom(u64),
}

/// Reads at most `limit` records that fit the filter.
pub(super) async fn read(
    session: &mut Session,
    filter: &Filter,
    mut way: Way,
    limit: usize,
) -> Result<Vec<Entry>, Refusal> {
    // Clocks go back, so the moments are not in order; but nothing before the first that fits need be looked at.
    let since = filter.since.map(micros);
    let first = match since {
        None => None,
        Some(since) => {
            let row = session.query_opt("SELECT min(seq) FROM steadfast.record WHERE at >= $1", &[&since]).await?;
            let Some(first) = row.map(|row| row.try_get::<_, Option<i64>>(0)).transpose()?.flatten() else {
                return Ok(Vec::new());
            };
            Some(first)
        }
    };
    let mut entries = Vec::new();
    while entries.len() < limit {
        let wanted = PAGE.min(limit - entries.len());
        let rows = page(session, filter, since.zip(first), way, wanted).await?;
        for row in &rows {
            let entry = Entry { seq: seq(row, 0)?, chain: hash(row, 1)?, record: record(row, 2)? };
            way = match way {
                Way::After(_) => Way::After(entry.seq),
                Way::BackFrom(_) => Way::BackFrom(entry.seq),
            };
            // The column is rounded down.
            if filter.since.is_none_or(|since| entry.record.at() >= since) {
                entries.push(entry);
            }
        }
        if rows.len() < wanted {
            break;
        }
    }
    Ok(entries)
}

async fn page(
    session: &mut Session,
    filter: &Filter,
    since: Option<(i64, i64)>,
    way: Way,
    wanted: usize,
) -> Result<Vec<Row>, Refusal> {
    let (begin, order, from) = match way {
        Way::After(seq) => ("seq > $1", "ASC", number(seq)),
        Way::BackFrom(seq) => ("seq < $1", "DESC", number(seq)),
    };
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let mut sql = format!("SELECT seq, chain, json FROM steadfast.record WHERE {begin}");
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&from, &wanted];
    if let Some(run) = &filter.run {
        values.push(run);
        sql += &format!(" AND run = ${}", values.len());
    }
    if let Some(check) = &filter.check {
        values.push(check);
        sql += &format!(" AND check_id = ${}", values.len());
    }
    if let Some((since, first)) = &since {
        values.push(since);
        sql += &format!(" AND at >= ${}", values.len());
        values.push(first);
        sql += &format!(" AND seq >= ${}", values.len());
    }
    sql += &format!(" ORDER BY seq {order} LIMIT $2");
    session.query(&sql, &values).await
}

/// The payload with this digest, if it is still kept.
pub(super) async fn payload(session: &mut Session, digest: Hash) -> Result<Option<Vec<u8>>, Refusal> {
    let row =
        session.query_opt("SELECT bytes FROM steadfast.payload WHERE digest = $1", &[&digest.0.as_slice()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The newest green observation of a check with this look.
pub(super) async fn newest_green(session: &mut Session, check: &str, look: Hash) -> Result<Option<Green>, Refusal> {
    session.begin(Purpose::Look).await?;
    let row = session
        .query_opt(
            "SELECT json FROM steadfast.green JOIN steadfast.record USING (seq) \
             WHERE green.check_id = $1 AND green.look = $2",
            &[&check, &look.0.as_slice()],
        )
        .await?;
    let green = match row.map(|row| record(&row, 0)).transpose()? {
        Some(Record::Observed(observed)) => {
            Some(Green { payload: payload(session, observed.payload).await?, observed: *observed })
        }
        Some(_) | None => None,
    };
    session.commit().await?;
    Ok(green)
}

/// All values of a projection, by key.
pub(super) async fn projections(session: &mut Session, name: &str) -> Result<Vec<Projection>, Refusal> {
    let rows =
        session.query("SELECT key, value FROM steadfast.projection WHERE name = $1 ORDER BY key", &[&name]).await?;
    let projection = |row: &Row| Ok(Projection { name: name.to_owned(), key: row.try_get(0)?, value: json(row, 1)? });
    rows.iter().map(projection).collect()
}

/// The end of the chain, as it is stored.
pub(super) async fn head(session: &mut Session) -> Result<Head, Refusal> {
    let row = session.query_opt("SELECT seq, chain FROM steadfast.head", &[]).await?;
    head_of(row.as_ref())
}

/// The row of the head.
pub(super) fn head_of(row: Option<&Row>) -> Result<Head, Refusal> {
    let Some(row) = row else { return Err(Refusal::Damaged("the stored head is gone".into())) };
    Ok(Head { seq: seq(row, 0)?, chain: hash(row, 1)? })
}

/// A sequence number.
pub(super) fn seq(row: &Row, column: usize) -> Result<u64, Refusal> {
    let stored: i64 = row.try_get(column)?;
    u64::try_from(stored).map_err(|_| Refusal::Damaged(format!("{stored} is no number of a record")))
}

/// A digest.
pub(super) fn hash(row: &Row, column: usize) -> Result<Hash, Refusal> {
    let stored: &[u8] = row.try_get(column)?;
    stored.try_into().map(Hash).map_err(|_| Refusal::Damaged(format!("a digest has {} bytes", stored.len())))
}

/// A record.
pub(super) fn record(row: &Row, column: usize) -> Result<Record, Refusal> {
    json(row, column)
}

/// A text as its bytes: after a flipped one it may be no text any more.
pub(super) fn bytes(row: &Row, column: usize) -> Result<&[u8], Refusal> {
    let Raw(bytes) = row.try_get(column)?;
    Ok(bytes)
}

fn json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, Refusal> {
    serde_json::from_slice(bytes(row, column)?)
        .map_err(|why| Refusal::Damaged(format!("a record cannot be read: {why}")))
}

/// The bytes of a text.
struct Raw<'row>(&'row [u8]);

impl<'row> FromSql<'row> for Raw<'row> {
    fn from_sql(_: &Type, raw: &'row [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT
    }
}
