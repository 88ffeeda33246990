//! Rows that are older than their columns: what they read as is the column's default, in SQLite's own reading of it.

use rusqlite::Connection;
use steadfast_sqlite::{Prover, Verdict};

/// A table with two rows, a column that was added to it, and an index over that.
fn with_column(path: &std::path::Path, encoding: &str, column: &str) -> Connection {
    let sql = Connection::open(path).unwrap();
    sql.execute_batch(&format!(
        "PRAGMA encoding='{encoding}'; CREATE TABLE t(a); INSERT INTO t VALUES(1),(2);
         ALTER TABLE t ADD COLUMN x {column}; CREATE INDEX i ON t(x, a); INSERT INTO t(a) VALUES(3)"
    ))
    .unwrap_or_else(|why| panic!("{column}: {why}"));
    sql
}

#[test]
fn every_default_that_a_column_can_be_added_with_is_the_value_of_the_rows_before_it() {
    let defaults = [
        "7",
        "-7",
        "'x'",
        "\"\"",
        "hello",
        "[x]",
        "`x`",
        "+'x'",
        "(-(5))",
        "(cast('5' as int))",
        "current_user",
        "-'5'",
        "1.10",
        "1e2",
        ".5",
        "5.",
        "-0.0",
        "9223372036854775808",
        "1e400",
        "x'00ff'",
        "NULL",
        "TRUE",
        "('it''s')",
    ];
    for default in defaults {
        for kind in ["", "TEXT", "INT", "REAL", "NUMERIC", "BLOB"] {
            for encoding in ["UTF-8", "UTF-16le"] {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("x.db");
                let sql = with_column(&path, encoding, &format!("{kind} DEFAULT {default}"));
                let oracle: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
                assert_eq!(oracle, "ok", "{kind} DEFAULT {default}");
                drop(sql);
                let proof = Prover::new(&path).run(&mut |_| ()).unwrap();
                assert_eq!(proof.findings, [], "{encoding}: {kind} DEFAULT {default}");
                assert_eq!(proof.verdict, Verdict::Pass);
            }
        }
    }
}

#[test]
fn a_default_that_came_behind_the_back_of_the_index_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let sql = with_column(&path, "UTF-8", "");
    sql.execute_batch(
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE TABLE t(a, x DEFAULT \"abc\")' WHERE name='t'",
    )
    .unwrap();
    drop(sql);
    let proof = Prover::new(&path).run(&mut |_| ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Fail);
}
