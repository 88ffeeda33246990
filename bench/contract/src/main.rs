//! `cargo xtask bench contract [--bytes N] [--only NAME,..] [--keep DIR]`: the contract engine beside its peers, on the
//! same file, in the same run. Measured is CPU time (user and system) and peak memory of a process of its own; wall time
//! means nothing on a machine that others use. Each line is the best of three.

mod loops;
mod measure;
mod peers;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::measure::{Used, best, measure};

/// One line of the table.
#[derive(Debug)]
pub struct Line {
    name: String,
    megabytes: f64,
    used: Result<Used, String>,
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
    match table(&folder, bytes, &only) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn table(folder: &Path, bytes: u64, only: &[String]) -> Result<(), String> {
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

    let mut lines: Vec<Line> = Vec::new();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part.as_str()));
    let mut add = |name: &str, file: &Path, rounds: usize, program: &dyn Fn() -> Result<Vec<String>, String>| {
        if !wanted(name) {
            return;
        }
        eprintln!("{name} ...");
        let megabytes = std::fs::metadata(file).map_or(0.0, |facts| facts.len() as f64 / 1e6);
        let used = program().and_then(|program| best(&program, rounds));
        lines.push(Line { name: name.to_owned(), megabytes, used });
    };
    // In turn, three times over: what else runs on the machine slows all of them alike.
    add("steadfast, 1 thread", &data, 3, &|| Ok(child("steadfast", &data, &["1"])));
    add("serde_json IgnoredAny (syntax only)", &data, 3, &|| Ok(child("ignored", &data, &[])));
    add("Rust jsonschema 0.60.2 + serde_json", &data, 3, &|| Ok(child("jsonschema", &data, &[])));
    add("steadfast, 2 threads", &data, 3, &|| Ok(child("steadfast", &data, &["2"])));
    add("steadfast, keys and states", &data, 3, &|| Ok(child("keys", &data, &["1"])));
    add("steadfast, keys and states, 2 threads", &data, 3, &|| Ok(child("keys", &data, &["2"])));
    add("steadfast, against a baseline", &after, 3, &|| Ok(child("regression", &after, &["1", &baseline])));
    add("steadfast, two releases (--previous)", &after, 3, &|| {
        Ok(child("previous", &after, &["1", &data.display().to_string()]))
    });
    add("steadfast, start-up (one record)", &one, 20, &|| Ok(child("steadfast", &one, &["1"])));
    add("lines counted (memchr), the floor of reading", &data, 3, &|| Ok(child("lines", &data, &[])));
    let peers = peers::Peers::new(folder);
    add("ajv 8.20.0 (node)", &data, 2, &|| peers.ajv(&schema, &data));
    add("@sourcemeta/jsonschema 16.11.0 --fast (a tenth)", &tenth, 2, &|| peers.sourcemeta(&schema, &tenth));
    add("python jsonschema 4.26.0 (10 MB)", &slice, 1, &|| peers.python(&schema, &slice));
    add("datacontract-cli 1.2.8 (10 MB)", &slice, 1, &|| peers.datacontract(&examples, &slice));
    add("DuckDB 2.0.0, regression of two releases", &after, 2, &|| peers.duckdb(&data, &after));
    print(&lines);
    Ok(())
}

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
            Ok(used) => println!(
                "| {} | {:.0} | {:.3} | {:.3} | {:.0} | {:.0} |",
                line.name,
                line.megabytes,
                used.cpu,
                used.system,
                line.megabytes / used.cpu,
                used.peak
            ),
            Err(why) => println!(
                "| {} | {:.0} | not measured: {} | | | |",
                line.name,
                line.megabytes,
                why.replace(['\n', '|'], " ")
            ),
        }
    }
    let rate = |name: &str| {
        let line = lines.iter().find(|line| line.name.starts_with(name))?;
        Some((line.megabytes / line.used.as_ref().ok()?.cpu, line.used.as_ref().ok()?.cpu))
    };
    let ours = rate("steadfast, 1 thread");
    for (peer, name) in [
        ("Rust jsonschema", "the crate"),
        ("serde_json IgnoredAny", "IgnoredAny"),
        ("ajv", "ajv"),
        ("@sourcemeta", "sourcemeta"),
    ] {
        if let (Some((ours, _)), Some((theirs, _))) = (ours, rate(peer)) {
            println!("{:.2} x {name}", ours / theirs);
        }
    }
    if let (Some((_, ours)), Some((_, theirs))) = (rate("steadfast, two releases"), rate("DuckDB")) {
        println!("{:.2} x DuckDB on the regression of two releases", theirs / ours);
    }
}
