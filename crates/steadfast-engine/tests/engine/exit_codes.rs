//! What a run decides, for every sort of verdict; plans; retries; deadlines; trouble in kinds; interruption.

use std::time::Duration;

use steadfast_core::gate::{Gate, Gates, Severity};
use steadfast_core::measure::Lapse;
use steadfast_core::project::{ProjectCheck, Retry};
use steadfast_engine::report::Report;
use steadfast_engine::run::Event;
use steadfast_engine::stop::Stop;

use crate::toy::{Visits, all, at_gate, project, runner, scripted, toy};

async fn report_of(checks: Vec<ProjectCheck>) -> Report {
    let project = project(checks);
    let plan = all(&project);
    let ran = runner(&project).run(&plan, &mut |_: &Event<'_>| {}).await;
    Report::of_run(&project, &plan, ran)
}

/// Runs these scripts as critical checks; expects this exit code.
async fn check(scripts: &[&str], exit: u8) {
    let checks = scripts.iter().enumerate().map(|(i, script)| scripted(&format!("c{i}"), script)).collect();
    let report = report_of(checks).await;
    assert_eq!(report.exit, exit, "{scripts:?}: {report:#?}");
}

#[tokio::test(start_paused = true)]
async fn every_verdict_leads_to_its_exit_code() {
    check(&["ok", "ok"], 0).await;
    check(&["ok", "wrong"], 1).await;
    check(&["ok", "refused"], 1).await;
    check(&["blind", "refused"], 1).await;
    check(&["ok", "blind"], 3).await;
    check(&[], 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_warning_never_holds_the_gate() {
    let mut warning = scripted("w", "wrong");
    warning.severity = Severity::Warning;
    assert_eq!(report_of(vec![warning, scripted("c", "ok")]).await.exit, 0);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_kind_is_unknown_and_the_others_are_still_judged() {
    let report = report_of(vec![scripted("a", "panic"), scripted("b", "ok"), scripted("c", "judge-panics")]).await;
    let verdicts: Vec<_> = report.checks.iter().map(|check| check.verdict).collect();
    assert_eq!(verdicts, ["unknown", "pass", "unknown"]);
    for place in [0, 2] {
        let finding = &report.checks[place].findings[0];
        assert_eq!(finding.code, "local-trouble");
        assert!(finding.detail.contains("panicked: "), "{}", finding.detail);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_try_that_passes_says_so() {
    let mut check = scripted("flaky", "wrong ok");
    check.retry = Retry { attempts: 3, delay: Lapse::seconds(1), writes: false };
    let report = report_of(vec![check]).await;
    assert_eq!((report.exit, report.checks[0].attempts), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_repeated_is_looked_at_once_unless_writes_are_allowed() {
    for (writes, looks, exit) in [(false, 1, 1), (true, 2, 0)] {
        let mut check = scripted("post", "ok");
        check.check = toy(serde_json::json!({
            "name": "post", "script": "wrong ok", "harmless": false, "expect": { "word": "ok" }
        }));
        check.retry = Retry { attempts: 2, delay: Lapse::seconds(1), writes };
        let report = report_of(vec![check]).await;
        assert_eq!((report.checks[0].attempts, report.exit), (looks, exit), "writes = {writes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_beyond_its_timeout_fails_even_if_the_kind_forgets_its_bound() {
    let report = report_of(vec![scripted("hang", "hang"), scripted("stuck", "stuck")]).await;
    for check in &report.checks {
        assert_eq!((check.verdict, &*check.findings[0].code), ("fail", "timeout"), "{}", check.id);
    }
    let total = |place: usize| report.checks[place].timings.get("took").and_then(|took| took.as_u64()).unwrap();
    assert_eq!((total(0), total(1)), (10_000_000, 12_000_000));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_leaves_unknown_what_it_cut_off() {
    let project = project(vec![scripted("a", "hang"), scripted("b", "hang"), scripted("c", "ok")]);
    let plan = all(&project);
    let mut runner = runner(&project);
    (runner.parallel, runner.deadline) = (1, Duration::from_secs(3));
    let ran = runner.run(&plan, &mut |_: &Event<'_>| {}).await;
    let report = Report::of_run(&project, &plan, ran);
    let unknown: Vec<_> = report.with_verdict("unknown").collect();
    assert!(unknown.len() >= 2, "{report:#?}");
    assert!(unknown.iter().all(|check| check.findings[0].code == "run-deadline"));
    assert_eq!(report.exit, 3);
    assert_eq!(report.took, Lapse::seconds(3));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_the_deadline_cuts_off_leaves_the_first_verdict() {
    let mut check = scripted("slow", "wrong hang");
    check.retry = Retry { attempts: 2, delay: Lapse::seconds(1), writes: false };
    let project = project(vec![check]);
    let plan = all(&project);
    let mut runner = runner(&project);
    runner.deadline = Duration::from_secs(3);
    let ran = runner.run(&plan, &mut |_: &Event<'_>| {}).await;
    let report = Report::of_run(&project, &plan, ran);
    assert_eq!((report.checks[0].verdict, report.checks[0].attempts), ("fail", 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_checks_at_once_than_allowed() {
    let slow = |i: usize| {
        let mut check = scripted(&format!("c{i}"), "ok");
        check.check = toy(serde_json::json!({
            "name": format!("c{i}"), "script": "ok", "takes": "1s", "expect": { "word": "ok" }
        }));
        check
    };
    let report = report_of((0..9).map(slow).collect()).await;
    // Nine looks of a second each, four at a time.
    assert_eq!(report.took, Lapse::seconds(3));
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_reports_what_was_seen_and_never_proceeds() {
    let project = project(vec![scripted("quick", "ok"), scripted("hanging", "hang")]);
    let plan = all(&project);
    let (switch, stop) = Stop::pair();
    let mut runner = runner(&project);
    runner.stop = stop;
    let ran = runner
        .run(&plan, &mut |event: &Event<'_>| {
            if let Event::CheckSeen { .. } = event {
                switch.stop();
            }
        })
        .await;
    let recorded = ran.ended.decision.clone();
    let report = Report::of_run(&project, &plan, ran);
    assert_eq!(report.exit, 130);
    assert_eq!(report.checks.iter().map(|check| &*check.id).collect::<Vec<_>>(), ["quick"]);
    assert_eq!(report.unseen, ["hanging"]);
    assert_eq!((recorded.as_str(), report.decision.word()), ("interrupted", "cannot-tell"));
}

#[tokio::test(start_paused = true)]
async fn a_check_whose_dependency_failed_is_still_looked_at_and_names_its_cause() {
    let mut page = scripted("page", "wrong");
    page.depends_on = vec!["server".into(), "cache".into()].into();
    let project = project(vec![page, scripted("server", "refused"), scripted("cache", "ok")]);
    let plan = all(&project);
    let runner = runner(&project);
    let ran = runner.run(&plan, &mut |_: &Event<'_>| {}).await;
    let report = Report::of_run(&project, &plan, ran);
    assert_eq!(*report.checks[0].caused_by, ["server"]);
    assert_eq!(runner.world.resource::<Visits>().of("page"), 1);
}

#[test]
fn a_plan_takes_the_checks_of_its_gate_and_refuses_what_it_does_not_know() {
    let mut tagged = scripted("design-page", "ok");
    tagged.tags = vec!["shop".to_owned()].into();
    let mut boot = scripted("auth-schema", "ok");
    boot.gates = Gates::from_iter([Gate::Boot]);
    let project = project(vec![tagged, boot]);
    let chosen = |gate, only: &[&str]| {
        at_gate(&project, gate, only).map(|plan| {
            plan.in_file_order().iter().map(|place| project.checks[*place].id.clone()).collect::<Vec<_>>().join(" ")
        })
    };
    let refused = |only: &str| chosen(Gate::PostDeploy, &[only]).unwrap_err();
    assert_eq!(chosen(Gate::PostDeploy, &[]).unwrap(), "design-page");
    assert_eq!(chosen(Gate::Boot, &[]).unwrap(), "auth-schema");
    assert_eq!(chosen(Gate::Drill, &[]).unwrap(), "");
    assert_eq!(chosen(Gate::PostDeploy, &["tag:shop"]).unwrap(), "design-page");
    let written = ["desing-page", "shop", "tag:shpo", "auth-schema", "zzzzzzzz"];
    let lines: Vec<String> = written.iter().map(|only| format!("--only {only}: {}", refused(only))).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
