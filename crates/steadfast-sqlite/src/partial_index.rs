//! Entries of a partial index that have no row. SQLite's own check asks for an entry for every row that satisfies the
//! predicate; it does not count the entries. The pass has shown that no two entries are equal. So if there are as many
//! entries as rows that satisfy the predicate, every entry has its row.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::finding::{Code, Finding, Findings};
use crate::plan::Plan;
use crate::progress::{Bell, Halt};
use crate::proof::Unproven;
use crate::raw_name;
use crate::schema::Table;
use crate::worker::Tally;

/// Counts for every partial index of a table, and compares with the entries that the pass has seen.
///
/// Only after SQLite's own check of the table has run: it evaluates the same predicates, and refuses functions that a
/// schema may not call.
pub(crate) fn count(
    sql: &Connection,
    plan: &Plan,
    table: &Table,
    tallies: &[Tally],
    bell: &Bell,
    findings: &mut Findings,
    unproven: &mut Vec<Unproven>,
) -> Option<Halt> {
    for index in table.indexes.iter().filter(|index| index.partial) {
        let name = plan.name(index.tree);
        let seen = tallies[index.tree as usize].entries;
        match rows_of(sql, &table.name, name) {
            Ok(rows) if rows == seen => {}
            Ok(rows) => {
                let expected = format!("{rows} entries, one for each row that satisfies the predicate");
                findings.push(Finding::new(Code::EntryCount, expected, format!("{seen} entries")).in_tree(name));
            }
            Err(why) => {
                if let Some(halt) = bell.rings() {
                    return Some(halt);
                }
                let why = format!("partial index: entries without a row could not be looked for: {why}");
                unproven.push(Unproven::new(name, why));
            }
        }
    }
    None
}

/// How many rows satisfy the index's predicate.
fn rows_of(sql: &Connection, table: &str, index: &str) -> Result<u64, String> {
    let said = |error: rusqlite::Error| format!("SQLite says: {error}");
    let ddl: Option<String> = sql
        .query_row(
            "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND name = ?1 COLLATE NOCASE",
            [raw_name::bound(index)],
            |row| match row.get_ref(0)? {
                ValueRef::Text(ddl) => Ok(String::from_utf8(ddl.to_vec()).ok()),
                ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => Ok(None),
            },
        )
        .map_err(said)?;
    let ddl = ddl.ok_or("its definition is not UTF-8")?;
    let predicate = predicate(&ddl).ok_or("its definition has no WHERE")?;
    let table = table.replace('"', "\"\"");
    // Not in a WHERE: there the predicate would allow SQLite to read the partial index in place of the rows.
    let query = format!("SELECT count(CASE WHEN ({predicate}\n) THEN 1 END) FROM main.\"{table}\" NOT INDEXED");
    let rows: i64 = sql.query_row(&query, [], |row| row.get(0)).map_err(said)?;
    u64::try_from(rows).map_err(|_| format!("a count of {rows}"))
}

/// What follows WHERE in a CREATE INDEX. SQLite has parsed the statement before and gives no other way to the predicate
/// than its text; WHERE is a reserved word, so the first one outside of parentheses, quotes and comments is it.
fn predicate(ddl: &str) -> Option<&str> {
    // SQLite reads no further than the first zero.
    let ddl = ddl.split('\0').next()?;
    let bytes = ddl.as_bytes();
    let mut at = 0;
    let mut depth = 0_u32;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        // Within a character of several bytes there is nothing to find; all of its bytes are of a word.
        let rest = ddl.get(at..).unwrap_or_default();
        match byte {
            // A doubled quote ends the name and begins it again, which comes to the same.
            b'\'' | b'"' | b'`' => at += rest.find(char::from(*byte))? + 1,
            b'[' => at += rest.find(']')? + 1,
            b'-' if rest.starts_with('-') => at += rest.find('\n')? + 1,
            b'/' if rest.starts_with('*') => at += 1 + rest[1..].find("*/")? + 2,
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            byte if is_of_a_word(*byte) => {
                let length = bytes[at..].iter().take_while(|byte| is_of_a_word(**byte)).count();
                let word = &bytes[at - 1..at + length];
                at += length;
                if depth == 0 && word.eq_ignore_ascii_case(b"where") {
                    return ddl.get(at..);
                }
            }
            _ => {}
        }
    }
    None
}

fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ddl: &str, expected: Option<&str>) {
        assert_eq!(predicate(ddl).map(str::trim), expected, "{ddl}");
    }

    #[test]
    fn the_predicate_is_what_follows_the_one_where_of_the_statement() {
        check("CREATE INDEX i ON t(a) WHERE a > 100", Some("a > 100"));
        check("CREATE INDEX i ON t(a)where(a)", Some("(a)"));
        check("CREATE INDEX \"i where\" ON [t where x](`where`, 'wh''ere') WHERE a IS 'where'", Some("a IS 'where'"));
        check("CREATE INDEX i -- where\n ON t(a /* where ) */, (CASE WHEN a THEN 1 END))\nwHeRe a", Some("a"));
        check("CREATE INDEX nowhere ON somewhere(überwhere) WHERE \u{fc} > 1", Some("\u{fc} > 1"));
        check("CREATE INDEX i ON t(a - b, a / b) WHERE 1", Some("1"));
    }

    #[test]
    fn what_is_no_create_index_with_a_where_has_no_predicate() {
        for ddl in [
            "",
            "CREATE INDEX i ON t(a)",
            "CREATE INDEX i ON t(a WHERE b)",
            ") WHERE a",
            "CREATE INDEX \"i ON t(a) WHERE b",
            "CREATE INDEX i ON t(a) -- WHERE a",
            "CREATE INDEX i ON t(a) /* WHERE a",
            "CREATE INDEX i ON t(a)\0 WHERE a",
            "CREATE INDEX i ON t(a) /*",
            "/*/ WHERE a",
        ] {
            check(ddl, None);
        }
    }
}
