//! What `verify` looks for, whatever stores the ledger: the store brings each thing as it is stored, in order.

use std::collections::BTreeMap;

use steadfast_core::ledger::{Head, Projection, Record, Verification};
use steadfast_core::observation::Hash;

use crate::prepared::micros;
use crate::projections::Projections;

/// More faults than these are only counted.
const MOST_FAULTS: usize = 50;

/// What was found so far.
pub(crate) struct Audit {
    known: Option<Head>,
    /// As it follows from the records.
    head: Head,
    /// As it is stored, so that one damaged record does not make all after it look damaged.
    stored: Head,
    /// As they follow from the records.
    projections: Projections,
    /// As they are stored.
    stored_projections: Projections,
    greens: BTreeMap<(String, Hash), u64>,
    payloads: u64,
    faults: Vec<String>,
    further: u64,
}

/// A record with the columns that repeat parts of it.
pub(crate) struct StoredRecord<'row> {
    /// Its number.
    pub(crate) seq: u64,
    /// The chain value beside it.
    pub(crate) chain: Hash,
    /// Its bytes: after a flipped one they may be no text any more.
    pub(crate) json: &'row [u8],
    /// When, in microseconds.
    pub(crate) at: i64,
    /// The run it is indexed under.
    pub(crate) run: Option<&'row str>,
    /// The check it is indexed under.
    pub(crate) check: Option<&'row str>,
    /// The payload that it keeps.
    pub(crate) kept: Option<Hash>,
}

impl Audit {
    /// Nothing yet. With `known`, a head noted earlier must be in the chain.
    pub(crate) fn new(known: Option<Head>) -> Audit {
        Audit {
            known,
            head: Head::EMPTY,
            stored: Head::EMPTY,
            projections: Projections::default(),
            stored_projections: Projections::default(),
            greens: BTreeMap::new(),
            payloads: 0,
            faults: Vec::new(),
            further: 0,
        }
    }

    /// Notes what does not fit.
    pub(crate) fn fault(&mut self, fault: String) {
        if self.faults.len() < MOST_FAULTS { self.faults.push(fault) } else { self.further += 1 }
    }

    /// The next record by number.
    pub(crate) fn record(&mut self, record: &StoredRecord<'_>) {
        let seq = record.seq;
        if seq != self.stored.seq + 1 {
            let missing = if seq == self.stored.seq + 2 {
                format!("record {} is missing", seq - 1)
            } else {
                format!("records {} to {} are missing", self.stored.seq + 1, seq.saturating_sub(1))
            };
            self.fault(missing);
            self.stored.seq = seq.saturating_sub(1);
        }
        let digest = Hash::of(record.json);
        if self.stored.after(digest).chain != record.chain {
            self.fault(format!(
                "record {seq} does not fit the chain: it, the record before it or its chain value was changed"
            ));
        }
        self.stored = Head { seq, chain: record.chain };
        self.head = Head { seq, chain: self.head.after(digest).chain };
        if let Some(known) = self.known.filter(|known| known.seq == seq && known.chain != self.head.chain) {
            self.fault(format!(
                "record {seq} is not the one that the head {known} was noted after: the history was rewritten"
            ));
        }
        match serde_json::from_slice::<Record>(record.json) {
            Ok(read) => self.follow(record, &read),
            Err(why) => self.fault(format!("record {seq} cannot be read: {why}")),
        }
    }

    fn follow(&mut self, stored: &StoredRecord<'_>, record: &Record) {
        let seq = stored.seq;
        if stored.at != micros(record.at()) || stored.run != record.run() || stored.check != record.check() {
            self.fault(format!(
                "record {seq} is indexed under another time, run or check; `ledger rebuild` mends that"
            ));
        }
        let payload = match record {
            Record::Observed(seen) => {
                if seen.verdict.is_pass() {
                    self.greens.insert((seen.check.clone(), seen.look_hash), seq);
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
        if stored.kept.is_some_and(|kept| payload != Some(kept)) {
            self.fault(format!("record {seq} keeps a payload that is not its own; `ledger rebuild` mends that"));
        }
        if let Some(Projection { name, key, value }) = record.project() {
            self.projections.0.insert((name, key), value);
        }
    }

    /// There is no further record.
    pub(crate) fn records_end(&mut self) {
        let reached = self.head.seq;
        if let Some(known) = self.known.filter(|known| known.seq > reached) {
            self.fault(format!(
                "the tail is cut: the head {known} was noted after record {}, but the last record is {reached}",
                known.seq
            ));
        }
    }

    /// A payload.
    pub(crate) fn payload(&mut self, digest: Hash, bytes: &[u8]) {
        self.payloads += 1;
        if Hash::of(bytes) != digest {
            self.fault(format!("payload {} does not have its digest: it was changed", digest.short()));
        }
    }

    /// A record keeps a payload that is not there.
    pub(crate) fn payload_is_missing(&mut self, digest: Hash, seq: u64) {
        self.fault(format!("payload {} of record {seq} is missing", digest.short()));
    }

    /// No record keeps this payload.
    pub(crate) fn payload_is_left_over(&mut self, digest: Hash) {
        self.fault(format!("payload {} is kept by no record; `ledger rebuild` drops it", digest.short()));
    }

    /// A payload is kept for a record that is not there.
    pub(crate) fn keeper_is_missing(&mut self, seq: u64) {
        self.fault(format!("a payload is kept for record {seq}, which is not there"));
    }

    /// The end of the chain that the store remembers. All records have been brought.
    pub(crate) fn stored_head(&mut self, stored: Head) {
        let reached = self.head.seq;
        if stored.seq > reached {
            self.fault(format!(
                "the tail is cut: the store remembers {} records, but the last record is {reached}",
                stored.seq
            ));
        } else if stored != self.head {
            self.fault(format!("the stored head {stored} is not the one that follows from the records"));
        }
    }

    /// The newest greens by check and look. All records have been brought.
    pub(crate) fn stored_greens(&mut self, stored: &BTreeMap<(String, Hash), u64>) {
        if *stored != self.greens {
            self.fault(
                "the newest greens are not those that follow from the records; `ledger rebuild` mends that".into(),
            );
        }
    }

    /// A projection.
    pub(crate) fn stored_projection(&mut self, name: String, key: String, value: &[u8]) {
        match serde_json::from_slice(value) {
            Ok(value) => drop(self.stored_projections.0.insert((name, key), value)),
            Err(why) => self.fault(format!("projection {name} of `{key}` cannot be read: {why}")),
        }
    }

    /// There is no further projection. All records have been brought.
    pub(crate) fn projections_end(&mut self) {
        for (name, key) in self.stored_projections.differences(&self.projections) {
            self.fault(format!(
                "projection {name} of `{key}` does not follow from the records; `ledger rebuild` mends that"
            ));
        }
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> Verification {
        if self.further > 0 {
            self.faults.push(format!("and {} more", self.further));
        }
        Verification { head: self.head, payloads: self.payloads, faults: self.faults }
    }
}
