//! What a run adds up to, in a form that can be added to another's: blocks of one run, and parts of one data set.
//!
//! Adding is associative and does not care for order: counts are sums, examples are the first by place, and a place names
//! its stretch, so that lines need no base until everything is together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Place};
use crate::load::Done;

/// What findings have in common that are told as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupKey {
    /// The path with `[]` and `{*}`.
    pub pattern: String,
    /// The keyword.
    pub keyword: String,
    /// What the contract wants.
    pub expected: String,
    /// The sort of value that is there, where the keyword is about sorts.
    pub seen_kind: String,
    /// How much it matters.
    pub severity: crate::finding::Severity,
}

/// Findings that are told as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Records with such a finding.
    pub records: u64,
    /// Such findings.
    pub findings: u64,
    /// The first of them.
    pub first: Finding,
}

/// Times of the records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Seconds of the newest.
    pub newest: Option<i64>,
    /// Seconds of the oldest.
    pub oldest: Option<i64>,
    /// Records without a time that can be read.
    pub without: u64,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Blank lines.
    pub blank: u64,
    /// Bytes of records and what stands between them, uncompressed.
    pub bytes: u64,
    /// Records that do not hold.
    pub bad: u64,
    /// Records with findings that do not break.
    pub warned: u64,
    /// Records that could not be judged.
    pub unsure: u64,
    /// Records with a finding of severity critical.
    pub critical: u64,
    /// Records that the plan did not accept alone.
    pub slow: u64,
    /// Records that hold once they are repaired (profile `load`).
    pub repaired: u64,
    /// Repairs by path and by what was done.
    #[serde(with = "pairs")]
    pub repairs: BTreeMap<(String, Done), u64>,
    /// Records longer than is judged.
    pub oversized: u64,
    /// Records without a key.
    pub keyless: u64,
    /// Why something could not be told; at most [`REASONS`].
    pub reasons: Vec<String>,
    /// Lines by (file, stretch).
    #[serde(with = "pairs")]
    pub lines: BTreeMap<(u32, u32), u64>,
    /// Findings told as one.
    #[serde(with = "pairs")]
    pub groups: BTreeMap<GroupKey, Group>,
    /// The first findings, sorted.
    pub findings: Vec<Finding>,
    /// All findings.
    pub found: u64,
    /// Records by watched path and state.
    pub states: Vec<[u64; 4]>,
    /// See [`Times`].
    pub times: Times,
}

/// Reasons that are kept.
pub const REASONS: usize = 20;
/// Groups that are kept apart.
const GROUPS: usize = 5_000;

impl Tally {
    /// Adds another tally; at most `keep` findings stay.
    pub fn add(&mut self, mut other: Tally, keep: usize) {
        self.records += other.records;
        self.blank += other.blank;
        self.bytes += other.bytes;
        self.bad += other.bad;
        self.warned += other.warned;
        self.unsure += other.unsure;
        self.critical += other.critical;
        self.slow += other.slow;
        self.repaired += other.repaired;
        for (key, count) in other.repairs {
            self.note_repair(key, count);
        }
        self.oversized += other.oversized;
        self.keyless += other.keyless;
        self.found += other.found;
        for reason in other.reasons {
            self.reason(reason);
        }
        for (stretch, lines) in other.lines {
            *self.lines.entry(stretch).or_default() += lines;
        }
        for (key, group) in other.groups {
            self.group(key, group);
        }
        if !other.findings.is_empty() {
            self.findings.append(&mut other.findings);
            self.findings.sort_by(|one, other| order(one).cmp(&order(other)));
            self.findings.truncate(keep);
        }
        if self.states.len() < other.states.len() {
            self.states.resize(other.states.len(), [0; 4]);
        }
        for (ours, theirs) in self.states.iter_mut().zip(&other.states) {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        }
        self.times.newest = self.times.newest.max(other.times.newest);
        self.times.oldest = match (self.times.oldest, other.times.oldest) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.times.without += other.times.without;
    }

    /// Notes a reason once.
    pub fn reason(&mut self, reason: String) {
        if let Err(at) = self.reasons.binary_search(&reason) {
            self.reasons.insert(at, reason);
            self.reasons.truncate(REASONS);
        }
    }

    /// Adds repairs of one sort.
    pub(crate) fn note_repair(&mut self, key: (String, Done), count: u64) {
        *self.repairs.entry(key).or_default() += count;
        if self.repairs.len() > GROUPS {
            self.repairs.pop_last();
        }
    }

    /// Adds the findings of one record.
    pub(crate) fn note(&mut self, findings: Vec<Finding>, keep: usize) {
        self.found += findings.len() as u64;
        // A record may have a hundred thousand of them, each of its own kind.
        let mut told: BTreeMap<GroupKey, (u64, Finding)> = BTreeMap::new();
        for finding in findings {
            let about_sorts = matches!(finding.keyword.as_str(), "type" | "x-states");
            let key = GroupKey {
                pattern: finding.pattern.clone(),
                keyword: finding.keyword.clone(),
                expected: finding.expected.clone(),
                seen_kind: if about_sorts { finding.seen_kind.clone() } else { String::new() },
                severity: finding.severity,
            };
            if self.findings.len() < keep {
                self.findings.push(finding.clone());
            }
            told.entry(key).or_insert((0, finding)).0 += 1;
            if told.len() > GROUPS {
                // It would be the first to go below.
                told.pop_last();
            }
        }
        for (key, (findings, first)) in told {
            self.group(key, Group { records: 1, findings, first });
        }
    }

    fn group(&mut self, key: GroupKey, group: Group) {
        match self.groups.get_mut(&key) {
            Some(known) => {
                known.records += group.records;
                known.findings += group.findings;
                if order(&group.first) < order(&known.first) {
                    known.first = group.first;
                }
            }
            None => {
                self.groups.insert(key, group);
                while self.groups.len() > GROUPS {
                    // The greatest key goes, whatever the order of adding: the rest is counted in `found`.
                    self.groups.pop_last();
                }
            }
        }
    }

    /// The line of a place, from 1.
    pub fn line(&self, place: Place) -> u64 {
        let before = self.lines.range((place.file, 0)..(place.file, place.stretch));
        before.map(|(_, lines)| lines).sum::<u64>() + place.line + 1
    }

    /// One stretch per file: what a part is told as.
    pub(crate) fn into_stretch(mut self, stretch: u32) -> Tally {
        let moved = |place: &mut Place, tally: &Tally| {
            place.line = tally.line(*place) - 1;
            place.stretch = stretch;
        };
        let shape = Tally { lines: self.lines.clone(), ..Tally::default() };
        self.findings.iter_mut().for_each(|finding| moved(&mut finding.place, &shape));
        self.groups.values_mut().for_each(|group| moved(&mut group.first.place, &shape));
        let mut lines = BTreeMap::new();
        for ((file, _), count) in &self.lines {
            *lines.entry((*file, stretch)).or_default() += count;
        }
        self.lines = lines;
        self
    }
}

fn order(finding: &Finding) -> (Place, &str, &str, &str) {
    (finding.place, &finding.path, &finding.keyword, &finding.expected)
}

/// Maps whose keys are no text, as lists of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}
