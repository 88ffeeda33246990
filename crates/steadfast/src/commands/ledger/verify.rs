//! `steadfast ledger verify`.

use std::fmt::Write;

use serde_json::json;
use steadfast_core::exit::Exit;
use steadfast_core::ledger::{Head, Verification};

use super::{Format, print};
use crate::ledger_file::{LedgerFile, wait};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: LedgerFile,
    /// A head that an earlier `ledger verify` printed: if it is not in the chain, the tail was cut or rewritten
    #[arg(long, value_name = "SEQ:CHAIN", value_parser = head)]
    head: Option<Head>,
    /// How to print it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// 0 if everything fits, 1 if something does not.
pub(super) fn run(args: &Args) -> Result<Exit, Exit> {
    let ledger = args.file.open_for_reading()?;
    let found = wait("verifying the ledger", ledger.verify(args.head))?;
    print(&match args.format {
        Format::Human => human(&found, args.head, &args.file.place()?.to_string()),
        Format::Json => json!({
            "schema": "steadfast.ledger-verify/1",
            "intact": found.faults.is_empty(),
            "head": found.head.to_string(),
            "records": found.head.seq,
            "payloads": found.payloads,
            "faults": found.faults,
        })
        .to_string(),
    });
    Ok(if found.faults.is_empty() { Exit::Proceed } else { Exit::Hold })
}

fn head(text: &str) -> Result<Head, String> {
    Head::parse(text).ok_or_else(|| "a head is SEQ:CHAIN as `ledger verify` prints it: a number, `:`, 64 digits".into())
}

fn human(found: &Verification, known: Option<Head>, place: &str) -> String {
    let (records, payloads) = (found.head.seq, found.payloads);
    let mut text = String::new();
    match found.faults.len() {
        0 => {
            let _ = writeln!(text, "Intact: {records} records in one chain, {payloads} payloads with their digests.");
            let _ = writeln!(text, "{}", found.head);
            if let Some(known) = known {
                let _ = writeln!(text, "The head that was noted after record {} is in it.", known.seq);
            }
            text.push_str(
                "\nThat line is the head. Keep it on another machine: `--head` with it finds a\n\
                 tail that is cut later. This is corruption-evident, not tamper-proof: whoever\n\
                 may write to it can also write another history.",
            );
        }
        count => {
            let faults = if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") };
            let _ = writeln!(text, "NOT INTACT: {faults} in {place}\n");
            for fault in &found.faults {
                let _ = writeln!(text, "  - {fault}");
            }
            let _ = writeln!(
                text,
                "\nWhat is there: {records} records, {payloads} payloads; by them the head is\n{}",
                found.head
            );
            text.push_str(
                "\nCopy it before anything else; compare it with a backup or an export.\n\
                 `steadfast ledger rebuild` mends what is derived, never a record. To go on\n\
                 with a new ledger, move this one away.",
            );
        }
    }
    text
}
