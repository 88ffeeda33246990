//! What goes into the ledger, what `replay` and `prove --recorded` make of it, and a ledger in trouble.

use std::sync::Arc;

use serde_json::json;
use steadfast_core::ledger::{Filter, Ledger, Record};
use steadfast_core::measure::Lapse;
use steadfast_core::project::{Project, ProjectCheck, Retry};
use steadfast_engine::prove::{ProofOutcome, Source};
use steadfast_engine::replay::replay;
use steadfast_engine::run::{Event, Ran};
use steadfast_engine::stop::Stop;
use steadfast_ledger::sqlite::{Options, SqliteLedger};

use crate::toy::{Visits, all, project, runner, scripted, toy};

struct Store {
    ledger: Arc<dyn Ledger>,
    _folder: tempfile::TempDir,
}

fn store() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger.db"), Options::default()).unwrap();
    Store { ledger: Arc::new(ledger), _folder: folder }
}

async fn run(project: &Arc<Project>, ledger: Arc<dyn Ledger>) -> Ran {
    let mut runner = runner(project);
    runner.ledger = Some(ledger);
    runner.run(&all(project), &mut |_: &Event<'_>| {}).await
}

async fn records(ledger: &dyn Ledger) -> Vec<Record> {
    ledger.read(Filter::default(), 0, 1000).await.unwrap().into_iter().map(|entry| entry.record).collect()
}

/// `check verdict keep` of every observation, in order.
async fn kept(ledger: &dyn Ledger) -> Vec<String> {
    let of = |record: Record| match record {
        Record::Observed(o) => Some(format!("{} {} {:?}", o.check, o.verdict.word(), o.keep)),
        _ => None,
    };
    records(ledger).await.into_iter().filter_map(of).collect()
}

// The clock runs: it is the ledger's own thread that answers, and a paused clock would not wait for it.
#[tokio::test]
async fn a_run_is_recorded_from_its_beginning_to_its_decision() {
    let store = store();
    let project = project(vec![scripted("a", "ok"), scripted("b", "wrong")]);
    let ran = run(&project, Arc::clone(&store.ledger)).await;
    assert_eq!(ran.warnings, Vec::<String>::new());
    let records = records(&*store.ledger).await;
    assert_eq!(records.first(), Some(&Record::RunBegan(ran.began.clone())));
    assert_eq!(records.last(), Some(&Record::RunEnded(ran.ended.clone())));
    assert_eq!((records.len(), ran.ended.decision.as_str()), (4, "hold"));
    assert_eq!(ran.ended.failed, ["b"]);
    assert_eq!(store.ledger.verify(None).await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_payload_is_kept_for_fails_unknowns_and_changes_and_for_the_newest_green() {
    let store = store();
    let project = project(vec![scripted("c", "ok ok wrong ok blind")]);
    // One World, so that the script goes on from run to run.
    let mut runner = runner(&project);
    runner.ledger = Some(Arc::clone(&store.ledger));
    for _ in 0..5 {
        runner.run(&all(&project), &mut |_: &Event<'_>| {}).await;
    }
    assert_eq!(
        kept(&*store.ledger).await,
        [
            "c pass WhileNewestGreen",
            "c pass WhileNewestGreen",
            "c fail UntilPruned",
            "c pass UntilPruned",
            "c unknown UntilPruned"
        ]
    );
}

#[tokio::test]
async fn every_try_is_recorded() {
    let store = store();
    let mut check = scripted("flaky", "wrong ok");
    check.retry = Retry { attempts: 2, delay: Lapse(std::time::Duration::from_millis(1)), writes: false };
    run(&project(vec![check]), Arc::clone(&store.ledger)).await;
    assert_eq!(kept(&*store.ledger).await, ["flaky fail UntilPruned", "flaky pass UntilPruned"]);
}

#[tokio::test]
async fn an_interrupted_run_is_recorded_with_what_was_seen() {
    let store = store();
    let project = project(vec![scripted("quick", "ok"), scripted("hanging", "hang")]);
    let (switch, stop) = Stop::pair();
    let mut runner = runner(&project);
    (runner.stop, runner.ledger) = (stop, Some(Arc::clone(&store.ledger)));
    runner
        .run(&all(&project), &mut |event: &Event<'_>| {
            if let Event::CheckSeen { .. } = event {
                switch.stop();
            }
        })
        .await;
    assert_eq!(kept(&*store.ledger).await, ["quick pass WhileNewestGreen"]);
    let Some(Record::RunEnded(ended)) = records(&*store.ledger).await.pop() else { panic!("the run has no end") };
    assert_eq!(ended.decision, "interrupted");
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_changes_no_verdict_and_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(SqliteLedger::open(&path, Options::default()).unwrap());
    let project = project(vec![scripted("a", "ok"), scripted("b", "wrong")]);
    // Opened for reading it refuses to write, as on a read-only disk.
    let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open_for_reading(&path, Options::default()).unwrap());
    let ran = run(&project, ledger).await;
    assert_eq!(ran.decision.word(), "hold");
    assert_eq!(ran.checks.len(), 2);
    assert_eq!(ran.warnings.len(), 1);
    assert!(ran.warnings[0].starts_with("nothing was recorded: the ledger cannot be written"), "{:?}", ran.warnings);
}

fn page(expect: serde_json::Value) -> ProjectCheck {
    let mut check = scripted("page", "");
    check.check = toy(json!({ "name": "page", "script": "gone", "expect": expect }));
    check
}

#[tokio::test]
async fn an_expectation_added_later_catches_the_recorded_incident() {
    let store = store();
    // `gone` passes the check of that day.
    let then = project(vec![page(json!({ "word": "gone" }))]);
    run(&then, Arc::clone(&store.ledger)).await;
    let again = async |project: &Project| {
        replay(project, &*store.ledger, &Filter::default(), &Stop::never(), &mut |_| {}).await.unwrap()
    };
    let same = again(&then).await;
    assert_eq!((same.exit().code(), same.judged), (0, 1));
    let today = again(&project(vec![page(json!({ "word": "ok" }))])).await;
    assert_eq!((today.exit().code(), today.judged), (1, 1));
    let difference = &today.differences[0];
    assert_eq!((difference.recorded.as_str(), difference.today), ("pass", "fail"));
    assert_eq!(difference.findings[0].claim, "word");
}

#[tokio::test]
async fn what_replay_cannot_judge_is_counted_by_its_reason() {
    let store = store();
    let project_then = project(vec![scripted("a", "ok"), scripted("b", "ok"), scripted("c", "ok")]);
    for _ in 0..2 {
        run(&project_then, Arc::clone(&store.ledger)).await;
    }
    let elsewhere = scripted("b", "ok ok");
    let today = project(vec![scripted("a", "ok"), elsewhere]);
    let replayed = replay(&today, &*store.ledger, &Filter::default(), &Stop::never(), &mut |_| {}).await.unwrap();
    // The older green observation made room for the newer.
    assert_eq!((replayed.judged, replayed.not_kept, replayed.exit().code()), (1, 1, 0));
    let reasons: Vec<_> = replayed.not_comparable.iter().map(|(why, count)| format!("{count} {why}")).collect();
    assert_eq!(reasons, ["2 `b` looks at something else now", "2 no check is called `c` any more"]);
    let nothing = project(Vec::new());
    let replayed = replay(&nothing, &*store.ledger, &Filter::default(), &Stop::never(), &mut |_| {}).await.unwrap();
    assert_eq!(replayed.exit().code(), 3);
}

#[tokio::test]
async fn proving_from_the_ledger_looks_at_nothing() {
    let store = store();
    let project = project(vec![scripted("a", "ok"), scripted("never-green", "wrong")]);
    run(&project, Arc::clone(&store.ledger)).await;
    let mut runner = runner(&project);
    runner.ledger = Some(Arc::clone(&store.ledger));
    let proofs = runner.prove(&all(&project), Source::Recorded, &mut |_| {}).await;
    assert_eq!(runner.world.resource::<Visits>().of("a"), 0);
    assert!(matches!(proofs.checks[0].outcome, ProofOutcome::Proof(_)));
    assert!(matches!(proofs.checks[1].outcome, ProofOutcome::NoGreen { .. }));
    assert_eq!(proofs.exit().code(), 3);
    let Some(Record::Proved(proved)) = records(&*store.ledger).await.pop() else {
        panic!("the proof was not recorded")
    };
    assert_eq!((proved.check.as_str(), proved.caught, proved.seen_red, proved.passed), ("a", (1, 1), (1, 1), (1, 1)));
}
