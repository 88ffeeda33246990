//! Proving: whether each check is able to fail. Real green observations are broken, and the check judges them again.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use steadfast_core::check::{Neighbour, Sighting, StoredSighting};
use steadfast_core::exit::Exit;
use steadfast_core::finding::Finding;
use steadfast_core::ledger::{Ledger, Proved, Record};
use steadfast_core::plan::Plan;
use steadfast_core::project::{Project, ProjectCheck};
use steadfast_core::proof::Proof;
use steadfast_core::verdict::Verdict;
use tokio::task::JoinSet;

use crate::look;
use crate::record::Recorder;
use crate::run::{Runner, look_with_retries};

/// How far apart the two observations are taken, so that what changes by itself is seen to change.
pub const APART: Duration = Duration::from_millis(1100);

/// Where green observations come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Looked at now, twice.
    Now,
    /// The newest green one of the ledger; nothing is looked at.
    Recorded,
}

/// How proving goes on: progress, nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub doing: &'static str,
    /// So many are done.
    pub done: usize,
    /// Of so many.
    pub of: usize,
}

/// What proving came to.
#[derive(Debug, Clone, Serialize)]
pub struct Proofs {
    /// The version of this document.
    pub schema: &'static str,
    /// The project.
    pub project: String,
    /// When.
    pub at: Timestamp,
    /// Every check that was to be proven, as the files have them.
    pub checks: Vec<CheckProof>,
    /// Whether a signal stopped it; then the list may be short.
    pub interrupted: bool,
    /// What the person should know besides.
    pub warnings: Vec<String>,
}

/// What was learnt of one check.
#[derive(Debug, Clone, Serialize)]
pub struct CheckProof {
    /// Its name.
    pub id: String,
    /// What it claims.
    pub summary: String,
    /// Its kind.
    pub kind: &'static str,
    /// The look in one line.
    pub look: String,
    /// What was learnt.
    pub outcome: ProofOutcome,
}

/// A proof, or why there is none.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofOutcome {
    /// It could be put to the proof.
    Proof(Proof),
    /// There is no green observation to begin with.
    NoGreen {
        /// Why not.
        why: String,
        /// What the check says of what was seen.
        findings: Vec<Finding>,
    },
}

/// Sums over all proofs: how many, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Impostors caught.
    pub caught: (usize, usize),
    /// Expectations seen red.
    pub seen_red: (usize, usize),
    /// Variations passed.
    pub passed: (usize, usize),
    /// Checks without a green observation.
    pub without_green: (usize, usize),
}

impl Proofs {
    /// The sums.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { without_green: (0, self.checks.len()), ..Totals::default() };
        for check in &self.checks {
            match &check.outcome {
                ProofOutcome::Proof(proof) => {
                    let [caught, seen_red, passed] = counts(proof);
                    totals.caught = (totals.caught.0 + caught.0, totals.caught.1 + caught.1);
                    totals.seen_red = (totals.seen_red.0 + seen_red.0, totals.seen_red.1 + seen_red.1);
                    totals.passed = (totals.passed.0 + passed.0, totals.passed.1 + passed.1);
                }
                ProofOutcome::NoGreen { .. } => totals.without_green.0 += 1,
            }
        }
        totals
    }

    /// A surviving impostor, a dead or a brittle expectation holds; a missing green cannot tell; the first beats the
    /// second.
    pub fn exit(&self) -> Exit {
        if self.interrupted {
            return Exit::Interrupted;
        }
        let mut exit = if self.checks.is_empty() { Exit::CannotTell } else { Exit::Proceed };
        for check in &self.checks {
            match &check.outcome {
                ProofOutcome::Proof(proof) if !proof.holds() => return Exit::Hold,
                ProofOutcome::Proof(_) => {}
                ProofOutcome::NoGreen { .. } => exit = Exit::CannotTell,
            }
        }
        exit
    }
}

/// Impostors caught, expectations seen red, variations passed; each of how many.
pub fn counts(proof: &Proof) -> [(usize, usize); 3] {
    let of = |all: usize, missed: usize| (all - missed, all);
    [
        of(proof.impostors.len(), proof.survivors().count()),
        of(proof.expectations.len(), proof.dead().count()),
        of(proof.variations.len(), proof.brittle().count()),
    ]
}

type Looked = (Sighting, Verdict);

impl Runner {
    /// Puts the planned checks to the proof. The green observations of all other checks of the project serve as
    /// impostors, so those are looked at, too.
    pub async fn prove(&self, plan: &Plan, source: Source, step: &mut (dyn FnMut(Step) + Send)) -> Proofs {
        let at = self.world.clock().now();
        let selected = plan.in_file_order();
        let (seen, mut warnings) = match source {
            Source::Now => (self.look_twice(&selected, step).await, Vec::new()),
            Source::Recorded => self.recorded(step).await,
        };
        let interrupted = self.stop.is_stopped();
        let bench = Arc::new(Bench::new(Arc::clone(&self.project), seen));
        let checks = if interrupted { Vec::new() } else { prove_all(&bench, &selected, source, step).await };
        let mut recorder = Recorder::new(self.ledger.clone(), self.world.clone());
        for (place, proof) in selected.iter().zip(&checks) {
            if let ProofOutcome::Proof(proof) = &proof.outcome {
                recorder.next(Record::Proved(record_of(&self.project.checks[*place], proof, at)));
            }
        }
        recorder.commit(Vec::new()).await;
        warnings.extend(recorder.warning().map(str::to_owned));
        let project = self.project.name.clone();
        Proofs { schema: "steadfast-proofs/1", project, at, checks, interrupted, warnings }
    }

    async fn look_twice(&self, selected: &[usize], step: &mut (dyn FnMut(Step) + Send)) -> HashMap<usize, Vec<Looked>> {
        let harmless = |place: &usize| {
            let check = &self.project.checks[*place];
            check.check.repeatable() || check.retry.writes
        };
        let first = (0..self.project.checks.len()).filter(|place| selected.contains(place) || harmless(place));
        let again: Vec<usize> = selected.iter().copied().filter(harmless).collect();
        let mut seen: HashMap<usize, Vec<Looked>> = HashMap::new();
        for (doing, places) in [("looking", first.collect::<Vec<_>>()), ("looking again", again)] {
            if !seen.is_empty() {
                tokio::select! {
                    biased;
                    () = self.stop.stopped() => break,
                    () = self.world.clock().sleep(APART) => {}
                }
            }
            for (place, looked) in self.look_at(&places, doing, step).await {
                seen.entry(place).or_default().push(looked);
            }
        }
        seen
    }

    async fn look_at(
        &self,
        places: &[usize],
        doing: &'static str,
        step: &mut (dyn FnMut(Step) + Send),
    ) -> Vec<(usize, Looked)> {
        let deadline = self.world.clock().elapsed().saturating_add(self.deadline);
        let mut queue = places.iter().copied();
        let mut tasks = JoinSet::new();
        let mut seen = Vec::new();
        loop {
            while tasks.len() < self.parallel.max(1) {
                let Some(place) = queue.next() else { break };
                let (project, world) = (Arc::clone(&self.project), self.world.clone());
                tasks.spawn(async move {
                    let last = look_with_retries(&project.checks[place], &world, deadline).await.pop();
                    last.map(|looked| (place, looked))
                });
            }
            let joined = tokio::select! {
                biased;
                () = self.stop.stopped() => return seen,
                joined = tasks.join_next() => joined,
            };
            let Some(joined) = joined else { return seen };
            seen.extend(joined.ok().flatten());
            step(Step { doing, done: seen.len(), of: places.len() });
        }
    }

    async fn recorded(&self, step: &mut (dyn FnMut(Step) + Send)) -> (HashMap<usize, Vec<Looked>>, Vec<String>) {
        let mut seen = HashMap::new();
        let Some(ledger) = self.ledger.as_deref() else {
            return (seen, vec!["there is no ledger to read recorded observations from".to_owned()]);
        };
        let of = self.project.checks.len();
        let mut warnings = Vec::new();
        for (place, check) in self.project.checks.iter().enumerate() {
            match newest_green(ledger, check).await {
                Ok(Some(looked)) => drop(seen.insert(place, vec![looked])),
                Ok(None) => {}
                Err(why) => warnings.push(format!("{}: {why}", check.id)),
            }
            step(Step { doing: "reading the ledger", done: place + 1, of });
        }
        (seen, warnings)
    }
}

async fn newest_green(ledger: &dyn Ledger, check: &ProjectCheck) -> Result<Option<Looked>, String> {
    let green = ledger.newest_green(&check.id, check.check.look_hash()).await.map_err(|why| why.to_string())?;
    let Some(payload) = green.and_then(|green| green.payload) else { return Ok(None) };
    let stored: StoredSighting =
        serde_json::from_slice(&payload).map_err(|why| format!("the recorded observation cannot be read: {why}"))?;
    let sighting = check.check.read(&stored).map_err(|why| format!("not comparable: {}", why.0))?;
    let verdict = look::judge(&*check.check, &sighting);
    Ok(Some((sighting, verdict)))
}

/// All that was seen, ready to be broken.
struct Bench {
    project: Arc<Project>,
    greens: HashMap<usize, Vec<Sighting>>,
    not_green: HashMap<usize, Verdict>,
}

impl Bench {
    fn new(project: Arc<Project>, seen: HashMap<usize, Vec<Looked>>) -> Bench {
        let mut bench = Bench { project, greens: HashMap::new(), not_green: HashMap::new() };
        for (place, looked) in seen {
            for (sighting, verdict) in looked {
                if verdict.is_pass() {
                    bench.greens.entry(place).or_default().push(sighting);
                } else {
                    bench.not_green.insert(place, verdict);
                }
            }
        }
        bench
    }

    fn prove(&self, place: usize, source: Source) -> CheckProof {
        let check = &self.project.checks[place];
        let greens: Vec<&Sighting> = self.greens.get(&place).into_iter().flatten().collect();
        let outcome = if greens.is_empty() { self.no_green(place, source) } else { self.proof(place, &greens) };
        CheckProof {
            id: check.id.to_string(),
            summary: check.summary.to_string(),
            kind: check.check.kind(),
            look: check.check.describe(),
            outcome,
        }
    }

    fn proof(&self, place: usize, greens: &[&Sighting]) -> ProofOutcome {
        let others = self.project.checks.iter().enumerate();
        let neighbours: Vec<Neighbour<'_>> = others
            .filter(|(other, _)| *other != place)
            .filter_map(|(other, check)| {
                let green = self.greens.get(&other)?.first()?;
                Some(Neighbour { id: &check.id, check: &*check.check, green })
            })
            .collect();
        let check = &self.project.checks[place];
        let proof = catch_unwind(AssertUnwindSafe(|| check.check.prove(greens, &neighbours)));
        match proof {
            Ok(Some(proof)) => ProofOutcome::Proof(proof),
            Ok(None) => none("nothing was seen that could be broken", &[]),
            Err(_) => none("Steadfast itself is at fault, please report it: the proof panicked", &[]),
        }
    }

    fn no_green(&self, place: usize, source: Source) -> ProofOutcome {
        match (self.not_green.get(&place), source) {
            (Some(verdict), Source::Now) => {
                none(&format!("it does not pass now, but says {}", verdict.word()), verdict.findings())
            }
            (Some(verdict), Source::Recorded) => {
                none("what was green then is not under the present expectations", verdict.findings())
            }
            (None, Source::Now) => none("it was not looked at", &[]),
            (None, Source::Recorded) => {
                none("no green observation of this look is recorded: run `steadfast verify` while all is well", &[])
            }
        }
    }
}

fn none(why: &str, findings: &[Finding]) -> ProofOutcome {
    ProofOutcome::NoGreen { why: why.to_owned(), findings: findings.to_vec() }
}

/// Proving is computing: on as many threads as there are processors.
async fn prove_all(
    bench: &Arc<Bench>,
    selected: &[usize],
    source: Source,
    step: &mut (dyn FnMut(Step) + Send),
) -> Vec<CheckProof> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let mut queue = selected.iter().copied();
    let mut tasks = JoinSet::new();
    let mut proofs: Vec<(usize, CheckProof)> = Vec::new();
    loop {
        while tasks.len() < threads {
            let Some(place) = queue.next() else { break };
            let bench = Arc::clone(bench);
            tasks.spawn_blocking(move || (place, bench.prove(place, source)));
        }
        let Some(joined) = tasks.join_next().await else { break };
        proofs.extend(joined.ok());
        step(Step { doing: "proving", done: proofs.len(), of: selected.len() });
    }
    proofs.sort_by_key(|(place, _)| *place);
    proofs.into_iter().map(|(_, proof)| proof).collect()
}

fn record_of(check: &ProjectCheck, proof: &Proof, at: Timestamp) -> Proved {
    let small =
        |(some, all): (usize, usize)| (u32::try_from(some).unwrap_or(u32::MAX), u32::try_from(all).unwrap_or(u32::MAX));
    let [caught, seen_red, passed] = counts(proof).map(small);
    Proved {
        check: check.id.to_string(),
        at,
        look_hash: check.check.look_hash(),
        claim_hash: check.check.claim_hash(),
        caught,
        seen_red,
        passed,
    }
}
