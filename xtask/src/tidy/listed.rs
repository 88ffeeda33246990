//! Nothing is written and then forgotten.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

/// An extension point: the folder whose files are its members, the file that lists them, and the list's name.
const LISTS: &[(&str, &str, &str)] =
    &[("crates/steadfast-checks/src/kinds/", "crates/steadfast-checks/src/kinds.rs", "KINDS")];

/// Each kind's file is a line in the list of kinds.
pub(super) struct Listed;

impl Rule for Listed {
    fn name(&self) -> &'static str {
        "listed"
    }

    fn why(&self) -> &'static str {
        "a kind that is not in KINDS is known to nobody: not to the configuration, the suite or the manual"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (folder, list_file, list) in LISTS {
            let members: Vec<&str> = tree
                .sources()
                .filter_map(|(path, _)| path.strip_prefix(folder)?.strip_suffix(".rs"))
                .filter(|member| !member.contains('/'))
                .collect();
            let source = tree.sources().find(|(path, _)| path == list_file).map(|(_, source)| source);
            let entries: String = source
                .into_iter()
                .flat_map(|source| source.shipped())
                .map(|(_, code)| code)
                .skip_while(|code| !(mentions(code, list) && (mentions(code, "static") || mentions(code, "const"))))
                .take_while(|code| !code.trim_end().ends_with("];"))
                .chain(source.into_iter().flat_map(|source| last_line_of(source, list)))
                .flat_map(|code| [code, "\n"])
                .collect();
            for member in members {
                if !mentions(&entries, &format!("{member}::")) {
                    report.add(&format!("{folder}{member}.rs"), 1, format!("is not in {list} of {list_file}"));
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (
                    &[
                        (
                            "crates/steadfast-checks/src/kinds.rs",
                            "mod http;\nmod tls;\nuse tls::Tls;\npub static KINDS: &[&dyn AnyKind] = &[\n    &http::Http,\n    // &tls::Tls,\n];\n",
                        ),
                        ("crates/steadfast-checks/src/kinds/http.rs", ""),
                        ("crates/steadfast-checks/src/kinds/tls.rs", ""),
                    ],
                    &["crates/steadfast-checks/src/kinds/tls.rs:1"],
                ),
                (&[("crates/steadfast-checks/src/kinds/dns.rs", "")], &["crates/steadfast-checks/src/kinds/dns.rs:1"]),
            ],
            passes: vec![
                &[
                    (
                        "crates/steadfast-checks/src/kinds.rs",
                        "mod http;\npub static KINDS: &[&dyn AnyKind] = &[\n    &http::Http,\n];\n",
                    ),
                    ("crates/steadfast-checks/src/kinds/http.rs", ""),
                    ("crates/steadfast-checks/src/kinds/http/sweep.rs", ""),
                ],
                &[
                    (
                        "crates/steadfast-checks/src/kinds.rs",
                        "pub static KINDS: [&dyn K; 1] = [&Of::<http::Http>::NEW];\n",
                    ),
                    ("crates/steadfast-checks/src/kinds/http.rs", ""),
                ],
            ],
        }
    }
}

/// The line that closes the list: it may hold entries too.
fn last_line_of<'a>(source: &'a super::source::Source, list: &str) -> Option<&'a str> {
    let mut lines = source.shipped().map(|(_, code)| code);
    let opens = |code: &&str| mentions(code, list) && (mentions(code, "static") || mentions(code, "const"));
    let first = lines.find(opens)?;
    std::iter::once(first).chain(lines).find(|code| code.trim_end().ends_with("];"))
}
