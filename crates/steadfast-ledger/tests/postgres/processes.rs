//! Several processes at one server, and processes that are killed: writers, and the server's own.
//!
//! The record is made by hand with more of them: `STEADFAST_WRITER_RECORDS=10000 STEADFAST_KILL_ROUNDS=200 cargo test
//! --release -p steadfast-ledger --test postgres processes -- --nocapture`.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scenarios::patience;
use scenarios::postgres::{Options as Cluster, Postgres};
use steadfast_core::ledger::{Filter, Head, Ledger, Record};
use steadfast_ledger::conformance::sample::run;
use steadfast_ledger::postgres::{Options, PostgresLedger};

use crate::place::{PostgresPlace, address};
use crate::writer::{RECORDS_PER_RUN, Writer};

/// A number that may be made larger by hand.
fn number_of(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn two_processes_on_two_loopback_addresses_write_into_one_chain() {
    let records = number_of("STEADFAST_WRITER_RECORDS", 1000);
    let runs = records / RECORDS_PER_RUN;
    let server = Postgres::with(&Cluster {
        access: vec!["host all all 127.0.0.0/8 trust".into()],
        settings: vec![("listen_addresses".into(), "127.0.0.1,127.0.0.2".into())],
        ..Cluster::default()
    });
    let one = server.url("postgres");
    let other = one.replace("127.0.0.1", "127.0.0.2");
    let mut writers = [Writer::start(&one, runs), Writer::start(&other, runs)];
    let mut heads = Vec::new();
    for writer in &mut writers {
        let its = writer.heads();
        assert_eq!(its.len() as u64, runs);
        heads.extend(its);
    }
    heads.sort_by_key(|head| head.seq);
    let expected = (1..=2 * runs).map(|number| number * RECORDS_PER_RUN);
    assert!(heads.iter().map(|head| head.seq).eq(expected), "each commit has a head of its own: {heads:?}");
    let ledger = PostgresLedger::open_for_reading(address(&other), Options::default()).unwrap();
    let last = *heads.last().unwrap();
    let found = wait(ledger.verify(Some(last))).unwrap();
    assert_eq!((found.head, found.faults), (last, vec![]));
    // Every head that was reported is in the chain: none of both writers' records is lost.
    let entries = wait(ledger.read(Filter::default(), 0, usize::MAX)).unwrap();
    let chain: BTreeSet<(u64, [u8; 32])> = entries.iter().map(|entry| (entry.seq, entry.chain.0)).collect();
    assert!(heads.iter().all(|head| chain.contains(&(head.seq, head.chain.0))));
    let whole: BTreeSet<&str> = entries.iter().filter_map(|entry| entry.record.run()).collect();
    assert_eq!(whole.len() as u64, 2 * runs);
    // For the record: what `--nocapture` shows.
    writeln!(std::io::stdout().lock(), "{} records by two processes, head {last}", entries.len()).unwrap();
}

#[test]
fn two_who_begin_one_ledger_at_the_same_time_begin_one_chain() {
    let server = Arc::new(Postgres::start());
    for round in 0..10 {
        let place = PostgresPlace::new(&server);
        let begin = std::sync::Barrier::new(3);
        let write = |name: &str| {
            begin.wait();
            let ledger = PostgresLedger::open(place.address(), Options::default()).unwrap();
            wait(ledger.commit(run(name, 0, 8))).unwrap()
        };
        let heads = std::thread::scope(|scope| {
            let writers = ["a", "b", "c"].map(|name| scope.spawn(move || write(name)));
            writers.map(|writer| writer.join().unwrap().seq)
        });
        assert_eq!(BTreeSet::from(heads), BTreeSet::from([10, 20, 30]), "round {round}");
        let ledger = PostgresLedger::open_for_reading(place.address(), Options::default()).unwrap();
        intact_and_whole(&ledger, None);
    }
}

/// After each kill: nothing that was acknowledged is lost, no run is there in part, and the next process goes on at once.
#[test]
fn a_kill_of_a_writer_at_any_moment_loses_at_most_the_run_in_flight() {
    let rounds = number_of("STEADFAST_KILL_ROUNDS", 20);
    let server = Postgres::start();
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ u64::from(std::process::id()));
    let mut in_flight = 0;
    for round in 0..rounds {
        let mut writer = Writer::start(&server.url("postgres"), u64::MAX);
        // In some rounds it dies while it makes the ledger or connects.
        let mut acknowledged = None;
        for _ in 0..random.below(5) {
            acknowledged = Some(writer.next().unwrap().unwrap());
        }
        random.wait_below(8000);
        let acknowledged = writer.kill().or(acknowledged);
        let ledger = PostgresLedger::open(address(&server.url("postgres")), Options::default()).unwrap();
        // What the server still does for the dead one, it does before it lets the head go.
        wait(ledger.rebuild()).unwrap();
        let head = intact_and_whole(&ledger, acknowledged);
        if let Some(acknowledged) = acknowledged {
            let beyond = head.seq - acknowledged.seq;
            assert!(beyond <= RECORDS_PER_RUN, "round {round}: {beyond} records after the last acknowledged");
            in_flight += u64::from(beyond == 0);
        }
    }
    // If every kill fell between two commits, nothing would have been shown.
    assert!(in_flight > 0, "no kill in {rounds} rounds met a commit in flight");
}

/// The server answers a killed process of its own by ending all others and recovering. The writer goes on by itself.
#[test]
fn a_kill_of_the_servers_own_process_neither_loses_nor_doubles_a_run() {
    let rounds = number_of("STEADFAST_KILL_ROUNDS", 4);
    let server = Arc::new(Postgres::start());
    let mut random = Random(0x2545_F491_4F6C_DD1D ^ u64::from(std::process::id()));
    let mut writer = Writer::start(&server.url("postgres"), u64::MAX);
    let mut heads = vec![writer.next().unwrap().unwrap()];
    for round in 0..rounds {
        random.wait_below(8000);
        let sql = "SELECT min(pid), (SELECT seq FROM steadfast.head) FROM pg_stat_activity \
                   WHERE application_name = 'steadfast'";
        // The heads of before the last kill may be enough for the round: the server may still recover then.
        let reached = patience::until("a process of the server to kill", || {
            let found = server.try_sql("postgres", sql)?;
            let (pid, reached) = found.split_once('|').ok_or_else(|| found.clone())?;
            let pid = pid.parse().map_err(|_| format!("the writer is not connected: {found}"))?;
            kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|why| why.to_string())?;
            reached.parse::<u64>().map_err(|why| why.to_string())
        });
        // What it reported before the kill may still be on its way to us: a few of what it wrote after.
        let enough = reached + 5 * RECORDS_PER_RUN;
        while heads.last().is_none_or(|head| head.seq < enough) {
            heads.push(writer.next().unwrap().unwrap_or_else(|why| panic!("round {round}: {why}")));
        }
    }
    heads.extend(writer.kill());
    let ledger = PostgresLedger::open(address(&server.url("postgres")), Options::default()).unwrap();
    wait(ledger.rebuild()).unwrap();
    intact_and_whole(&ledger, heads.last().copied());
    let entries = wait(ledger.read(Filter::default(), 0, usize::MAX)).unwrap();
    let chain: BTreeSet<(u64, [u8; 32])> = entries.iter().map(|entry| (entry.seq, entry.chain.0)).collect();
    assert!(heads.iter().all(|head| chain.contains(&(head.seq, head.chain.0))), "a run is lost");
    let began = entries.iter().filter(|entry| matches!(entry.record, Record::RunBegan(_)));
    let runs: Vec<&str> = began.filter_map(|entry| entry.record.run()).collect();
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), runs.len(), "a run is there twice");
}

fn intact_and_whole(ledger: &PostgresLedger, known: Option<Head>) -> Head {
    let found = wait(ledger.verify(known)).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(found.head.seq % RECORDS_PER_RUN, 0, "a run is there in part");
    let last = found.head.seq.saturating_sub(RECORDS_PER_RUN);
    let records = wait(ledger.read(Filter::default(), last, usize::MAX)).unwrap();
    if let (Some(first), Some(last)) = (records.first(), records.last()) {
        assert!(matches!(first.record, Record::RunBegan(_)) && matches!(last.record, Record::RunEnded(_)));
        assert_eq!(first.record.run(), last.record.run());
    }
    found.head
}

/// xorshift64: enough to vary the moment.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// So many microseconds at most. A sleep would be too coarse.
    fn wait_below(&mut self, micros: u64) {
        let moment = Instant::now() + Duration::from_micros(self.below(micros));
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
    }
}
