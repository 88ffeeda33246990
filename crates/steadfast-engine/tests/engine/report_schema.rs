//! The report and its JSON Schema say the same.

use std::time::Duration;

use steadfast_core::finding::{Finding, Place, Seen, codes};
use steadfast_core::predicate::JsonType;
use steadfast_core::verdict::Verdict;
use steadfast_engine::hold::Hold;
use steadfast_engine::report::{JSON_SCHEMA, Report};
use steadfast_engine::run::Event;

use crate::toy::{all, project, runner, scripted};

fn faults(report: &serde_json::Value) -> Vec<String> {
    let schema: serde_json::Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(report).map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}

/// A report with every state in it: pass, second try, fail, caused, unknown, warning, held.
async fn full_report() -> Report {
    let mut caused = scripted("caused", "wrong");
    caused.depends_on = vec!["cause".into()].into();
    let mut tagged = scripted("tagged", "ok");
    tagged.tags = vec!["shop".to_owned()].into();
    (tagged.what_to_do, tagged.runbook) = (Some("look".into()).into(), Some("runbook.md".into()).into());
    let checks = vec![scripted("cause", "refused"), caused, scripted("unknown", "blind"), tagged];
    let project = project(checks);
    let plan = all(&project);
    let hold = Hold { wait: Some(Duration::from_secs(2)), hold: None, interval: Duration::from_secs(10) };
    let mut held = runner(&project).hold(&plan, hold, &mut |_: &Event<'_>| {}).await;
    let places = [
        Place::Endpoint("GET /".into()),
        Place::Step("1".into()),
        Place::Field("f".into()),
        Place::JsonPath("$.a".into()),
        Place::Selector("h2".into()),
        Place::File("a".into()),
        Place::Line(1),
        Place::Table("t".into()),
        Place::Column("c".into()),
        Place::Row(1),
        Place::Byte(0),
        Place::Stream("stdout".into()),
    ];
    let everywhere = places.into_iter().fold(Finding::new(codes::MISSING).of("x").expected(1), Finding::at);
    let seen = [Seen::Missing, Seen::Null, Seen::Empty, Seen::WrongType(JsonType::Array), Seen::text("x")];
    let findings = seen.into_iter().map(|seen| everywhere.clone().seen(seen).detail("said")).collect();
    held.ran.checks[0].verdict = Verdict::Fail(findings);
    Report::of_held(&project, &plan, held)
}

#[tokio::test(start_paused = true)]
async fn every_report_is_as_its_schema_says() {
    let report = serde_json::to_value(full_report().await).unwrap();
    assert_eq!(faults(&report), Vec::<String>::new());
    let empty = project(Vec::new());
    let plan = all(&empty);
    let ran = runner(&empty).run(&plan, &mut |_: &Event<'_>| {}).await;
    assert_eq!(faults(&serde_json::to_value(Report::of_run(&empty, &plan, ran)).unwrap()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_schema_refuses_what_is_no_report() {
    let report = serde_json::to_value(full_report().await).unwrap();
    let refused = |change: fn(&mut serde_json::Value)| {
        let mut changed = report.clone();
        change(&mut changed);
        assert!(!faults(&changed).is_empty(), "{changed}");
    };
    refused(|report| report["schema"] = "steadfast-report/2".into());
    refused(|report| report["decision"] = "maybe".into());
    refused(|report| report["checks"][0]["verdict"] = "pass".into());
    refused(|report| report["checks"][0]["timings"]["took"] = 1.5.into());
    refused(|report| report["checks"][0]["findings"][0]["seen"] = "nothing".into());
    refused(|report| drop(report.as_object_mut().unwrap().remove("unseen")));
    refused(|report| report["surprise"] = 1.into());
}

#[tokio::test(start_paused = true)]
async fn the_report_in_full() {
    let mut report = serde_json::to_value(full_report().await).unwrap();
    // One finding is enough to read.
    report["checks"][0]["findings"].as_array_mut().unwrap().truncate(1);
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}
