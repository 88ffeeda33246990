//! Every library has a reason.

use toml::{Table, Value};

use super::rule::{Report, Rule};
use super::tree::Tree;
use super::versions::line_of;

const TABLE: &str = "ARCHITECTURE.md";

/// Each entry of `[workspace.dependencies]` that is not ours has a line in the table of libraries.
pub(super) struct Libraries;

impl Rule for Libraries {
    fn name(&self) -> &'static str {
        "libraries"
    }

    fn why(&self) -> &'static str {
        "a library is chosen for a reason: its line in ARCHITECTURE.md, Libraries, gives it"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        let Some(text) = tree.text("Cargo.toml") else { return };
        let manifest: Table = text.parse().unwrap_or_default();
        let lines = tree.text(TABLE).unwrap_or_default().lines();
        let reasons: Vec<&str> = lines.filter_map(|line| line.strip_prefix("| ")?.split('|').next()).collect();
        let shared = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
        for name in shared.and_then(Value::as_table).into_iter().flat_map(Table::keys) {
            let ours = name.starts_with("steadfast-") || ["scenarios", "xtask"].contains(&name.as_str());
            if !ours && !reasons.iter().any(|cell| cell.contains(&format!("`{name}`"))) {
                report.add("Cargo.toml", line_of(text, name), format!("{name} has no line in {TABLE}, Libraries"));
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![(
                &[
                    ("Cargo.toml", "[workspace.dependencies]\nhyper = \"1\"\nhyper-util = \"1\"\n"),
                    ("ARCHITECTURE.md", "| `hyper` | needs `hyper-util` |\n"),
                ],
                &["Cargo.toml:3"],
            )],
            passes: vec![&[
                (
                    "Cargo.toml",
                    "[workspace.dependencies]\nhyper = \"1\"\nhyper-util = \"1\"\nsteadfast-core = { path = \"x\" }\n",
                ),
                ("ARCHITECTURE.md", "| `hyper`, `hyper-util` | timings |\n"),
            ]],
        }
    }
}
