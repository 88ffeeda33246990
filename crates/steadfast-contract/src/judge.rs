//! Judges one record: the plan first, and where it does not accept alone, the slow path.

use std::collections::HashMap;

use serde_json::Value;

use crate::contract::{Contract, Profile};
use crate::finding::{Breach, Severity, Token};
use crate::meaning::Meanings;
use crate::official;
use crate::plan::Plan;
use crate::plan::bug::Sound;
use crate::plan::walk::Scratch;
use crate::scan::{At, Marked, Marks};
use crate::states::{Facts, Path, Step, Trie};
use crate::strict;

/// What a run judges by, and what it looks for on the way.
#[derive(Debug)]
pub struct Judge<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) profile: Profile,
    pub(crate) trie: Trie,
    pub(crate) meanings: Meanings,
    /// Watched paths that are followed from release to release.
    pub(crate) followed: Vec<usize>,
    pub(crate) keyed: bool,
    pub(crate) timed: bool,
}

/// What is looked for besides the schema.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// Keys, and the states of the paths with a regression rule.
    pub keys: bool,
    /// The time of each record.
    pub freshness: bool,
}

/// The verdict on one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It holds.
    Good,
    /// It does not; with findings of at least one severity that breaks.
    Bad(Vec<Breach>),
    /// It holds but for findings that do not break a gate.
    Warned(Vec<Breach>),
    /// It cannot be told, and why.
    Unsure(String),
}

/// One record's verdict and facts.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    /// The plan did not accept it alone.
    pub(crate) slow: bool,
    /// The key, the attribution and the time of a record on the slow path.
    pub(crate) read: Option<ReadFacts>,
    /// The record ends before its value does.
    pub(crate) cut_short: bool,
}

/// Facts of a record that was parsed.
#[derive(Debug)]
pub(crate) struct ReadFacts {
    pub(crate) keys: Vec<Option<Value>>,
    pub(crate) attribution: Option<Value>,
    pub(crate) freshness: Option<Value>,
}

/// What a thread keeps from record to record.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) facts: Facts,
    /// Where the record that was walked begins in the text that the facts' places are in.
    pub(crate) base: usize,
    scratch: Scratch,
    patterns: HashMap<Vec<Token>, (Path, Severity)>,
}

impl<'a> Judge<'a> {
    /// A judge of records by this contract in this profile.
    pub fn new(contract: &'a Contract, profile: Profile, look: Look) -> Judge<'a> {
        let mut trie = Trie::nothing();
        Meanings::paths(contract).for_each(|path| trie.watch(path));
        let mut followed = Vec::new();
        let keyed = look.keys && !contract.key().is_empty();
        if !contract.key().is_empty() {
            contract.key().iter().for_each(|path| trie.take_key(path));
        }
        if keyed {
            for path in contract.regressions().keys() {
                trie.watch(path);
                followed.extend(trie.watched.iter().position(|known| known == path));
            }
            if let Some(path) = &contract.root.attribution {
                trie.take_attribution(path);
            }
        }
        let timed = look.freshness && contract.freshness().is_some();
        if look.freshness
            && let Some(fresh) = contract.freshness()
        {
            trie.take_freshness(&fresh.path);
        }
        for (above, names) in &contract.named {
            names.iter().for_each(|name| trie.pass_by(&above.with(Step::Key(name.clone()))));
        }
        trie.know(contract.plan.props());
        let meanings = Meanings::new(contract, profile, |path| {
            trie.watched.iter().position(|known| known == path).unwrap_or_default()
        });
        Judge { contract, profile, trie, meanings, followed, keyed, timed }
    }

    /// The paths whose states are kept by key, in the order of a record's word.
    pub(crate) fn followed_paths(&self) -> Vec<Path> {
        self.followed.iter().map(|watch| self.trie.watched[*watch].clone()).collect()
    }

    /// The verdict on one record.
    pub fn verdict(&self, record: &[u8]) -> Verdict {
        self.contract.with_room(|| {
            let mut desk = self.desk();
            match self.alone(&mut desk, &mut Marks::default(), record) {
                true => Verdict::Good,
                false => self.slow(&mut desk, record).verdict,
            }
        })
    }

    /// Whether the plan and the masks alone call the record good: for the campaign.
    pub fn accepts_alone(&self, record: &[u8]) -> bool {
        self.contract.with_room(|| self.alone(&mut self.desk(), &mut Marks::default(), record))
    }

    pub(crate) fn desk(&self) -> Desk {
        Desk { facts: self.trie.facts(), base: 0, scratch: Scratch::new(&self.contract.plan), patterns: HashMap::new() }
    }

    fn plan(&self) -> &Plan {
        &self.contract.plan
    }

    /// Where a good record ends; `None`: the slow path is to judge it.
    #[inline]
    pub(crate) fn fast(&self, desk: &mut Desk, marked: Marked<'_>, from: At, lines: bool) -> Option<At> {
        desk.facts.clear();
        desk.base = from.place();
        let walked = self.plan().walk(&self.trie, marked, from, lines, &mut desk.facts, &mut desk.scratch, Sound);
        walked.ok().filter(|_| self.meanings.hold(&desk.facts.masks))
    }

    /// Whether a record that stands alone is good; `false`: the slow path is to judge it.
    pub(crate) fn alone(&self, desk: &mut Desk, marks: &mut Marks, record: &[u8]) -> bool {
        desk.facts.clear();
        let marked = self.mark(marks, record);
        marked.is_some_and(|marked| self.fast(desk, marked, At::START, false).is_some())
    }

    /// The text as it is walked; `None`: it is not UTF-8.
    pub(crate) fn mark<'t>(&self, marks: &'t mut Marks, text: &'t [u8]) -> Option<Marked<'t>> {
        marks.of(self.plan().engine, text)
    }

    /// The slow path: parses, asks the official judge, and finds words. Leaves the record's masks on the desk.
    pub(crate) fn slow(&self, desk: &mut Desk, record: &[u8]) -> Judged {
        desk.facts.clear();
        let read = match strict::read(record) {
            Ok(read) => read,
            Err(fault) => {
                let breach = Breach::of_text(fault.keyword, &fault.message, &excerpt(record, fault.at));
                return Judged {
                    verdict: Verdict::Bad(vec![breach]),
                    slow: true,
                    read: None,
                    cut_short: fault.cut_short,
                };
            }
        };
        desk.facts.masks = self.trie.masks_of(&read.value);
        let facts = self.facts_of(&read.value);
        let mut opinion = official::judge(&self.contract.official, &read.value);
        let mut breaches: Vec<Breach> = read
            .duplicates
            .into_iter()
            .map(|(mut path, key)| {
                path.push(Token::Key(key));
                Breach { path, ..Breach::of_text("duplicateKey", "a member once", "the same member again") }
            })
            .collect();
        breaches.append(&mut opinion.breaches);
        breaches.append(&mut self.meanings.breaches(self.contract, &read.value));
        for breach in &mut breaches {
            breach.severity = self.place(desk, &breach.path).1;
        }
        let lenient = self.profile == Profile::Gate;
        let verdict = if breaches.is_empty() {
            opinion.unsure.map_or(Verdict::Good, Verdict::Unsure)
        } else if lenient && breaches.iter().all(|breach| !breach.severity.breaks()) {
            Verdict::Warned(breaches)
        } else {
            Verdict::Bad(breaches)
        };
        Judged { verdict, slow: true, read: Some(facts), cut_short: false }
    }

    fn facts_of(&self, value: &Value) -> ReadFacts {
        let at = |path: &Path| look_up(value, path).cloned();
        ReadFacts {
            keys: self.contract.key().iter().map(at).collect(),
            attribution: self.contract.root.attribution.as_ref().and_then(at),
            freshness: self.contract.freshness().and_then(|fresh| at(&fresh.path)),
        }
    }

    /// The pattern of a path and the severity of findings there. Few indices matter, so the answers are kept.
    pub(crate) fn place<'d>(&self, desk: &'d mut Desk, path: &[Token]) -> &'d (Path, Severity) {
        let general: Vec<Token> = path
            .iter()
            .map(|token| match token {
                Token::Index(index) => Token::Index(*index.min(&self.contract.positions)),
                Token::Key(key) => Token::Key(key.clone()),
            })
            .collect();
        if desk.patterns.len() > 10_000 {
            desk.patterns.clear();
        }
        let contract = self.contract;
        desk.patterns.entry(general).or_insert_with_key(|path| contract.pattern_and_severity(path))
    }
}

/// The value at a path without `[]` and `{*}`.
pub(crate) fn look_up<'v>(value: &'v Value, path: &Path) -> Option<&'v Value> {
    path.0.iter().try_fold(value, |value, step| match step {
        crate::states::Step::Key(key) => value.get(key),
        crate::states::Step::Item | crate::states::Step::Free => None,
    })
}

fn excerpt(record: &[u8], at: usize) -> String {
    let from = at.saturating_sub(20);
    let near = &record[from.min(record.len())..(at + 20).min(record.len())];
    String::from_utf8_lossy(near).into_owned()
}
