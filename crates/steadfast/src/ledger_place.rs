//! Where a ledger is: a file, or a database that several machines share.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::TypedValueParser;
use clap::error::{Error, ErrorKind};
use clap::{Arg, Command};
use steadfast_core::ledger::{Ledger, LedgerError};
use steadfast_core::project::LedgerSettings;
use steadfast_core::secret::{Secret, SecretRef, Text};
use steadfast_core::world::SecretSource;
use steadfast_ledger::sqlite::DEFAULT_PATH;
use steadfast_postgres::address::Address;
use steadfast_probe::system::SystemSecrets;

use crate::registry;

/// A file or a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LedgerPlace {
    /// An SQLite file.
    File(PathBuf),
    /// A Postgres database.
    Database {
        /// Its address.
        url: Text,
        /// What is signed in with, if not what `PGPASSWORD` or the password file says.
        password: Option<SecretRef>,
        /// The folder that files of secrets start from.
        root: PathBuf,
    },
}

impl LedgerPlace {
    /// Reads an argument of the command line: `postgres://..`, or else a path.
    fn of_argument(argument: PathBuf) -> Result<LedgerPlace, String> {
        let Some(url) = argument.to_str().filter(|text| Address::is_meant_by(text)) else {
            return Ok(LedgerPlace::File(argument));
        };
        if Address::carries_password(url) {
            return Err("everybody on this machine can see the arguments of a program, and so the password in this \
                        one; PGPASSWORD or ~/.pgpass tells it"
                .to_owned());
        }
        // What is wrong with it is said now, and not after all checks have run.
        Address::parse(url, &variable).map_err(|why| why.to_string())?;
        let url = Text::Literal(url.to_owned());
        Ok(LedgerPlace::Database { url, password: None, root: PathBuf::new() })
    }

    /// Where the configuration in this folder has it.
    pub(crate) fn of_settings(settings: &LedgerSettings, root: &Path) -> LedgerPlace {
        match (&settings.url, &settings.path) {
            (Some(url), _) => {
                LedgerPlace::Database { url: url.clone(), password: settings.password.clone(), root: root.to_owned() }
            }
            (None, Some(path)) => LedgerPlace::File(root.join(path)),
            (None, None) => LedgerPlace::File(root.join(DEFAULT_PATH)),
        }
    }

    /// Opens it to write and read; it is made if it is not there.
    pub(crate) fn open(&self) -> Result<Arc<dyn Ledger>, LedgerError> {
        match self {
            LedgerPlace::File(path) => registry::ledger_in_file(path),
            LedgerPlace::Database { .. } => registry::ledger_in_database(self.address()?),
        }
    }

    /// Opens what is there, to read.
    pub(crate) fn open_for_reading(&self) -> Result<Arc<dyn Ledger>, LedgerError> {
        match self {
            LedgerPlace::File(path) => registry::ledger_in_file_for_reading(path),
            LedgerPlace::Database { .. } => registry::ledger_in_database_for_reading(self.address()?),
        }
    }

    fn address(&self) -> Result<Address, LedgerError> {
        let refused = |why: String| LedgerError::Unreadable(format!("its address: {why}"));
        let LedgerPlace::Database { url, password, root } = self else {
            return Err(refused("it is a file".into()));
        };
        let url = match url {
            Text::Literal(url) => Secret::new(url.as_str()),
            Text::Secret(source) => read(source, root).map_err(refused)?,
        };
        let mut address = Address::parse(url.expose(), &variable).map_err(|why| refused(why.to_string()))?;
        if let Some(password) = password {
            address.password = Some(read(password, root).map_err(refused)?);
        }
        Ok(address)
    }
}

/// Reads it from the command line. A wrong one is not repeated, as clap's own would: a password may be in it.
#[derive(Clone)]
pub(crate) struct PlaceParser;

impl TypedValueParser for PlaceParser {
    type Value = LedgerPlace;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<LedgerPlace, Error> {
        LedgerPlace::of_argument(value.into()).map_err(|why| {
            let argument = argument.map(ToString::to_string).unwrap_or_default();
            Error::raw(ErrorKind::ValueValidation, format!("{argument}: {why}\n")).with_cmd(command)
        })
    }
}

impl fmt::Display for LedgerPlace {
    /// Without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerPlace::File(path) => path.display().fmt(f),
            LedgerPlace::Database { .. } => match self.address() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("the database"),
            },
        }
    }
}

fn variable(name: &str) -> Option<String> {
    SystemSecrets.env(name)
}

fn read(source: &SecretRef, root: &Path) -> Result<Secret, String> {
    let value = match source {
        SecretRef::Env(name) => variable(name).ok_or_else(|| format!("{source} is not set"))?,
        SecretRef::File(path) => {
            let text = SystemSecrets.file(&root.join(path)).map_err(|why| format!("{source}: {why}"))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    if value.is_empty() { Err(format!("{source} is empty")) } else { Ok(Secret::new(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(argument: &str, expected: Result<&str, &str>) {
        let place = LedgerPlace::of_argument(argument.into()).map(|place| place.to_string());
        match (place, expected) {
            (Ok(place), Ok(expected)) => assert_eq!(place, expected),
            (Err(why), Err(says)) => assert!(why.contains(says) && !why.contains("hunter2"), "{why}"),
            (place, expected) => panic!("{argument}: {place:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn an_argument_is_a_path_or_an_address_without_a_password() {
        check("x/ledger.db", Ok("x/ledger.db"));
        check("postgres:ledger.db", Ok("postgres:ledger.db"));
        check("postgres://ada@db:7/shop", Ok("postgres://ada@db:7/shop"));
        check("postgres://ada:hunter2@db/shop", Err("PGPASSWORD or ~/.pgpass"));
        check("postgres://ada@db/shop?password=hunter2", Err("PGPASSWORD or ~/.pgpass"));
        check("postgres://ada@db:port/shop", Err("no number from 1 to 65535"));
    }

    #[test]
    fn the_configuration_has_a_file_or_a_database() {
        let root = Path::new("/shop");
        let of = |path: Option<&str>, url: Option<Text>| {
            let settings = LedgerSettings { path: path.map(str::to_owned), url, password: None };
            LedgerPlace::of_settings(&settings, root)
        };
        assert_eq!(of(None, None), LedgerPlace::File("/shop/.steadfast/ledger.db".into()));
        assert_eq!(of(Some("x.db"), None), LedgerPlace::File("/shop/x.db".into()));
        assert_eq!(of(None, Some(Text::Literal("postgres://a@b/c".into()))).to_string(), "postgres://a@b:5432/c");
        let unset = Text::Secret(SecretRef::Env("STEADFAST_NOT_SET".into()));
        let why = of(None, Some(unset)).open().err().map(|why| why.to_string());
        assert!(why.is_some_and(|why| why.contains("environment variable STEADFAST_NOT_SET is not set")));
    }
}
