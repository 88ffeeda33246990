//! The laws of `prove`, over every kind: adding an expectation never adds a surviving impostor, and removing one never
//! removes any.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value};
use steadfast_checks::kinds::KINDS;
use steadfast_core::check::AnyKind;
use steadfast_core::observation::Outcome;

use crate::conformance::sighting;
use crate::scene::try_read_json;

/// The impostors that survive when the exemplar expects only these of its expectations.
fn survivors(kind: &dyn AnyKind, which: usize, kept: &[Vec<String>]) -> Option<BTreeSet<String>> {
    let specimens = kind.specimens();
    let specimen = &specimens[which % specimens.len()];
    let mut table: Value = toml::from_str(specimen.good).unwrap();
    table["expect"] = only(&table["expect"], kept, &mut Vec::new());
    let check = try_read_json(kind, &table).ok()?;
    let green = sighting(kind, &*check, Outcome::Seen(specimen.seen.clone()));
    let proof = check.prove(&[&green], &[]).unwrap();
    Some(proof.survivors().map(|trial| trial.name.clone()).collect())
}

/// These say how to read a date; they are no expectations themselves and stay with the one they belong to.
const READING: [&str; 2] = ["zone", "epoch"];

/// Every path to a leaf of the table of expectations; a list or a predicate's operand is a leaf.
fn expectations(expect: &Value) -> Vec<Vec<String>> {
    let Value::Object(map) = expect else { return vec![Vec::new()] };
    let below = |(key, value): (&String, &Value)| {
        expectations(value).into_iter().map(|path| [vec![key.clone()], path].concat()).collect::<Vec<_>>()
    };
    map.iter().filter(|(key, _)| !READING.contains(&key.as_str())).flat_map(below).collect()
}

fn only(expect: &Value, kept: &[Vec<String>], path: &mut Vec<String>) -> Value {
    let Value::Object(map) = expect else { return expect.clone() };
    let mut left = Map::new();
    for (key, value) in map {
        path.push(key.clone());
        let reading =
            READING.contains(&key.as_str()) && kept.iter().any(|keep| keep.starts_with(&path[..path.len() - 1]));
        if reading || kept.iter().any(|keep| keep.starts_with(path)) {
            left.insert(key.clone(), only(value, kept, path));
        }
        path.pop();
    }
    left.into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn more_expectations_never_let_more_impostors_through(
        kind in 0..KINDS.len(), which in 0..8_usize, few: u32, more: u32,
    ) {
        let kind = KINDS[kind];
        let specimens = kind.specimens();
        let table: Value = toml::from_str(specimens[which % specimens.len()].good).unwrap();
        let all = expectations(&table["expect"]);
        let chosen = |bits: u32| -> Vec<Vec<String>> {
            all.iter().enumerate().filter(|(i, _)| bits >> (i % 32) & 1 == 1).map(|(_, path)| path.clone()).collect()
        };
        // The second choice holds all of the first. A choice that cannot be read (no expectation, say) has no proof.
        let (fewer, larger) = (chosen(few), chosen(few | more));
        if let (Some(with_few), Some(with_more)) = (survivors(kind, which, &fewer), survivors(kind, which, &larger)) {
            let new: Vec<&String> = with_more.difference(&with_few).collect();
            prop_assert!(new.is_empty(), "{}: {fewer:?} catches {new:?}, {larger:?} does not", kind.name());
        }
    }
}

#[test]
fn the_law_is_about_choices_that_differ() {
    let differing = KINDS.iter().filter(|kind| {
        let table: Value = toml::from_str(kind.specimens()[0].good).unwrap();
        let all = expectations(&table["expect"]);
        let alone = all.iter().filter_map(|path| survivors(**kind, 0, std::slice::from_ref(path)));
        let counts: BTreeSet<usize> = alone.map(|survivors| survivors.len()).collect();
        counts.len() > 1 || counts.first().is_some_and(|count| *count > 0)
    });
    assert!(differing.count() >= 3, "single expectations that let impostors through are needed to test the law");
}
