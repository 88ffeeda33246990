//! The list of commands. A command is one file in `commands/` and one line in each of the two lists here.

mod history;
mod ledger;
mod version;

use clap::Subcommand;
use steadfast_core::exit::Exit;

/// Every verb.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints when a check changed and what was found, the newest first
    History(history::Args),
    /// Looks at the record of all runs: tail, export, verify, prune, rebuild
    Ledger(ledger::Args),
    /// Prints the version and how this binary was built
    Version(version::Args),
}

impl Command {
    /// Runs the command to its end.
    pub(crate) fn run(self) -> Exit {
        match self {
            Command::History(args) => history::run(&args),
            Command::Ledger(args) => ledger::run(args),
            Command::Version(args) => version::run(args),
        }
    }
}
