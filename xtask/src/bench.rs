//! `cargo xtask bench <name>`: a bench is a package `bench-<name>` in `bench/<name>`, built with the profile that ships,
//! but for the libraries: some are peers, and a peer is measured as fast as its authors would ship it.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The benches whose peers are other programs: they measure the very binary that ships, or that of `STEADFAST_BIN`.
const OF_WHAT_SHIPS: &[&str] = &["http"];

/// Builds and runs the package `bench-<name>` with the remaining arguments.
pub fn run(arguments: &[String]) -> ExitCode {
    let of_what_ships = arguments.first().is_some_and(|name| OF_WHAT_SHIPS.contains(&name.as_str()));
    let mut surroundings = Vec::new();
    if of_what_ships && std::env::var_os("STEADFAST_BIN").is_none() {
        match crate::dist::binary() {
            Ok(binary) => surroundings.push(("STEADFAST_BIN", binary)),
            Err(why) => {
                eprintln!("bench: {why}");
                return ExitCode::from(2);
            }
        }
    }
    let options = ["--config", "profile.dist.package.\"*\".opt-level=3"];
    package_with("bench", "dist", &options, arguments, &surroundings)
}

/// Runs `<family>-<name>` under a profile, with more options for cargo; its exit code is ours.
pub fn package(family: &str, profile: &str, options: &[&str], arguments: &[String]) -> ExitCode {
    package_with(family, profile, options, arguments, &[])
}

fn package_with(
    family: &str,
    profile: &str,
    options: &[&str],
    arguments: &[String],
    surroundings: &[(&str, PathBuf)],
) -> ExitCode {
    let Some((name, rest)) = arguments.split_first() else {
        eprintln!("cargo xtask {family} <name>: which one?");
        return ExitCode::from(2);
    };
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--profile", profile])
        .args(options)
        .args(["--package", &format!("{family}-{name}"), "--"])
        .args(rest)
        .envs(surroundings.iter().map(|(name, value)| (name, value)))
        .status();
    match run {
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(130)).unwrap_or(1)),
        Err(why) => {
            eprintln!("cannot start cargo: {why}");
            ExitCode::from(2)
        }
    }
}
