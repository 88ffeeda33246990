//! Proofs: the record of which impostors a check caught, which expectations were seen red, which variations passed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::observation::Outcome;

/// A named, realistic way to change an observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Sabotage<S> {
    /// What it is called: `login-page`, `answer of queue-drains`.
    pub name: String,
    /// Which outage class or incident it re-enacts, or why a variation is benign.
    pub story: &'static str,
    /// What would be seen.
    pub outcome: Outcome<S>,
}

impl<S> Sabotage<S> {
    /// One that changes what is seen.
    pub fn seen(name: impl Into<String>, story: &'static str, seen: S) -> Sabotage<S> {
        Sabotage { name: name.into(), story, outcome: Outcome::Seen(seen) }
    }
}

/// The smallest change that must trip one expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct Breakage<S> {
    /// The expectation, named as in [`Finding::claim`](crate::finding::Finding::claim).
    pub claim: String,
    /// The change.
    pub sabotage: Sabotage<S>,
}

impl<S> Breakage<S> {
    /// One that changes what is seen.
    pub fn new(claim: impl Into<String>, name: impl Into<String>, story: &'static str, seen: S) -> Breakage<S> {
        Breakage { claim: claim.into(), sabotage: Sabotage::seen(name, story, seen) }
    }
}

/// Content that no expectation reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclaimed {
    /// How many fields there are.
    pub of: usize,
    /// Those that nothing reads.
    pub fields: Vec<String>,
}

/// What came of one sabotage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The sabotage's name.
    pub name: String,
    /// What it re-enacts.
    pub story: String,
    /// The verdict's word.
    pub verdict: String,
    /// Which expectations spoke up.
    pub by: Vec<String>,
}

impl Trial {
    /// Whether the check stayed green.
    pub fn passed(&self) -> bool {
        self.verdict == "pass"
    }
}

/// What is known of one expectation's ability to fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimProof {
    /// The expectation.
    pub claim: String,
    /// The changes under which it spoke up itself. Empty: a dead expectation.
    pub red_by: Vec<String>,
}

/// What to add to the configuration, so that survivors are caught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The keys to set under the check's `expect`, complete.
    pub expect: Value,
    /// The survivors that this catches.
    pub catches: Vec<String>,
}

/// All that was learnt of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Whole answers that look alive and are wrong.
    pub impostors: Vec<Trial>,
    /// Every expectation.
    pub expectations: Vec<ClaimProof>,
    /// Benign changes.
    pub variations: Vec<Trial>,
    /// What nothing reads.
    pub unclaimed: Unclaimed,
    /// What would catch the survivors. `None` where there are survivors: nothing stable was found that would.
    pub suggestion: Option<Suggestion>,
    /// How many observations, taken apart, the suggestion rests on.
    pub greens: usize,
}

impl Proof {
    /// The impostors that the check took for the real thing.
    pub fn survivors(&self) -> impl Iterator<Item = &Trial> {
        self.impostors.iter().filter(|trial| trial.passed())
    }

    /// The expectations that nothing trips.
    pub fn dead(&self) -> impl Iterator<Item = &ClaimProof> {
        self.expectations.iter().filter(|claim| claim.red_by.is_empty())
    }

    /// The benign changes under which the check went red.
    pub fn brittle(&self) -> impl Iterator<Item = &Trial> {
        self.variations.iter().filter(|trial| !trial.passed())
    }

    /// Whether the check is shown to be able to fail, and only when it should.
    pub fn holds(&self) -> bool {
        self.survivors().next().is_none() && self.dead().next().is_none() && self.brittle().next().is_none()
    }
}
