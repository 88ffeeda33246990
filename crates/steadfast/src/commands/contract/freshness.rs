//! `steadfast contract freshness`.

use jiff::Timestamp;
use steadfast_contract::check::{Running, run as judge_all};
use steadfast_contract::contract::Profile;
use steadfast_contract::freshness;
use steadfast_contract::judge::{Judge, Look};
use steadfast_contract::read::Input;
use steadfast_core::exit::Exit;

use super::{ContractFile, Refused, human, print, print_json};

/// The verb's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The data; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    contract: ContractFile,
    /// Judge as of this moment (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Refused> {
    let contract = args.contract.open()?;
    let Some(promise) = contract.freshness() else {
        return Err(Refused::usage(format!(
            "{}: promises no freshness (x-freshness, or slaProperties)",
            contract.name
        )));
    };
    let judge = Judge::new(&contract, Profile::Gate, Look { keys: false, freshness: true });
    let input = if args.file == "-" { Input::Stdin } else { Input::File(args.file.clone().into()) };
    let ran = judge_all(&judge, &[input], &Running::default(), &Default::default())?;
    let fresh = freshness::judge(&promise, &ran.tally.times, args.at.unwrap_or_else(Timestamp::now));
    if args.json {
        print_json(&fresh);
    } else {
        print(&human::fresh(&fresh));
    }
    // A reader that broke off may have missed the newest record: old is then not known to be old.
    Ok(match fresh.holds {
        Some(true) => Exit::Proceed,
        Some(false) if ran.tally.reasons.is_empty() => Exit::Hold,
        Some(false) | None => Exit::CannotTell,
    })
}
