//! From one store to another, whatever they are: the same records, the same chain, the payloads that are still kept.

use std::collections::HashSet;
use std::fmt;

use steadfast_core::ledger::{Batch, Entry, Filter, Head, Ledger, LedgerError, Record};
use steadfast_core::observation::Hash;

use crate::prepared::Stored;

/// How many records are committed together at most.
const MOST_RECORDS: usize = 500;

/// How many bytes of payloads are committed together, but for one payload that is larger.
const MOST_BYTES: usize = 16 << 20;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// How many records were there already.
    pub before: u64,
    /// How many records were copied.
    pub records: u64,
    /// How many payloads came with them.
    pub payloads: u64,
    /// The end of both chains.
    pub head: Head,
}

/// Why it was not copied, or not to the end. What is there of it is whole in itself, and the next copy goes on after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The one that is copied cannot be read.
    Source(LedgerError),
    /// The other cannot be read or written.
    Target(LedgerError),
    /// The two cannot have one chain.
    Different(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Source(why) => write!(f, "the ledger to copy from: {why}"),
            Refusal::Target(why) => write!(f, "the ledger to copy to: {why}"),
            Refusal::Different(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Refusal {}

/// Appends to a ledger what another has and it has not. The other may grow meanwhile; somebody else who writes to the
/// ledger that is copied to is noticed, and nothing is appended after him.
pub async fn copy(from: &dyn Ledger, to: &dyn Ledger) -> Result<Copied, Refusal> {
    let mut head = to.head().await.map_err(Refusal::Target)?;
    let before = head.seq;
    must_go_through(from, head).await?;
    let mut payloads = 0;
    loop {
        let entries = from.read(Filter::default(), head.seq, MOST_RECORDS).await.map_err(Refusal::Source)?;
        if entries.is_empty() {
            return Ok(Copied { before, records: head.seq - before, payloads, head });
        }
        let mut batch = Batch { expect_head: Some(head), ..Batch::default() };
        let mut known = HashSet::new();
        let mut bytes = 0;
        let mut reached = head;
        for entry in entries {
            reached = next(reached, &entry)?;
            if let Some(payload) = payload(from, &entry, &mut known).await? {
                bytes += payload.len();
                payloads += 1;
                batch.blobs.push(payload);
            }
            batch.records.push(entry.record);
            if bytes >= MOST_BYTES {
                break;
            }
        }
        head = to.commit(batch).await.map_err(Refusal::Target)?;
        if head != reached {
            return Err(Refusal::Different(format!("the copy has the head {head}, and not {reached}")));
        }
    }
}

/// What is there already must be the beginning of what is copied.
async fn must_go_through(from: &dyn Ledger, head: Head) -> Result<(), Refusal> {
    if head == Head::EMPTY {
        return Ok(());
    }
    let found = from.read(Filter::default(), head.seq - 1, 1).await.map_err(Refusal::Source)?;
    match found.first() {
        Some(entry) if entry.seq == head.seq && entry.chain == head.chain => Ok(()),
        Some(_) => Err(Refusal::Different(format!(
            "the ledger to copy to holds another history: its record {} is not the one of the ledger to copy from; name an empty place",
            head.seq
        ))),
        None => Err(Refusal::Different(format!(
            "the ledger to copy to holds {} records, and the one to copy from fewer; is it the other way round?",
            head.seq
        ))),
    }
}

/// The head after this entry, which must be as it says.
fn next(head: Head, entry: &Entry) -> Result<Head, Refusal> {
    let stored = Stored::new(&entry.record).map_err(Refusal::Different)?;
    let next = head.after(stored.digest);
    if next == (Head { seq: entry.seq, chain: entry.chain }) {
        return Ok(next);
    }
    Err(Refusal::Different(format!(
        "record {} of the ledger to copy from does not fit its chain; `steadfast ledger verify` says more",
        head.seq + 1
    )))
}

/// What an entry saw, if it is still kept and not among those that are known.
async fn payload(from: &dyn Ledger, entry: &Entry, known: &mut HashSet<Hash>) -> Result<Option<Vec<u8>>, Refusal> {
    let Record::Observed(seen) = &entry.record else { return Ok(None) };
    if !known.insert(seen.payload) {
        return Ok(None);
    }
    let payload = from.payload(seen.payload).await.map_err(Refusal::Source)?;
    if payload.as_ref().is_some_and(|payload| Hash::of(payload) != seen.payload) {
        return Err(Refusal::Different(format!(
            "the payload of record {} of the ledger to copy from does not have its digest; `steadfast ledger verify` says more",
            entry.seq
        )));
    }
    Ok(payload)
}
