//! The prover beside other users of a database, in this process and in others.

use std::path::{Path, PathBuf};

use fuzz_sqlite::roles::{Live, Player, ask_about_lock, prepare, prove_live};
use rusqlite::Connection;
use steadfast_sqlite::{Options, Planted, ProveErrorKind, Prover, Verdict};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_fuzz-sqlite"))
}

/// A database in a folder of its own, made by `ddl`.
fn database(ddl: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.db");
    Connection::open(&file).unwrap().execute_batch(ddl).unwrap();
    (folder, file)
}

fn listing(folder: &Path) -> Vec<(String, u64, std::time::SystemTime)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            (entry.file_name().to_string_lossy().into_owned(), meta.len(), meta.modified().unwrap())
        })
        .collect();
    all.sort();
    all
}

/// Proves a database beside a writer until enough was seen, sixty times at most.
fn beside_a_writer(planted: Planted, mut is_enough: impl FnMut(&Live) -> bool) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("live.db");
    prepare(&file, 20_000).unwrap();
    let writer = Player::start(program(), "writer", &file).unwrap();
    let options = Options { planted, ..Options::default() };
    let was_seen = (0..60).any(|_| is_enough(&prove_live(&file, &options)));
    let said = writer.end().unwrap();
    let commits: u64 = said.split(' ').next().unwrap().parse().unwrap();
    assert!(commits > 200, "the writer must have been at work: {said}");
    was_seen
}

fn passed(live: &Live) -> bool {
    live.outcome.as_ref().is_ok_and(|proof| proof.verdict == Verdict::Pass)
}

#[test]
fn a_live_wal_is_proven_every_time_whether_it_restarts_meanwhile_or_not() {
    let (mut times, mut restarts, mut within) = (0, 0, 0);
    let all_was_seen = beside_a_writer(Planted::Nothing, |live| {
        assert!(passed(live), "{:?}", live.outcome);
        let frames = live.outcome.as_ref().unwrap().wal.as_ref().unwrap().frames;
        assert!(frames == 0 || !live.log_restarted, "a log whose frames are judged must not restart");
        times += 1;
        restarts += u32::from(live.log_restarted);
        within += u32::from(frames > 0);
        times >= 5 && restarts >= 2 && within >= 1
    });
    assert!(all_was_seen, "of {times} passes {restarts} saw the log restart and {within} laid frames over the file");
}

#[test]
fn without_the_overlay_a_live_wal_cannot_be_proven() {
    assert!(beside_a_writer(Planted::OverlayOff, |live| !passed(live)));
}

#[test]
fn the_hosts_own_lock_survives_a_proof_in_its_process() {
    let (_folder, file) = database("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    let host = Connection::open(&file).unwrap();
    host.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(ask_about_lock(program(), &file).unwrap(), "locked");
    let proof = Prover::new(&file).run(&mut |_| ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Pass);
    assert_eq!(ask_about_lock(program(), &file).unwrap(), "locked");
    host.execute_batch("INSERT INTO t VALUES(2); COMMIT").unwrap();
    assert_eq!(ask_about_lock(program(), &file).unwrap(), "free");
}

#[test]
fn the_hosts_read_mark_survives_a_proof_in_its_process() {
    let (_folder, file) = database("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    let host = Connection::open(&file).unwrap();
    host.execute_batch("INSERT INTO t VALUES(2); BEGIN; SELECT * FROM t").unwrap();
    let seen: i64 = host.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    let proof = Prover::new(&file).run(&mut |_| ()).unwrap();
    assert_eq!((proof.verdict, proof.wal.unwrap().pinned), (Verdict::Pass, true));
    // With the mark gone this checkpoint would run through and cut the log.
    let other = Connection::open(&file).unwrap();
    other.execute_batch("INSERT INTO t VALUES(3)").unwrap();
    let busy: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 1, "the checkpoint must be held up by the host's read mark");
    let still: i64 = host.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(seen, still);
}

#[test]
fn an_exclusive_lock_is_told() {
    let (_folder, file) = database("CREATE TABLE t(a)");
    let holder = Player::start(program(), "exclusive", &file).unwrap();
    let error = Prover::new(&file).run(&mut |_| ()).unwrap_err();
    assert_eq!(error.kind, ProveErrorKind::Locked);
    holder.end().unwrap();
    assert_eq!(Prover::new(&file).run(&mut |_| ()).unwrap().verdict, Verdict::Pass);
}

#[test]
fn a_wal_that_nobody_uses_is_read_and_nothing_is_left_beside_it() {
    let (from, file) = database("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a UNIQUE)");
    let sql = Connection::open(&file).unwrap();
    sql.execute_batch("INSERT INTO t VALUES(1), (2), (3)").unwrap();
    // A copy of file and log without the -shm, as after a crash of the machine.
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.db", "x.db-wal"] {
        std::fs::copy(from.path().join(name), folder.path().join(name)).unwrap();
    }
    let before = listing(folder.path());
    let proof = Prover::new(folder.path().join("x.db")).run(&mut |_| ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Pass);
    assert!(proof.wal.is_some_and(|wal| wal.frames > 0 && !wal.pinned));
    assert_eq!(proof.trees.iter().find(|tree| tree.name == "t").map(|tree| tree.entries), Some(3));
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn a_strangers_wal_is_told_from_a_damaged_file() {
    let ddl = "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a, b); CREATE INDEX i ON t(a);
        WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < 500) INSERT INTO t SELECT x, x*x FROM n;";
    let (folder, file) = database(ddl);
    // The file of one moment beside the log of a later one: the log holds only the pages that the later moment changed.
    let sql = Connection::open(&file).unwrap();
    sql.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); UPDATE t SET a = a + 1000 WHERE a % 3 = 0;").unwrap();
    let restored = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("x.db-wal"), restored.path().join("r.db-wal")).unwrap();
    let other = Connection::open(restored.path().join("o.db")).unwrap();
    other.execute_batch(&ddl.replace("PRAGMA journal_mode=WAL;", "").replace("x < 500", "x < 900")).unwrap();
    drop(other);
    std::fs::rename(restored.path().join("o.db"), restored.path().join("r.db")).unwrap();
    let proof = Prover::new(restored.path().join("r.db")).run(&mut |_| ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Fail);
    assert_eq!(proof.findings[0].code.word(), "foreign-wal");
}

#[test]
fn a_pinned_wal_that_grows_too_much_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("live.db");
    prepare(&file, 20_000).unwrap();
    let writer = Player::start(program(), "writer", &file).unwrap();
    // Slowly enough that the writer is sure to write more than nothing meanwhile.
    let options = Options { max_wal_growth: 0, max_rate: Some(2 << 20), threads: 1, ..Options::default() };
    let outcome = Prover::new(&file).options(options).run(&mut |_| ());
    writer.end().unwrap();
    assert_eq!(outcome.map_err(|error| error.kind).map(|proof| proof.verdict), Err(ProveErrorKind::WalGrew));
}
