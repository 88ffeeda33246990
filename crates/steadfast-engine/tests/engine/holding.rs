//! `--wait` and `--hold` on a clock that waits for nobody. Scripts say what each run sees.

use std::time::Duration;

use steadfast_core::gate::Severity;
use steadfast_core::project::ProjectCheck;
use steadfast_engine::hold::{Between, Hold};
use steadfast_engine::report::Report;
use steadfast_engine::run::Event;
use steadfast_engine::stop::Stop;

use crate::toy::{all, project, runner, scripted};

const SECOND: Duration = Duration::from_secs(1);

/// Holds these checks; returns the exit code, the number of runs, the length of the hold, and what was confirmed.
async fn held(checks: Vec<ProjectCheck>, wait: u32, hold: u32) -> (u8, u32, Option<Duration>, Vec<String>) {
    let project = project(checks);
    let plan = all(&project);
    let some = |seconds: u32| (seconds > 0).then_some(SECOND * seconds);
    let hold = Hold { wait: some(wait), hold: some(hold), interval: SECOND * 10 };
    let held = runner(&project).hold(&plan, hold, &mut |_: &Event<'_>| {}).await;
    let (runs, time, confirmed) = (held.runs, held.held, held.confirmed.clone());
    (Report::of_held(&project, &plan, held).exit, runs, time, confirmed)
}

async fn check(script: &str, wait: u32, hold: u32, expected: (u8, u32, Option<u32>)) {
    let (exit, runs, time, _) = held(vec![scripted("c", script)], wait, hold).await;
    assert_eq!((exit, runs, time), (expected.0, expected.1, expected.2.map(|time| SECOND * time)), "{script}");
}

#[tokio::test(start_paused = true)]
async fn waiting_tolerates_red_until_the_first_green() {
    check("refused wrong blind ok", 60, 0, (0, 4, None)).await;
    check("ok", 60, 0, (0, 1, None)).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_decides_by_its_last_run() {
    // One run a second, at 0s to 5s.
    check("refused", 5, 0, (1, 6, None)).await;
    check("blind", 5, 0, (3, 6, None)).await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_stays_green_proceeds_after_its_whole_time() {
    check("ok", 0, 30, (0, 4, Some(30))).await;
    // The last run stands at the end, even if the interval does not divide the hold.
    check("ok", 0, 25, (0, 4, Some(25))).await;
}

#[tokio::test(start_paused = true)]
async fn one_red_run_is_not_believed_two_in_a_row_end_the_hold_at_once() {
    check("ok wrong ok", 0, 60, (0, 7, Some(60))).await;
    check("ok ok wrong wrong ok", 0, 300, (1, 4, Some(30))).await;
}

#[tokio::test(start_paused = true)]
async fn a_red_last_run_is_confirmed_or_cleared_before_it_decides() {
    check("ok ok ok wrong wrong", 0, 30, (1, 5, Some(40))).await;
    check("ok ok ok wrong ok", 0, 30, (0, 5, Some(40))).await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_goes_blind_cannot_tell() {
    check("ok blind", 0, 60, (3, 7, Some(60))).await;
}

#[tokio::test(start_paused = true)]
async fn red_before_the_first_green_is_no_hold_at_all() {
    check("wrong ok", 0, 60, (1, 1, None)).await;
    check("wrong", 3, 60, (1, 4, None)).await;
}

#[tokio::test(start_paused = true)]
async fn a_warning_ends_no_hold() {
    let mut warning = scripted("w", "ok wrong");
    warning.severity = Severity::Warning;
    let (exit, _, time, confirmed) = held(vec![warning, scripted("c", "ok")], 0, 30).await;
    assert_eq!((exit, time, confirmed), (0, Some(SECOND * 30), vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_checks_does_not_wait_for_them() {
    assert_eq!(held(Vec::new(), 60, 60).await, (3, 1, None, vec![]));
}

#[tokio::test(start_paused = true)]
async fn each_pause_tells_where_it_stands() {
    let project = project(vec![scripted("c", "wrong ok")]);
    let plan = all(&project);
    let hold = Hold { wait: Some(SECOND * 60), hold: Some(SECOND * 20), interval: SECOND * 10 };
    let mut told = Vec::new();
    runner(&project)
        .hold(&plan, hold, &mut |event: &Event<'_>| {
            if let Event::Between(Between { waiting, runs, spent, of, not_green }) = event {
                told.push(format!("waiting {waiting} runs {runs} {spent:?} of {of:?} {not_green:?}"));
            }
        })
        .await;
    assert_eq!(
        told,
        [
            "waiting true runs 1 0ns of 60s [\"c\"]",
            "waiting false runs 2 0ns of 20s []",
            "waiting false runs 3 10s of 20s []"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_signal_between_two_runs_ends_the_hold_as_interrupted() {
    let project = project(vec![scripted("c", "ok")]);
    let plan = all(&project);
    let (switch, stop) = Stop::pair();
    let mut runner = runner(&project);
    runner.stop = stop;
    let hold = Hold { wait: None, hold: Some(SECOND * 300), interval: SECOND * 10 };
    let held = runner
        .hold(&plan, hold, &mut |event: &Event<'_>| {
            if let Event::Between(Between { runs: 3, .. }) = event {
                switch.stop();
            }
        })
        .await;
    let runs = held.runs;
    let report = Report::of_held(&project, &plan, held);
    assert_eq!((report.exit, runs, report.decision.word()), (130, 3, "cannot-tell"));
}
