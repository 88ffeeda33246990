//! `steadfast ledger copy`.

use serde_json::json;
use steadfast_core::exit::Exit;
use steadfast_ledger::copy::{Refusal, copy};

use super::{Format, print};
use crate::ledger_file::{LedgerFile, complain, refused, wait};
use crate::ledger_place::{LedgerPlace, PlaceParser};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: LedgerFile,
    /// Where to: a file or postgres://user@host/database; it is made if it is not there
    #[arg(long, value_name = "PLACE", value_parser = PlaceParser)]
    to: LedgerPlace,
    /// How to print it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// 0 when the other has all of this one, 3 if it cannot have it.
pub(super) fn run(args: &Args) -> Result<Exit, Exit> {
    let from = args.file.open_for_reading()?;
    let to = args.to.open().map_err(|why| refused(&why))?;
    let copied = match wait("copying", async { Ok(copy(&*from, &*to).await) })? {
        Ok(copied) => copied,
        Err(refusal) => {
            complain(&format!("error: {}", said(&refusal, args)?));
            return Err(Exit::CannotTell);
        }
    };
    print(&match args.format {
        Format::Human => format!(
            "Copied {} records and {} payloads to {}; {} were there before.\n{}\n\n\
             That line is the head of both. `steadfast ledger verify --head` with it says so\n\
             of each.",
            copied.records, copied.payloads, args.to, copied.before, copied.head
        ),
        Format::Json => json!({
            "schema": "steadfast.ledger-copy/1",
            "to": args.to.to_string(),
            "before": copied.before,
            "records": copied.records,
            "payloads": copied.payloads,
            "head": copied.head.to_string(),
        })
        .to_string(),
    });
    Ok(Exit::Proceed)
}

fn said(refusal: &Refusal, args: &Args) -> Result<String, Exit> {
    Ok(match refusal {
        Refusal::Source(why) => format!("{}: {why}", args.file.place()?),
        Refusal::Target(why) => format!("{}: {why}", args.to),
        Refusal::Different(why) => why.clone(),
    })
}
