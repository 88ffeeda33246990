//! `cargo xtask docs`: the reference below `docs/`, written by the binary from the lists that it runs by.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::tidy::reference::MARK;
use crate::workspace::Workspace;

/// Writes the pages, and takes those away that were written for a kind that is gone.
pub fn run(arguments: &[String]) -> ExitCode {
    if let Some(unknown) = arguments.first() {
        eprintln!("cargo xtask docs takes no arguments, but was given {unknown}");
        return ExitCode::from(2);
    }
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("docs: {why}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), String> {
    let workspace = Workspace::read()?;
    let docs = Path::new(&workspace.root).join("docs");
    // Built before anything is taken away: a build that is broken off leaves the pages as they are.
    cargo(&workspace, &["build", "--quiet", "--package", "steadfast"])?;
    for folder in [docs.clone(), docs.join("kinds")] {
        forget(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    }
    let out = docs.to_string_lossy();
    cargo(&workspace, &["run", "--quiet", "--package", "steadfast", "--", "docs", "--out", &out])
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<(), String> {
    let ended = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(&workspace.root)
        .status()
        .map_err(|why| format!("cannot start cargo: {why}"))?;
    if ended.success() { Ok(()) } else { Err(format!("cargo {} failed, see above", arguments[0])) }
}

fn forget(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(why),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "md") && fs::read_to_string(&path)?.starts_with(MARK) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
