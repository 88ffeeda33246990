//! Postgres' errors in words that say what to do next, and which of them pass.

use std::time::Duration;

use steadfast_core::ledger::LedgerError;
use steadfast_core::measure::Lapse;
use steadfast_postgres::session::said;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::link::Server;
use super::session::Refusal;

/// What was being done when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Reading.
    Reading,
    /// Writing.
    Writing,
}

/// What to do after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It passes: try again.
    Again,
    /// It passes if the server was there before: it may be restarting.
    AgainIfItWasThere,
    /// It does not pass by itself.
    GiveUp,
}

/// Whether it passes.
pub(super) fn next(refusal: &Refusal) -> Next {
    match refusal {
        Refusal::Unreachable(_) | Refusal::NoSignIn(_) => Next::AgainIfItWasThere,
        Refusal::Silent(_) | Refusal::Damaged(_) | Refusal::Ledger(_) => Next::GiveUp,
        Refusal::Postgres(error) => match error.code() {
            Some(code) if conflicts(code) || passes(code) => Next::Again,
            _ if is_lost(refusal) => Next::AgainIfItWasThere,
            Some(_) | None => Next::GiveUp,
        },
    }
}

/// Another transaction was in the way: the server asks for the same again.
fn conflicts(code: &SqlState) -> bool {
    *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
}

/// The server is starting, stopping or recovering, or has all connections in use.
fn passes(code: &SqlState) -> bool {
    *code == SqlState::CANNOT_CONNECT_NOW || *code == SqlState::TOO_MANY_CONNECTIONS
}

/// Whether the connection cannot be used any more.
pub(super) fn is_lost(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Unreachable(_) | Refusal::NoSignIn(_) | Refusal::Silent(_) => true,
        Refusal::Damaged(_) | Refusal::Ledger(_) => false,
        Refusal::Postgres(error) => match error.code() {
            Some(code) => {
                const ENDED: [SqlState; 4] = [
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                    SqlState::CANNOT_CONNECT_NOW,
                ];
                // Class 08: connection exceptions.
                ENDED.contains(code) || code.code().starts_with("08")
            }
            None => error.is_closed() || below(error).is_some(),
        },
    }
}

/// What the system said below an error.
fn below(error: &Error) -> Option<&std::io::Error> {
    use std::error::Error as _;
    error.source()?.downcast_ref()
}

/// What of the stored bytes is damaged, rather than out of reach.
pub(super) fn damage(refusal: &Refusal) -> Option<String> {
    match refusal {
        Refusal::Damaged(why) => Some(why.clone()),
        Refusal::Postgres(error) => {
            let damaged = match error.code() {
                Some(code) => {
                    const DAMAGE: [SqlState; 4] = [
                        SqlState::DATA_CORRUPTED,
                        SqlState::INDEX_CORRUPTED,
                        SqlState::UNDEFINED_TABLE,
                        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                    ];
                    DAMAGE.contains(code)
                }
                // A value that is not of its column's type.
                None => !error.is_closed() && below(error).is_none(),
            };
            damaged.then(|| said(error))
        }
        Refusal::Unreachable(_) | Refusal::NoSignIn(_) | Refusal::Silent(_) | Refusal::Ledger(_) => None,
    }
}

/// Says what a refusal means for whoever has to mend it.
pub(super) fn explain(refusal: Refusal, server: &Server, doing: Doing, tries: u32) -> LedgerError {
    let place = server.address();
    match refusal {
        Refusal::Ledger(LedgerError::Unreadable(why)) => LedgerError::Unreadable(format!("{place}: {why}")),
        Refusal::Ledger(error) => error,
        Refusal::Damaged(why) => LedgerError::Unreadable(format!(
            "{place}: {why}; `steadfast ledger verify` says where. Dump the database before anything else"
        )),
        Refusal::Silent(bound) => refuse(
            doing,
            format!(
                "{place} did not answer within {}: is the server overloaded, stopped or behind a firewall?",
                lapse(bound)
            ),
        ),
        Refusal::Unreachable(why) => refuse(
            doing,
            format!("{place} cannot be reached ({why}): is the server running, and does it listen there?"),
        ),
        Refusal::NoSignIn(error) => {
            let advice = if place.password.is_none() { password(server) } else { String::new() };
            refuse(doing, format!("{place}: {}{advice}", said(&error)))
        }
        Refusal::Postgres(error) => of_server(&error, server, doing, tries),
    }
}

fn of_server(error: &Error, server: &Server, doing: Doing, tries: u32) -> LedgerError {
    let place = server.address();
    let said = server.redacted(said(error));
    let Some(code) = error.code() else {
        let why = if error.is_closed() || below(error).is_some() {
            format!("the connection to {place} was lost ({said}); is the server being stopped?")
        } else {
            format!("{place}: {said}")
        };
        return refuse(doing, why);
    };
    let is = |known: &SqlState| code == known;
    if conflicts(code) {
        return LedgerError::Busy(format!("{place} refused {tries} times because of other transactions: {said}"));
    }
    if is(&SqlState::LOCK_NOT_AVAILABLE) {
        return LedgerError::Busy(format!(
            "another session held {place} all the time; `SELECT pid, application_name, state FROM pg_stat_activity` names it"
        ));
    }
    if is(&SqlState::QUERY_CANCELED) {
        return LedgerError::Busy(format!("{place} did not finish in time: {said}"));
    }
    let advice = if is(&SqlState::INVALID_PASSWORD) || is(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) {
        password(server)
    } else if is(&SqlState::INVALID_CATALOG_NAME) {
        format!("; `createdb {}` makes it", place.database)
    } else if is(&SqlState::INSUFFICIENT_PRIVILEGE) {
        format!(
            "; who makes the ledger needs GRANT CREATE ON DATABASE \"{}\", who writes to it the rights on the schema `steadfast` that the manual of the ledger names",
            place.database
        )
    } else if is(&SqlState::READ_ONLY_SQL_TRANSACTION) {
        "; is it a standby, or set to default_transaction_read_only?".to_owned()
    } else if is(&SqlState::DISK_FULL) {
        "; free some space on the server".to_owned()
    } else if is(&SqlState::CANNOT_CONNECT_NOW) {
        format!("; that did not pass in {tries} tries")
    } else if is(&SqlState::TOO_MANY_CONNECTIONS) {
        "; max_connections is reached, and stayed so".to_owned()
    } else if is(&SqlState::DATA_CORRUPTED) || is(&SqlState::INDEX_CORRUPTED) || is(&SqlState::UNDEFINED_TABLE) {
        return LedgerError::Unreadable(format!(
            "{place} is damaged ({said}); `steadfast ledger verify` says where. Dump the database before anything else"
        ));
    } else {
        String::new()
    };
    refuse(doing, format!("{place}: {said}{advice}"))
}

fn password(server: &Server) -> String {
    let unused = server.unused().map(|why| format!("; {why}")).unwrap_or_default();
    format!("; the password comes from [ledger] password, PGPASSWORD or ~/.pgpass{unused}")
}

fn refuse(doing: Doing, why: String) -> LedgerError {
    match doing {
        Doing::Reading => LedgerError::Unreadable(why),
        Doing::Writing => LedgerError::Unwritable(why),
    }
}

fn lapse(bound: Duration) -> String {
    // What is left of the patience is a little less than a round number.
    Lapse(Duration::from_millis(bound.as_micros().div_ceil(1000) as u64)).to_string()
}
