//! `steadfast sqlite diff`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use steadfast_core::exit::Exit;
use steadfast_sqlite::{Code, Differing, ProveError, ProveErrorKind, Reference, compare_manifests};

use super::child::{Obstacle, Request, ask};
use super::{bytes, count, grouped};
use crate::render::text::{GREEN, Layout, RED, YELLOW, plain};
use crate::render::{Page, say};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A database file or a manifest
    #[arg(value_name = "A")]
    one: PathBuf,
    /// Another one
    #[arg(value_name = "B")]
    other: PathBuf,
    /// One JSON object, for programs
    #[arg(long)]
    json: bool,
    /// Pages that are listed; further ones are counted
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = super::verify::at_least_one)]
    max_findings: usize,
}

/// What came out, and what it took.
struct Compared {
    differing: Differing,
    /// Of both sides together.
    bytes_read: u64,
    seconds: f64,
}

/// Why there is no answer.
enum Stop {
    Refused(Exit),
    Obstacle(Obstacle),
}

impl From<ProveError> for Stop {
    fn from(error: ProveError) -> Stop {
        Stop::Obstacle(error.into())
    }
}

/// Compares, and shows pages and trees that differ.
pub(crate) fn run(args: Args) -> Exit {
    match compare(&args) {
        Ok(compared) => {
            let is_same = compared.is_same();
            let text = if args.json { format!("{}\n", to_json(&args, &compared)) } else { to_text(&args, &compared) };
            say(&text);
            if is_same { Exit::Proceed } else { Exit::Hold }
        }
        Err(Stop::Refused(exit)) => exit,
        Err(Stop::Obstacle(obstacle)) => {
            let text = if args.json {
                format!("{}\n", json!({ "a": shown(&args.one), "b": shown(&args.other), "error": obstacle }))
            } else {
                let mut layout = Layout::new(&Page::of_stdout()).with_labels(5);
                let word = layout.styled(YELLOW, "cannot tell");
                layout.line(&format!("{word}  {} and {}", plain(&shown(&args.one)), plain(&shown(&args.other))));
                layout.field(2, "why", &obstacle.seen);
                layout.field(2, "do", &obstacle.advice);
                layout.finish()
            };
            say(&text);
            Exit::CannotTell
        }
    }
}

fn compare(args: &Args) -> Result<Compared, Stop> {
    match (Reference::recognise(&args.one)?, Reference::recognise(&args.other)?) {
        (Some(one), Some(other)) => {
            let started = Instant::now();
            let differing = compare_manifests(&one, &other, args.max_findings)?;
            let bytes_read = one.bytes_read() + other.bytes_read();
            Ok(Compared { differing, bytes_read, seconds: started.elapsed().as_secs_f64() })
        }
        // The database is what is read from end to end; a manifest is held beside it.
        (Some(_), None) => Ok(database(args, &args.other, &args.one)?.swapped()),
        (None, _) => database(args, &args.one, &args.other),
    }
}

fn database(args: &Args, file: &Path, other: &Path) -> Result<Compared, Stop> {
    let request = Request {
        file: file.to_owned(),
        against: Some(other.to_owned()),
        structure_only: true,
        max_findings: args.max_findings,
        ..Request::default()
    };
    let (answer, was_stopped) = ask(&request).map_err(Stop::Refused)?;
    if was_stopped {
        return Err(Stop::Refused(Exit::Interrupted));
    }
    let proof = answer.map_err(Stop::Obstacle)?;
    if let Some(differing) = proof.differing {
        return Ok(Compared { differing, bytes_read: proof.bytes_read, seconds: proof.seconds });
    }
    // Without a comparison, whole pages that changed are those of another size.
    let sizes = proof.findings.iter().find(|finding| finding.code == Code::PageChanged);
    let why = sizes.or(proof.findings.first()).map_or_else(
        || "it has no pages that could be compared".to_owned(),
        |finding| format!("{}, expected: {}", finding.seen, finding.expected),
    );
    let kind = if sizes.is_some() { ProveErrorKind::PageSizes } else { ProveErrorKind::Faulty };
    Err(ProveError::new(kind, file, why).into())
}

impl Compared {
    fn is_same(&self) -> bool {
        let Differing { pages, only_here, only_there, .. } = self.differing;
        (pages, only_here, only_there) == (0, 0, 0)
    }

    fn swapped(self) -> Compared {
        let Differing { only_here, only_there, .. } = self.differing;
        let differing = Differing { only_here: only_there, only_there: only_here, ..self.differing };
        Compared { differing, ..self }
    }
}

fn to_json(args: &Args, compared: &Compared) -> Value {
    let mut value = json!(compared.differing);
    value["a"] = json!(shown(&args.one));
    value["b"] = json!(shown(&args.other));
    value["same"] = json!(compared.is_same());
    value["bytes_read"] = json!(compared.bytes_read);
    value["seconds"] = json!(compared.seconds);
    value
}

fn to_text(args: &Args, compared: &Compared) -> String {
    let mut layout = Layout::new(&Page::of_stdout()).with_labels(12);
    let (one, other) = (shown(&args.one), shown(&args.other));
    let (one, other) = (plain(&one), plain(&other));
    if compared.is_same() {
        let word = layout.styled(GREEN, "the same");
        layout.line(&format!("{word}  {one} and {other}, page by page"));
    } else {
        let word = layout.styled(RED, "different");
        layout.line(&format!("{word}  {one} and {other}"));
        differences(&mut layout, args, &compared.differing);
    }
    let read = format!("{} of both together in {:.1} s", bytes(compared.bytes_read), compared.seconds);
    layout.field(2, "read", &read);
    layout.finish()
}

/// A path as JSON and people can have it: bytes that are no text are lost.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn differences(layout: &mut Layout, args: &Args, differing: &Differing) {
    layout.field(2, "pages", &format!("{} differ", grouped(differing.pages)));
    for (pages, path) in [(differing.only_here, &args.one), (differing.only_there, &args.other)] {
        if pages > 0 {
            let more = count(u64::from(pages), "page", "pages");
            layout.field(2, "only one has", &format!("{more} more in {}", shown(path)));
        }
    }
    for (tree, pages) in &differing.by_tree {
        layout.field(2, "tree", &format!("{tree}: {}", count(*pages, "page", "pages")));
    }
    if differing.unnamed > 0 {
        let pages = count(differing.unnamed, "page", "pages");
        let why = "the manifests were written without the names of trees, by an earlier version or for one table";
        layout.field(2, "tree", &format!("not known of {pages}: {why}"));
    }
    if !differing.first.is_empty() {
        let list: Vec<String> = differing.first.iter().take(20).map(u32::to_string).collect();
        let more = if differing.pages > list.len() as u64 { ", ..." } else { "" };
        layout.field(2, "first", &format!("{}{more}", list.join(", ")));
    }
}
