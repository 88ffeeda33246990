//! One run: every planned check is looked at, judged, recorded, and only then shown.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use steadfast_core::check::Sighting;
use steadfast_core::finding::codes;
use steadfast_core::gate::Decision;
use steadfast_core::ledger::{Keep, Ledger, Observed, Record, RunBegan, RunEnded};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Hash;
use steadfast_core::plan::Plan;
use steadfast_core::project::{Project, ProjectCheck};
use steadfast_core::verdict::Verdict;
use steadfast_core::world::{Boxed, Patience, World};
use tokio::task::JoinSet;

use crate::look;
use crate::numbers::Numbers;
use crate::record::{Evidence, Recorder};
use crate::stop::Stop;

/// How many checks are looked at at the same time when nobody says otherwise.
pub const PARALLEL: usize = 16;

/// The bound of a whole run when nobody says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(600);

/// What a run needs besides its plan.
pub struct Runner {
    /// The configuration.
    pub project: Arc<Project>,
    /// What the checks look at.
    pub world: World,
    /// Where records go; nowhere without one.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// Who may stop it.
    pub stop: Stop,
    /// How many checks at the same time; at least one.
    pub parallel: usize,
    /// The bound of a run.
    pub deadline: Duration,
    /// This program's version, for the record.
    pub version: &'static str,
}

/// What happens during a run. A verdict and the end are told after they were recorded; beginnings are progress.
#[derive(Debug)]
pub enum Event<'a> {
    /// A run began.
    RunBegan(&'a RunBegan),
    /// A check's first look begins.
    CheckBegan {
        /// Its id.
        id: &'a str,
    },
    /// A check was judged.
    CheckSeen {
        /// Its id.
        id: &'a str,
        /// How it went.
        looked: &'a Looked,
    },
    /// A run ended.
    RunEnded(&'a RunEnded),
    /// Between two runs of `--wait` and `--hold`.
    Between(&'a crate::hold::Between),
}

/// Takes events.
pub type Watcher<'a> = dyn FnMut(&Event<'_>) + Send + 'a;

/// How one check went.
#[derive(Debug, Clone)]
pub struct Looked {
    /// Its place in [`Project::checks`].
    pub place: usize,
    /// The verdict over the last look.
    pub verdict: Verdict,
    /// When the last look began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Lapse,
    /// How many looks there were.
    pub attempts: u32,
    /// The kind's numbers.
    pub numbers: Numbers,
}

/// How a run went.
#[derive(Debug)]
pub struct Ran {
    /// Its beginning, as recorded.
    pub began: RunBegan,
    /// Its end, as recorded.
    pub ended: RunEnded,
    /// What follows; of an interrupted run, what follows from what was seen, and never that it may proceed.
    pub decision: Decision,
    /// The checks that were judged, as the files have them.
    pub checks: Vec<Looked>,
    /// The checks that were not, because the run was interrupted.
    pub unseen: Vec<usize>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// What the person should know besides.
    pub warnings: Vec<String>,
}

impl Runner {
    /// Runs a plan.
    pub async fn run(&self, plan: &Plan, watcher: &mut Watcher<'_>) -> Ran {
        let began = self.begin(plan);
        watcher(&Event::RunBegan(&began));
        let mut recorder = Recorder::new(self.ledger.clone(), self.world.clone());
        recorder.next(Record::RunBegan(began.clone()));
        let (mut recorder, mut checks, interrupted) = self.look_at_all(plan, &began, recorder, watcher).await;
        checks.sort_by_key(|looked| looked.place);
        let unseen: Vec<usize> = plan
            .in_file_order()
            .into_iter()
            .filter(|place| checks.binary_search_by_key(place, |looked| looked.place).is_err())
            .collect();
        let decision = self.decide(plan, &checks, interrupted);
        let ended = self.end(&began, &checks, decision, interrupted);
        recorder.next(Record::RunEnded(ended.clone()));
        recorder.commit(Vec::new()).await;
        watcher(&Event::RunEnded(&ended));
        let warnings = recorder.warning().map(str::to_owned).into_iter().collect();
        Ran { began, ended, decision, checks, unseen, interrupted, warnings }
    }

    async fn look_at_all(
        &self,
        plan: &Plan,
        began: &RunBegan,
        recorder: Recorder,
        watcher: &mut Watcher<'_>,
    ) -> (Recorder, Vec<Looked>, bool) {
        let deadline = self.world.clock().elapsed().saturating_add(self.deadline);
        let mut queue = plan.order.iter().copied();
        let mut tasks: JoinSet<Finished> = JoinSet::new();
        let mut seen = Vec::with_capacity(plan.order.len());
        // While a commit is on its way, what comes in meanwhile gathers for the next: one commit per check at a
        // leisurely pace, one per many in a hurry.
        let mut gathered: Vec<Finished> = Vec::new();
        let mut idle = Some(recorder);
        let mut committing: Option<Boxed<'_, (Recorder, Vec<Looked>)>> = None;
        let mut interrupted = self.stop.is_stopped();
        loop {
            while !interrupted && tasks.len() < self.parallel.max(1) {
                let Some(place) = queue.next() else { break };
                if let Some(check) = self.project.checks.get(place) {
                    watcher(&Event::CheckBegan { id: &check.id });
                }
                tasks.spawn(self.task(place, began.run.clone(), deadline));
            }
            if committing.is_none()
                && !gathered.is_empty()
                && let Some(recorder) = idle.take()
            {
                committing = Some(Box::pin(commit(recorder, std::mem::take(&mut gathered))));
            }
            if committing.is_none() && tasks.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = self.stop.stopped(), if !interrupted => {
                    interrupted = true;
                    tasks.abort_all();
                }
                (recorder, published) = ready(&mut committing), if committing.is_some() => {
                    committing = None;
                    idle = Some(recorder);
                    for looked in published {
                        if let Some(check) = self.project.checks.get(looked.place) {
                            watcher(&Event::CheckSeen { id: &check.id, looked: &looked });
                        }
                        seen.push(looked);
                    }
                }
                Some(joined) = tasks.join_next(), if !tasks.is_empty() => {
                    // An error is a look that was aborted by the stop: panics are contained further in.
                    gathered.extend(joined);
                }
            }
        }
        let recorder = idle.unwrap_or_else(|| Recorder::new(None, self.world.clone()));
        (recorder, seen, interrupted)
    }

    fn task(&self, place: usize, run: String, deadline: Duration) -> impl Future<Output = Finished> + Send + 'static {
        let project = Arc::clone(&self.project);
        let world = self.world.clone();
        let recording = self.ledger.is_some();
        async move {
            // The places of a plan come from this very project.
            let check = &project.checks[place];
            let mut evidence = Vec::new();
            let tries = look_with_retries(check, &world, deadline).await;
            let attempts = u32::try_from(tries.len()).unwrap_or(u32::MAX);
            let mut last = None;
            for (attempt, (sighting, verdict)) in (1..).zip(tries) {
                let numbers = look::numbers(&*check.check, &sighting).into();
                let looked = Looked { place, verdict, at: sighting.at, took: sighting.took, attempts, numbers };
                if recording {
                    evidence.push(evidence_of(&run, check, &sighting, &looked, attempt));
                }
                last = Some(looked);
            }
            Finished { looked: last, evidence }
        }
    }

    fn begin(&self, plan: &Plan) -> RunBegan {
        let at = self.world.clock().now();
        let id = |place: &usize| self.project.checks.get(*place).map(|check| &check.id);
        RunBegan {
            run: run_id(at, plan.seed),
            at,
            project: self.project.name.clone(),
            gate: plan.gate.map(|gate| gate.word().to_owned()),
            vantage: self.world.vantage().to_owned(),
            seed: plan.seed,
            order: plan.order.iter().filter_map(id).collect(),
            version: self.version.to_owned(),
        }
    }

    fn decide(&self, plan: &Plan, checks: &[Looked], interrupted: bool) -> Decision {
        if plan.order.is_empty() && plan.may_be_empty && !interrupted {
            return Decision::Proceed;
        }
        let severity = |looked: &Looked| self.project.checks.get(looked.place).map(|check| check.severity);
        let judged = checks.iter().filter_map(|looked| Some((severity(looked)?, &looked.verdict)));
        match (Decision::of(judged), interrupted) {
            (Decision::Proceed, true) => Decision::CannotTell,
            (decision, true | false) => decision,
        }
    }

    fn end(&self, began: &RunBegan, checks: &[Looked], decision: Decision, interrupted: bool) -> RunEnded {
        let ids = |word: &str| {
            let of_word = checks.iter().filter(|looked| looked.verdict.word() == word);
            of_word
                .filter_map(|looked| self.project.checks.get(looked.place))
                .map(|check| check.id.to_string())
                .collect()
        };
        RunEnded {
            run: began.run.clone(),
            at: self.world.clock().now(),
            decision: if interrupted { "interrupted".to_owned() } else { decision.word().to_owned() },
            failed: ids("fail"),
            unknown: ids("unknown"),
        }
    }
}

/// A run's name: sorts by time, and two that begin in the same second differ.
fn run_id(at: Timestamp, seed: u64) -> String {
    let salt = Hash::of(format!("{}/{seed}", at.as_nanosecond()).as_bytes());
    format!("{}-{}", at.strftime("%Y%m%dT%H%M%SZ"), &salt.to_string()[..6])
}

struct Finished {
    looked: Option<Looked>,
    evidence: Vec<Evidence>,
}

async fn commit(mut recorder: Recorder, finished: Vec<Finished>) -> (Recorder, Vec<Looked>) {
    let mut looked = Vec::new();
    let mut evidence = Vec::new();
    for one in finished {
        looked.extend(one.looked);
        evidence.extend(one.evidence);
    }
    recorder.commit(evidence).await;
    (recorder, looked)
}

async fn ready<T>(future: &mut Option<Boxed<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Looks until a pass, as often as the check's `retry` allows. All tries, the last one counts.
pub(crate) async fn look_with_retries(
    check: &ProjectCheck,
    world: &World,
    deadline: Duration,
) -> Vec<(Sighting, Verdict)> {
    let may_repeat = check.check.repeatable() || check.retry.writes;
    let most = if may_repeat { check.retry.attempts.max(1) } else { 1 };
    let mut tries = Vec::new();
    for attempt in 1..=most {
        if attempt > 1 {
            let delay = check.retry.delay.0;
            if world.clock().elapsed().saturating_add(delay) >= deadline {
                break;
            }
            world.clock().sleep(delay).await;
        }
        let began = world.clock().elapsed();
        if began >= deadline {
            if tries.is_empty() {
                let sighting = look::not_looked(&*check.check, world);
                let verdict = look::judge(&*check.check, &sighting);
                tries.push((sighting, verdict));
            }
            break;
        }
        let patience = Patience { timeout: Some(began.saturating_add(check.timeout.0)), deadline: Some(deadline) };
        let world = world.for_look(patience);
        let sighting = look::look(&*check.check, &world).await;
        let verdict = look::judge(&*check.check, &sighting);
        // A later try that the run's deadline cut off says less than the one before.
        let cut_off = verdict.findings().iter().any(|finding| finding.code == codes::RUN_DEADLINE.word);
        if cut_off && !tries.is_empty() {
            break;
        }
        let pass = verdict.is_pass();
        tries.push((sighting, verdict));
        if pass {
            break;
        }
    }
    tries
}

fn evidence_of(run: &str, check: &ProjectCheck, sighting: &Sighting, looked: &Looked, attempt: u32) -> Evidence {
    // Numbers, strings and maps always serialize; an empty payload would be found by `ledger verify`.
    let payload = serde_json::to_vec(&sighting.stored()).unwrap_or_default();
    let observed = Observed {
        run: run.to_owned(),
        check: check.id.to_string(),
        kind: check.check.kind().to_owned(),
        at: sighting.at,
        took: sighting.took,
        vantage: sighting.vantage.clone(),
        attempt,
        look_hash: check.check.look_hash(),
        claim_hash: check.check.claim_hash(),
        shape: sighting.shape,
        verdict: looked.verdict.clone(),
        numbers: looked.numbers.to_map(),
        payload: Hash::of(&payload),
        keep: Keep::UntilPruned,
    };
    Evidence { observed, payload }
}
