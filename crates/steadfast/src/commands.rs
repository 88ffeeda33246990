//! The list of commands. A command is one file in `commands/` and one line in each of the two lists here.

mod config;
mod verify;
mod version;

use clap::Subcommand;
use steadfast_core::exit::Exit;

/// Every verb.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verifies the configuration, shows it with its defaults applied, or prints its JSON Schema
    Config(config::Args),
    /// Looks at the checks of a gate, judges them and decides: 0 proceed, 1 hold, 3 cannot tell
    Verify(verify::Args),
    /// Prints the version and how this binary was built
    Version(version::Args),
}

impl Command {
    /// Runs the command to its end.
    pub(crate) fn run(self) -> Exit {
        match self {
            Command::Config(args) => config::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Version(args) => version::run(args),
        }
    }
}
