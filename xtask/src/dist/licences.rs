//! Whose work is in the binary beside ours, under which licences, and their texts: most ask that these go with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build::{Linking, Plan, said};
use crate::workspace::Workspace;

/// How the files begin in which a package brings its terms.
const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];

/// Where Debian keeps the text that glibc's terms ask for.
const LGPL: &str = "/usr/share/common-licenses/LGPL-2.1";

/// A library in the binary.
#[derive(Debug)]
struct Library {
    /// Its name and version.
    name: String,
    /// SPDX.
    terms: String,
    /// Where it comes from.
    source: String,
    /// The files of its terms.
    texts: Vec<String>,
}

/// The document.
pub(super) fn document(workspace: &Workspace, plan: &Plan) -> Result<String, String> {
    let mut libraries = crates(workspace, plan)?;
    libraries.push(c_library(plan.linking));
    libraries.push(Library {
        name: format!("the standard library of {}", said("rustc", &["--version"], &workspace.root)?.trim()),
        terms: "MIT OR Apache-2.0".to_owned(),
        source: "https://github.com/rust-lang/rust".to_owned(),
        texts: Vec::new(),
    });
    Ok(written(&libraries))
}

/// What cargo links into the binary on this target, in the order of their names.
fn crates(workspace: &Workspace, plan: &Plan) -> Result<Vec<Library>, String> {
    let cargo = |arguments: &[&str]| said(env!("CARGO"), arguments, &workspace.root);
    let tree = cargo(&[
        "tree",
        "--locked",
        "--package",
        "steadfast",
        "--edges",
        "normal,no-proc-macro",
        "--target",
        &plan.target,
        "--prefix",
        "none",
        "--format",
        "{p}",
    ])?;
    // `serde v1.0.228`, and behind it `(*)` where it was there before.
    let linked: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let metadata = cargo(&["metadata", "--locked", "--format-version", "1", "--filter-platform", &plan.target])?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|why| format!("cargo metadata is no JSON: {why}"))?;
    let mut libraries = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let (name, version) = (text("name"), text("version"));
        // What has no source is a room of this workspace.
        if package["source"].is_null() || !linked.contains(&(name, version)) {
            continue;
        }
        let folder = Path::new(text("manifest_path")).parent().unwrap_or(Path::new("."));
        let trouble = |why| format!("{} cannot be read: {why}", folder.display());
        let library = Library {
            name: format!("{name} {version}"),
            terms: text("license").to_owned(),
            source: text("repository").to_owned(),
            texts: texts(folder).map_err(trouble)?,
        };
        if library.terms.is_empty() && library.texts.is_empty() {
            return Err(format!("{} says nowhere under which terms it may be shipped", library.name));
        }
        libraries.push(library);
    }
    libraries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(libraries)
}

/// The terms that a package brings, its own and those of sources in another language that it carries in a folder.
fn texts(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
    }
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        NAMES.iter().any(|known| name.starts_with(known)) && !name.ends_with(".rs")
    });
    files.sort();
    files.iter().map(|file| Ok(String::from_utf8_lossy(&fs::read(file)?).into_owned())).collect()
}

fn c_library(linking: Linking) -> Library {
    match linking {
        Linking::Musl => Library {
            name: "musl".to_owned(),
            terms: "MIT".to_owned(),
            source: "https://musl.libc.org".to_owned(),
            texts: Vec::new(),
        },
        Linking::GlibcWithoutTarget | Linking::GlibcWithoutCompiler => Library {
            name: "the GNU C Library".to_owned(),
            terms: "LGPL-2.1-or-later; to link it again with another one, build Steadfast from its source".to_owned(),
            source: "https://sourceware.org/glibc".to_owned(),
            texts: fs::read_to_string(LGPL).into_iter().collect(),
        },
    }
}

/// A list of all, then each text once, under the names of those who bring it.
fn written(libraries: &[Library]) -> String {
    let mut document = "What is in the binary beside Steadfast itself, and under which terms.\n\n".to_owned();
    let mut by_text: BTreeMap<Vec<&str>, (&str, Vec<&str>)> = BTreeMap::new();
    for library in libraries {
        // Writing into a String does not fail.
        let _ = writeln!(document, "{}\n    {}\n    {}", library.name, library.terms, library.source);
        for text in &library.texts {
            // Lines that are broken elsewhere, or end otherwise, make no other text of it.
            let (_, names) = by_text.entry(text.split_whitespace().collect()).or_insert_with(|| (text, Vec::new()));
            if names.last() != Some(&library.name.as_str()) {
                names.push(&library.name);
            }
        }
    }
    let mut texts: Vec<(&str, Vec<&str>)> = by_text.into_values().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (text, names) in texts {
        let _ = write!(document, "\n{}\n{}\n\n{}\n", "=".repeat(80), names.join(", "), text.trim());
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, texts: &[&str]) -> Library {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Library { name: name.to_owned(), terms: "MIT".to_owned(), source: "https://shop.example".to_owned(), texts }
    }

    #[test]
    fn a_text_stands_once_under_all_who_bring_it() {
        let written = written(&[
            library("a 1.0.0", &["Be kind,\nplease.\n"]),
            library("b 2.0.0", &["Be kind, please.", "Say who wrote it."]),
            library("c 3.0.0", &[]),
        ]);
        let line = "=".repeat(80);
        assert_eq!(
            written,
            format!(
                "What is in the binary beside Steadfast itself, and under which terms.\n\n\
                 a 1.0.0\n    MIT\n    https://shop.example\nb 2.0.0\n    MIT\n    https://shop.example\n\
                 c 3.0.0\n    MIT\n    https://shop.example\n\n\
                 {line}\na 1.0.0, b 2.0.0\n\nBe kind,\nplease.\n\n{line}\nb 2.0.0\n\nSay who wrote it.\n"
            )
        );
    }

    #[test]
    fn terms_are_found_beside_the_manifest_and_one_folder_down() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("zstd/lib")).expect("folders");
        for (path, text) in [
            ("LICENSE-MIT", "1"),
            ("Copying", "2"),
            ("license.rs", "code"),
            ("README", "x"),
            ("zstd/LICENSE", "3"),
            ("zstd/lib/LICENSE", "too deep"),
        ] {
            fs::write(folder.path().join(path), text).expect("written");
        }
        assert_eq!(texts(folder.path()).expect("read"), ["2", "1", "3"]);
    }
}
