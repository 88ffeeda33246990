//! What runs in a process of its own: our engine, and the loops that one would write with the crates it is compared with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::Value;
use steadfast_contract::check::{Ran, Running, run};
use steadfast_contract::comparison::Comparison;
use steadfast_contract::contract::{Contract, Options, Profile};
use steadfast_contract::judge::{Judge, Look};
use steadfast_contract::read::Input;
use steadfast_contract::report::{Asked, Outcome, sidecar_of, tell};

/// `WHAT SCHEMA FILE [more]`
pub fn child(arguments: &[String]) -> ExitCode {
    let [what, schema, file, more @ ..] = arguments else { return ExitCode::from(2) };
    match work(what, Path::new(schema), Path::new(file), more) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn work(what: &str, schema: &Path, file: &Path, more: &[String]) -> Result<(), String> {
    match what {
        "steadfast" | "keys" => {
            let contract = Contract::open(schema, &Options::default()).map_err(|why| why.to_string())?;
            let keys = what == "keys";
            let judge = Judge::new(&contract, Profile::Write, Look { keys, freshness: false });
            let (report, _) = tell(&judge, ran(&judge, file, more)?, &Asked::default(), None);
            expect(report.outcome == Outcome::Holds, "the data holds")
        }
        "accept" => {
            let contract = Contract::open(schema, &Options::default()).map_err(|why| why.to_string())?;
            let judge = Judge::new(&contract, Profile::Write, Look { keys: true, freshness: false });
            let target = more.first().ok_or("accept wants a file")?;
            sidecar_of(&judge, ran(&judge, file, &[])?, Path::new(target))
        }
        "regression" => {
            let contract = Contract::open(schema, &Options::default()).map_err(|why| why.to_string())?;
            let judge = Judge::new(&contract, Profile::Write, Look { keys: true, freshness: false });
            let baseline = more.get(1).ok_or("regression wants a baseline")?;
            compared(&judge, ran(&judge, file, more)?, Path::new(baseline))
        }
        "previous" => {
            let contract = Contract::open(schema, &Options::default()).map_err(|why| why.to_string())?;
            let judge = Judge::new(&contract, Profile::Write, Look { keys: true, freshness: false });
            let previous = more.get(1).ok_or("previous wants a file")?;
            let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
            let sidecar = folder.path().join("previous");
            sidecar_of(&judge, ran(&judge, Path::new(previous), more)?, &sidecar)?;
            compared(&judge, ran(&judge, file, more)?, &sidecar)
        }
        "jsonschema" => {
            let text = std::fs::read(schema).map_err(|why| why.to_string())?;
            let schema: Value = serde_json::from_slice(&text).map_err(|why| why.to_string())?;
            let validator = jsonschema::validator_for(&schema).map_err(|why| why.to_string())?;
            let valid = each_line(file, |line| {
                serde_json::from_slice::<Value>(line).is_ok_and(|value| validator.is_valid(&value))
            })?;
            expect(valid, "every record is valid")
        }
        "ignored" => {
            let parsed = each_line(file, |line| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok())?;
            expect(parsed, "every record is JSON")
        }
        "lines" => {
            let mut file = File::open(file).map_err(|why| why.to_string())?;
            let mut block = vec![0; 256 << 10];
            let mut lines = 0;
            loop {
                let got = file.read(&mut block).map_err(|why| why.to_string())?;
                if got == 0 {
                    break;
                }
                lines += memchr::memchr_iter(b'\n', &block[..got]).count();
            }
            expect(lines > 0, "there are lines")
        }
        _ => Err(format!("{what}: not known")),
    }
}

fn ran(judge: &Judge<'_>, file: &Path, more: &[String]) -> Result<Ran, String> {
    let threads = more.first().and_then(|text| text.parse().ok()).unwrap_or(1);
    let running = Running { threads, ..Running::default() };
    run(judge, &[Input::File(file.to_owned())], &running, &Arc::default()).map_err(|fault| format!("{fault:?}"))
}

fn compared(judge: &Judge<'_>, ran: Ran, baseline: &Path) -> Result<(), String> {
    let asked = Asked { baseline: Some(baseline.to_owned()), keep: 10, accepted: BTreeMap::new(), ..Asked::default() };
    let comparison = Comparison::open(judge, &asked)?;
    let (report, _) = tell(judge, ran, &asked, comparison);
    let regression = report.regression.ok_or("no comparison")?;
    let lost: u64 = regression.changes.iter().filter(|change| change.broken).map(|change| change.records).sum();
    expect((380..=387).contains(&lost) && regression.gone.records == 25, "387 lost and 25 gone are found")
}

fn expect(true_: bool, what: &str) -> Result<(), String> {
    if true_ { Ok(()) } else { Err(format!("expected: {what}")) }
}

/// The usual loop: a buffer, a line at a time, nothing allocated per line.
fn each_line(file: &Path, mut good: impl FnMut(&[u8]) -> bool) -> Result<bool, String> {
    let file = File::open(file).map_err(|why| why.to_string())?;
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut line = Vec::new();
    let mut all = true;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(|why| why.to_string())? == 0 {
            return Ok(all);
        }
        all &= good(line.strip_suffix(b"\n").unwrap_or(&line));
    }
}
