//! `cargo xtask fuzz <name>`: a campaign is a package `fuzz-<name>` in `campaigns/<name>`.

use std::process::ExitCode;

/// Builds and runs the package `fuzz-<name>` with the remaining arguments.
pub fn run(arguments: &[String]) -> ExitCode {
    crate::bench::package("fuzz", "release", &[], arguments)
}
