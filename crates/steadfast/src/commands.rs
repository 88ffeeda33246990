//! The list of commands. A command is one file in `commands/` and one line in each of the two lists here.

mod completions;
mod config;
mod contract;
mod demo;
mod docs;
pub(crate) mod explain;
mod history;
mod import;
mod init;
mod ledger;
pub(crate) mod look;
mod man;
mod prove;
mod replay;
mod schema;
mod sqlite;
mod verify;
mod version;

use clap::Subcommand;
use steadfast_core::exit::Exit;

/// Every verb.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verifies the configuration, shows it with its defaults applied, or prints its JSON Schema
    Config(config::Args),
    /// Writes a commented steadfast.toml from a site and the SQLite files that are there; it verifies and proves
    Init(init::Args),
    /// Makes a steadfast.toml of the configuration of Gatus, Uptime Kuma or blackbox_exporter, or of curl lines
    Import(import::Args),
    /// Breaks a small real shop for real, five times, and shows who notices
    Demo(demo::Args),
    /// Looks at the checks of a gate, judges them and decides: 0 proceed, 1 hold, 3 cannot tell
    Verify(verify::Args),
    /// Shows whether the checks are able to fail: real green observations are broken and judged again
    Prove(prove::Args),
    /// Judges recorded observations under the present configuration: would it have caught them?
    Replay(replay::Args),
    /// Looks once and prints what was seen, with timings and a check on it as TOML
    Look(look::Args),
    /// Explains a kind, a finding code, the gates or the exit codes
    Explain(explain::Args),
    /// Prints the completions for a shell; they know the ids and tags of your checks
    Completions(completions::Args),
    /// Prints a page of the manual, or writes all of them
    Man(man::Args),
    /// Writes the reference documentation
    #[command(hide = true)]
    Docs(docs::Args),
    /// Prints the JSON Schema of a document that this program writes
    Schema(schema::Args),
    /// Proves SQLite files in one sequential pass, stamps and compares them
    Sqlite(sqlite::Args),
    /// Holds data to its contract: records, releases by key, samples, age, parts
    Contract(contract::Args),
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
            Command::Config(args) => config::run(args),
            Command::Init(args) => init::run(args),
            Command::Import(args) => import::run(args),
            Command::Demo(args) => demo::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Prove(args) => prove::run(args),
            Command::Replay(args) => replay::run(args),
            Command::Look(args) => look::run(args),
            Command::Explain(args) => explain::run(args),
            Command::Completions(args) => completions::run(args),
            Command::Man(args) => man::run(args),
            Command::Docs(args) => docs::run(args),
            Command::Schema(args) => schema::run(args),
            Command::Sqlite(args) => sqlite::run(args),
            Command::Contract(args) => contract::run(args),
            Command::History(args) => history::run(&args),
            Command::Ledger(args) => ledger::run(args),
            Command::Version(args) => version::run(args),
        }
    }
}
