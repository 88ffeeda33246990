//! `steadfast ledger tail | export | verify | copy | prune | rebuild`.

mod copy;
mod export;
mod prune;
mod rebuild;
mod tail;
mod verify;

use steadfast_core::exit::Exit;

use crate::render::say;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Prints the newest records, the last one last
    Tail(tail::Args),
    /// Prints records as JSON lines, whose digests and chain anybody can recompute
    Export(export::Args),
    /// Recomputes every digest and the chain; prints the head. Corruption-evident, not tamper-proof
    Verify(verify::Args),
    /// Appends to another ledger what this one has and that one has not, with the same chain: file to database and back
    Copy(copy::Args),
    /// Drops what was seen by old looks; records, digests and each check's newest green stay
    Prune(prune::Args),
    /// Forgets everything derived from the records and derives it anew
    Rebuild(rebuild::Args),
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

/// 0 done or intact, 1 a fault was found, 2 usage, 3 no ledger or one that cannot be read.
pub(crate) fn run(args: Args) -> Exit {
    let done = match args.verb {
        Verb::Tail(args) => tail::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::Copy(args) => copy::run(&args),
        Verb::Prune(args) => prune::run(&args),
        Verb::Rebuild(args) => rebuild::run(&args),
    };
    done.unwrap_or_else(|exit| exit)
}

/// Prints a whole result.
fn print(text: &str) {
    say(&format!("{text}\n"));
}
