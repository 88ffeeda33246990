//! What was measured, as Markdown: a table of contenders, and what was to be reached beside what was.

use crate::contender::Contender;
use crate::measure::Taken;

/// The contenders of one table, in the order in which they ran.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Bytes of the file.
    pub(crate) size: u64,
    lines: Vec<(&'static str, Taken)>,
}

impl Table {
    pub(crate) fn new(size: u64) -> Table {
        Table { size, lines: Vec::new() }
    }

    /// The two lines above the first.
    pub(crate) fn head() -> &'static str {
        "| | CPU s | of it system | of integrity_check | of quick_check | bytes read | reads | from disk | peak memory | wall s |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    }

    /// Adds a contender and gives its line. The pragmas come first, so that the others can be held to them.
    pub(crate) fn add(&mut self, contender: &Contender, taken: Taken) -> String {
        let cpu = taken.cpu();
        let part = |of: &str| match self.of(of) {
            Some(base) if !base.was_ended => format!("1/{:.1}", base.cpu() / cpu.max(0.01)),
            // It would have gone on: its time so far is less than all of it.
            Some(base) => format!("below 1/{:.1}", base.cpu() / cpu.max(0.01)),
            None => String::new(),
        };
        let (full, quick) = if taken.was_ended {
            (String::new(), String::new())
        } else {
            (part("integrity_check"), part("quick_check"))
        };
        let times = |bytes: u64| bytes as f64 / self.size as f64;
        let ended = if taken.was_ended { " and was ended there" } else { "" };
        let line = format!(
            "| {} | {cpu:.2} | {:.2} | {full} | {quick} | {:.3}x | {} | {:.2}x | {} MB | {:.2}{ended} |",
            contender.title,
            taken.system,
            times(taken.bytes),
            thousands(taken.reads),
            times(taken.from_disk),
            taken.peak / 1_000_000,
            taken.wall,
        );
        self.lines.push((contender.name, taken));
        line
    }

    /// What a contender of this table took.
    pub(crate) fn of(&self, name: &str) -> Option<&Taken> {
        self.lines.iter().find(|(known, _)| *known == name).map(|(_, taken)| taken)
    }
}

/// 1234567 as 1,234,567.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<String> =
        digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    groups.join(",")
}

/// What issue and documentation promise, beside what one table shows; lines for which a contender is missing are left out.
pub(crate) fn reached(table: &Table, place: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (one, two) = (table.of("prove-1"), table.of("prove-2"));
    let mut held = |what: &str, wanted: &str, measured: String, is_reached: bool| {
        let verdict = if is_reached { "reached" } else { "**not reached**" };
        lines.push(format!("| {what}, {place} | {wanted} | {measured} | {verdict} |"));
    };
    for (pragma, least) in [("integrity_check", 14.0), ("quick_check", 3.0)] {
        if let (Some(base), Some(one)) = (table.of(pragma), one) {
            let ratio = base.cpu() / one.cpu().max(0.01);
            let at_most = if base.was_ended { "below " } else { "" };
            let measured = format!("{at_most}1/{ratio:.1}");
            held(&format!("CPU against {pragma}"), &format!("at most 1/{least}"), measured, ratio >= least);
        }
    }
    if let (Some(one), Some(two)) = (one, two) {
        let read = one.bytes.max(two.bytes) as f64 / table.size as f64;
        held("bytes read", "at most 1.01x", format!("{read:.3}x"), read <= 1.01);
        let (clock, cpu) = (one.wall / two.wall.max(0.01), one.cpu() / two.busiest_thread.max(0.01));
        let share = 100.0 * two.busiest_thread / two.cpu().max(0.01);
        let measured = format!(
            "{clock:.2}x by the clock; the busiest thread had {share:.0} % of the CPU time, which allows {cpu:.2}x"
        );
        held("two workers", "near twice as fast (1.8x)", measured, clock >= 1.8);
        let peak = one.peak.max(two.peak) as f64 / 1e6;
        held("peak memory", "below 100 MB", format!("{peak:.0} MB"), peak < 100.0);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(cpu: f64, wall: f64, was_ended: bool) -> Taken {
        Taken { user: cpu, wall, bytes: 1000, busiest_thread: cpu / 2.0, was_ended, ..Taken::default() }
    }

    fn table(lines: &[(&str, Taken)]) -> Table {
        let mut table = Table::new(1000);
        for (name, taken) in lines {
            table.add(Contender::named(name).unwrap(), taken.clone());
        }
        table
    }

    fn check(lines: &[(&str, Taken)]) -> String {
        reached(&table(lines), "cold").join("\n")
    }

    #[test]
    fn what_was_reached_and_what_was_not_are_told_apart() {
        let good = [
            ("quick_check", taken(3.0, 3.0, false)),
            ("integrity_check", taken(14.0, 14.0, false)),
            ("prove-1", taken(1.0, 1.0, false)),
            ("prove-2", taken(1.0, 0.5, false)),
        ];
        assert_eq!(check(&good).matches("| reached |").count(), 5);
        let bad = [
            ("quick_check", taken(2.9, 3.0, false)),
            ("integrity_check", taken(13.9, 14.0, false)),
            ("prove-1", Taken { bytes: 1011, peak: 100_000_000, ..taken(1.0, 1.0, false) }),
            ("prove-2", taken(1.0, 0.6, false)),
        ];
        assert_eq!(check(&bad).matches("| **not reached** |").count(), 5);
    }

    #[test]
    fn a_pragma_that_was_ended_is_a_bound_and_has_no_ratio_of_its_own() {
        let mut table = table(&[("integrity_check", taken(20.0, 300.0, true))]);
        let line = table.add(Contender::named("prove-1").unwrap(), taken(1.0, 1.0, false));
        assert!(line.contains("| below 1/20.0 |"), "{line}");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
