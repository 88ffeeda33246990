//! What init says at its end: what was written, what was read, what waits, and what nobody can see from here.

use super::Written;
use super::draft::{Draft, LeftOut, Waiting};
use crate::render::Page;
use crate::render::text::{BOLD, DIM, GREEN, Layout, YELLOW, counted, plain};

/// So many columns are for labels.
const LABELS: usize = 18;
/// So many notes of one sort are printed; the file has all of them.
const MOST_NOTES: usize = 12;

/// What was written, for people.
pub(crate) fn shown(written: &Written, page: &Page) -> String {
    let mut out = Layout::new(page).with_labels(LABELS);
    let Written { draft, file, search, proofs: _, warning } = written;
    let waiting = if draft.waiting.is_empty() { String::new() } else { format!(", {} proposed", draft.waiting.len()) };
    let head = format!(
        "{}  {}{waiting}",
        out.styled(BOLD, &plain(&file.display().to_string())),
        counted(draft.checks.len(), "check")
    );
    out.line(&head);
    out.gap();
    draft.checks.iter().for_each(|check| entry(&mut out, 2, &check.id, &check.shown));
    waits(&mut out, &draft.waiting);
    if !draft.read.is_empty() {
        title(&mut out, "read");
        draft.read.iter().for_each(|(file, what)| entry(&mut out, 2, file, what));
    }
    let limits = search.limits.iter().map(|limit| LeftOut { what: String::new(), why: limit.clone() });
    let left: Vec<LeftOut> = draft.left_out.iter().cloned().chain(limits).collect();
    notes(&mut out, "left out", &left);
    notes(&mut out, "not seen", &draft.unseen);
    if search.databases.is_empty() && draft.read.is_empty() {
        out.gap();
        out.prose(0, &format!("No SQLite database among {} below this folder.", counted(search.files, "file")));
    }
    out.gap();
    verified(&mut out, written);
    if let Some(warning) = warning {
        out.prose(0, &format!("warning: {warning}"));
    }
    out.gap();
    out.prose(0, next(draft));
    out.finish()
}

/// The checks that nobody has seen hold, those with one reason together. What to do about each stands in the file.
fn waits(out: &mut Layout, waiting: &[Waiting]) {
    if waiting.is_empty() {
        return;
    }
    out.gap();
    let line = out.styled(YELLOW, "proposed, as comments");
    out.line(&line);
    let some = &waiting[..waiting.len().min(MOST_NOTES)];
    let mut reasons: Vec<&str> = Vec::new();
    some.iter().for_each(|one| {
        if !reasons.contains(&one.why.as_str()) {
            reasons.push(&one.why)
        }
    });
    for why in reasons {
        out.prose(2, &format!("{why}:"));
        some.iter().filter(|one| one.why == why).for_each(|one| entry(out, 4, &one.check.id, &one.says));
    }
    more(out, waiting.len());
}

fn notes(out: &mut Layout, heading: &str, notes: &[LeftOut]) {
    if notes.is_empty() {
        return;
    }
    title(out, heading);
    for note in notes.iter().take(MOST_NOTES) {
        match note.what.as_str() {
            "" => out.prose(2, &note.why),
            what => entry(out, 2, what, &note.why),
        }
    }
    more(out, notes.len());
}

/// A label with its text beside it, or below it if the label is too long for its column.
fn entry(out: &mut Layout, indent: usize, label: &str, text: &str) {
    if label.chars().count() < LABELS {
        return out.field(indent, label, text);
    }
    out.prose(indent, label);
    out.field(indent, "", text);
}

fn title(out: &mut Layout, text: &str) {
    out.gap();
    let line = out.styled(DIM, text);
    out.line(&line);
}

fn more(out: &mut Layout, all: usize) {
    if let Some(more) = all.checked_sub(MOST_NOTES).filter(|more| *more > 0) {
        out.prose(2, &format!("and {more} more, in the file"));
    }
}

fn verified(out: &mut Layout, written: &Written) {
    let Written { draft, proofs, .. } = written;
    if draft.checks.is_empty() {
        out.prose(
            0,
            "Nothing that these files speak of is up, so no check was verified: the file holds proposals only.",
        );
        return;
    }
    let totals = proofs.totals();
    let of = |(some, all): (usize, usize), noun: &str| format!("{some} of {all} {noun}");
    let mark = out.styled(GREEN, "✓ ");
    let holds = if proofs.checks.len() == 1 { "holds" } else { "hold" };
    out.line(&format!("{mark}verified: {} {holds}", counted(proofs.checks.len(), "check")));
    let proof = format!(
        "proof: {}, {}, {}",
        of(totals.caught, "impostors caught"),
        of(totals.seen_red, "expectations seen red"),
        of(totals.passed, "variations passed"),
    );
    out.prose(2, &proof);
}

fn next(draft: &Draft) -> &'static str {
    match (draft.checks.is_empty(), draft.waiting.is_empty()) {
        (true, _) => {
            "Next: start what is to be checked, remove the file, and run `steadfast init` again; or read it and take in \
             the proposals that you know to hold."
        }
        (false, true) => "Next: read the file, then `steadfast verify` and `steadfast prove`.",
        (false, false) => {
            "Next: read the file and take in the proposals that you know to hold, then `steadfast verify` and \
             `steadfast prove`."
        }
    }
}
