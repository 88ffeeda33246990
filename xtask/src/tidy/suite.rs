//! The conformance suite of the rules: each is seen to trip where it should, and to let pass what it should.

use std::collections::{BTreeMap, BTreeSet};

use super::product::Pretend;
use super::rule::Report;
use super::tree::Tree;
use super::{RULES, Rule};

/// Files as `(path, text)`.
type Files = &'static [(&'static str, &'static str)];

/// What a rule says of itself.
pub(super) struct Exemplars {
    /// Trees with the places, `path:line`, at which the rule is to trip: all of them and no other.
    pub(super) trips: Vec<(Files, &'static [&'static str])>,
    /// Trees that it lets pass, the near misses above all.
    pub(super) passes: Vec<Files>,
}

fn tree(files: Files) -> Tree {
    let files: BTreeMap<_, _> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Tree::of(files, Box::new(Pretend))
}

#[test]
fn every_rule_trips_where_it_says_and_nowhere_else() {
    for rule in RULES {
        let trips = rule.exemplars().trips;
        assert!(!trips.is_empty(), "{} has no tree that trips it", rule.name());
        for (files, places) in trips {
            let report = Report::of(*rule, &tree(files));
            let seen: Vec<String> = report.findings().iter().map(|finding| finding.place()).collect();
            assert_eq!(seen, places, "{}: {:#?}", rule.name(), report.findings());
        }
    }
}

#[test]
fn every_rule_lets_pass_what_it_says() {
    for rule in RULES {
        let passes = rule.exemplars().passes;
        assert!(!passes.is_empty(), "{} has no tree that it lets pass", rule.name());
        for files in passes {
            let report = Report::of(*rule, &tree(files));
            assert!(report.findings().is_empty(), "{}: {:#?}", rule.name(), report.findings());
        }
    }
}

#[test]
fn every_rule_has_a_name_of_its_own_and_says_why() {
    let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), RULES.len());
    assert!(RULES.iter().all(|rule: &&dyn Rule| rule.why().len() > 20));
}
