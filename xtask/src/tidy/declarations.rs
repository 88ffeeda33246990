//! `lib.rs` is a table of contents.

use super::rule::{Report, Rule};
use super::tree::Tree;

const LOGIC: [&str; 6] = ["fn ", "impl ", "struct ", "enum ", "trait ", "impl<"];

/// A `lib.rs` declares and re-exports.
pub(super) struct Declarations;

impl Rule for Declarations {
    fn name(&self) -> &'static str {
        "declarations"
    }

    fn why(&self) -> &'static str {
        "lib.rs declares modules and re-exports: what a file holds is found by its name"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, source) in tree.sources().filter(|(path, _)| path.ends_with("/src/lib.rs")) {
            for (line, code) in source.shipped() {
                let code = code.trim_start();
                let code = code.strip_prefix("pub ").or_else(|| code.strip_prefix("pub(crate) ")).unwrap_or(code);
                if LOGIC.iter().any(|logic| code.starts_with(logic)) {
                    report.add(path, line, "belongs into a file of its own");
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![(
                &[("crates/steadfast-core/src/lib.rs", "//! x\npub mod a;\npub struct A;\nfn a() {}\n")],
                &["crates/steadfast-core/src/lib.rs:3", "crates/steadfast-core/src/lib.rs:4"],
            )],
            passes: vec![&[(
                "crates/steadfast-core/src/lib.rs",
                "//! x\n#![doc = \"x\"]\npub mod a;\nmod b;\npub use b::{C, D};\n/// fn a\npub const E: u8 = 1;\n",
            )]],
        }
    }
}
