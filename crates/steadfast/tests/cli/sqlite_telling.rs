//! What `sqlite` tells of faults: what is lost and what mends it, with names that come from outside.

use rusqlite::Connection;
use scenarios::steadfast::{Ran, Workplace};

/// A database made by `ddl`, then changed by `behind` with every guard of SQLite off.
fn spoilt(ddl: &str, behind: &str) -> Workplace {
    let folder = Workplace::new();
    let path = folder.path().join("a.db");
    Connection::open(&path).unwrap().execute_batch(ddl).unwrap();
    let guards_off = "PRAGMA writable_schema=ON; PRAGMA ignore_check_constraints=ON;";
    Connection::open(&path).unwrap().execute_batch(&format!("{guards_off}{behind}")).unwrap();
    folder
}

/// What is lost and what mends it, for the one tree that has faults.
#[track_caller]
fn check(folder: &Workplace, lost: &str, repair: &str) {
    let ran = folder.run(&["sqlite", "verify", "a.db"]);
    ran.exits(1);
    let said = ran.said().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(said.matches(" lost ").count(), 1, "{said}");
    assert!(said.contains(&format!("lost {lost}")) && said.contains(&format!("repair {repair}")), "{said}");
}

#[test]
fn rows_that_break_a_check_are_not_a_damaged_file() {
    let folder = spoilt("CREATE TABLE t(a CHECK (a > 0))", "INSERT INTO t VALUES(-1)");
    check(&folder, "nothing is unreadable: these rows break a rule", "correct or delete the rows named");
}

#[test]
fn an_index_over_expressions_that_lacks_a_row_is_built_again() {
    let folder = spoilt(
        "CREATE TABLE t(a TEXT); INSERT INTO t VALUES('A'), ('B'); CREATE INDEX \"e\"\"x\" ON t(lower(a))",
        "UPDATE sqlite_schema SET sql = replace(sql, 'lower', 'upper') WHERE type = 'index'",
    );
    check(&folder, "nothing: the rows are whole", "REINDEX \"e\"\"x\"");
}

#[test]
fn rows_that_share_a_unique_key_are_told_before_a_reindex_that_would_refuse() {
    let folder = spoilt(
        "CREATE TABLE t(a); CREATE INDEX i ON t(a); INSERT INTO t VALUES(7), (7)",
        "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX i ON t(a)' WHERE name = 'i'",
    );
    check(&folder, "nothing is unreadable: rows share a key", "delete or correct all but one");
}

#[test]
fn pages_that_are_not_those_of_another_moment_are_not_called_lost() {
    let folder = spoilt("CREATE TABLE t(a); INSERT INTO t VALUES(1)", "");
    folder.run(&["sqlite", "verify", "a.db", "--manifest-out", "m"]).exits(0);
    Connection::open(folder.path().join("a.db")).unwrap().execute_batch("UPDATE t SET a = 2").unwrap();
    let ran = folder.run(&["sqlite", "verify", "a.db", "--against", "m"]);
    ran.exits(1).tells("these pages are sound, and not those it was compared with").never_says(".recover");
    ran.never_says("REINDEX");
}

/// One command over every `*.db`, whatever the names are.
fn over_all(folder: &Workplace, verb: &str) -> Ran {
    folder.start_through("bash", &["-c", r#""$0" "$@" *.db"#], &["sqlite", verb]).wait()
}

#[test]
fn a_name_of_any_bytes_is_read_and_commands_no_terminal() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Workplace::new();
    let names = [&b"\x1b[2Jone\ntwo.db"[..], b"caf\xe9.db", b"it's a copy.db", b"sound.db"];
    for (number, name) in names.iter().enumerate() {
        let path = folder.path().join(std::ffi::OsStr::from_bytes(name));
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t(a INTEGER NOT NULL); INSERT INTO t VALUES(1)")
            .unwrap();
        if number < 3 {
            // A serial type that does not exist.
            let bytes = std::fs::read(&path).unwrap();
            let at = bytes.len() - 2;
            std::fs::write(&path, [&bytes[..at], &[2, 10]].concat()).unwrap();
        }
    }
    let ran = over_all(&folder, "verify");
    ran.exits(1).tells("proven sound.db").tells(r#"sqlite3 $'caf\xe9.db' .recover"#).tells(r#"'it'"'"'s a copy.db'"#);
    assert!(ran.said().chars().all(|c| c == '\n' || !c.is_control()), "{:?}", ran.said());
    assert_eq!(ran.said().matches("faults  ").count(), 3, "{}", ran.said());
}

#[test]
fn a_stamp_that_could_not_be_renewed_is_the_one_it_was() {
    let folder = spoilt("CREATE TABLE t(a INTEGER NOT NULL); INSERT INTO t VALUES(1)", "");
    let stamp = ["sqlite", "stamp", "a.db", "--stamp", "s"];
    folder.run(&stamp).exits(0);
    let kept = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let before = (kept("s"), kept("s.manifest"));
    let sound = kept("a.db");
    let mut faulty = sound.clone();
    let end = faulty.len();
    faulty[end - 2..].copy_from_slice(&[2, 0]);
    folder.write("a.db", &faulty);
    folder.run(&stamp).exits(1);
    assert_eq!((kept("s"), kept("s.manifest")), before);
    // Nor is a proof kept of what could not be saved.
    folder.write("a.db", &sound);
    let nowhere = folder.run(&["sqlite", "stamp", "a.db", "--stamp", "a.db", "--json"]);
    assert_eq!(nowhere.exits(3).json()["error"]["kind"], "taken");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    folder.run(&stamp).exits(0);
}

#[test]
fn a_stamp_is_held_to_its_manifest_and_a_sample_of_nothing_is_no_sample() {
    let folder = spoilt("CREATE TABLE t(a); INSERT INTO t VALUES(1)", "");
    folder.run(&["sqlite", "stamp", "a.db", "--stamp", "s"]).exits(0);
    let check = |more: &[&str]| folder.run(&[&["sqlite", "check-stamp", "a.db", "--stamp", "s"], more].concat());
    check(&["--sample", "0"]).exits(2).tells("--sample");
    // All pages of it were read: nothing can have been missed.
    let all = check(&["--json"]);
    assert_eq!(all.exits(0).json()["risk_if_one_page_changed"], 0.0);
    let stamp = std::fs::read_to_string(folder.path().join("s")).unwrap();
    for (was, is) in [("\"pages\": 2", "\"pages\": 0"), ("\"page_size\": 4096", "\"page_size\": 0")] {
        assert!(stamp.contains(was), "{stamp}");
        folder.write("s", stamp.replace(was, is));
        check(&[]).exits(3).tells("the stamp contradicts its manifest");
    }
}

#[test]
fn numbers_of_a_part_of_the_file_are_not_shown_as_those_of_the_whole() {
    let folder = spoilt(
        "CREATE TABLE t(a); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 90000)
         INSERT INTO t SELECT printf('%0100d', x) FROM n",
        "",
    );
    let slowly = ["sqlite", "info", "a.db", "--threads", "1", "--max-rate", "2MiB", "--deadline", "1s"];
    folder.run(&slowly).exits(3).tells("stopped its deadline passed");
}
