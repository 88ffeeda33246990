//! `steadfast sqlite stamp` and `check-stamp`.

use std::path::PathBuf;

use serde_json::json;
use steadfast_core::exit::Exit;
use steadfast_sqlite::{ProveError, ProveErrorKind, Stamp, StampCheck, StampOutcome};

use super::child::{Obstacle, Request, ask};
use super::verify::{self, PassFlags};
use super::{count, grouped, state_path, time};
use crate::render::text::{GREEN, Layout, RED, YELLOW, plain, shell_word};
use crate::render::{Page, say};

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
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
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
    // The manifest of an earlier stamp stays until this proof has passed.
    let written = with_suffix(&path, ".manifest.new");
    let request = Request { manifest_out: Some(written.clone()), ..args.pass.request(&args.file) };
    let (answer, was_stopped) = match Stamp::may_be_saved(&path) {
        Ok(()) => match ask(&request) {
            Ok(answered) => answered,
            Err(refused) => return refused,
        },
        Err(error) => (Err(error.into()), false),
    };
    let stamp = answer.as_ref().ok().and_then(|proof| Stamp::of(proof, &manifest));
    let saved = stamp.as_ref().map(|stamp| stamp.save_with(&written, &path));
    if answer.as_ref().is_ok_and(|proof| proof.manifest_root.is_some()) && !matches!(saved, Some(Ok(()))) {
        // It is this run's own: without a stamp it serves nobody.
        let _ = std::fs::remove_file(&written);
    }
    let page = Page::of_stdout();
    let text = if args.pass.json {
        let mut value = verify::to_json(&args.file, &answer);
        value["stamp"] = match &saved {
            Some(Ok(())) => json!(path.display().to_string()),
            Some(Err(_)) | None => json!(null),
        };
        if let Some(Err(error)) = &saved {
            value["error"] = json!(Obstacle::from(error.clone()));
        }
        format!("{value}\n")
    } else {
        let mut layout = Layout::new(&page).with_labels(9);
        match &saved {
            Some(Ok(())) => layout.field(2, "stamp", &path.display().to_string()),
            Some(Err(error)) => {
                layout.field(2, "no stamp", &error.to_string());
                layout.field(2, "do", error.kind.advice());
            }
            None => {}
        }
        verify::to_text(&args.file, &answer, None, &page) + &layout.finish()
    };
    let exit = match &saved {
        Some(Err(_)) => Exit::CannotTell,
        Some(Ok(())) | None => verify::exit_of(&answer),
    };
    say(&text);
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
    say(&text);
    exit
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
    let name = args.file.display().to_string();
    let (file, word_of_shell) = (plain(&name), shell_word(args.file.as_os_str()));
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
                    layout.command(2, "do", &format!("steadfast sqlite stamp {word_of_shell}"));
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
                    layout.field(2, "suspect", "the disk");
                    layout.command(2, "do", &format!("steadfast sqlite verify {word_of_shell}"));
                }
            }
        }
        Err(error) => {
            let word = layout.styled(YELLOW, "cannot tell");
            layout.line(&format!("{word}  {file}"));
            layout.field(2, "why", &error.to_string());
            // Nothing is wrong with a file that was never stamped; everything else has its own advice.
            if error.kind == ProveErrorKind::State {
                layout.command(2, "do", &format!("steadfast sqlite stamp {word_of_shell}"));
            } else {
                layout.field(2, "do", error.kind.advice());
            }
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
