//! `steadfast ledger prune`.

use jiff::Timestamp;
use serde_json::json;
use steadfast_core::exit::Exit;
use steadfast_core::measure::{Bytes, Lapse};

use super::{Format, print};
use crate::ledger_file::{LedgerFile, complain, wait};
use crate::moment::{before, date, time};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: LedgerFile,
    /// How much of the past keeps its payloads: 90d, 12h
    #[arg(long, value_name = "LAPSE", value_parser = Lapse::parse)]
    keep: Lapse,
    /// How to print it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// 0 when done.
pub(super) fn run(args: &Args) -> Result<Exit, Exit> {
    let now = Timestamp::now();
    let since = before(now, args.keep).map_err(|why| {
        complain(&format!("error: --keep: {why}"));
        Exit::Usage
    })?;
    let ledger = args.file.open_for_writing()?;
    let pruned = wait("pruning the ledger", ledger.prune(since, now))?;
    let head = wait("reading the head", ledger.head())?;
    print(&match args.format {
        Format::Human => format!(
            "Dropped {} payloads ({}) of records before {} {} UTC.\n\
             All records and digests stay, and each check's newest green with its payload.\n\
             Record {} is the checkpoint that says so.",
            pruned.dropped,
            Bytes(pruned.bytes),
            date(since),
            time(since),
            head.seq,
        ),
        Format::Json => json!({
            "schema": "steadfast.ledger-prune/1",
            "before": since,
            "dropped": pruned.dropped,
            "bytes": pruned.bytes,
            "head": head.to_string(),
        })
        .to_string(),
    });
    Ok(Exit::Proceed)
}
