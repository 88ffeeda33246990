//! Partial and expression indexes: SQLite evaluates them, and what it does not count is counted.

use rusqlite::Connection;
use steadfast_sqlite::{Proof, Prover, Repair, Verdict};

/// Proves a database that was made by `ddl`, after one of its definitions was written over behind SQLite's back.
fn prove(ddl: &str, index: &str, definition: &str) -> Proof {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let sql = Connection::open(&path).unwrap();
    sql.execute_batch(ddl).unwrap();
    sql.execute_batch("PRAGMA writable_schema=ON").unwrap();
    let changed = sql.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2", (definition, index)).unwrap();
    assert_eq!(changed, 1);
    drop(sql);
    Prover::new(&path).run(&mut |_| ()).unwrap()
}

#[track_caller]
fn check(ddl: &str, index: &str, definition: &str, expected: &[&str]) {
    let proof = prove(ddl, index, definition);
    let said: Vec<String> = proof
        .findings
        .iter()
        .map(|finding| {
            let tree = finding.tree.as_deref().unwrap_or_default();
            format!("{} {tree}: {}, expected {}", finding.code.word(), finding.seen, finding.expected)
        })
        .collect();
    assert_eq!(said, expected, "{definition}");
    assert!(proof.unproven.is_empty(), "{:?}", proof.unproven);
    assert_eq!(proof.verdict, if expected.is_empty() { Verdict::Pass } else { Verdict::Fail });
}

const ROWS: &str = "CREATE TABLE t(a INTEGER, b TEXT);
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < 1000) INSERT INTO t SELECT x, 'v' || x FROM n;
    CREATE INDEX p ON t(b) WHERE a > 600;";

const KEYED: &str = "CREATE TABLE t(a INTEGER, b TEXT PRIMARY KEY) WITHOUT ROWID;
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < 1000) INSERT INTO t SELECT x, 'v' || x FROM n;
    CREATE INDEX p ON t(a) WHERE a > 600;";

#[test]
fn a_sound_partial_index_passes_whatever_stands_in_its_definition() {
    check(ROWS, "p", "CREATE INDEX p ON t(b) WHERE a > 600", &[]);
    check(ROWS, "p", "CREATE INDEX p ON t(b /* WHERE */) wHERE(a) > 600 AND 'WHERE' IS NOT b -- WHERE", &[]);
    check(KEYED, "p", "CREATE INDEX p ON t(a) WHERE a > 600", &[]);
}

#[test]
fn an_entry_without_a_row_is_a_fault() {
    let expected = "entry-count p: 400 entries, expected 300 entries, one for each row that satisfies the predicate";
    check(ROWS, "p", "CREATE INDEX p ON t(b) WHERE a > 700", &[expected]);
    check(KEYED, "p", "CREATE INDEX p ON t(a) WHERE a > 700", &[expected]);
}

#[test]
fn a_row_without_an_entry_is_a_fault() {
    let proof = prove(ROWS, "p", "CREATE INDEX p ON t(b) WHERE a > 599");
    let seen: Vec<_> = proof
        .findings
        .iter()
        .map(|finding| (finding.code.word(), finding.tree.as_deref().unwrap_or_default(), finding.rowid))
        .collect();
    assert_eq!(seen, [("missing-entry", "p", Some(600)), ("entry-count", "p", None)], "{:?}", proof.findings);
}

#[test]
fn an_expression_index_with_an_entry_too_many_or_another_value_is_a_fault() {
    let ddl = "CREATE TABLE t(a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'A'), (2, 'B'), (3, 'C');
        CREATE INDEX e ON t(lower(b));";
    check(ddl, "e", "CREATE INDEX e ON t(lower(b))", &[]);
    let proof = prove(ddl, "e", "CREATE INDEX e ON t(upper(b))");
    assert_eq!(proof.verdict, Verdict::Fail, "{proof:?}");
    // The rows are whole and REINDEX mends it: it is a fault of the index, and not of the table.
    assert!(proof.findings.iter().all(|finding| finding.tree.as_deref() == Some("e")), "{proof:?}");
    assert!(proof.findings.iter().all(|finding| finding.code.repair() == Repair::Reindex), "{proof:?}");
}

#[test]
fn a_predicate_that_this_sqlite_cannot_evaluate_is_named_as_unproven() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let sql = Connection::open(&path).unwrap();
    sql.create_collation("mine", |a, b| a.cmp(b)).unwrap();
    sql.execute_batch(
        "CREATE TABLE t(a TEXT); INSERT INTO t VALUES ('x'), ('y'); CREATE INDEX p ON t(a) WHERE a COLLATE mine > 'w'",
    )
    .unwrap();
    drop(sql);
    let proof = Prover::new(&path).run(&mut |_| ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Unknown, "{proof:?}");
    assert!(!proof.unproven.is_empty());
    assert!(proof.unproven.iter().all(|unproven| unproven.why.contains("mine")), "{:?}", proof.unproven);
}
