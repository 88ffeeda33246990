//! The status file: one line for scripts, `2026-11-23T03:00:00Z FAIL design-page queue-drains`.

use std::path::Path;

use jiff::Timestamp;
use steadfast_core::gate::Decision;
use steadfast_engine::report::Report;

use crate::session::warn;
use crate::whole_file;

/// The line of a report: time, PASS, FAIL or UNKNOWN, and the ids that failed (or are unknown).
pub(crate) fn line(report: &Report) -> String {
    let word = match report.decision {
        Decision::Proceed => "PASS",
        Decision::Hold => "FAIL",
        Decision::CannotTell => "UNKNOWN",
    };
    let mut line = format!("{:.0} {word}", report.ended);
    let named = match report.decision {
        Decision::Hold => report.with_verdict("fail"),
        Decision::Proceed | Decision::CannotTell => report.with_verdict("unknown"),
    };
    for check in named.filter(|check| check.severity == "critical") {
        line.push(' ');
        line.push_str(&check.id);
    }
    line.push('\n');
    line
}

/// The line of a run that could not begin: an old PASS must not go on standing there.
pub(crate) fn line_of_no_run() -> String {
    format!("{:.0} UNKNOWN\n", Timestamp::now())
}

/// Writes it; a failure is told, as whoever reads the file would believe the old one.
pub(crate) fn write(path: &Path, line: &str) -> bool {
    match whole_file::replace(path, line) {
        Ok(()) => true,
        Err(why) => {
            warn(format!("the status file {} was not written and is out of date: {why}", path.display()));
            false
        }
    }
}
