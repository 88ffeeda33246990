//! Time arrives in the World.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

const ROOMS: [&str; 2] = ["steadfast-engine", "steadfast-checks"];
const CLOCKS: [&str; 4] = ["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"];

/// No clock of their own in the engine and the kinds.
pub(super) struct Clocks;

impl Rule for Clocks {
    fn name(&self) -> &'static str {
        "clocks"
    }

    fn why(&self) -> &'static str {
        "the engine and the kinds take the time from World.clock, so that a test or a replay can give another"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, source) in ROOMS.iter().flat_map(|room| tree.sources_of(room)) {
            for (line, code) in source.shipped() {
                CLOCKS
                    .iter()
                    .filter(|clock| mentions(code, clock))
                    .for_each(|clock| report.add(path, line, format!("reads {clock}")));
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (
                    &[("crates/steadfast-engine/src/run.rs", "fn a() {\n    std::time::Instant::now();\n}\n")],
                    &["crates/steadfast-engine/src/run.rs:2"],
                ),
                (
                    &[("crates/steadfast-checks/src/kinds/tls.rs", "fn a() { Timestamp::now() }\n")],
                    &["crates/steadfast-checks/src/kinds/tls.rs:1"],
                ),
            ],
            passes: vec![&[
                (
                    "crates/steadfast-engine/src/run.rs",
                    "// not Instant::now\n#[cfg(test)]\nmod tests {\n    fn a() { Instant::now(); }\n}\n",
                ),
                ("crates/steadfast-engine/tests/run.rs", "fn a() { SystemTime::now(); }\n"),
                ("crates/steadfast-probe/src/system.rs", "fn a() { Instant::now(); }\n"),
            ]],
        }
    }
}
