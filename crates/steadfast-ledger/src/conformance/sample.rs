//! Records to try a store with.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, json};
use steadfast_core::finding::{Finding, codes};
use steadfast_core::ledger::{
    Batch, Checkpoint, Keep, Note, Observed, Proved, Record, RunBegan, RunEnded, Transitioned,
};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Hash;
use steadfast_core::verdict::Verdict;

/// So many seconds after some moment.
pub fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_790_000_000 + second)
}

/// A look by its name.
pub fn look(name: &str) -> Hash {
    Hash::of(name.as_bytes())
}

/// A note.
pub fn note(second: i64, text: &str) -> Record {
    Record::Note(Note { at: at(second), text: text.into() })
}

/// A green observation of a check, and that it is kept while it is the newest.
pub fn green(second: i64, check: &str, payload: &[u8]) -> Observed {
    Observed {
        run: "r1".into(),
        check: check.into(),
        kind: "http".into(),
        at: at(second),
        took: Lapse::seconds(1),
        vantage: "inside".into(),
        attempt: 1,
        look_hash: look("look"),
        claim_hash: look("claim"),
        shape: 1,
        verdict: Verdict::Pass,
        numbers: Map::from_iter([("status".into(), json!(200)), ("ratio".into(), json!(0.1))]),
        payload: Hash::of(payload),
        keep: Keep::WhileNewestGreen,
    }
}

/// A red one, kept until pruned.
pub fn red(second: i64, check: &str, payload: &[u8]) -> Observed {
    let verdict = Verdict::Fail(vec![Finding::new(codes::MISSING).of("status").detail("né \u{0} \"quoted\"")]);
    Observed { verdict, keep: Keep::UntilPruned, ..green(second, check, payload) }
}

/// As a record.
pub fn record(observed: Observed) -> Record {
    Record::Observed(Box::new(observed))
}

/// Observations with their payloads.
pub fn batch<const N: usize>(seen: [(Observed, &[u8]); N]) -> Batch {
    let (records, blobs) = seen.into_iter().map(|(seen, payload)| (record(seen), payload.to_vec())).unzip();
    Batch { records, blobs, ..Batch::default() }
}

/// A whole run: its begin, a check each, its end.
pub fn run(id: &str, second: i64, checks: usize) -> Batch {
    let names: Vec<String> = (0..checks).map(|number| format!("check-{number}")).collect();
    let mut batch = Batch::default();
    batch.records.push(Record::RunBegan(RunBegan {
        run: id.into(),
        at: at(second),
        project: "shop".into(),
        gate: Some("post-deploy".into()),
        vantage: "inside".into(),
        seed: u64::MAX,
        order: names.iter().collect(),
        version: "0.1.0".into(),
    }));
    for name in &names {
        let payload = format!("{{\"seen\":\"{name} in {id}\"}}").into_bytes();
        batch.records.push(record(Observed { run: id.into(), ..green(second, name, &payload) }));
        batch.blobs.push(payload);
    }
    batch.records.push(Record::RunEnded(RunEnded {
        run: id.into(),
        at: at(second),
        decision: "proceed".into(),
        failed: Vec::new(),
        unknown: Vec::new(),
    }));
    batch
}

/// One of each type of record.
pub fn one_of_each() -> Batch {
    let mut batch = run("run-1", 0, 1);
    let payload = b"{\"status\":500}";
    batch.records.push(record(red(1, "b", payload)));
    batch.blobs.push(payload.to_vec());
    batch.records.extend([
        Record::Transition(Transitioned { check: "b".into(), at: at(2), from: "ok".into(), to: "failing".into() }),
        Record::Proved(Proved {
            check: "b".into(),
            at: at(3),
            look_hash: look("look"),
            claim_hash: look("claim"),
            caught: (8, 9),
            seen_red: (3, 3),
            passed: (5, 5),
        }),
        note(4, "a line\nand another"),
        Record::Checkpoint(Checkpoint { at: at(5), before: at(-100), dropped: 0, bytes: 0 }),
    ]);
    batch
}
