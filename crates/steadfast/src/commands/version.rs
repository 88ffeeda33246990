//! `steadfast version`.

use steadfast_core::exit::Exit;

use crate::render::say;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints one line.
pub(crate) fn run(_args: Args) -> Exit {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    say(&format!("steadfast {} ({profile}, {})\n", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH));
    Exit::Proceed
}
