//! The table, with what was to be reached.

use std::fmt::Write as _;
use std::path::Path;

use crate::measure::{Measured, Single};
use crate::process;

const HEADING: &str = "## http checks";

/// The section for the documentation, and whether everything was reached.
pub(crate) fn of(rows: &[(&str, Measured)], singles: &[Single]) -> (String, bool) {
    let peer = rows.iter().find(|(name, _)| *name == "blackbox_exporter").map_or(f64::NAN, |(_, row)| micros(row));
    let mut text = format!(
        "{HEADING}\n\n`cargo xtask bench http`, {}.\n\n\
         1,000 checks of one page on one nginx, three expectations each (monit: two, it has no \"does not contain\").\n\
         CPU time of the process (user and system, from /proc) over at least 10,000 requests that nginx counted, after\n\
         2,000 to warm up. blackbox_exporter is asked through `/probe` over four kept connections, as Prometheus does.\n\n\
         | | CPU per check | of blackbox_exporter | checks a second | resident at most |\n|---|---|---|---|---|\n",
        process::machine()
    );
    for (name, row) in rows {
        let _ = writeln!(
            text,
            "| {name} | {:.0} µs | {:.3} | {:.0} | {:.1} MB |",
            micros(row),
            micros(row) / peer,
            row.rate,
            row.peak as f64 / 1e6
        );
    }
    text.push_str("\n| to reach | bound | measured | |\n|---|---|---|---|\n");
    let mut reached = true;
    for (what, name, part) in [
        ("new connections, ledger off", "steadfast, new connections", 6.0),
        ("keep-alive, ledger off", "steadfast, keep-alive", 10.0),
    ] {
        let measured = rows.iter().find(|(row, _)| *row == name).map_or(f64::NAN, |(_, row)| micros(row)) / peer;
        // A measurement that is missing is not reached.
        let holds = measured <= 1.0 / part;
        reached &= holds;
        let _ = writeln!(
            text,
            "| {what} | at most 1/{part:.0} of blackbox_exporter | 1/{:.1} | {} |",
            1.0 / measured,
            word(holds)
        );
    }
    for single in singles {
        reached &= single.reached;
        let _ = writeln!(text, "| {} | {} | {} | {} |", single.what, single.bound, single.shown, word(single.reached));
    }
    (text, reached)
}

/// Puts the section into `docs/benchmarks.md`, in place of its last version.
pub(crate) fn publish(section: &str) -> std::io::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks.md");
    let old = match std::fs::read_to_string(&file) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => "# Benchmarks\n".to_owned(),
        read => read?,
    };
    let mut sections: Vec<String> = Vec::new();
    for line in old.lines() {
        if line.starts_with("## ") || sections.is_empty() {
            sections.push(String::new());
        }
        if let Some(last) = sections.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    match sections.iter_mut().find(|known| known.lines().next() == Some(HEADING)) {
        Some(known) => section.clone_into(known),
        None => sections.push(section.to_owned()),
    }
    let whole: Vec<&str> = sections.iter().map(|section| section.trim()).collect();
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, whole.join("\n\n") + "\n")
}

fn micros(row: &Measured) -> f64 {
    row.per_check.as_secs_f64() * 1e6
}

fn word(reached: bool) -> &'static str {
    if reached { "reached" } else { "**not reached**" }
}
