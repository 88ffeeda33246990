//! What the rules ask the built binary: does this configuration load, does this command exist.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::Workspace;

/// The binary, as far as the rules need it.
pub(super) trait Product {
    /// Loads a configuration that stands in a file of the tree.
    fn load_file(&self, path: &str) -> Result<(), String>;

    /// Loads a configuration that stands in the documentation.
    fn load_text(&self, text: &str) -> Result<(), String>;

    /// The help of a command, if there is one of that name: `["config", "lint"]`.
    fn help(&self, command: &[&str]) -> Option<String>;

    /// The reference documentation as the binary writes it: paths below `docs/`, and texts.
    fn reference(&self) -> Result<Vec<(String, String)>, String>;
}

/// The binary of this work tree.
pub(super) struct Built {
    root: PathBuf,
    binary: PathBuf,
    scratch: PathBuf,
}

impl Built {
    /// Builds it as the tests do.
    pub(super) fn build(workspace: &Workspace) -> Result<Built, String> {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "steadfast"])
            .current_dir(&workspace.root)
            .status()
            .map_err(|why| format!("cannot start cargo: {why}"))?;
        if !status.success() {
            return Err("the binary does not build, see above".to_owned());
        }
        let target = Path::new(&workspace.target_directory);
        let scratch = target.join("tidy");
        fs::create_dir_all(&scratch).map_err(|why| format!("cannot make {}: {why}", scratch.display()))?;
        Ok(Built { root: PathBuf::from(&workspace.root), binary: target.join("debug/steadfast"), scratch })
    }

    fn lint(&self, path: &Path) -> Result<(), String> {
        let run = Command::new(&self.binary)
            .args(["config", "lint", "--config"])
            .arg(path)
            .current_dir(&self.root)
            .env("NO_COLOR", "1")
            .output()
            .map_err(|why| format!("cannot start {}: {why}", self.binary.display()))?;
        if run.status.success() {
            return Ok(());
        }
        let said = format!("{}{}", String::from_utf8_lossy(&run.stderr), String::from_utf8_lossy(&run.stdout));
        Err(said.lines().map(|line| format!("\n      {line}")).collect())
    }
}

impl Product for Built {
    fn load_file(&self, path: &str) -> Result<(), String> {
        self.lint(&self.root.join(path))
    }

    fn load_text(&self, text: &str) -> Result<(), String> {
        let path = self.scratch.join("steadfast.toml");
        fs::write(&path, text).map_err(|why| format!("cannot write {}: {why}", path.display()))?;
        self.lint(&path)
    }

    fn help(&self, command: &[&str]) -> Option<String> {
        let run = Command::new(&self.binary).args(command).arg("--help").env("NO_COLOR", "1").output().ok()?;
        run.status.success().then(|| String::from_utf8_lossy(&run.stdout).into_owned())
    }

    fn reference(&self) -> Result<Vec<(String, String)>, String> {
        let folder = tempfile::tempdir_in(&self.scratch).map_err(|why| format!("no scratch folder: {why}"))?;
        let run = Command::new(&self.binary)
            .args(["docs", "--out"])
            .arg(folder.path())
            .output()
            .map_err(|why| format!("cannot start {}: {why}", self.binary.display()))?;
        if !run.status.success() {
            return Err(String::from_utf8_lossy(&run.stderr).into_owned());
        }
        let mut pages = Vec::new();
        read_all(folder.path(), "", &mut pages).map_err(|why| format!("the reference cannot be read: {why}"))?;
        pages.sort();
        Ok(pages)
    }
}

fn read_all(folder: &Path, prefix: &str, pages: &mut Vec<(String, String)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read_all(&entry.path(), &format!("{path}/"), pages)?;
        } else {
            pages.push((path, fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

/// A stand-in for the rules' own exemplars: it has one command, and refuses one word.
#[cfg(test)]
pub(super) struct Pretend;

#[cfg(test)]
impl Product for Pretend {
    fn load_file(&self, path: &str) -> Result<(), String> {
        if path.contains("broken") { Err("does not load".to_owned()) } else { Ok(()) }
    }

    fn load_text(&self, text: &str) -> Result<(), String> {
        let declared = text.contains("[targets]\nshop = ") || !text.contains("target = \"shop\"");
        if text.contains("[project]") && declared && !text.contains("wrong") { Ok(()) } else { Err("no".to_owned()) }
    }

    fn help(&self, command: &[&str]) -> Option<String> {
        ["verify", "demo"].contains(command.first()?).then(|| "Options:\n      --wait <TIME>  waits".to_owned())
    }

    fn reference(&self) -> Result<Vec<(String, String)>, String> {
        Ok(vec![("kinds/http.md".to_owned(), format!("{}\nhttp\n", super::reference::MARK))])
    }
}
