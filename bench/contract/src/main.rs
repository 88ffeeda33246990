//! `cargo xtask bench contract [--bytes N] [--only NAME,..] [--keep DIR] [--steadfast BIN]`: the contract engine beside
//! its peers, on the same file, in the same run. Measured is CPU time (user and system) and peak memory of a process of its
//! own; wall time means nothing on a machine that others use. Each line is the best of some rounds, which are taken in turn.
//! `--keep`: data and peers stay in this folder, and are not made again. `--steadfast`: a built binary, whose start-up is
//! measured, too.

mod loops;
mod measure;
mod peers;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::measure::{Used, measure};

/// One line of the table.
struct Line {
    name: &'static str,
    /// Read by one run.
    megabytes: f64,
    rounds: usize,
    /// What to run; made when its turn comes, for a peer may have to be installed first.
    program: Result<Vec<String>, String>,
    used: Option<Result<Used, String>>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--child") {
        return loops::child(&arguments[1..]);
    }
    if arguments.first().is_some_and(|first| first == "--measure") {
        return measure::child(&arguments[1..]);
    }
    let value = |name: &str| arguments.iter().position(|there| there == name).and_then(|at| arguments.get(at + 1));
    let bytes: u64 = value("--bytes").and_then(|text| text.parse().ok()).unwrap_or(500_000_000);
    let only: Vec<String> =
        value("--only").map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let temporary = tempfile::tempdir();
    let folder: PathBuf = match (value("--keep"), &temporary) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Ok(folder)) => folder.path().to_owned(),
        (None, Err(why)) => {
            eprintln!("no temporary folder: {why}");
            return ExitCode::from(2);
        }
    };
    match table(&folder, bytes, &only, value("--steadfast").map(String::as_str)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn table(folder: &Path, bytes: u64, only: &[String], steadfast: Option<&str>) -> Result<(), String> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/name-cache");
    let schema = examples.join("name_cache.schema.json").display().to_string();
    let data = generated(&examples, folder, "data.jsonl", &["--bytes", &bytes.to_string()])?;
    let after = generated(
        &examples,
        folder,
        "after.jsonl",
        &["--bytes", &bytes.to_string(), "--regress", "387", "--drop", "25"],
    )?;
    let tenth = generated(&examples, folder, "tenth.jsonl", &["--bytes", &(bytes / 10).to_string()])?;
    let slice = generated(&examples, folder, "slice.jsonl", &["--bytes", "10000000"])?;
    let one = generated(&examples, folder, "one.jsonl", &["--records", "1"])?;
    let me = std::env::current_exe().map_err(|why| why.to_string())?.display().to_string();
    let baseline = folder.join("baseline").display().to_string();
    let child = |what: &str, file: &Path, more: &[&str]| {
        let mut program =
            vec![me.clone(), "--child".to_owned(), what.to_owned(), schema.clone(), file.display().to_string()];
        program.extend(more.iter().map(|word| (*word).to_owned()));
        program
    };
    measure(&child("accept", &data, &[&baseline]))?;

    let peers = peers::Peers::new(folder);
    let mut lines: Vec<Line> = Vec::new();
    type Program<'p> = &'p dyn Fn() -> Result<Vec<String>, String>;
    let mut add = |name: &'static str, files: &[&Path], rounds: usize, program: Program<'_>| {
        if only.is_empty() || only.iter().any(|part| name.contains(part.as_str())) {
            let bytes: u64 =
                files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|facts| facts.len()).sum();
            eprintln!("{name}: prepared ...");
            lines.push(Line { name, megabytes: bytes as f64 / 1e6, rounds, program: program(), used: None });
        }
    };
    let before = data.display().to_string();
    add(OURS, &[&data], 7, &|| Ok(child("steadfast", &data, &["1"])));
    add(IGNORED, &[&data], 7, &|| Ok(child("ignored", &data, &[])));
    add(CRATE, &[&data], 5, &|| Ok(child("jsonschema", &data, &[])));
    add("steadfast, 2 threads", &[&data], 5, &|| Ok(child("steadfast", &data, &["2"])));
    add("steadfast, keys and states", &[&data], 5, &|| Ok(child("keys", &data, &["1"])));
    add(KEYED_TWICE, &[&data], 5, &|| Ok(child("keys", &data, &["2"])));
    add(SIDECAR, &[&after], 7, &|| Ok(child("regression", &after, &["1", &baseline])));
    add(PREVIOUS, &[&data, &after], 5, &|| Ok(child("previous", &after, &["1", &before])));
    add(DUCKDB, &[&data, &after], 5, &|| peers.duckdb(&data, &after));
    add("lines counted (memchr), the floor of reading", &[&data], 5, &|| Ok(child("lines", &data, &[])));
    add(AJV, &[&data], 2, &|| peers.ajv(&schema, &data));
    add("@sourcemeta/jsonschema 16.11.0 --fast (a tenth)", &[&tenth], 2, &|| peers.sourcemeta(&schema, &tenth));
    add("python jsonschema 4.26.0 (10 MB)", &[&slice], 2, &|| peers.python(&schema, &slice));
    add("datacontract-cli 1.2.8 (10 MB)", &[&slice], 2, &|| peers.datacontract(&examples, &slice));
    add("the engine's start-up (one record)", &[&one], 40, &|| Ok(child("steadfast", &one, &["1"])));
    if let Some(binary) = steadfast {
        let record = one.display().to_string();
        let words = [binary, "contract", "check", record.as_str(), "--contract", schema.as_str()];
        add(START, &[&one], 40, &|| Ok(words.iter().map(|word| (*word).to_owned()).collect()));
    }
    // In turn: what else runs on the machine slows all of them alike.
    for round in 0..lines.iter().map(|line| line.rounds).max().unwrap_or(0) {
        eprintln!("round {} ...", round + 1);
        for line in lines.iter_mut().filter(|line| round < line.rounds) {
            let used = line.program.clone().and_then(|program| measure(&program));
            line.used = Some(match (line.used.take(), used) {
                (Some(Ok(best)), Ok(used)) if best.cpu <= used.cpu => Ok(best),
                (_, used) => used,
            });
        }
    }
    print(&lines);
    Ok(())
}

const OURS: &str = "steadfast, 1 thread";
const IGNORED: &str = "serde_json IgnoredAny (syntax only)";
const CRATE: &str = "Rust jsonschema 0.60.2 + serde_json";
const KEYED_TWICE: &str = "steadfast, keys and states, 2 threads";
const SIDECAR: &str = "steadfast, against a baseline (one release is read)";
const PREVIOUS: &str = "steadfast, --previous (both releases are read)";
const DUCKDB: &str = "DuckDB 2.0.0, the same question (both releases are read)";
const AJV: &str = "ajv 8.20.0 (node)";
const START: &str = "steadfast contract check, start-up (one record)";

fn generated(examples: &Path, folder: &Path, name: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    let file = folder.join(name);
    if !file.exists() {
        eprintln!("{name}: generated ...");
        let done = Command::new("python3").arg(examples.join("gen_namecache.py")).arg(&file).args(arguments).output();
        let done = done.map_err(|why| format!("python3: {why}"))?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        }
    }
    Ok(file)
}

fn print(lines: &[Line]) {
    println!("| tool | MB | CPU s | of it system | MB per CPU s | peak MiB |");
    println!("|---|---:|---:|---:|---:|---:|");
    for line in lines {
        match &line.used {
            Some(Ok(used)) => println!(
                "| {} | {:.0} | {:.3} | {:.3} | {:.0} | {:.0} |",
                line.name,
                line.megabytes,
                used.cpu,
                used.system,
                line.megabytes / used.cpu,
                used.peak
            ),
            Some(Err(why)) => println!(
                "| {} | {:.0} | not measured: {} | | | |",
                line.name,
                line.megabytes,
                why.replace(['\n', '|'], " ")
            ),
            None => {}
        }
    }
    let used = |name: &str| {
        let line = lines.iter().find(|line| line.name == name)?;
        Some((line.megabytes, line.used.as_ref()?.as_ref().ok().copied()?))
    };
    let rate = |name: &str| used(name).map(|(megabytes, used)| megabytes / used.cpu);
    let times = |ours: &str, theirs: &str| Some(rate(ours)? / rate(theirs)?);
    let reached = |yes: bool| if yes { "reached" } else { "missed" };
    println!("\n| wanted | measured | |\n|---|---|---|");
    for (wanted, least, peer) in [
        ("7 x the `jsonschema` crate", 7.0, CRATE),
        ("0.9 x `IgnoredAny` (syntax only)", 0.9, IGNORED),
        ("faster than ajv", 1.0, AJV),
    ] {
        if let Some(times) = times(OURS, peer) {
            println!("| {wanted} | {times:.2} x | {} |", reached(times >= least));
        }
    }
    if let (Some((_, without)), Some((_, with))) = (used(OURS), used(KEYED_TWICE)) {
        let yes = without.peak < 32.0 && with.peak < 64.0;
        let peaks = format!("{:.0} and {:.0} MiB", without.peak, with.peak);
        println!("| below 32 MiB without keys, 64 MiB with them | {peaks} | {} |", reached(yes));
    }
    // The question is the same: what of this release was lost since the last one. DuckDB has to read both for an answer.
    if let (Some((_, sidecar)), Some((_, duckdb))) = (used(SIDECAR), used(DUCKDB)) {
        let times = duckdb.cpu / sidecar.cpu;
        println!("| regression 3 x DuckDB, against a sidecar | {times:.2} x | {} |", reached(times >= 3.0));
    }
    if let (Some((_, both)), Some((_, duckdb))) = (used(PREVIOUS), used(DUCKDB)) {
        println!("| the same, reading both releases | {:.2} x | |", duckdb.cpu / both.cpu);
    }
    if let Some((_, start)) = used(START) {
        let milliseconds = start.cpu * 1e3;
        println!("| start-up below 5 ms | {milliseconds:.1} ms of CPU | {} |", reached(milliseconds < 5.0));
    }
}
