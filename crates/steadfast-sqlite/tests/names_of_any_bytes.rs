//! Tables, indexes and defaults whose bytes are not UTF-8, as other encodings have left them in real files.

use rusqlite::Connection;
use steadfast_sqlite::{Proof, Prover, Verdict};

/// A database made by `ddl`, in which every `X` of `cafX` is then the byte 0xE9, and after that spoilt by `behind`.
fn database(path: &std::path::Path, ddl: &str) {
    Connection::open(path).unwrap().execute_batch(ddl).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let mut replaced = 0;
    for at in 0..bytes.len() - 3 {
        if &bytes[at..at + 4] == b"cafX" {
            bytes[at + 3] = 0xe9;
            replaced += 1;
        }
    }
    assert!(replaced > 0);
    std::fs::write(path, bytes).unwrap();
}

fn check(ddl: &str) -> Proof {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    database(&path, ddl);
    let sql = Connection::open(&path).unwrap();
    let oracle: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(oracle, "ok", "{ddl}");
    drop(sql);
    let proof = Prover::new(&path).run(&mut |_| ()).unwrap();
    assert_eq!(proof.findings, [], "{ddl}");
    proof
}

#[test]
fn they_are_judged_as_every_other() {
    for ddl in [
        "CREATE TABLE cafX(a INTEGER PRIMARY KEY, b); CREATE INDEX i_cafX ON cafX(b); INSERT INTO cafX VALUES(1, 2), (3, 4)",
        "CREATE TABLE \"cafX bar\"(\"cafX\" TEXT NOT NULL, b INT, CHECK (b > 0)); CREATE UNIQUE INDEX \"cafX\" ON \"cafX bar\"(\"cafX\" DESC, b);
         INSERT INTO \"cafX bar\" VALUES('x', 2), ('y', 4)",
        "CREATE TABLE cafX(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID; INSERT INTO cafX VALUES(1, 2), (3, 4)",
        "CREATE TABLE cafX(a, b); CREATE INDEX e ON cafX(lower(b)); INSERT INTO cafX VALUES(1, 'A'), (3, 'B')",
        "CREATE TABLE t(a); INSERT INTO t VALUES(1), (2); ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'cafX ''it''';
         CREATE INDEX i ON t(b, a); INSERT INTO t(a) VALUES(3)",
        "CREATE TABLE t(a); INSERT INTO t VALUES(1); ALTER TABLE t ADD COLUMN b NOT NULL DEFAULT (+ 'cafX'); CREATE INDEX i ON t(b)",
    ] {
        let proof = check(ddl);
        assert_eq!((proof.verdict, proof.unproven), (Verdict::Pass, vec![]), "{ddl}");
    }
}

#[test]
fn a_predicate_that_cannot_be_said_in_a_statement_is_named_as_unproven() {
    let proof = check(
        "CREATE TABLE cafX(a, b); CREATE INDEX p ON cafX(b) WHERE a > 1; INSERT INTO cafX VALUES(1, 'A'), (3, 'B')",
    );
    let said: Vec<&str> = proof.unproven.iter().map(|unproven| unproven.why.as_str()).collect();
    let expected = "partial index: entries without a row could not be looked for: its definition is not UTF-8";
    assert_eq!((proof.verdict, said.as_slice()), (Verdict::Unknown, [expected].as_slice()));
}

#[test]
fn their_faults_are_shown_with_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    database(&path, "CREATE TABLE cafX(a TEXT NOT NULL); INSERT INTO cafX VALUES('value')");
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|window| window == b"\x02\x17value").unwrap();
    // NULL, and five bytes too many for it.
    let spoilt = [&bytes[..at], b"\x02\x00", &bytes[at + 2..]].concat();
    std::fs::write(&path, spoilt).unwrap();
    let proof = Prover::new(&path).run(&mut |_| ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Fail);
    assert!(proof.findings.iter().all(|finding| finding.tree.as_deref() == Some("caf\\xe9")), "{:?}", proof.findings);
    assert!(proof.trees.iter().any(|tree| tree.name == "caf\\xe9"));
}
