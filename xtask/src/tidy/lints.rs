//! The workspace's lints hold everywhere.

use toml::{Table, Value};

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

/// Rooms inherit the workspace's lints, developers' packages keep `missing_docs`, and nobody lets it go.
pub(super) struct Lints;

impl Rule for Lints {
    fn name(&self) -> &'static str {
        "lints"
    }

    fn why(&self) -> &'static str {
        "a crate has `[lints] workspace = true`; a developer's package at least `[lints.rust] missing_docs`"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, text) in tree.manifests() {
            let manifest: Table = text.parse().unwrap_or_default();
            let lints = manifest.get("lints").and_then(Value::as_table);
            let inherits = lints.is_some_and(|lints| lints.get("workspace") == Some(&Value::Boolean(true)));
            let documents = lints
                .and_then(|lints| lints.get("rust")?.get("missing_docs")?.as_str())
                .is_some_and(|level| matches!(level, "warn" | "deny" | "forbid"));
            if path.starts_with("crates/") && !inherits {
                report.add(path, 1, "lacks `[lints] workspace = true`");
            } else if !inherits && !documents {
                report.add(path, 1, "has neither `[lints] workspace = true` nor `missing_docs` in `[lints.rust]`");
            }
        }
        for (path, source) in tree.sources() {
            for (line, code) in source.lines() {
                if code.contains("#![") && mentions(code, "missing_docs") {
                    report.add(path, line, "turns `missing_docs` off for a whole file");
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (
                    &[("crates/steadfast-core/Cargo.toml", "[lints.rust]\nmissing_docs = \"warn\"\n")],
                    &["crates/steadfast-core/Cargo.toml:1"],
                ),
                (&[("xtask/Cargo.toml", "[lints.rust]\nmissing_docs = \"allow\"\n")], &["xtask/Cargo.toml:1"]),
                (
                    &[("crates/steadfast-core/src/lib.rs", "//! x\n#![expect(missing_docs)]\n")],
                    &["crates/steadfast-core/src/lib.rs:2"],
                ),
            ],
            passes: vec![&[
                ("crates/steadfast-core/Cargo.toml", "[lints]\nworkspace = true\n"),
                ("xtask/Cargo.toml", "[lints.rust]\nmissing_docs = \"warn\"\n"),
                ("crates/steadfast-core/src/lib.rs", "//! `#![allow(missing_docs)]` is not to be used\n"),
            ]],
        }
    }
}
