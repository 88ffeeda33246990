//! `steadfast ledger export`.

use std::io::{BufWriter, ErrorKind, Write};

use jiff::Timestamp;
use serde_json::{Value, json};
use steadfast_core::exit::Exit;
use steadfast_core::ledger::{Entry, Filter, Ledger, LedgerError, Record};

use crate::ledger_file::{LedgerFile, complain, wait};
use crate::moment;

/// How many records are in memory at once.
const PAGE: usize = 200;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: LedgerFile,
    /// One JSON object per line: seq, chain, record
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// With `payload`, what was seen, where it is still kept
    #[arg(long)]
    bodies: bool,
    /// Only records about this check
    #[arg(long, value_name = "ID", add = clap_complete::ArgValueCandidates::new(crate::completion::ids))]
    check: Option<String>,
    /// Only records of this run
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Only records since: 7d, 2026-11-23, 2026-11-23T03:12:00Z
    #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
    since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// JSON lines
    Jsonl,
}

/// 0 when all of it was written.
pub(super) fn run(args: &Args) -> Result<Exit, Exit> {
    let Format::Jsonl = args.format;
    let ledger = args.file.open_for_reading()?;
    let filter = Filter { run: args.run.clone(), check: args.check.clone(), since: args.since };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut after = 0;
    loop {
        let page = wait("reading the ledger", page(&*ledger, filter.clone(), after, args.bodies))?;
        let Some((last, _)) = page.last() else { break };
        after = last.seq;
        for (entry, payload) in page {
            if let Err(why) = write_line(&mut out, &entry, args.bodies.then_some(payload)) {
                return stopped(&why);
            }
        }
    }
    match out.flush() {
        Ok(()) => Ok(Exit::Proceed),
        Err(why) => stopped(&why),
    }
}

async fn page(
    ledger: &dyn Ledger,
    filter: Filter,
    after: u64,
    bodies: bool,
) -> Result<Vec<(Entry, Option<Vec<u8>>)>, LedgerError> {
    let mut page = Vec::new();
    for entry in ledger.read(filter, after, PAGE).await? {
        let payload = match &entry.record {
            Record::Observed(seen) if bodies => ledger.payload(seen.payload).await?,
            Record::Observed(_)
            | Record::RunBegan(_)
            | Record::RunEnded(_)
            | Record::Transition(_)
            | Record::Proved(_)
            | Record::Note(_)
            | Record::Checkpoint(_) => None,
        };
        page.push((entry, payload));
    }
    Ok(page)
}

/// The bytes of the record, and of a payload that is JSON, are those that their digests are over.
fn write_line(out: &mut impl Write, entry: &Entry, payload: Option<Option<Vec<u8>>>) -> std::io::Result<()> {
    let record = serde_json::to_string(&entry.record)?;
    write!(out, "{{\"seq\":{},\"chain\":\"{}\",\"record\":{record}", entry.seq, entry.chain)?;
    match payload {
        Some(Some(bytes)) => {
            out.write_all(b",\"payload\":")?;
            if serde_json::from_slice::<Value>(&bytes).is_ok() && !bytes.contains(&b'\n') {
                out.write_all(&bytes)?;
            } else {
                write!(out, "{}", json!({ "text": String::from_utf8_lossy(&bytes) }))?;
            }
        }
        Some(None) => out.write_all(b",\"payload\":null")?,
        None => {}
    }
    out.write_all(b"}\n")
}

/// Whoever reads may stop; anything else is a loss that must be said.
pub(super) fn stopped(why: &std::io::Error) -> Result<Exit, Exit> {
    if why.kind() == ErrorKind::BrokenPipe {
        return Ok(Exit::Proceed);
    }
    complain(&format!("error: not all of it could be written: {why}"));
    Err(Exit::CannotTell)
}
