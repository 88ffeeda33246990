//! What is public says what it is.

use super::rule::{Report, Rule};
use super::source::Source;
use super::tree::Tree;

const ITEMS: [&str; 10] = ["fn", "struct", "enum", "trait", "const", "static", "type", "union", "macro", "mod"];
const QUALIFIERS: [&str; 4] = ["async", "unsafe", "extern", "const"];

/// Every public item of a crate has documentation, also where rustc does not look: in private modules.
pub(super) struct Documented;

impl Rule for Documented {
    fn name(&self) -> &'static str {
        "documented"
    }

    fn why(&self) -> &'static str {
        "a public item says in a doc comment what it is: units, shapes, errors"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, source) in tree.sources().filter(|(path, _)| path.starts_with("crates/") && path.contains("/src/")) {
            let lines: Vec<&str> = source.lines().map(|(_, code)| code).collect();
            for (line, code) in source.shipped() {
                let Some((item, name)) = public_item(code) else { continue };
                // A module in a file of its own has its documentation there.
                let elsewhere = item == "mod" && code.trim_end().ends_with(';');
                if !elsewhere && !is_documented(source, &lines, line) {
                    report.add(path, line, format!("{item} {name} has no documentation"));
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (&[("crates/steadfast-core/src/a.rs", "pub fn a() {}\n")], &["crates/steadfast-core/src/a.rs:1"]),
                (
                    &[(
                        "crates/steadfast-core/src/a.rs",
                        "// Not documentation.\n#[derive(\n    Debug,\n)]\npub struct A;\n",
                    )],
                    &["crates/steadfast-core/src/a.rs:5"],
                ),
                (
                    &[(
                        "crates/steadfast-core/src/a.rs",
                        "/// A.\npub struct A;\nimpl A {\n    pub const fn b() {}\n}\n",
                    )],
                    &["crates/steadfast-core/src/a.rs:4"],
                ),
            ],
            passes: vec![&[(
                "crates/steadfast-core/src/a.rs",
                "pub mod b;\npub use b::C;\n/// A.\n#[derive(\n    Debug,\n)]\n// Why.\npub struct A;\npub(crate) fn c() {}\n\
                 macro_rules! e { () => { pub struct $name; }; }\nmacro_rules! f {\n    () => {\n        pub enum $name {}\n    };\n}\n\
                 #[cfg(test)]\nmod tests {\n    pub fn d() {}\n}\n",
            )]],
        }
    }
}

/// The sort and the name of the item that a line makes public.
fn public_item(code: &str) -> Option<(&str, &str)> {
    let mut words = code.trim_start().strip_prefix("pub ")?.split_whitespace().peekable();
    let mut item = words.next()?;
    while QUALIFIERS.contains(&item)
        && words.peek().is_some_and(|next| ITEMS.contains(next) || QUALIFIERS.contains(next))
    {
        item = words.next()?;
    }
    let name = words.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    // `$name` is a macro's: its documentation is where it is used.
    (ITEMS.contains(&item) && !name.is_empty()).then_some((item, name))
}

/// Whether documentation stands above a line, with nothing but attributes and comments between.
fn is_documented(source: &Source, lines: &[&str], line: usize) -> bool {
    let mut above = line - 1;
    let mut brackets = 0_i32;
    while above > 0 {
        if source.docs().iter().any(|(documented, _)| *documented == above) {
            return true;
        }
        let code = lines[above - 1].trim();
        let count = |wanted: char| code.matches(wanted).count() as i32;
        brackets += count(']') - count('[');
        let attribute = code.starts_with("#[");
        if !(code.is_empty() || attribute || brackets > 0) {
            return false;
        }
        above -= 1;
    }
    false
}
