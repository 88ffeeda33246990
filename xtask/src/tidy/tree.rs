//! The files of the work tree, as text in memory, so that a rule is a function of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::product::Product;
use super::source::Source;

/// Files by their path from the root, with `/` between the parts.
pub(super) struct Tree {
    files: BTreeMap<String, String>,
    sources: BTreeMap<String, Source>,
    product: Box<dyn Product>,
}

impl Tree {
    /// Reads what could be committed: text files, but for build output and hidden folders that are not ours.
    pub(super) fn read(root: &Path, product: Box<dyn Product>) -> Result<Tree, String> {
        let mut files = BTreeMap::new();
        walk(root, "", &mut files)?;
        Ok(Tree::of(files, product))
    }

    /// A tree of these files.
    pub(super) fn of(files: BTreeMap<String, String>, product: Box<dyn Product>) -> Tree {
        let sources = files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path.clone(), Source::of(path, text)))
            .collect();
        Tree { files, sources, product }
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// One file's text.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every file with its text.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust file, lexed.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources.iter().map(|(path, source)| (path.as_str(), source))
    }

    /// The Rust files of one crate's `src/`, lexed.
    pub(super) fn sources_of(&self, package: &str) -> impl Iterator<Item = (&str, &Source)> {
        let folder = format!("crates/{package}/src/");
        self.sources().filter(move |(path, _)| path.starts_with(&folder))
    }

    /// Every `Cargo.toml` but the root's. A workspace of its own (cargo-fuzz asks for one) is no member of ours.
    pub(super) fn manifests(&self) -> impl Iterator<Item = (&str, &str)> {
        let member = |text: &str| !text.lines().any(|line| line.trim() == "[workspace]");
        self.files().filter(move |(path, text)| path.ends_with("/Cargo.toml") && member(text))
    }

    /// The binary as it is built.
    pub(super) fn product(&self) -> &dyn Product {
        &*self.product
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|why| format!("cannot list {}: {why}", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|why| format!("cannot list {}: {why}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(|why| format!("cannot look at {path}: {why}"))?;
        if kind.is_dir() {
            let hidden = name.starts_with('.') && !matches!(name.as_str(), ".ci" | ".cargo" | ".config");
            if !hidden && !name.starts_with("target") && name != "node_modules" {
                walk(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).map_err(|why| format!("cannot read {path}: {why}"))?;
            // A binary fixture has nothing for a rule to read.
            if let Ok(text) = String::from_utf8(bytes) {
                files.insert(path, text);
            }
        }
    }
    Ok(())
}
