//! What `prove` came to, for people: three questions apart, each score with its denominator, and TOML to paste.

use steadfast_core::proof::{Proof, Suggestion, Trial};
use steadfast_engine::prove::{CheckProof, ProofOutcome, Proofs, Source, counts};

use super::Page;
use super::human::{seen_text, value};
use super::text::{BOLD, DIM, GREEN, Layout, RED, YELLOW, counted, cut, listed, plain};

/// A page of them is read. The JSON document has them all.
const MOST: usize = 12;

/// The proofs as text; those that do not hold come last, nearest to the decision below them.
pub(crate) fn of(proofs: &Proofs, source: Source, page: &Page) -> String {
    let mut out = Layout::new(page).with_labels(15);
    let from = match source {
        Source::Now => "looked at twice, now",
        Source::Recorded => "from the ledger, newest green",
    };
    let head = format!("{} · {} · {from}", plain(&proofs.project), counted(proofs.checks.len(), "check"));
    let head = out.styled(DIM, &cut(&head, out.width()));
    out.line(&head);
    let rank = |check: &&CheckProof| match &check.outcome {
        ProofOutcome::Proof(proof) if proof.holds() => 0,
        ProofOutcome::NoGreen { .. } => 1,
        ProofOutcome::Proof(_) => 2,
    };
    let mut checks: Vec<&CheckProof> = proofs.checks.iter().collect();
    checks.sort_by_key(rank);
    for check in checks {
        out.gap();
        one(&mut out, check);
    }
    for warning in &proofs.warnings {
        out.gap();
        out.prose(0, &format!("warning: {warning}"));
    }
    out.gap();
    totals(&mut out, proofs);
    decision(&mut out, proofs);
    out.finish()
}

fn one(out: &mut Layout, check: &CheckProof) {
    let room = out.width().saturating_sub(check.id.len() + 2);
    let title = format!("{}  {}", out.styled(BOLD, &check.id), cut(&plain(&check.summary), room));
    out.line(&title);
    out.prose(2, &check.look);
    match &check.outcome {
        ProofOutcome::Proof(proof) => three_questions(out, check, proof),
        ProofOutcome::NoGreen { why, findings } => {
            let said = out.styled(YELLOW, "no green observation");
            out.line(&format!("  {said}"));
            out.prose(2, why);
            for finding in findings.iter().take(3) {
                let claim = if finding.claim.is_empty() { &*finding.code } else { finding.claim.as_str() };
                let expected = finding.expected.as_ref().map(|v| format!(", expected {}", value(v)));
                let seen = finding.seen.as_ref().map(|seen| format!(", seen {}", seen_text(seen)));
                let more = [expected.unwrap_or_default(), seen.unwrap_or_default()].concat();
                let detail = if finding.detail.is_empty() { String::new() } else { format!(": {}", finding.detail) };
                out.prose(4, &format!("• {claim}{detail}{more}"));
            }
        }
    }
}

fn three_questions(out: &mut Layout, check: &CheckProof, proof: &Proof) {
    let [caught, seen_red, passed] = counts(proof);
    score(out, "impostors", "caught", caught);
    let survivors: Vec<&Trial> = proof.survivors().collect();
    trials(out, "survived", &survivors, |trial| format!("{}: {}", trial.name, trial.story));
    score(out, "expectations", "seen red", seen_red);
    for dead in proof.dead().take(MOST) {
        out.field(4, "dead", &format!("{}: no breakage of what it reads trips it", dead.claim));
    }
    score(out, "variations", "passed", passed);
    let brittle: Vec<&Trial> = proof.brittle().collect();
    trials(out, "brittle", &brittle, |trial| format!("{} trips {}", trial.name, trial.by.join(", ")));
    if !proof.unclaimed.fields.is_empty() {
        let fields = listed(proof.unclaimed.fields.iter().map(String::as_str), 3 * out.width() / 2);
        let of = format!("{} of {} fields: {fields}", proof.unclaimed.fields.len(), proof.unclaimed.of);
        out.field(2, "unclaimed", &of);
    }
    if !survivors.is_empty() {
        suggestion(out, check, proof);
    }
}

fn score(out: &mut Layout, label: &str, verb: &str, (some, all): (usize, usize)) {
    let style = if some == all { GREEN } else { RED };
    let text = format!("{verb} {some} of {all}");
    // Styles have no width, so the styled text stands in a line of its own making.
    let line = format!("  {}{}", out.styled(DIM, &format!("{label:<15}")), out.styled(style, &text));
    out.line(&line);
}

fn trials(out: &mut Layout, label: &str, trials: &[&Trial], told: impl Fn(&Trial) -> String) {
    for trial in trials.iter().take(MOST) {
        out.field(4, label, &told(trial));
    }
    if let Some(more @ 1..) = trials.len().checked_sub(MOST) {
        out.field(4, "", &format!("… and {more} more: --format json has them all"));
    }
}

fn suggestion(out: &mut Layout, check: &CheckProof, proof: &Proof) {
    out.gap();
    match &proof.suggestion {
        Some(Suggestion { expect, catches }) => {
            let keys: Vec<&str> = expect.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            out.prose(
                2,
                &format!(
                    "To catch {}, set {} under [check.{}.expect] of check `{}` (in place of {} that is there; rests on {}):",
                    if catches.len() == 1 { "it".to_owned() } else { format!("all {}", catches.len()) },
                    keys.join(", "),
                    check.kind,
                    check.id,
                    if keys.len() == 1 { "any" } else { "each" },
                    counted(proof.greens, "observation"),
                ),
            );
            out.gap();
            for line in steadfast_config::toml_of(expect).lines() {
                // To be pasted: never wrapped.
                out.line(&plain(line));
            }
        }
        None => out.prose(
            2,
            "Nothing that stays the same between looks would catch what survives: no text of the main content is in \
             both observations and in no impostor. Give the page something that only the real one has, and expect it.",
        ),
    }
}

fn totals(out: &mut Layout, proofs: &Proofs) {
    let totals = proofs.totals();
    let part = |verb: &str, (some, all): (usize, usize), noun: &str| format!("{verb} {some} of {all} {noun}");
    out.prose(
        0,
        &[
            part("caught", totals.caught, "impostors"),
            part("seen red", totals.seen_red, "expectations"),
            part("passed", totals.passed, "variations"),
        ]
        .join(" · "),
    );
}

fn decision(out: &mut Layout, proofs: &Proofs) {
    let ids = |wanted: fn(&ProofOutcome) -> bool| -> Vec<&str> {
        proofs.checks.iter().filter(|check| wanted(&check.outcome)).map(|check| check.id.as_str()).collect()
    };
    let weak = ids(|outcome| matches!(outcome, ProofOutcome::Proof(proof) if !proof.holds()));
    let unseen = ids(|outcome| matches!(outcome, ProofOutcome::NoGreen { .. }));
    let (word, style, text) = if proofs.interrupted {
        ("INTERRUPTED", YELLOW, "nothing was proven".to_owned())
    } else if !weak.is_empty() {
        let verb = if weak.len() == 1 { "is" } else { "are" };
        ("NOT PROVEN", RED, format!("{} of {} {verb} fooled, dead or brittle", weak.len(), proofs.checks.len()))
    } else if !unseen.is_empty() || proofs.checks.is_empty() {
        let what = format!("{} of {} without a green observation", unseen.len(), proofs.checks.len());
        ("CANNOT TELL", YELLOW, what)
    } else {
        ("PROVEN", GREEN.bold(), format!("{} shown to be able to fail", counted(proofs.checks.len(), "check")))
    };
    let room = out.width().saturating_sub(word.len() + text.len() + 4);
    let named = if weak.is_empty() { unseen } else { weak };
    let named = if named.is_empty() { String::new() } else { format!(": {}", listed(named, room)) };
    let line = format!("{}  {text}{named}", out.styled(style, word));
    out.line(&line);
}
