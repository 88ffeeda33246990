//! What only SQLite can evaluate: CHECK, expressions, partial indexes, virtual columns, virtual tables. Strangers' SQL
//! runs here, so it runs read-only over the pinned view, without trust in the schema, bounded by the run's deadline.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};

use crate::finding::{Code, Finding, Findings};
use crate::partial_index;
use crate::plan::Plan;
use crate::progress::{Bell, Halt};
use crate::proof::Unproven;
use crate::raw_name;
use crate::schema::Schema;
use crate::source::Source;
use crate::sqlite_words;
use crate::vfs::{self, Pinned};
use crate::worker::Tally;

/// The longest value that SQL may make.
const LONGEST_VALUE: i32 = 512 << 20;

/// What SQLite may keep of the view in memory. A lookup for every row of a table reads a page as often as it is not there.
const CACHE_KIB: u32 = 32 << 10;

/// Opens the view with every guard that SQLite has.
pub(crate) fn connect(source: &Arc<Source>, bell: &Bell, heap: Option<u64>) -> Result<Pinned, rusqlite::Error> {
    let mut pinned = vfs::open(source)?;
    let sql = &mut pinned.sql;
    sql.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    sql.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sql.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
    sql.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    sql.execute_batch("PRAGMA query_only=ON; PRAGMA temp_store=MEMORY;")?;
    if let Some(heap) = heap {
        sql.query_row(&format!("PRAGMA hard_heap_limit={heap}"), [], |_| Ok(()))?;
    }
    let bell = bell.clone();
    sql.progress_handler(10_000, Some(move || bell.rings().is_some()))?;
    Ok(pinned)
}

/// Reads the schema, as all that follows must.
pub(crate) fn schema(sql: &Connection) -> Result<Schema, rusqlite::Error> {
    sql.execute_batch(&format!("PRAGMA cache_size=-{CACHE_KIB}"))?;
    Schema::read(sql)
}

/// What the run knows when it comes to the tables that SQLite has to judge.
pub(crate) struct Asked<'r> {
    pub(crate) sql: &'r Connection,
    pub(crate) source: &'r Source,
    pub(crate) plan: &'r Plan,
    /// Per tree: what the pass has seen of it.
    pub(crate) tallies: &'r [Tally],
    pub(crate) bell: &'r Bell,
    pub(crate) only: Option<&'r str>,
}

/// How one of SQLite's checks ended.
enum Ran {
    /// It said what it had to say.
    Through,
    /// It could not evaluate the table.
    Refused,
    Halted(Halt),
}

impl Asked<'_> {
    /// Runs SQLite's own checks of the tables that need them, and counts what those do not count.
    pub(crate) fn check(&self, findings: &mut Findings, unproven: &mut Vec<Unproven>) -> Option<Halt> {
        let plan = self.plan;
        for table in &plan.schema.tables {
            let (Some(through), true) = (&table.through_sqlite, plan.in_scope[table.tree as usize]) else { continue };
            let pragma = if through.full { "integrity_check" } else { "quick_check" };
            let words = |line: &str, expected: &str| sqlite_words::finding(line, expected, plan, table);
            match self.one(pragma, &table.name, &through.why, &words, findings, unproven) {
                Ran::Through => {
                    let (tallies, bell) = (self.tallies, self.bell);
                    let halt = partial_index::count(self.sql, plan, table, tallies, bell, findings, unproven);
                    if halt.is_some() {
                        return halt;
                    }
                }
                Ran::Refused => {}
                Ran::Halted(halt) => return Some(halt),
            }
        }
        let in_scope = plan.schema.trees.iter().zip(&plan.in_scope).filter(|(_, in_scope)| **in_scope);
        for (tree, _) in in_scope {
            if let Some(collation) = tree.order.as_ref().and_then(|order| order.unknown_collation()) {
                let why = format!("its order is that of the collation {collation}, which only the application knows");
                unproven.push(Unproven::new(&tree.name, why));
            }
        }
        let is_wanted = |name: &str| self.only.is_none_or(|only| name.eq_ignore_ascii_case(only));
        for table in plan.schema.virtuals.iter().filter(|table| is_wanted(&table.name)) {
            match &table.module {
                Ok(module) => {
                    let why = format!("virtual table of {module}");
                    let words = |line: &str, expected: &str| {
                        Finding::new(Code::ThroughSqlite, expected, line).in_tree(&table.name)
                    };
                    let ran = self.one("integrity_check", &table.name, &why, &words, findings, unproven);
                    if let Ran::Halted(halt) = ran {
                        return Some(halt);
                    }
                }
                Err(module) => {
                    let why = format!("its module {module} is not in this SQLite; its shadow tables were judged");
                    unproven.push(Unproven::new(&table.name, why));
                }
            }
        }
        None
    }

    /// `words` makes a finding of what SQLite said and of what it should have.
    fn one(
        &self,
        pragma: &str,
        table: &str,
        why: &str,
        words: &dyn Fn(&str, &str) -> Finding,
        findings: &mut Findings,
        unproven: &mut Vec<Unproven>,
    ) -> Ran {
        self.source.meter.is_refused.store(false, Ordering::Relaxed);
        // By a parameter, for a name need not be text that a statement can hold.
        let rows: Result<Vec<String>, rusqlite::Error> =
            self.sql.prepare(&format!("SELECT * FROM pragma_{pragma}(?1, 'main')")).and_then(|mut statement| {
                let said = statement.query_map([raw_name::bound(table)], |row| match row.get_ref(0)? {
                    ValueRef::Text(bytes) => Ok(raw_name::of_bytes(bytes)),
                    other => Err(rusqlite::Error::InvalidColumnType(0, pragma.to_owned(), other.data_type())),
                });
                said?.collect()
            });
        let expected = format!("ok from {pragma} ({why})");
        match rows {
            // SQLite tells a page that it did not get as a fault of the table, and goes on.
            Ok(_) if self.source.meter.is_refused.load(Ordering::Relaxed) => {
                if let Some(halt) = self.bell.rings() {
                    return Ran::Halted(halt);
                }
                unproven.push(Unproven::new(table, format!("{why}: reading it for SQLite failed")));
                Ran::Refused
            }
            Ok(rows) => {
                for row in rows.iter().filter(|row| row.as_str() != "ok") {
                    findings.push(words(row, &expected));
                }
                Ran::Through
            }
            Err(error) => {
                if let Some(halt) = self.bell.rings() {
                    return Ran::Halted(halt);
                }
                match error.sqlite_error_code() {
                    Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                        let seen = error.to_string();
                        findings.push(Finding::new(Code::ThroughSqlite, expected, seen).in_tree(table));
                    }
                    _ => unproven.push(Unproven::new(table, format!("{why}: SQLite says: {error}"))),
                }
                Ran::Refused
            }
        }
    }
}
