//! `prove`: green observations broken, and what each check makes of it.

use serde_json::json;
use steadfast_core::plan::{Only, plan};
use steadfast_core::project::ProjectCheck;
use steadfast_engine::prove::{ProofOutcome, Proofs, Source};

use crate::toy::{Visits, all, project, runner, scripted, toy};

async fn proofs_of(checks: Vec<ProjectCheck>) -> Proofs {
    let project = project(checks);
    runner(&project).prove(&all(&project), Source::Now, &mut |_| {}).await
}

fn naive(id: &str, script: &str) -> ProjectCheck {
    let mut check = scripted(id, script);
    let word = script.split(' ').next().unwrap();
    check.check = toy(json!({ "name": id, "script": script, "expect": { "word": word } }));
    check
}

#[tokio::test(start_paused = true)]
async fn a_check_that_catches_all_is_proven_with_every_denominator() {
    let proofs = proofs_of(vec![scripted("a", "ok"), naive("b", "other")]).await;
    let totals = proofs.totals();
    // Each is put against the empty answer and the other's.
    assert_eq!((totals.caught, totals.seen_red, totals.passed), ((4, 4), (2, 2), (2, 2)));
    assert_eq!(proofs.exit().code(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_checks_answer_that_is_the_same_survives_and_that_holds() {
    let proofs = proofs_of(vec![scripted("a", "ok"), scripted("b", "ok")]).await;
    let ProofOutcome::Proof(proof) = &proofs.checks[0].outcome else { panic!("no proof: {proofs:#?}") };
    let survivors: Vec<_> = proof.survivors().map(|trial| trial.name.as_str()).collect();
    assert_eq!(survivors, ["answer of b"]);
    assert_eq!((proofs.exit().code(), proof.greens), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_red_now_cannot_be_proven_and_says_why() {
    let proofs = proofs_of(vec![scripted("a", "ok"), scripted("b", "refused")]).await;
    let ProofOutcome::NoGreen { why, findings } = &proofs.checks[1].outcome else { panic!("proven: {proofs:#?}") };
    assert_eq!((why.as_str(), &*findings[0].code), ("it does not pass now, but says fail", "refused"));
    assert_eq!(proofs.exit().code(), 3);
    assert_eq!(proofs_of(Vec::new()).await.exit().code(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_survivor_beats_a_missing_green() {
    let proofs = proofs_of(vec![scripted("a", "ok"), scripted("b", "ok"), scripted("c", "refused")]).await;
    assert_eq!(proofs.exit().code(), 1);
}

#[tokio::test(start_paused = true)]
async fn proving_one_check_looks_twice_at_it_and_once_at_every_harmless_other() {
    let mut writes = scripted("writes", "ok");
    writes.check = toy(json!({ "name": "writes", "script": "ok", "harmless": false, "expect": { "word": "ok" } }));
    let project = project(vec![scripted("a", "ok"), naive("b", "other"), writes]);
    let plan = plan(&project, None, &[Only::Id("a".into())], 1).unwrap();
    let runner = runner(&project);
    let proofs = runner.prove(&plan, Source::Now, &mut |_| {}).await;
    let visits = runner.world.resource::<Visits>();
    assert_eq!((visits.of("a"), visits.of("b"), visits.of("writes")), (2, 1, 0));
    assert_eq!(proofs.checks.len(), 1);
    assert_eq!(proofs.totals().caught, (2, 2));
}
