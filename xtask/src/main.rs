//! The developer's commands: `cargo xtask <command>`. A command is one file and one line in [`COMMANDS`].

mod apt;
mod bench;
mod dist;
mod docs;
mod fuzz;
mod packages;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

/// What a command is called, what it does, and how to run it with the rest of the command line.
type Command = (&'static str, &'static str, fn(&[String]) -> ExitCode);

const COMMANDS: &[Command] = &[
    ("bench", "bench <name>: measure against peers, print the table for docs/benchmarks.md", bench::run),
    ("dist", "dist [--out DIR]: the static binary with what is shipped beside it, tried in an empty root", dist::run),
    (
        "docs",
        "docs [--site]: write the reference below docs/ from the code; --site: make a site of it in target/site",
        docs::run,
    ),
    ("fuzz", "fuzz <name> --cases N --seed S: run a differential campaign", fuzz::run),
    ("test", "test [--only STEP] [--from STEP]: everything that CI runs", test::run),
    ("tidy", "tidy: the rules of the house that a compiler does not know", tidy::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = arguments.first().map(String::as_str).unwrap_or_default();
    match COMMANDS.iter().find(|(name, ..)| *name == asked) {
        Some((.., run)) => run(&arguments[1..]),
        None => {
            eprintln!("cargo xtask <command>, where <command> is one of:");
            COMMANDS.iter().for_each(|(name, about, _)| eprintln!("  {name:<8} {about}"));
            ExitCode::from(2)
        }
    }
}
