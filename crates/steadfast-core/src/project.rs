//! The valid configuration: what a run is planned from. It is made by `steadfast-config` and cannot be wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::check::Check;
use crate::gate::{Gate, Gates, Severity};
use crate::measure::Lapse;
use crate::rare::Rare;
use crate::secret::{SecretRef, Text};

/// A project.
#[derive(Clone)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The folder of the root configuration file; relative paths start here.
    pub root: PathBuf,
    /// The root configuration file.
    pub file: PathBuf,
    /// Named addresses.
    pub targets: BTreeMap<String, Text>,
    /// What each gate says of itself.
    pub gates: BTreeMap<Gate, GateSettings>,
    /// Where the ledger is.
    pub ledger: LedgerSettings,
    /// The checks, in the order of the files.
    pub checks: Vec<ProjectCheck>,
}

crate::settings! {
    /// How a gate behaves: `[gate.post-deploy]`.
    pub struct GateSettings {
        /// The bound of a whole run.
        deadline: Option<Lapse>,
        /// How many checks are looked at at the same time.
        parallel: Option<usize>,
        /// What `verify --changed` decides when no check covers what was changed: without it `cannot-tell`.
        when_nothing_matches: Option<NothingMatches>,
    }
}

crate::words! {
    /// What follows when no check covers what was changed.
    pub enum NothingMatches {
        /// Nothing was looked at, so nothing is known.
        CannotTell = "cannot-tell",
        /// What no check covers may pass.
        Proceed = "proceed",
    }
}

crate::settings! {
    /// Where records go: `[ledger]`, a file or a database that several machines share.
    pub struct LedgerSettings {
        /// The SQLite file, relative to the root configuration's folder. Without it and `url` `.steadfast/ledger.db`.
        path: Option<String>,
        /// A Postgres database instead: `postgres://user@host/database`, without a password. What it leaves open comes
        /// from the `PG*` variables and `~/.pgpass`, as for `psql`.
        url: Option<Text>,
        /// The password for `url`, if it is neither in `PGPASSWORD` nor in `~/.pgpass`.
        password: Option<SecretRef>,
    }
}

#[expect(clippy::derivable_impls, reason = "`settings!` takes no further derives")]
impl Default for LedgerSettings {
    fn default() -> Self {
        LedgerSettings { path: None, url: None, password: None }
    }
}

crate::settings! {
    /// When a look is tried again: `retry = { attempts = 2, delay = "1s" }`.
    pub struct Retry {
        /// How many looks at the most, the first included.
        attempts: u32 = 1,
        /// How long to wait before each further one.
        delay: Lapse = Lapse::seconds(1),
        /// Repeat requests that may change something (anything but GET, HEAD, OPTIONS), too.
        writes: bool = false,
    }
}

/// A named check of a project.
#[derive(Clone)]
pub struct ProjectCheck {
    /// Its name, unique in the project. Shared with whatever reports on it.
    pub id: Arc<str>,
    /// What it claims, in one line.
    pub summary: Arc<str>,
    /// When it must hold.
    pub gates: Gates,
    /// How often the watch looks.
    pub every: Lapse,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// A document that helps.
    pub runbook: Rare<Option<String>>,
    /// What to do first.
    pub what_to_do: Rare<Option<String>>,
    /// For `--only tag:X`: each once, in order.
    pub tags: Rare<Vec<String>>,
    /// The checks whose failure explains this one's.
    pub depends_on: Rare<Vec<String>>,
    /// Globs of the sources that it covers.
    pub paths: Rare<Vec<String>>,
    /// When it is tried again.
    pub retry: Retry,
    /// The bound of one look.
    pub timeout: Lapse,
    /// Whether it may be shown on a public page.
    pub public: bool,
    /// The claim itself.
    pub check: Arc<dyn Check>,
}
