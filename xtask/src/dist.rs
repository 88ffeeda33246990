//! `cargo xtask dist`: what is shipped, laid out for packagers, and shown to run where there is nothing but it.

mod archive;
mod build;
mod container;
mod debian;
mod elf;
mod empty_root;
mod licences;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::workspace::Workspace;
use build::Plan;
use elf::Needs;
use tree::Tree;

/// The bound of the binary, in bytes.
const LARGEST: u64 = 20_000_000;

const USAGE: &str = "cargo xtask dist [--out DIR]: without DIR it is target/packages";

/// Builds, lays out, packs and tries. It fails if the binary is larger than [`LARGEST`], needs a library, or does not
/// work in an empty root.
pub fn run(arguments: &[String]) -> ExitCode {
    let out = match arguments {
        [] => None,
        [option, folder] if option == "--out" => Some(PathBuf::from(folder)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match dist(out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("dist: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the binary that ships, and says where it is.
pub fn binary() -> Result<PathBuf, String> {
    let workspace = Workspace::read()?;
    Plan::make(&workspace)?.build(&workspace)
}

fn dist(out: Option<PathBuf>) -> Result<(), String> {
    let workspace = Workspace::read()?;
    let out = match out {
        Some(folder) => std::path::absolute(&folder).map_err(|why| format!("{}: {why}", folder.display()))?,
        None => Path::new(&workspace.target_directory).join("packages"),
    };
    let plan = Plan::make(&workspace)?;
    let binary = plan.build(&workspace)?;
    let content = std::fs::read(&binary).map_err(|why| format!("cannot read {}: {why}", binary.display()))?;
    let needs = Needs::of(&content).map_err(|why| format!("{}: {why}", binary.display()))?;
    if !needs.nothing() {
        return Err(format!("{} is not static: {needs:?}", binary.display()));
    }
    let licences = licences::document(&workspace, &plan)?;
    let tree = Tree::lay(out.join("steadfast"), Path::new(&workspace.root), &binary, &licences)?;
    let manifest = Path::new(&workspace.root).join("crates/steadfast/Cargo.toml");
    let manifest = std::fs::read_to_string(&manifest).map_err(|why| format!("{}: {why}", manifest.display()))?;
    debian::hold(&manifest, &tree.files()?)?;
    let name = format!("steadfast-{}-{}-linux", env!("CARGO_PKG_VERSION"), plan.architecture());
    let archive = format!("{name}.tar.gz");
    archive::pack(tree.folder(), &name, plan.epoch, &out.join(&archive))?;
    archive::sum(&out, &[&archive], "SHA256SUMS")?;

    let container = out.join("container");
    let roots = container::lay(&container, Path::new(&workspace.root), &tree)?;

    println!("{name}, {}\n", plan.linking.words());
    table(&tree)?;
    let size = std::fs::metadata(out.join(&archive)).map_err(|why| format!("{archive}: {why}"))?.len();
    println!("\n  {:<54} {:>10}", archive, bytes(size));
    println!("  sha256 {}", archive::digest(&out, &archive).unwrap_or_default());
    println!("  both in {}", out.display());
    println!("\nan image from scratch, with the roots of {}", roots.display());
    println!("  podman build --tag steadfast {}", container.display());
    println!("\nin an empty root");
    empty_root::try_all(&binary)?.iter().for_each(|shown| println!("  {shown}"));
    within(content.len() as u64)
}

/// The files with their sizes; the many pages of a section of the manual are one line.
fn table(tree: &Tree) -> Result<(), String> {
    let mut lines: Vec<(String, usize, u64)> = Vec::new();
    for (path, size) in tree.files()? {
        let line = match path.rsplit_once('/') {
            Some((folder, _)) if folder.starts_with("share/man/") => format!("{folder}/"),
            _ => path,
        };
        match lines.last_mut() {
            Some((last, count, sum)) if *last == line => {
                *count += 1;
                *sum += size;
            }
            _ => lines.push((line, 1, size)),
        }
    }
    for (line, count, size) in lines {
        let pages = if line.ends_with('/') { format!("{line} {count} pages") } else { line };
        println!("  {pages:<54} {:>10}", bytes(size));
    }
    Ok(())
}

fn within(size: u64) -> Result<(), String> {
    let share = format!("the binary has {} of the {} bytes that it may have", bytes(size), bytes(LARGEST));
    if size > LARGEST {
        return Err(format!("{share}: take out what made it grow (cargo tree, the features of libraries)"));
    }
    println!("\n{share}");
    Ok(())
}

/// A number of bytes, in groups of three digits.
fn bytes(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_groups() {
        let check = |number, expected: &str| assert_eq!(bytes(number), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1 000");
        check(20_000_000, "20 000 000");
    }

    #[test]
    fn a_binary_may_have_so_many_bytes_and_no_more() {
        assert!(within(LARGEST).is_ok());
        let refused = within(LARGEST + 1).expect_err("too large");
        assert!(refused.starts_with("the binary has 20 000 001 of the 20 000 000 bytes"), "{refused}");
    }
}
