//! The list of commands. A command is one file in `commands/` and one line in each of the two lists here.

mod config;
mod contract;
mod version;

use clap::Subcommand;
use steadfast_core::exit::Exit;

/// Every verb.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verifies the configuration, shows it with its defaults applied, or prints its JSON Schema
    Config(config::Args),
    /// Holds data to its contract: records, releases by key, samples, age, parts
    Contract(contract::Args),
    /// Prints the version and how this binary was built
    Version(version::Args),
}

impl Command {
    /// Runs the command to its end.
    pub(crate) fn run(self) -> Exit {
        match self {
            Command::Config(args) => config::run(args),
            Command::Contract(args) => contract::run(args),
            Command::Version(args) => version::run(args),
        }
    }
}
