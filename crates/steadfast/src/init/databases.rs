//! The SQLite files below a folder: found by their header in a bounded search, then asked for their tables and rows.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use steadfast_core::world::World;

use super::draft::{Draft, Drafted};
use super::sight::{self, Subject};
use super::sources;
use crate::commands::look::is_sqlite;
use crate::live::Live;
use crate::render::text::counted;
use crate::session::Refused;

/// How deep the search goes.
const DEEPEST: usize = 8;
/// How deep files that describe the project are searched for: deeper ones belong to something else.
const DEEPEST_PAPER: usize = 2;
/// How many files and folders it looks at.
const MOST_ENTRIES: usize = 50_000;
/// How many databases get a check.
const MOST_DATABASES: usize = 8;
/// Of how many tables the rows are counted.
const MOST_TABLES: usize = 40;
/// A table that takes longer to count is not counted.
const COUNTING: Duration = Duration::from_secs(3);
/// Folders in which nobody keeps a database worth a check.
const PASSED_OVER: [&str; 9] =
    [".git", ".steadfast", "node_modules", "target", ".venv", "venv", "__pycache__", ".cache", ".tox"];

/// What the search came to.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The databases, nearest first.
    pub(super) databases: Vec<PathBuf>,
    /// Files whose name says that they describe the project, whatever they are.
    pub(super) papers: Vec<PathBuf>,
    /// How many files were looked at.
    pub(super) files: usize,
    /// Why it is not complete.
    pub(super) limits: Vec<String>,
}

/// Searches, nearest folders first. Links are not followed: they may lead anywhere, or round in circles.
pub(super) fn search(folder: &Path, live: &mut Live) -> Search {
    let mut search = Search::default();
    let mut folders = VecDeque::from([(folder.to_owned(), 0)]);
    let mut entries = 0;
    let (mut unreadable, mut too_deep) = (0, 0);
    while let Some((folder, depth)) = folders.pop_front() {
        let Ok(listing) = std::fs::read_dir(&folder) else {
            unreadable += 1;
            continue;
        };
        let mut listing: Vec<_> = listing.flatten().collect();
        listing.sort_by_key(std::fs::DirEntry::file_name);
        for entry in listing {
            entries += 1;
            if entries > MOST_ENTRIES {
                search.limits.push(format!("the search stopped after {MOST_ENTRIES} files and folders"));
                folders.clear();
                break;
            }
            let Ok(sort) = entry.file_type() else { continue };
            let path = entry.path();
            if depth <= DEEPEST_PAPER && entry.file_name().to_str().is_some_and(sources::claimed) {
                search.papers.push(path.clone());
            }
            if sort.is_dir() {
                let passed_over = PASSED_OVER.iter().any(|name| entry.file_name() == *name);
                if !passed_over && depth < DEEPEST {
                    folders.push_back((path, depth + 1));
                } else if !passed_over {
                    too_deep += 1;
                }
            } else if sort.is_file() {
                search.files += 1;
                if search.files % 64 == 0 {
                    live.show(&format!("searching for databases: {}", counted(search.files, "file")));
                }
                if is_sqlite(&path) {
                    search.databases.push(path);
                }
            }
        }
    }
    if unreadable > 0 {
        search.limits.push(format!("{} could not be read", counted(unreadable, "folder")));
    }
    if too_deep > 0 {
        search.limits.push(format!("{} deeper than {DEEPEST} levels were not searched", counted(too_deep, "folder")));
    }
    search
}

/// Adds a check for each database.
pub(super) async fn draft(
    found: &Search,
    folder: &Path,
    world: &World,
    draft: &mut Draft,
    live: &mut Live,
) -> Result<(), Refused> {
    for path in found.databases.iter().take(MOST_DATABASES) {
        let relative = path.strip_prefix(folder).unwrap_or(path);
        match relative.to_str() {
            Some(relative) => {
                live.show(&format!("reading {relative}"));
                let target = draft.free_id(path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("database"));
                let of = Of { address: relative, shown: relative, target: &target };
                match describe(&of, world, draft, live).await? {
                    Ok(()) => draft.targets.push((target, json!(relative))),
                    Err(why) => draft.leave_out(relative, why),
                }
            }
            None => draft.leave_out(relative.display().to_string(), "its path is no UTF-8, which TOML needs"),
        }
    }
    for path in found.databases.iter().skip(MOST_DATABASES) {
        let relative = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        draft.leave_out(relative, format!("there are checks on the {MOST_DATABASES} nearest databases already"));
    }
    Ok(())
}

/// A database to describe.
pub(super) struct Of<'a> {
    /// A path or URL.
    pub(super) address: &'a str,
    /// What it is called for people.
    pub(super) shown: &'a str,
    /// The name of its target.
    pub(super) target: &'a str,
}

/// Adds a check for a database, or says why there is none.
pub(super) async fn describe(
    of: &Of<'_>,
    world: &World,
    draft: &mut Draft,
    live: &mut Live,
) -> Result<Result<(), String>, Refused> {
    let whole = Subject::new("sql", &json!({ "database": of.address }))?;
    let greens = match sight::twice(&whole, world).await {
        Ok(greens) => greens,
        Err(why) => return Ok(Err(why)),
    };
    let (path, target) = (of.shown, of.target.to_owned());
    let tables = tables_of(&greens[0].json());
    if tables.is_empty() {
        return Ok(Err("it has no table".to_owned()));
    }
    let database = json!({ "target": target });
    let mut counts = Vec::new();
    for (i, table) in tables.iter().take(MOST_TABLES).enumerate() {
        live.show(&format!("{path}: counting {} of {}: {table}", i + 1, tables.len()));
        let count = Subject::new("sql", &json!({ "database": of.address, "query": count_of(table, of.is_file()) }))?;
        if let Ok(seen) = sight::once(&count, world, COUNTING).await
            && let Some(rows) = seen.json().pointer("/answer/first/0/0").and_then(Value::as_u64)
        {
            counts.push((rows, table.clone()));
        }
    }
    let mut notes = Vec::new();
    let mut hint = None;
    if let Some(more) = tables.len().checked_sub(MOST_TABLES).filter(|more| *more > 0) {
        notes.push(format!("The rows of {more} further tables were not counted."));
    }
    let largest = counts.into_iter().filter(|(rows, _)| *rows > 0).max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let (look, expect, summary, shown) = match largest {
        Some((rows, table)) => {
            notes.insert(0, format!("{table} had {}: half of them gone is an incident.", counted_rows(rows)));
            let least = rows.div_ceil(2);
            let newest = "newest = { column = \"...\", younger_than = \"26h\" }";
            hint = Some(format!("{newest}   # with max(...) of a date in the query"));
            (
                json!({ "database": database, "query": count_of(&table, of.is_file()) }),
                json!({ "scalar": { "at_least": least }, "tables": tables.iter().take(200).collect::<Vec<_>>() }),
                format!("{path} has its tables, and {table} is filled"),
                format!("{path}: {}, at least {} in {table}", counted(tables.len(), "table"), counted_rows(least)),
            )
        }
        None => {
            notes.insert(
                0,
                "No table had a row that could be counted: only the tables are held to be there.".to_owned(),
            );
            let looked: Vec<&_> = greens.iter().map(|green| &green.sighting).collect();
            let Some(proposed) = whole.check.propose(&looked, &[]) else {
                let tables = counted(tables.len(), "table");
                return Ok(Err(format!("{tables} and no row: name what must be there")));
            };
            (
                json!({ "database": database }),
                proposed.expect,
                format!("{path} has its tables"),
                format!("{path}: {}", counted(tables.len(), "table")),
            )
        }
    };
    draft.checks.push(Drafted {
        id: draft.free_check(&target),
        kind: "sql",
        summary,
        tags: vec!["data"],
        gates: vec!["post-deploy", "watch", "drill"],
        notes,
        look,
        expect,
        hint,
        shown,
    });
    Ok(Ok(()))
}

impl Of<'_> {
    fn is_file(&self) -> bool {
        !self.address.contains("://")
    }
}

fn tables_of(seen: &Value) -> Vec<String> {
    let tables = seen["tables"].as_array().into_iter().flatten();
    tables.filter_map(|table| table.as_str().map(str::to_owned)).collect()
}

/// A name is data here, so it is quoted as SQL quotes names. In a file its dots are its own; Postgres gives tables out
/// behind their schema.
fn count_of(table: &str, is_file: bool) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let name = match table.split_once('.') {
        Some((schema, name)) if !is_file => format!("{}.{}", quoted(schema), quoted(name)),
        Some(_) | None => quoted(table),
    };
    format!("select count(*) from {name}")
}

fn counted_rows(rows: u64) -> String {
    counted(usize::try_from(rows).unwrap_or(usize::MAX), "row")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_databases_are_found_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("data/deep")).unwrap();
        std::fs::create_dir_all(at("node_modules")).unwrap();
        for name in ["data/deep/shop.db", "node_modules/cache.db"] {
            let connection = rusqlite::Connection::open(at(name)).unwrap();
            connection.execute_batch("create table t (a)").unwrap();
        }
        std::fs::write(at("notes.db"), "SQLite format 2, or so I thought").unwrap();
        std::fs::write(at("empty.sqlite"), "").unwrap();
        std::os::unix::fs::symlink(folder.path(), at("data/round")).unwrap();
        let found = search(folder.path(), &mut Live::new());
        assert_eq!(found.databases, [at("data/deep/shop.db")]);
        assert_eq!((found.files, found.papers.len(), found.limits.len()), (3, 0, 0));
    }

    #[test]
    fn a_table_cannot_smuggle_sql_by_its_name() {
        assert_eq!(count_of("a\" ; drop", true), "select count(*) from \"a\"\" ; drop\"");
        assert_eq!(count_of("auth.a\"b", false), "select count(*) from \"auth\".\"a\"\"b\"");
        assert_eq!(count_of("a.b", true), "select count(*) from \"a.b\"");
    }
}
