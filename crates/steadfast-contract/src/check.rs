//! The run: blocks of records through judges on several threads, into one tally, in the order of the data.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path as FilePath, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::contract::Profile;
use crate::finding::{Breach, Finding, Place, Token, cut, spell};
use crate::freshness;
use crate::judge::{Desk, Judge, Judged, Verdict};
use crate::key;
use crate::keyed::{Collector, Gathered, Keyed};
use crate::load::Unloadable;
use crate::quarantine::{Quarantine, Whole};
use crate::read::{self, Block, Blocks, Fault, Input, Progress, Reading, Sort};
use crate::regression::{self, Earlier, Regression, Rules};
use crate::scan::{At, Marks};
use crate::stack;
use crate::states::State;
use crate::tally::Tally;

/// How to run.
#[derive(Debug, Clone)]
pub struct Running {
    /// How to read.
    pub reading: Reading,
    /// Threads that judge.
    pub threads: usize,
    /// Findings, and keys of a regression, that are kept one by one.
    pub keep: usize,
    /// Where bad records go.
    pub quarantine: Option<PathBuf>,
    /// Where good records go.
    pub valid: Option<PathBuf>,
}

impl Default for Running {
    fn default() -> Running {
        Running { reading: Reading::default(), threads: 1, keep: 1000, quarantine: None, valid: None }
    }
}

/// What a run found, before it is told.
#[derive(Debug)]
pub struct Ran {
    /// The sums.
    pub tally: Tally,
    pub(crate) gathered: Gathered,
    /// The inputs by number.
    pub files: Vec<String>,
    /// Lines before each stretch, by file: only where records are filed by key.
    bases: Vec<Vec<u64>>,
    outputs: Outputs,
    /// Why not every key is there.
    pub(crate) keys_lost: Option<String>,
}

impl Ran {
    /// Calls `seen` with every keyed record by fingerprint, key and place; lines are counted from the start of the input.
    pub(crate) fn keyed(&mut self, mut seen: impl FnMut(Keyed<'_>) -> std::io::Result<()>) -> std::io::Result<()> {
        let bases = &self.bases;
        self.gathered.merged(|mut entry| {
            entry.place = resolved(entry.place, bases);
            seen(entry)
        })
    }

    pub(crate) fn merged(
        tally: Tally,
        collector: Collector,
        files: Vec<String>,
        bases: Vec<Vec<u64>>,
        keys_lost: Option<String>,
    ) -> Ran {
        Ran { tally, gathered: Gathered::new(vec![collector]), files, bases, outputs: Outputs::default(), keys_lost }
    }

    /// Compares with an earlier release.
    pub(crate) fn compare(
        &mut self,
        rules: &Rules,
        earlier: &mut dyn Earlier,
        paths: &[String],
        words: &[(Vec<u8>, String)],
    ) -> std::io::Result<Regression> {
        let bases = std::mem::take(&mut self.bases);
        let compared = regression::compare(rules, earlier, paths, words, &self.gathered, &bases);
        self.bases = bases;
        compared
    }

    /// Publishes quarantine and good records, each whole or not at all: what cannot be is one more thing to tell.
    pub fn publish(&mut self) {
        let outputs = std::mem::take(&mut self.outputs);
        if let Some((quarantine, folder)) = outputs.quarantine
            && let Err(why) = quarantine.publish()
        {
            self.tally.reason(not_published(&folder, &why));
        }
        if let Some((valid, file)) = outputs.valid
            && let Err(why) = valid.publish()
        {
            self.tally.reason(not_published(&file, &why));
        }
    }
}

/// What is told of keys that there is no room for.
pub(crate) fn not_kept(why: &std::io::Error) -> String {
    format!(
        "the keys cannot be kept in a temporary file ({why}): whether one stands twice, and what became of the earlier \
         release, is not known; TMPDIR says where they go"
    )
}

fn not_published(target: &FilePath, why: &std::io::Error) -> String {
    format!("{}: {why}; nothing was published there", target.display())
}

pub(crate) fn resolved(place: Place, bases: &[Vec<u64>]) -> Place {
    let base = bases.get(place.file as usize).and_then(|stretches| stretches.get(place.stretch as usize));
    Place { stretch: 0, line: place.line + base.copied().unwrap_or_default(), ..place }
}

#[derive(Debug, Default)]
struct Outputs {
    quarantine: Option<(Quarantine, PathBuf)>,
    valid: Option<(Whole, PathBuf)>,
}

/// Judges every record of the inputs.
pub fn run(judge: &Judge<'_>, inputs: &[Input], running: &Running, progress: &Arc<Progress>) -> Result<Ran, Fault> {
    let mut outputs = Outputs::default();
    if let Some(folder) = &running.quarantine {
        outputs.quarantine = Some((Quarantine::new(folder).map_err(Fault::Usage)?, folder.clone()));
    }
    if let Some(file) = &running.valid {
        outputs.valid = Some((Whole::new(file).map_err(Fault::Usage)?, file.clone()));
    }
    let mut state = Sums {
        keyed: judge.keyed,
        base: 0,
        bases: Vec::new(),
        tally: Tally { states: vec![[0; 4]; judge.trie.watched.len()], ..Tally::default() },
        outputs,
        header: None,
        keys_lost: None,
        keep: running.keep,
    };
    let mut collectors = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        state.bases.push(Vec::new());
        let blocks = read::open(input, &running.reading, judge.contract, progress);
        let blocks = match blocks {
            Ok(blocks) => blocks,
            Err(Fault::Unreadable(why)) => {
                state.tally.reason(why);
                continue;
            }
            Err(usage) => return Err(usage),
        };
        state.base = 0;
        state.head(blocks.header());
        let file = File { judge, name: input.name(), number: number as u32, running };
        let blocks = if running.threads <= 1 {
            stack::with_room(|| file.alone(blocks, &mut state, &mut collectors))?
        } else {
            file.together(blocks, &mut state, &mut collectors)?
        };
        if let Some(why) = blocks.changed() {
            state.tally.reason(why);
        }
    }
    Ok(Ran {
        tally: state.tally,
        gathered: Gathered::new(collectors),
        bases: state.bases,
        files: inputs.iter().map(Input::name).collect(),
        outputs: state.outputs,
        keys_lost: state.keys_lost,
    })
}

/// What the blocks' outcomes are added to, in the order of the data.
struct Sums {
    keyed: bool,
    base: u64,
    bases: Vec<Vec<u64>>,
    tally: Tally,
    outputs: Outputs,
    /// Of the first file whose good records are kept.
    header: Option<Vec<u8>>,
    keys_lost: Option<String>,
    keep: usize,
}

impl Sums {
    /// The good records stand under the header of their file; those of another header have no place there.
    fn head(&mut self, header: &[u8]) {
        let Some((valid, file)) = self.outputs.valid.as_mut() else { return };
        let ended = if header.is_empty() || header.ends_with(b"\n") { header } else { &[header, b"\n"].concat() };
        let outcome = match &self.header {
            None => valid.write_all(ended),
            Some(before) if before == ended => Ok(()),
            Some(_) => Err(std::io::Error::other("the files have different columns: check them one by one")),
        };
        self.header.get_or_insert_with(|| ended.to_vec());
        if let Err(why) = outcome {
            self.tally.reason(not_published(file, &why));
            self.outputs.valid = None;
        }
    }

    fn take(&mut self, outcome: &mut Outcome) {
        let base = self.base;
        let mut tally = std::mem::take(&mut outcome.tally);
        // Blocks come in order: lines can be told right away, and no stretch has to be remembered.
        let resolve = |place: &mut Place| {
            place.line += base;
            place.stretch = 0;
        };
        tally.findings.iter_mut().for_each(|finding| resolve(&mut finding.place));
        tally.groups.values_mut().for_each(|group| resolve(&mut group.first.place));
        for ((file, _), lines) in std::mem::take(&mut tally.lines) {
            if self.keyed
                && let Some(bases) = self.bases.get_mut(file as usize)
            {
                bases.push(base);
            }
            self.base += lines;
            tally.lines.insert((file, 0), lines);
        }
        self.tally.add(tally, self.keep);
        let mut told = Vec::new();
        for (file, finding) in &mut outcome.findings {
            resolve(&mut finding.place);
            let line = serde_json::json!({
                "file": file, "line": finding.place.line + 1, "byte": finding.place.offset, "key": finding.key,
                "path": finding.path, "keyword": finding.keyword, "expected": finding.expected, "seen": finding.seen,
                "severity": finding.severity,
            });
            let _ = writeln!(told, "{line}");
        }
        // A full disk ends what is written there, and not the judging: what is wrong is told all the same.
        if let Some((quarantine, folder)) = &mut self.outputs.quarantine
            && let Err(why) = quarantine.write(&outcome.bad, &told)
        {
            self.tally.reason(not_published(folder, &why));
            self.outputs.quarantine = None;
        }
        if let Some((valid, file)) = &mut self.outputs.valid
            && let Err(why) = valid.write_all(&outcome.good)
        {
            self.tally.reason(not_published(file, &why));
            self.outputs.valid = None;
        }
    }
}

/// What one block came to.
#[derive(Debug, Default)]
struct Outcome {
    tally: Tally,
    bad: Vec<u8>,
    findings: Vec<(String, Finding)>,
    good: Vec<u8>,
}

struct File<'a> {
    judge: &'a Judge<'a>,
    name: String,
    number: u32,
    running: &'a Running,
}

impl File<'_> {
    fn alone(
        &self,
        mut blocks: Box<dyn Blocks>,
        state: &mut Sums,
        collectors: &mut Vec<Collector>,
    ) -> Result<Box<dyn Blocks>, Fault> {
        let mut hand = self.hand(collectors.pop().unwrap_or_else(|| Collector::among(self.running.threads)));
        let mut block = Block::default();
        let end = loop {
            match blocks.next(&mut block) {
                Ok(true) => {
                    let mut outcome = hand.block(&block);
                    state.take(&mut outcome);
                }
                Ok(false) => break Ok(()),
                Err(Fault::Unreadable(why)) => {
                    state.tally.reason(why);
                    break Ok(());
                }
                Err(usage) => break Err(usage),
            }
        };
        state.keys_lost = state.keys_lost.take().or(hand.keys_lost);
        collectors.push(hand.collector);
        end.map(|()| blocks)
    }

    /// Each thread reads a block into its own cache and judges it there; outcomes are put back in order here.
    fn together(
        &self,
        blocks: Box<dyn Blocks>,
        state: &mut Sums,
        collectors: &mut Vec<Collector>,
    ) -> Result<Box<dyn Blocks>, Fault> {
        let threads = self.running.threads;
        let shared = Mutex::new((blocks, None::<Fault>, 0_u64));
        let (sender, outcomes) = sync_channel::<(u64, Outcome)>(threads * 2);
        let mut hands: Vec<Hand<'_, '_>> =
            (0..threads).map(|_| self.hand(collectors.pop().unwrap_or_else(|| Collector::among(threads)))).collect();
        let (mut working, mut refused) = (0, None);
        std::thread::scope(|scope| {
            for hand in &mut hands {
                let (sender, shared) = (sender.clone(), &shared);
                let work = move || {
                    let mut block = Block::default();
                    loop {
                        let number = {
                            let Ok(mut guard) = shared.lock() else { return };
                            let (blocks, fault, number) = &mut *guard;
                            if fault.is_some() {
                                return;
                            }
                            match blocks.next(&mut block) {
                                Ok(true) => {}
                                Ok(false) => return,
                                Err(why) => {
                                    *fault = Some(why);
                                    return;
                                }
                            }
                            *number += 1;
                            *number - 1
                        };
                        let outcome = hand.block(&block);
                        if sender.send((number, outcome)).is_err() {
                            return;
                        }
                    }
                };
                // A judge of 127 levels wants more than the two megabytes of a thread.
                match std::thread::Builder::new().stack_size(stack::ROOM).spawn_scoped(scope, work) {
                    Ok(_) => working += 1,
                    Err(why) => refused = Some(why),
                }
            }
            drop(sender);
            // The others do its work.
            if let Some(why) = refused.filter(|_| working == 0) {
                state.tally.reason(format!("{}: not judged: no thread can be started: {why}", self.name));
            }
            let mut waiting: BTreeMap<u64, Outcome> = BTreeMap::new();
            let mut due = 0;
            for (number, outcome) in outcomes {
                waiting.insert(number, outcome);
                while let Some(mut outcome) = waiting.remove(&due) {
                    state.take(&mut outcome);
                    due += 1;
                }
            }
        });
        for hand in hands {
            state.keys_lost = state.keys_lost.take().or(hand.keys_lost);
            collectors.push(hand.collector);
        }
        let (blocks, fault, _) = shared.into_inner().map_err(|_| Fault::Unreadable("a judge panicked".to_owned()))?;
        match fault {
            Some(Fault::Unreadable(why)) => state.tally.reason(why),
            Some(usage) => return Err(usage),
            None => {}
        }
        Ok(blocks)
    }

    fn hand(&self, collector: Collector) -> Hand<'_, '_> {
        Hand {
            file: self,
            desk: self.judge.desk(),
            marks: Marks::default(),
            collector,
            key: Vec::new(),
            word: Vec::new(),
            keys_lost: None,
        }
    }
}

/// One thread's judging.
struct Hand<'f, 'j> {
    file: &'f File<'j>,
    desk: Desk,
    marks: Marks,
    collector: Collector,
    key: Vec<u8>,
    word: Vec<u8>,
    keys_lost: Option<String>,
}

impl Hand<'_, '_> {
    fn block(&mut self, block: &Block) -> Outcome {
        let mut outcome = Outcome::default();
        let translated = !block.rows.is_empty();
        let text = if translated { &block.rows } else { &block.bytes };
        outcome.tally.bytes = text.len() as u64;
        outcome.tally.states = vec![[0; 4]; self.file.judge.trie.watched.len()];
        let count = |text: &[u8]| memchr::memchr_iter(b'\n', text).count() as u64;
        let lines = match &block.sort {
            // The judging finds the ends of the lines anyway.
            Sort::Lines => self.lines(block, &mut outcome),
            Sort::Units(_) | Sort::Oversized { .. } => count(text) + block.head_lines,
        };
        outcome.tally.lines.insert((self.file.number, block.stretch), lines);
        match &block.sort {
            Sort::Lines => {}
            Sort::Units(units) => {
                for unit in units {
                    let record = &block.bytes[unit.start..unit.end];
                    let raw = match unit.row {
                        Some((start, end)) => &block.rows[start..end],
                        None => record,
                    };
                    let place =
                        Place { file: self.file.number, stretch: block.stretch, line: unit.line, offset: unit.offset };
                    match &unit.fault {
                        Some(fault) => {
                            let keyword = if unit.row.is_some() { "csv" } else { "json" };
                            outcome.tally.records += 1;
                            let seen = cut(&String::from_utf8_lossy(raw), 60);
                            self.bad(vec![Breach::of_text(keyword, fault, &seen)], None, raw, place, &mut outcome);
                        }
                        None => {
                            let fast = self.file.judge.alone(&mut self.desk, &mut self.marks, record);
                            self.record(record, raw, place, fast, block.last, &mut outcome);
                        }
                    }
                }
            }
            Sort::Oversized { first, last } => self.oversized(block, *first, *last, &mut outcome),
        }
        outcome
    }

    /// The answer: line ends in the block.
    fn lines(&mut self, block: &Block, outcome: &mut Outcome) -> u64 {
        let judge = self.file.judge;
        let text = &block.bytes[..];
        let mut marks = std::mem::take(&mut self.marks);
        let marked = judge.mark(&mut marks, text);
        let mut start = 0;
        let mut at = At::START;
        let mut line = 0;
        while start < text.len() {
            let place =
                Place { file: self.file.number, stretch: block.stretch, line, offset: block.offset + start as u64 };
            line += 1;
            if let Some(end) = marked.and_then(|marked| judge.fast(&mut self.desk, marked, at, true)) {
                let record = &text[start..end.place()];
                self.record(record, record, place, true, false, outcome);
                at = end.over(1, 1);
                start = at.place();
                continue;
            }
            let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |found| start + found);
            let record = &text[start..end];
            let unfinished = end == text.len() && block.last;
            // Bytes that are not UTF-8 are one line's fault: the others are walked one by one.
            let fast = marked.is_none() && judge.alone(&mut self.desk, &mut self.marks, record);
            start = end + 1;
            at = marked.map_or(at, |marked| marked.later(at, start));
            if record.trim_ascii().is_empty() {
                outcome.tally.blank += 1;
                continue;
            }
            self.record(record, record, place, fast, unfinished, outcome);
        }
        self.marks = marks;
        line - u64::from(!text.is_empty() && !text.ends_with(b"\n"))
    }

    /// `fast`: the plan has accepted the record, and the desk holds its facts, with places in `text`.
    fn record(&mut self, record: &[u8], raw: &[u8], place: Place, fast: bool, unfinished: bool, outcome: &mut Outcome) {
        if raw.len() > self.file.running.reading.max_record {
            self.too_long(raw, place, outcome);
            return;
        }
        outcome.tally.records += 1;
        if fast {
            self.good(record, raw, place, None, outcome);
            return;
        }
        let judged = self.file.judge.slow(&mut self.desk, record);
        outcome.tally.slow += u64::from(judged.slow);
        if judged.cut_short && unfinished {
            outcome.tally.unsure += 1;
            let name = &self.file.name;
            outcome.tally.reason(format!("{name}: the last record is cut short (byte {})", place.offset));
            return;
        }
        let judged = match self.repaired(judged, record, raw, place, outcome) {
            Some(judged) => judged,
            None => return,
        };
        match judged.verdict {
            Verdict::Good => self.good(record, raw, place, Some(&judged), outcome),
            Verdict::Unsure(ref why) => {
                outcome.tally.unsure += 1;
                outcome.tally.reason(format!("{}: {why}", self.file.name));
                self.note_facts(record, place, Some(&judged), outcome);
            }
            Verdict::Warned(ref breaches) => {
                let findings = self.findings(breaches, Some(&judged), place);
                outcome.tally.warned += 1;
                outcome.tally.note(findings, self.file.running.keep);
                self.good(record, raw, place, Some(&judged), outcome);
            }
            Verdict::Bad(ref breaches) => {
                self.note_facts(record, place, Some(&judged), outcome);
                self.bad(breaches.clone(), Some(&judged), raw, place, outcome);
            }
        }
    }

    /// In the profile `load` a record that does not hold is repaired, as its reader would: `None`, and it is counted. Where
    /// that cannot be, what stands in the way is what is wrong with it.
    fn repaired(
        &mut self,
        mut judged: Judged,
        record: &[u8],
        raw: &[u8],
        place: Place,
        outcome: &mut Outcome,
    ) -> Option<Judged> {
        let judge = self.file.judge;
        if judge.profile != Profile::Load || !matches!(judged.verdict, Verdict::Bad(_)) {
            return Some(judged);
        }
        match judge.contract.load(record, Profile::Load) {
            Ok((value, repairs)) => {
                outcome.tally.repaired += 1;
                for repair in repairs.0 {
                    let pattern = judge.place(&mut self.desk, &repair.place).0.to_string();
                    outcome.tally.note_repair((pattern, repair.done), 1);
                }
                if self.note_facts(record, place, Some(&judged), outcome) {
                    self.keyless(raw, place, outcome);
                    return None;
                }
                // A row of CSV cannot be written back here: it is neither handed on as it is nor kept back.
                if self.file.running.valid.is_some() && std::ptr::eq(record, raw) {
                    outcome.good.extend_from_slice(value.to_string().as_bytes());
                    outcome.good.push(b'\n');
                }
                return None;
            }
            Err(Unloadable::Unrepairable(mut breaches)) => {
                for breach in &mut breaches {
                    breach.severity = judge.place(&mut self.desk, &breach.path).1;
                }
                judged.verdict = Verdict::Bad(breaches);
            }
            Err(Unloadable::CannotTell(why)) => judged.verdict = Verdict::Unsure(why),
            Err(Unloadable::NotJson(_)) => {}
        }
        Some(judged)
    }

    fn good(&mut self, record: &[u8], raw: &[u8], place: Place, judged: Option<&Judged>, outcome: &mut Outcome) {
        if self.note_facts(record, place, judged, outcome) {
            return self.keyless(raw, place, outcome);
        }
        if self.file.running.valid.is_some() {
            let spans_lines = std::ptr::eq(record, raw) && memchr::memchr(b'\n', raw.trim_ascii_end()).is_some();
            if spans_lines {
                // Of JSON: a line end stands between its parts and is never one of them, and a record is to be one line.
                outcome.good.extend(
                    raw.trim_ascii_end().iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }),
                );
            } else {
                outcome.good.extend_from_slice(raw);
            }
            if !raw.ends_with(b"\n") {
                outcome.good.push(b'\n');
            }
        }
    }

    /// A record without a key is not among the good ones: it goes where it can be looked at.
    fn keyless(&mut self, raw: &[u8], place: Place, outcome: &mut Outcome) {
        if self.file.running.quarantine.is_some() {
            outcome.bad.extend_from_slice(raw);
            if !raw.ends_with(b"\n") {
                outcome.bad.push(b'\n');
            }
            outcome.findings.push((self.file.name.clone(), self.no_key(place)));
        }
    }

    fn no_key(&self, place: Place) -> Finding {
        let paths: Vec<String> = self.file.judge.contract.key().iter().map(ToString::to_string).collect();
        Finding {
            place,
            key: None,
            path: paths.join(", "),
            pattern: paths.join(", "),
            keyword: "x-key".to_owned(),
            expected: "a key: text or a number".to_owned(),
            seen: "none".to_owned(),
            seen_kind: "absent".to_owned(),
            severity: crate::finding::Severity::Error,
        }
    }

    fn bad(&mut self, breaches: Vec<Breach>, judged: Option<&Judged>, raw: &[u8], place: Place, outcome: &mut Outcome) {
        outcome.tally.bad += 1;
        let critical = breaches.iter().any(|breach| breach.severity == crate::finding::Severity::Critical);
        outcome.tally.critical += u64::from(critical);
        let findings = self.findings(&breaches, judged, place);
        if self.file.running.quarantine.is_some() {
            outcome.bad.extend_from_slice(raw);
            if !raw.ends_with(b"\n") {
                outcome.bad.push(b'\n');
            }
            outcome.findings.extend(findings.iter().map(|finding| (self.file.name.clone(), finding.clone())));
        }
        outcome.tally.note(findings, self.file.running.keep);
    }

    fn findings(&mut self, breaches: &[Breach], judged: Option<&Judged>, place: Place) -> Vec<Finding> {
        let key = judged.and_then(|judged| judged.read.as_ref()).and_then(|read| {
            let mut key = Vec::new();
            key::add_values(&read.keys, &mut key).then(|| cut(&key::spelt(&key), 80))
        });
        breaches
            .iter()
            .map(|breach| {
                // The pattern of a path below a key that the schema does not name ends there.
                let pattern = match (breach.keyword.as_str(), breach.path.split_last()) {
                    ("additionalProperties" | "unevaluatedProperties", Some((Token::Key(name), above))) => {
                        let above = self.file.judge.place(&mut self.desk, above).0.clone();
                        above.with(crate::states::Step::Key(name.clone())).to_string()
                    }
                    _ => self.file.judge.place(&mut self.desk, &breach.path).0.to_string(),
                };
                Finding {
                    place,
                    key: key.clone(),
                    path: spell(&breach.path),
                    pattern,
                    keyword: breach.keyword.clone(),
                    expected: breach.expected.clone(),
                    seen: breach.seen.clone(),
                    seen_kind: breach.seen_kind.clone(),
                    severity: breach.severity,
                }
            })
            .collect()
    }

    /// Counts states and times, and files the record by its key. The answer: it has to have a key, and has none.
    fn note_facts(&mut self, record: &[u8], place: Place, judged: Option<&Judged>, outcome: &mut Outcome) -> bool {
        let judge = self.file.judge;
        for (counts, mask) in outcome.tally.states.iter_mut().zip(&self.desk.facts.masks) {
            for (count, state) in counts.iter_mut().zip(State::ALL) {
                *count += u64::from(mask >> state as u8 & 1);
            }
        }
        if judge.timed {
            let text = match judged {
                Some(judged) => judged.read.as_ref().and_then(|read| match &read.freshness {
                    Some(Value::String(text)) => Some(text.clone()),
                    _ => None,
                }),
                None => self.fact(record, self.desk.facts.freshness),
            };
            match text.as_deref().and_then(freshness::seconds) {
                Some(seconds) => {
                    let times = &mut outcome.tally.times;
                    times.newest = times.newest.max(Some(seconds));
                    times.oldest = Some(times.oldest.map_or(seconds, |oldest| oldest.min(seconds)));
                }
                None => outcome.tally.times.without += 1,
            }
        }
        if !judge.keyed {
            return false;
        }
        self.key.clear();
        self.word.clear();
        for watch in &judge.followed {
            self.word.push(State::of_mask(self.desk.facts.masks[*watch]) as u8);
        }
        let has_key = match judged {
            Some(judged) => match &judged.read {
                Some(read) => {
                    if let Some(Value::String(who)) = &read.attribution {
                        self.word.extend_from_slice(who.as_bytes());
                    }
                    let mut key = std::mem::take(&mut self.key);
                    let has = key::add_values(&read.keys, &mut key);
                    self.key = key;
                    has
                }
                // No JSON, no key: told as a finding already.
                None => return false,
            },
            None => {
                if let Some((start, end)) = self.desk.facts.attribution
                    && let [b'"', inside @ .., b'"'] = self.raw(record, start, end)
                {
                    match plain(inside) {
                        Some(inside) => self.word.extend_from_slice(inside),
                        None => {
                            let who: String = serde_json::from_slice(self.raw(record, start, end)).unwrap_or_default();
                            self.word.extend_from_slice(who.as_bytes());
                        }
                    }
                }
                let places = std::mem::take(&mut self.desk.facts.keys);
                let mut key = std::mem::take(&mut self.key);
                let has = places.iter().all(|place| {
                    place.is_some_and(|(start, end)| key::add_raw(self.raw(record, start, end), &mut key))
                });
                self.key = key;
                self.desk.facts.keys = places;
                has
            }
        };
        if !has_key {
            outcome.tally.keyless += 1;
            outcome.tally.note(vec![self.no_key(place)], self.file.running.keep);
            return true;
        }
        if let Err(why) = self.collector.push(&self.key, &self.word, place) {
            self.keys_lost.get_or_insert(not_kept(&why));
        }
        false
    }

    /// A noted value: places are in the text that was walked, of which `record` is a part.
    fn raw<'r>(&self, record: &'r [u8], start: usize, end: usize) -> &'r [u8] {
        let base = self.desk.base;
        record.get(start - base..end - base).unwrap_or_default()
    }

    fn fact(&self, record: &[u8], place: Option<(usize, usize)>) -> Option<String> {
        let (start, end) = place?;
        serde_json::from_slice(self.raw(record, start, end)).ok()
    }

    /// A record that is longer than is judged passes by in pieces.
    fn oversized(&mut self, block: &Block, first: bool, last: bool, outcome: &mut Outcome) {
        if self.file.running.quarantine.is_some() {
            outcome.bad.extend_from_slice(&block.bytes);
            if last && !block.bytes.ends_with(b"\n") {
                outcome.bad.push(b'\n');
            }
        }
        if !first {
            return;
        }
        let line = block.head_lines;
        let place = Place { file: self.file.number, stretch: block.stretch, line, offset: block.offset };
        let pieces = std::mem::take(&mut outcome.bad);
        self.too_long(b"", place, outcome);
        // The bytes are the pieces themselves.
        outcome.bad = pieces;
    }

    fn too_long(&mut self, raw: &[u8], place: Place, outcome: &mut Outcome) {
        outcome.tally.records += 1;
        outcome.tally.oversized += 1;
        let limit = self.file.running.reading.max_record;
        let breach =
            Breach::of_text("maxRecord", &format!("a record of at most {limit} bytes; not judged"), "a longer one");
        self.bad(vec![breach], None, raw, place, outcome);
    }
}

fn plain(inside: &[u8]) -> Option<&[u8]> {
    (!inside.contains(&b'\\')).then_some(inside)
}
