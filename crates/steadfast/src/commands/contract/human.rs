//! What people read: the verdict first, then what is wrong by how often, then what to do.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use steadfast_contract::explain::Explanation;
use steadfast_contract::freshness::Fresh;
use steadfast_contract::load::Done;
use steadfast_contract::regression::{Change, Keys, Regression};
use steadfast_contract::report::{Outcome, Report};
use steadfast_contract::spot_check::Sample;

use crate::render::text::plain;

/// Groups and names that a person is shown; `--json` has the rest.
const SHOWN: usize = 12;
const NAMES: usize = 5;

const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const DIM: Style = Style::new().dimmed();

pub(super) fn report(report: &Report) -> String {
    let mut out = String::new();
    let files = plain(&report.files.join(", ")).into_owned();
    let records = count(report.records, "record");
    let _ = match report.outcome {
        Outcome::Holds => {
            writeln!(out, "{GREEN}HOLDS{GREEN:#}  {files}: {records}, profile {}", report.profile)
        }
        Outcome::Broken => {
            let bad = match report.bad {
                0 => format!("{records}, each of them good"),
                bad => format!("{} of {records} bad", number(bad)),
            };
            writeln!(out, "{RED}BROKEN{RED:#}  {files}: {bad}, profile {}", report.profile)
        }
        Outcome::CannotTell => {
            writeln!(out, "{YELLOW}CANNOT TELL{YELLOW:#}  {files}: {records}, profile {}", report.profile)
        }
    };
    for reason in &report.cannot_tell {
        let _ = writeln!(out, "  {YELLOW}?{YELLOW:#} {}", plain(reason));
    }
    for group in report.groups.iter().take(SHOWN) {
        let mark = if group.first.severity.breaks() { RED } else { YELLOW };
        let _ = writeln!(out, "  {mark}×{mark:#} {}", plain(&group.text));
        let key = group.first.key.as_ref().map(|key| format!(" (key {})", plain(key))).unwrap_or_default();
        let file = if report.files.len() > 1 { format!("{}, ", plain(&group.first.file)) } else { String::new() };
        let _ = writeln!(
            out,
            "      {DIM}{}, first at {file}line {}, byte {}{key}{DIM:#}",
            records_of(group.records, group.findings),
            number(group.first.line),
            number(group.first.byte)
        );
    }
    if report.groups.len() > SHOWN {
        let more = count((report.groups.len() - SHOWN) as u64, "more kind");
        let _ = writeln!(out, "    and {more} of finding: --json lists them");
    }
    if report.repaired > 0 {
        let _ = writeln!(out, "  {YELLOW}~{YELLOW:#} {} repaired", count(report.repaired, "record"));
    }
    for repair in report.repairs.iter().take(SHOWN) {
        let done = match repair.done {
            Done::Defaulted => "the default took its place",
            Done::Dropped => "the item was dropped",
            Done::KeptTheLast => "of two equal members the last was kept",
        };
        let _ = writeln!(out, "      {DIM}{}: {done}, {}{DIM:#}", plain(&repair.path), count(repair.repairs, "time"));
    }
    if report.repairs.len() > SHOWN {
        let _ = writeln!(
            out,
            "      {DIM}and {}: --json lists them{DIM:#}",
            count((report.repairs.len() - SHOWN) as u64, "more path")
        );
    }
    if report.duplicates > 0 {
        let stand = if report.duplicates == 1 { "stands" } else { "stand" };
        let _ = writeln!(out, "  {RED}×{RED:#} {} {stand} twice", count(report.duplicates, "key"));
        for duplicate in report.duplicate_keys.iter().take(NAMES) {
            let (first, again) = (&duplicate.first, &duplicate.again);
            // In one file its name is known.
            let of = |place: &(String, u64)| {
                if first.0 == again.0 { String::new() } else { format!(" of {}", plain(&place.0)) }
            };
            let _ = writeln!(
                out,
                "      {DIM}{}: line {}{} and line {}{}{DIM:#}",
                plain(&duplicate.key),
                number(first.1),
                of(first),
                number(again.1),
                of(again)
            );
        }
        if report.duplicates as usize > NAMES {
            let _ = writeln!(out, "      {DIM}and {} more{DIM:#}", number(report.duplicates - NAMES as u64));
        }
    }
    for promise in &report.promises {
        let (mark, sign) = if promise.holds { (GREEN, "✓") } else { (RED, "×") };
        let _ = writeln!(out, "  {mark}{sign}{mark:#} {}: {}", promise.promise, promise.seen);
    }
    for counted in report.states.iter().filter(|counted| counted.records > 0) {
        let means = counted.means.as_ref().map(|means| format!(" ({})", plain(means))).unwrap_or_default();
        let _ =
            writeln!(out, "  {}: {} {}{means}", plain(&counted.path), number(counted.records), counted.state.word());
    }
    if let Some(regression) = &report.regression {
        compared(&mut out, regression);
    }
    for rule in &report.not_judged {
        let _ = writeln!(out, "  {DIM}not judged here: {}{DIM:#}", plain(rule));
    }
    if !report.foreign_annotations.is_empty() {
        let _ = writeln!(out, "  {DIM}not ours, ignored: {}{DIM:#}", plain(&report.foreign_annotations.join(", ")));
    }
    let again = report.judged_again;
    let _ = writeln!(
        out,
        "  {DIM}{} of {records} {} judged again on the slow path; {}{DIM:#}",
        number(again),
        if again == 1 { "was" } else { "were" },
        bytes(report.bytes)
    );
    out
}

fn compared(out: &mut String, regression: &Regression) {
    let _ = writeln!(
        out,
        "  against {}: {} then, {} now",
        plain(&regression.baseline),
        count(regression.before, "record"),
        number(regression.now)
    );
    for change in &regression.changes {
        if change.records > 0 {
            changed(out, change, regression.attribution.as_deref());
        }
    }
    keys(out, "gone", &regression.gone);
    keys(out, "new", &regression.new);
    for path in &regression.no_baseline_for {
        let _ = writeln!(
            out,
            "  {YELLOW}?{YELLOW:#} {}: no baseline for it; it is compared from the next release on",
            plain(path)
        );
    }
    if !regression.to_accept.is_empty() {
        let flags: Vec<String> =
            regression.to_accept.iter().map(|accept| format!("--accept-regression {accept}")).collect();
        let _ = writeln!(out, "  if that is meant: {}", plain(&flags.join(" ")));
    }
}

fn changed(out: &mut String, change: &Change, attribution: Option<&str>) {
    let (mark, sign) = sign(change.broken, change.accepted);
    let (from, to) = change.transition.split_once("To").unwrap_or((&change.transition, ""));
    let allowed = change.allowed.as_ref().map(|allowed| format!("; {allowed} allowed")).unwrap_or_default();
    let _ = writeln!(
        out,
        "  {mark}{sign}{mark:#} {}: {} {from} became {} ({} of {}){allowed}",
        plain(&change.path),
        number(change.records),
        to.to_lowercase(),
        percent(change.records, change.of),
        number(change.of)
    );
    names(out, &change.keys, change.records);
    if let Some(attribution) = attribution {
        let by: Vec<String> = change
            .by
            .iter()
            .take(NAMES)
            .map(|(who, count, _)| format!("{} {} of {}", plain(who), number(*count), number(change.records)))
            .collect();
        let _ = writeln!(out, "      {DIM}by {}: {}{DIM:#}", plain(attribution), by.join(", "));
    }
}

fn keys(out: &mut String, what: &str, keys: &Keys) {
    if keys.records == 0 {
        return;
    }
    let (mark, sign) = sign(keys.broken, keys.accepted);
    let _ = writeln!(out, "  {mark}{sign}{mark:#} {} {what}; {} allowed", count(keys.records, "key"), keys.allowed);
    names(out, &keys.keys, keys.records);
    if keys.keys.is_empty() {
        let _ = writeln!(out, "      {DIM}their names were not kept: --previous, or accept with --keep-keys{DIM:#}");
    }
}

fn sign(broken: bool, accepted: bool) -> (Style, &'static str) {
    match (broken, accepted) {
        (true, _) => (RED, "×"),
        (false, true) => (YELLOW, "accepted:"),
        (false, false) => (DIM, "·"),
    }
}

fn names(out: &mut String, keys: &[String], all: u64) {
    if keys.is_empty() {
        return;
    }
    let some: Vec<&str> = keys.iter().take(NAMES).map(String::as_str).collect();
    let more = all.saturating_sub(some.len() as u64);
    let more = if more > 0 { format!(" and {} more", number(more)) } else { String::new() };
    let _ = writeln!(out, "      {DIM}e.g. {}{more}{DIM:#}", plain(&some.join(", ")));
}

pub(super) fn fresh(fresh: &Fresh) -> String {
    let (mark, word) = match fresh.holds {
        Some(true) => (GREEN, "FRESH"),
        Some(false) => (RED, "STALE"),
        None => (YELLOW, "CANNOT TELL"),
    };
    let mut out = format!("{mark}{word}{mark:#}  ");
    let _ = match (&fresh.newest, fresh.age_seconds) {
        (Some(newest), Some(seconds)) => {
            writeln!(
                out,
                "the newest {} is {newest}, {} old; at most {} allowed",
                fresh.path,
                age(seconds),
                age(fresh.max_age_seconds as i64)
            )
        }
        _ => writeln!(out, "no record says in {} when it was made", fresh.path),
    };
    if fresh.without > 0 {
        let say = if fresh.without == 1 { "says" } else { "say" };
        let _ = writeln!(out, "  {} {say} nothing that can be read as a time", count(fresh.without, "record"));
    }
    out
}

pub(super) fn sample(sample: &Sample) -> String {
    let mut out = String::new();
    let share = format!("{:.1} %", sample.at_most * 100.0);
    let drawn = format!("{} of {}", number(sample.sampled), count(sample.records, "record"));
    let _ = match sample.bad.len() {
        0 if sample.unsure == 0 => {
            writeln!(out, "{GREEN}CLEAN{GREEN:#}  {} clean: up to {share} could be bad (95 %)", number(sample.sampled))
        }
        bad => writeln!(
            out,
            "{RED}BROKEN{RED:#}  {bad} of {} bad: up to {share} could be bad (95 %)",
            number(sample.sampled)
        ),
    };
    for bad in sample.bad.iter().take(SHOWN) {
        let _ = writeln!(out, "  {RED}×{RED:#} line {}: {}", number(bad.line), plain(&bad.finding));
    }
    let _ = writeln!(out, "  {DIM}drawn: {drawn}; the same again with --seed {}{DIM:#}", sample.seed);
    out
}

pub(super) fn explanation(explanation: &Explanation) -> String {
    let mut out = format!("{}\n", explanation.path);
    let width = explanation.lines.iter().map(|(subject, _)| subject.len()).max().unwrap_or(0);
    for (subject, words) in &explanation.lines {
        let _ = writeln!(out, "  {subject:<width$}  {words}");
    }
    let _ = writeln!(out, "  {DIM}said at {}{DIM:#}", explanation.places.join(", "));
    out
}

/// `102,373 records, 500.0 MB`
pub(super) fn counted(records: u64, size: u64) -> String {
    format!("{}, {}", count(records, "record"), bytes(size))
}

fn records_of(records: u64, findings: u64) -> String {
    if records == findings {
        count(records, "record")
    } else {
        format!("{}, {}", count(records, "record"), count(findings, "finding"))
    }
}

/// `1 record`, `77,801 records`
fn count(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(count), if count == 1 { "" } else { "s" })
}

/// `77,801`
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn percent(count: u64, of: u64) -> String {
    if of == 0 { "none".to_owned() } else { format!("{:.1} %", count as f64 * 100.0 / of as f64) }
}

/// `500.0 MB`
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        1_000_000_000.. => format!("{:.2} GB", count as f64 / 1e9),
    }
}

fn age(seconds: i64) -> String {
    steadfast_contract::report::age(seconds)
}
