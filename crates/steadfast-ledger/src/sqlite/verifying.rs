//! Recomputing everything that can be recomputed, and naming what does not fit.

use std::collections::BTreeMap;

use rusqlite::Connection;
use steadfast_core::ledger::{Head, Projection, Record, Verification};
use steadfast_core::observation::Hash;

use super::append::micros;
use super::fold::Projections;
use super::reading;
use super::trouble::is_damage;

/// More faults than these are only counted.
const MOST_FAULTS: usize = 50;

type Part = fn(&Connection, &mut Report) -> rusqlite::Result<()>;

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
    let mut report = Report::new(known);
    for (name, part) in PARTS {
        match part(&transaction, &mut report) {
            Err(error) if is_damage(&error) => report.fault(format!("{name}: cannot be read to the end: {error}")),
            other => other?,
        }
    }
    Ok(report.finish())
}

/// What was found so far.
struct Report {
    known: Option<Head>,
    /// As it follows from the records.
    head: Head,
    projections: Projections,
    greens: BTreeMap<(String, Hash), u64>,
    payloads: u64,
    faults: Vec<String>,
    further: u64,
}

impl Report {
    fn new(known: Option<Head>) -> Report {
        Report {
            known,
            head: Head::EMPTY,
            projections: Projections::default(),
            greens: BTreeMap::new(),
            payloads: 0,
            faults: Vec::new(),
            further: 0,
        }
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < MOST_FAULTS { self.faults.push(fault) } else { self.further += 1 }
    }

    fn finish(mut self) -> Verification {
        if self.further > 0 {
            self.faults.push(format!("and {} more", self.further));
        }
        Verification { head: self.head, payloads: self.payloads, faults: self.faults }
    }
}

/// SQLite's own look at its pages and indexes.
fn structure(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            report.fault(format!("the file: {said}"));
        }
    }
    Ok(())
}

/// The chain, record by record.
fn records(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT seq, chain, json, at, run, check_id, kept.payload FROM record LEFT JOIN kept USING (seq) ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    // As stored, so that one damaged record does not make all after it look damaged.
    let mut stored = Head::EMPTY;
    while let Some(row) = rows.next()? {
        let seq = reading::seq(row, 0)?;
        if seq != stored.seq + 1 {
            let missing = if seq == stored.seq + 2 {
                format!("record {} is missing", seq - 1)
            } else {
                format!("records {} to {} are missing", stored.seq + 1, seq.saturating_sub(1))
            };
            report.fault(missing);
            stored.seq = seq.saturating_sub(1);
        }
        let bytes = reading::bytes(row, 2)?;
        let digest = Hash::of(bytes);
        let chain = reading::hash(row, 1)?;
        if stored.after(digest).chain != chain {
            report.fault(format!(
                "record {seq} does not fit the chain: it, the record before it or its chain value was changed"
            ));
        }
        stored = Head { seq, chain };
        report.head = Head { seq, chain: report.head.after(digest).chain };
        if let Some(known) = report.known.filter(|known| known.seq == seq && known.chain != report.head.chain) {
            report.fault(format!(
                "record {seq} is not the one that the head {known} was noted after: the history was rewritten"
            ));
        }
        match serde_json::from_slice::<Record>(bytes) {
            Ok(record) => follow(row, seq, &record, report)?,
            Err(why) => report.fault(format!("record {seq} cannot be read: {why}")),
        }
    }
    let reached = report.head.seq;
    if let Some(known) = report.known.filter(|known| known.seq > reached) {
        report.fault(format!(
            "the tail is cut: the head {known} was noted after record {}, but the last record is {reached}",
            known.seq
        ));
    }
    Ok(())
}

/// One record, with the columns that repeat parts of it.
fn follow(row: &rusqlite::Row<'_>, seq: u64, record: &Record, report: &mut Report) -> rusqlite::Result<()> {
    let at: i64 = row.get(3)?;
    let run: Option<String> = row.get(4)?;
    let check: Option<String> = row.get(5)?;
    if at != micros(record.at()) || run.as_deref() != record.run() || check.as_deref() != record.check() {
        report.fault(format!("record {seq} is indexed under another time, run or check; `ledger rebuild` mends that"));
    }
    let kept: Option<[u8; 32]> = row.get(6)?;
    let payload = match record {
        Record::Observed(seen) => {
            if seen.verdict.is_pass() {
                report.greens.insert((seen.check.clone(), seen.look_hash), seq);
            }
            Some(seen.payload)
        }
        Record::RunBegan(_)
        | Record::RunEnded(_)
        | Record::Transition(_)
        | Record::Proved(_)
        | Record::Note(_)
        | Record::Checkpoint(_) => None,
    };
    if kept.is_some_and(|kept| payload != Some(Hash(kept))) {
        report.fault(format!("record {seq} keeps a payload that is not its own; `ledger rebuild` mends that"));
    }
    if let Some(Projection { name, key, value }) = record.project() {
        report.projections.0.insert((name, key), value);
    }
    Ok(())
}

/// Every payload against its digest, and against the records that keep it.
fn payloads(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT digest, bytes FROM payload")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest = reading::hash(row, 0)?;
        report.payloads += 1;
        if Hash::of(reading::bytes(row, 1)?) != digest {
            report.fault(format!("payload {} does not have its digest: it was changed", digest.short()));
        }
    }
    let mut statement = connection.prepare(
        "SELECT seq, payload FROM kept WHERE NOT EXISTS (SELECT 1 FROM payload WHERE digest = kept.payload) ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.fault(format!(
            "payload {} of record {} is missing",
            reading::hash(row, 1)?.short(),
            reading::seq(row, 0)?
        ));
    }
    let mut statement = connection
        .prepare("SELECT digest FROM payload WHERE NOT EXISTS (SELECT 1 FROM kept WHERE payload = digest)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest = reading::hash(row, 0)?;
        report.fault(format!("payload {} is kept by no record; `ledger rebuild` drops it", digest.short()));
    }
    let mut statement = connection.prepare(
        "SELECT seq FROM kept WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.seq = kept.seq) ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.fault(format!("a payload is kept for record {}, which is not there", reading::seq(row, 0)?));
    }
    Ok(())
}

/// The end that the store remembers against the end of the records.
fn stored_head(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let stored = reading::head(connection)?;
    let reached = report.head.seq;
    if stored.seq > reached {
        report.fault(format!(
            "the tail is cut: the store remembers {} records, but the last record is {reached}",
            stored.seq
        ));
    } else if stored != report.head {
        report.fault(format!("the stored head {stored} is not the one that follows from the records"));
    }
    Ok(())
}

fn greens(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT check_id, look, seq FROM green")?;
    let stored = statement.query_map([], |row| Ok(((row.get(0)?, reading::hash(row, 1)?), reading::seq(row, 2)?)))?;
    let stored: BTreeMap<(String, Hash), u64> = stored.collect::<Result<_, _>>()?;
    if stored != report.greens {
        report
            .fault("the newest greens are not those that follow from the records; `ledger rebuild` mends that".into());
    }
    Ok(())
}

fn projections(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT name, key, value FROM projection")?;
    let mut rows = statement.query([])?;
    let mut stored = Projections::default();
    while let Some(row) = rows.next()? {
        let (name, key): (String, String) = (row.get(0)?, row.get(1)?);
        match serde_json::from_slice(reading::bytes(row, 2)?) {
            Ok(value) => drop(stored.0.insert((name, key), value)),
            Err(why) => report.fault(format!("projection {name} of `{key}` cannot be read: {why}")),
        }
    }
    for (name, key) in stored.differences(&report.projections) {
        report.fault(format!(
            "projection {name} of `{key}` does not follow from the records; `ledger rebuild` mends that"
        ));
    }
    Ok(())
}
