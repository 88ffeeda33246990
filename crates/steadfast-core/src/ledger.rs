//! The ledger's records and its interface. Stores implement [`Ledger`]; one conformance suite holds for all of them.
//!
//! Records are append-only and chained: the chain value of a record is the digest of the one before and its own. What
//! was seen (the payload) is kept beside the record under its digest, so it can be dropped without breaking the chain.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::measure::Lapse;
use crate::names::Names;
use crate::observation::Hash;
use crate::verdict::Verdict;
use crate::world::Boxed;

/// A durable fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Record {
    /// A run began.
    RunBegan(RunBegan),
    /// A check was looked at and judged.
    Observed(Box<Observed>),
    /// A run ended with a decision.
    RunEnded(RunEnded),
    /// A check's state changed.
    Transition(Transitioned),
    /// A check was shown to be able to fail, or not.
    Proved(Proved),
    /// Something a person or a program wrote down.
    Note(Note),
    /// Payloads before this were dropped; the digests stay.
    Checkpoint(Checkpoint),
}

/// See [`Record::RunBegan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunBegan {
    /// Identifies the run.
    pub run: String,
    /// When.
    pub at: Timestamp,
    /// The project.
    pub project: String,
    /// The gate, or none for all checks.
    pub gate: Option<String>,
    /// From where.
    pub vantage: String,
    /// The seed of the order.
    pub seed: u64,
    /// The checks in the order in which they were started.
    pub order: Names,
    /// The program's version.
    pub version: String,
}

/// See [`Record::Observed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The run it belongs to.
    pub run: String,
    /// The check.
    pub check: String,
    /// Its kind.
    pub kind: String,
    /// When the look began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Lapse,
    /// From where.
    pub vantage: String,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// Which look.
    pub look_hash: Hash,
    /// Which expectations.
    pub claim_hash: Hash,
    /// The shape of the payload.
    pub shape: u16,
    /// The judgement.
    pub verdict: Verdict,
    /// The kind's numbers.
    pub numbers: Map<String, Value>,
    /// The digest of the payload: the observation as JSON.
    pub payload: Hash,
    /// Why the payload is kept.
    pub keep: Keep,
}

/// How long a payload is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Until pruned: a fail, an unknown, or a changed verdict.
    UntilPruned,
    /// Until a newer green observation of the same check and look comes.
    WhileNewestGreen,
}

/// See [`Record::RunEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnded {
    /// The run.
    pub run: String,
    /// When.
    pub at: Timestamp,
    /// The decision's word.
    pub decision: String,
    /// The checks that failed.
    pub failed: Vec<String>,
    /// The checks that are unknown.
    pub unknown: Vec<String>,
}

/// See [`Record::Transition`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transitioned {
    /// The check.
    pub check: String,
    /// When.
    pub at: Timestamp,
    /// The state before.
    pub from: String,
    /// The state after.
    pub to: String,
}

/// See [`Record::Proved`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proved {
    /// The check.
    pub check: String,
    /// When.
    pub at: Timestamp,
    /// Which look.
    pub look_hash: Hash,
    /// Which expectations.
    pub claim_hash: Hash,
    /// Impostors caught, of how many.
    pub caught: (u32, u32),
    /// Expectations seen red, of how many.
    pub seen_red: (u32, u32),
    /// Variations passed, of how many.
    pub passed: (u32, u32),
}

/// See [`Record::Note`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// The text.
    pub text: String,
}

/// See [`Record::Checkpoint`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// When.
    pub at: Timestamp,
    /// Payloads older than this were dropped, but for the newest green of each check and look.
    pub before: Timestamp,
    /// How many were dropped.
    pub dropped: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

impl Record {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Record::RunBegan(record) => record.at,
            Record::Observed(record) => record.at,
            Record::RunEnded(record) => record.at,
            Record::Transition(record) => record.at,
            Record::Proved(record) => record.at,
            Record::Note(record) => record.at,
            Record::Checkpoint(record) => record.at,
        }
    }

    /// The run it belongs to.
    pub fn run(&self) -> Option<&str> {
        match self {
            Record::RunBegan(record) => Some(&record.run),
            Record::Observed(record) => Some(&record.run),
            Record::RunEnded(record) => Some(&record.run),
            Record::Transition(_) | Record::Proved(_) | Record::Note(_) | Record::Checkpoint(_) => None,
        }
    }

    /// The check it is about.
    pub fn check(&self) -> Option<&str> {
        match self {
            Record::Observed(record) => Some(&record.check),
            Record::Transition(record) => Some(&record.check),
            Record::Proved(record) => Some(&record.check),
            Record::RunBegan(_) | Record::RunEnded(_) | Record::Note(_) | Record::Checkpoint(_) => None,
        }
    }

    /// The projection that follows from this record: the state of its check now. Replaying all records in order and
    /// applying each result rebuilds every projection.
    pub fn project(&self) -> Option<Projection> {
        match self {
            Record::Observed(seen) => Some(Projection {
                name: "latest".into(),
                key: seen.check.clone(),
                value: serde_json::json!({
                    "verdict": seen.verdict.word(), "at": seen.at, "run": seen.run, "kind": seen.kind,
                    "look_hash": seen.look_hash, "claim_hash": seen.claim_hash,
                }),
            }),
            Record::RunEnded(ended) => Some(Projection {
                name: "latest-run".into(),
                key: String::new(),
                value: serde_json::json!({ "run": ended.run, "at": ended.at, "decision": ended.decision }),
            }),
            Record::RunBegan(_)
            | Record::Transition(_)
            | Record::Proved(_)
            | Record::Note(_)
            | Record::Checkpoint(_) => None,
        }
    }
}

/// A fact derived from the records, kept for quick reading: always rebuildable by a fold over them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// Which projection: `latest`, `latest-run`.
    pub name: String,
    /// Of what: a check's id.
    pub key: String,
    /// Its value.
    pub value: Value,
}

/// What is committed together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// In this order.
    pub records: Vec<Record>,
    /// Payloads, each stored under its own digest.
    pub blobs: Vec<Vec<u8>>,
    /// Replace the projections of the same name and key.
    pub projections: Vec<Projection>,
    /// If set, the commit is refused when the head is another.
    pub expect_head: Option<Head>,
}

/// The end of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many records there are.
    pub seq: u64,
    /// The chain value of the last; all zero for none.
    pub chain: Hash,
}

impl Head {
    /// Of a ledger without records.
    pub const EMPTY: Head = Head { seq: 0, chain: Hash([0; 32]) };

    /// The head after a record with this digest.
    #[must_use]
    pub fn after(self, digest: Hash) -> Head {
        let mut both = [0; 64];
        both[..32].copy_from_slice(&self.chain.0);
        both[32..].copy_from_slice(&digest.0);
        Head { seq: self.seq + 1, chain: Hash::of(&both) }
    }

    /// Reads what [`fmt::Display`] writes: `SEQ:CHAIN`.
    pub fn parse(text: &str) -> Option<Head> {
        let (seq, chain) = text.trim().split_once(':')?;
        Some(Head { seq: seq.parse().ok()?, chain: Hash::parse(chain)? })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.chain)
    }
}

/// A record as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// The chain value after it.
    pub chain: Hash,
    /// The record.
    pub record: Record,
}

/// The newest green observation of a check and look.
#[derive(Debug, Clone, PartialEq)]
pub struct Green {
    /// Its record.
    pub observed: Observed,
    /// Its payload, if it is still kept.
    pub payload: Option<Vec<u8>>,
}

/// Which records to read. Everything set must match.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Of this run.
    pub run: Option<String>,
    /// About this check.
    pub check: Option<String>,
    /// Not before this.
    pub since: Option<Timestamp>,
}

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// The head as it follows from the records.
    pub head: Head,
    /// How many payloads were compared with their digests.
    pub payloads: u64,
    /// What does not fit, each with its place. Empty: intact.
    pub faults: Vec<String>,
}

/// What `prune` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Payloads dropped.
    pub dropped: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why the ledger could not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerError {
    /// Somebody else has committed since.
    HeadMoved {
        /// What was expected.
        expected: Head,
        /// What is there.
        found: Head,
    },
    /// It cannot be written: full disk, read-only folder, no permission.
    Unwritable(String),
    /// It is not there, or is no ledger of a version that can be read.
    Unreadable(String),
    /// It stayed locked for the whole time.
    Busy(String),
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerError::HeadMoved { expected, found } => {
                write!(f, "another process has written since: expected head {}, found {}", expected.seq, found.seq)
            }
            LedgerError::Unwritable(why) => write!(f, "the ledger cannot be written: {why}"),
            LedgerError::Unreadable(why) => write!(f, "the ledger cannot be read: {why}"),
            LedgerError::Busy(why) => write!(f, "the ledger is locked by another process: {why}"),
        }
    }
}

impl std::error::Error for LedgerError {}

/// An append-only, chained store of records.
pub trait Ledger: Send + Sync {
    /// Appends all of a batch, or nothing. A [`Keep::WhileNewestGreen`] payload is dropped in the same transaction that
    /// appends a newer green observation of the same check and look, unless another record keeps it.
    fn commit(&self, batch: Batch) -> Boxed<'_, Result<Head, LedgerError>>;
    /// Reads at most `limit` records after number `after`, in order.
    fn read(&self, filter: Filter, after: u64, limit: usize) -> Boxed<'_, Result<Vec<Entry>, LedgerError>>;
    /// Reads at most `limit` records before number `before`, the newest first.
    fn read_back(&self, filter: Filter, before: u64, limit: usize) -> Boxed<'_, Result<Vec<Entry>, LedgerError>>;
    /// The payload with this digest, if it is still kept.
    fn payload(&self, digest: Hash) -> Boxed<'_, Result<Option<Vec<u8>>, LedgerError>>;
    /// The newest green observation of a check with this look.
    fn newest_green<'a>(&'a self, check: &'a str, look_hash: Hash) -> Boxed<'a, Result<Option<Green>, LedgerError>>;
    /// All values of a projection.
    fn projections<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Vec<Projection>, LedgerError>>;
    /// Forgets all projections and folds them anew from the records; returns how many there are.
    fn rebuild(&self) -> Boxed<'_, Result<u64, LedgerError>>;
    /// The end of the chain, as the store remembers it.
    fn head(&self) -> Boxed<'_, Result<Head, LedgerError>>;
    /// Recomputes every digest and the chain. With `known`, a head noted earlier must be in the chain.
    fn verify(&self, known: Option<Head>) -> Boxed<'_, Result<Verification, LedgerError>>;
    /// Drops payloads of records before this moment, but for each newest green; appends a checkpoint dated `at`.
    fn prune(&self, before: Timestamp, at: Timestamp) -> Boxed<'_, Result<Pruned, LedgerError>>;
}
