//! `--wait` and `--hold`: runs repeated until all is green, and then for as long as it must stay so.

use std::time::Duration;

use steadfast_core::gate::{Decision, Severity};
use steadfast_core::names::Names;
use steadfast_core::plan::Plan;
use steadfast_core::state::{Health, Sign, State, Thresholds, step};

use crate::run::{Event, Ran, Runner, Watcher};

/// How long to bear with red, and then how long to keep judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Red is tolerated for so long, until the first time that all is green.
    pub wait: Option<Duration>,
    /// After that, so long everything must stay as it is.
    pub hold: Option<Duration>,
    /// The pause between two runs.
    pub interval: Duration,
}

/// The pause between two runs while waiting for the first green, if `interval` is not shorter.
pub const WAIT_PAUSE: Duration = Duration::from_secs(1);

/// How many runs may follow the end of a hold to confirm or clear what its last run saw.
pub const EXTRA_RUNS: u32 = 3;

/// Where `--wait` and `--hold` stand between two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    /// Whether it still waits for the first green.
    pub waiting: bool,
    /// How many runs there were.
    pub runs: u32,
    /// How long this phase has lasted.
    pub spent: Duration,
    /// How long it lasts at the most.
    pub of: Duration,
    /// The checks that did not pass in the last run.
    pub not_green: Vec<String>,
}

/// How waiting and holding went.
#[derive(Debug)]
pub struct Held {
    /// The run that decided.
    pub ran: Ran,
    /// How many runs there were.
    pub runs: u32,
    /// When the first green came, from the beginning. `None`: it never came.
    pub green_after: Option<Duration>,
    /// How long it was held after that.
    pub held: Option<Duration>,
    /// The critical checks whose failure was confirmed while holding.
    pub confirmed: Vec<String>,
}

impl Runner {
    /// Runs a plan until it is green or the wait is over; then, if it is to be held, until a failure is confirmed
    /// (two in a row) or the hold is over. Each run is recorded as one of its own.
    pub async fn hold(&self, plan: &Plan, hold: Hold, watcher: &mut Watcher<'_>) -> Held {
        let began = self.world.clock().elapsed();
        let mut runs = 0;
        let mut warnings = Vec::new();
        let wait = hold.wait.unwrap_or_default();
        let first_green = loop {
            let ran = self.one_run(plan, &mut runs, &mut warnings, watcher).await;
            let spent = self.world.clock().elapsed().saturating_sub(began);
            let over = spent.saturating_add(hold.interval.min(WAIT_PAUSE)) > wait;
            if ran.decision == Decision::Proceed || ran.interrupted || plan.order.is_empty() || over {
                break ran;
            }
            watcher(&Event::Between(&self.between(true, runs, spent, wait, &ran)));
            self.pause(hold.interval.min(WAIT_PAUSE)).await;
        };
        let green = first_green.decision == Decision::Proceed;
        let green_after = green.then(|| self.world.clock().elapsed().saturating_sub(began));
        let mut held = Held { ran: first_green, runs, green_after, held: None, confirmed: Vec::new() };
        if let (Some(time), true) = (hold.hold, green) {
            self.keep_judging(plan, time, hold.interval, &mut held, &mut warnings, watcher).await;
        }
        held.ran.warnings = warnings;
        held
    }

    async fn keep_judging(
        &self,
        plan: &Plan,
        time: Duration,
        interval: Duration,
        held: &mut Held,
        warnings: &mut Vec<String>,
        watcher: &mut Watcher<'_>,
    ) {
        let began = self.world.clock().elapsed();
        let mut states = vec![State::default(); self.project.checks.len()];
        self.step_all(&mut states, &held.ran);
        let mut extra = 0;
        loop {
            let spent = self.world.clock().elapsed().saturating_sub(began);
            held.held = Some(spent);
            let settled = states.iter().all(|state| state.streak == state.health);
            let over = spent >= time;
            if held.ran.interrupted || !held.confirmed.is_empty() || (over && (settled || extra >= EXTRA_RUNS)) {
                return;
            }
            extra += u32::from(over);
            watcher(&Event::Between(&self.between(false, held.runs, spent, time, &held.ran)));
            // The last run stands at the very end of the hold.
            let left = time.saturating_sub(spent);
            self.pause(if over { interval } else { interval.min(left) }).await;
            if self.stop.is_stopped() {
                held.ran.interrupted = true;
                if held.ran.decision == Decision::Proceed {
                    held.ran.decision = Decision::CannotTell;
                }
                continue;
            }
            // What came of the last run is known; of ten thousand checks two runs are not kept at once.
            (held.ran.checks, held.ran.began.order) = (Vec::new(), Names::default());
            held.ran = self.one_run(plan, &mut held.runs, warnings, watcher).await;
            held.confirmed = self.step_all(&mut states, &held.ran);
        }
    }

    async fn one_run(&self, plan: &Plan, runs: &mut u32, warnings: &mut Vec<String>, watcher: &mut Watcher<'_>) -> Ran {
        *runs += 1;
        let ran = self.run(plan, watcher).await;
        for warning in &ran.warnings {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        ran
    }

    /// Steps the critical checks; returns those that are now believed to be down.
    fn step_all(&self, states: &mut [State], ran: &Ran) -> Vec<String> {
        let mut down = Vec::new();
        for looked in &ran.checks {
            let Some((check, state)) = self.project.checks.get(looked.place).zip(states.get_mut(looked.place)) else {
                continue;
            };
            if check.severity != Severity::Critical {
                continue;
            }
            let (next, transition) = step(*state, Sign::from(&looked.verdict), looked.at, Thresholds::default());
            *state = next;
            if transition.is_some_and(|transition| transition.to == Health::Down) {
                down.push(check.id.to_string());
            }
        }
        down
    }

    fn between(&self, waiting: bool, runs: u32, spent: Duration, of: Duration, ran: &Ran) -> Between {
        let red = ran.checks.iter().filter(|looked| !looked.verdict.is_pass());
        let not_green =
            red.filter_map(|looked| self.project.checks.get(looked.place)).map(|check| check.id.to_string());
        Between { waiting, runs, spent, of, not_green: not_green.collect() }
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            biased;
            () = self.stop.stopped() => {}
            () = self.world.clock().sleep(time) => {}
        }
    }
}
