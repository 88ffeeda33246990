//! A campaign that cannot turn red proves nothing.

use fuzz_contract::campaign::{Planted, run};
use steadfast_contract::plan::bug::{Bug, Sound};

#[test]
fn every_planted_bug_turns_the_campaign_red() {
    let missed: Vec<Bug> =
        Bug::ALL.into_iter().filter(|bug| run(400_000, 7, 1, Planted(*bug)).disagreements.is_empty()).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn without_a_bug_the_campaign_is_green() {
    let tally = run(40_000, 11, 1, Sound);
    assert!(tally.disagreements.is_empty(), "{:?}", tally.disagreements);
    let name_cache = tally.name_cache;
    assert!(name_cache.valid > 500, "too few valid records to say anything: {}", name_cache.valid);
    assert!(tally.random.accepted > 500 && tally.random.rejected > 500, "{:?}", tally.random);
}
