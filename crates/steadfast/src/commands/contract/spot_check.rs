//! `steadfast contract spot-check`.

use std::path::PathBuf;

use steadfast_contract::judge::{Judge, Look};
use steadfast_contract::spot_check;
use steadfast_core::exit::Exit;

use super::check::EmptyChoice;
use super::{ContractFile, ProfileChoice, Refused, human, print, print_json};

/// The verb's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file: JSON lines, an array, CSV, plain or packed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    contract: ContractFile,
    /// Records to draw
    #[arg(short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// What an empty CSV cell means
    #[arg(long, value_enum)]
    csv_empty: Option<EmptyChoice>,
    /// The seed of an earlier sample, to draw the same again [default: of the clock]
    #[arg(long)]
    seed: Option<u64>,
    /// How strictly
    #[arg(long, value_enum, default_value_t)]
    profile: ProfileChoice,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Refused> {
    let contract = args.contract.open()?;
    let judge = Judge::new(&contract, args.profile.into(), Look::default());
    let seed = args.seed.unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond() as u64 & 0xffff_ffff);
    let sample = spot_check::sample(&judge, &args.file, args.csv_empty.map(Into::into), args.count, seed)?;
    if args.json {
        print_json(&sample);
    } else {
        print(&human::sample(&sample));
    }
    Ok(match (sample.bad.is_empty(), sample.unsure) {
        (false, _) => Exit::Hold,
        (true, 0) => Exit::Proceed,
        (true, _) => Exit::CannotTell,
    })
}
