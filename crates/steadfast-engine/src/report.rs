//! The report of a run, as programs read it. `report.schema.json` beside this file describes it; a test holds both
//! together.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use steadfast_core::exit::Exit;
use steadfast_core::finding::Finding;
use steadfast_core::gate::Decision;
use steadfast_core::measure::Lapse;
use steadfast_core::plan::{Plan, caused_by};
use steadfast_core::project::Project;
use steadfast_core::rare::Rare;
use steadfast_core::verdict::Verdict;

use crate::hold::Held;
use crate::numbers::Numbers;
use crate::run::{Looked, Ran};

/// The version of the report. It is raised when a reader of the old one would be misled.
pub const SCHEMA: &str = "steadfast-report/1";

/// The JSON Schema (draft 2020-12) of the report.
pub const JSON_SCHEMA: &str = include_str!("report.schema.json");

/// What one `verify` came to.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of this document: [`SCHEMA`].
    pub schema: &'static str,
    /// The project.
    pub project: String,
    /// The gate; null for all checks.
    pub gate: Option<&'static str>,
    /// What follows.
    pub decision: Decision,
    /// The exit code.
    pub exit: u8,
    /// Identifies the run in the ledger.
    pub run: String,
    /// The seed of the order; `--seed` repeats it.
    pub seed: u64,
    /// From where it was looked.
    pub vantage: String,
    /// The program's version.
    pub version: String,
    /// When the run began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How long it took, in microseconds.
    pub took: Lapse,
    /// Whether a signal stopped it.
    pub interrupted: bool,
    /// How waiting and holding went, if it was asked for.
    pub held: Option<HeldReport>,
    /// What the person should know besides: that nothing was recorded, say.
    pub warnings: Vec<String>,
    /// The judged checks, as the files have them.
    pub checks: Vec<CheckReport>,
    /// The checks that were not judged, because of the interruption.
    pub unseen: Vec<String>,
}

/// How waiting and holding went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldReport {
    /// How many runs there were; the report is of the last.
    pub runs: u32,
    /// When the first green came, in microseconds from the beginning. Null: never.
    pub green_after: Option<Lapse>,
    /// How long it was held after that, in microseconds.
    pub held: Option<Lapse>,
    /// The critical checks whose failure was confirmed while holding.
    pub confirmed: Vec<String>,
}

/// How one check went.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// Its name.
    pub id: Arc<str>,
    /// What it claims.
    pub summary: Arc<str>,
    /// Its kind.
    pub kind: &'static str,
    /// The look in one line.
    pub look: String,
    /// How bad it is when it does not hold.
    pub severity: &'static str,
    /// `pass`, `fail` or `unknown`.
    pub verdict: &'static str,
    /// In which ways it falls short; empty for a pass.
    pub findings: Rare<Vec<Finding>>,
    /// How many looks there were.
    pub attempts: u32,
    /// When the last look began.
    pub at: Timestamp,
    /// Integer microseconds: `took`, the whole look, and the phases that the kind measures.
    pub timings: Numbers,
    /// The kind's other numbers: sizes in bytes, counts.
    pub numbers: Numbers,
    /// Its direct dependencies that failed in this run.
    pub caused_by: Rare<Vec<String>>,
    /// What to do first.
    pub what_to_do: Rare<Option<String>>,
    /// A document that helps.
    pub runbook: Rare<Option<String>>,
    /// Its tags.
    pub tags: Rare<Vec<String>>,
}

impl Report {
    /// Of a single run, which it takes apart: of ten thousand checks nothing is kept twice.
    pub fn of_run(project: &Project, plan: &Plan, ran: Ran) -> Report {
        let exit = if ran.interrupted { Exit::Interrupted } else { ran.decision.exit() };
        let mut causes = causes(project, &ran.checks);
        let mut checks = Vec::with_capacity(ran.checks.len());
        checks.extend(ran.checks.into_iter().filter_map(|looked| {
            let caused_by = causes.remove(&looked.place).unwrap_or_default();
            check_report(project, looked, caused_by)
        }));
        let id = |place: &usize| project.checks.get(*place).map(|check| check.id.to_string());
        Report {
            schema: SCHEMA,
            project: project.name.clone(),
            gate: plan.gate.map(|gate| gate.word()),
            decision: ran.decision,
            exit: exit.code(),
            run: ran.began.run,
            seed: plan.seed,
            vantage: ran.began.vantage,
            version: ran.began.version,
            began: ran.began.at,
            ended: ran.ended.at,
            took: between(ran.began.at, ran.ended.at),
            interrupted: ran.interrupted,
            held: None,
            warnings: ran.warnings,
            checks,
            unseen: ran.unseen.iter().filter_map(id).collect(),
        }
    }

    /// Of a run that was waited for or held.
    pub fn of_held(project: &Project, plan: &Plan, held: Held) -> Report {
        let mut report = Report::of_run(project, plan, held.ran);
        report.held = Some(HeldReport {
            runs: held.runs,
            green_after: held.green_after.map(Lapse),
            held: held.held.map(Lapse),
            confirmed: held.confirmed,
        });
        report
    }

    /// How the process ends.
    pub fn exit(&self) -> Exit {
        if self.interrupted { Exit::Interrupted } else { self.decision.exit() }
    }

    /// The checks with this verdict.
    pub fn with_verdict<'a>(&'a self, verdict: &'a str) -> impl Iterator<Item = &'a CheckReport> {
        self.checks.iter().filter(move |check| check.verdict == verdict)
    }
}

impl CheckReport {
    /// How long the last look took.
    pub fn took(&self) -> Lapse {
        let micros = self.timings.get("took").and_then(|took| took.as_u64()).unwrap_or_default();
        Lapse(std::time::Duration::from_micros(micros))
    }
}

fn check_report(project: &Project, looked: Looked, caused_by: Vec<String>) -> Option<CheckReport> {
    let check = project.checks.get(looked.place)?;
    let (timings, numbers) = timings_and_numbers(&looked.numbers.to_map(), looked.took);
    Some(CheckReport {
        id: Arc::clone(&check.id),
        summary: Arc::clone(&check.summary),
        kind: check.check.kind(),
        look: check.check.describe(),
        severity: check.severity.word(),
        verdict: looked.verdict.word(),
        findings: looked.verdict.into_findings().into(),
        attempts: looked.attempts,
        at: looked.at,
        timings: timings.into(),
        numbers: numbers.into(),
        caused_by: caused_by.into(),
        what_to_do: check.what_to_do.clone(),
        runbook: check.runbook.clone(),
        tags: check.tags.clone(),
    })
}

/// The direct dependencies that failed, of each place that did not pass.
fn causes(project: &Project, checks: &[Looked]) -> HashMap<usize, Vec<String>> {
    let check_at = |looked: &Looked| project.checks.get(looked.place);
    let red = || checks.iter().filter(|looked| !looked.verdict.is_pass());
    let verdicts: HashMap<&str, &Verdict> =
        red().filter_map(|looked| Some((&*check_at(looked)?.id, &looked.verdict))).collect();
    let of = |looked: &Looked| Some(caused_by(&check_at(looked)?.depends_on, |id| verdicts.get(id).copied()));
    red().filter_map(|looked| Some((looked.place, of(looked)?))).collect()
}

/// The kinds' numbers that are timings; also any whose name ends in `_us`.
const PHASES: [&str; 8] = ["dns", "connect", "tls", "first_byte", "body", "query", "handshake", "total"];

/// A kind's numbers, its timings (integer microseconds, with `took`, the whole look) apart from the others.
pub fn timings_and_numbers(numbers: &Map<String, Value>, took: Lapse) -> (Map<String, Value>, Map<String, Value>) {
    let mut timings = Map::new();
    let mut others = Map::new();
    for (name, value) in numbers {
        let phase = name.strip_suffix("_us").or(PHASES.contains(&name.as_str()).then_some(name.as_str()));
        match phase {
            Some(phase) if value.is_u64() => drop(timings.insert(phase.to_owned(), value.clone())),
            Some(_) | None => drop(others.insert(name.clone(), value.clone())),
        }
    }
    timings.insert("took".into(), took.micros().into());
    (timings, others)
}

fn between(from: Timestamp, to: Timestamp) -> Lapse {
    let micros = to.as_microsecond().saturating_sub(from.as_microsecond());
    Lapse(std::time::Duration::from_micros(u64::try_from(micros).unwrap_or_default()))
}
