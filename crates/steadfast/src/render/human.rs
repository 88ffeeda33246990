//! `--format human`: what does not hold comes first, with what to do; the decision is the last line.

use std::collections::BTreeMap;

use anstyle::Style;
use serde_json::Value;
use steadfast_core::finding::{Finding, Seen};
use steadfast_core::gate::Decision;
use steadfast_engine::report::{CheckReport, Report};

use super::text::{BOLD, DIM, GREEN, Layout, RED, YELLOW, brief, counted, cut, listed, padded, plain};
use super::{Page, Renderer};

/// See the module.
pub(crate) struct Human;

impl Renderer for Human {
    fn name(&self) -> &'static str {
        "human"
    }

    fn render(&self, report: &Report, page: &Page) -> String {
        let mut out = Layout::new(page);
        head(&mut out, report);
        not_passing(&mut out, report);
        passing(&mut out, report);
        besides(&mut out, report);
        decision(&mut out, report);
        out.finish()
    }
}

/// A page of findings is read; ten pages are not. The JSON report has them all.
const MOST_FINDINGS: usize = 6;

fn head(out: &mut Layout, report: &Report) {
    let what = match report.gate {
        Some(gate) => format!("gate {gate}"),
        None => "no gate given: all checks".to_owned(),
    };
    let total = counted(report.checks.len() + report.unseen.len(), "check");
    let line = format!("{} · {what} · {total} · run {}", plain(&report.project), report.run);
    let line = out.styled(DIM, &cut(&line, out.width()));
    out.line(&line);
}

fn not_passing(out: &mut Layout, report: &Report) {
    let mut under: BTreeMap<&str, Vec<&CheckReport>> = BTreeMap::new();
    let mut roots = Vec::new();
    let rank = |check: &CheckReport| (check.verdict == "unknown", check.severity != "critical");
    for check in report.checks.iter().filter(|check| check.verdict != "pass") {
        match check.caused_by.first() {
            Some(cause) => under.entry(cause).or_default().push(check),
            None => roots.push(check),
        }
    }
    roots.sort_by_key(|check| rank(check));
    for check in roots {
        out.gap();
        trouble(out, check, 0, &under);
    }
}

fn trouble(out: &mut Layout, check: &CheckReport, indent: usize, under: &BTreeMap<&str, Vec<&CheckReport>>) {
    let (word, style) = word_of(check.verdict);
    let severity = if check.severity == "warning" { " (warning)" } else { "" };
    let lead = " ".repeat(indent);
    let room = out.width().saturating_sub(indent + word.len() + 2 + check.id.len() + severity.len() + 2);
    let title = format!(
        "{lead}{}  {}{severity}  {}",
        out.styled(style, word),
        out.styled(BOLD, &check.id),
        cut(&plain(&check.summary), room)
    );
    out.line(&title);
    let body = indent + 6;
    let tries = if check.attempts > 1 { format!(", {} tries", check.attempts) } else { String::new() };
    out.prose(body, &format!("{} ({}{tries})", check.look, brief(check.took())));
    for cause in check.caused_by.iter().skip(1) {
        out.field(body, "because", &format!("{cause} fails, too"));
    }
    let mut above = None;
    for finding in check.findings.iter().take(MOST_FINDINGS) {
        shortfall(out, body, check, finding, &mut above);
    }
    if let Some(more @ 1..) = check.findings.len().checked_sub(MOST_FINDINGS) {
        out.prose(body, &format!("… and {}: --format json has them all", counted(more, "more finding")));
    }
    out.gap();
    advice(out, body, check);
    if let Some(caused) = under.get(&*check.id) {
        out.gap();
        out.prose(body, "because of this:");
        for check in caused {
            trouble(out, check, body, under);
        }
    }
}

/// One check that does not pass, as it stands on the page, for the formats that hold it in a frame of their own.
pub(crate) fn told(check: &CheckReport) -> String {
    let mut out = Layout::new(&Page::FILE);
    trouble(&mut out, check, 0, &BTreeMap::new());
    if let Some(cause) = check.caused_by.first() {
        out.field(6, "because", &format!("{cause} fails, too"));
    }
    out.finish()
}

/// What the run came to, in one line.
pub(crate) fn conclusion(report: &Report) -> String {
    let mut out = Layout::new(&Page::FILE);
    decision(&mut out, report);
    out.finish().trim().to_owned()
}

/// One finding: its expectation, where, what was expected, what was seen unless the one above saw the same.
pub(crate) fn shortfall<'a>(
    out: &mut Layout,
    indent: usize,
    check: &CheckReport,
    finding: &'a Finding,
    above: &mut Option<&'a Seen>,
) {
    let claim = if finding.claim.is_empty() { finding.code.to_string() } else { finding.claim.clone() };
    let code = if finding.claim.is_empty() { String::new() } else { format!("  {}", finding.code) };
    let (_, style) = word_of(check.verdict);
    let room = out.width().saturating_sub(indent + 2 + code.len());
    let line = format!(
        "{}{} {}{}",
        " ".repeat(indent),
        out.styled(style, "•"),
        cut(&plain(&claim), room),
        out.styled(DIM, &code)
    );
    out.line(&line);
    let inner = indent + 2;
    let place: Vec<String> = finding.place.iter().map(ToString::to_string).collect();
    if !place.is_empty() && place != [check.look.as_str()] {
        out.field(inner, "where", &place.join(" > "));
    }
    if let Some(expected) = &finding.expected {
        out.field(inner, "expected", &value(expected));
    }
    if let Some(seen) = &finding.seen {
        // Several expectations often read the same body.
        let text = seen_text(seen);
        let again = *above == Some(seen) && text.len() > 40;
        out.field(inner, "seen", if again { "the same as above" } else { &text });
        *above = Some(seen);
    }
    if !finding.detail.is_empty() {
        out.field(inner, "detail", &finding.detail);
    }
}

/// What to do, once for the whole check: its own words first, then what the codes know, then how to see it oneself.
fn advice(out: &mut Layout, indent: usize, check: &CheckReport) {
    if let Some(todo) = &*check.what_to_do {
        out.field(indent, "what to do", todo);
    }
    if let Some(runbook) = &*check.runbook {
        out.field(indent, "runbook", runbook);
    }
    let mut said: Vec<&str> = Vec::new();
    for finding in check.findings.iter().take(MOST_FINDINGS) {
        if !finding.advice.is_empty() && !said.contains(&&*finding.advice) {
            said.push(&finding.advice);
        }
    }
    let label = if check.what_to_do.is_some() { "hint" } else { "what to do" };
    for advice in said.iter().take(3) {
        out.field(indent, label, advice);
    }
    let mut shown: Vec<&str> = Vec::new();
    for finding in check.findings.iter() {
        if !finding.reproduce.is_empty() && !shown.contains(&finding.reproduce.as_str()) && shown.len() < 3 {
            shown.push(&finding.reproduce);
            out.command(indent, "reproduce", &finding.reproduce);
        }
    }
}

fn passing(out: &mut Layout, report: &Report) {
    let passing: Vec<&CheckReport> = report.with_verdict("pass").collect();
    let widest = passing.iter().map(|check| check.id.len()).max().unwrap_or_default().min(28);
    out.gap();
    for check in passing {
        let tries = match check.attempts {
            0 | 1 => String::new(),
            2 => "  on the second try".to_owned(),
            more => format!("  on try {more}"),
        };
        let took = brief(check.took());
        let room = out.width().saturating_sub(6 + widest.max(check.id.len()) + 2 + 9 + 2 + tries.len());
        let line = format!(
            "{}{}  {}{}  {took:>9}",
            out.styled(GREEN, &padded("pass", 6)),
            padded(&check.id, widest),
            padded(&cut(&plain(&check.summary), room), room),
            out.styled(YELLOW, &tries),
        );
        out.line(&line);
    }
}

fn besides(out: &mut Layout, report: &Report) {
    if !report.unseen.is_empty() {
        out.gap();
        let ids = report.unseen.iter().map(String::as_str);
        out.prose(0, &format!("not looked at: {}", listed(ids, 3 * out.width())));
    }
    for warning in &report.warnings {
        out.gap();
        let lead = out.styled(YELLOW, "warning");
        out.line(&lead);
        out.prose(2, warning);
    }
    let Some(held) = &report.held else { return };
    out.gap();
    let runs = counted(held.runs as usize, "run");
    match (held.green_after, held.held) {
        (None, _) => out.prose(0, &format!("never all green in {runs}")),
        (Some(green), None) => out.prose(0, &format!("all green after {} and {runs}", brief(green))),
        (Some(green), Some(time)) if held.confirmed.is_empty() => {
            out.prose(0, &format!("all green after {}, then held for {}; {runs}", brief(green), brief(time)));
        }
        (Some(green), Some(time)) => out.prose(
            0,
            &format!(
                "all green after {}, then failed {} into the hold, confirmed by two runs in a row: {}; {runs}",
                brief(green),
                brief(time),
                held.confirmed.join(", ")
            ),
        ),
    }
}

fn decision(out: &mut Layout, report: &Report) {
    out.gap();
    let (word, style) = match (report.interrupted, report.decision) {
        (true, _) => ("INTERRUPTED", YELLOW),
        (false, Decision::Proceed) => ("PROCEED", GREEN.bold()),
        (false, Decision::Hold) => ("HOLD", RED),
        (false, Decision::CannotTell) => ("CANNOT TELL", YELLOW),
    };
    let took = format!(" ({})", brief(report.took));
    let gate = report.gate.map(|gate| format!("{gate}: ")).unwrap_or_default();
    let room = out.width().saturating_sub(word.len() + 2 + took.chars().count());
    let line = format!(
        "{}  {}{}",
        out.styled(style, word),
        cut(&format!("{gate}{}", sentence(report, room.saturating_sub(gate.len()))), room),
        out.styled(DIM, &took)
    );
    out.line(&line);
}

fn sentence(report: &Report, room: usize) -> String {
    let all = report.checks.len() + report.unseen.len();
    let ids = |verdict: &'static str, severity: &'static str| -> Vec<&str> {
        let these = report.with_verdict(verdict).filter(move |check| check.severity == severity);
        these.map(|check| &*check.id).collect()
    };
    let of_these = |ids: Vec<&str>, one: &str, many: &str| {
        let verb = if ids.len() == 1 { one } else { many };
        let lead = format!("{} of {} {verb}: ", ids.len(), counted(all, "check"));
        format!("{lead}{}", listed(ids, room.saturating_sub(lead.len())))
    };
    if report.interrupted {
        let failed = report.with_verdict("fail").count();
        let fails = if failed > 0 { format!(", {failed} of them not holding") } else { String::new() };
        return format!("{} of {} seen{fails}", report.checks.len(), counted(all, "check"));
    }
    match report.decision {
        Decision::Hold => of_these(ids("fail", "critical"), "fails", "fail"),
        Decision::CannotTell if all == 0 => "no check was looked at, so nothing is known".to_owned(),
        Decision::CannotTell => of_these(ids("unknown", "critical"), "could not be judged", "could not be judged"),
        Decision::Proceed => {
            let warnings = report.checks.iter().filter(|check| check.verdict != "pass").count();
            match (all, warnings) {
                (0, _) => "no check covers the change, which this gate lets pass".to_owned(),
                (1, 0) => "the check holds".to_owned(),
                (all, 0) => format!("all {all} checks hold"),
                (all, some) => {
                    format!("{} of {} hold, {}", all - some, counted(all, "check"), counted(some, "warning"))
                }
            }
        }
    }
}

fn word_of(verdict: &str) -> (&'static str, Style) {
    match verdict {
        "fail" => ("FAIL", RED),
        "unknown" => ("UNKNOWN", YELLOW),
        _ => ("pass", GREEN),
    }
}

/// A value as it would be written, text in quotes.
pub(crate) fn value(value: &Value) -> String {
    value.to_string()
}

/// What was seen, in words where it is none.
pub(crate) fn seen_text(seen: &Seen) -> String {
    match seen {
        Seen::Missing => "missing".to_owned(),
        Seen::Null => "null".to_owned(),
        Seen::Empty => "empty".to_owned(),
        Seen::WrongType(kind) => format!("a value of type {kind}"),
        Seen::Value(seen) => value(seen),
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::finding::codes;
    use steadfast_core::measure::Lapse;
    use steadfast_engine::report::HeldReport;
    use unicode_width::UnicodeWidthStr;

    use super::super::sample::{all_states, check, report};
    use super::*;

    /// The report on a page of 80 columns; only a quoted word of a command may be longer, as it could not be pasted.
    fn page(report: &Report) -> String {
        let text = Human.render(report, &Page::FILE);
        for line in text.lines().filter(|line| !line.trim_start().starts_with('\'')) {
            assert!(line.width() <= 80, "{} columns: {line}", line.width());
        }
        text
    }

    #[test]
    fn what_does_not_hold_comes_first_and_the_decision_last() {
        insta::assert_snapshot!(page(&all_states()));
    }

    #[test]
    fn every_decision_is_one_last_line() {
        let unknown = || check("auth-schema", "unknown", vec![Finding::new(codes::RESOLVER_FAILED)]);
        let pass = |id: &str| check(id, "pass", Vec::new());
        let mut warned = check("newsletter", "fail", vec![Finding::new(codes::REFUSED)]);
        warned.severity = "warning";
        let mut everything = report(vec![pass("home"), pass("page")], Decision::Proceed);
        everything.gate = None;
        let mut held = report(vec![pass("home")], Decision::Proceed);
        let time = |seconds| Some(Lapse::seconds(seconds));
        held.held = Some(HeldReport { runs: 31, green_after: time(4), held: time(300), confirmed: Vec::new() });
        let mut broken = report(vec![check("home", "fail", vec![Finding::new(codes::REFUSED)])], Decision::Hold);
        let confirmed = vec!["home".to_owned()];
        broken.held = Some(HeldReport { runs: 9, green_after: time(0), held: time(80), confirmed });
        let mut interrupted = report(vec![pass("home")], Decision::CannotTell);
        (interrupted.interrupted, interrupted.unseen) = (true, vec!["page".into(), "queue-drains".into()]);
        let many = (0..40).map(|i| check(&format!("check-{i}"), "fail", vec![Finding::new(codes::REFUSED)]));
        let reports = [
            report(vec![pass("home")], Decision::Proceed),
            everything,
            report(vec![pass("home"), warned], Decision::Proceed),
            report(vec![pass("home"), unknown()], Decision::CannotTell),
            report(Vec::new(), Decision::CannotTell),
            held,
            broken,
            interrupted,
            report(many.collect(), Decision::Hold),
        ];
        let tails: Vec<String> = reports
            .iter()
            .map(|report| {
                let text = page(report);
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(3)..].join("\n")
            })
            .collect();
        insta::assert_snapshot!(tails.join("\n----\n"));
    }

    #[test]
    fn colours_change_no_word() {
        let report = all_states();
        let coloured = Human.render(&report, &Page { width: 80, colour: true });
        assert!(coloured.contains("\u{1b}["));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), page(&report));
    }
}
