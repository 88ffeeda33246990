//! A file is named after its one subject.

use super::rule::{Report, Rule};
use super::tree::Tree;

/// What a file is called that has no subject.
const NOTHING: [&str; 12] = [
    "util",
    "utils",
    "utility",
    "utilities",
    "helper",
    "helpers",
    "common",
    "manager",
    "managers",
    "misc",
    "shared",
    "mod",
];

/// No `mod.rs`, no `util.rs`.
pub(super) struct FileNames;

impl Rule for FileNames {
    fn name(&self) -> &'static str {
        "file_names"
    }

    fn why(&self) -> &'static str {
        "a file or folder of code is named after its one subject; a module is foo.rs + foo/, never foo/mod.rs"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, _) in tree.sources() {
            let parts = path.strip_suffix(".rs").unwrap_or(path).split('/');
            if let Some(name) = parts.into_iter().find(|part| NOTHING.contains(part)) {
                report.add(path, 1, format!("`{name}` says nothing"));
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![(
                &[
                    ("crates/steadfast/src/commands/mod.rs", ""),
                    ("crates/steadfast/src/helpers.rs", ""),
                    ("scenarios/tests/common/a.rs", ""),
                ],
                &[
                    "crates/steadfast/src/commands/mod.rs:1",
                    "crates/steadfast/src/helpers.rs:1",
                    "scenarios/tests/common/a.rs:1",
                ],
            )],
            passes: vec![&[("crates/steadfast/src/commands.rs", ""), ("crates/steadfast/src/common_name.rs", "")]],
        }
    }
}
