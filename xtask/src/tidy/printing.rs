//! Only programs print.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

const MACROS: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];

/// No printing in a library.
pub(super) struct Printing;

impl Rule for Printing {
    fn name(&self) -> &'static str {
        "printing"
    }

    fn why(&self) -> &'static str {
        "a library does not print: it returns a value or sends progress, and the binary renders it"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, source) in tree.sources() {
            let library =
                path.starts_with("crates/") && path.contains("/src/") && !path.starts_with("crates/steadfast/");
            for (line, code) in source.shipped().filter(|_| library) {
                MACROS
                    .iter()
                    .filter(|name| mentions(code, name))
                    .for_each(|name| report.add(path, line, format!("prints with {name}")));
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![(
                &[(
                    "crates/steadfast-engine/src/run.rs",
                    "fn a() {\n    println!();\n    eprint!(\"\");\n    dbg!(1);\n}\n",
                )],
                &[
                    "crates/steadfast-engine/src/run.rs:2",
                    "crates/steadfast-engine/src/run.rs:3",
                    "crates/steadfast-engine/src/run.rs:4",
                ],
            )],
            passes: vec![&[
                ("crates/steadfast/src/main.rs", "fn a() { println!(); }\n"),
                ("xtask/src/main.rs", "fn a() { println!(); }\n"),
                ("crates/steadfast-engine/build.rs", "fn main() { println!(); }\n"),
                ("crates/steadfast-engine/src/run.rs", "fn a() { writeln!(out); /* println!() */ }\n"),
            ]],
        }
    }
}
