//! What a run found out.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::identity::Identity;
use crate::raw_name;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything that was asked holds.
    Pass,
    /// There are faults.
    Fail,
    /// No fault was seen, and something could not be looked at.
    Unknown,
}

/// How much a pass means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Structure, values, and every index against its table.
    Proven,
    /// Structure only.
    Structure,
}

/// Something that was not judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unproven {
    /// The table, index or range of pages.
    pub name: String,
    /// The reason.
    pub why: String,
}

impl Unproven {
    pub(crate) fn new(name: &str, why: String) -> Unproven {
        Unproven { name: raw_name::shown(name.to_owned()), why: raw_name::shown(why) }
    }
}

/// The WAL in the view that was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalReport {
    /// Frames up to the commit that was judged.
    pub frames: u32,
    /// Commits among them, where they were counted.
    pub commits: u32,
    /// Pages that came from the WAL.
    pub pages: u32,
    /// Whether a read mark held the view in place.
    pub pinned: bool,
}

/// One tree of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeReport {
    /// The table or index.
    pub name: String,
    /// The table it belongs to.
    pub table: String,
    /// Whether it is an index.
    pub is_index: bool,
    /// Rows or entries.
    pub entries: u64,
    /// All its pages: leaf, interior, overflow.
    pub pages: u64,
    /// Of these, overflow pages.
    pub overflow_pages: u64,
    /// Bytes of rows or entries.
    pub payload: u64,
    /// Unused bytes on its leaves and interior pages.
    pub free: u64,
}

/// Why a run ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// The reason.
    pub why: String,
    /// Pages of the forward pass that were judged.
    pub pages_done: u32,
    /// Whether the state was saved, so that `--resume` goes on from here.
    pub resumable: bool,
}

/// What is different in the file or manifest that the pages were held against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// Pages that both have and that are not the same.
    pub pages: u64,
    /// The first of them, up to the bound on findings.
    pub first: Vec<u32>,
    /// Pages that only this file has.
    pub only_here: u32,
    /// Pages that only the other one has.
    pub only_there: u32,
    /// Differing pages by table or index, most first.
    pub by_tree: Vec<(String, u64)>,
    /// Differing pages that belong to a tree that could not be named: neither manifest says whose they are.
    pub unnamed: u64,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The answer.
    pub verdict: Verdict,
    /// What a pass means.
    pub level: Level,
    /// The table that was asked for, if only one was.
    pub scope: Option<String>,
    /// Pages of the database.
    pub pages: u32,
    /// Bytes of a page.
    pub page_size: u32,
    /// All bytes that were read.
    pub bytes_read: u64,
    /// Of these, bytes beyond the one pass.
    pub bytes_reread: u64,
    /// Of these, bytes that were in the page cache: they prove the cache, not the disk.
    pub bytes_cached: u64,
    /// CPU time of this process.
    pub cpu_seconds: f64,
    /// Time on the clock.
    pub seconds: f64,
    /// The faults, most telling first.
    pub findings: Vec<Finding>,
    /// Faults beyond those listed.
    pub findings_beyond: u64,
    /// What was not judged, and why.
    pub unproven: Vec<Unproven>,
    /// Remarks that change nothing in the verdict.
    pub notes: Vec<String>,
    /// The WAL, if there is one.
    pub wal: Option<WalReport>,
    /// Why the run ended early, if it did.
    pub stopped: Option<Stopped>,
    /// Tables, the schema's own not counted.
    pub tables: u32,
    /// Indexes.
    pub indexes: u32,
    /// Pages on the freelist.
    pub freelist_pages: u32,
    /// Every tree.
    pub trees: Vec<TreeReport>,
    /// "wal" or "rollback journal".
    pub journal: String,
    /// The text encoding.
    pub encoding: String,
    /// The file in the moment that was judged.
    pub identity: Option<Identity>,
    /// What is different, if the pages were held against something.
    pub differing: Option<Differing>,
    /// The root of the manifest that was written.
    pub manifest_root: Option<String>,
    /// The SQLite that evaluated what the pass cannot.
    pub sqlite_version: String,
}

impl Proof {
    /// Rows of all tables, those of the schema not counted.
    pub fn rows(&self) -> u64 {
        let tables = self.trees.iter().filter(|tree| !tree.is_index && tree.name != "sqlite_schema");
        tables.map(|tree| tree.entries).sum()
    }

    pub(crate) fn empty(level: Level) -> Proof {
        Proof {
            verdict: Verdict::Unknown,
            level,
            scope: None,
            pages: 0,
            page_size: 0,
            bytes_read: 0,
            bytes_reread: 0,
            bytes_cached: 0,
            cpu_seconds: 0.0,
            seconds: 0.0,
            findings: Vec::new(),
            findings_beyond: 0,
            unproven: Vec::new(),
            notes: Vec::new(),
            wal: None,
            stopped: None,
            tables: 0,
            indexes: 0,
            freelist_pages: 0,
            trees: Vec::new(),
            journal: String::new(),
            encoding: String::new(),
            identity: None,
            differing: None,
            manifest_root: None,
            sqlite_version: rusqlite::version().to_owned(),
        }
    }
}
