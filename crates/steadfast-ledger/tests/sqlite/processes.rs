//! Several processes, and processes that are killed.
//!
//! Thirty rounds run with every test; more by hand: `STEADFAST_KILL_ROUNDS=200 cargo test -p steadfast-ledger a_kill`.

use std::time::{Duration, Instant};

use steadfast_core::ledger::{Filter, Head, Ledger, Record};
use steadfast_ledger::sqlite::{Options, SqliteLedger};

use crate::writer::{RECORDS_PER_RUN, Writer};

#[test]
fn two_processes_write_a_thousand_records_into_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let runs = 60;
    let mut writers = [Writer::start(&path, runs), Writer::start(&path, runs)];
    let mut heads = Vec::new();
    for writer in &mut writers {
        heads.extend(std::iter::from_fn(|| writer.next()).map(Result::unwrap));
    }
    heads.sort_by_key(|head| head.seq);
    let expected = (1..=2 * runs).map(|number| number * RECORDS_PER_RUN);
    assert!(heads.iter().map(|head| head.seq).eq(expected), "each commit has a head of its own: {heads:?}");
    let ledger = SqliteLedger::open(path, Options::default()).unwrap();
    for head in heads {
        intact_and_whole(&ledger, Some(head));
    }
}

/// After each kill: nothing that was acknowledged is lost, no run is there in part, and the next process goes on.
#[test]
fn a_kill_at_any_moment_loses_at_most_the_run_in_flight() {
    let rounds: u64 = std::env::var("STEADFAST_KILL_ROUNDS").map_or(30, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".steadfast/ledger.db");
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ u64::from(std::process::id()));
    let (mut in_flight, mut recovered) = (0, 0);
    for round in 0..rounds {
        let mut writer = Writer::start(&path, u64::MAX);
        // In some rounds it dies while it makes or recovers the ledger.
        let mut acknowledged = None;
        for _ in 0..random.below(5) {
            acknowledged = Some(writer.next().unwrap().unwrap());
        }
        let moment = Instant::now() + Duration::from_micros(random.below(4000));
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        let acknowledged = writer.kill().or(acknowledged);
        recovered +=
            u64::from(std::fs::metadata(folder.path().join(".steadfast/ledger.db-wal")).is_ok_and(|log| log.len() > 0));
        let ledger = SqliteLedger::open(&path, Options::default()).unwrap();
        let head = intact_and_whole(&ledger, acknowledged);
        if let Some(acknowledged) = acknowledged {
            let beyond = head.seq - acknowledged.seq;
            assert!(beyond <= RECORDS_PER_RUN, "round {round}: {beyond} records after the last acknowledged");
            in_flight += u64::from(beyond == 0);
        }
    }
    // If every kill fell between two commits, nothing would have been shown.
    assert!(in_flight > 0, "no kill in {rounds} rounds met a commit in flight");
    assert!(recovered > 0, "no kill in {rounds} rounds left a log to recover from");
}

fn intact_and_whole(ledger: &SqliteLedger, known: Option<Head>) -> Head {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(ledger.verify(known)).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(found.head.seq % RECORDS_PER_RUN, 0, "a run is there in part");
    let last = found.head.seq.saturating_sub(RECORDS_PER_RUN);
    let records = runtime.block_on(ledger.read(Filter::default(), last, usize::MAX)).unwrap();
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
}
