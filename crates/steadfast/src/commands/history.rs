//! `steadfast history CHECK`: when it changed, and what was found.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde_json::json;
use steadfast_core::exit::Exit;
use steadfast_core::finding::Finding;
use steadfast_core::ledger::{Filter, Ledger, LedgerError, Observed, Record};

use crate::finding_line::{cut, finding_line};
use crate::ledger_file::{LedgerFile, complain, wait};
use crate::moment::{self, date, lasted, time};
use crate::render::say;

/// How many records are read at once.
const PAGE: usize = 1000;

/// How many different findings of one spell are shown; the others are counted.
const MOST_FINDINGS: usize = 3;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The check
    #[arg(value_name = "CHECK", add = clap_complete::ArgValueCandidates::new(crate::completion::ids))]
    check: String,
    /// How many spells of equal verdicts, the newest first
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "20")]
    lines: NonZeroUsize,
    /// Only looks since: 7d, 2026-11-23, 2026-11-23T03:12:00Z
    #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
    since: Option<Timestamp>,
    /// How to print it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    #[command(flatten)]
    file: LedgerFile,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

/// 0 when printed, 3 if nothing is recorded about the check.
pub(crate) fn run(args: &Args) -> Exit {
    tell(args).unwrap_or_else(|exit| exit)
}

fn tell(args: &Args) -> Result<Exit, Exit> {
    let ledger = args.file.open_for_reading()?;
    let filter = Filter { check: Some(args.check.clone()), since: args.since, ..Filter::default() };
    let history = wait("reading the history", read(&*ledger, filter, args.lines.get()))?;
    if history.spells.is_empty() {
        let known = wait("reading the checks", ledger.projections("latest"))?;
        let known: Vec<String> = known.into_iter().map(|latest| latest.key).collect();
        complain(&nothing_recorded(args, &known));
        return Err(Exit::CannotTell);
    }
    let text = match args.format {
        Format::Human => human(&args.check, &history, Timestamp::now()),
        Format::Json => json!({
            "schema": "steadfast.history/1",
            "check": args.check,
            "complete": !history.older,
            "spells": history.spells.iter().map(Spell::json).collect::<Vec<_>>(),
        })
        .to_string(),
    };
    say(&format!("{text}\n"));
    Ok(Exit::Proceed)
}

/// The newest spells of a check.
struct History {
    spells: Vec<Spell>,
    /// There are older ones.
    older: bool,
}

/// Looks one after another with equal verdicts.
struct Spell {
    verdict: &'static str,
    kind: String,
    first: Timestamp,
    last: Timestamp,
    looks: u64,
    /// Each different finding, newest first, with the number of looks that found it.
    findings: Vec<(Finding, u64)>,
}

async fn read(ledger: &dyn Ledger, filter: Filter, most: usize) -> Result<History, LedgerError> {
    let mut spells: Vec<Spell> = Vec::new();
    let mut before = u64::MAX;
    loop {
        let page = ledger.read_back(filter.clone(), before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(History { spells, older: false }) };
        before = last.seq;
        for entry in page {
            let Record::Observed(seen) = entry.record else { continue };
            let full = spells.len() >= most;
            match spells.last_mut() {
                Some(spell) if spell.verdict == seen.verdict.word() => spell.add(&seen),
                Some(_) if full => return Ok(History { spells, older: true }),
                Some(_) | None => spells.push(Spell::of(&seen)),
            }
        }
    }
}

impl Spell {
    fn of(seen: &Observed) -> Spell {
        let mut spell = Spell {
            verdict: seen.verdict.word(),
            kind: seen.kind.clone(),
            first: seen.at,
            last: seen.at,
            looks: 0,
            findings: Vec::new(),
        };
        spell.add(seen);
        spell
    }

    /// Adds a look that came before.
    fn add(&mut self, seen: &Observed) {
        self.looks += 1;
        // Clocks are set back now and then.
        self.first = self.first.min(seen.at);
        self.last = self.last.max(seen.at);
        for finding in seen.verdict.findings() {
            let same = |known: &&mut (Finding, u64)| known.0.code == finding.code && known.0.claim == finding.claim;
            match self.findings.iter_mut().find(same) {
                Some((_, count)) => *count += 1,
                None => self.findings.push((finding.clone(), 1)),
            }
        }
    }

    fn json(&self) -> serde_json::Value {
        let findings: Vec<_> =
            self.findings.iter().map(|(finding, looks)| json!({ "finding": finding, "looks": looks })).collect();
        json!({
            "verdict": self.verdict, "first": self.first, "last": self.last, "looks": self.looks,
            "findings": findings,
        })
    }

    fn style(&self) -> Style {
        let color = match self.verdict {
            "pass" => AnsiColor::Green,
            "fail" => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        Style::new().fg_color(Some(color.into())).bold()
    }
}

/// What it is now comes first, then each change, the newest first.
fn human(check: &str, history: &History, now: Timestamp) -> String {
    let mut text = String::new();
    let Some(newest) = history.spells.first() else { return text };
    let style = newest.style();
    let since = if history.spells.len() == 1 && !history.older { "since it is recorded" } else { "since" };
    let _ = writeln!(
        text,
        "{check} ({}): {style}{}{style:#} {since} {} {} UTC, {}; last look {} ago\n",
        newest.kind,
        newest.verdict,
        date(newest.first),
        time(newest.first),
        lasted(newest.first, newest.last),
        lasted(newest.last, now),
    );
    for spell in &history.spells {
        let style = spell.style();
        let looks = if spell.looks == 1 { "1 look".to_owned() } else { format!("{} looks", spell.looks) };
        let _ = write!(
            text,
            "  {} {}  {style}{:<7}{style:#}  {looks}",
            date(spell.first),
            time(spell.first),
            spell.verdict
        );
        if spell.looks > 1 {
            let until = if date(spell.last) == date(spell.first) { String::new() } else { date(spell.last) + " " };
            let _ = write!(text, " until {until}{}", time(spell.last));
        }
        text.push('\n');
        for (finding, count) in spell.findings.iter().take(MOST_FINDINGS) {
            let times = if spell.looks > 1 { format!("{count}x ") } else { String::new() };
            let _ = writeln!(text, "      {times}{}", cut(&finding_line(finding), 80 - 6 - times.len()));
        }
        let further = spell.findings.len().saturating_sub(MOST_FINDINGS);
        if further > 0 {
            let _ = writeln!(text, "      and {further} other findings");
        }
    }
    if history.older {
        let _ = writeln!(text, "\nThere are older changes: -n {} shows more.", history.spells.len() * 5);
    }
    text.truncate(text.trim_end().len());
    text
}

fn nothing_recorded(args: &Args, known: &[String]) -> String {
    let check = &args.check;
    if known.contains(check) {
        return format!("error: nothing is recorded about `{check}` since then; leave --since out");
    }
    let nearest = known.iter().map(|id| (strsim::damerau_levenshtein(id, check), id)).min();
    let advice = match nearest {
        Some((distance, id)) if distance <= 1 + check.len() / 3 => format!("did you mean `{id}`?"),
        Some(_) => format!("recorded are: {}", cut(&known.join(", "), 400)),
        None => "nothing is recorded yet: `steadfast verify` does it".to_owned(),
    };
    format!("error: nothing is recorded about a check `{check}`; {advice}")
}
