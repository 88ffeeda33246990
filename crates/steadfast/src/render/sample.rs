//! Reports for the tests of the formats.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use steadfast_core::finding::{Finding, Place, Seen, codes};
use steadfast_core::gate::Decision;
use steadfast_core::measure::Lapse;
use steadfast_core::rare::Rare;
use steadfast_engine::numbers::Numbers;
use steadfast_engine::report::{CheckReport, Report, SCHEMA};

/// When everything here happened.
pub(super) fn moment() -> Timestamp {
    "2026-11-23T03:00:00Z".parse().unwrap()
}

/// One judged check.
pub(super) fn check(id: &str, verdict: &'static str, findings: Vec<Finding>) -> CheckReport {
    CheckReport {
        id: id.into(),
        summary: format!("The {id} does what its summary says, in so many words that it has to be cut").into(),
        kind: "http",
        look: format!("GET <shop>/{id}"),
        severity: "critical",
        verdict,
        findings: findings.into(),
        attempts: 1,
        at: moment(),
        timings: json!({ "took": 12_345 }).as_object().cloned().unwrap().into(),
        numbers: Numbers::default(),
        caused_by: Rare::default(),
        what_to_do: Rare::default(),
        runbook: Rare::default(),
        tags: Rare::default(),
    }
}

/// A report of these checks.
pub(super) fn report(checks: Vec<CheckReport>, decision: Decision) -> Report {
    Report {
        schema: SCHEMA,
        project: "shop".into(),
        gate: Some("post-deploy"),
        decision,
        exit: decision.exit().code(),
        run: "20261123T030000Z-a1b2c3".into(),
        seed: 7,
        vantage: "here".into(),
        version: "0.0.0".into(),
        began: moment(),
        ended: moment(),
        took: Lapse(Duration::from_millis(1234)),
        interrupted: false,
        held: None,
        warnings: Vec::new(),
        checks,
        unseen: Vec::new(),
    }
}

/// Every state that a check can be in, with what is hardest to show: hostile text, a long command, many findings.
pub(super) fn all_states() -> Report {
    let body = format!("<html>\u{1b}[31m{}</html>", "shell without its content ".repeat(9));
    let mut gone = Finding::new(codes::NOT_CONTAINED).of("body_contains.\"<h2>Meaning\"");
    gone = gone.at(Place::Endpoint("GET /d/7d0bd618".into())).expected("<h2>Meaning").seen(Seen::text(&body));
    gone.reproduce = "curl -sS -i --compressed -H \"authorization: Bearer $CANARY_TOKEN\" \
                      'http://127.0.0.1:8080/d/7d0bd618?with=a&very=long&query=of-many-letters'"
        .into();
    let mut json = Finding::new(codes::NOT_JSON).of("json.\"$.errors\".count").seen(Seen::text(&body));
    json = json.expected(json!({ "at_most": 0 })).at(Place::JsonPath("$.errors".into()));
    let mut page = check("design-page", "fail", vec![gone, json]);
    let some = |text: &str| Some(text.to_owned()).into();
    (page.what_to_do, page.runbook) =
        (some("docker logs web --tail 100; steadfast look design-page"), some("runbooks/page.md"));
    let refused = || Finding::new(codes::REFUSED).detail("127.0.0.1:8080: Connection refused (os error 111)");
    let mut sitemap = check("sitemap", "fail", vec![refused()]);
    sitemap.caused_by = vec!["design-page".to_owned()].into();
    let mut warned = check("newsletter", "fail", vec![refused()]);
    (warned.severity, warned.attempts) = ("warning", 3);
    let many = (0..8).map(|row| {
        let finding = Finding::new(codes::MISSING).of(format!("rows.{row}")).at(Place::Row(row));
        finding.seen([Seen::Missing, Seen::Null, Seen::Empty][row as usize % 3].clone())
    });
    let unknown = vec![Finding::new(codes::RESOLVER_FAILED).detail("SERVFAIL")];
    let mut second = check("queue-drains", "pass", Vec::new());
    second.attempts = 2;
    let mut report = report(
        vec![
            check("home", "pass", Vec::new()),
            warned,
            check("rows", "fail", many.collect()),
            check("auth-schema", "unknown", unknown),
            page,
            sitemap,
            second,
        ],
        Decision::Hold,
    );
    report.warnings = vec!["nothing was recorded: the ledger cannot be written: disk full; free space".into()];
    report
}
