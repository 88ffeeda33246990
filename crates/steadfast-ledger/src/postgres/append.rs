//! Appending a batch: all of it or nothing, after the head that is there. However many records it has, the number of
//! statements is the same: between machines each costs a journey.

use steadfast_core::ledger::{Head, LedgerError, Record};

use super::session::{Purpose, Refusal, Session};
use super::{fold, reading, retention};
use crate::prepared::{Prepared, Stored, micros, number};
use crate::projections::Projections;

/// Appends all of it, and returns the head after. `sent` is what an earlier attempt may have committed, its answer lost.
pub(super) async fn commit(session: &mut Session, batch: &Prepared, sent: &mut Option<Head>) -> Result<Head, Refusal> {
    session.begin(Purpose::Append).await?;
    let before = lock_head(session).await?;
    if let Some(sent) = sent.take()
        && is_in_chain(session, sent).await?
    {
        session.roll_back().await?;
        return Ok(sent);
    }
    if let Some(expected) = batch.expect_head.filter(|expected| *expected != before) {
        return Err(Refusal::Ledger(LedgerError::HeadMoved { expected, found: before }));
    }
    let records: Vec<(&Record, &Stored)> = batch.records.iter().map(|(record, stored)| (record, stored)).collect();
    let head = append(session, before, &records).await?;
    let numbered: Vec<(u64, &Record)> = (before.seq + 1..).zip(records.iter().map(|(record, _)| *record)).collect();
    retention::store_payloads(session, &numbered, &batch.blobs).await?;
    let released = retention::keep(session, &numbered).await?;
    // A store that folds by itself cannot forget a projection; what the batch says on top comes last.
    let derived = Projections::of(records.iter().map(|(record, _)| *record));
    fold::write(&derived.with(batch.projections.iter().cloned()), session).await?;
    retention::drop_unless_kept(session, &released).await?;
    *sent = Some(head);
    session.commit().await?;
    Ok(head)
}

/// Locks the end of the chain and reads it: until the transaction ends nobody else appends.
pub(super) async fn lock_head(session: &mut Session) -> Result<Head, Refusal> {
    let row = session.query_opt("SELECT seq, chain FROM steadfast.head FOR UPDATE", &[]).await?;
    reading::head_of(row.as_ref())
}

/// Whether the chain goes through this head.
pub(super) async fn is_in_chain(session: &mut Session, head: Head) -> Result<bool, Refusal> {
    let row = session
        .query_opt(
            "SELECT 1 FROM steadfast.record WHERE seq = $1 AND chain = $2",
            &[&number(head.seq), &head.chain.0.as_slice()],
        )
        .await?;
    Ok(row.is_some())
}

/// Appends records after a head that is locked; returns the head after them, and stores it.
pub(super) async fn append(
    session: &mut Session,
    mut head: Head,
    records: &[(&Record, &Stored)],
) -> Result<Head, Refusal> {
    if records.is_empty() {
        return Ok(head);
    }
    let mut chain = Vec::new();
    let mut seqs = Vec::new();
    for (_, stored) in records {
        head = head.after(stored.digest);
        seqs.push(number(head.seq));
        chain.push(head.chain.0);
    }
    let chain: Vec<&[u8]> = chain.iter().map(<[u8; 32]>::as_slice).collect();
    let at: Vec<i64> = records.iter().map(|(record, _)| micros(record.at())).collect();
    let run: Vec<Option<&str>> = records.iter().map(|(record, _)| record.run()).collect();
    let check: Vec<Option<&str>> = records.iter().map(|(record, _)| record.check()).collect();
    let json: Vec<&str> = records.iter().map(|(_, stored)| stored.json.as_str()).collect();
    session
        .execute(
            "INSERT INTO steadfast.record (seq, at, run, check_id, chain, json) \
             SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::text[], $5::bytea[], $6::text[])",
            &[&seqs, &at, &run, &check, &chain, &json],
        )
        .await?;
    session
        .execute("UPDATE steadfast.head SET seq = $1, chain = $2", &[&number(head.seq), &head.chain.0.as_slice()])
        .await?;
    Ok(head)
}
