//! `steadfast contract merge`.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use steadfast_contract::comparison::Comparison;
use steadfast_contract::judge::Judge;
use steadfast_contract::part;
use steadfast_contract::report::{self, Asked};
use steadfast_core::exit::Exit;

use super::check::{Compare, How};
use super::places::Places;
use super::progress::Shown;
use super::{ContractFile, Refused, exit_of, human, print, print_json};

/// The verb's arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Every part, in any order
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    #[command(flatten)]
    contract: ContractFile,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    compare: Compare,
    /// If the whole holds, write the sidecar that later releases are compared with
    #[arg(long, value_name = "B")]
    write_baseline: Option<PathBuf>,
    /// Keep the keys in that sidecar
    #[arg(long, requires = "write_baseline")]
    keep_keys: bool,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Refused> {
    let contract = args.contract.open()?;
    if args.compare.previous().is_some() {
        return Err(Refused::usage(
            "merge compares with a sidecar: make one of the earlier release with `contract accept`",
        ));
    }
    let wants_keys = args.compare.baseline.is_some() || args.write_baseline.is_some();
    let judge = Judge::new(&contract, args.how.profile.into(), args.how.look(&contract, wants_keys)?);
    Places::default()
        .reads("a part", args.parts.iter().map(PathBuf::as_path))
        .reads("the contract", contract.files.iter().map(PathBuf::as_path))
        .writes_baseline(args.write_baseline.as_deref())
        .keep_apart()?;
    let mut parts = Vec::new();
    for path in &args.parts {
        let file = File::open(path).map_err(|why| Refused::usage(format!("{}: {why}", path.display())))?;
        let reader: Box<dyn Read> = Box::new(BufReader::with_capacity(256 << 10, file));
        parts.push((path.display().to_string(), reader));
    }
    let asked = Asked {
        write_baseline: args.write_baseline.clone(),
        keep_keys: args.keep_keys,
        ..args.compare.asked(&args.how)
    };
    let comparison = Comparison::open(&judge, &asked).map_err(Refused::usage)?;
    let shown = Shown::going_on("merging parts");
    let told = part::merge(&judge, &mut parts, &args.how.options(&contract), args.how.max_findings)
        .map(|ran| report::tell(&judge, ran, &asked, comparison));
    let _ = shown.stop();
    let (report, _) = told.map_err(Refused::usage)?;
    if args.json {
        print_json(&report);
    } else {
        print(&human::report(&report));
    }
    Ok(exit_of(report.outcome))
}
