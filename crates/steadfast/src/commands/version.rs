//! `steadfast version`.

use std::io::Write;

use steadfast_core::exit::Exit;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints one line.
pub(crate) fn run(_args: Args) -> Exit {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let _ =
        writeln!(anstream::stdout(), "steadfast {} ({profile}, {})", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    Exit::Proceed
}
