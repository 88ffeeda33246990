//! Every bug that is planted in the prover must turn the campaign red, and the prover as it is must not.

use std::sync::atomic::AtomicU64;

use fuzz_sqlite::campaign::{self, Plan, Tally};
use steadfast_sqlite::Planted;

fn check(planted: Planted, databases: u64, stop_at_first: bool) -> Tally {
    let plan = Plan { cases: databases * campaign::CASES_PER_DATABASE, seed: 7, threads: 1, planted, stop_at_first };
    campaign::run(&plan, 0, databases, &AtomicU64::new(0)).unwrap()
}

#[test]
fn the_prover_as_it_is_agrees_with_sqlite() {
    let tally = check(Planted::Nothing, 15, false);
    assert_eq!(tally.wrong, Vec::<String>::new());
    let faulty: u64 = tally.rows.values().map(|row| row.both_faulty).sum();
    assert!(faulty > 500, "the mutations must hurt: {tally:?}");
}

#[test]
fn every_planted_bug_turns_the_campaign_red() {
    let unseen: Vec<&Planted> =
        Planted::ALL.iter().filter(|planted| check(**planted, 240, true).wrong_count() == 0).collect();
    assert_eq!(unseen, Vec::<&Planted>::new());
}
