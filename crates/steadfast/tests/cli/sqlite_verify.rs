//! `sqlite verify`, `info`, `stamp` and `check-stamp` on files of every sort, and what they leave alone.

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use scenarios::steadfast::{Ran, Running, Workplace};
use serde_json::{Value, json};

const ROWS: &str = "CREATE TABLE orders(id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX by_name ON orders(name);
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000)
    INSERT INTO orders SELECT x, printf('name %05d', x) FROM n; CREATE TABLE notes(a); INSERT INTO notes VALUES ('x');";

fn folder(statements: &str) -> Workplace {
    let folder = Workplace::new();
    sql(&folder, statements);
    folder
}

fn sql(folder: &Workplace, statements: &str) -> Connection {
    let sql = Connection::open(database(folder)).unwrap();
    sql.execute_batch(statements).unwrap();
    sql
}

fn database(folder: &Workplace) -> PathBuf {
    folder.path().join("a.db")
}

/// Changes the key of one row in the index, so that the keys stay in order or do not.
fn change_a_key(folder: &Workplace, to: &[u8; 10]) {
    let bytes = std::fs::read(database(folder)).unwrap();
    // The entry of row 300: its key, then the rowid in two bytes.
    let entry = b"name 00300\x01\x2c";
    let at = bytes.windows(entry.len()).position(|window| window == entry).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(database(folder)).unwrap();
    file.write_all_at(to, at as u64).unwrap();
}

/// `verify a.db` with further arguments, in both forms; the JSON.
#[track_caller]
fn check(folder: &Workplace, arguments: &[&str], code: i32, says: &str) -> Value {
    let text = folder.run(&[&["sqlite", "verify", "a.db"], arguments].concat());
    text.exits(code).tells(says);
    let json = folder.run(&[&["sqlite", "verify", "a.db", "--json"], arguments].concat());
    json.exits(code);
    json.json()
}

#[test]
fn a_sound_file_is_proven_and_the_report_has_its_fields() {
    let json = check(&folder(ROWS), &[], 0, "holds 2 tables, 1 index, 3,001 rows");
    let expected = json!(["pass", "proven", [], [], null]);
    assert_eq!(json!([json["verdict"], json["level"], json["findings"], json["unproven"], json["wal"]]), expected);
    for number in ["pages", "bytes_read", "bytes_reread", "cpu_seconds", "seconds"] {
        assert!(json[number].is_number(), "{number} in {json:#}");
    }
    let json = check(&folder(ROWS), &["--structure-only"], 0, "structure sound");
    assert_eq!(json["level"], "structure");
    check(&folder("PRAGMA user_version = 1"), &[], 0, "holds 0 tables");
}

#[test]
fn a_changed_key_is_named_with_its_row_and_with_what_mends_it() {
    let folder = folder(ROWS);
    change_a_key(&folder, b"name 0030~");
    let json = check(&folder, &[], 1, "repair REINDEX \"by_name\"");
    assert!(
        json["findings"].as_array().unwrap().iter().any(|one| one["tree"] == "by_name" && one["rowid"] == 300),
        "{json:#}"
    );
    // Only the table that is asked about is looked at.
    check(&folder, &["--table", "notes"], 0, "only notes was looked at");
    check(&folder, &["--table", "ORDERS"], 1, "by_name");
    check(&folder, &["--table", "nowhere"], 3, "no table nowhere");
    // What is not listed may be worse than what is.
    check(&folder, &["--max-findings", "1"], 1, "list all faults first");
    // A key that is in order is no matter of structure, and SQLite's quick_check does not see it either.
    let folder = self::folder(ROWS);
    change_a_key(&folder, b"name 0030+");
    check(&folder, &[], 1, "row 300");
    check(&folder, &["--structure-only"], 0, "structure sound");
    let quick: String = sql(&folder, "").query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
    assert_eq!(quick, "ok");
}

#[test]
fn wrong_flags_are_usage_and_say_what_is_right() {
    let folder = folder(ROWS);
    for (flag, value, says) in [
        ("--threads", "0", "from 1 to 64"),
        ("--threads", "65", "from 1 to 64"),
        ("--max-findings", "0", "from 1 on"),
        ("--max-rate", "fast", "16MiB"),
        ("--max-rate", "0", "more than nothing"),
        ("--max-wal-growth", "much", "16MiB"),
        ("--deadline", "2", "2s"),
        ("--lock-for", "long", ""),
    ] {
        folder.run(&["sqlite", "verify", "a.db", flag, value]).exits(2).tells(says);
    }
    folder.run(&["sqlite", "verify", "a.db", "--restart"]).exits(2).tells("--resume");
    folder.run(&["sqlite", "verify"]).exits(2);
    folder.run(&["sqlite", "verify", "a.db", "a.db", "--resume", "s"]).exits(2).tells("belong to one file");
}

#[test]
fn the_worst_of_several_files_decides() {
    let folder = folder(ROWS);
    std::fs::copy(database(&folder), folder.path().join("b.db")).unwrap();
    folder.write("c.db", "");
    folder.run(&["sqlite", "verify", "a.db", "b.db"]).exits(0);
    folder.run(&["sqlite", "verify", "a.db", "c.db"]).exits(3).tells("empty: SQLite would create a new database here");
    change_a_key(&folder, b"name 0030~");
    folder.run(&["sqlite", "verify", "a.db", "b.db", "c.db"]).exits(1);
}

#[test]
fn a_deadline_keeps_a_state_that_only_its_owner_reads_and_a_resumed_run_finishes() {
    let folder = folder(&ROWS.replace("3000", "90000"));
    let slowly = ["--threads", "1", "--max-rate", "2MiB", "--deadline", "1s", "--resume", "state"];
    let ran = folder.run(&[&["sqlite", "verify", "a.db"], &slowly[..]].concat());
    ran.exits(3).tells("its deadline passed after").tells("--resume state goes on");
    assert!(ran.took < Duration::from_secs(9), "{:?}", ran.took);
    let state = folder.path().join("state");
    assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o600);
    let saved = std::fs::read(&state).unwrap();
    let resumed = folder.run(&["sqlite", "verify", "a.db", "--resume", "state", "--json"]);
    resumed.exits(0);
    let resumed = resumed.json();
    assert!(resumed["bytes_read"].as_u64() < Some(std::fs::metadata(database(&folder)).unwrap().len()), "{resumed:#}");
    assert!(!state.exists());

    sql(&folder, "INSERT INTO notes VALUES ('later')");
    std::fs::write(&state, &saved).unwrap();
    folder.run(&["sqlite", "verify", "a.db", "--resume", "state"]).exits(3).tells("--restart");
    folder.run(&["sqlite", "verify", "a.db", "--resume", "state", "--restart"]).exits(0);
}

#[test]
fn a_rate_is_kept_to() {
    let folder = folder(&ROWS.replace("3000", "60000"));
    let size = std::fs::metadata(database(&folder)).unwrap().len();
    let ran = folder.run(&["sqlite", "verify", "a.db", "--max-rate", "1MiB/s"]);
    ran.exits(0);
    // The last chunk is not waited for.
    assert!(ran.took.as_secs_f64() > (size as f64 - 524_288.0) / 1_048_576.0, "{size} bytes in {:?}", ran.took);
}

#[test]
fn nothing_that_is_written_takes_the_place_of_a_database() {
    let folder = folder(ROWS);
    std::fs::copy(database(&folder), folder.path().join("b.db")).unwrap();
    let before = std::fs::read(database(&folder)).unwrap();
    for arguments in [
        ["verify", "a.db", "--manifest-out", "a.db"],
        ["verify", "a.db", "--manifest-out", "b.db"],
        ["verify", "a.db", "--resume", "b.db"],
        ["stamp", "a.db", "--stamp", "b.db"],
    ] {
        folder
            .run(&[&["sqlite"], &arguments[..]].concat())
            .exits(3)
            .tells("another file is there, which would be lost");
    }
    let over = folder.run(&["sqlite", "verify", "a.db", "--resume", "b.db", "--restart", "--deadline", "1s"]);
    over.exits(3).tells("name another file").never_says("delete");
    assert_eq!(
        (std::fs::read(database(&folder)).unwrap(), std::fs::read(folder.path().join("b.db")).unwrap()),
        (before.clone(), before)
    );
}

#[test]
fn a_manifest_that_was_not_finished_leaves_nothing_behind() {
    let folder = folder(&ROWS.replace("3000", "90000"));
    let slowly =
        ["sqlite", "verify", "a.db", "--threads", "1", "--max-rate", "2MiB", "--deadline", "1s", "--manifest-out", "m"];
    folder.run(&slowly).exits(3);
    assert_eq!(names(&folder), ["a.db"]);
    folder.run(&[&slowly[..], &["--resume", "state"]].concat()).exits(3);
    assert_eq!(names(&folder), ["a.db", "m.unfinished", "state"]);
    folder.run(&["sqlite", "verify", "a.db", "--manifest-out", "m", "--resume", "state"]).exits(0);
    assert_eq!(names(&folder), ["a.db", "m"]);
    folder.run(&["sqlite", "diff", "a.db", "m"]).exits(0);
}

fn names(folder: &Workplace) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_lock_that_is_asked_for_keeps_writers_out_for_its_time_and_no_longer() {
    let folder = folder(&ROWS.replace("3000", "60000"));
    // About two seconds of reading: a lock for all of it, and one that ends before it does.
    let slowly = ["sqlite", "verify", "a.db", "--threads", "1", "--max-rate", "1500kB"];
    let writer = Connection::open(database(&folder)).unwrap();
    writer.busy_timeout(Duration::ZERO).unwrap();
    // Tries to write until it may, or until the prover is over; how often it was refused.
    let insert = |running: &mut Running| {
        let mut refused = 0;
        while !running.is_over() && writer.execute("INSERT INTO notes VALUES ('meanwhile')", []).is_err() {
            refused += 1;
            std::thread::park_timeout(Duration::from_millis(5));
        }
        refused
    };
    let mut held = folder.start(&[&slowly[..], &["--lock-for", "1m"]].concat());
    wait_for_the_lock(&folder, &mut held);
    assert!(insert(&mut held) > 50, "the writer must wait for nearly as long as the file is read");
    held.wait().exits(0).tells("proven");
    let mut let_go = folder.start(&[&slowly[..], &["--lock-for", "200ms"]].concat());
    wait_for_the_lock(&folder, &mut let_go);
    insert(&mut let_go);
    let_go.wait().exits(3).tells("it changed while it was read").tells("--lock-for 5s");
}

/// Until the prover holds its shared lock: then nobody gets an exclusive one.
fn wait_for_the_lock(folder: &Workplace, running: &mut Running) {
    let asks = Connection::open(database(folder)).unwrap();
    asks.busy_timeout(Duration::ZERO).unwrap();
    while asks.execute_batch("BEGIN EXCLUSIVE; ROLLBACK").is_ok() {
        assert!(!running.is_over(), "it ended without ever holding a lock: {}", running.said());
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

#[test]
fn a_log_that_changes_while_nobody_holds_it_is_told() {
    let folder = folder(ROWS);
    // A copy of a database and its log, as after a crash; then somebody writes to the log's file while it is read.
    let live =
        sql(&folder, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; UPDATE orders SET name = name || '!'");
    let copy = Workplace::new();
    for name in ["a.db", "a.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(live);
    let running = copy.start(&["sqlite", "verify", "a.db", "--threads", "1", "--max-rate", "100kB"]);
    // It has begun when it has read as much as the log has: what it compares with was noted before.
    let log = copy.path().join("a.db-wal");
    let length = std::fs::metadata(&log).unwrap().len();
    while !has_been_read_by_a_child(running.id(), length) {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().set_len(4096 * 400).unwrap();
    running.wait().exits(3).tells("its WAL changed while it was read");
}

/// Whether the process that was started by `parent` has a file open.
fn has_been_read_by_a_child(parent: u32, bytes: u64) -> bool {
    let Ok(children) = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")) else { return false };
    let mut accounts =
        children.split_whitespace().filter_map(|child| std::fs::read_to_string(format!("/proc/{child}/io")).ok());
    accounts.any(|account| {
        let read = account.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse::<u64>().ok());
        read.is_some_and(|read| read >= bytes)
    })
}

#[test]
fn a_file_system_that_cannot_be_written_to_is_no_obstacle() {
    let folder = folder(ROWS);
    let live = sql(&folder, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; UPDATE notes SET a = 'y'");
    let copy = Workplace::new();
    for name in ["a.db", "a.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(live);
    // A bind mount of the folder, read-only, in a mount namespace of its own.
    let script =
        "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && ! touch x 2>/dev/null && exec \"$@\"";
    let own = ["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"];
    let ran = copy.start_through("unshare", &own, &["sqlite", "verify", "a.db"]).wait();
    ran.exits(0).tells("proven").tells("up to the last commit");
}

/// Runs `verify a.db` under strace with `own` arguments; what strace wrote.
fn traced(folder: &Workplace, own: &[&str]) -> (Ran, String) {
    let trace = tempfile_beside(folder);
    let arguments = [&["-f", "-qq", "-y", "-o", trace.to_str().unwrap()], own].concat();
    let ran = folder.start_through("strace", &arguments, &["sqlite", "verify", "a.db"]).wait();
    let said = std::fs::read_to_string(&trace).unwrap_or_default();
    let _ = std::fs::remove_file(trace);
    (ran, said)
}

fn tempfile_beside(folder: &Workplace) -> PathBuf {
    let mut name = folder.path().as_os_str().to_owned();
    name.push(".trace");
    name.into()
}

#[test]
fn a_disk_that_fails_and_a_file_that_may_not_be_read_are_told() {
    let folder = folder(ROWS);
    let of_file = ["-P", "a.db", "-P"];
    let path = database(&folder).display().to_string();
    let of_file = [&of_file[..], &[path.as_str()]].concat();
    // The first read of all, and one that we do for SQLite.
    for (when, said) in [("1+", "Input/output error"), ("3+", "reading it for SQLite failed: disk I/O error")] {
        let inject = format!("inject=pread64,preadv2:error=EIO:when={when}");
        let (ran, _) = traced(&folder, &[&of_file[..], &["-e", &inject]].concat());
        ran.exits(3).tells("cannot tell").tells(said).tells("look at the kernel log");
    }
    let (ran, _) = traced(&folder, &[&of_file[..], &["-e", "inject=openat:error=EACCES"]].concat());
    ran.exits(3).tells("Permission denied").tells("run as the user that owns the database");
}

#[test]
fn nothing_is_written_or_created_beside_the_database_in_any_mode() {
    let calls = ["-e", "trace=open,openat,creat,unlink,unlinkat,rename,renameat,renameat2,ftruncate,pwrite64,write"];
    let opened_to_write = |trace: &str, folder: &Workplace| -> Vec<String> {
        let beside = folder.path().display().to_string();
        let is_bad = |line: &&str| {
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "unlink", "rename", "ftruncate", "write"];
            line.contains(&beside) && writes.iter().any(|word| line.contains(word)) && !line.contains("ENOENT")
        };
        trace.lines().filter(is_bad).map(str::to_owned).collect()
    };
    // A rollback journal, and a log that nobody uses: nothing is so much as opened for writing.
    let rollback = folder(ROWS);
    let live = folder(ROWS);
    let _user = sql(&live, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; UPDATE notes SET a = 'y'");
    let idle = Workplace::new();
    for name in ["a.db", "a.db-wal"] {
        std::fs::copy(live.path().join(name), idle.path().join(name)).unwrap();
    }
    for folder in [&rollback, &idle] {
        let before = names(folder);
        let (ran, trace) = traced(folder, &calls);
        ran.exits(0);
        assert!(trace.contains("a.db"), "strace saw nothing:\n{trace}");
        assert_eq!(opened_to_write(&trace, folder), Vec::<String>::new());
        assert_eq!(names(folder), before);
    }
    // A log in use: a read mark is taken in the -shm that is there already. SQLite opens log and -shm as if to write.
    let contents = || ["a.db", "a.db-wal"].map(|name| std::fs::read(live.path().join(name)).unwrap());
    let read = contents();
    let before = names(&live);
    let (ran, trace) = traced(&live, &calls);
    ran.exits(0).tells("held by a read mark");
    let is_only_opened =
        |line: &String| line.contains("openat") && (line.contains("a.db-shm") || line.contains("a.db-wal"));
    let others: Vec<String> = opened_to_write(&trace, &live).into_iter().filter(|line| !is_only_opened(line)).collect();
    assert_eq!(others, Vec::<String>::new());
    assert_eq!((names(&live), contents()), (before, read));
}

#[test]
fn sql_of_strangers_has_bounds_and_what_it_keeps_from_being_judged_is_named() {
    // A CHECK that wants more memory than the child may have.
    let hungry =
        "PRAGMA ignore_check_constraints=ON; CREATE TABLE t(a CHECK (length(hex(zeroblob(200000000 + a))) > 0));
        INSERT INTO t VALUES(1);";
    let json = check(&folder(hungry), &[], 3, "cannot tell");
    assert_eq!(json["unproven"][0]["name"], "t", "{json:#}");
    // One that hardly ever ends, within one call of a function that nobody can interrupt.
    let endless = "PRAGMA ignore_check_constraints=ON; CREATE TABLE t(a CHECK (instr(zeroblob(40000000), zeroblob(20000000) || a) = 0));
        INSERT INTO t VALUES(x'01');";
    let ran = folder(endless).run(&["sqlite", "verify", "a.db", "--deadline", "1s"]);
    ran.exits(3).tells("was killed").tells("--structure-only");
    folder(endless).run(&["sqlite", "verify", "a.db", "--structure-only"]).exits(0);
}

#[test]
fn info_shows_every_tree_largest_first() {
    let folder = folder(ROWS);
    let ran = folder.run(&["sqlite", "info", "a.db"]);
    ran.exits(0).tells("4,096 bytes").tells("rollback journal");
    let said = ran.said();
    let place = |name: &str| said.find(&format!("\n  {name} ")).unwrap_or_else(|| panic!("{name} in {said}"));
    assert!(place("by_name") < place("orders") && place("orders") < place("notes"), "{said}");
    let live = sql(&folder, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; UPDATE notes SET a = 'y'");
    folder.run(&["sqlite", "info", "a.db"]).exits(0).tells("wal").tells("1 frame");
    drop(live);
}

#[test]
fn a_stamp_is_trusted_until_the_file_changes_and_each_answer_has_its_exit_code() {
    let folder = folder(&ROWS.replace("3000", "9000"));
    let check =
        |arguments: &[&str]| folder.run(&[&["sqlite", "check-stamp", "a.db", "--stamp", "s"], arguments].concat());
    check(&[]).exits(3).tells("there is no stamp");
    folder.run(&["sqlite", "stamp", "a.db", "--stamp", "s"]).exits(0).tells("stamp s");
    let trusted = check(&["--sample", "20"]);
    trusted.exits(0).tells("trusted").tells("20 of");
    // Fewer than a thousand pages: a thousandth of them is one page, which is told once.
    let risk = trusted.said().split("with probability").nth(1).unwrap().replace('\n', " ");
    assert_eq!(risk.matches("for 1 page").count(), 1, "{risk}");
    let told = check(&["--sample", "20", "--json"]).json();
    let (pages, risk) = (told["pages"].as_f64().unwrap(), told["risk_if_one_page_changed"].as_f64().unwrap());
    assert!((risk - (1.0 - 1.0 / pages).powi(20)).abs() < 1e-9, "{told:#}");

    // Another byte in a page, and the time of modification put back: the time of change tells.
    let meta = std::fs::metadata(database(&folder)).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(database(&folder)).unwrap();
    file.write_all_at(b"~", 4096 * 9 + 3000).unwrap();
    file.set_modified(meta.modified().unwrap()).unwrap();
    check(&[]).exits(3).tells("changed since").tells("ctime").tells("ago");
    check(&["--ignore-times", "--sample", "1000000"]).exits(1).tells("page 10 is not the one that was proven");
    folder.run(&["sqlite", "diff", "a.db", "s.manifest"]).exits(1).tells("first 10");
    folder.write("s.manifest", "damaged");
    check(&["--ignore-times"]).exits(3).tells("the stamp's manifest cannot be used");
}

#[test]
fn a_file_with_faults_gets_no_stamp() {
    let folder = folder(ROWS);
    change_a_key(&folder, b"name 0030~");
    folder.run(&["sqlite", "stamp", "a.db", "--stamp", "s"]).exits(1).never_says("stamp s");
    folder.run(&["sqlite", "check-stamp", "a.db", "--stamp", "s"]).exits(3).tells("there is no stamp");
}

#[test]
fn a_file_that_grows_until_its_log_is_held_is_seen_as_it_was_then() {
    let folder = folder(ROWS);
    let writer = sql(&folder, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=1; CREATE TABLE grows(a)");
    let grow = || writer.execute_batch("INSERT INTO grows VALUES (randomblob(20000))").unwrap();
    grow();
    // The file was looked at; the log is opened half a second later, and meanwhile everything goes into the file.
    let log = folder.path().join("a.db-wal").display().to_string();
    let delayed = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-P",
        &log,
        "-e",
        "trace=openat",
        "-e",
        "inject=openat:delay_enter=500000:when=1",
    ];
    let mut running = folder.start_through("strace", &delayed, &["sqlite", "verify", "a.db"]);
    while !running.is_over() {
        grow();
        std::thread::park_timeout(Duration::from_millis(20));
    }
    running.wait().exits(0).tells("proven");
}
