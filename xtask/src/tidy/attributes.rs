//! No lint is silenced for good, and no test is skipped.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

/// No `#[allow]` and no `#[ignore]`.
pub(super) struct Attributes;

impl Rule for Attributes {
    fn name(&self) -> &'static str {
        "attributes"
    }

    fn why(&self) -> &'static str {
        "`#[expect(lint, reason = \"...\")]` tells when it is no longer needed, `#[allow]` never; no test is `#[ignore]`d"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, source) in tree.sources() {
            for (line, code) in source.lines() {
                let attribute = code.contains("#[") || code.contains("#![");
                if attribute && (mentions(code, "allow(")) {
                    report.add(path, line, "`allow`: say `#[expect(..., reason = \"...\")]`");
                }
                if attribute && mentions(code, "ignore") && code.trim_start().starts_with("#[ignore") {
                    report.add(path, line, "`#[ignore]`: a test that does not run proves nothing");
                }
                if attribute && mentions(code, "expect(") && !mentions(whole_attribute(source, line).as_str(), "reason")
                {
                    report.add(path, line, "`#[expect]` without a reason");
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![(
                &[(
                    "crates/steadfast-core/src/a.rs",
                    "#[allow(dead_code)]\nfn a() {}\n#[ignore = \"slow\"]\n#[test]\nfn b() {}\n\
                     #[cfg_attr(x, allow(y))]\nfn c() {}\n#[expect(dead_code)]\nfn d() {}\n",
                )],
                &[
                    "crates/steadfast-core/src/a.rs:1",
                    "crates/steadfast-core/src/a.rs:3",
                    "crates/steadfast-core/src/a.rs:6",
                    "crates/steadfast-core/src/a.rs:8",
                ],
            )],
            passes: vec![&[(
                "crates/steadfast-core/src/a.rs",
                "#[expect(dead_code, reason = \"why\")]\nfn a() { allow(1); }\n\
                 #[expect(\n    dead_code,\n    reason = \"why\"\n)]\nfn b() { x.expect(\"y\"); }\n",
            )]],
        }
    }
}

/// The code of an attribute from its line to the bracket that closes it.
fn whole_attribute(source: &super::source::Source, line: usize) -> String {
    let mut whole = String::new();
    for (_, code) in source.lines().skip(line - 1) {
        whole.push_str(code);
        if whole.matches('[').count() <= whole.matches(']').count() {
            break;
        }
    }
    whole
}
