//! `--format github`: workflow commands, which GitHub shows as annotations of the run.
//!
//! GitHub keeps ten errors and ten warnings of a step, so what holds the gate comes first.

use steadfast_core::gate::Decision;
use steadfast_engine::report::{CheckReport, Report};

use super::human::{conclusion, told};
use super::{Page, Renderer};

/// See the module.
pub(crate) struct GitHub;

impl Renderer for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn render(&self, report: &Report, _page: &Page) -> String {
        let mut out = String::new();
        let mut not_passing: Vec<&CheckReport> = report.checks.iter().filter(|check| check.verdict != "pass").collect();
        not_passing.sort_by_key(|check| (check.severity != "critical", check.verdict, !check.caused_by.is_empty()));
        for check in not_passing {
            let level = if check.severity == "critical" { "error" } else { "warning" };
            let title = format!("{}: {}", check.id, check.summary);
            out.push_str(&command(level, &title, told(check).trim_end()));
        }
        for warning in &report.warnings {
            out.push_str(&command("warning", "steadfast", warning));
        }
        let proceeds = report.decision == Decision::Proceed && !report.interrupted;
        let level = if proceeds { "notice" } else { "error" };
        out.push_str(&command(level, &format!("{}: steadfast", report.project), &conclusion(report)));
        out
    }
}

/// One command on one line. The escapes are those of `@actions/core`; with them no text can begin a command of its own.
fn command(level: &str, title: &str, message: &str) -> String {
    format!("::{level} title={}::{}\n", property(title), data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{all_states, check, report};
    use super::*;

    #[test]
    fn what_holds_the_gate_comes_first() {
        insta::assert_snapshot!(GitHub.render(&all_states(), &Page::FILE));
    }

    #[test]
    fn a_run_that_cannot_tell_is_an_error() {
        let out = GitHub.render(&report(Vec::new(), Decision::CannotTell), &Page::FILE);
        assert!(out.starts_with("::error title="), "{out}");
        let out = GitHub.render(&report(vec![check("home", "pass", Vec::new())], Decision::Proceed), &Page::FILE);
        assert!(out.starts_with("::notice title="), "{out}");
    }

    #[test]
    fn no_text_begins_a_command_of_its_own() {
        let out = command("error", "a,b:c%\n::stop-commands::x", "seen\r\n::set-env name=PATH::/tmp\n");
        assert_eq!(out.lines().count(), 1, "{out}");
        assert_eq!(
            out,
            "::error title=a%2Cb%3Ac%25%0A%3A%3Astop-commands%3A%3Ax::seen%0D%0A::set-env name=PATH::/tmp%0A\n"
        );
    }
}
