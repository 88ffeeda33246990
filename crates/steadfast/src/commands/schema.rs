//! `steadfast schema report`.

use steadfast_core::exit::Exit;

use crate::render::print;
use crate::session::warn;

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
    if let Err(why) = print(text) {
        warn(format!("the schema was not written: {why}"));
    }
    Exit::Proceed
}
