//! What stands beside a database is part of it, and nothing is put there.

use rusqlite::Connection;
use steadfast_sqlite::{Options, ProveErrorKind, Prover, Stamp, StampOutcome, Verdict};

#[test]
fn what_stands_beside_the_file_counts_where_the_path_is_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("x.db"), folder.path().join("link.db"));
    let sql = Connection::open(&file).unwrap();
    sql.execute_batch(
        "PRAGMA journal_mode=WAL; CREATE TABLE t(a); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES(1)",
    )
    .unwrap();
    std::os::unix::fs::symlink("x.db", &link).unwrap();
    let rows = |path: &std::path::Path| {
        let proof = Prover::new(path).run(&mut |_| ()).unwrap();
        proof.trees.iter().find(|tree| tree.name == "t").map(|tree| tree.entries)
    };
    assert_eq!((rows(&file), rows(&link)), (Some(1), Some(1)));
    drop(sql);
}

#[test]
fn a_hot_journal_is_never_trusted_whatever_the_stamp_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(a)").unwrap();
    let manifest = folder.path().join("x.manifest");
    let options = Options { manifest_out: Some(manifest.clone()), ..Options::default() };
    let proof = Prover::new(&path).options(options).run(&mut |_| ()).unwrap();
    let made = Stamp::of(&proof, &manifest).unwrap();
    made.save(&folder.path().join("x.stamp")).unwrap();
    assert_eq!(made.check(&path, 8, false).unwrap().outcome, StampOutcome::Trusted);
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    journal.resize(1024, 1);
    std::fs::write(folder.path().join("x.db-journal"), journal).unwrap();
    assert_eq!(made.check(&path, 8, false).unwrap_err().kind, ProveErrorKind::HotJournal);
}

#[test]
fn a_lock_that_is_asked_for_makes_no_log_beside_an_idle_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    Connection::open(&path).unwrap().execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(a)").unwrap();
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(entries(), 1, "SQLite takes its log away");
    let options = Options { lock_for: Some(std::time::Duration::from_secs(5)), ..Options::default() };
    let proof = Prover::new(&path).options(options).run(&mut |_| ()).unwrap();
    assert_eq!((proof.verdict, entries()), (Verdict::Pass, 1));
}
