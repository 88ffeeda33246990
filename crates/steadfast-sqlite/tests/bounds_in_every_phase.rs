//! The bounds of a run hold in every phase, also where SQLite evaluates what the pass cannot judge by itself.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use steadfast_sqlite::{Event, Options, Proof, ProveError, ProveErrorKind, Prover, Stage, Verdict};

/// An index over an expression, whose entries SQLite looks up one by one.
const EVALUATED: &str = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000)
    INSERT INTO t SELECT x, printf('%060d', x * 7919 % 20011) FROM n;
    CREATE INDEX e ON t(substr(b, 20));";

struct Database {
    folder: tempfile::TempDir,
}

impl Database {
    fn new(before: &str) -> Database {
        let database = Database { folder: tempfile::tempdir().unwrap() };
        Connection::open(database.path()).unwrap().execute_batch(&format!("{before}{EVALUATED}")).unwrap();
        database
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("x.db")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A run in which something happens as soon as SQLite begins to evaluate.
fn run(path: &Path, options: Options, mut meanwhile: impl FnMut()) -> Result<Proof, ProveError> {
    let mut has_begun = false;
    Prover::new(path).options(options).run(&mut |event: Event| {
        if event.stage == Stage::ThroughSqlite && !has_begun {
            has_begun = true;
            meanwhile();
        }
    })
}

#[test]
fn a_log_that_grows_while_sqlite_evaluates_ends_the_run() {
    let database = Database::new("PRAGMA journal_mode=WAL;");
    let writer = Connection::open(database.path()).unwrap();
    writer.execute_batch("PRAGMA wal_autocheckpoint=0; CREATE TABLE log(a); INSERT INTO log VALUES ('x')").unwrap();
    let grow = || writer.execute_batch("INSERT INTO log VALUES (zeroblob(1000000))").unwrap();
    let bounded = Options { max_wal_growth: 100_000, ..Options::default() };
    assert_eq!(run(&database.path(), bounded, grow).unwrap_err().kind, ProveErrorKind::WalGrew);
    let proof = run(&database.path(), Options::default(), grow).unwrap();
    assert_eq!(proof.verdict, Verdict::Pass, "{proof:?}");
}

#[test]
fn a_lock_is_let_go_in_time_while_sqlite_evaluates() {
    let database = Database::new("");
    let (begin, begun) = mpsc::channel();
    let path = database.path();
    let writer = std::thread::spawn(move || {
        let sql = Connection::open(path).unwrap();
        sql.busy_timeout(Duration::from_secs(60)).unwrap();
        begun.recv().unwrap();
        sql.execute_batch("INSERT INTO t VALUES (-1, 'meanwhile')").unwrap();
    });
    // What SQLite reads takes a second or more at this rate; were the lock held to the end, nothing would have changed.
    let options =
        Options { lock_for: Some(Duration::from_millis(1)), max_rate: Some(2 << 20), threads: 1, ..Options::default() };
    let mut sent = false;
    let error = Prover::new(database.path())
        .options(options)
        .run(&mut |event: Event| {
            if event.stage == Stage::ThroughSqlite && !sent {
                sent = true;
                begin.send(()).unwrap();
            }
        })
        .unwrap_err();
    assert_eq!(error.kind, ProveErrorKind::Changed, "{error}");
    writer.join().unwrap();
}

#[test]
fn a_lock_that_somebody_holds_for_a_moment_is_waited_for() {
    let database = Database::new("");
    let writer = Connection::open(database.path()).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE; INSERT INTO t VALUES (-1, 'x')").unwrap();
    let refused = Prover::new(database.path()).run(&mut |_: Event| ()).unwrap_err();
    assert_eq!(refused.kind, ProveErrorKind::Locked);
    let patient = Options { lock_for: Some(Duration::from_secs(60)), ..Options::default() };
    let path = database.path();
    let waiting = std::thread::spawn(move || Prover::new(path).options(patient).run(&mut |_: Event| ()));
    // It waits for five seconds; the transaction is over well before.
    std::thread::park_timeout(Duration::from_millis(300));
    assert!(!waiting.is_finished());
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.join().unwrap().unwrap().verdict, Verdict::Pass);
}

#[test]
fn a_run_that_is_stopped_while_sqlite_evaluates_goes_on_there() {
    let database = Database::new("");
    let options = || Options {
        resume: Some(database.beside("state")),
        manifest_out: Some(database.beside("m")),
        ..Options::default()
    };
    let whole = run(&database.path(), options(), || ()).unwrap();
    assert!(!database.beside("state").exists());
    let stopped = options();
    let cancel = stopped.cancel.clone();
    let proof = run(&database.path(), stopped, || cancel.cancel()).unwrap();
    let stop = proof.stopped.unwrap();
    assert_eq!((proof.verdict, stop.resumable, stop.pages_done), (Verdict::Unknown, true, proof.pages));
    assert_eq!(proof.manifest_root, None);
    let rest = run(&database.path(), options(), || ()).unwrap();
    assert_eq!((rest.verdict, &rest.manifest_root), (Verdict::Pass, &whole.manifest_root));
    assert_eq!((rest.rows(), rest.trees), (whole.rows(), whole.trees));
    assert!(!database.beside("state").exists() && !database.beside("m.unfinished").exists());
    // The pass itself is not run a second time.
    let size = u64::from(whole.pages) * u64::from(whole.page_size);
    assert!(rest.bytes_read < whole.bytes_read - size / 2, "{} of {}", rest.bytes_read, whole.bytes_read);
}

#[test]
fn a_state_of_other_flags_is_told_as_that() {
    let database = Database::new("");
    let stopped = Options { resume: Some(database.beside("state")), ..Options::default() };
    let cancel = stopped.cancel.clone();
    run(&database.path(), stopped, || cancel.cancel()).unwrap();
    let other = Options { resume: Some(database.beside("state")), table: Some("t".into()), ..Options::default() };
    let error = run(&database.path(), other, || ()).unwrap_err();
    assert_eq!(error.kind, ProveErrorKind::State);
    assert!(error.seen.contains("a run with other flags: table all"), "{error}");
    // And a place that is not there is noticed before anything is read.
    let nowhere = Options { resume: Some(database.beside("no/such/state")), ..Options::default() };
    let error = run(&database.path(), nowhere, || panic!("it was noticed too late")).unwrap_err();
    assert!(error.seen.contains("cannot keep the state there"), "{error}");
}

#[test]
fn a_rate_is_kept_to_while_sqlite_evaluates_and_pages_are_not_read_over_and_over() {
    let database = Database::new("");
    let rate = 3 << 20;
    let proof = run(&database.path(), Options { max_rate: Some(rate), ..Options::default() }, || ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Pass);
    let size = u64::from(proof.pages) * u64::from(proof.page_size);
    assert!(proof.bytes_read > size + size / 4, "SQLite must have read: {} of {size}", proof.bytes_read);
    assert!(proof.bytes_read < 3 * size, "{} of {size}", proof.bytes_read);
    let least = proof.bytes_read as f64 / rate as f64;
    assert!(proof.seconds > least * 0.95, "{} bytes in {} s", proof.bytes_read, proof.seconds);
}

#[test]
fn a_page_that_sqlite_did_not_get_because_the_run_ended_is_no_fault() {
    let database = Database { folder: tempfile::tempdir().unwrap() };
    // One long chain, which takes a second to read, and a row that is judged without it.
    Connection::open(database.path())
        .unwrap()
        .execute_batch("CREATE TABLE t(a CHECK (a > 0), b); INSERT INTO t VALUES (1, zeroblob(8000000))")
        .unwrap();
    let options = Options { max_rate: Some(8 << 20), threads: 1, ..Options::default() };
    let cancel = options.cancel.clone();
    let proof = run(&database.path(), options, || {
        let cancel = cancel.clone();
        std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(300));
            cancel.cancel();
        });
    })
    .unwrap();
    assert_eq!((proof.verdict, proof.findings), (Verdict::Unknown, vec![]));
    assert!(proof.stopped.is_some());
}

#[test]
fn a_rate_is_kept_to_on_both_sides_of_a_comparison() {
    let database = Database::new("");
    let other = database.beside("other.db");
    std::fs::copy(database.path(), &other).unwrap();
    let rate = 3 << 20;
    let options = Options { max_rate: Some(rate), against: Some(other), structure_only: true, ..Options::default() };
    let proof = run(&database.path(), options, || ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Pass);
    assert!(proof.bytes_read > 2 * u64::from(proof.pages - 1) * u64::from(proof.page_size));
    let least = proof.bytes_read as f64 / rate as f64;
    assert!(proof.seconds > least * 0.9, "{} bytes in {} s", proof.bytes_read, proof.seconds);
}

/// Rows of which SQLite judges each with one call of a function that lasts, and asks nobody meanwhile.
const STUBBORN: &str = "CREATE TABLE t(a CHECK (a < 0 OR length(hex(zeroblob(a))) > 0)); CREATE TABLE w(a);
    PRAGMA ignore_check_constraints=ON;
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 80) INSERT INTO t SELECT 20000000 FROM n;";

fn stubborn(before: &str) -> Database {
    let database = Database { folder: tempfile::tempdir().unwrap() };
    Connection::open(database.path()).unwrap().execute_batch(&format!("{before}{STUBBORN}")).unwrap();
    database
}

#[test]
fn a_read_mark_is_given_up_although_sqlite_is_busy_with_one_function() {
    let database = stubborn("PRAGMA journal_mode=WAL;");
    let sql = Connection::open(database.path()).unwrap();
    sql.execute_batch("PRAGMA wal_autocheckpoint=0; INSERT INTO w VALUES(1)").unwrap();
    let (path, mut checkpoint) = (database.path(), None);
    let error = run(&path, Options { max_wal_growth: 100_000, ..Options::default() }, || {
        let path = path.clone();
        checkpoint = Some(std::thread::spawn(move || {
            let sql = Connection::open(path).unwrap();
            // By then the function runs.
            std::thread::park_timeout(Duration::from_millis(300));
            sql.execute_batch("INSERT INTO w VALUES(zeroblob(500000))").unwrap();
            sql.busy_timeout(Duration::from_millis(1500)).unwrap();
            sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap()
        }));
    })
    .unwrap_err();
    assert_eq!(error.kind, ProveErrorKind::WalGrew, "{error}");
    assert_eq!(checkpoint.unwrap().join().unwrap(), 0, "the log was held on");
}

#[test]
fn a_lock_is_let_go_in_time_although_sqlite_is_busy_with_one_function() {
    let database = stubborn("");
    let (path, mut writer) = (database.path(), None);
    let options = Options { lock_for: Some(Duration::from_millis(200)), ..Options::default() };
    let cancel = options.cancel.clone();
    let error = run(&path, options, || {
        let (path, cancel) = (path.clone(), cancel.clone());
        writer = Some(std::thread::spawn(move || {
            let sql = Connection::open(path).unwrap();
            sql.busy_timeout(Duration::from_millis(1500)).unwrap();
            let written = sql.execute_batch("INSERT INTO w VALUES(1)").is_ok();
            cancel.cancel();
            written
        }));
    })
    .unwrap_err();
    assert!(writer.unwrap().join().unwrap(), "the lock was held on");
    assert_eq!(error.kind, ProveErrorKind::Changed);
    assert!(error.seen.contains("the time of the lock that was asked for was over before"), "{error}");
}

#[test]
fn a_lock_whose_time_was_over_is_told_where_nobody_wrote() {
    let database = Database::new("");
    let options = Options { lock_for: Some(Duration::from_millis(1)), max_rate: Some(8 << 20), ..Options::default() };
    let proof = run(&database.path(), options, || ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Pass);
    assert_eq!(proof.notes, ["the time of the lock was over before the end; the file has not changed since"]);
}
