//! From a file to a database and back: the same chain, the same payloads, the same answers.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use scenarios::postgres::Postgres;
use steadfast_core::ledger::{Filter, Head, Ledger, LedgerError, Verification};
use steadfast_core::observation::Hash;
use steadfast_ledger::conformance::Place;
use steadfast_ledger::conformance::sample::{at, batch, green, look, one_of_each, red, run};
use steadfast_ledger::copy::{Copied, Refusal, copy};
use steadfast_ledger::sqlite::{Options, SqliteLedger};
use tempfile::TempDir;

use crate::place::PostgresPlace;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn file(folder: &TempDir, name: &str) -> (PathBuf, SqliteLedger) {
    let path = folder.path().join(name);
    let ledger = SqliteLedger::open(&path, Options::default()).unwrap();
    (path, ledger)
}

/// Some history: greens that were superseded, fails that were pruned, what is kept for several, and 1200 records more.
fn with_a_history(ledger: &dyn Ledger) -> Head {
    wait(async {
        ledger.commit(one_of_each()).await.unwrap();
        let seen =
            [(red(1, "a", b"old"), &b"old"[..]), (red(2, "b", b"shared"), b"shared"), (green(3, "a", b"g"), b"g")];
        ledger.commit(batch(seen)).await.unwrap();
        ledger.prune(at(10), at(100)).await.unwrap();
        ledger.commit(batch([(red(101, "c", b"shared"), b"shared"), (green(102, "a", b"h"), b"h")])).await.unwrap();
        for number in 0..100 {
            ledger.commit(run(&format!("r{number}"), 200 + number, 10)).await.unwrap();
        }
        ledger.head().await.unwrap()
    })
}

/// Everything that can be asked.
fn everything(ledger: &dyn Ledger) -> impl PartialEq + std::fmt::Debug + use<> {
    wait(async {
        let mut payloads = Vec::new();
        for payload in [&b"old"[..], b"shared", b"g", b"h", b"{\"status\":500}"] {
            payloads.push(ledger.payload(Hash::of(payload)).await.unwrap());
        }
        let green = ledger.newest_green("a", look("look")).await.unwrap();
        let latest = ledger.projections("latest").await.unwrap();
        (ledger.read(Filter::default(), 0, usize::MAX).await.unwrap(), payloads, green, latest)
    })
}

fn intact(ledger: &dyn Ledger, head: Head) -> Verification {
    let found = wait(ledger.verify(Some(head))).unwrap();
    assert_eq!((found.head, &found.faults), (head, &vec![]));
    found
}

#[test]
fn a_ledger_goes_from_a_file_to_a_database_and_back() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = file(&folder, "from.db");
    let head = with_a_history(&from);
    let database = place.open().unwrap();
    let copied = wait(copy(&from, &*database)).unwrap();
    assert_eq!((copied.before, copied.records, copied.head), (0, head.seq, head));
    assert_eq!(intact(&*database, head), intact(&from, head));
    assert_eq!(everything(&*database), everything(&from));

    let (_, back) = file(&folder, "back.db");
    assert_eq!(wait(copy(&*database, &back)).unwrap(), copied);
    assert_eq!(intact(&back, head), intact(&from, head));
    assert_eq!(everything(&back), everything(&from));
}

#[test]
fn a_second_copy_brings_what_came_since() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = file(&folder, "from.db");
    let first = with_a_history(&from);
    let database = place.open().unwrap();
    wait(copy(&from, &*database)).unwrap();
    let nothing = Copied { before: first.seq, records: 0, payloads: 0, head: first };
    assert_eq!(wait(copy(&from, &*database)).unwrap(), nothing);
    wait(from.prune(at(150), at(400))).unwrap();
    let head = wait(from.commit(run("later", 500, 3))).unwrap();
    let copied = wait(copy(&from, &*database)).unwrap();
    assert_eq!(copied, Copied { before: first.seq, records: 6, payloads: 3, head });
    assert_eq!(intact(&*database, head), intact(&from, head));
    assert_eq!(everything(&*database), everything(&from));
}

fn refused(from: &dyn Ledger, to: &dyn Ledger, says: &str) {
    let before = wait(to.head()).unwrap();
    let refusal = wait(copy(from, to)).unwrap_err();
    assert!(matches!(refusal, Refusal::Different(_)) && refusal.to_string().contains(says), "{refusal}");
    assert_eq!(wait(to.head()).unwrap(), before);
}

#[test]
fn two_histories_are_not_mixed_and_damage_is_not_copied() {
    let server = Arc::new(Postgres::start());
    let folder = tempfile::tempdir().unwrap();
    let (path, from) = file(&folder, "from.db");
    wait(from.commit(one_of_each())).unwrap();

    let other = PostgresPlace::new(&server).open().unwrap();
    wait(other.commit(run("another", 0, 3))).unwrap();
    refused(&from, &*other, "another history");
    wait(other.commit(run("longer", 0, 30))).unwrap();
    refused(&from, &*other, "the other way round");

    let damage = |sql: &str| assert!(Connection::open(&path).unwrap().execute(sql, []).unwrap() > 0);
    let empty = PostgresPlace::new(&server).open().unwrap();
    damage("UPDATE payload SET bytes = x'00' WHERE bytes = x'7B22737461747573223A3530307D'");
    refused(&from, &*empty, "the payload of record 4");
    damage("UPDATE record SET json = replace(json, 'run-1', 'run-2') WHERE seq = 2");
    refused(&from, &*empty, "record 2 of the ledger to copy from does not fit its chain");
}

/// Somebody writes between two parts of a copy.
#[test]
fn a_copy_does_not_append_after_somebody_else() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let folder = tempfile::tempdir().unwrap();
    let (_, from) = file(&folder, "from.db");
    with_a_history(&from);
    let database = place.open().unwrap();
    // As if another machine appended right after the first part was committed.
    place.sql(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF (SELECT seq FROM steadfast.head) = 500 THEN UPDATE steadfast.head SET seq = 501; END IF; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER meddles AFTER UPDATE ON steadfast.head DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION meddle()",
    );
    let refusal = wait(copy(&from, &*database)).unwrap_err();
    assert!(matches!(refusal, Refusal::Target(LedgerError::HeadMoved { .. })), "{refusal}");
    assert_eq!(place.sql("SELECT count(*) FROM steadfast.record"), "500");
}
