//! Recomputing everything that can be recomputed, and naming what does not fit.

use std::collections::BTreeMap;

use steadfast_core::ledger::{Head, Verification};
use steadfast_core::observation::Hash;
use tokio_postgres::Row;

use super::reading;
use super::session::{Purpose, Refusal, Session};
use super::trouble::damage;
use crate::audit::{Audit, StoredRecord};

/// Notes what a row says.
type Note = fn(&Row, &mut Audit) -> Result<(), Refusal>;

/// What is looked at.
struct Part {
    name: &'static str,
    /// How many rows are in memory at once: a payload may have megabytes.
    rows: usize,
    sql: &'static str,
    note: Note,
    /// After the last row.
    end: fn(&mut Audit),
}

/// In this order; a part that cannot be read to its end does not keep the others from being looked at.
const PARTS: &[Part] = &[
    Part {
        name: "the records",
        rows: 1000,
        sql: "SELECT seq, chain, json, at, run, check_id, kept.payload \
              FROM steadfast.record LEFT JOIN steadfast.kept USING (seq) ORDER BY seq",
        note: record,
        end: Audit::records_end,
    },
    Part {
        name: "the payloads",
        rows: 16,
        sql: "SELECT digest, bytes FROM steadfast.payload",
        note: |row, audit| {
            audit.payload(reading::hash(row, 0)?, row.try_get(1)?);
            Ok(())
        },
        end: nothing,
    },
    Part {
        name: "the payloads",
        rows: 1000,
        sql: "SELECT payload, seq FROM steadfast.kept \
              WHERE NOT EXISTS (SELECT 1 FROM steadfast.payload WHERE digest = kept.payload) ORDER BY seq",
        note: |row, audit| {
            audit.payload_is_missing(reading::hash(row, 0)?, reading::seq(row, 1)?);
            Ok(())
        },
        end: nothing,
    },
    Part {
        name: "the payloads",
        rows: 1000,
        sql: "SELECT digest FROM steadfast.payload \
              WHERE NOT EXISTS (SELECT 1 FROM steadfast.kept WHERE kept.payload = digest)",
        note: |row, audit| {
            audit.payload_is_left_over(reading::hash(row, 0)?);
            Ok(())
        },
        end: nothing,
    },
    Part {
        name: "the payloads",
        rows: 1000,
        sql: "SELECT seq FROM steadfast.kept \
              WHERE NOT EXISTS (SELECT 1 FROM steadfast.record WHERE record.seq = kept.seq) ORDER BY seq",
        note: |row, audit| {
            audit.keeper_is_missing(reading::seq(row, 0)?);
            Ok(())
        },
        end: nothing,
    },
    Part {
        name: "the projections",
        rows: 1000,
        sql: "SELECT name, key, value FROM steadfast.projection",
        note: |row, audit| {
            audit.stored_projection(row.try_get(0)?, row.try_get(1)?, reading::bytes(row, 2)?);
            Ok(())
        },
        end: Audit::projections_end,
    },
];

/// Looks at one state of the ledger from end to end. Damage is a fault, not an error.
pub(super) async fn verify(session: &mut Session, known: Option<Head>) -> Result<Verification, Refusal> {
    session.begin(Purpose::LookThrough).await?;
    let mut audit = Audit::new(known);
    for part in PARTS {
        let done = look_at(session, part, &mut audit).await;
        or_damage(session, part.name, done, &mut audit).await?;
    }
    let done = head(session, &mut audit).await;
    or_damage(session, "the stored head", done, &mut audit).await?;
    let done = greens(session, &mut audit).await;
    or_damage(session, "the newest greens", done, &mut audit).await?;
    session.roll_back().await?;
    Ok(audit.finish())
}

/// The server refuses everything after an error, up to where it is told to go back to.
async fn or_damage(
    session: &mut Session,
    name: &str,
    done: Result<(), Refusal>,
    audit: &mut Audit,
) -> Result<(), Refusal> {
    let Err(refusal) = done else { return Ok(()) };
    let Some(said) = damage(&refusal) else { return Err(refusal) };
    audit.fault(format!("{name}: cannot be read to the end: {said}"));
    session.batch("ROLLBACK TO SAVEPOINT part").await
}

async fn look_at(session: &mut Session, part: &Part, audit: &mut Audit) -> Result<(), Refusal> {
    session.batch(&format!("SAVEPOINT part; DECLARE rows NO SCROLL CURSOR FOR {}", part.sql)).await?;
    loop {
        let rows = session.fetch("rows", part.rows).await?;
        for row in &rows {
            (part.note)(row, audit)?;
        }
        if rows.len() < part.rows {
            break;
        }
    }
    (part.end)(audit);
    session.batch("CLOSE rows").await
}

/// The chain, record by record.
fn record(row: &Row, audit: &mut Audit) -> Result<(), Refusal> {
    let kept: Option<&[u8]> = row.try_get(6)?;
    audit.record(&StoredRecord {
        seq: reading::seq(row, 0)?,
        chain: reading::hash(row, 1)?,
        json: reading::bytes(row, 2)?,
        at: row.try_get(3)?,
        run: row.try_get(4)?,
        check: row.try_get(5)?,
        kept: kept.map(|_| reading::hash(row, 6)).transpose()?,
    });
    Ok(())
}

fn nothing(_: &mut Audit) {}

/// The end that the store remembers against the end of the records.
async fn head(session: &mut Session, audit: &mut Audit) -> Result<(), Refusal> {
    session.batch("SAVEPOINT part").await?;
    audit.stored_head(reading::head(session).await?);
    Ok(())
}

async fn greens(session: &mut Session, audit: &mut Audit) -> Result<(), Refusal> {
    session
        .batch("SAVEPOINT part; DECLARE rows NO SCROLL CURSOR FOR SELECT check_id, look, seq FROM steadfast.green")
        .await?;
    let mut stored: BTreeMap<(String, Hash), u64> = BTreeMap::new();
    loop {
        let rows = session.fetch("rows", 1000).await?;
        for row in &rows {
            stored.insert((row.try_get(0)?, reading::hash(row, 1)?), reading::seq(row, 2)?);
        }
        if rows.is_empty() {
            break;
        }
    }
    audit.stored_greens(&stored);
    session.batch("CLOSE rows").await
}
