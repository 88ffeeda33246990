//! The kind `sqlite` on real SQLite files.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use steadfast_checks::kinds::kind_named;
use steadfast_core::verdict::Verdict;
use steadfast_sqlite::{Options, Prover, Stamp};

use crate::scene::{Scene, read, try_read};

const PROVEN: &str = "file = 'app.db'\nexpect.level = 'proven'\n";
const STAMPED: &str = "file = 'app.db'\nby = 'stamp'\nstamp = 'app.stamp'\n";

#[track_caller]
fn check(scene: &Scene, table: &str, expected: &str) {
    assert_eq!(scene.said("sqlite", table), expected, "{table}\n{:?}", scene.verdict("sqlite", table));
}

fn file(scene: &Scene) -> PathBuf {
    scene.root().join("app.db")
}

fn sql(scene: &Scene, statements: &str) {
    Connection::open(file(scene)).unwrap().execute_batch(statements).unwrap();
}

/// 3,000 rows with an index over keys such as `key00300`.
fn app() -> Scene {
    let scene = Scene::new();
    sql(
        &scene,
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT NOT NULL); CREATE INDEX by_name ON t(name);
         WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < 3000)
         INSERT INTO t SELECT x, printf('key%05d', x) FROM n;",
    );
    scene
}

/// Puts other bytes in the place of the last that are found in the file: those of the index, which was built last.
fn replace_last(path: &Path, from: &[u8], to: &[u8]) {
    let bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(from.len()).rposition(|window| window == from).unwrap();
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(to, at as u64).unwrap();
}

/// Proves the file and leaves a stamp, as `steadfast sqlite stamp` does.
fn stamp(scene: &Scene, change: impl FnOnce(&mut Stamp)) {
    let manifest = scene.root().join("app.stamp.manifest");
    let options = Options { manifest_out: Some(manifest.clone()), ..Options::default() };
    let proof = Prover::new(file(scene)).options(options).run(&mut |_| ()).unwrap();
    let mut stamp = Stamp::of(&proof, &manifest).unwrap();
    change(&mut stamp);
    stamp.save(&scene.root().join("app.stamp")).unwrap();
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_sound_database_is_proven_and_nothing_is_left_beside_it() {
    let scene = app();
    let before = std::fs::read(file(&scene)).unwrap();
    check(
        &scene,
        &format!(
            "{PROVEN}expect.tables = 1\nexpect.rows = {{ at_least = 3000 }}\nexpect.free_space = {{ at_least = 1 }}"
        ),
        "pass",
    );
    check(&scene, "file = 'app.db'\nby = 'structure'\nexpect.level = 'structure'\nexpect.rows = 3000", "pass");
    assert_eq!(std::fs::read(file(&scene)).unwrap(), before);
    assert_eq!(names_in(scene.root()), ["app.db"]);
}

#[test]
fn an_index_key_changed_so_that_the_order_holds_is_seen_and_its_row_named() {
    let scene = app();
    replace_last(&file(&scene), b"key00300", b"key0030/");
    let quick: String =
        Connection::open(file(&scene)).unwrap().query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
    assert_eq!(quick, "ok", "the fault is one that quick_check misses");
    check(&scene, PROVEN, "fail database-faulty");
    let verdict = scene.verdict("sqlite", PROVEN);
    assert!(verdict.findings()[0].detail.contains("by_name: row 300"), "{verdict:?}");
    // Structure alone does not see it; and faults that were found count whatever is expected.
    check(&scene, "file = 'app.db'\nby = 'structure'\nexpect.level = 'structure'", "pass");
    check(&scene, "file = 'app.db'\nexpect.free_space = { at_least = 1 }", "fail database-faulty");
    check(&scene, "file = 'app.db'\nexpect.rows = 3000", "fail database-faulty");
}

#[test]
fn a_new_and_empty_database_is_sound_and_holds_too_little() {
    let scene = Scene::new();
    sql(&scene, "PRAGMA user_version = 1");
    check(&scene, PROVEN, "pass");
    check(&scene, &format!("{PROVEN}expect.tables = {{ at_least = 1 }}"), "fail out-of-bounds");
    check(&scene, &format!("{PROVEN}expect.rows = {{ at_least = 1 }}"), "fail out-of-bounds");
}

#[test]
fn what_is_no_database_fails_by_name() {
    let scene = Scene::new();
    check(&scene, PROVEN, "fail file-missing");
    scene.write("app.db", "");
    check(&scene, PROVEN, "fail empty");
    scene.write("app.db", "hello, this is a text and no database");
    check(&scene, PROVEN, "fail not-a-database");
    check(&scene, "file = '.'\nexpect.level = 'proven'", "fail not-a-database");
    let fifo = scene.root().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    check(&scene, "file = 'fifo'\nexpect.level = 'proven'", "fail not-a-database");
}

#[test]
fn a_truncated_database_is_faulty() {
    let scene = app();
    let size = std::fs::metadata(file(&scene)).unwrap().len();
    OpenOptions::new().write(true).open(file(&scene)).unwrap().set_len(size - 100).unwrap();
    check(&scene, PROVEN, "fail database-faulty");
}

#[test]
fn a_locked_database_cannot_be_told() {
    let mut scene = app();
    scene.timeout = Some(Duration::from_secs(5));
    // Another process: this one's own locks would not be in its way.
    let mut holder = std::process::Command::new("sqlite3")
        .arg(file(&scene))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = holder.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"BEGIN EXCLUSIVE; DELETE FROM t WHERE id = 7; SELECT 'held';\n").unwrap();
    let mut said = [0; 5];
    std::io::Read::read_exact(&mut holder.stdout.take().unwrap(), &mut said).unwrap();
    let verdict = scene.verdict("sqlite", PROVEN);
    drop(input);
    holder.wait().unwrap();
    assert_eq!(verdict.word(), "unknown", "{verdict:?}");
    let code = &*verdict.findings()[0].code;
    assert!(matches!(code, "database-busy" | "hot-journal" | "changed-while-read"), "{code}");
    check(&scene, PROVEN, "pass");
}

#[test]
fn a_database_that_grows_while_it_is_read_cannot_be_told() {
    let scene = app();
    let path = file(&scene);
    // A slow pass, and somebody who writes in the meantime: from another process, as the application would be.
    let slow = "file = 'app.db'\nmax_rate = '100kB'\nexpect.level = 'proven'";
    let check = read("sqlite", slow);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let verdict = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let grow = "INSERT INTO t(name) SELECT name FROM t LIMIT 500;";
                assert!(std::process::Command::new("sqlite3").arg(&path).arg(grow).status().unwrap().success());
            }
        });
        let verdict = check.judge(&scene.look(&*check));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        verdict
    });
    assert_eq!(verdict.word(), "unknown", "{verdict:?}");
    // The look may also begin in the middle of a commit.
    let code = &*verdict.findings()[0].code;
    assert!(matches!(code, "changed-while-read" | "database-busy" | "hot-journal"), "{code}");
}

#[test]
fn a_pass_that_runs_out_of_time_says_how_far_it_got() {
    let mut scene = app();
    scene.timeout = Some(Duration::from_millis(1500));
    let slow = "file = 'app.db'\nmax_rate = '20kB'\nexpect.level = 'proven'\nexpect.rows = { at_least = 1 }";
    let began = Instant::now();
    let verdict = scene.verdict("sqlite", slow);
    assert_eq!(verdict.word(), "unknown", "{verdict:?}");
    for finding in verdict.findings() {
        assert_eq!(finding.code, "not-proven");
        assert!(finding.detail.contains("deadline passed after"), "{}", finding.detail);
    }
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_lock_that_this_process_holds_outlives_the_look() {
    let scene = app();
    let host = Connection::open(file(&scene)).unwrap();
    host.execute_batch("BEGIN IMMEDIATE; UPDATE t SET name = 'mine' WHERE id = 1").unwrap();
    let _ = scene.verdict("sqlite", PROVEN);
    let other = std::process::Command::new("sqlite3")
        .arg(file(&scene))
        .arg("UPDATE t SET name = 'theirs' WHERE id = 2")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&other.stderr).contains("locked"), "another process wrote into our transaction");
    host.execute_batch("COMMIT").unwrap();
    drop(host);
    check(&scene, PROVEN, "pass");
}

#[test]
fn files_that_were_replaced_do_not_keep_their_space() {
    let scene = app();
    check(&scene, PROVEN, "pass");
    let before = steadfast_sqlite::kept_descriptors();
    for _ in 0..5 {
        std::fs::copy(file(&scene), scene.root().join("new.db")).unwrap();
        std::fs::rename(scene.root().join("new.db"), file(&scene)).unwrap();
        check(&scene, PROVEN, "pass");
    }
    // Other tests of this process keep descriptors, too; five more of one path would be ours.
    let deleted = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.starts_with(scene.root()) && target.to_string_lossy().contains("(deleted)"))
        .count();
    assert_eq!(deleted, 0, "{before} descriptors were kept before");
}

#[test]
fn a_stamp_answers_for_the_file_that_was_proven() {
    let scene = app();
    check(&scene, &format!("{STAMPED}expect.level = 'proven'"), "unknown not-proven");
    check(&scene, &format!("{STAMPED}expect.max_age_of_proof = '7d'"), "unknown not-proven");
    stamp(&scene, |_| ());
    let all = format!(
        "{STAMPED}sample = 4\nexpect.level = 'proven'\nexpect.max_age_of_proof = '7d'\nexpect.rows = 3000\nexpect.tables = 1"
    );
    check(&scene, &all, "pass");
    // Written to: nothing is known of what it holds now, and the proof is as old as it was.
    sql(&scene, "DELETE FROM t WHERE id = 3000");
    check(&scene, &format!("{STAMPED}expect.level = 'proven'"), "unknown changed-since-proof");
    check(&scene, &format!("{STAMPED}expect.rows = 3000"), "unknown changed-since-proof");
    check(&scene, &format!("{STAMPED}expect.max_age_of_proof = '7d'"), "pass");
}

#[test]
fn a_timer_that_fails_cannot_fail_unnoticed() {
    let scene = app();
    let table = format!("{STAMPED}expect.max_age_of_proof = '7d'");
    stamp(&scene, |stamp| stamp.proven_at -= 8 * 86_400);
    check(&scene, &table, "fail too-old");
    stamp(&scene, |stamp| stamp.proven_at += 86_400);
    check(&scene, &table, "fail in-the-future");
}

#[test]
fn a_proof_of_the_structure_is_no_proof_of_the_rows() {
    let scene = app();
    stamp(&scene, |stamp| stamp.level = steadfast_sqlite::Level::Structure);
    check(&scene, &format!("{STAMPED}expect.level = 'proven'"), "unknown not-proven");
    check(&scene, &format!("{STAMPED}expect.level = 'structure'"), "pass");
}

#[test]
fn a_file_that_was_replaced_has_no_proof() {
    let scene = app();
    let table = format!("{STAMPED}expect.max_age_of_proof = '7d'");
    let older = scene.root().join("older.db");
    std::fs::copy(file(&scene), &older).unwrap();
    sql(&scene, "DELETE FROM t WHERE id = 3000");
    stamp(&scene, |_| ());
    check(&scene, &table, "pass");
    // Written over in place: the same inode, and a change counter that went back.
    std::fs::copy(&older, file(&scene)).unwrap();
    check(&scene, &table, "unknown proof-of-another-file");
    // Another inode.
    stamp(&scene, |_| ());
    std::fs::rename(&older, file(&scene)).unwrap();
    check(&scene, &table, "unknown proof-of-another-file");
    check(&scene, &format!("{STAMPED}expect.level = 'proven'"), "unknown proof-of-another-file");
    // A copy of what was proven is as good as that, for those who ask for it.
    let copy = format!("{STAMPED}ignore_times = true\nexpect.level = 'proven'\nexpect.max_age_of_proof = '7d'");
    check(&scene, &copy, "pass");
    scene.write("app.db", "");
    check(&scene, &table, "fail empty");
    std::fs::remove_file(file(&scene)).unwrap();
    check(&scene, &table, "fail file-missing");
}

#[test]
fn a_page_that_changed_without_a_trace_is_seen_by_the_sample() {
    let scene = app();
    stamp(&scene, |_| ());
    replace_last(&file(&scene), b"key00300", b"key00301");
    let table = format!("{STAMPED}sample = 100000\nignore_times = true\n");
    check(&scene, &format!("{table}expect.level = 'proven'"), "fail database-faulty");
    check(&scene, &format!("{table}expect.max_age_of_proof = '7d'"), "fail database-faulty");
}

#[test]
fn a_stamp_whose_manifest_is_gone_proves_nothing() {
    let scene = app();
    stamp(&scene, |_| ());
    std::fs::remove_file(scene.root().join("app.stamp.manifest")).unwrap();
    check(&scene, &format!("{STAMPED}expect.level = 'proven'"), "unknown not-proven");
    scene.write("app.stamp", "{}");
    check(&scene, &format!("{STAMPED}expect.max_age_of_proof = '7d'"), "unknown not-proven");
}

#[test]
fn a_closed_world_proves_nothing_outside_of_it() {
    let mut scene = app();
    scene.routes = scene.routes.closed();
    check(&scene, PROVEN, "unknown not-in-this-world");
}

#[test]
fn combinations_that_cannot_be_meant_are_refused() {
    for (table, what) in [
        ("file = 'a'\nby = 'stamp'\nexpect.level = 'proven'", "no stamp"),
        ("file = 'a'\nstamp = 's'\nexpect.level = 'proven'", "`stamp` with `by = \"proof\"`"),
        ("file = 'a'\nsample = 3\nexpect.level = 'proven'", "`sample` with `by = \"proof\"`"),
        ("file = 'a'\nignore_times = true\nexpect.level = 'proven'", "`ignore_times` with `by = \"proof\"`"),
        ("file = 'a'\nexpect.max_age_of_proof = '7d'", "`max_age_of_proof` with `by = \"proof\"`"),
        ("file = 'a'\nby = 'structure'\nexpect.level = 'proven'", "`proven` by structure alone"),
        ("file = 'a'\nmax_rate = 0\nexpect.level = 'proven'", "a rate of 0"),
        (
            "file = 'a'\nby = 'stamp'\nstamp = 's'\nmax_rate = '1MiB'\nexpect.level = 'proven'",
            "`max_rate` with `by = \"stamp\"`",
        ),
        ("file = 'a'\nby = 'proofs'\nexpect.level = 'proven'", "unknown word `proofs`"),
    ] {
        let problems = try_read(kind_named("sqlite").unwrap(), table).map(drop).unwrap_err();
        assert!(problems.iter().any(|problem| problem.what.contains(what)), "{table}: {problems:#?}");
    }
}

#[test]
fn an_order_that_only_the_application_knows_is_not_proven_and_the_structure_is() {
    let scene = Scene::new();
    sql(
        &scene,
        "CREATE TABLE t(a TEXT COLLATE nocase); CREATE INDEX i ON t(a); INSERT INTO t VALUES ('a'), ('b');
         PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'nocase', 'mine');",
    );
    let verdict = scene.verdict("sqlite", PROVEN);
    assert!(matches!(verdict, Verdict::Unknown(_)), "{verdict:?}");
    assert!(verdict.findings()[0].detail.contains("mine"), "{verdict:?}");
    check(&scene, "file = 'app.db'\nexpect.level = 'structure'", "pass");
}
