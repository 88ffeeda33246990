//! `steadfast ledger rebuild`.

use serde_json::json;
use steadfast_core::exit::Exit;

use super::{Format, print};
use crate::ledger_file::{LedgerFile, wait};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: LedgerFile,
    /// How to print it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// 0 when done.
pub(super) fn run(args: &Args) -> Result<Exit, Exit> {
    let ledger = args.file.open_for_writing()?;
    let projections = wait("rebuilding from the records", ledger.rebuild())?;
    let head = wait("reading the head", ledger.head())?;
    print(&match args.format {
        Format::Human => format!("Rebuilt {projections} projections from {} records.", head.seq),
        Format::Json => json!({
            "schema": "steadfast.ledger-rebuild/1",
            "projections": projections,
            "head": head.to_string(),
        })
        .to_string(),
    });
    Ok(Exit::Proceed)
}
