//! How a run is to go.

use std::path::PathBuf;
use std::time::Duration;

use crate::planted::Planted;
use crate::progress::Cancel;

/// The options of a run, each with a default that suits a database of any size on a small machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Workers of the forward pass. Default: one for each core, at most four.
    pub threads: usize,
    /// Bytes a second that are read at most. Default: no bound.
    pub max_rate: Option<u64>,
    /// When to stop and say how far it got. Default: never.
    pub deadline: Option<Duration>,
    /// Only this table and its indexes.
    pub table: Option<String>,
    /// Pages and trees only, no values and no index content.
    pub structure_only: bool,
    /// Findings that are listed; further ones are counted. Default: 100.
    pub max_findings: usize,
    /// Write a hash of every page to this file.
    pub manifest_out: Option<PathBuf>,
    /// Hold every page against this manifest.
    pub against: Option<PathBuf>,
    /// Take up the state in this file if it exists; save the state there if the run is stopped.
    pub resume: Option<PathBuf>,
    /// Ignore a state that exists already.
    pub restart: bool,
    /// Hold a shared lock on a rollback-journal database, for so long at most.
    pub lock_for: Option<Duration>,
    /// By how many bytes the WAL may grow while it is pinned. Default: 256 MiB.
    pub max_wal_growth: u64,
    /// Where interior pages go that exceed `interior_memory`. Default: the system's folder for temporary files.
    pub scratch: PathBuf,
    /// Bytes of interior pages held in memory. Default: 64 MiB.
    pub interior_memory: usize,
    /// SQLite's hard heap limit, which holds for the whole process. Default: not set.
    pub sql_heap_limit: Option<u64>,
    /// Stops the run from outside.
    pub cancel: Cancel,
    /// Bugs planted on purpose, for tests of the tests.
    pub planted: Planted,
    /// Judge the file alone, as if no WAL stood beside it.
    pub ignore_wal: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(4),
            max_rate: None,
            deadline: None,
            table: None,
            structure_only: false,
            max_findings: 100,
            manifest_out: None,
            against: None,
            resume: None,
            restart: false,
            lock_for: None,
            max_wal_growth: 256 << 20,
            scratch: std::env::temp_dir(),
            interior_memory: 64 << 20,
            sql_heap_limit: None,
            cancel: Cancel::default(),
            planted: Planted::Nothing,
            ignore_wal: false,
        }
    }
}
