//! Which ledger a command reads: `--ledger`, or the one of the nearest configuration.

use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use steadfast_core::exit::Exit;
use steadfast_core::ledger::LedgerError;
use steadfast_ledger::sqlite::{DEFAULT_PATH, Options, SqliteLedger};

/// An argument of every command that works on the ledger alone. A configuration that does not load is no reason not to
/// read what was recorded under it, so nothing but `[ledger] path` is read of it.
#[derive(Debug, clap::Args)]
pub(crate) struct LedgerFile {
    /// The ledger; without it the one that the configuration names, or .steadfast/ledger.db beside it
    #[arg(long, value_name = "PATH")]
    ledger: Option<PathBuf>,
    /// The configuration; without it steadfast.toml in this folder or the nearest of its parents
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

impl LedgerFile {
    /// Opens what is there, to read only.
    pub(crate) fn open_for_reading(&self) -> Result<SqliteLedger, Exit> {
        SqliteLedger::open_for_reading(self.path()?, Options::default()).map_err(|why| refused(&why))
    }

    /// Opens what is there, to change it. One that is not there is not made: there is nothing in it to work on.
    pub(crate) fn open_for_writing(&self) -> Result<SqliteLedger, Exit> {
        drop(self.open_for_reading()?);
        SqliteLedger::open(self.path()?, Options::default()).map_err(|why| refused(&why))
    }

    fn path(&self) -> Result<PathBuf, Exit> {
        if let Some(path) = &self.ledger {
            return Ok(path.clone());
        }
        let config = match &self.config {
            Some(path) => path.clone(),
            None => find_upward()?,
        };
        let folder = config.parent().unwrap_or(Path::new(""));
        Ok(folder.join(named_in(&config)?.unwrap_or_else(|| DEFAULT_PATH.into())))
    }
}

/// Says why, with the exit code for a ledger that cannot be used.
pub(crate) fn refused(why: &LedgerError) -> Exit {
    complain(&format!("error: {why}"));
    Exit::CannotTell
}

/// A line for people on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Waits for it, and says every two seconds that it still goes on.
pub(crate) fn wait<T>(doing: &str, work: impl Future<Output = Result<T, LedgerError>>) -> Result<T, Exit> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            complain(&format!("error: cannot start: {why}"));
            return Err(Exit::CannotTell);
        }
    };
    let done = runtime.block_on(async {
        let mut work = std::pin::pin!(work);
        let mut seconds = 0;
        loop {
            match tokio::time::timeout(Duration::from_secs(2), &mut work).await {
                Ok(done) => return done,
                Err(_) => seconds += 2,
            }
            complain(&format!("{doing} ... {seconds} s"));
        }
    });
    done.map_err(|why| refused(&why))
}

fn find_upward() -> Result<PathBuf, Exit> {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().map(|folder| folder.join("steadfast.toml")).find(|file| file.is_file());
    found.map(|file| file.strip_prefix(&here).map(Path::to_owned).unwrap_or(file)).ok_or_else(|| {
        complain(&format!(
            "error: no steadfast.toml in {} or a folder above it, so there is no ledger to look at\n\
             --ledger PATH names one (usually {DEFAULT_PATH}).",
            here.display()
        ));
        Exit::Usage
    })
}

/// `[ledger] path` of a configuration.
fn named_in(config: &Path) -> Result<Option<PathBuf>, Exit> {
    let usage = |what: String| {
        complain(&format!("error: {}: {what}\n--ledger PATH names a ledger without it.", config.display()));
        Exit::Usage
    };
    let text = std::fs::read_to_string(config).map_err(|why| usage(why.to_string()))?;
    let table: toml::Table =
        text.parse().map_err(|why: toml::de::Error| usage(format!("no valid TOML: {}", why.message())))?;
    match table.get("ledger").and_then(|ledger| ledger.get("path")) {
        None => Ok(None),
        Some(toml::Value::String(path)) => Ok(Some(path.into())),
        Some(other) => Err(usage(format!("[ledger] path is of type {}, not a string", other.type_str()))),
    }
}
