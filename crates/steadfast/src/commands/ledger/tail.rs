//! `steadfast ledger tail`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use steadfast_core::exit::Exit;
use steadfast_core::ledger::{Entry, Filter, Ledger, LedgerError, Record};
use steadfast_core::measure::{Bytes, Lapse};
use steadfast_core::verdict::Verdict;

use super::{Format, export};
use crate::finding_line::{cut, finding_line, one_line};
use crate::ledger_file::{LedgerFile, wait};
use crate::moment::{self, date, time};

/// What is left of 80 columns for the text of a record.
const TEXT: usize = 80 - 7 - 2 - 8 - 2 - 7 - 2;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: LedgerFile,
    /// How many
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    lines: usize,
    /// Go on printing what comes, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Only records about this check
    #[arg(long, value_name = "ID", add = clap_complete::ArgValueCandidates::new(crate::completion::ids))]
    check: Option<String>,
    /// Only records of this run
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Only records since: 7d, 2026-11-23, 2026-11-23T03:12:00Z
    #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
    since: Option<Timestamp>,
    /// How to print it; json is one object per line
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// 0 when printed.
pub(super) fn run(args: &Args) -> Result<Exit, Exit> {
    let ledger = args.file.open_for_reading()?;
    let filter = Filter { run: args.run.clone(), check: args.check.clone(), since: args.since };
    let mut entries = wait("reading the ledger", ledger.read_back(filter.clone(), u64::MAX, args.lines))?;
    entries.reverse();
    let mut printer = Printer { format: args.format, day: String::new() };
    if entries.is_empty() && !args.follow && args.format == Format::Human {
        super::print("No record fits.");
    }
    let mut after = match entries.last() {
        Some(last) => last.seq,
        None => wait("reading the head", ledger.head())?.seq,
    };
    loop {
        if let Err(why) = printer.print(&entries) {
            return export::stopped(&why);
        }
        if !args.follow {
            return Ok(Exit::Proceed);
        }
        entries = wait("reading the ledger", next(&*ledger, filter.clone(), after))?;
        after = entries.last().map_or(after, |last| last.seq);
    }
}

/// What came after, a moment later.
async fn next(ledger: &dyn Ledger, filter: Filter, after: u64) -> Result<Vec<Entry>, LedgerError> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    ledger.read(filter, after, 1000).await
}

struct Printer {
    format: Format,
    /// The day of the record before.
    day: String,
}

impl Printer {
    fn print(&mut self, entries: &[Entry]) -> std::io::Result<()> {
        let mut text = String::new();
        for entry in entries {
            match self.format {
                Format::Human => self.human(entry, &mut text),
                Format::Json => {
                    text.push_str(&serde_json::to_string(entry)?);
                    text.push('\n');
                }
            }
        }
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn human(&mut self, entry: &Entry, text: &mut String) {
        let at = entry.record.at();
        let day = date(at);
        if day != self.day {
            let _ = writeln!(text, "{day} (UTC)");
            self.day = day;
        }
        let (word, color, said) = describe(&entry.record);
        let style = color.map_or(Style::new(), |color| Style::new().fg_color(Some(color.into())));
        let said = cut(&said, TEXT);
        let _ = writeln!(text, "{:>7}  {}  {style}{word:<7}{style:#}  {said}", entry.seq, time(at));
    }
}

/// Its word of at most seven letters, its colour, and its text.
fn describe(record: &Record) -> (&'static str, Option<AnsiColor>, String) {
    match record {
        Record::RunBegan(run) => {
            let gate = run.gate.as_ref().map_or("all checks".to_owned(), |gate| format!("gate {gate}"));
            ("began", None, format!("run {}: {gate}, {} checks", run.run, run.order.len()))
        }
        Record::Observed(seen) => {
            let color = match seen.verdict {
                Verdict::Pass => AnsiColor::Green,
                Verdict::Fail(_) => AnsiColor::Red,
                Verdict::Unknown(_) => AnsiColor::Yellow,
            };
            let again = if seen.attempt > 1 { format!(", try {}", seen.attempt) } else { String::new() };
            let said = match seen.verdict.findings().first() {
                Some(finding) => finding_line(finding),
                None => Lapse(Duration::from_millis(seen.took.micros().div_ceil(1000))).to_string(),
            };
            (seen.verdict.word(), Some(color), format!("{}  {said}{again}", seen.check))
        }
        Record::RunEnded(run) => {
            ("ended", None, format!("{}: {} failed, {} unknown", run.decision, run.failed.len(), run.unknown.len()))
        }
        Record::Transition(change) => ("changed", None, format!("{}  {} -> {}", change.check, change.from, change.to)),
        Record::Proved(proof) => {
            let (caught, of) = proof.caught;
            ("proved", None, format!("{}  {caught} of {of} impostors caught", proof.check))
        }
        Record::Note(note) => ("note", None, one_line(&note.text)),
        Record::Checkpoint(checkpoint) => {
            let said = format!(
                "{} payloads ({}) before {}",
                checkpoint.dropped,
                Bytes(checkpoint.bytes),
                date(checkpoint.before)
            );
            ("pruned", None, said)
        }
    }
}
