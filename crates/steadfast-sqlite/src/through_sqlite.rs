//! What only SQLite can evaluate: CHECK, expressions, partial indexes, virtual columns, virtual tables. Strangers' SQL
//! runs here, so it runs read-only over the pinned view, without trust in the schema, bounded by the run's deadline.

use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode};

use crate::finding::{Code, Finding, Findings};
use crate::plan::Plan;
use crate::progress::{Bell, Halt};
use crate::proof::Unproven;
use crate::source::Source;
use crate::vfs::{self, Pinned};

/// The longest value that SQL may make.
const LONGEST_VALUE: i32 = 512 << 20;

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

/// Runs SQLite's own checks of the tables that need them.
pub(crate) fn check(
    sql: &Connection,
    plan: &Plan,
    bell: &Bell,
    findings: &mut Findings,
    unproven: &mut Vec<Unproven>,
    only: Option<&str>,
) -> Option<Halt> {
    for table in &plan.schema.tables {
        let (Some(through), true) = (&table.through_sqlite, plan.in_scope[table.tree as usize]) else { continue };
        let pragma = if through.full { "integrity_check" } else { "quick_check" };
        if let Some(halt) = one(sql, pragma, &table.name, &through.why, bell, findings, unproven) {
            return Some(halt);
        }
    }
    for tree in plan.schema.trees.iter().enumerate().filter(|(number, _)| plan.in_scope[*number]).map(|(_, tree)| tree)
    {
        if let Some(collation) = tree.order.as_ref().and_then(|order| order.unknown_collation()) {
            let why = format!("its order is that of the collation {collation}, which only the application knows");
            unproven.push(Unproven { name: tree.name.clone(), why });
        }
    }
    for table in
        plan.schema.virtuals.iter().filter(|table| only.is_none_or(|only| table.name.eq_ignore_ascii_case(only)))
    {
        match &table.module {
            Ok(module) => {
                let why = format!("virtual table of {module}");
                if let Some(halt) = one(sql, "integrity_check", &table.name, &why, bell, findings, unproven) {
                    return Some(halt);
                }
            }
            Err(module) => {
                let why = format!("its module {module} is not in this SQLite; its shadow tables were judged");
                unproven.push(Unproven { name: table.name.clone(), why });
            }
        }
    }
    None
}

fn one(
    sql: &Connection,
    pragma: &str,
    table: &str,
    why: &str,
    bell: &Bell,
    findings: &mut Findings,
    unproven: &mut Vec<Unproven>,
) -> Option<Halt> {
    let quoted = table.replace('\'', "''");
    let rows: Result<Vec<String>, rusqlite::Error> = sql
        .prepare(&format!("PRAGMA main.{pragma}('{quoted}')"))
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
    match rows {
        Ok(rows) => {
            for row in rows.iter().filter(|row| row.as_str() != "ok") {
                let finding = Finding::new(Code::ThroughSqlite, format!("ok from {pragma} ({why})"), row.as_str());
                findings.push(finding.in_tree(table));
            }
            None
        }
        Err(error) => {
            if let Some(halt) = bell.rings() {
                return Some(halt);
            }
            match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    let finding =
                        Finding::new(Code::ThroughSqlite, format!("ok from {pragma} ({why})"), error.to_string());
                    findings.push(finding.in_tree(table));
                }
                _ => unproven.push(Unproven { name: table.to_owned(), why: format!("{why}: SQLite says: {error}") }),
            }
            None
        }
    }
}
