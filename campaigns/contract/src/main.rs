//! `cargo xtask fuzz contract --cases N --seed S [--tally FILE] [--bug NAME]`

use std::process::ExitCode;

use fuzz_contract::campaign::{Planted, Tally, run};
use steadfast_contract::plan::bug::{Bug, Sound};

/// Records between two lines of the tally file.
const CHECKPOINT: u64 = 100_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|there| there == name).and_then(|at| arguments.get(at + 1));
    let number = |name: &str, otherwise: u64| match value(name).map(|text| text.replace('_', "").parse()) {
        None => Some(otherwise),
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => None,
    };
    let (Some(cases), Some(seed)) = (number("--cases", 50_000), number("--seed", 1)) else {
        eprintln!("fuzz contract --cases N --seed S [--tally FILE] [--bug NAME]");
        return ExitCode::from(2);
    };
    let bug = match value("--bug") {
        None => None,
        Some(name) => match Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == *name) {
            Some(bug) => Some(bug),
            None => {
                eprintln!("--bug {name}: one of {:?}", Bug::ALL);
                return ExitCode::from(2);
            }
        },
    };
    let mut tally = Tally::default();
    let mut done = 0;
    while done < cases && tally.disagreements.is_empty() {
        let round = CHECKPOINT.min(cases - done);
        // Each round has a seed of its own, so that it can be run again alone.
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(done);
        tally.add(match bug {
            None => run(round, seed, 5, Sound),
            Some(bug) => run(round, seed, 5, Planted(bug)),
        });
        done += round;
        if let Some(file) = value("--tally")
            && let Err(why) = std::fs::write(file, format!("after {done} of {cases}:\n{}", tally.told()))
        {
            eprintln!("{file}: {why}");
            return ExitCode::from(2);
        }
    }
    print!("{}", tally.told());
    for (schema, record, wrong) in &tally.disagreements {
        println!("DISAGREEMENT: {wrong}\n  schema: {schema}\n  record: {record}");
    }
    if tally.disagreements.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
