//! `steadfast contract accept`.

use std::path::PathBuf;

use steadfast_contract::report::{Asked, Outcome};
use steadfast_core::exit::Exit;

use super::check::{Compare, How, keep_apart, whole};
use super::{ContractFile, Refused, exit_of, print};

/// The verb's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The release
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    contract: ContractFile,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    compare: Compare,
    /// Where the sidecar goes, if not over --baseline
    #[arg(long, value_name = "B")]
    write_baseline: Option<PathBuf>,
    /// Keep the keys, so that gone ones have names
    #[arg(long)]
    keep_keys: bool,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

/// A red run never becomes the baseline.
pub(super) fn run(args: &Args) -> Result<Exit, Refused> {
    let contract = args.contract.open()?;
    let Some(target) = args.write_baseline.clone().or_else(|| args.compare.baseline.clone()) else {
        return Err(Refused::usage("accept: say with --baseline where the accepted release's sidecar is kept"));
    };
    let mut asked = args.compare.asked(&args.how);
    // The first release has nothing to be compared with.
    let first = args.compare.previous().is_none() && asked.baseline.as_ref().is_some_and(|file| !file.exists());
    if first {
        asked.baseline = None;
    }
    let asked = Asked { write_baseline: Some(target.clone()), keep_keys: args.keep_keys, ..asked };
    let running = args.how.running();
    keep_apart(&args.files, &contract, &args.compare, &running, Some(&target))?;
    let ended = whole(&contract, &args.files, &args.how, &args.compare, running, asked)?;
    ended.print(args.json);
    if !args.json {
        print(&match ended.report.outcome {
            Outcome::Holds => format!("accepted: later releases are compared with {}\n", target.display()),
            Outcome::Broken | Outcome::CannotTell => {
                format!("not accepted: {} stays as it was\n", target.display())
            }
        });
    }
    Ok(exit_of(ended.report.outcome))
}
