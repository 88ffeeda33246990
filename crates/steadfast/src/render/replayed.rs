//! What `replay` came to, for people.

use steadfast_engine::replay::{Difference, Replayed};

use super::Page;
use super::human::{seen_text, value};
use super::text::{BOLD, DIM, GREEN, Layout, RED, YELLOW, counted, cut, plain};

/// A page of them is read. The JSON document has them all.
const MOST: usize = 20;

/// As text: each observation over which today's verdict is another one, the sums, the decision last.
pub(crate) fn of(replayed: &Replayed, page: &Page) -> String {
    let mut out = Layout::new(page);
    let judged = counted(usize::try_from(replayed.judged).unwrap_or(usize::MAX), "recorded observation");
    let head = format!("{} · {judged} judged again under today's checks", plain(&replayed.project));
    let head = out.styled(DIM, &cut(&head, out.width()));
    out.line(&head);
    let hidden = replayed.differences.len().saturating_sub(MOST);
    if hidden > 0 {
        out.gap();
        out.prose(0, &format!("… {hidden} older ones are left out here: --format json has them all"));
    }
    for difference in replayed.differences.iter().skip(hidden) {
        out.gap();
        one(&mut out, difference);
    }
    out.gap();
    for (why, count) in &replayed.not_comparable {
        out.prose(0, &format!("not comparable: {count}, {why}"));
    }
    if replayed.not_kept > 0 {
        out.prose(
            0,
            &format!(
                "not kept: {}: of green observations the ledger keeps the newest, of others digest and numbers",
                replayed.not_kept
            ),
        );
    }
    out.gap();
    decision(&mut out, replayed);
    out.finish()
}

fn one(out: &mut Layout, difference: &Difference) {
    let style = if difference.today == "fail" { RED } else { YELLOW };
    let title = format!(
        "{}  recorded as {}, today {}",
        out.styled(BOLD, &difference.check),
        difference.recorded,
        out.styled(style, difference.today)
    );
    out.line(&title);
    out.prose(2, &format!("seen {:.0} in run {}", difference.at, difference.run));
    if difference.recorded == "pass" && difference.today == "fail" {
        out.prose(2, "it went unnoticed then; today's check catches it:");
    }
    for finding in difference.findings.iter().take(3) {
        let claim = if finding.claim.is_empty() { &*finding.code } else { finding.claim.as_str() };
        out.prose(2, &format!("• {claim}"));
        if let Some(expected) = &finding.expected {
            out.field(4, "expected", &value(expected));
        }
        if let Some(seen) = &finding.seen {
            out.field(4, "seen", &seen_text(seen));
        }
    }
}

fn decision(out: &mut Layout, replayed: &Replayed) {
    let differ = replayed.differences.len();
    let caught = replayed.differences.iter().filter(|d| d.recorded == "pass" && d.today == "fail").count();
    let (word, style, text) = match (replayed.interrupted, differ, replayed.judged) {
        (true, _, judged) => ("INTERRUPTED", YELLOW, format!("{judged} judged until then")),
        (false, 0, 0) => ("CANNOT TELL", YELLOW, "nothing could be judged".to_owned()),
        (false, 0, judged) => {
            ("SAME", GREEN.bold(), format!("today's verdict is the recorded one, {judged} of {judged}"))
        }
        (false, differ, judged) => {
            let more = match caught {
                0 => String::new(),
                caught => format!("; {caught} would be caught now"),
            };
            ("DIFFERS", RED, format!("{differ} of {judged} would be judged differently today{more}"))
        }
    };
    let line = format!("{}  {text}", out.styled(style, word));
    out.line(&line);
}
