//! The binary that ships: profile `dist`, linked statically.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::Workspace;

/// Where Rust links with LLD by itself, whose options are not those of others.
const LINKED_BY_LLD: &str = "x86_64-unknown-linux-gnu";

/// What is built, and how.
pub(super) struct Plan {
    /// The target: `x86_64-unknown-linux-musl`.
    pub(super) target: String,
    /// The C library that goes into it, and why that one.
    pub(super) linking: Linking,
    /// Seconds since 1970: what a file of this release is dated.
    pub(super) epoch: u64,
}

/// The C library that goes into the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linking {
    /// musl is made for it.
    Musl,
    /// glibc, as the toolchain has no musl target.
    GlibcWithoutTarget,
    /// glibc, as nothing here compiles C for musl.
    GlibcWithoutCompiler,
}

impl Plan {
    /// Asks the toolchain what it can build.
    pub(super) fn make(workspace: &Workspace) -> Result<Plan, String> {
        let version = said("rustc", &["-vV"], &workspace.root)?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc -vV names no host")?;
        let musl = musl_of(host)?;
        let libraries = said("rustc", &["--print", "target-libdir", "--target", &musl], &workspace.root)?;
        let compiler = ["musl-gcc".to_owned(), format!("{}-gcc", musl.replace("-unknown", ""))];
        let compiles = compiler.iter().any(|name| Command::new(name).arg("--version").output().is_ok());
        let linking = Linking::choose(Path::new(libraries.trim()).is_dir(), compiles);
        let target = if linking == Linking::Musl { musl } else { host.to_owned() };
        Ok(Plan { target, linking, epoch: epoch(&workspace.root)? })
    }

    /// Builds it, and says where it is.
    pub(super) fn build(&self, workspace: &Workspace) -> Result<PathBuf, String> {
        let home = std::env::var("CARGO_HOME")
            .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
            .map_err(|_| "neither CARGO_HOME nor HOME is set".to_owned())?;
        // Whoever builds it, and where: it is the same binary, and tells nothing of their folders.
        let mut flags = vec![
            "-Ctarget-feature=+crt-static".to_owned(),
            format!("--remap-path-prefix={}=/steadfast", workspace.root),
            format!("--remap-path-prefix={home}/registry/src=/crates"),
        ];
        if self.target == LINKED_BY_LLD {
            // Relocations of a bit each instead of 24 bytes, which the C library that is built in understands; functions
            // that came out the same are there once.
            flags.push("-Clink-args=-Wl,-z,pack-relative-relocs -Wl,--icf=all".to_owned());
        }
        // With a target named, the flags are not those of build scripts and of macros, which are never static.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--profile", "dist", "--package", "steadfast", "--target", &self.target])
            .current_dir(&workspace.root)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string())
            // No panic passes through C.
            .env(
                format!("CFLAGS_{}", self.target.replace('-', "_")),
                "-fno-asynchronous-unwind-tables -fno-unwind-tables",
            )
            .status()
            .map_err(|why| format!("cannot start cargo: {why}"))?;
        if !built.success() {
            return Err(format!("the binary does not build for {}, see above", self.target));
        }
        Ok(Path::new(&workspace.target_directory).join(&self.target).join("dist/steadfast"))
    }

    /// The target's first word: `x86_64`.
    pub(super) fn architecture(&self) -> &str {
        self.target.split('-').next().unwrap_or_default()
    }
}

impl Linking {
    fn choose(has_target: bool, compiles: bool) -> Linking {
        match (has_target, compiles) {
            (true, true) => Linking::Musl,
            (true, false) => Linking::GlibcWithoutCompiler,
            (false, _) => Linking::GlibcWithoutTarget,
        }
    }

    /// In a few words, with the reason and what would change it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Linking::Musl => "static, with musl",
            Linking::GlibcWithoutTarget => "static, with glibc: this toolchain has no musl target (rustup target add)",
            Linking::GlibcWithoutCompiler => {
                "static, with glibc: nothing compiles C for musl (apt-get install musl-tools)"
            }
        }
    }
}

fn musl_of(host: &str) -> Result<String, String> {
    match host.split_once("-linux-gnu") {
        Some((machine, abi)) => Ok(format!("{machine}-linux-musl{abi}")),
        None if host.contains("-linux-musl") => Ok(host.to_owned()),
        None => Err(format!("packages are made on Linux, and this is {host}")),
    }
}

/// `SOURCE_DATE_EPOCH` (reproducible-builds.org), else the time of the commit.
fn epoch(root: &str) -> Result<u64, String> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => said("git", &["log", "-1", "--format=%ct"], root)
            .map_err(|why| format!("{why}\nWithout git, set SOURCE_DATE_EPOCH to the seconds since 1970"))?,
    };
    text.trim().parse().map_err(|_| format!("SOURCE_DATE_EPOCH is no number of seconds: {text}"))
}

/// What a program prints.
pub(super) fn said(program: &str, arguments: &[&str], folder: &str) -> Result<String, String> {
    let line = format!("{program} {}", arguments.join(" "));
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|why| format!("cannot start {line}: {why}"))?;
    if !ran.status.success() {
        return Err(format!("{line} ended with {}: {}", ran.status, String::from_utf8_lossy(&ran.stderr).trim()));
    }
    String::from_utf8(ran.stdout).map_err(|_| format!("{line} printed what is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn musl_is_taken_where_the_target_and_a_compiler_are_there() {
        let check = |target, compiler, expected| assert_eq!(Linking::choose(target, compiler), expected);
        check(true, true, Linking::Musl);
        check(true, false, Linking::GlibcWithoutCompiler);
        check(false, true, Linking::GlibcWithoutTarget);
        check(false, false, Linking::GlibcWithoutTarget);
    }

    #[test]
    fn the_musl_target_is_that_of_the_same_machine() {
        assert_eq!(musl_of("x86_64-unknown-linux-gnu").as_deref(), Ok("x86_64-unknown-linux-musl"));
        assert_eq!(musl_of("armv7-unknown-linux-gnueabihf").as_deref(), Ok("armv7-unknown-linux-musleabihf"));
        assert_eq!(musl_of("aarch64-unknown-linux-musl").as_deref(), Ok("aarch64-unknown-linux-musl"));
        assert!(musl_of("aarch64-apple-darwin").is_err());
    }
}
