//! Tests wait for what they wait for.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

/// No `thread::sleep` in a test.
pub(super) struct SleepingTests;

impl Rule for SleepingTests {
    fn name(&self) -> &'static str {
        "sleeping_tests"
    }

    fn why(&self) -> &'static str {
        "a test waits on readiness, never on the clock: a sleep is too long on one machine and too short on another"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, source) in tree.sources() {
            for (line, code) in source.tested() {
                if mentions(code, "thread::sleep") {
                    report.add(path, line, "sleeps");
                }
            }
            let imports = source.uses().into_iter().filter(|(_, used)| used == "std::thread::sleep");
            let tested: Vec<usize> = source.tested().map(|(line, _)| line).collect();
            imports.filter(|(line, _)| tested.contains(line)).for_each(|(line, _)| report.add(path, line, "sleeps"));
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (
                    &[("crates/steadfast/tests/a.rs", "fn a() {\n    std::thread::sleep(x);\n}\n")],
                    &["crates/steadfast/tests/a.rs:2"],
                ),
                (
                    &[(
                        "crates/steadfast/src/a.rs",
                        "#[cfg(test)]\nmod tests {\n    use std::thread::{self, sleep};\n}\n",
                    )],
                    &["crates/steadfast/src/a.rs:3"],
                ),
            ],
            passes: vec![&[
                ("crates/steadfast/src/a.rs", "fn a() { std::thread::sleep(x); }\n"),
                ("crates/steadfast/tests/a.rs", "// thread::sleep\nfn a() { thread::spawn(x); }\n"),
            ]],
        }
    }
}
