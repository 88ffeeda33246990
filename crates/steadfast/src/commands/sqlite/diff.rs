//! `steadfast sqlite diff`.

use std::path::{Path, PathBuf};

use serde_json::json;
use steadfast_core::exit::Exit;
use steadfast_sqlite::{Differing, Reference};

use super::child::{Obstacle, Request, ask};
use super::{count, grouped};
use crate::render::text::{GREEN, Layout, RED};
use crate::render::{Page, print};

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
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_findings: usize,
}

/// Compares, and shows pages and trees that differ.
pub(crate) fn run(args: Args) -> Exit {
    let differing = match (Reference::open(&args.one), Reference::open(&args.other)) {
        (Ok(one), Ok(other)) => manifests(&one, &other, args.max_findings),
        // The file is what knows its trees; a manifest is held beside it.
        (Ok(_), Err(_)) => files(&args, &args.other, &args.one).map(swapped),
        (Err(_), _) => files(&args, &args.one, &args.other),
    };
    match differing {
        Ok(differing) => {
            let is_same = differing.pages == 0 && differing.only_here == 0 && differing.only_there == 0;
            let text = if args.json { format!("{}\n", json!(differing)) } else { show(&args, &differing, is_same) };
            match print(&text) {
                Ok(()) if is_same => Exit::Proceed,
                Ok(()) => Exit::Hold,
                Err(_) => Exit::CannotTell,
            }
        }
        Err(Stop::Refused(exit)) => exit,
        Err(Stop::Obstacle(obstacle)) if args.json => {
            let _ = print(&format!("{}\n", json!({ "error": obstacle })));
            Exit::CannotTell
        }
        Err(Stop::Obstacle(obstacle)) => {
            let mut layout = Layout::new(&Page::of_stdout()).with_labels(5);
            layout.line("cannot tell");
            layout.field(2, "why", &obstacle.seen);
            layout.field(2, "do", &obstacle.advice);
            let _ = print(&layout.finish());
            Exit::CannotTell
        }
    }
}

enum Stop {
    Refused(Exit),
    Obstacle(Obstacle),
}

fn obstacle(seen: impl Into<String>) -> Stop {
    let advice = "compare two databases of one page size, or the manifests of such";
    Stop::Obstacle(Obstacle { kind: "diff".into(), seen: seen.into(), advice: advice.into() })
}

fn files(args: &Args, file: &Path, other: &Path) -> Result<Differing, Stop> {
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
    proof.differing.ok_or_else(|| {
        let why = proof
            .findings
            .first()
            .map_or_else(String::new, |finding| format!(": {}, expected: {}", finding.seen, finding.expected));
        obstacle(format!("{} could not be compared{why}", file.display()))
    })
}

fn manifests(one: &Reference, other: &Reference, bound: usize) -> Result<Differing, Stop> {
    if one.page_size != other.page_size {
        return Err(obstacle(format!("pages of {} bytes and pages of {}", one.page_size, other.page_size)));
    }
    let mut differing = Differing {
        only_here: one.pages.saturating_sub(other.pages),
        only_there: other.pages.saturating_sub(one.pages),
        ..Differing::default()
    };
    let both = one.pages.min(other.pages);
    let mut first = 1;
    while first <= both {
        let count = 4096.min(both - first + 1) as usize;
        let read = |manifest: &Reference| manifest.read(first, count).map_err(|why| obstacle(why.to_string()));
        for (index, (a, b)) in read(one)?.iter().zip(read(other)?).enumerate() {
            if *a != b {
                differing.pages += 1;
                if differing.first.len() < bound {
                    differing.first.push(first + index as u32);
                }
            }
        }
        first += count as u32;
    }
    Ok(differing)
}

fn swapped(differing: Differing) -> Differing {
    Differing { only_here: differing.only_there, only_there: differing.only_here, ..differing }
}

fn show(args: &Args, differing: &Differing, is_same: bool) -> String {
    let mut layout = Layout::new(&Page::of_stdout()).with_labels(12);
    let (one, other) = (args.one.display(), args.other.display());
    if is_same {
        let word = layout.styled(GREEN, "the same");
        layout.line(&format!("{word}  {one} and {other}, page by page"));
        return layout.finish();
    }
    let word = layout.styled(RED, "different");
    layout.line(&format!("{word}  {one} and {other}"));
    layout.field(2, "pages", &format!("{} differ", grouped(differing.pages)));
    for (pages, path) in [(differing.only_here, &args.one), (differing.only_there, &args.other)] {
        if pages > 0 {
            layout.field(
                2,
                "only one has",
                &format!("{} more in {}", count(u64::from(pages), "page", "pages"), path.display()),
            );
        }
    }
    for (tree, pages) in &differing.by_tree {
        layout.field(2, "tree", &format!("{tree}: {}", count(*pages, "page", "pages")));
    }
    if !differing.first.is_empty() {
        let list: Vec<String> = differing.first.iter().take(20).map(u32::to_string).collect();
        let more = if differing.pages > list.len() as u64 { ", ..." } else { "" };
        layout.field(2, "first", &format!("{}{more}", list.join(", ")));
    }
    layout.finish()
}
