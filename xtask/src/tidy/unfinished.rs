//! What is there is done.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

const MARKS: [&str; 2] = ["todo!", "unimplemented!"];

/// No place-holder for code.
pub(super) struct Unfinished;

impl Rule for Unfinished {
    fn name(&self) -> &'static str {
        "unfinished"
    }

    fn why(&self) -> &'static str {
        "no todo! and no unimplemented!: what is not built is not offered"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, source) in tree.sources() {
            for (line, code) in source.lines() {
                MARKS.iter().filter(|mark| mentions(code, mark)).for_each(|mark| report.add(path, line, *mark));
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![(
                &[("xtask/src/a.rs", "fn a() {\n    todo!()\n}\nfn b() { unimplemented!() }\n")],
                &["xtask/src/a.rs:2", "xtask/src/a.rs:4"],
            )],
            passes: vec![&[("xtask/src/a.rs", "// todo!()\nfn a() { let s = \"todo!()\"; not_todo!(); }\n")]],
        }
    }
}
