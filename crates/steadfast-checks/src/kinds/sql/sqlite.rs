//! Asking SQLite: read-only by its own enforcement, bounded in time and rows, and never creating anything.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::ErrorCode;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use steadfast_core::finding::{Code, codes};
use steadfast_core::observation::{Hash, Trouble};
use steadfast_core::world::World;

use super::sql_codes::{DATABASE_CORRUPT, NOT_READ_ONLY, QUERY_FAILED};
use super::{Answer, SqlSeen};
use crate::blocking::out_of_time;
use crate::closed_world::must_stay_inside;

const MOST_ROWS_COUNTED: u64 = 100_000;
const MOST_ROWS_KEPT: usize = 10;
const LONGEST_TEXT: usize = 64 << 10;
/// SQLite's own bound (MAX_PATHNAME).
const LONGEST_PATH: usize = 512;

/// Pragmas that only read when they are given no value, or a table's name.
const READING_PRAGMAS: &[&str] = &[
    "application_id",
    "auto_vacuum",
    "data_version",
    "database_list",
    "encoding",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "journal_mode",
    "page_count",
    "page_size",
    "quick_check",
    "schema_version",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];

/// Of these, the ones that take the name of a table or a number as their argument and still only read.
const WITH_ARGUMENT: &[&str] = &[
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

pub(super) fn ask(path: &Path, query: Option<&str>, world: &World) -> Result<SqlSeen, Trouble> {
    must_stay_inside(world, path)?;
    let connection = open(path, world)?;
    let said = |why: rusqlite::Error| trouble_of(&why, path, world);
    let tables = tables_of(&connection).map_err(said)?;
    let mut seen = SqlSeen { tables, ..SqlSeen::default() };
    match query {
        Some(query) => seen.answer = Some(answer_of(&connection, query).map_err(said)?),
        None => seen.columns = columns_of(&connection).map_err(said)?,
    }
    Ok(seen)
}

fn open(path: &Path, world: &World) -> Result<Connection, Trouble> {
    readable(path)?;
    let said = |why: rusqlite::Error| trouble_of(&why, path, world);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|why| not_opened(&why, path).unwrap_or_else(|| said(why)))?;
    // A lock is to be told as a lock: the wait for it ends before the look's own time does.
    let wait = world.patience().map_or(Duration::from_secs(5), |(left, _)| left.mul_f64(0.8));
    connection.busy_timeout(wait).map_err(said)?;
    let watched = world.clone();
    connection.progress_handler(1_000, Some(move || out_of_time(&watched).is_some())).map_err(said)?;
    connection.pragma_update(None, "query_only", true).map_err(said)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(said)?;
    connection.authorizer(Some(only_reading)).map_err(said)?;
    Ok(connection)
}

/// Asked first, as SQLite says "unable to open" for all of these.
fn readable(path: &Path) -> Result<(), Trouble> {
    let meta = std::fs::metadata(path).map_err(|why| {
        let code = match why.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => codes::FILE_MISSING,
            std::io::ErrorKind::PermissionDenied => codes::PERMISSION_DENIED,
            _ => codes::LOCAL_TROUBLE,
        };
        Trouble::new(code, format!("{}: {why}", path.display()))
    })?;
    if !meta.is_file() {
        return Err(Trouble::new(codes::NOT_A_DATABASE, format!("{} is no file", path.display())));
    }
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(why) if why.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(Trouble::new(codes::PERMISSION_DENIED, format!("{}: {why}", path.display())))
        }
        Err(why) => Err(Trouble::of_io(&why)),
    }
}

/// SQLite could not open a file that was readable a moment ago, and does not say why. If it still is, then the descriptor
/// that it was opened with has gone to another thread, and there is no other.
fn not_opened(why: &rusqlite::Error, path: &Path) -> Option<Trouble> {
    let rusqlite::Error::SqliteFailure(failure, _) = why else { return None };
    if failure.code != ErrorCode::CannotOpen {
        return None;
    }
    let length = path.as_os_str().len();
    if length > LONGEST_PATH {
        let said = format!("{}: a path of {length} bytes, and SQLite opens none above {LONGEST_PATH}", path.display());
        return Some(Trouble::new(codes::LOCAL_TROUBLE, said));
    }
    Some(readable(path).err().unwrap_or_else(|| {
        Trouble::new(codes::OUT_OF_DESCRIPTORS, format!("{}: no descriptor was left for it", path.display()))
    }))
}

/// Whether there are not as many descriptors left as SQLite wants for what stands beside a database.
fn lacks_descriptors() -> bool {
    let spare: std::io::Result<Vec<std::fs::File>> = (0..3).map(|_| std::fs::File::open("/dev/null")).collect();
    spare.is_err_and(|why| Trouble::of_io(&why).code == codes::OUT_OF_DESCRIPTORS.word)
}

/// What SQLite asks before it prepares any part of a statement.
fn only_reading(context: AuthContext<'_>) -> Authorization {
    let allowed = match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            let name = pragma_name.to_ascii_lowercase();
            READING_PRAGMAS.contains(&name.as_str())
                && (pragma_value.is_none() || WITH_ARGUMENT.contains(&name.as_str()))
        }
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

fn tables_of(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let query = "select name from sqlite_schema where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\' \
                 order by name limit 10000";
    let mut statement = connection.prepare(query)?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

fn columns_of(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let query = "select t.name, c.name from sqlite_schema t, pragma_table_info(t.name) c where t.type in ('table', 'view') \
                 and t.name not like 'sqlite\\_%' escape '\\' order by t.name, c.cid limit 200000";
    let mut statement = connection.prepare(query)?;
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (table, column) = row?;
        columns.entry(table).or_default().push(column);
    }
    Ok(columns)
}

fn answer_of(connection: &Connection, query: &str) -> rusqlite::Result<Answer> {
    let mut statement = connection.prepare(query)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut answer = Answer { columns, rows: 0, more: false, first: Vec::new(), cut: Vec::new() };
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if answer.rows == MOST_ROWS_COUNTED {
            answer.more = true;
            break;
        }
        answer.rows += 1;
        if answer.first.len() < MOST_ROWS_KEPT {
            let mut values = Vec::with_capacity(answer.columns.len());
            for (index, column) in answer.columns.iter().enumerate() {
                let (value, cut) = shown(row.get_ref(index)?);
                if cut && answer.first.is_empty() {
                    answer.cut.push(column.clone());
                }
                values.push(value);
            }
            answer.first.push(values);
        }
    }
    Ok(answer)
}

/// A value as JSON, and whether it was cut.
fn shown(value: ValueRef<'_>) -> (Value, bool) {
    match value {
        ValueRef::Null => (Value::Null, false),
        ValueRef::Integer(number) => (json!(number), false),
        // JSON has no infinity.
        ValueRef::Real(number) if number.is_infinite() => (json!(number.to_string()), false),
        ValueRef::Real(number) => (json!(number), false),
        ValueRef::Text(bytes) => {
            let kept = &bytes[..bytes.len().min(LONGEST_TEXT)];
            (json!(String::from_utf8_lossy(kept)), bytes.len() > kept.len())
        }
        ValueRef::Blob([]) => (json!(""), false),
        ValueRef::Blob(bytes) => (json!(format!("blake3:{} ({} bytes)", Hash::of(bytes), bytes.len())), false),
    }
}

fn trouble_of(why: &rusqlite::Error, path: &Path, world: &World) -> Trouble {
    let code: Code = match why {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => codes::DATABASE_BUSY,
            ErrorCode::NotADatabase => codes::NOT_A_DATABASE,
            ErrorCode::DatabaseCorrupt => DATABASE_CORRUPT,
            ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly => NOT_READ_ONLY,
            ErrorCode::CannotOpen if lacks_descriptors() => codes::OUT_OF_DESCRIPTORS,
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied => codes::PERMISSION_DENIED,
            ErrorCode::OperationInterrupted => match out_of_time(world) {
                Some(trouble) => return trouble,
                None => codes::LOCAL_TROUBLE,
            },
            ErrorCode::OutOfMemory
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::NoLargeFileSupport => codes::LOCAL_TROUBLE,
            _ => QUERY_FAILED,
        },
        rusqlite::Error::SqlInputError { error, .. } if error.code == ErrorCode::AuthorizationForStatementDenied => {
            NOT_READ_ONLY
        }
        rusqlite::Error::MultipleStatement => NOT_READ_ONLY,
        _ => QUERY_FAILED,
    };
    Trouble::new(code, format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &Path, wanted: Code) {
        let failure = rusqlite::ffi::Error { code: ErrorCode::CannotOpen, extended_code: 14 };
        let trouble = not_opened(&rusqlite::Error::SqliteFailure(failure, None), path).unwrap();
        assert_eq!(trouble.code, wanted.word, "{}", trouble.detail);
    }

    #[test]
    fn what_sqlite_cannot_open_is_told_by_what_else_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("shop.db");
        std::fs::write(&there, "").unwrap();
        check(&there, codes::OUT_OF_DESCRIPTORS);
        check(&folder.path().join("gone.db"), codes::FILE_MISSING);
        check(folder.path(), codes::NOT_A_DATABASE);
        let deep = folder.path().join("d".repeat(200)).join("e".repeat(200)).join("f".repeat(200));
        std::fs::create_dir_all(&deep).unwrap();
        let deep = deep.join("shop.db");
        std::fs::write(&deep, "").unwrap();
        let why = Connection::open_with_flags(&deep, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap_err();
        assert_eq!(not_opened(&why, &deep).unwrap().code, codes::LOCAL_TROUBLE.word);
    }
}
