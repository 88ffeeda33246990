//! What an error of Postgres means: by its SQLSTATE (PostgreSQL 15, appendix A), or by the layer that it comes from.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use steadfast_core::finding::{Code, codes};
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use steadfast_postgres::session::said;
use steadfast_probe::tls::of_handshake;
use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use super::super::sql_codes::{
    CANCELLED, DATABASE_CORRUPT, NO_SUCH_DATABASE, NOT_ACCEPTING, NOT_READ_ONLY, OUT_OF_RESOURCES, QUERY_FAILED,
    SIGN_IN_FAILED, SIGN_IN_UNKNOWN, TOO_MANY_CONNECTIONS,
};
use super::bounded::TooMuch;

/// Where the server refuses several statements in one, a cursor for what is no SELECT or writes, and SELECT INTO. The
/// names of its routines are the same in every language, as its messages are not.
const REFUSES_TO_WRITE: [&str; 3] = ["exec_parse_message", "transformDeclareCursorStmt", "transformSelectStmt"];

/// What was being done.
#[derive(Clone, Copy)]
pub(super) enum Step {
    SigningIn,
    /// With this patience when it began; the server was told to end each statement after 95 % of it.
    Asking(Duration),
}

pub(super) fn of_error(error: &Error, step: Step, world: &World) -> Trouble {
    if let Some(server) = error.as_db_error() {
        return of_server(error, server, step, world);
    }
    let words = said(error);
    // The library tells its sorts by their words alone.
    if words.starts_with("authentication error") {
        let code = if words.contains("SCRAM verification") {
            SIGN_IN_FAILED
        } else if words.contains("unsupported") || words.contains("channel binding") {
            SIGN_IN_UNKNOWN
        } else {
            codes::BAD_PROTOCOL
        };
        return Trouble::new(code, words);
    }
    if words.starts_with("error parsing") {
        return Trouble::new(codes::BAD_PROTOCOL, words);
    }
    if let Some(why) = io_error(error) {
        let inner = why.get_ref();
        if inner.is_some_and(|inner| inner.is::<TooMuch>()) {
            return Trouble::new(codes::BEYOND_THE_CUT, why.to_string());
        }
        if words.contains("performing TLS handshake") {
            return of_handshake(why);
        }
        let of_system = why.raw_os_error().is_some() || why.kind() == io::ErrorKind::UnexpectedEof;
        // Bytes that are no messages come as an error of reading them, too.
        return if of_system { Trouble::of_io(why) } else { Trouble::new(codes::BAD_PROTOCOL, words) };
    }
    let code = if error.is_closed() {
        codes::RESET
    } else if words.contains("performing TLS handshake") {
        codes::TLS_FAILED
    } else if words.contains("password missing") {
        return Trouble::new(codes::MISSING_SECRET, "the server asks for a password, and there is none for it");
    } else {
        codes::BAD_PROTOCOL
    };
    Trouble::new(code, words)
}

fn io_error(error: &Error) -> Option<&io::Error> {
    let mut below = error.source();
    while let Some(why) = below {
        if let Some(found) = why.downcast_ref::<io::Error>() {
            return Some(found);
        }
        below = why.source();
    }
    None
}

fn of_server(error: &Error, server: &DbError, step: Step, world: &World) -> Trouble {
    let words = said(error);
    let code: Code = match server.code().code() {
        "28P01" | "28000" => SIGN_IN_FAILED,
        "3D000" => NO_SUCH_DATABASE,
        // Its pools are not there: pgbouncer has no code of its own for an unknown database.
        "08P01" if words.starts_with("database ") || words.contains("no such database") => NO_SUCH_DATABASE,
        "08P01" if words.contains("no such user") || words.contains("authentication failed") => SIGN_IN_FAILED,
        "57P01" | "57P02" | "57P03" | "57P04" => NOT_ACCEPTING,
        "53300" => TOO_MANY_CONNECTIONS,
        "42501" => codes::PERMISSION_DENIED,
        "55P03" | "40001" | "40P01" => codes::DATABASE_BUSY,
        "57014" => return of_cancelled(words, step, world),
        "25006" => NOT_READ_ONLY,
        "XX001" | "XX002" => DATABASE_CORRUPT,
        _ if server.routine().is_some_and(|routine| REFUSES_TO_WRITE.contains(&routine)) => NOT_READ_ONLY,
        state if state.starts_with("53") || state.starts_with("58") => OUT_OF_RESOURCES,
        _ => match step {
            Step::SigningIn => SIGN_IN_FAILED,
            Step::Asking(_) => QUERY_FAILED,
        },
    };
    Trouble::new(code, words)
}

/// A query that was ended: by the bound that we had set for it, or by a person. The message says which, but in the
/// server's language.
fn of_cancelled(words: String, step: Step, world: &World) -> Trouble {
    match (world.patience(), step) {
        (Some((left, mut trouble)), Step::Asking(began)) if left <= began.mul_f64(0.06) => {
            trouble.detail = format!("{}: {words}", trouble.detail);
            trouble
        }
        (Some(_) | None, Step::Asking(_) | Step::SigningIn) => Trouble::new(CANCELLED, words),
    }
}
