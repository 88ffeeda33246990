//! `steadfast sqlite verify`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use steadfast_core::exit::Exit;
use steadfast_sqlite::{Code, Finding, Level, Proof, Repair, Verdict};

use super::child::{Answer, Obstacle, Request, ask};
use super::{amount, bytes, count, grouped};
use crate::render::text::{BOLD, GREEN, Layout, RED, YELLOW, plain, shell_word};
use crate::render::{Page, say};
use crate::session::lapse;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The database files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    pass: PassFlags,
    /// Only this table and its indexes
    #[arg(long, value_name = "T")]
    table: Option<String>,
    /// Pages and trees only: no values, no index content
    #[arg(long)]
    structure_only: bool,
    /// Go on from this state if it exists; save the state there when stopped
    #[arg(long, value_name = "STATE")]
    resume: Option<PathBuf>,
    /// Start over, whatever state there is
    #[arg(long, requires = "resume")]
    restart: bool,
    /// Write a hash of every page to this file
    #[arg(long, value_name = "M")]
    manifest_out: Option<PathBuf>,
    /// Hold every page against this manifest or database
    #[arg(long, value_name = "M")]
    against: Option<PathBuf>,
    /// Faults that are listed; further ones are counted
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    max_findings: usize,
}

/// How a pass is run.
#[derive(Debug, clap::Args)]
pub(crate) struct PassFlags {
    /// One JSON object a file, for programs
    #[arg(long)]
    pub(super) json: bool,
    /// Workers; without it one a core, at most four
    #[arg(long, value_name = "N", value_parser = workers)]
    threads: Option<usize>,
    /// Read no faster than this, as in 16MiB/s
    #[arg(long, value_name = "RATE", value_parser = amount)]
    max_rate: Option<u64>,
    /// Stop after this time and say how far it got, as in 10m
    #[arg(long, value_name = "TIME", value_parser = lapse)]
    deadline: Option<Duration>,
    /// Hold a shared lock on a rollback-journal database for so long at most, as in 5s; writers wait
    #[arg(long, value_name = "TIME", value_parser = lapse)]
    lock_for: Option<Duration>,
    /// Let the WAL of a live database grow by no more than this while its view is held [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = amount)]
    max_wal_growth: Option<u64>,
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=64) => Ok(number),
        Ok(_) | Err(_) => Err("it is a number from 1 to 64".to_owned()),
    }
}

/// A count of what is listed.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        Ok(_) | Err(_) => Err("it is a number from 1 on".to_owned()),
    }
}

impl PassFlags {
    pub(super) fn request(&self, file: &Path) -> Request {
        Request {
            file: file.to_owned(),
            threads: self.threads,
            max_rate: self.max_rate,
            deadline: self.deadline,
            lock_for: self.lock_for,
            max_wal_growth: self.max_wal_growth,
            max_findings: 100,
            ..Request::default()
        }
    }
}

/// Proves each file.
pub(crate) fn run(args: Args) -> Exit {
    if args.files.len() > 1 && (args.resume.is_some() || args.manifest_out.is_some() || args.against.is_some()) {
        let _ = crate::session::refuse("--resume, --manifest-out and --against belong to one file: name one");
        return Exit::Usage;
    }
    let mut worst = Exit::Proceed;
    for file in &args.files {
        let request = Request {
            table: args.table.clone(),
            structure_only: args.structure_only,
            resume: args.resume.clone(),
            restart: args.restart,
            manifest_out: args.manifest_out.clone(),
            against: args.against.clone(),
            max_findings: args.max_findings,
            ..args.pass.request(file)
        };
        let (answer, was_stopped) = match ask(&request) {
            Ok(answered) => answered,
            Err(refused) => return refused,
        };
        let text = if args.pass.json {
            format!("{}\n", to_json(file, &answer))
        } else {
            to_text(file, &answer, args.resume.as_deref(), &Page::of_stdout())
        };
        say(&text);
        if was_stopped {
            return Exit::Interrupted;
        }
        worst = worse(worst, exit_of(&answer));
    }
    worst
}

pub(super) fn exit_of(answer: &Answer) -> Exit {
    match answer {
        Ok(proof) => match proof.verdict {
            Verdict::Pass => Exit::Proceed,
            Verdict::Fail => Exit::Hold,
            Verdict::Unknown => Exit::CannotTell,
        },
        Err(_) => Exit::CannotTell,
    }
}

/// Faults outweigh what could not be told, which outweighs a pass.
fn worse(one: Exit, other: Exit) -> Exit {
    let weight = |exit: Exit| match exit {
        Exit::Proceed => 0,
        Exit::CannotTell => 1,
        Exit::Hold => 2,
        Exit::Usage => 3,
        Exit::Interrupted => 4,
    };
    if weight(other) > weight(one) { other } else { one }
}

pub(super) fn to_json(file: &Path, answer: &Answer) -> Value {
    let mut value = match answer {
        Ok(proof) => serde_json::to_value(proof).unwrap_or_default(),
        Err(obstacle) => json!({ "verdict": "unknown", "error": obstacle }),
    };
    value["file"] = json!(file.display().to_string());
    value
}

pub(super) fn to_text(file: &Path, answer: &Answer, resume: Option<&Path>, page: &Page) -> String {
    let codes = answer.iter().flat_map(|proof| &proof.findings).map(|finding| finding.code.word().len());
    let mut layout = Layout::new(page).with_labels(codes.max().unwrap_or(0).max(8) + 1);
    match answer {
        Ok(proof) => of_proof(&mut layout, file, proof, resume),
        Err(obstacle) => of_obstacle(&mut layout, file, obstacle),
    }
    layout.finish()
}

fn of_obstacle(layout: &mut Layout, file: &Path, obstacle: &Obstacle) {
    let word = layout.styled(YELLOW, "cannot tell");
    layout.line(&format!("{word}  {}", plain(&file.display().to_string())));
    let prefix = format!("{}: ", file.display());
    layout.field(2, "why", obstacle.seen.strip_prefix(&prefix).unwrap_or(&obstacle.seen));
    layout.field(2, "do", &obstacle.advice);
}

fn of_proof(layout: &mut Layout, file: &Path, proof: &Proof, resume: Option<&Path>) {
    let (style, word) = match (proof.verdict, proof.level) {
        (Verdict::Pass, Level::Proven) => (GREEN, "proven"),
        (Verdict::Pass, Level::Structure) => (GREEN, "structure sound"),
        (Verdict::Fail, _) => (RED, "faults"),
        (Verdict::Unknown, _) => (YELLOW, "cannot tell"),
    };
    let word = layout.styled(style, word);
    layout.line(&format!("{word}  {}", plain(&file.display().to_string())));
    if proof.verdict == Verdict::Fail {
        findings(layout, file, proof);
    }
    if let Some(stopped) = &proof.stopped {
        let share = 100.0 * f64::from(stopped.pages_done) / f64::from(proof.pages.max(1));
        layout.field(
            2,
            "stopped",
            &format!(
                "{} after {} of {} pages ({share:.0} %)",
                stopped.why,
                grouped(u64::from(stopped.pages_done)),
                grouped(u64::from(proof.pages))
            ),
        );
        match resume {
            Some(state) if stopped.resumable => {
                let state = shell_word(state.as_os_str());
                layout.field(2, "do", &format!("the state is kept: the same command with --resume {state} goes on"));
            }
            Some(_) => layout.field(2, "do", "give it more time: it had not come far enough for anything to be kept"),
            None => {
                layout.field(
                    2,
                    "do",
                    "give it more time, or name a --resume STATE so that the next run goes on from there",
                );
            }
        }
    }
    for unproven in &proof.unproven {
        layout.field(2, "unproven", &format!("{}: {}", unproven.name, unproven.why));
    }
    summary(layout, proof);
}

fn summary(layout: &mut Layout, proof: &Proof) {
    if proof.pages == 0 {
        return;
    }
    let tables = count(u64::from(proof.tables), "table", "tables");
    let indexes = count(u64::from(proof.indexes), "index", "indexes");
    let size = u64::from(proof.pages) * u64::from(proof.page_size);
    let scope = proof.scope.as_ref().map_or_else(String::new, |table| format!("; only {table} was looked at"));
    layout.field(
        2,
        "holds",
        &format!(
            "{tables}, {indexes}, {}; {} of {} bytes ({}){scope}",
            count(proof.rows(), "row", "rows"),
            count(u64::from(proof.pages), "page", "pages"),
            grouped(u64::from(proof.page_size)),
            bytes(size)
        ),
    );
    if let Some(wal) = &proof.wal {
        let held = if wal.pinned { ", held by a read mark" } else { "" };
        let what = if wal.frames == 0 {
            "copied back entirely".to_owned()
        } else {
            format!(
                "{} up to the last commit, {} of them",
                count(u64::from(wal.frames), "frame", "frames"),
                count(u64::from(wal.pages), "page", "pages")
            )
        };
        layout.field(2, "wal", &format!("{what}{held}"));
    }
    let cached = 100.0 * proof.bytes_cached as f64 / proof.bytes_read.max(1) as f64;
    let cache = if cached >= 1.0 {
        format!("; {cached:.0} % came from the page cache, which proves the cache, not the disk")
    } else {
        String::new()
    };
    layout.field(
        2,
        "read",
        &format!(
            "{} ({:.2}x) in {:.1} s, {:.1} s of CPU{cache}",
            bytes(proof.bytes_read),
            proof.bytes_read as f64 / size.max(1) as f64,
            proof.seconds,
            proof.cpu_seconds
        ),
    );
    for note in &proof.notes {
        layout.field(2, "note", note);
    }
}

/// Faults by tree, with what is lost and what mends it.
fn findings(layout: &mut Layout, file: &Path, proof: &Proof) {
    let mut trees: BTreeMap<Option<&str>, Vec<&Finding>> = BTreeMap::new();
    for finding in &proof.findings {
        trees.entry(finding.tree.as_deref()).or_default().push(finding);
    }
    for (tree, findings) in &trees {
        layout.gap();
        let title = tree.map_or_else(|| "the file as a whole".to_owned(), |tree| whose(proof, tree));
        let title = layout.styled(BOLD, &title);
        layout.line(&format!("  {title}"));
        for finding in findings {
            let place = match (finding.rowid, finding.page) {
                (Some(rowid), Some(page)) => format!("row {rowid}, page {page}: "),
                (Some(rowid), None) => format!("row {rowid}: "),
                (None, Some(page)) => format!("page {page}: "),
                (None, None) => String::new(),
            };
            layout.field(4, finding.code.word(), &format!("{place}{}; expected: {}", finding.seen, finding.expected));
        }
        let Consequence { lost, repair } = consequence(file, proof, *tree, findings);
        layout.field(4, "lost", &lost);
        match repair {
            Advice::Words(words) => layout.field(4, "repair", &words),
            Advice::Command(command) => {
                layout.command(4, "repair", &command);
                layout.field(4, "or", "the last backup that was proven");
            }
        }
    }
    if proof.findings_beyond > 0 {
        layout.gap();
        let more =
            format!("{} more faults are not listed; --max-findings N lists more", grouped(proof.findings_beyond));
        layout.prose(2, &more);
    }
    layout.gap();
}

fn whose(proof: &Proof, tree: &str) -> String {
    match proof.trees.iter().find(|report| report.name == tree) {
        Some(report) if report.is_index => format!("index {} of {}", plain(tree), plain(&report.table)),
        Some(_) | None => format!("table {}", plain(tree)),
    }
}

/// What the faults of one tree mean.
struct Consequence {
    lost: String,
    repair: Advice,
}

enum Advice {
    Words(String),
    /// For a shell.
    Command(String),
}

impl Consequence {
    fn of(lost: impl Into<String>, repair: impl Into<String>) -> Consequence {
        Consequence { lost: lost.into(), repair: Advice::Words(repair.into()) }
    }
}

fn consequence(file: &Path, proof: &Proof, tree: Option<&str>, findings: &[&Finding]) -> Consequence {
    let damaged = |lost: String| {
        let command = format!("sqlite3 {} .recover | sqlite3 recovered.db", shell_word(file.as_os_str()));
        Consequence { lost, repair: Advice::Command(command) }
    };
    // That bytes are not those of another file says nothing about which of the two is right.
    let (changed, own): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().copied().partition(|finding| finding.code == Code::PageChanged);
    if own.is_empty() && !changed.is_empty() {
        return Consequence::of(
            "not known: these pages are sound, and not those it was compared with",
            "none if it was written to since; otherwise the copy it was compared with, or the last backup that was proven",
        );
    }
    let worst = |findings: &[&Finding]| findings.iter().map(|finding| finding.code.repair()).max();
    let report = proof.trees.iter().find(|report| Some(report.name.as_str()) == tree);
    if let Some(report) = report.filter(|report| report.is_index) {
        let reindex = format!("REINDEX \"{}\"", report.name.replace('"', "\"\""));
        let of_its_table: Vec<&Finding> = proof
            .findings
            .iter()
            .filter(|finding| finding.tree.as_deref().is_none_or(|tree| tree == report.table))
            .filter(|finding| finding.code != Code::PageChanged)
            .collect();
        // An index can be built again from rows that are whole, in a file whose pages are each used once.
        if worst(&of_its_table).is_some_and(|worst| worst >= Repair::Recover) {
            return damaged(format!("the rows of {} are damaged too", report.table));
        }
        if proof.findings_beyond > 0 {
            return Consequence::of(
                "not known: further faults are not listed, and they may be the table's own",
                format!("list all faults first; {reindex} if none is the table's"),
            );
        }
        if own.iter().any(|finding| finding.code == Code::NotUnique) {
            return Consequence::of(
                "nothing is unreadable: rows share a key that is to be unique",
                format!("delete or correct all but one of the rows that share it; {reindex} refuses until then"),
            );
        }
        return Consequence::of("nothing: the rows are whole; queries through this index answer wrongly", reindex);
    }
    match worst(&own) {
        None | Some(Repair::Vacuum) => {
            Consequence::of("nothing: space or bookkeeping only", "VACUUM, which writes the file anew")
        }
        Some(Repair::Reindex) => damaged("order of rows by key".to_owned()),
        Some(Repair::Rows) => Consequence::of(
            "nothing is unreadable: these rows break a rule of their table",
            "correct or delete the rows named",
        ),
        Some(Repair::Recover) => damaged("what stood on the pages named; rows elsewhere can be read".to_owned()),
    }
}
