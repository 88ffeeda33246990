//! Disks that are full, folders that are read-only, files that are no ledgers: an error that says what to do, in time.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use steadfast_core::ledger::{Batch, Filter, Head, Ledger, LedgerError};
use steadfast_core::observation::Hash;
use steadfast_ledger::conformance::Place;
use steadfast_ledger::conformance::sample::{at, batch, note, one_of_each, red, run};
use steadfast_ledger::sqlite::{Options, SqliteLedger};

use crate::place::SqlitePlace;
use crate::writer::Writer;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Asserts that an error says all of this.
fn check<T>(result: Result<T, LedgerError>, says: &[&str]) {
    let Err(error) = result else { panic!("not refused") };
    let text = error.to_string();
    for part in says {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

fn open(path: &Path) -> Result<SqliteLedger, LedgerError> {
    SqliteLedger::open(path, Options::default())
}

fn open_for_reading(path: &Path) -> Result<SqliteLedger, LedgerError> {
    SqliteLedger::open_for_reading(path, Options::default())
}

#[test]
fn a_new_ledger_is_private_and_ignored_by_git() {
    let place = SqlitePlace::new();
    wait(open(&place.path()).unwrap().commit(one_of_each())).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = place.path().parent().unwrap().to_owned();
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&place.path()), 0o600);
    assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
    let ledger = open(&place.path()).unwrap();
    assert_eq!(mode(&folder.join("ledger.db-wal")), 0o600);
    drop(ledger);
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "a closed ledger is one file: {left:?}");
}

#[test]
fn a_folder_that_somebody_else_made_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    drop(open(&folder.path().join("ledger.db")).unwrap());
    assert!(!folder.path().join(".gitignore").exists());
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn a_full_ledger_refuses_whole_and_stays_readable() {
    let place = SqlitePlace::new();
    let options = Options { size_limit: Some(200_000), ..Options::default() };
    let ledger = SqliteLedger::open(place.path(), options).unwrap();
    let mut head = Head::EMPTY;
    let refused = loop {
        match wait(ledger.commit(run("r", 0, 50))) {
            Ok(next) => head = next,
            Err(refused) => break refused,
        }
    };
    assert!(head.seq > 0);
    assert!(matches!(refused, LedgerError::Unwritable(_)));
    check::<()>(Err(refused), &["cannot be written", "is full", "prune", "ledger.db"]);
    let found = wait(ledger.verify(Some(head))).unwrap();
    assert_eq!((found.head, found.faults), (head, vec![]));
    // When there is room again the same handle goes on.
    drop(ledger);
    let ledger = open(&place.path()).unwrap();
    assert_eq!(wait(ledger.commit(run("r", 0, 50))).unwrap().seq, head.seq + 52);
}

#[test]
fn a_disk_that_takes_no_more_refuses_whole_and_loses_nothing() {
    let place = SqlitePlace::new();
    let mut writer = Writer::start_with_file_limit(&place.path(), 10_000, 512);
    let mut head = Head::EMPTY;
    let refused = loop {
        match writer.next().expect("it is refused before its last run") {
            Ok(next) => head = next,
            Err(refused) => break refused,
        }
    };
    assert!(head.seq > 0);
    for part in ["cannot be written", "file-size limit", "ledger.db"] {
        assert!(refused.contains(part), "no `{part}` in: {refused}");
    }
    drop(writer);
    let found = wait(open(&place.path()).unwrap().verify(Some(head))).unwrap();
    assert_eq!((found.head, found.faults), (head, vec![]));
}

#[test]
fn a_place_that_cannot_be_made_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    check(open(&file.join("ledger.db")), &["cannot be written", "a part of the path is a file"]);
    check(open(Path::new("/proc/steadfast/ledger.db")), &["cannot be written", "/proc/steadfast"]);
    check(open(&folder.path().join("no/such/ledger.db")), &["cannot be written", "no/such", "does not exist"]);
}

#[test]
fn a_folder_without_permission_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let mut writer = Writer::start_without_privileges(&folder.path().join(".steadfast/ledger.db"), 1);
    let refused = writer.next().unwrap().unwrap_err();
    assert!(refused.contains("cannot be written") && refused.contains("may not write there"), "{refused}");
}

#[test]
fn a_ledger_without_permission_to_write_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    wait(open(&path).unwrap().commit(one_of_each())).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let mut writer = Writer::start_without_privileges(&path, 1);
    let refused = writer.next().unwrap().unwrap_err();
    assert!(refused.contains("cannot be written") && refused.contains("read-only"), "{refused}");
}

#[test]
fn a_ledger_opened_for_reading_reads_everything_and_writes_nothing() {
    let place = SqlitePlace::new();
    let head = wait(open(&place.path()).unwrap().commit(one_of_each())).unwrap();
    let ledger = open_for_reading(&place.path()).unwrap();
    assert_eq!(wait(ledger.verify(Some(head))).unwrap().faults, Vec::<String>::new());
    assert_eq!(wait(ledger.read(Filter::default(), 0, 100)).unwrap().len() as u64, head.seq);
    let refused = LedgerError::Unwritable(format!("{} was opened for reading only", place.path().display()));
    assert_eq!(wait(ledger.commit(Batch::default())), Err(refused.clone()));
    assert_eq!(wait(ledger.rebuild()), Err(refused.clone()));
    assert_eq!(wait(ledger.prune(at(0), at(0))), Err(refused));
}

#[test]
fn a_ledger_in_a_folder_without_permission_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let head = wait(open(&path).unwrap().commit(one_of_each())).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let mut reader = Writer::read_without_privileges(&path);
    assert_eq!(reader.next(), Some(Ok(head)));
}

#[test]
fn what_a_killed_writer_left_in_a_folder_without_permission_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut writer = Writer::start(&path, u64::MAX);
    let reported = writer.next().unwrap().unwrap();
    let reported = writer.kill().unwrap_or(reported);
    let log = folder.path().join("ledger.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    for shared_memory_is_left in [true, false] {
        if !shared_memory_is_left {
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
            fs::remove_file(folder.path().join("ledger.db-shm")).unwrap();
        }
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(0o444)).unwrap();
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
        let before = fs::read(&log).unwrap();
        let mut reader = Writer::read_without_privileges(&path);
        let head = reader.next().unwrap().unwrap();
        assert!(head.seq >= reported.seq, "{head} is before {reported}");
        assert_eq!(fs::read(&log).unwrap(), before);
    }
}

#[test]
fn what_is_no_ledger_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let both = |says: &[&str]| {
        let before = fs::read(&path).unwrap();
        check(open(&path), says);
        check(open_for_reading(&path), says);
        assert_eq!(fs::read(&path).unwrap(), before);
    };
    fs::write(&path, "id,name\n".repeat(1000)).unwrap();
    both(&["cannot be read", "is no SQLite database"]);
    fs::remove_file(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE account (id INTEGER)").unwrap();
    drop(other);
    both(&["cannot be read", "of another program"]);
    fs::remove_file(&path).unwrap();
    drop(open(&path).unwrap());
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    drop(newer);
    both(&["cannot be read", "newer Steadfast", "version 7", "update this program"]);
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    check(open(folder.path()), &["is a folder"]);
    check(open_for_reading(folder.path()), &["is a folder"]);
    check(open_for_reading(&folder.path().join("none.db")), &["is not there", "steadfast verify"]);
    check(open(Path::new("/dev/zero")), &["is no regular file"]);
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    check(open(&pipe), &["is no regular file"]);
}

#[test]
fn an_empty_file_becomes_a_ledger_when_written_and_is_none_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    fs::write(&path, "").unwrap();
    check(open_for_reading(&path), &["holds no records yet"]);
    wait(open(&path).unwrap().commit(one_of_each())).unwrap();
    open_for_reading(&path).unwrap();
}

#[test]
fn a_ledger_that_stays_locked_is_busy_after_the_patience() {
    let place = SqlitePlace::new();
    let options = Options { patience: Duration::from_millis(50), ..Options::default() };
    let ledger = SqliteLedger::open(place.path(), options).unwrap();
    let holder = rusqlite::Connection::open(place.path()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = || Batch { records: vec![note(0, "n")], ..Batch::default() };
    let busy = wait(ledger.commit(batch()));
    assert!(matches!(busy, Err(LedgerError::Busy(_))), "{busy:?}");
    assert_eq!(wait(ledger.head()), Ok(Head::EMPTY), "reading does not wait");
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(wait(ledger.commit(batch())).unwrap().seq, 1);
}

#[test]
fn odd_names_are_only_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("what?mode=memory#50%25 é.db");
    wait(open(&path).unwrap().commit(one_of_each())).unwrap();
    assert!(path.exists());
    assert!(wait(open_for_reading(&path).unwrap().head()).unwrap().seq > 0);
}

#[test]
fn prune_makes_the_file_smaller() {
    let place = SqlitePlace::new();
    let ledger = open(&place.path()).unwrap();
    for number in 0..20 {
        let body = vec![number; 100_000];
        wait(ledger.commit(batch([(red(i64::from(number), "a", &body), &body)]))).unwrap();
    }
    let pruned = wait(ledger.prune(at(19), at(100))).unwrap();
    assert_eq!((pruned.dropped, pruned.bytes), (19, 1_900_000));
    let size = fs::metadata(place.path()).unwrap().len();
    assert!(size < 300_000, "{size} bytes");
    assert_eq!(wait(ledger.verify(None)).unwrap().faults, Vec::<String>::new());
}

/// Where a flip changes anything that is read, it is found; where it changes nothing, nothing is claimed.
#[test]
fn a_flipped_bit_anywhere_in_the_file_is_found_or_harmless() {
    let place = SqlitePlace::new();
    let ledger = open(&place.path()).unwrap();
    for number in 0..8 {
        wait(ledger.commit(run(&format!("r{number}"), number, 10))).unwrap();
    }
    let body = vec![b'x'; 20_000];
    let head = wait(ledger.commit(batch([(red(9, "check-1", &body), &body)]))).unwrap();
    drop(ledger);
    let whole = fs::read(place.path()).unwrap();
    let everything = |ledger: &dyn Ledger| {
        let payload = wait(ledger.payload(Hash::of(&body)));
        (wait(ledger.read(Filter::default(), 0, usize::MAX)), payload, wait(ledger.projections("latest")))
    };
    let right = everything(&*place.open().unwrap());
    let (mut found, mut harmless) = (0, 0);
    for position in (0..whole.len()).step_by(211) {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (position % 8);
        fs::write(place.path(), damaged).unwrap();
        let Ok(ledger) = open_for_reading(&place.path()) else {
            found += 1;
            continue;
        };
        match wait(ledger.verify(Some(head))) {
            Ok(verification) if verification.faults.is_empty() => {
                harmless += 1;
                assert_eq!(everything(&ledger), right, "a flip at byte {position} is not found");
            }
            Ok(_) | Err(_) => found += 1,
        }
    }
    assert!(found > 200, "{found} found, {harmless} harmless");
}

#[test]
fn a_ledger_that_was_closed_is_one_file_which_can_be_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    // Whoever reads has a connection, too: the last one to close puts the log into the file, if it may write.
    for round in 0..20 {
        let ledger = open(&path).unwrap();
        wait(ledger.commit(Batch { records: vec![note(0, "n")], ..Batch::default() })).unwrap();
        assert_eq!(wait(ledger.head()).unwrap().seq, round + 1);
        drop(ledger);
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| name == "ledger.db" || name == ".gitignore"), "round {round}: {names:?}");
    }
}
