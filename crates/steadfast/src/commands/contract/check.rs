//! `steadfast contract check`.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use steadfast_contract::check::{Ran, Running, run as judge_all};
use steadfast_contract::comparison::Comparison;
use steadfast_contract::contract::Contract;
use steadfast_contract::judge::{Judge, Look};
use steadfast_contract::part::{self, Agreement, Source};
use steadfast_contract::read::{Empty, Form, Input, Reading};
use steadfast_contract::report::{self, Asked, Report, Written};
use steadfast_core::exit::Exit;

use super::places::Places;
use super::progress::Shown;
use super::{ContractFile, ProfileChoice, Refused, exit_of, human, print, print_json};

/// The verb's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// JSON lines, a JSON array, one JSON value, or CSV; plain, gzip or zstandard; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    contract: ContractFile,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    compare: Compare,
    /// Bad records, byte for byte, and their findings go to this folder (with --part: to DIR.I-of-N)
    #[arg(long, value_name = "DIR")]
    quarantine: Option<PathBuf>,
    /// Good records go to this file (with --part: to OUT.I-of-N)
    #[arg(long, value_name = "OUT")]
    valid: Option<PathBuf>,
    /// If the run holds, write the sidecar that later releases are compared with
    #[arg(long, value_name = "B")]
    write_baseline: Option<PathBuf>,
    /// Keep the keys in that sidecar, so that gone ones have names
    #[arg(long, requires = "write_baseline")]
    keep_keys: bool,
    /// Judge one part only, and print it for `contract merge`
    #[arg(long, value_name = "I/N", value_parser = part_of)]
    part: Option<(u32, u32)>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

/// How records are read and judged.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// How strictly
    #[arg(long, value_enum, default_value_t)]
    pub(super) profile: ProfileChoice,
    /// The layout [default: told from the name and the first bytes]
    #[arg(long, value_enum)]
    format: Option<FormChoice>,
    /// What an empty CSV cell means
    #[arg(long, value_enum)]
    csv_empty: Option<EmptyChoice>,
    /// The longest record that is judged
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    max_record: usize,
    /// Findings, and keys of a regression, that are told one by one
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) max_findings: usize,
    /// Threads that judge [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Do not file records by key: no duplicates, no regression, less memory
    #[arg(long)]
    without_keys: bool,
    /// Judge ages as of this moment (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<Timestamp>,
}

/// What the release is compared with.
#[derive(Debug, clap::Args)]
pub(super) struct Compare {
    /// Compare with the sidecar of the last accepted release
    #[arg(long, value_name = "B", conflicts_with = "previous")]
    pub(super) baseline: Option<PathBuf>,
    /// Compare with the last accepted release itself
    #[arg(long, value_name = "FILE")]
    previous: Option<String>,
    /// Take on a regression: PATH=N, gone=N or new=N; may be given more than once
    #[arg(long, value_name = "PATH=N", value_parser = path_and_count)]
    accept_regression: Vec<(String, u64)>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormChoice {
    Jsonl,
    Array,
    Single,
    Csv,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum EmptyChoice {
    Null,
    Absent,
    String,
}

impl From<EmptyChoice> for Empty {
    fn from(choice: EmptyChoice) -> Empty {
        match choice {
            EmptyChoice::Null => Empty::Null,
            EmptyChoice::Absent => Empty::Absent,
            EmptyChoice::String => Empty::String,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Refused> {
    let contract = args.contract.open()?;
    if let Some(part) = args.part {
        return one_part(args, &contract, part);
    }
    let asked = args.compare.asked(&args.how);
    let asked = Asked { write_baseline: args.write_baseline.clone(), keep_keys: args.keep_keys, ..asked };
    let running = Running { quarantine: args.quarantine.clone(), valid: args.valid.clone(), ..args.how.running() };
    keep_apart(&args.files, &contract, &args.compare, &running, asked.write_baseline.as_deref())?;
    let ended = whole(&contract, &args.files, &args.how, &args.compare, running, asked)?;
    ended.print(args.json);
    Ok(exit_of(ended.report.outcome))
}

/// A run that came to its end.
pub(super) struct Ended {
    pub(super) report: Report,
    pub(super) written: Written,
    took: String,
}

impl Ended {
    pub(super) fn print(&self, json: bool) {
        if json {
            print_json(&self.report);
        } else {
            print(&human::report(&self.report));
        }
        // Times differ from run to run: they are not part of the answer.
        let mut line = self.took.clone();
        if let Some((bytes, keys)) = self.written.baseline {
            line.push_str(&format!("; baseline written: {}", human::bytes(bytes)));
            if keys > 0 {
                line.push_str(&format!(", of which keys {}", human::bytes(keys)));
            }
        }
        let _ = writeln!(anstream::stderr(), "{line}");
    }
}

/// Judges whole inputs, compares, publishes.
pub(super) fn whole(
    contract: &Contract,
    files: &[String],
    how: &How,
    compare: &Compare,
    running: Running,
    mut asked: Asked,
) -> Result<Ended, Refused> {
    let wants_keys = asked.baseline.is_some() || compare.previous.is_some() || asked.write_baseline.is_some();
    let look = how.look(contract, wants_keys)?;
    let judge = Judge::new(contract, how.profile.into(), look);
    let earlier = compare.previous.as_ref().map(|previous| Earlier::judged(&judge, previous, &running)).transpose()?;
    asked.previous = earlier.as_ref().map(Earlier::sidecar);
    let mut comparison = Comparison::open(&judge, &asked).map_err(Refused::usage)?;
    if let (Some(comparison), Some(earlier)) = (&mut comparison, &earlier) {
        comparison.doubt(earlier.doubts.clone());
    }
    let (mut ran, mut took) = judged(&judge, &inputs(files), &running)?;
    ran.publish();
    let shown = Shown::going_on("comparing keys");
    let (report, written) = report::tell(&judge, ran, &asked, comparison);
    took.push_str(&shown.stop().for_keys());
    Ok(Ended { report, written, took })
}

/// The last accepted release itself, as a sidecar in a temporary folder that goes with the value.
struct Earlier {
    folder: tempfile::TempDir,
    /// Why not all of it was seen.
    doubts: Vec<String>,
}

impl Earlier {
    fn judged(judge: &Judge<'_>, previous: &str, running: &Running) -> Result<Earlier, Refused> {
        let cannot_tell = |why| Refused { why, exit: Exit::CannotTell };
        let folder = tempfile::tempdir().map_err(|why| cannot_tell(format!("no temporary folder: {why}")))?;
        let running = Running { quarantine: None, valid: None, ..running.clone() };
        let (ran, _) = judged(judge, &inputs(&[previous.to_owned()]), &running)?;
        let mut doubts = ran.tally.reasons.clone();
        if ran.tally.records == 0 && doubts.is_empty() {
            doubts.push(format!("{previous}: there is no record in it"));
        }
        let earlier = Earlier { folder, doubts };
        report::sidecar_of(judge, ran, &earlier.sidecar()).map_err(cannot_tell)?;
        Ok(earlier)
    }

    fn sidecar(&self) -> PathBuf {
        self.folder.path().join("previous")
    }
}

fn judged(judge: &Judge<'_>, inputs: &[Input], running: &Running) -> Result<(Ran, String), Refused> {
    let progress = Arc::default();
    let shown = Shown::reading(&progress);
    let ran = judge_all(judge, inputs, running, &progress);
    let took = shown.stop();
    match ran {
        Ok(ran) => {
            let line = format!("{}{}", human::counted(ran.tally.records, ran.tally.bytes), took.of(ran.tally.bytes));
            Ok((ran, line))
        }
        Err(fault) => Err(fault.into()),
    }
}

fn one_part(args: &Args, contract: &Contract, part: (u32, u32)) -> Result<Exit, Refused> {
    let [file] = args.files.as_slice() else {
        return Err(Refused::usage("--part judges one file: name one"));
    };
    let compared = args.compare.baseline.is_some() || args.compare.previous.is_some();
    if compared || args.write_baseline.is_some() || !args.compare.accept_regression.is_empty() {
        return Err(Refused::usage("--part: baselines are for `contract merge`, which sees every key"));
    }
    if file == "-" {
        return Err(Refused::usage("--part needs a plain file that can be read from any place, not standard input"));
    }
    if std::io::stdout().is_terminal() {
        return Err(Refused::usage("--part prints a part, which is no text: redirect it, as in > part1"));
    }
    let source = Source::of(Path::new(file)).map_err(|why| Refused::usage(format!("{file}: {why}")))?;
    let judge = Judge::new(contract, args.how.profile.into(), args.how.look(contract, false)?);
    let mut running = args.how.running();
    running.reading.part = Some(part);
    // Parts run side by side and are given the same options: each has a place of its own.
    let own = |path: &PathBuf| {
        let mut name = path.clone().into_os_string();
        name.push(format!(".{}-of-{}", part.0, part.1));
        PathBuf::from(name)
    };
    running.quarantine = args.quarantine.as_ref().map(own);
    running.valid = args.valid.as_ref().map(own);
    keep_apart(&args.files, contract, &args.compare, &running, None)?;
    let (mut ran, took) = judged(&judge, &inputs(&args.files), &running)?;
    ran.publish();
    let agreement = Agreement { part, source, options: args.how.options(contract) };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    part::write(contract, ran, &agreement, &mut out)
        .map_err(|why| Refused { why: format!("the part cannot be written: {why}"), exit: Exit::CannotTell })?;
    let _ = writeln!(anstream::stderr(), "part {}/{}: {took}", part.0, part.1);
    Ok(Exit::Proceed)
}

/// Nothing that a run reads may be what it writes.
pub(super) fn keep_apart(
    files: &[String],
    contract: &Contract,
    compare: &Compare,
    running: &Running,
    baseline: Option<&Path>,
) -> Result<(), Refused> {
    // `>> data.jsonl`; a pipe or a terminal is no file that could be lost.
    let stdout = Path::new("/dev/stdout");
    let redirected = stdout.metadata().is_ok_and(|there| there.is_file()).then_some(stdout);
    Places::default()
        .reads("the data", files.iter().map(Path::new))
        .reads("the contract", contract.files.iter().map(PathBuf::as_path))
        .reads("the earlier release", compare.previous.as_deref().map(Path::new))
        .compares_with(compare.baseline.as_deref())
        .writes("standard output", redirected)
        .writes("--valid", running.valid.as_deref())
        .writes_baseline(baseline)
        .fills("--quarantine", running.quarantine.as_deref())
        .keep_apart()
}

fn inputs(files: &[String]) -> Vec<Input> {
    files.iter().map(|file| if file == "-" { Input::Stdin } else { Input::File(PathBuf::from(file)) }).collect()
}

impl How {
    pub(super) fn running(&self) -> Running {
        let threads = self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        Running {
            reading: self.reading(),
            threads: threads.clamp(1, 64),
            keep: self.max_findings,
            ..Running::default()
        }
    }

    fn reading(&self) -> Reading {
        Reading {
            form: self.format.map(|form| match form {
                FormChoice::Jsonl => Form::Lines,
                FormChoice::Array => Form::Array,
                FormChoice::Single => Form::Single,
                FormChoice::Csv => Form::Csv,
            }),
            csv_empty: self.csv_empty.map(Empty::from),
            max_record: self.max_record,
            ..Reading::default()
        }
    }

    pub(super) fn look(&self, contract: &Contract, wanted: bool) -> Result<Look, Refused> {
        if wanted {
            contract.needs_key().map_err(Refused::usage)?;
        }
        if wanted && self.without_keys {
            return Err(Refused::usage("--without-keys: releases are compared by key"));
        }
        Ok(Look { keys: !self.without_keys, freshness: matches!(self.profile, ProfileChoice::Gate) })
    }

    /// What parts of one run have to agree on.
    pub(super) fn options(&self, contract: &Contract) -> String {
        format!(
            "profile {:?}, formats {}, max-record {}, max-findings {}, keys {}",
            self.profile,
            if contract.asserts_formats() { "asserted" } else { "annotated" },
            self.max_record,
            self.max_findings,
            !self.without_keys,
        )
    }
}

impl Compare {
    pub(super) fn asked(&self, how: &How) -> Asked {
        let mut accepted = BTreeMap::new();
        for (path, count) in &self.accept_regression {
            *accepted.entry(path.clone()).or_default() += count;
        }
        Asked { baseline: self.baseline.clone(), accepted, at: how.at, keep: how.max_findings, ..Asked::default() }
    }

    pub(super) fn previous(&self) -> Option<&str> {
        self.previous.as_deref()
    }
}

fn part_of(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("{text}: part I of N, as in 3/8; I counts from 1");
    let (part, parts) = text.split_once('/').ok_or_else(wrong)?;
    let (part, parts) = (part.parse().map_err(|_| wrong())?, parts.parse().map_err(|_| wrong())?);
    if part >= 1 && part <= parts && parts <= part::MOST { Ok((part, parts)) } else { Err(wrong()) }
}

fn path_and_count(text: &str) -> Result<(String, u64), String> {
    let wrong = || format!("{text}: PATH=N, as in llm_concepts=387 or gone=25");
    let (path, count) = text.rsplit_once('=').ok_or_else(wrong)?;
    Ok((steadfast_contract::states::Path::parse(path).to_string(), count.parse().map_err(|_| wrong())?))
}

fn size(text: &str) -> Result<usize, String> {
    let wrong = || format!("{text}: a size, as in 64MiB or 1000000");
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let number: usize = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "kb" => 1000,
        "m" | "mib" => 1 << 20,
        "mb" => 1_000_000,
        "g" | "gib" => 1 << 30,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).filter(|size| *size > 0).ok_or_else(wrong)
}
