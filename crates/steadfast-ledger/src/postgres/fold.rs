//! What is derived from the records: the fold that every commit applies to its own, and a rebuild to all.

use steadfast_core::ledger::Record;

use super::append::lock_head;
use super::session::{Purpose, Refusal, Session};
use super::{reading, retention};
use crate::prepared::{micros, number};
use crate::projections::Projections;

/// Stores them.
pub(super) async fn write(projections: &Projections, session: &mut Session) -> Result<(), Refusal> {
    if projections.0.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = projections.0.keys().map(|(name, _)| name.as_str()).collect();
    let keys: Vec<&str> = projections.0.keys().map(|(_, key)| key.as_str()).collect();
    let values: Vec<String> = projections.0.values().map(ToString::to_string).collect();
    session
        .execute(
            "INSERT INTO steadfast.projection (name, key, value) SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) \
             ON CONFLICT (name, key) DO UPDATE SET value = excluded.value",
            &[&names, &keys, &values],
        )
        .await
        .map(drop)
}

/// Forgets everything derived and folds it anew from the records: projections, the newest greens, which payloads are
/// kept, and the columns to search by. Returns how many projections there are.
pub(super) async fn rebuild(session: &mut Session) -> Result<u64, Refusal> {
    session.begin(Purpose::Overhaul).await?;
    lock_head(session).await?;
    session.batch("DELETE FROM steadfast.projection; DELETE FROM steadfast.green; DELETE FROM steadfast.kept").await?;
    let mut projections = Projections::default();
    let mut after = 0;
    loop {
        let page = page(session, after).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let records: Vec<(u64, &Record)> = page.iter().map(|(seq, record)| (*seq, record)).collect();
        mend_columns(session, &records).await?;
        // A payload that one record releases may be kept by a later one, so none is dropped before the end.
        retention::keep(session, &records).await?;
        projections = projections.with(page.iter().filter_map(|(_, record)| record.project()));
    }
    write(&projections, session).await?;
    session
        .batch(
            "DELETE FROM steadfast.payload WHERE NOT EXISTS (SELECT 1 FROM steadfast.kept WHERE kept.payload = payload.digest)",
        )
        .await?;
    session.commit().await?;
    Ok(projections.0.len() as u64)
}

async fn mend_columns(session: &mut Session, records: &[(u64, &Record)]) -> Result<(), Refusal> {
    let seqs: Vec<i64> = records.iter().map(|(seq, _)| number(*seq)).collect();
    let at: Vec<i64> = records.iter().map(|(_, record)| micros(record.at())).collect();
    let run: Vec<Option<&str>> = records.iter().map(|(_, record)| record.run()).collect();
    let check: Vec<Option<&str>> = records.iter().map(|(_, record)| record.check()).collect();
    session
        .execute(
            "UPDATE steadfast.record SET at = new.at, run = new.run, check_id = new.check_id \
             FROM unnest($1::int8[], $2::int8[], $3::text[], $4::text[]) AS new (seq, at, run, check_id) \
             WHERE record.seq = new.seq \
             AND (record.at, record.run, record.check_id) IS DISTINCT FROM (new.at, new.run, new.check_id)",
            &[&seqs, &at, &run, &check],
        )
        .await
        .map(drop)
}

async fn page(session: &mut Session, after: u64) -> Result<Vec<(u64, Record)>, Refusal> {
    let rows = session
        .query("SELECT seq, json FROM steadfast.record WHERE seq > $1 ORDER BY seq LIMIT 1000", &[&number(after)])
        .await?;
    rows.iter().map(|row| Ok((reading::seq(row, 0)?, reading::record(row, 1)?))).collect()
}
