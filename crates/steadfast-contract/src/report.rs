//! What a run is told as: the same whether it was one run or the merge of parts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path as FilePath, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::baseline;
use crate::check::Ran;
use crate::comparison::Comparison;
use crate::contract::Profile;
use crate::finding::{Place, Severity};
use crate::freshness::{self, Fresh};
use crate::judge::Judge;
use crate::load::Done;
use crate::regression::Regression;
use crate::states::State;
use crate::tally::Tally;

/// Whether the data holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It does.
    Holds,
    /// It does not.
    Broken,
    /// It cannot be told.
    CannotTell,
}

/// A finding, with its line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// The input.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// Bytes of the (uncompressed) input before the record.
    pub byte: u64,
    /// The record's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The way to the value.
    pub path: String,
    /// The keyword.
    pub keyword: String,
    /// What the contract wants.
    pub expected: String,
    /// What is there.
    pub seen: String,
    /// How much it matters.
    pub severity: Severity,
}

/// Findings that are told as one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToldGroup {
    /// One line of text.
    pub text: String,
    /// Records.
    pub records: u64,
    /// Findings.
    pub findings: u64,
    /// The first of them.
    pub first: Told,
}

/// A watched path, and how many records were in which state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// The path.
    pub path: String,
    /// The state.
    pub state: State,
    /// What it means, in the contract's words.
    pub means: Option<String>,
    /// Records.
    pub records: u64,
}

/// Repairs that are told as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldRepair {
    /// The path with `[]` and `{*}`.
    pub path: String,
    /// What was done.
    pub done: Done,
    /// How often.
    pub repairs: u64,
}

/// Two records with one key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Duplicate {
    /// The key.
    pub key: String,
    /// The first record: file and line.
    pub first: (String, u64),
    /// The second.
    pub again: (String, u64),
}

/// A promise of the data set as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Promise {
    /// In words.
    pub promise: String,
    /// What was found.
    pub seen: String,
    /// Whether it is kept.
    pub holds: bool,
}

/// Everything there is to tell. Times and rates are not part of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// See [`Outcome`].
    pub outcome: Outcome,
    /// The contract's file.
    pub contract: String,
    /// The profile.
    pub profile: &'static str,
    /// The inputs.
    pub files: Vec<String>,
    /// Records.
    pub records: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Records that do not hold.
    pub bad: u64,
    /// Records with findings that do not break a gate.
    pub warned: u64,
    /// Records that could not be judged.
    pub unsure: u64,
    /// Records that hold once they are repaired (profile `load`; they are not among the bad).
    pub repaired: u64,
    /// What was repaired, by path; the most frequent first.
    pub repairs: Vec<ToldRepair>,
    /// Records longer than is judged (they are among the bad).
    pub oversized: u64,
    /// Records that were judged again on the slow path.
    pub judged_again: u64,
    /// All findings.
    pub findings_in_all: u64,
    /// Findings, told together; the most frequent first.
    pub groups: Vec<ToldGroup>,
    /// The first findings, one by one.
    pub findings: Vec<Told>,
    /// Keys that stand twice, in all.
    pub duplicates: u64,
    /// The first of them.
    pub duplicate_keys: Vec<Duplicate>,
    /// Records without a key.
    pub keyless: u64,
    /// States that the contract counts.
    pub states: Vec<Counted>,
    /// Promises of the data set as a whole.
    pub promises: Vec<Promise>,
    /// Freshness, where it was asked for.
    pub freshness: Option<Fresh>,
    /// The comparison with the last accepted release.
    pub regression: Option<Regression>,
    /// Why something could not be told.
    pub cannot_tell: Vec<String>,
    /// Rules of the envelope that nothing here judges.
    pub not_judged: Vec<String>,
    /// Annotations that are not ours.
    pub foreign_annotations: Vec<String>,
}

/// What to compare with and what to write.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The sidecar of the last accepted release.
    pub baseline: Option<PathBuf>,
    /// The last accepted release itself.
    pub previous: Option<PathBuf>,
    /// Where the sidecar of this release goes, if it holds.
    pub write_baseline: Option<PathBuf>,
    /// Keep the keys in the sidecar.
    pub keep_keys: bool,
    /// What is taken on: path (or `gone`, `new`) and how many.
    pub accepted: BTreeMap<String, u64>,
    /// The moment of judging.
    pub at: Option<Timestamp>,
    /// Findings and keys that are told one by one.
    pub keep: usize,
}

/// What was written besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The baseline: bytes, and of those the keys.
    pub baseline: Option<(u64, u64)>,
}

/// Tells what a run came to, and writes the baseline if it holds. What could not be read or written is among what is
/// told: nothing that was judged is lost with it.
pub fn tell(judge: &Judge<'_>, mut ran: Ran, asked: &Asked, comparison: Option<Comparison>) -> (Report, Written) {
    let contract = judge.contract;
    let mut tally = std::mem::take(&mut ran.tally);
    let files = ran.files.clone();
    let mut written = Written::default();
    let told = |tally: &Tally, place: Place| (name_of(&files, place.file), tally.line(place));

    let mut doubled = Doubled::default();
    let mut regression = None;
    if let Some(why) = ran.keys_lost.take() {
        tally.reason(why);
    } else if judge.keyed {
        match Doubled::among(&mut ran, asked.keep) {
            Ok(found) => doubled = found,
            Err(why) => tally.reason(format!("the keys cannot be read back from their temporary file: {why}")),
        }
        if let Some(comparison) = comparison {
            for doubt in &comparison.doubts {
                tally.reason(format!("the earlier release: {doubt}; what else was in it is not known"));
            }
            match comparison.of(judge, &mut ran) {
                Ok(compared) => regression = Some(compared),
                Err(why) => tally.reason(why),
            }
        }
    }
    let duplicates = doubled.count;
    let duplicate_keys = doubled.first.into_iter().map(|(first, again, key)| Duplicate {
        key: crate::key::spelt(&key),
        first: told(&tally, first),
        again: told(&tally, again),
    });
    let duplicate_keys = duplicate_keys.collect();

    let gate = judge.profile == Profile::Gate;
    let mut promises = Vec::new();
    let mut fresh = None;
    let allowed = contract.envelope.as_ref().and_then(|envelope| envelope.quarantine_ratio).filter(|_| gate);
    if gate {
        for rule in contract.envelope.iter().flat_map(|envelope| &envelope.rows) {
            let promise = match (rule.min, rule.max) {
                (min, u64::MAX) => format!("at least {min} records"),
                (0, max) => format!("at most {max} records"),
                (min, max) => format!("{min} to {max} records"),
            };
            let holds = (rule.min..=rule.max).contains(&tally.records);
            promises.push(Promise { promise, seen: tally.records.to_string(), holds });
        }
        if let Some(ratio) = allowed {
            let seen = tally.bad as f64 / tally.records.max(1) as f64;
            promises.push(Promise {
                promise: format!("at most {} % of the records bad", ratio * 100.0),
                seen: format!("{:.4} %", seen * 100.0),
                holds: seen <= ratio && tally.critical == 0,
            });
        }
        if let Some(promise) = contract.freshness().filter(|_| judge.timed) {
            let at = asked.at.unwrap_or_else(Timestamp::now);
            let judged = freshness::judge(&promise, &tally.times, at);
            promises.push(Promise {
                promise: format!("the newest {} is at most {} old", promise.path, age(promise.max_age as i64)),
                seen: judged.age_seconds.map_or_else(|| "no time in any record".to_owned(), age),
                holds: judged.holds == Some(true),
            });
            fresh = Some(judged);
        }
    }

    let broken = (tally.bad > 0 && allowed.is_none())
        || tally.keyless > 0
        || duplicates > 0
        || promises.iter().any(|promise| !promise.holds)
        || regression.as_ref().is_some_and(|regression| !regression.holds());
    if tally.records == 0 && tally.reasons.is_empty() {
        tally.reason("there is no record: nothing was judged".to_owned());
    }
    let mut outcome = if broken {
        Outcome::Broken
    } else if !tally.reasons.is_empty() || tally.unsure > 0 {
        Outcome::CannotTell
    } else {
        Outcome::Holds
    };
    if let Some(target) = asked.write_baseline.as_ref().filter(|_| judge.keyed && outcome == Outcome::Holds) {
        match write_baseline(judge, &mut ran, target, asked) {
            Ok(sizes) => written.baseline = Some(sizes),
            Err(why) => {
                tally.reason(format!("{why}; it stays as it was"));
                outcome = Outcome::CannotTell;
            }
        }
    }

    let show = |tally: &Tally, finding: &crate::finding::Finding| {
        let (file, line) = told(tally, finding.place);
        Told {
            file,
            line,
            byte: finding.place.offset,
            key: finding.key.clone(),
            path: finding.path.clone(),
            keyword: finding.keyword.clone(),
            expected: finding.expected.clone(),
            seen: finding.seen.clone(),
            severity: finding.severity,
        }
    };
    let mut groups: Vec<ToldGroup> = tally
        .groups
        .iter()
        .map(|(key, group)| ToldGroup {
            text: in_words(key, &group.first.seen, &group.first.seen_kind),
            records: group.records,
            findings: group.findings,
            first: show(&tally, &group.first),
        })
        .collect();
    groups.sort_by(|one, other| {
        (std::cmp::Reverse(one.records), one.first.line, &one.text).cmp(&(
            std::cmp::Reverse(other.records),
            other.first.line,
            &other.text,
        ))
    });
    let states = judge
        .meanings
        .counted()
        .map(|(watch, state)| {
            let path = &judge.trie.watched[watch];
            Counted {
                path: path.to_string(),
                state,
                means: contract.means(path, state).map(str::to_owned),
                records: tally.states.get(watch).map_or(0, |counts| counts[state as usize]),
            }
        })
        .collect();
    let repairs = tally.repairs.iter();
    let mut repairs: Vec<ToldRepair> = repairs
        .map(|((path, done), repairs)| ToldRepair { path: path.clone(), done: *done, repairs: *repairs })
        .collect();
    repairs.sort_by_key(|told| std::cmp::Reverse(told.repairs));
    let envelope = contract.envelope.as_ref();
    let report = Report {
        outcome,
        contract: contract.name.clone(),
        profile: judge.profile.name(),
        records: tally.records,
        bytes: tally.bytes,
        blank_lines: tally.blank,
        bad: tally.bad,
        warned: tally.warned,
        unsure: tally.unsure,
        repaired: tally.repaired,
        repairs,
        oversized: tally.oversized,
        judged_again: tally.slow,
        findings_in_all: tally.found,
        groups,
        findings: tally.findings.iter().take(asked.keep).map(|finding| show(&tally, finding)).collect(),
        duplicates,
        duplicate_keys,
        keyless: tally.keyless,
        states,
        promises,
        freshness: fresh,
        regression,
        cannot_tell: tally.reasons.clone(),
        not_judged: envelope.map(|envelope| envelope.not_judged.clone()).unwrap_or_default(),
        foreign_annotations: contract.foreign.clone(),
        files: files.clone(),
    };
    (report, written)
}

/// Keys that stand twice.
#[derive(Default)]
struct Doubled {
    count: u64,
    /// The first of them: first and second place, and the key.
    first: Vec<(Place, Place, Box<[u8]>)>,
}

impl Doubled {
    fn among(ran: &mut Ran, keep: usize) -> io::Result<Doubled> {
        let mut found = Doubled::default();
        // The last key that was new.
        let mut last: Option<(u64, Place)> = None;
        let mut last_key: Vec<u8> = Vec::new();
        let in_order = |(first, again, _): &(Place, Place, Box<[u8]>)| (*again, *first);
        ran.keyed(|entry| {
            if let Some((fingerprint, first)) = last
                && fingerprint == entry.fingerprint
                && last_key == entry.key
            {
                found.count += 1;
                found.first.push((first, entry.place, entry.key.into()));
                if found.first.len() > keep.saturating_mul(2).max(64) {
                    found.first.sort_unstable_by_key(in_order);
                    found.first.truncate(keep);
                }
                return Ok(());
            }
            last = Some((entry.fingerprint, entry.place));
            last_key.clear();
            last_key.extend_from_slice(entry.key);
            Ok(())
        })?;
        found.first.sort_unstable_by_key(in_order);
        found.first.truncate(keep);
        Ok(found)
    }
}

fn name_of(files: &[String], file: u32) -> String {
    files.get(file as usize).cloned().unwrap_or_default()
}

/// One line for a group of findings.
fn in_words(key: &crate::tally::GroupKey, seen: &str, seen_kind: &str) -> String {
    let (pattern, expected) = (&key.pattern, &key.expected);
    match key.keyword.as_str() {
        "type" => format!("{pattern}: {seen_kind} where {expected} expected"),
        "required" => format!("{pattern}: missing"),
        "additionalProperties" | "unevaluatedProperties" => format!("{pattern}: no such member in the contract"),
        "json" | "utf8" | "depth" | "csv" => format!("(record) {expected}"),
        "maxRecord" => format!("(record) longer than is judged: {expected}"),
        "duplicateKey" => format!("{pattern}: the same member twice in one object"),
        "x-key" => format!("{pattern}: no key"),
        "x-states" => format!("{pattern}: {seen_kind}, expected {expected}"),
        keyword => format!("{pattern}: {seen}, expected {expected} ({keyword})"),
    }
}

/// Seconds in words: `2 d 3 h`.
pub fn age(seconds: i64) -> String {
    let (sign, seconds) = if seconds < 0 { ("-", -seconds) } else { ("", seconds) };
    let (days, hours, minutes) = (seconds / 86_400, seconds % 86_400 / 3600, seconds % 3600 / 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{seconds} s"),
        (0, 0, minutes) => format!("{sign}{minutes} min"),
        (0, hours, minutes) => format!("{sign}{hours} h {minutes} min"),
        (days, 0, _) => format!("{sign}{days} d"),
        (days, hours, _) => format!("{sign}{days} d {hours} h"),
    }
}

/// Writes the sidecar of a release.
pub(crate) fn write_baseline(
    judge: &Judge<'_>,
    ran: &mut Ran,
    target: &FilePath,
    asked: &Asked,
) -> Result<(u64, u64), String> {
    if let Some(why) = ran.keys_lost.take() {
        return Err(format!("{}: {why}", target.display()));
    }
    let paths = judge.followed_paths().iter().map(ToString::to_string).collect();
    let at = asked.at.unwrap_or_else(Timestamp::now).to_string();
    let files = ran.files.clone();
    baseline::write(target, judge.contract.key_paths(), paths, &ran.gathered, asked.keep_keys, files, at)
}

/// Makes a sidecar, with keys, of an earlier release that is at hand.
pub fn sidecar_of(judge: &Judge<'_>, mut ran: Ran, target: &FilePath) -> Result<(), String> {
    let asked = Asked { keep_keys: true, ..Asked::default() };
    write_baseline(judge, &mut ran, target, &asked).map(drop)
}
