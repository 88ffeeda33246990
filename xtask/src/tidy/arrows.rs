//! Who may use whom.

use toml::Table;

use super::rule::{Report, Rule};
use super::tree::Tree;
use super::versions;

/// For each room of `crates/` the rooms that it may use. What stands alone may use none, not even in its tests.
const ARROWS: &[(&str, &[&str])] = &[
    ("steadfast-core", &[]),
    ("steadfast-sqlite", &[]),
    ("steadfast-contract", &[]),
    ("steadfast-config", &["steadfast-core", "steadfast-postgres"]),
    ("steadfast-postgres", &["steadfast-core"]),
    ("steadfast-probe", &["steadfast-core", "steadfast-postgres"]),
    ("steadfast-vault", &["steadfast-core"]),
    ("steadfast-ledger", &["steadfast-core", "steadfast-postgres"]),
    (
        "steadfast-checks",
        &[
            "steadfast-core",
            "steadfast-probe",
            "steadfast-postgres",
            "steadfast-sqlite",
            "steadfast-contract",
            "steadfast-vault",
        ],
    ),
    ("steadfast-engine", &["steadfast-core", "steadfast-probe", "steadfast-vault", "steadfast-ledger"]),
    ("steadfast-web", &["steadfast-core", "steadfast-ledger"]),
];

/// These can be taken out and published by themselves.
const STAND_ALONE: &[&str] = &["steadfast-sqlite", "steadfast-contract"];

/// The binary, which uses everything.
const BINARY: &str = "steadfast";

/// A crate uses only what is below it.
pub(super) struct Arrows;

impl Rule for Arrows {
    fn name(&self) -> &'static str {
        "arrows"
    }

    fn why(&self) -> &'static str {
        "a crate uses only what is below it (ARCHITECTURE.md, Arrows)"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, text) in tree.manifests() {
            let Some(room) = path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml")) else {
                // Developers' packages may use everything.
                continue;
            };
            let manifest: Table = match text.parse() {
                Ok(manifest) => manifest,
                Err(why) => {
                    report.add(path, 1, format!("cannot be read: {why}"));
                    continue;
                }
            };
            if room == BINARY {
                continue;
            }
            let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
                report.add(path, 1, format!("{room} is a new room: give it its arrows in xtask/src/tidy/arrows.rs"));
                continue;
            };
            for (section, used, _) in versions::dependencies(&manifest) {
                let ours = used == BINARY || used == "xtask" || used.starts_with("steadfast-");
                let free = section == "dev-dependencies" && !STAND_ALONE.contains(&room);
                if ours && !free && !allowed.contains(&used.as_str()) {
                    let may = if allowed.is_empty() { "none of ours".to_owned() } else { allowed.join(", ") };
                    report.add(path, versions::line_of(text, &used), format!("{room} uses {used}; it may use {may}"));
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (
                    &[("crates/steadfast-core/Cargo.toml", "[dependencies]\nsteadfast-probe.workspace = true\n")],
                    &["crates/steadfast-core/Cargo.toml:2"],
                ),
                (
                    &[(
                        "crates/steadfast-engine/Cargo.toml",
                        "[target.'cfg(unix)'.dependencies]\nsteadfast-checks = { workspace = true }\n",
                    )],
                    &["crates/steadfast-engine/Cargo.toml:2"],
                ),
                (
                    &[(
                        "crates/steadfast-config/Cargo.toml",
                        "[dependencies.other-name]\npackage = \"steadfast-checks\"\nworkspace = true\n",
                    )],
                    &["crates/steadfast-config/Cargo.toml:2"],
                ),
                (
                    &[("crates/steadfast-sqlite/Cargo.toml", "[dev-dependencies]\nsteadfast-core.workspace = true\n")],
                    &["crates/steadfast-sqlite/Cargo.toml:2"],
                ),
                (&[("crates/steadfast-new/Cargo.toml", "[dependencies]\n")], &["crates/steadfast-new/Cargo.toml:1"]),
            ],
            passes: vec![
                &[
                    ("crates/steadfast-engine/Cargo.toml", "[dependencies]\nsteadfast-ledger.workspace = true\n"),
                    ("crates/steadfast/Cargo.toml", "[dependencies]\nsteadfast-checks.workspace = true\n"),
                    ("bench/http/Cargo.toml", "[dependencies]\nsteadfast-checks.workspace = true\n"),
                ],
                &[("crates/steadfast-engine/Cargo.toml", "[dev-dependencies]\nsteadfast-checks.workspace = true\n")],
            ],
        }
    }
}
