//! Recomputing everything that can be recomputed, and naming what does not fit.

use std::collections::BTreeMap;

use rusqlite::Connection;
use steadfast_core::ledger::{Head, Verification};
use steadfast_core::observation::Hash;

use super::reading;
use super::trouble::is_damage;
use crate::audit::{Audit, StoredRecord};

type Part = fn(&Connection, &mut Audit) -> rusqlite::Result<()>;

/// What is looked at, in this order; a part that cannot be read to its end does not keep the others from being looked at.
const PARTS: &[(&str, Part)] = &[
    ("the file", structure),
    ("the records", records),
    ("the payloads", payloads),
    ("the stored head", stored_head),
    ("the newest greens", greens),
    ("the projections", projections),
];

/// Looks at one state of the ledger from end to end. Damage is a fault, not an error.
pub(super) fn verify(connection: &mut Connection, known: Option<Head>) -> rusqlite::Result<Verification> {
    let transaction = connection.transaction()?;
    let mut audit = Audit::new(known);
    for (name, part) in PARTS {
        match part(&transaction, &mut audit) {
            Err(error) if is_damage(&error) => audit.fault(format!("{name}: cannot be read to the end: {error}")),
            other => other?,
        }
    }
    Ok(audit.finish())
}

/// SQLite's own look at its pages and indexes.
fn structure(connection: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            audit.fault(format!("the file: {said}"));
        }
    }
    Ok(())
}

/// The chain, record by record.
fn records(connection: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT seq, chain, json, at, run, check_id, kept.payload FROM record LEFT JOIN kept USING (seq) ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let run: Option<String> = row.get(4)?;
        let check: Option<String> = row.get(5)?;
        let kept: Option<[u8; 32]> = row.get(6)?;
        audit.record(&StoredRecord {
            seq: reading::seq(row, 0)?,
            chain: reading::hash(row, 1)?,
            json: reading::bytes(row, 2)?,
            at: row.get(3)?,
            run: run.as_deref(),
            check: check.as_deref(),
            kept: kept.map(Hash),
        });
    }
    audit.records_end();
    Ok(())
}

/// Every payload against its digest, and against the records that keep it.
fn payloads(connection: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT digest, bytes FROM payload")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        audit.payload(reading::hash(row, 0)?, reading::bytes(row, 1)?);
    }
    let mut statement = connection.prepare(
        "SELECT seq, payload FROM kept WHERE NOT EXISTS (SELECT 1 FROM payload WHERE digest = kept.payload) ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        audit.payload_is_missing(reading::hash(row, 1)?, reading::seq(row, 0)?);
    }
    let mut statement = connection
        .prepare("SELECT digest FROM payload WHERE NOT EXISTS (SELECT 1 FROM kept WHERE payload = digest)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        audit.payload_is_left_over(reading::hash(row, 0)?);
    }
    let mut statement = connection.prepare(
        "SELECT seq FROM kept WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.seq = kept.seq) ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        audit.keeper_is_missing(reading::seq(row, 0)?);
    }
    Ok(())
}

/// The end that the store remembers against the end of the records.
fn stored_head(connection: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
    audit.stored_head(reading::head(connection)?);
    Ok(())
}

fn greens(connection: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT check_id, look, seq FROM green")?;
    let stored = statement.query_map([], |row| Ok(((row.get(0)?, reading::hash(row, 1)?), reading::seq(row, 2)?)))?;
    let stored: BTreeMap<(String, Hash), u64> = stored.collect::<Result<_, _>>()?;
    audit.stored_greens(&stored);
    Ok(())
}

fn projections(connection: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT name, key, value FROM projection")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        audit.stored_projection(row.get(0)?, row.get(1)?, reading::bytes(row, 2)?);
    }
    audit.projections_end();
    Ok(())
}
