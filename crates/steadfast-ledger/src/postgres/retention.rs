//! Which payloads are kept, and for how long.
//!
//! A row in `kept` says that a record keeps its payload. It goes when the record is pruned, or when a newer green
//! observation takes its place; the payload goes with the last row that names it.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use steadfast_core::ledger::{Checkpoint, Head, Keep, LedgerError, Observed, Pruned, Record};
use steadfast_core::observation::Hash;
use tokio_postgres::Row;

use super::append::{append, is_in_chain, lock_head};
use super::reading;
use super::session::{Purpose, Refusal, Session};
use crate::prepared::{Stored, micros, number};

/// How many bytes of payloads go into one statement. The protocol's own limit is 1 GB.
const MOST_BYTES: usize = 16 << 20;

/// How many digests go into one statement.
const MOST_DIGESTS: usize = 10_000;

/// Stores the payloads that these records name.
pub(super) async fn store_payloads(
    session: &mut Session,
    records: &[(u64, &Record)],
    blobs: &HashMap<Hash, Vec<u8>>,
) -> Result<(), Refusal> {
    let mut named = HashSet::new();
    let mut waiting: Vec<(&[u8], &[u8])> = Vec::new();
    let mut size = 0;
    for (_, record) in records {
        let Record::Observed(seen) = record else { continue };
        let Some((digest, bytes)) = blobs.get_key_value(&seen.payload) else { continue };
        if !named.insert(digest) {
            continue;
        }
        if size + bytes.len() > MOST_BYTES {
            insert_payloads(session, &std::mem::take(&mut waiting)).await?;
            size = 0;
        }
        size += bytes.len();
        waiting.push((&digest.0, bytes));
    }
    insert_payloads(session, &waiting).await
}

async fn insert_payloads(session: &mut Session, payloads: &[(&[u8], &[u8])]) -> Result<(), Refusal> {
    if payloads.is_empty() {
        return Ok(());
    }
    let (digests, bytes): (Vec<&[u8]>, Vec<&[u8]>) = payloads.iter().copied().unzip();
    session
        .execute(
            "INSERT INTO steadfast.payload (digest, bytes) SELECT * FROM unnest($1::bytea[], $2::bytea[]) \
             ON CONFLICT DO NOTHING",
            &[&digests, &bytes],
        )
        .await
        .map(drop)
}

/// Follows the rules for records that were just appended, in their order; their payloads are stored. Returns the
/// payloads that may no longer be needed.
pub(super) async fn keep(session: &mut Session, records: &[(u64, &Record)]) -> Result<Vec<Hash>, Refusal> {
    let mut released = Vec::new();
    // A checkpoint ends what was kept before it, and nothing after it.
    let mut observed = Vec::new();
    for (seq, record) in records {
        match record {
            Record::Observed(seen) => observed.push((*seq, &**seen)),
            Record::Checkpoint(checkpoint) => {
                keep_observed(session, &std::mem::take(&mut observed), &mut released).await?;
                release_before(session, checkpoint.before, &mut released).await?;
            }
            Record::RunBegan(_) | Record::RunEnded(_) | Record::Transition(_) | Record::Proved(_) | Record::Note(_) => {
            }
        }
    }
    keep_observed(session, &observed, &mut released).await?;
    Ok(released)
}

async fn keep_observed(
    session: &mut Session,
    records: &[(u64, &Observed)],
    released: &mut Vec<Hash>,
) -> Result<(), Refusal> {
    if records.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = records.iter().map(|(seq, _)| number(*seq)).collect();
    let payloads: Vec<&[u8]> = records.iter().map(|(_, seen)| seen.payload.0.as_slice()).collect();
    // A fail that was to be kept only as the newest green is a mistake; evidence is kept rather than lost.
    let until_pruned: Vec<bool> =
        records.iter().map(|(_, seen)| seen.keep == Keep::UntilPruned || !seen.verdict.is_pass()).collect();
    session
        .execute(
            "INSERT INTO steadfast.kept (seq, payload, until_pruned) \
             SELECT * FROM unnest($1::int8[], $2::bytea[], $3::bool[]) AS new (seq, payload, until_pruned) \
             WHERE EXISTS (SELECT 1 FROM steadfast.payload WHERE payload.digest = new.payload)",
            &[&seqs, &payloads, &until_pruned],
        )
        .await?;

    let mut newest: BTreeMap<(&str, Hash), i64> = BTreeMap::new();
    let mut superseded = Vec::new();
    for (seq, seen) in records.iter().filter(|(_, seen)| seen.verdict.is_pass()) {
        superseded.extend(newest.insert((&seen.check, seen.look_hash), number(*seq)));
    }
    if newest.is_empty() {
        return Ok(());
    }
    let checks: Vec<&str> = newest.keys().map(|(check, _)| *check).collect();
    let looks: Vec<&[u8]> = newest.keys().map(|(_, look)| look.0.as_slice()).collect();
    let seqs: Vec<i64> = newest.values().copied().collect();
    let before = session
        .query(
            "SELECT green.seq FROM steadfast.green \
             JOIN unnest($1::text[], $2::bytea[]) AS new (check_id, look) USING (check_id, look)",
            &[&checks, &looks],
        )
        .await?;
    for row in before {
        superseded.push(row.try_get(0)?);
    }
    session
        .execute(
            "INSERT INTO steadfast.green (check_id, look, seq) SELECT * FROM unnest($1::text[], $2::bytea[], $3::int8[]) \
             ON CONFLICT (check_id, look) DO UPDATE SET seq = excluded.seq",
            &[&checks, &looks, &seqs],
        )
        .await?;
    if superseded.is_empty() {
        return Ok(());
    }
    let rows = session
        .query("DELETE FROM steadfast.kept WHERE seq = ANY($1) AND NOT until_pruned RETURNING payload", &[&superseded])
        .await?;
    release(&rows, released)
}

/// Ends the rows of older records that are not the newest green of their check and look.
async fn release_before(session: &mut Session, before: Timestamp, released: &mut Vec<Hash>) -> Result<(), Refusal> {
    let rows = session
        .query(
            "DELETE FROM steadfast.kept USING steadfast.record WHERE record.seq = kept.seq AND record.at < $1 \
             AND NOT EXISTS (SELECT 1 FROM steadfast.green WHERE green.seq = kept.seq) RETURNING kept.payload",
            &[&micros(before)],
        )
        .await?;
    release(&rows, released)?;
    // What stays is from now on kept as the newest green alone.
    session
        .execute(
            "UPDATE steadfast.kept SET until_pruned = false FROM steadfast.record \
             WHERE record.seq = kept.seq AND record.at < $1 AND kept.until_pruned",
            &[&micros(before)],
        )
        .await
        .map(drop)
}

fn release(rows: &[Row], released: &mut Vec<Hash>) -> Result<(), Refusal> {
    for row in rows {
        released.push(reading::hash(row, 0)?);
    }
    Ok(())
}

/// Drops those of these payloads that no record keeps any more; says how many and how many bytes.
pub(super) async fn drop_unless_kept(session: &mut Session, payloads: &[Hash]) -> Result<Pruned, Refusal> {
    let mut pruned = Pruned { dropped: 0, bytes: 0 };
    for some in payloads.chunks(MOST_DIGESTS) {
        let digests: Vec<&[u8]> = some.iter().map(|digest| digest.0.as_slice()).collect();
        let row = session
            .query_opt(
                "WITH dropped AS (DELETE FROM steadfast.payload WHERE digest = ANY($1) AND NOT EXISTS \
                 (SELECT 1 FROM steadfast.kept WHERE kept.payload = payload.digest) RETURNING octet_length(bytes) AS size) \
                 SELECT count(*), coalesce(sum(size), 0)::int8 FROM dropped",
                &[&digests],
            )
            .await?;
        if let Some(row) = row {
            pruned.dropped += row.try_get::<_, i64>(0)?.unsigned_abs();
            pruned.bytes += row.try_get::<_, i64>(1)?.unsigned_abs();
        }
    }
    Ok(pruned)
}

/// Drops payloads of records before this moment, and appends a checkpoint that says so. `sent` is what an earlier
/// attempt may have committed, its answer lost.
pub(super) async fn prune(
    session: &mut Session,
    before: Timestamp,
    at: Timestamp,
    sent: &mut Option<(Head, Pruned)>,
) -> Result<Pruned, Refusal> {
    session.begin(Purpose::Overhaul).await?;
    let head = lock_head(session).await?;
    if let Some((sent, pruned)) = sent.take()
        && is_in_chain(session, sent).await?
    {
        session.roll_back().await?;
        return Ok(pruned);
    }
    let mut released = Vec::new();
    release_before(session, before, &mut released).await?;
    let pruned = drop_unless_kept(session, &released).await?;
    let checkpoint = Record::Checkpoint(Checkpoint { at, before, dropped: pruned.dropped, bytes: pruned.bytes });
    let stored = Stored::new(&checkpoint).map_err(|why| Refusal::Ledger(LedgerError::Unwritable(why)))?;
    let head = append(session, head, &[(&checkpoint, &stored)]).await?;
    *sent = Some((head, pruned));
    session.commit().await?;
    Ok(pruned)
}
