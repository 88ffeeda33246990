//! `--format junit`: the XML that CI systems read, as `junit-10.xsd` of Jenkins has it.
//!
//! A failed check is a failure, one that could not be judged is an error. A warning does not hold a gate, so it is
//! *skipped* with its findings: a CI system would take a failure for a red build. A run whose decision is not to
//! proceed and that has nothing red to show (no check at all, say) gets a test case of its own, as a suite without
//! tests is green everywhere.

use std::fmt::Write;

use steadfast_core::gate::Decision;
use steadfast_core::measure::Lapse;
use steadfast_engine::report::{CheckReport, Report};

use super::human::{conclusion, told};
use super::text::plain;
use super::{Page, Renderer};

/// See the module.
pub(crate) struct JUnit;

impl Renderer for JUnit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn render(&self, report: &Report, _page: &Page) -> String {
        let cases: Vec<Case> = cases(report);
        let count = |what: fn(&Outcome) -> bool| cases.iter().filter(|case| what(&case.outcome)).count();
        let counts = format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\"",
            cases.len(),
            count(|outcome| matches!(outcome, Outcome::Failure { .. })),
            count(|outcome| matches!(outcome, Outcome::Error { .. })),
        );
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped { .. }));
        let (name, took) = (quoted(&report.project), seconds(report.took));
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let mut line = |text: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{text}");
        };
        line(format_args!("<testsuites name=\"{name}\" {counts} time=\"{took}\">"));
        line(format_args!(
            "  <testsuite name=\"{name}.{}\" {counts} skipped=\"{skipped}\" time=\"{took}\" timestamp=\"{}\">",
            report.gate.unwrap_or("all"),
            report.began.strftime("%Y-%m-%dT%H:%M:%S"),
        ));
        line(format_args!("    <properties>"));
        let properties = [
            ("run", report.run.clone()),
            ("decision", report.decision.word().to_owned()),
            ("exit", report.exit.to_string()),
            ("seed", report.seed.to_string()),
            ("vantage", report.vantage.clone()),
            ("version", report.version.clone()),
        ];
        for (name, value) in properties {
            line(format_args!("      <property name=\"{name}\" value=\"{}\"/>", quoted(&value)));
        }
        line(format_args!("    </properties>"));
        for case in &cases {
            let head = format!(
                "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
                quoted(&case.name),
                quoted(&case.class),
                seconds(case.took)
            );
            match &case.outcome {
                Outcome::Passed => line(format_args!("{head}/>")),
                Outcome::Failure { code, message, body } => {
                    line(format_args!("{head}>\n{}\n    </testcase>", element("failure", Some(code), message, body)));
                }
                Outcome::Error { code, message, body } => {
                    line(format_args!("{head}>\n{}\n    </testcase>", element("error", Some(code), message, body)));
                }
                Outcome::Skipped { message, body } => {
                    line(format_args!("{head}>\n{}\n    </testcase>", element("skipped", None, message, body)));
                }
            }
        }
        line(format_args!("    <system-out>{}</system-out>", text(&besides(report))));
        line(format_args!("  </testsuite>\n</testsuites>"));
        out
    }
}

struct Case {
    name: String,
    class: String,
    took: Lapse,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    Failure { code: String, message: String, body: String },
    Error { code: String, message: String, body: String },
    Skipped { message: String, body: String },
}

fn cases(report: &Report) -> Vec<Case> {
    let mut cases: Vec<Case> = report
        .checks
        .iter()
        .map(|check| Case {
            name: format!("{}: {}", check.id, check.summary),
            class: format!("{}.{}", report.project, check.id),
            took: check.took(),
            outcome: outcome(check),
        })
        .collect();
    cases.extend(report.unseen.iter().map(|id| Case {
        name: id.clone(),
        class: format!("{}.{id}", report.project),
        took: Lapse::seconds(0),
        outcome: Outcome::Skipped { message: "not looked at".to_owned(), body: String::new() },
    }));
    let is_red = |case: &Case| matches!(case.outcome, Outcome::Failure { .. } | Outcome::Error { .. });
    let proceeds = report.decision == Decision::Proceed && !report.interrupted;
    if !proceeds && !cases.iter().any(is_red) {
        cases.push(Case {
            name: "the run came to a decision".to_owned(),
            class: format!("{}.steadfast", report.project),
            took: report.took,
            outcome: Outcome::Error {
                code: report.decision.word().to_owned(),
                message: conclusion(report),
                body: besides(report),
            },
        });
    }
    cases
}

fn outcome(check: &CheckReport) -> Outcome {
    let code = check.findings.first().map_or_else(|| check.verdict.to_owned(), |finding| finding.code.to_string());
    let message = check.findings.first().map_or_else(
        || check.summary.to_string(),
        |finding| {
            let claim = if finding.claim.is_empty() { String::new() } else { format!("{}: ", finding.claim) };
            let detail = if finding.detail.is_empty() { String::new() } else { format!(": {}", finding.detail) };
            format!("{claim}{}{detail}", finding.code)
        },
    );
    match (check.verdict, check.severity) {
        ("pass", _) => Outcome::Passed,
        (verdict, "warning") => {
            let message = format!("a warning, which holds no gate: {verdict}: {message}");
            Outcome::Skipped { message, body: told(check) }
        }
        ("unknown", _) => Outcome::Error { code, message, body: told(check) },
        (_, _) => Outcome::Failure { code, message, body: told(check) },
    }
}

fn besides(report: &Report) -> String {
    let warnings = report.warnings.iter().map(|warning| format!("warning: {}\n", plain(warning)));
    format!("{}{}\n", warnings.collect::<String>(), conclusion(report))
}

fn element(name: &str, code: Option<&str>, message: &str, body: &str) -> String {
    let code = code.map(|code| format!(" type=\"{}\"", quoted(code))).unwrap_or_default();
    let head = format!("      <{name}{code} message=\"{}\"", quoted(message));
    if body.is_empty() { format!("{head}/>") } else { format!("{head}>{}</{name}>", text(body)) }
}

/// Whole milliseconds, which is all that the schema allows.
fn seconds(lapse: Lapse) -> String {
    let millis = lapse.micros().div_ceil(1_000);
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// Within an attribute: one line, and nothing that XML 1.0 forbids (section 2.2).
fn quoted(value: &str) -> String {
    text(&plain(value)).replace('"', "&quot;")
}

/// Between tags. What is no character of XML is replaced, as no escape would make it one.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample::{all_states, check, report};
    use super::*;

    #[test]
    fn every_state_has_its_element() {
        insta::assert_snapshot!(JUnit.render(&all_states(), &Page::FILE));
    }

    #[test]
    fn a_run_without_checks_is_not_a_green_suite() {
        let out = JUnit.render(&report(Vec::new(), Decision::CannotTell), &Page::FILE);
        assert!(out.contains("tests=\"1\" failures=\"0\" errors=\"1\""), "{out}");
        let green = JUnit.render(&report(vec![check("home", "pass", Vec::new())], Decision::Proceed), &Page::FILE);
        assert!(green.contains("tests=\"1\" failures=\"0\" errors=\"0\""), "{green}");
    }

    #[test]
    fn an_interrupted_run_is_not_a_green_suite() {
        let mut stopped = report(vec![check("home", "pass", Vec::new())], Decision::Proceed);
        (stopped.interrupted, stopped.unseen) = (true, vec!["page".into()]);
        let out = JUnit.render(&stopped, &Page::FILE);
        assert!(out.contains("errors=\"1\"") && out.contains("skipped=\"1\""), "{out}");
    }

    #[test]
    fn no_character_is_left_that_xml_forbids() {
        assert_eq!(text("a\u{0}b\u{ffff}<&>"), "a\u{fffd}b\u{fffd}&lt;&amp;&gt;");
        assert_eq!(quoted("a\"\n\u{1b}"), "a&quot;\\n\\u{1b}");
    }
}
