//! `--format markdown`: a comment on a pull request (GitHub Flavored Markdown).
//!
//! What comes from outside stands in code: there it is neither markup nor a mention of somebody.

use std::fmt::Write;

use steadfast_core::gate::Decision;
use steadfast_engine::report::{CheckReport, Report};

use super::human::{conclusion, told};
use super::text::{brief, counted, cut, plain};
use super::{Page, Renderer};

/// See the module.
pub(crate) struct Markdown;

/// A comment holds 65,536 characters; every check in trouble gets its share.
const MOST_TOLD: usize = 20;

impl Renderer for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn render(&self, report: &Report, _page: &Page) -> String {
        let mut out = String::new();
        let proceeds = report.decision == Decision::Proceed && !report.interrupted;
        let mark = if proceeds {
            "✅"
        } else if report.decision == Decision::Hold {
            "❌"
        } else {
            "❔"
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "### {mark} {}\n", code(&conclusion(report)));
        let mut rows: Vec<&CheckReport> = report.checks.iter().collect();
        rows.sort_by_key(|check| (check.verdict == "pass", check.severity != "critical", check.verdict == "unknown"));
        if !rows.is_empty() {
            out.push_str("| | check | claim | took |\n|---|---|---|---:|\n");
            for check in &rows {
                let warning = if check.severity == "warning" { " (warning)" } else { "" };
                let _ = writeln!(
                    out,
                    "| {} {}{warning} | {} | {} | {} |",
                    mark_of(check),
                    check.verdict,
                    cell(&check.id),
                    cell(&cut(&plain(&check.summary), 100)),
                    brief(check.took())
                );
            }
        }
        let troubled: Vec<&CheckReport> = rows.iter().copied().filter(|check| check.verdict != "pass").collect();
        for check in troubled.iter().take(MOST_TOLD) {
            let open = if check.severity == "critical" { " open" } else { "" };
            let _ = write!(
                out,
                "\n<details{open}><summary>{} <code>{}</code></summary>\n\n{}\n</details>\n",
                check.verdict,
                html(&check.id),
                fenced(&told(check))
            );
        }
        if let Some(more @ 1..) = troubled.len().checked_sub(MOST_TOLD) {
            let _ = writeln!(out, "\n… and {}: `--format json` has them all.", counted(more, "more check"));
        }
        if !report.unseen.is_empty() {
            let ids: Vec<String> = report.unseen.iter().map(|id| code(id)).collect();
            let _ = writeln!(out, "\nNot looked at: {}", ids.join(", "));
        }
        for warning in &report.warnings {
            let _ = writeln!(out, "\n> ⚠️ {}", code(warning));
        }
        let _ = writeln!(
            out,
            "\n<sub>steadfast {} · run {} · from {}</sub>",
            html(&report.version),
            html(&report.run),
            html(&report.vantage)
        );
        out
    }
}

fn mark_of(check: &CheckReport) -> &'static str {
    match (check.verdict, check.severity) {
        ("pass", _) => "✅",
        (_, "warning") => "⚠️",
        ("fail", _) => "❌",
        (_, _) => "❔",
    }
}

/// A code span (CommonMark, 6.1): a fence of backticks longer than any run of them within.
fn code(text: &str) -> String {
    let text = plain(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let edge = if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() { " " } else { "" };
    format!("{fence}{edge}{text}{edge}{fence}")
}

/// A code span within a table, where a bar would end the cell (GFM, 4.10).
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

fn fenced(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| plain(line).into_owned()).collect();
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}text\n{}\n{fence}", lines.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

fn html(text: &str) -> String {
    let text = plain(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "&#64;")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{all_states, report};
    use super::*;

    #[test]
    fn what_does_not_hold_is_open_and_the_decision_is_the_heading() {
        insta::assert_snapshot!(Markdown.render(&all_states(), &Page::FILE));
    }

    #[test]
    fn a_run_that_cannot_tell_is_not_marked_green() {
        let out = Markdown.render(&report(Vec::new(), Decision::CannotTell), &Page::FILE);
        assert!(out.starts_with("### ❔ `CANNOT TELL") && !out.contains('✅'), "{out}");
    }

    #[test]
    fn text_cannot_leave_its_code() {
        assert_eq!(code("a `` b"), "```a `` b```");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(cell("a|b"), "`a\\|b`");
        assert_eq!(fenced("````\n"), "`````text\n````\n`````");
    }
}
