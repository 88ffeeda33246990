//! `steadfast sqlite info`.

use std::path::PathBuf;

use steadfast_core::exit::Exit;
use steadfast_sqlite::{Proof, Verdict};
use unicode_width::UnicodeWidthStr;

use super::child::{Request, ask};
use super::verify::{self, PassFlags};
use super::{bytes, count, grouped};
use crate::render::text::{BOLD, Layout, cut, padded, plain};
use crate::render::{Page, say};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The database file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    pass: PassFlags,
}

/// Reads the file once and shows what is in it.
pub(crate) fn run(args: Args) -> Exit {
    let request = Request { structure_only: true, ..args.pass.request(&args.file) };
    let (answer, was_stopped) = match ask(&request) {
        Ok(answered) => answered,
        Err(refused) => return refused,
    };
    let page = Page::of_stdout();
    let text = match &answer {
        _ if args.pass.json => format!("{}\n", verify::to_json(&args.file, &answer)),
        Ok(proof) if !proof.trees.is_empty() => {
            let mut text = show(&args, proof, &page);
            // Numbers of a part of the file look like those of the whole.
            if proof.verdict == Verdict::Fail || proof.stopped.is_some() {
                text.push_str(&verify::to_text(&args.file, &answer, None, &page));
            }
            text
        }
        Ok(_) | Err(_) => verify::to_text(&args.file, &answer, None, &page),
    };
    say(&text);
    if was_stopped { Exit::Interrupted } else { verify::exit_of(&answer) }
}

fn show(args: &Args, proof: &Proof, page: &Page) -> String {
    let mut layout = Layout::new(page).with_labels(12);
    let name = layout.styled(BOLD, &plain(&args.file.display().to_string()));
    layout.line(&name);
    let size = u64::from(proof.pages) * u64::from(proof.page_size);
    layout.field(
        2,
        "pages",
        &format!(
            "{} of {} bytes, {}",
            grouped(u64::from(proof.pages)),
            grouped(u64::from(proof.page_size)),
            bytes(size)
        ),
    );
    layout.field(2, "journal mode", &proof.journal);
    layout.field(2, "text", &proof.encoding);
    if let Some(wal) = &proof.wal {
        let commits = if wal.frames == 0 {
            String::new()
        } else {
            format!(", {}", count(u64::from(wal.commits), "commit", "commits"))
        };
        layout.field(2, "wal", &format!("{}{commits}", count(u64::from(wal.frames), "frame", "frames")));
    }
    let free = u64::from(proof.freelist_pages);
    layout.field(
        2,
        "freelist",
        &format!("{} ({})", count(free, "page", "pages"), bytes(free * u64::from(proof.page_size))),
    );
    layout.gap();
    let width = proof
        .trees
        .iter()
        .map(|tree| label(tree).width())
        .max()
        .unwrap_or(0)
        .clamp(5, page.width.saturating_sub(42).max(12));
    layout.line(&format!("  {:<width$} {:>13} {:>10} {:>11}", "table or index", "rows", "pages", "bytes"));
    for tree in &proof.trees {
        layout.line(&format!(
            "  {} {:>13} {:>10} {:>11}",
            padded(&cut(&label(tree), width), width),
            grouped(tree.entries),
            grouped(tree.pages),
            bytes(tree.pages * u64::from(proof.page_size))
        ));
    }
    layout.finish()
}

fn label(tree: &steadfast_sqlite::TreeReport) -> String {
    let label = if tree.is_index { format!("{} (index of {})", tree.name, tree.table) } else { tree.name.clone() };
    plain(&label).into_owned()
}
