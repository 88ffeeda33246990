//! `cargo xtask bench <name>`: a bench is a package `bench-<name>` in `bench/<name>`, built with the profile that ships,
//! but for the libraries: some are peers, and a peer is measured as fast as its authors would ship it.

use std::process::{Command, ExitCode};

/// Builds and runs the package `bench-<name>` with the remaining arguments.
pub fn run(arguments: &[String]) -> ExitCode {
    package("bench", "dist", &["--config", "profile.dist.package.\"*\".opt-level=3"], arguments)
}

/// Runs `<family>-<name>` under a profile, with more options for cargo; its exit code is ours.
pub fn package(family: &str, profile: &str, options: &[&str], arguments: &[String]) -> ExitCode {
    let Some((name, rest)) = arguments.split_first() else {
        eprintln!("cargo xtask {family} <name>: which one?");
        return ExitCode::from(2);
    };
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--profile", profile])
        .args(options)
        .args(["--package", &format!("{family}-{name}"), "--"])
        .args(rest)
        .status();
    match run {
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(130)).unwrap_or(1)),
        Err(why) => {
            eprintln!("cannot start cargo: {why}");
            ExitCode::from(2)
        }
    }
}
