//! `steadfast schema report`.

use steadfast_core::exit::Exit;

use crate::render::say;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    of: Of,
}

#[derive(Debug, clap::Subcommand)]
enum Of {
    /// The JSON Schema (draft 2020-12) of `verify --format json`
    Report,
}

/// Prints a JSON Schema.
pub(crate) fn run(args: Args) -> Exit {
    let text = match args.of {
        Of::Report => steadfast_engine::report::JSON_SCHEMA,
    };
    say(text);
    Exit::Proceed
}
