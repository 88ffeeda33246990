//! One place for versions.

use toml::{Table, Value};

use super::rule::{Report, Rule};
use super::tree::Tree;

/// A crate's manifest names what it uses; which version that is stands in the root's.
pub(super) struct Versions;

impl Rule for Versions {
    fn name(&self) -> &'static str {
        "versions"
    }

    fn why(&self) -> &'static str {
        "versions stand in the root Cargo.toml alone: a crate says `foo.workspace = true`"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, text) in tree.manifests() {
            let manifest: Table = match text.parse() {
                Ok(manifest) => manifest,
                Err(why) => {
                    report.add(path, 1, format!("cannot be read: {why}"));
                    continue;
                }
            };
            for (_, used, inherited) in dependencies(&manifest) {
                if !inherited {
                    report.add(path, line_of(text, &used), format!("{used} has a version of its own"));
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (&[("xtask/Cargo.toml", "[dependencies]\nserde = \"1\"\n")], &["xtask/Cargo.toml:2"]),
                (
                    &[("bench/http/Cargo.toml", "[dev-dependencies]\nserde = { version = \"1\" }\n")],
                    &["bench/http/Cargo.toml:2"],
                ),
            ],
            passes: vec![&[
                ("xtask/Cargo.toml", "[dependencies]\nserde = { workspace = true, features = [\"rc\"] }\n"),
                ("crates/a/Cargo.toml", "[dev-dependencies]\na = { path = \".\", features = [\"b\"] }\n"),
                ("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"\n"),
            ]],
        }
    }
}

/// Every dependency of a manifest: its section, the package's name, and whether it leaves the version to the workspace.
pub(super) fn dependencies(manifest: &Table) -> Vec<(&'static str, String, bool)> {
    const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let holders = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let mut found = Vec::new();
    for (holder, section) in holders.flat_map(|holder| SECTIONS.map(|section| (holder, section))) {
        for (name, how) in holder.get(section).and_then(Value::as_table).into_iter().flatten() {
            let package = how.get("package").and_then(Value::as_str).unwrap_or(name);
            let inherited = how.get("workspace").and_then(Value::as_bool).unwrap_or(false);
            // A crate's tests may ask for more of its own features, by its path.
            let itself = how.get("path").is_some() && how.get("version").is_none();
            found.push((section, package.to_owned(), inherited || itself));
        }
    }
    found
}

/// The line on which a manifest first names a package outside its own `name`.
pub(super) fn line_of(manifest: &str, package: &str) -> usize {
    let names = |line: &str| !line.starts_with("name") && super::source::mentions(line, package);
    let exact = |line: &str| {
        let rest = line.split_once(package).map(|(_, rest)| rest).unwrap_or_default();
        names(line) && !rest.starts_with('-')
    };
    manifest.lines().position(exact).map_or(1, |at| at + 1)
}
