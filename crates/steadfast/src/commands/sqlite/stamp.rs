//! `steadfast sqlite stamp` and `check-stamp`.

use std::path::PathBuf;

use serde_json::json;
use steadfast_core::exit::Exit;
use steadfast_sqlite::{ProveError, ProveErrorKind, Stamp, StampCheck, StampOutcome};

use super::child::{Obstacle, Request, ask};
use super::verify::{self, PassFlags};
use super::{count, grouped, state_path, time};
use crate::render::text::{GREEN, Layout, RED, YELLOW};
use crate::render::{Page, print};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The database file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the stamp goes; the manifest goes beside it [default: in the state folder of the user]
    #[arg(long, value_name = "PATH")]
    stamp: Option<PathBuf>,
    #[command(flatten)]
    pass: PassFlags,
}

/// The arguments of `check-stamp`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The database file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The stamp [default: where `stamp` put it]
    #[arg(long, value_name = "PATH")]
    stamp: Option<PathBuf>,
    /// Pages that are read and compared, drawn at random
    #[arg(long, value_name = "N", default_value_t = 64)]
    sample: u32,
    /// Leave out times, device and inode: for a copy
    #[arg(long)]
    ignore_times: bool,
    /// One JSON object, for programs
    #[arg(long)]
    json: bool,
}

/// Proves the file and keeps the stamp if it passes.
pub(crate) fn run(args: Args) -> Exit {
    let path = args.stamp.clone().unwrap_or_else(|| state_path(&args.file, "stamp"));
    let manifest = with_suffix(&path, ".manifest");
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        && let Err(why) = std::fs::create_dir_all(folder)
    {
        return crate::session::refuse(format!("cannot make the folder {} for the stamp: {why}", folder.display()));
    }
    let request = Request { manifest_out: Some(manifest.clone()), ..args.pass.request(&args.file) };
    let (answer, was_stopped) = match ask(&request) {
        Ok(answered) => answered,
        Err(refused) => return refused,
    };
    let stamp = answer.as_ref().ok().and_then(|proof| Stamp::of(proof, &manifest));
    let saved = stamp.as_ref().map(|stamp| stamp.save(&path));
    let page = Page::of_stdout();
    let mut text = if args.pass.json {
        let mut value = verify::to_json(&args.file, &answer);
        value["stamp"] = match &saved {
            Some(Ok(())) => json!(path),
            Some(Err(_)) | None => json!(null),
        };
        format!("{value}\n")
    } else {
        verify::to_text(&args.file, &answer, None, &page)
    };
    let mut exit = verify::exit_of(&answer);
    match saved {
        Some(Ok(())) if !args.pass.json => {
            let mut layout = Layout::new(&page).with_labels(9);
            layout.field(2, "stamp", &path.display().to_string());
            text.push_str(&layout.finish());
        }
        Some(Err(error)) => {
            text.push_str(&format!("  {error}\n"));
            exit = Exit::CannotTell;
        }
        Some(Ok(())) | None => {}
    }
    if print(&text).is_err() {
        return Exit::CannotTell;
    }
    if was_stopped { Exit::Interrupted } else { exit }
}

/// Compares the file with its stamp.
pub(crate) fn check(args: CheckArgs) -> Exit {
    let path = args.stamp.clone().unwrap_or_else(|| state_path(&args.file, "stamp"));
    let checked = Stamp::load(&path).and_then(|stamp| stamp.check(&args.file, args.sample, args.ignore_times));
    let exit = match &checked {
        Ok(check) => match check.outcome {
            StampOutcome::Trusted => Exit::Proceed,
            StampOutcome::PageDiffers { .. } => Exit::Hold,
            StampOutcome::Changed { .. } => Exit::CannotTell,
        },
        Err(_) => Exit::CannotTell,
    };
    let text = if args.json { to_json(&args, checked) } else { to_text(&args, checked) };
    if print(&text).is_err() { Exit::CannotTell } else { exit }
}

fn to_json(args: &CheckArgs, checked: Result<StampCheck, ProveError>) -> String {
    let mut value = match checked {
        Ok(check) => {
            let mut value = serde_json::to_value(&check).unwrap_or_default();
            value["risk_if_one_page_in_a_thousand_changed"] = json!(check.risk(check.pages.div_ceil(1000)));
            value["risk_if_one_page_changed"] = json!(check.risk(1));
            value
        }
        Err(error) => json!({ "error": Obstacle::from(error) }),
    };
    value["file"] = json!(args.file.display().to_string());
    format!("{value}\n")
}

fn to_text(args: &CheckArgs, checked: Result<StampCheck, ProveError>) -> String {
    let mut layout = Layout::new(&Page::of_stdout()).with_labels(9);
    let file = args.file.display();
    match checked {
        Ok(check) => {
            let age = format!("proven {} ago", time(check.age_seconds));
            match &check.outcome {
                StampOutcome::Trusted => {
                    let word = layout.styled(GREEN, "trusted");
                    layout.line(&format!("{word}  {file}"));
                    let times =
                        if check.ignored_times { "times, device and inode left out" } else { "metadata as they were" };
                    layout.field(2, "proof", &format!("{age}; {times}"));
                    layout.field(
                        2,
                        "sample",
                        &format!(
                            "{} of {} read and equal",
                            grouped(u64::from(check.sampled)),
                            count(u64::from(check.pages), "page", "pages")
                        ),
                    );
                    layout.field(2, "risk", &risk(&check));
                }
                StampOutcome::Changed { what, replaced } => {
                    let word = layout.styled(YELLOW, "changed since");
                    layout.line(&format!("{word}  {file}"));
                    layout.field(2, "what", &what.join(", "));
                    if let Some(why) = replaced {
                        layout.field(2, "replaced", why);
                    }
                    layout.field(2, "proof", &format!("{age}; it says nothing about what was written since"));
                    layout.field(2, "do", &format!("steadfast sqlite stamp {file}"));
                }
                StampOutcome::PageDiffers { page } => {
                    let word = layout.styled(RED, "differs");
                    layout.line(&format!("{word}  {file}"));
                    layout.field(
                        2,
                        "page",
                        &format!("page {page} is not the one that was proven, though the metadata are"),
                    );
                    layout.field(2, "proof", &age);
                    layout.field(2, "do", &format!("steadfast sqlite verify {file}; suspect the disk"));
                }
            }
        }
        Err(error) => {
            let word = layout.styled(YELLOW, "cannot tell");
            layout.line(&format!("{word}  {file}"));
            layout.field(2, "why", &error.to_string());
            // Nothing is wrong with a file that was never stamped; everything else has its own advice.
            let advice = match error.kind {
                ProveErrorKind::State => format!("steadfast sqlite stamp {file}"),
                kind => kind.advice().to_owned(),
            };
            layout.field(2, "do", &advice);
        }
    }
    layout.finish()
}

/// The risk for one page, a thousandth and a hundredth of them; in a small file two of these are the same.
fn risk(check: &StampCheck) -> String {
    let mut counts = vec![1, check.pages.div_ceil(1000), check.pages.div_ceil(100)];
    counts.dedup();
    let risks: Vec<String> = counts
        .into_iter()
        .map(|changed| format!("{:.3} for {}", check.risk(changed), count(u64::from(changed), "page", "pages")))
        .collect();
    let risks = risks.join(", ");
    format!("had pages changed without a trace, this sample would have missed it with probability {risks}")
}

fn with_suffix(path: &std::path::Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
