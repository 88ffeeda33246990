//! `steadfast replay`.

use std::time::Duration;

use clap_complete::ArgValueCandidates;
use jiff::{SignedDuration, Timestamp};
use steadfast_core::exit::Exit;
use steadfast_core::ledger::Filter;
use steadfast_core::measure::Lapse;
use steadfast_core::project::Project;
use steadfast_core::setting::did_you_mean;
use steadfast_engine::replay::replay;

use crate::completion;
use crate::live::Live;
use crate::project_file::ProjectFile;
use crate::render::{Document, Page, replayed, say};
use crate::session::{LedgerFlags, Refused, block_on, refuse};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what was seen since then: an age such as 2h or 30d, or a moment such as 2026-11-23T03:00:00Z
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Only this run
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Only this check
    #[arg(long, value_name = "ID", add = ArgValueCandidates::new(completion::ids))]
    check: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Document::Human)]
    format: Document,
    #[command(flatten)]
    config: ProjectFile,
    #[command(flatten)]
    ledger: LedgerFlags,
}

/// Judges stored observations under the present configuration; looks at nothing.
pub(crate) fn run(args: Args) -> Exit {
    again(&args).unwrap_or_else(|refused| refused)
}

fn again(args: &Args) -> Result<Exit, Refused> {
    let project = args.config.load()?;
    let filter = filter(args, &project)?;
    let ledger = args.ledger.open_for_reading(&project)?;
    let replayed = block_on(async |stop| {
        let mut live = Live::new();
        let mut step = |read: u64| live.show(&format!("{read} records read"));
        replay(&project, &*ledger, &filter, &stop, &mut step).await
    })?;
    let replayed = replayed.map_err(refuse)?;
    let text = match args.format {
        Document::Human => replayed::of(&replayed, &Page::of_stdout()),
        Document::Json => crate::render::json::of(&replayed),
    };
    say(&text);
    Ok(replayed.exit())
}

fn filter(args: &Args, project: &Project) -> Result<Filter, Refused> {
    if let Some(id) = &args.check
        && !project.checks.iter().any(|check| *check.id == **id)
    {
        let near = did_you_mean(id, project.checks.iter().map(|check| &*check.id));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(refuse(format!("--check {id}: no check has this id{near}")));
    }
    let since = args.since.as_deref().map(|text| moment(text, Timestamp::now())).transpose().map_err(refuse)?;
    Ok(Filter { run: args.run.clone(), check: args.check.clone(), since })
}

/// A moment, or an age before `now`.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(moment) = text.trim().parse::<Timestamp>() {
        return Ok(moment);
    }
    let before = |age: Duration| now.checked_sub(SignedDuration::try_from(age).ok()?).ok();
    let age = Lapse::parse(text).ok().and_then(|age| before(age.0));
    age.ok_or_else(|| {
        format!("--since {text}: neither an age (30m, 2h, 7d) nor a moment with its zone (2026-11-23T03:00:00Z)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_an_age_or_a_moment_with_its_zone() {
        let now: Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
        let read = |text: &str| moment(text, now).map(|moment| moment.to_string());
        assert_eq!(read("2h").unwrap(), "2026-11-23T01:00:00Z");
        assert_eq!(read("2026-11-20T00:00:00+09:00").unwrap(), "2026-11-19T15:00:00Z");
        for wrong in ["yesterday", "2026-11-20", "2026-11-20T00:00:00", "", "900000000000d"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
