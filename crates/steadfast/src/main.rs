//! The binary: reads the command line, hands over to one command, returns its exit code.

mod commands;
mod completion;
mod demo;
mod finding_line;
mod import;
mod init;
mod ledger_file;
mod ledger_place;
mod linux_memory;
mod live;
mod manual;
mod moment;
mod project_file;
mod reference;
mod registry;
mod render;
mod scope;
mod session;
mod status_file;
mod whole_file;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use steadfast_core::exit::Exit;

/// Proves that what you shipped works.
#[derive(Debug, Parser)]
#[command(
    name = "steadfast",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    steadfast_probe::name_service::of_a_static_binary();
    completion::answer(CommandLine::command);
    match CommandLine::try_parse() {
        Ok(line) => render::heard(line.command.run()).into(),
        Err(refusal) => {
            // A closed pipe is no reason to change the exit code.
            let _ = refusal.print();
            if refusal.use_stderr() { Exit::Usage.into() } else { Exit::Proceed.into() }
        }
    }
}
