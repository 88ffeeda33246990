//! `steadfast contract explain`.

use steadfast_core::exit::Exit;

use super::{ContractFile, Refused, human, print, print_json};

/// The verb's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A path with [] for any item and {*} for any key; `.` is the record
    #[arg(value_name = "PATH")]
    path: String,
    #[command(flatten)]
    contract: ContractFile,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Refused> {
    let contract = args.contract.open()?;
    let explanation = steadfast_contract::explain::explain(&contract, &args.path).map_err(Refused::usage)?;
    if args.json {
        print_json(&explanation);
    } else {
        print(&human::explanation(&explanation));
    }
    Ok(Exit::Proceed)
}
