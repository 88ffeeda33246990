//! `--format tap`: the Test Anything Protocol, version 14.
//!
//! A check that fails and is only a warning is a `TODO`: consumers show it and do not count it as failed, as the gate
//! does. A run whose decision is not to proceed and that has nothing red to show gets a test point of its own, as a plan of none
//! counts as passed.

use std::fmt::Write;

use serde_json::{Value, json};
use steadfast_core::gate::Decision;
use steadfast_engine::report::{CheckReport, Report};

use super::human::{conclusion, told};
use super::text::plain;
use super::{Page, Renderer};

/// See the module.
pub(crate) struct Tap;

impl Renderer for Tap {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn render(&self, report: &Report, _page: &Page) -> String {
        let is_red = |check: &&CheckReport| check.verdict != "pass" && check.severity == "critical";
        let proceeds = report.decision == Decision::Proceed && !report.interrupted;
        let decides_alone = !proceeds && !report.checks.iter().any(|check| is_red(&check));
        let points = report.checks.len() + report.unseen.len() + usize::from(decides_alone);
        let none = if points == 0 { " # SKIP no check covers the change" } else { "" };
        let mut out = format!("TAP version 14\n1..{points}{none}\n");
        let mut number = 0;
        // Writing to a string cannot fail.
        let mut point = |out: &mut String, ok: bool, what: &str, directive: &str| {
            number += 1;
            let _ = writeln!(out, "{} {number} - {}{directive}", if ok { "ok" } else { "not ok" }, description(what));
        };
        for check in &report.checks {
            let directive = match (check.verdict, check.severity) {
                ("pass", _) | (_, "critical") => "",
                (_, _) => " # TODO a warning, which holds no gate",
            };
            point(&mut out, check.verdict == "pass", &format!("{}: {}", check.id, check.summary), directive);
            out.push_str(&diagnostics(check));
        }
        for id in &report.unseen {
            point(&mut out, true, id, " # SKIP not looked at");
        }
        if decides_alone {
            point(&mut out, false, &conclusion(report), "");
        }
        for warning in &report.warnings {
            let _ = writeln!(out, "# warning: {}", plain(warning));
        }
        let _ = writeln!(out, "# {}", conclusion(report));
        out
    }
}

/// The block of YAML below a test point. A JSON value in one line is a value of YAML 1.2 as well; what is for people
/// stands in lines of its own.
fn diagnostics(check: &CheckReport) -> String {
    let mut out = String::from("  ---\n");
    let mut field = |name: &str, value: Value| out.push_str(&format!("  {name}: {}\n", yaml(&value)));
    field("duration_ms", json!(check.took().micros() as f64 / 1_000.0));
    if check.verdict != "pass" {
        let codes: Vec<&str> = check.findings.iter().map(|finding| &*finding.code).collect();
        field("verdict", json!(check.verdict));
        field("severity", json!(check.severity));
        field("codes", json!(codes));
        field("look", json!(check.look));
        out.push_str("  message: |\n");
        for line in told(check).lines() {
            out.push_str(format!("    {}", plain(line)).trim_end());
            out.push('\n');
        }
    }
    out.push_str("  ...\n");
    out
}

/// JSON in one line. YAML 1.2 reads every JSON text but for what it holds to be no character (5.1).
fn yaml(value: &Value) -> String {
    let unprintable = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}');
    value
        .to_string()
        .chars()
        .map(|c| if unprintable(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() })
        .collect()
}

/// On one line, with the signs escaped that would begin a directive.
fn description(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{all_states, check, report};
    use super::*;

    #[test]
    fn every_state_is_a_test_point() {
        insta::assert_snapshot!(Tap.render(&all_states(), &Page::FILE));
    }

    #[test]
    fn a_run_without_checks_is_not_a_plan_of_none() {
        let out = Tap.render(&report(Vec::new(), Decision::CannotTell), &Page::FILE);
        assert!(out.starts_with("TAP version 14\n1..1\nnot ok 1 - CANNOT TELL"), "{out}");
        let out = Tap.render(&report(vec![check("home", "pass", Vec::new())], Decision::Proceed), &Page::FILE);
        assert!(out.contains("1..1\nok 1 - home"), "{out}");
    }

    #[test]
    fn no_text_begins_a_directive() {
        assert_eq!(description("a # TODO b\n\\"), "a \\# TODO b\\\\n\\\\");
    }
}
