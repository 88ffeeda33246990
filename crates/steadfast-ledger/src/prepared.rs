//! What is computed of a batch before a store takes its lock.

use std::collections::HashMap;

use jiff::Timestamp;
use steadfast_core::ledger::{Batch, Head, Projection, Record};
use steadfast_core::observation::Hash;

/// A batch with everything computed that needs no lock.
pub(crate) struct Prepared {
    pub(crate) records: Vec<(Record, Stored)>,
    pub(crate) blobs: HashMap<Hash, Vec<u8>>,
    pub(crate) projections: Vec<Projection>,
    pub(crate) expect_head: Option<Head>,
}

/// The bytes of a record and their digest.
pub(crate) struct Stored {
    pub(crate) json: String,
    pub(crate) digest: Hash,
}

impl Stored {
    /// As it will be stored.
    pub(crate) fn new(record: &Record) -> Result<Stored, String> {
        let json = serde_json::to_string(record).map_err(|why| format!("a record cannot be written as JSON: {why}"))?;
        Ok(Stored { digest: Hash::of(json.as_bytes()), json })
    }
}

impl Prepared {
    /// Serializes and digests.
    pub(crate) fn new(batch: Batch) -> Result<Prepared, String> {
        let stored = |record: Record| Stored::new(&record).map(|stored| (record, stored));
        Ok(Prepared {
            records: batch.records.into_iter().map(stored).collect::<Result<_, _>>()?,
            blobs: batch.blobs.into_iter().map(|bytes| (Hash::of(&bytes), bytes)).collect(),
            projections: batch.projections,
            expect_head: batch.expect_head,
        })
    }
}

/// A moment as records are searched by it.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A sequence number as a store has it. None is anywhere near the end of either.
pub(crate) fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
