//! The worst moment for a connection to break: the server has been told to commit, and its answer does not come.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scenarios::patience;
use scenarios::postgres::Postgres;
use steadfast_core::ledger::{Batch, Filter, Head, Ledger, LedgerError, Pruned, Record};
use steadfast_ledger::conformance::Place;
use steadfast_ledger::conformance::sample::{at, batch, note, red, run};
use steadfast_ledger::postgres::{Options, PostgresLedger};

use crate::place::{PostgresPlace, address};

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Between a ledger and its server, to spring a trap on either way.
struct Proxy {
    port: u16,
    /// Swallows the next answer to a COMMIT, and cuts that connection.
    answer: Arc<Trap>,
    /// Forwards no request from the first record on, and leaves the connection as it is: the machine vanished.
    request: Arc<Trap>,
}

/// Springs once, at these bytes.
struct Trap {
    at: &'static [u8],
    cuts: bool,
    is_set: AtomicBool,
}

impl Trap {
    fn at(at: &'static [u8], cuts: bool) -> Arc<Trap> {
        Arc::new(Trap { at, cuts, is_set: AtomicBool::new(false) })
    }

    fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
    }

    fn has_sprung(&self) -> bool {
        !self.is_set.load(Ordering::SeqCst)
    }

    fn springs(&self, bytes: &[u8]) -> bool {
        bytes.windows(self.at.len()).any(|part| part == self.at) && self.is_set.swap(false, Ordering::SeqCst)
    }
}

impl Proxy {
    fn before(server: &Postgres) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = server.port();
        let (answer, request) = (Trap::at(b"COMMIT\0", true), Trap::at(b"INSERT INTO steadfast.record", false));
        let (answers, requests) = (Arc::clone(&answer), Arc::clone(&request));
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let (from, into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (answers, requests) = (Arc::clone(&answers), Arc::clone(&requests));
                std::thread::spawn(move || forward(from, into, &requests));
                std::thread::spawn(move || forward(server, client, &answers));
            }
        });
        Proxy { port, answer, request }
    }

    fn url(&self, server: &Postgres, database: &str) -> String {
        server.url(database).replace(&server.port().to_string(), &self.port.to_string())
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, trap: &Trap) {
    let mut bytes = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if trap.springs(&bytes[..length]) {
            if trap.cuts {
                break;
            }
            loop {
                std::thread::park();
            }
        }
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_commit_whose_answer_is_lost_is_recorded_once() {
    let server = Postgres::start();
    let proxy = Proxy::before(&server);
    let ledger = PostgresLedger::open(address(&proxy.url(&server, "postgres")), Options::default()).unwrap();
    proxy.answer.set();
    let head = wait(ledger.commit(run("r1", 0, 8))).unwrap();
    assert!(proxy.answer.has_sprung());
    assert_eq!(head.seq, 10);
    let found = wait(ledger.verify(Some(head))).unwrap();
    assert_eq!((found.head, found.faults), (head, vec![]));

    // Somebody who compares and sets is not told that somebody else was faster: it was himself.
    proxy.answer.set();
    let batch = Batch { expect_head: Some(head), ..run("r2", 1, 8) };
    let head = wait(ledger.commit(batch)).unwrap();
    assert!(proxy.answer.has_sprung());
    assert_eq!((head.seq, wait(ledger.head())), (20, Ok(head)));
}

#[test]
fn a_prune_whose_answer_is_lost_is_done_once_and_says_what_it_did() {
    let server = Postgres::start();
    let proxy = Proxy::before(&server);
    let ledger = PostgresLedger::open(address(&proxy.url(&server, "postgres")), Options::default()).unwrap();
    wait(ledger.commit(batch([(red(1, "a", b"old"), b"old")]))).unwrap();
    proxy.answer.set();
    let pruned = wait(ledger.prune(at(10), Timestamp::UNIX_EPOCH)).unwrap();
    assert!(proxy.answer.has_sprung());
    assert_eq!(pruned, Pruned { dropped: 1, bytes: 3 });
    assert_eq!(wait(ledger.head()).unwrap().seq, 2);
}

/// A machine vanishes while it holds the end of the chain: the others wait no longer than its patience.
#[test]
fn a_machine_that_vanishes_in_the_middle_of_a_commit_does_not_hold_the_head_for_ever() {
    let server = Postgres::start();
    let proxy = Proxy::before(&server);
    let short = Options { patience: std::time::Duration::from_millis(500) };
    let vanishing = PostgresLedger::open(address(&proxy.url(&server, "postgres")), short).unwrap();
    let other = PostgresLedger::open(address(&server.url("postgres")), Options::default()).unwrap();
    proxy.request.set();
    let vanished = vanishing.commit(run("r1", 0, 8));
    // The head is locked before a record is written. Between two statements of a commit its transaction is idle as
    // well, so the state that the server tells is no sign that the trap has sprung.
    patience::until("a record to be swallowed", || match proxy.request.has_sprung() {
        true => Ok(()),
        false => Err("none was sent".to_owned()),
    });
    let head = wait(other.commit(run("r2", 1, 8))).unwrap();
    assert_eq!(head.seq, 10);
    let refused = wait(vanished).unwrap_err().to_string();
    assert!(refused.contains("idle-in-transaction timeout"), "{refused}");
    let found = wait(other.verify(Some(head))).unwrap();
    assert_eq!((found.head, found.faults), (head, vec![]));
}

/// The server's process is killed while it commits, before the commit is done: it is done again, once.
#[test]
fn a_commit_that_dies_with_the_servers_process_is_done_again_once() {
    let server = Arc::new(Postgres::start());
    let place = PostgresPlace::new(&server);
    let ledger = place.open().unwrap();
    let first = wait(ledger.commit(run("r1", 0, 8))).unwrap();
    // What the present process of the server commits, lingers at the very end of the transaction.
    let writer = place.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'steadfast'");
    place.sql(&format!(
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN IF pg_backend_pid() = {writer} THEN PERFORM pg_sleep(60); END IF; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER lingers AFTER UPDATE ON steadfast.head DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION linger()"
    ));
    let committing = ledger.commit(run("r2", 1, 8));
    patience::until("a commit in flight", || {
        let asleep = place.sql("SELECT pid FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event = 'PgSleep'");
        if asleep == writer { Ok(()) } else { Err(asleep) }
    });
    kill(Pid::from_raw(writer.parse().unwrap()), Signal::SIGKILL).unwrap();
    let head = wait(committing).unwrap();
    assert_eq!(head.seq, first.seq + 10);
    let found = wait(ledger.verify(Some(head))).unwrap();
    assert_eq!((found.head, found.faults), (head, vec![]));
    let entries = wait(ledger.read(Filter::default(), 0, usize::MAX)).unwrap();
    let began = entries.iter().filter(|entry| matches!(entry.record, Record::RunBegan(_)));
    assert_eq!(began.count(), 2);
}

/// Refuses so many inserts as a conflict with another transaction, as SQLSTATE 40001 has it.
fn with_conflicts(place: &PostgresPlace, count: u32) {
    place.sql(&format!(
        "CREATE SEQUENCE turn; \
         CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN IF nextval('public.turn') <= {count} THEN \
         RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END IF; RETURN NULL; END $$; \
         CREATE TRIGGER conflicts BEFORE INSERT ON steadfast.record FOR EACH STATEMENT EXECUTE FUNCTION conflict()"
    ));
}

#[test]
fn a_serialization_failure_is_tried_again_and_not_for_ever() {
    let server = Arc::new(Postgres::start());
    let batch = || Batch { records: vec![note(0, "n")], ..Batch::default() };
    let place = PostgresPlace::new(&server);
    let ledger = place.open().unwrap();
    with_conflicts(&place, 3);
    assert_eq!(wait(ledger.commit(batch())).unwrap().seq, 1);
    assert_eq!(place.sql("SELECT last_value FROM turn"), "4");

    let place = PostgresPlace::new(&server);
    let options = Options { patience: std::time::Duration::from_millis(500) };
    let ledger = PostgresLedger::open(place.address(), options).unwrap();
    with_conflicts(&place, 1_000_000);
    let refused = wait(ledger.commit(batch())).unwrap_err();
    assert!(matches!(&refused, LedgerError::Busy(why) if why.contains("could not serialize access")), "{refused}");
    let tries: u32 = place.sql("SELECT last_value FROM turn").parse().unwrap();
    assert!((2..=20).contains(&tries), "{tries} tries");
    assert_eq!(wait(ledger.head()), Ok(Head::EMPTY));
}
