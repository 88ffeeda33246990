//! This release against the last accepted one, record by record: a hundred records that became empty are not made up for
//! by a hundred others that became populated.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use crate::check::resolved;
use crate::contract::annotations::{Limit, Transition};
use crate::finding::Place;
use crate::keyed::{Gathered, Keyed, read_word};
use crate::states::{Path, State};

/// A key of an earlier release: its fingerprint, its word, and itself if it is known.
pub(crate) type EarlierKey = (u64, u32, Option<Vec<u8>>);

/// The releases that are compared, as streams sorted by fingerprint.
pub(crate) trait Earlier {
    /// The next one.
    fn next(&mut self) -> io::Result<Option<EarlierKey>>;
}

impl Earlier for crate::baseline::Baseline {
    fn next(&mut self) -> io::Result<Option<(u64, u32, Option<Vec<u8>>)>> {
        crate::baseline::Baseline::next(self)
    }
}

/// One transition of one path.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Change {
    /// The path.
    pub path: String,
    /// `populatedToEmpty`, ...
    pub transition: String,
    /// Records that made it.
    pub records: u64,
    /// Records that were in the first state.
    pub of: u64,
    /// What the contract allows, in words; nothing where it has no rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// More than is allowed, and not accepted either.
    pub broken: bool,
    /// More than is allowed, and accepted with `--accept-regression`.
    pub accepted: bool,
    /// The first keys, in the order of this release.
    pub keys: Vec<String>,
    /// Records by attribution in this release: (who, records with this change, records of theirs in all).
    pub by: Vec<(String, u64, u64)>,
    #[serde(skip)]
    examples: Vec<(Place, Box<[u8]>)>,
    #[serde(skip)]
    made_by: BTreeMap<String, u64>,
}

/// Keys that are gone, or new.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Keys {
    /// How many.
    pub records: u64,
    /// What the contract allows, in words.
    pub allowed: String,
    /// More than is allowed, and not accepted either.
    pub broken: bool,
    /// More than is allowed, and accepted with `--accept-regression`.
    pub accepted: bool,
    /// The first names. Gone keys have names only if the earlier release is at hand or its keys were kept.
    pub keys: Vec<String>,
    /// Records by attribution.
    pub by: Vec<(String, u64)>,
}

/// The comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Regression {
    /// What this release was compared with.
    pub baseline: String,
    /// What the attribution is called: the last member of its path.
    pub attribution: Option<String>,
    /// Records of the earlier release.
    pub before: u64,
    /// Keyed records of this release.
    pub now: u64,
    /// Changes that a rule forbids or allows, and losses without a rule, the broken ones first.
    pub changes: Vec<Change>,
    /// Keys of the earlier release that this one has not got.
    pub gone: Keys,
    /// Keys that the earlier release had not got.
    pub new: Keys,
    /// Watched paths that the earlier release says nothing about.
    pub no_baseline_for: Vec<String>,
    /// `PATH=N` for what is broken: to be given to `--accept-regression` by whoever takes it on.
    pub to_accept: Vec<String>,
}

impl Regression {
    /// Whether everything is as the contract allows, or accepted.
    pub fn holds(&self) -> bool {
        !self.gone.broken && !self.new.broken && self.changes.iter().all(|change| !change.broken)
    }
}

/// What to compare by.
pub(crate) struct Rules {
    /// The followed paths of this release, in the order of its words.
    pub(crate) paths: Vec<Path>,
    pub(crate) rules: BTreeMap<Path, BTreeMap<Transition, Limit>>,
    pub(crate) gone: Limit,
    pub(crate) new: Limit,
    /// What was accepted: path (or `gone`, `new`) and how many.
    pub(crate) accepted: BTreeMap<String, u64>,
    /// Keys that are named.
    pub(crate) keep: usize,
}

/// Compares; also yields duplicates of this release: (first, again).
pub(crate) fn compare(
    rules: &Rules,
    earlier: &mut dyn Earlier,
    earlier_paths: &[String],
    earlier_words: &[(Vec<u8>, String)],
    gathered: &Gathered,
    bases: &[Vec<u64>],
) -> io::Result<Regression> {
    let here: Vec<Option<usize>> =
        rules.paths.iter().map(|path| earlier_paths.iter().position(|known| *known == path.to_string())).collect();
    let words: Vec<(Vec<State>, String)> =
        gathered.words.iter().map(|word| read_word(word, rules.paths.len())).collect();
    let mut work = Work {
        rules,
        here: &here,
        earlier_words,
        words: &words,
        counts: vec![[[0; 4]; 4]; rules.paths.len()],
        changes: BTreeMap::new(),
        gone: Tracked::default(),
        new: Tracked::default(),
        records: vec![0; words.len()],
        before: 0,
        now: 0,
    };
    let mut old = earlier.next()?;
    let mut last: Option<u64> = None;
    gathered.merged(|mut entry| {
        entry.place = resolved(entry.place, bases);
        work.now += 1;
        work.records[entry.word as usize] += 1;
        while let Some((fingerprint, word, key)) = &old
            && *fingerprint < entry.fingerprint
        {
            // A key that stands twice in the earlier release is gone once at most.
            if last != Some(*fingerprint) {
                work.gone(*word, key.as_deref());
            }
            work.before += 1;
            old = earlier.next()?;
        }
        match &old {
            Some((fingerprint, word, _)) if *fingerprint == entry.fingerprint => {
                work.pair(*word, &entry);
                work.before += 1;
                last = Some(entry.fingerprint);
                old = earlier.next()?;
            }
            // The second of two equal keys: a finding of its own, and nothing new.
            _ if last == Some(entry.fingerprint) => {}
            _ => {
                last = Some(entry.fingerprint);
                work.added(&entry);
            }
        }
        Ok(())
    })?;
    while let Some((fingerprint, word, key)) = old {
        if last != Some(fingerprint) {
            work.gone(word, key.as_deref());
        }
        work.before += 1;
        old = earlier.next()?;
    }
    Ok(work.told())
}

struct Work<'a> {
    rules: &'a Rules,
    here: &'a [Option<usize>],
    earlier_words: &'a [(Vec<u8>, String)],
    words: &'a [(Vec<State>, String)],
    counts: Vec<[[u64; 4]; 4]>,
    changes: BTreeMap<(usize, State, State), Change>,
    gone: Tracked,
    new: Tracked,
    /// Of this release, by word.
    records: Vec<u64>,
    before: u64,
    now: u64,
}

#[derive(Default)]
struct Tracked {
    records: u64,
    examples: Vec<(Place, Box<[u8]>)>,
    by: BTreeMap<String, u64>,
}

impl Work<'_> {
    fn gone(&mut self, word: u32, key: Option<&[u8]>) {
        self.gone.records += 1;
        let who = self.earlier_words.get(word as usize).map(|(_, who)| who.clone()).unwrap_or_default();
        *self.gone.by.entry(who).or_default() += 1;
        if let Some(key) = key
            && self.gone.examples.len() < self.rules.keep
        {
            self.gone.examples.push((Place { file: 0, stretch: 0, line: 0, offset: 0 }, key.into()));
        }
    }

    fn added(&mut self, entry: &Keyed<'_>) {
        self.new.records += 1;
        *self.new.by.entry(self.words[entry.word as usize].1.clone()).or_default() += 1;
        example(&mut self.new.examples, entry, self.rules.keep);
    }

    fn pair(&mut self, word: u32, entry: &Keyed<'_>) {
        let Some((before, _)) = self.earlier_words.get(word as usize) else { return };
        let (now, who) = &self.words[entry.word as usize];
        for (path, place) in self.here.iter().enumerate() {
            let Some(place) = place else { continue };
            let from = State::ALL[usize::from(before.get(*place).copied().unwrap_or_default() & 3)];
            let to = now[path];
            self.counts[path][from as usize][to as usize] += 1;
            if from == to {
                continue;
            }
            let change = self.changes.entry((path, from, to)).or_default();
            *change.made_by.entry(who.clone()).or_default() += 1;
            example(&mut change.examples, entry, self.rules.keep);
        }
    }

    fn told(self) -> Regression {
        let Work { rules, here, words, counts, mut changes, gone, new, records, before, now, .. } = self;
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        for ((_, who), records) in words.iter().zip(records) {
            *totals.entry(who).or_default() += records;
        }
        let mut regression = Regression { before, now, ..Regression::default() };
        for (path, place) in here.iter().enumerate() {
            if place.is_none() {
                regression.no_baseline_for.push(rules.paths[path].to_string());
            }
        }
        for (place, path) in rules.paths.iter().enumerate() {
            let of_path = rules.rules.get(path);
            // What is taken on is a number of records of the path, however many transitions they made.
            let limits = of_path.into_iter().flatten();
            let over: u64 = limits
                .map(|(transition, limit)| {
                    let from = &counts[place][transition.from as usize];
                    let records = from[transition.to as usize];
                    if limit.holds(records, from.iter().sum()) { 0 } else { records }
                })
                .sum();
            let taken = rules.accepted.get(&path.to_string()).is_some_and(|count| over <= *count);
            if over > 0 && !taken {
                regression.to_accept.push(format!("{path}={over}"));
            }
            for transition in Transition::all() {
                let records = counts[place][transition.from as usize][transition.to as usize];
                let limit = of_path.and_then(|rules| rules.get(&transition)).copied();
                // A loss is told even where no rule speaks of it; a gain is not news.
                if limit.is_none() && (records == 0 || transition.to >= transition.from) {
                    continue;
                }
                let of = counts[place][transition.from as usize].iter().sum();
                let mut change = changes.remove(&(place, transition.from, transition.to)).unwrap_or_default();
                let over = limit.is_some_and(|limit| !limit.holds(records, of));
                change.path = path.to_string();
                change.transition = transition.name();
                change.records = records;
                change.of = of;
                change.allowed = limit.map(|limit| limit.to_string());
                change.broken = over && !taken;
                change.accepted = over && taken;
                change.keys = named(&mut change.examples, rules.keep);
                change.by = change
                    .made_by
                    .iter()
                    .map(|(who, count)| (who.clone(), *count, totals.get(who.as_str()).copied().unwrap_or_default()))
                    .collect();
                change.by.sort_by_key(|(who, count, _)| (std::cmp::Reverse(*count), who.clone()));
                regression.changes.push(change);
            }
        }
        regression.changes.sort_by_key(|change| (!change.broken, std::cmp::Reverse(change.records)));
        regression.gone = keys(gone, rules.gone, before, rules.accepted.get("gone").copied(), rules.keep);
        regression.new = keys(new, rules.new, before, rules.accepted.get("new").copied(), rules.keep);
        for (name, keys) in [("gone", &regression.gone), ("new", &regression.new)] {
            if keys.broken {
                regression.to_accept.push(format!("{name}={}", keys.records));
            }
        }
        regression
    }
}

fn keys(mut tracked: Tracked, limit: Limit, of: u64, accepted: Option<u64>, keep: usize) -> Keys {
    let over = !limit.holds(tracked.records, of);
    let taken = accepted.is_some_and(|count| tracked.records <= count);
    let mut by: Vec<(String, u64)> = tracked.by.into_iter().collect();
    by.sort_by_key(|(who, count)| (std::cmp::Reverse(*count), who.clone()));
    Keys {
        records: tracked.records,
        allowed: limit.to_string(),
        broken: over && !taken,
        accepted: over && taken,
        keys: named(&mut tracked.examples, keep),
        by,
    }
}

/// Keeps the first by place.
fn example(examples: &mut Vec<(Place, Box<[u8]>)>, entry: &Keyed<'_>, keep: usize) {
    if examples.len() < keep.saturating_mul(2).max(64) {
        examples.push((entry.place, entry.key.into()));
        return;
    }
    examples.sort_unstable();
    examples.truncate(keep);
    if examples.last().is_none_or(|(last, _)| entry.place < *last) {
        examples.push((entry.place, entry.key.into()));
    }
}

fn named(examples: &mut Vec<(Place, Box<[u8]>)>, keep: usize) -> Vec<String> {
    examples.sort_unstable();
    examples.truncate(keep);
    std::mem::take(examples).into_iter().map(|(_, key)| crate::key::spelt(&key)).collect()
}
