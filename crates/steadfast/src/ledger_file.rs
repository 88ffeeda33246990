//! Which ledger a command reads: `--ledger`, or the one of the nearest configuration.

use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::exit::Exit;
use steadfast_core::ledger::{Ledger, LedgerError};
use steadfast_core::project::LedgerSettings;
use steadfast_core::secret::{SecretRef, Text};
use steadfast_ledger::sqlite::DEFAULT_PATH;
use steadfast_postgres::address::Address;

use crate::ledger_place::{LedgerPlace, PlaceParser};

/// An argument of every command that works on the ledger alone. A configuration that does not load is no reason not to
/// read what was recorded under it, so nothing but `[ledger]` is read of it.
#[derive(Debug, clap::Args)]
pub(crate) struct LedgerFile {
    /// The ledger, a file or postgres://..; without it the one that the configuration names, or .steadfast/ledger.db
    /// beside it
    #[arg(long, value_name = "PLACE", value_parser = PlaceParser)]
    ledger: Option<LedgerPlace>,
    /// The configuration; without it steadfast.toml in this folder or the nearest of its parents
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

impl LedgerFile {
    /// Opens what is there, to read only.
    pub(crate) fn open_for_reading(&self) -> Result<Arc<dyn Ledger>, Exit> {
        self.place()?.open_for_reading().map_err(|why| refused(&why))
    }

    /// Opens what is there, to change it. One that is not there is not made: there is nothing in it to work on.
    pub(crate) fn open_for_writing(&self) -> Result<Arc<dyn Ledger>, Exit> {
        drop(self.open_for_reading()?);
        self.place()?.open().map_err(|why| refused(&why))
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Result<LedgerPlace, Exit> {
        if let Some(place) = &self.ledger {
            return Ok(place.clone());
        }
        let config = match &self.config {
            Some(path) => path.clone(),
            None => find_upward()?,
        };
        let folder = config.parent().unwrap_or(Path::new(""));
        Ok(LedgerPlace::of_settings(&named_in(&config)?, folder))
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
             --ledger PLACE names one (usually {DEFAULT_PATH}).",
            here.display()
        ));
        Exit::Usage
    })
}

/// `[ledger]` of a configuration.
fn named_in(config: &Path) -> Result<LedgerSettings, Exit> {
    let usage = |what: String| {
        complain(&format!("error: {}: {what}\n--ledger PLACE names a ledger without it.", config.display()));
        Exit::Usage
    };
    let text = std::fs::read_to_string(config).map_err(|why| usage(why.to_string()))?;
    let table: toml::Table =
        text.parse().map_err(|why: toml::de::Error| usage(format!("no valid TOML: {}", why.message())))?;
    let value = |key: &str| table.get("ledger").and_then(|ledger| ledger.get(key));
    let path = match value("path") {
        None => None,
        Some(toml::Value::String(path)) => Some(path.clone()),
        Some(other) => return Err(usage(format!("[ledger] path is of type {}, not a string", other.type_str()))),
    };
    let url = match value("url") {
        None => None,
        Some(toml::Value::String(url)) if Address::carries_password(url) => {
            return Err(usage(
                "[ledger] url has a password in it; write password = { env = \"NAME\" } beside it".into(),
            ));
        }
        Some(toml::Value::String(url)) => Some(Text::Literal(url.clone())),
        Some(other) => {
            Some(Text::Secret(secret(other).ok_or_else(|| usage("[ledger] url is no string, env or file".into()))?))
        }
    };
    let password = match value("password") {
        None => None,
        Some(other) => Some(secret(other).ok_or_else(|| usage("[ledger] password is no env or file".into()))?),
    };
    if path.is_some() && url.is_some() {
        return Err(usage("[ledger] has both a path and a url".into()));
    }
    Ok(LedgerSettings { path, url, password })
}

/// `{ env = "NAME" }` or `{ file = "path" }`.
fn secret(value: &toml::Value) -> Option<SecretRef> {
    let mut keys = value.as_table()?.iter();
    let (key, value) = keys.next().filter(|_| keys.next().is_none())?;
    let value = value.as_str()?.to_owned();
    match key.as_str() {
        "env" => Some(SecretRef::Env(value)),
        "file" => Some(SecretRef::File(value)),
        _ => None,
    }
}
