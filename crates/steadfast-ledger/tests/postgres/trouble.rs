//! Servers that are down, silent, read-only or full, users without rights, databases that hold something else: an error
//! that says what to do, in time.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scenarios::postgres::{Options as Cluster, Postgres};
use steadfast_core::ledger::{Batch, Filter, Head, Ledger, LedgerError};
use steadfast_ledger::conformance::Place;
use steadfast_ledger::conformance::sample::{at as moment, note, one_of_each, run};
use steadfast_ledger::postgres::{Options, PostgresLedger};
use steadfast_postgres::address::Address;

use crate::place::{PostgresPlace, address};

const SHORT: Options = Options { patience: Duration::from_millis(400) };

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
    assert!(!text.contains("s3cret"), "{text}");
}

fn open(url: &str) -> Result<PostgresLedger, LedgerError> {
    PostgresLedger::open(address(url), SHORT)
}

fn open_for_reading(url: &str) -> Result<PostgresLedger, LedgerError> {
    PostgresLedger::open_for_reading(address(url), SHORT)
}

fn a_note() -> Batch {
    Batch { records: vec![note(0, "n")], ..Batch::default() }
}

#[test]
fn a_server_that_is_down_is_said_at_once() {
    let [port] = scenarios::ports::free_ports::<1>();
    let url = format!("postgres://ada:s3cret@127.0.0.1:{port}/shop");
    let began = Instant::now();
    check(
        PostgresLedger::open(address(&url), Options::default()),
        &[
            "cannot be written",
            &format!("postgres://ada@127.0.0.1:{port}/shop"),
            "cannot be reached",
            "is the server running",
        ],
    );
    check(open_for_reading(&url), &["cannot be read", "cannot be reached"]);
    assert!(began.elapsed() < Options::default().patience);
    check(open("postgres://ada@/shop?host=/nowhere"), &["cannot be reached", "/nowhere/.s.PGSQL.5432"]);
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_beyond_the_patience() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://ada@127.0.0.1:{}/shop", listener.local_addr().unwrap().port());
    check(open(&url), &["did not answer within 400ms"]);
}

#[test]
fn a_server_that_goes_is_said_in_time_and_found_again_when_it_comes_back() {
    let mut server = Postgres::start();
    let ledger = open(&server.url("postgres")).unwrap();
    wait(ledger.commit(a_note())).unwrap();
    server.stop();
    check(wait(ledger.commit(a_note())), &["cannot be written"]);
    check(wait(ledger.head()), &["cannot be read", "cannot be reached"]);
    server.resume();
    let head = wait(ledger.commit(a_note())).unwrap();
    assert_eq!((head.seq, wait(ledger.head())), (2, Ok(head)));
}

#[test]
fn a_head_that_stays_locked_is_busy_after_the_patience() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let ledger = PostgresLedger::open(place.address(), SHORT).unwrap();
    let lock = "BEGIN; SELECT 1 FROM steadfast.head FOR UPDATE; SELECT pg_sleep(60)";
    std::thread::scope(|scope| {
        scope.spawn(|| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| place.sql(lock))));
        let sleeper = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let pid = scenarios::patience::until("a lock", || {
            let pid = place.sql(sleeper);
            if pid.is_empty() { Err("none yet".to_owned()) } else { Ok(pid) }
        });
        let busy = wait(ledger.commit(a_note()));
        assert!(matches!(busy, Err(LedgerError::Busy(_))), "{busy:?}");
        check(busy, &["pg_stat_activity"]);
        assert_eq!(wait(ledger.head()), Ok(Head::EMPTY), "reading does not wait");
        place.sql(&format!("SELECT pg_terminate_backend({pid})"));
    });
    assert_eq!(wait(ledger.commit(a_note())).unwrap().seq, 1);
}

#[test]
fn a_server_that_takes_no_writes_is_still_read() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let head = wait(place.open().unwrap().commit(one_of_each())).unwrap();
    let database = place.address().database;
    place.sql(&format!("ALTER DATABASE \"{database}\" SET default_transaction_read_only = on"));
    let ledger = PostgresLedger::open(place.address(), SHORT).unwrap();
    let refused = wait(ledger.commit(a_note()));
    assert!(matches!(refused, Err(LedgerError::Unwritable(_))), "{refused:?}");
    check(refused, &["read-only transaction", "is it a standby"]);
    assert_eq!(wait(ledger.verify(Some(head))).unwrap().faults, Vec::<String>::new());
}

#[test]
fn a_full_disk_refuses_whole_and_loses_nothing() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let ledger = place.open().unwrap();
    let head = wait(ledger.commit(one_of_each())).unwrap();
    // What the server says of a full disk, late in the transaction.
    place.sql(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER is_full BEFORE INSERT ON steadfast.projection FOR EACH STATEMENT EXECUTE FUNCTION full_disk()",
    );
    let refused = wait(ledger.commit(run("r2", 1, 8)));
    assert!(matches!(refused, Err(LedgerError::Unwritable(_))), "{refused:?}");
    check(refused, &["No space left on device", "free some space on the server"]);
    let found = wait(ledger.verify(Some(head))).unwrap();
    assert_eq!((found.head, found.faults), (head, vec![]));
    place.sql("DROP TRIGGER is_full ON steadfast.projection");
    assert_eq!(wait(ledger.commit(run("r2", 1, 8))).unwrap().seq, head.seq + 10);
}

#[test]
fn a_user_without_rights_or_password_is_told_what_is_missing() {
    let server = Postgres::with(&Cluster { password: Some("s3cret-horse".into()), ..Cluster::default() });
    server.sql("postgres", "CREATE ROLE ada LOGIN PASSWORD 's3cret-ada'; CREATE ROLE bob LOGIN PASSWORD 's3cret-bob'");
    let at = |user: &str| format!("postgres://{user}@127.0.0.1:{}/postgres", server.port());
    check(open(&at("ada:s3cret-wrong")), &["password authentication failed for user \"ada\"", "~/.pgpass"]);
    check(open(&at("ada")), &["password missing", "PGPASSWORD", "~/.pgpass"]);
    check(open(&at("ada:s3cret-ada")), &["permission denied", "GRANT CREATE ON DATABASE \"postgres\""]);
    check(open_for_reading(&at("ada:s3cret-ada")), &["holds no ledger yet", "steadfast verify"]);
    check(open(&format!("{}?dbname=nowhere", at("ada:s3cret-ada"))), &["createdb nowhere"]);

    // One who may only write, and one who may only read.
    drop(open(&at("postgres:s3cret-horse")).unwrap());
    server.sql(
        "postgres",
        "GRANT USAGE ON SCHEMA steadfast TO ada, bob; GRANT SELECT ON ALL TABLES IN SCHEMA steadfast TO ada, bob; \
         GRANT INSERT ON steadfast.record TO ada; GRANT UPDATE ON steadfast.head TO ada; \
         GRANT INSERT, UPDATE, DELETE ON steadfast.payload, steadfast.kept, steadfast.green, steadfast.projection TO ada",
    );
    let ledger = open(&at("ada:s3cret-ada")).unwrap();
    wait(ledger.commit(one_of_each())).unwrap();
    wait(ledger.commit(run("r2", 1, 8))).unwrap();
    wait(ledger.prune(moment(10), moment(11))).unwrap();
    let ledger = open_for_reading(&at("bob:s3cret-bob")).unwrap();
    assert_eq!(wait(ledger.verify(None)).unwrap().faults, Vec::<String>::new());
    check(wait(open(&at("bob:s3cret-bob")).unwrap().commit(a_note())), &["permission denied"]);
}

/// Whatever the server says, the password is not in it.
#[test]
fn a_server_that_repeats_the_password_is_redacted() {
    let server = Postgres::with(&Cluster { password: Some("s3cret-horse".into()), ..Cluster::default() });
    let ledger = open(&server.url("postgres").replace("postgres@", "postgres:s3cret-horse@")).unwrap();
    server.sql(
        "postgres",
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'I know s3cret-horse' USING HINT = 'it is s3cret-horse'; END $$; \
         CREATE TRIGGER tells BEFORE INSERT ON steadfast.record FOR EACH STATEMENT EXECUTE FUNCTION tell()",
    );
    check(wait(ledger.commit(a_note())), &["I know ***; it is *** (P0001)"]);
}

#[test]
fn the_password_file_is_used_unless_others_can_read_it() {
    let server = Postgres::with(&Cluster { password: Some("s3cret-horse".into()), ..Cluster::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pgpass");
    std::fs::write(&file, format!("127.0.0.1:{}:*:postgres:s3cret-horse\n", server.port())).unwrap();
    let address = || -> Address { address(&format!("{}?passfile={}", server.url("postgres"), file.display())) };
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(PostgresLedger::open(address(), SHORT), &["password missing", "others can read it", "chmod 0600"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    wait(PostgresLedger::open(address(), SHORT).unwrap().commit(a_note())).unwrap();
}

#[test]
fn a_ledger_opened_for_reading_reads_everything_and_writes_nothing() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let head = wait(place.open().unwrap().commit(one_of_each())).unwrap();
    let ledger = PostgresLedger::open_for_reading(place.address(), SHORT).unwrap();
    assert_eq!(wait(ledger.verify(Some(head))).unwrap().faults, Vec::<String>::new());
    assert_eq!(wait(ledger.read(Filter::default(), 0, 100)).unwrap().len() as u64, head.seq);
    let refused = LedgerError::Unwritable(format!("{} was opened for reading only", place.address()));
    assert_eq!(wait(ledger.commit(Batch::default())), Err(refused.clone()));
    assert_eq!(wait(ledger.rebuild()), Err(refused.clone()));
    assert_eq!(wait(ledger.prune(moment(0), moment(0))), Err(refused));
}

#[test]
fn records_are_neither_changed_nor_taken_away_by_a_slip_with_psql() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let head = wait(place.open().unwrap().commit(one_of_each())).unwrap();
    for slip in [
        "UPDATE steadfast.record SET json = '{}' WHERE seq = 1",
        "DELETE FROM steadfast.record WHERE seq = 1",
        "TRUNCATE steadfast.record",
    ] {
        let attempt = format!(
            "DO $$ BEGIN {slip}; RAISE 'it was done'; EXCEPTION WHEN raise_exception THEN \
             IF SQLERRM NOT LIKE '%append-only%' THEN RAISE; END IF; END $$"
        );
        place.sql(&attempt);
    }
    assert_eq!(place.sql("SELECT count(*) FROM steadfast.record"), head.seq.to_string());
}

#[test]
fn what_is_no_ledger_is_refused_and_not_touched() {
    let server = Arc::new(Postgres::start());
    let both = |place: &PostgresPlace, says: &[&str]| {
        check(PostgresLedger::open(place.address(), SHORT), says);
        check(PostgresLedger::open_for_reading(place.address(), SHORT), says);
    };
    let place = PostgresPlace::new(&server);
    check(PostgresLedger::open_for_reading(place.address(), SHORT), &["holds no ledger yet"]);
    place.sql("CREATE SCHEMA steadfast");
    drop(place.open().unwrap());

    let place = PostgresPlace::new(&server);
    place.sql("CREATE SCHEMA steadfast; CREATE TABLE steadfast.horses (name text)");
    both(&place, &["cannot be read", "of another program"]);
    place.sql("CREATE TABLE steadfast.about (product text, version int); INSERT INTO steadfast.about VALUES ('x', 1)");
    both(&place, &["cannot be read", "of another program"]);
    assert_eq!(place.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'steadfast'"), "2");

    let place = PostgresPlace::new(&server);
    drop(place.open().unwrap());
    place.sql("UPDATE steadfast.about SET version = 7");
    both(&place, &["cannot be read", "newer Steadfast", "version 7", "update this program"]);
    place.sql("UPDATE steadfast.about SET version = 1; DROP TRIGGER record_stays ON steadfast.record; DROP TRIGGER record_is_kept ON steadfast.record; DROP FUNCTION steadfast.refuse_change()");
    check(PostgresLedger::open_for_reading(place.address(), SHORT), &["older Steadfast", "brought up to date"]);
    drop(place.open().unwrap());
    PostgresLedger::open_for_reading(place.address(), SHORT).unwrap();

    server.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    check(open(&server.url("latin")), &["LATIN1", "createdb -E UTF8"]);
    assert_eq!(server.sql("latin", "SELECT count(*) FROM pg_namespace WHERE nspname = 'steadfast'"), "0");
}
