//! `steadfast demo`.

use steadfast_core::exit::Exit;

use crate::demo;
use crate::session::block_on;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only open the shop, for trying things by hand, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// The shop's port; TLS takes 363 above it. Without it any free port, and 18080 with --keep
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=65_172))]
    port: Option<u16>,
}

/// Opens the shop and tells the stories.
pub(crate) fn run(args: Args) -> Exit {
    let played =
        block_on(
            async |stop| {
                if args.keep { demo::keep(args.port, stop).await } else { demo::perform(args.port, stop).await }
            },
        );
    played.unwrap_or_else(|refused| refused)
}
