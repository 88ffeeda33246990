//! The core decides and does nothing else.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

/// What has an effect or a clock in it. `std::process::ExitCode` and `std::net::IpAddr` are values and may be used.
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::env",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "std::process::Command",
    "std::process::exit",
    "std::thread",
    "tokio",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "UNIX_EPOCH.elapsed",
    ".canonicalize(",
    ".read_dir(",
    ".try_exists(",
    ".is_file(",
    ".is_dir(",
];

/// No I/O, no clock, no runtime in `steadfast-core`.
pub(super) struct PureCore;

impl Rule for PureCore {
    fn name(&self) -> &'static str {
        "pure_core"
    }

    fn why(&self) -> &'static str {
        "steadfast-core has no I/O and no clock: what it needs to know arrives as a value or through World"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, source) in tree.sources_of("steadfast-core") {
            for (line, code) in source.shipped() {
                EFFECTS
                    .iter()
                    .filter(|effect| mentions(code, effect))
                    .for_each(|effect| report.add(path, line, format!("uses {effect}")));
            }
            for (line, used) in source.uses() {
                let reaches = |effect: &&&str| used == **effect || used.starts_with(&format!("{effect}::"));
                let shipped = source.shipped().any(|(shipped, _)| shipped == line);
                for effect in EFFECTS.iter().filter(reaches).filter(|_| shipped) {
                    report.add(path, line, format!("uses {effect}"));
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (
                    &[("crates/steadfast-core/src/a.rs", "use std::{collections::BTreeMap, fs};\n")],
                    &["crates/steadfast-core/src/a.rs:1"],
                ),
                (
                    &[(
                        "crates/steadfast-core/src/a.rs",
                        "fn a() {\n    let now = jiff::Timestamp::now();\n    std::env::var(\"A\");\n}\n",
                    )],
                    &["crates/steadfast-core/src/a.rs:2", "crates/steadfast-core/src/a.rs:3"],
                ),
                (
                    &[("crates/steadfast-core/src/a/b.rs", "use tokio::sync::Mutex;\n")],
                    &["crates/steadfast-core/src/a/b.rs:1"],
                ),
            ],
            passes: vec![&[
                (
                    "crates/steadfast-core/src/a.rs",
                    "//! Never std::fs.\nuse std::process::ExitCode;\nuse std::net::IpAddr;\n\
                     #[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
                ),
                ("crates/steadfast-probe/src/a.rs", "use std::fs;\n"),
            ]],
        }
    }
}
