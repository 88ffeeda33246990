//! Verdicts: pass, fail, or unknown; and how several judgements become one.

use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding, Side};

/// What a check's judgement came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "findings", rename_all = "lowercase")]
pub enum Verdict {
    /// Every expectation holds.
    Pass,
    /// At least one does not; whatever could not be judged stands behind it.
    Fail(Vec<Finding>),
    /// None is known to fail, and at least one could not be judged.
    Unknown(Vec<Finding>),
}

impl Verdict {
    /// Its word.
    pub const fn word(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail(_) => "fail",
            Verdict::Unknown(_) => "unknown",
        }
    }

    /// What it found; nothing for a pass.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Verdict::Pass => &[],
            Verdict::Fail(findings) | Verdict::Unknown(findings) => findings,
        }
    }

    /// What it found, to be kept.
    pub fn into_findings(self) -> Vec<Finding> {
        match self {
            Verdict::Pass => Vec::new(),
            Verdict::Fail(findings) | Verdict::Unknown(findings) => findings,
        }
    }

    /// Whether every expectation holds.
    pub const fn is_pass(&self) -> bool {
        matches!(self, Verdict::Pass)
    }
}

/// Judgements being gathered: fail beats unknown beats pass.
#[derive(Debug, Default)]
pub struct Judgement {
    fails: Vec<Finding>,
    unknowns: Vec<Finding>,
}

impl Judgement {
    /// Adds a finding; its code says which side it is on.
    pub fn add(&mut self, code: Code, fill: impl FnOnce(Finding) -> Finding) {
        let finding = fill(Finding::new(code));
        match code.side {
            Side::Fail => self.fails.push(finding),
            Side::Unknown => self.unknowns.push(finding),
        }
    }

    /// Adds a finding that was made elsewhere.
    pub fn push(&mut self, side: Side, finding: Finding) {
        match side {
            Side::Fail => self.fails.push(finding),
            Side::Unknown => self.unknowns.push(finding),
        }
    }

    /// Adds all of another judgement, each finding changed on the way (its place made more precise, say).
    pub fn absorb(&mut self, inner: Judgement, change: impl Fn(Finding) -> Finding) {
        self.fails.extend(inner.fails.into_iter().map(&change));
        self.unknowns.extend(inner.unknowns.into_iter().map(&change));
    }

    /// Whether nothing was found yet.
    pub fn is_clean(&self) -> bool {
        self.fails.is_empty() && self.unknowns.is_empty()
    }

    /// The one verdict.
    pub fn verdict(self) -> Verdict {
        match (self.fails.is_empty(), self.unknowns.is_empty()) {
            (true, true) => Verdict::Pass,
            (true, false) => Verdict::Unknown(self.unknowns),
            (false, true | false) => Verdict::Fail(self.fails.into_iter().chain(self.unknowns).collect()),
        }
    }
}
