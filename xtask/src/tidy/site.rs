//! The site has every page.

use std::collections::BTreeMap;

use super::rule::{Report, Rule};
use super::tree::Tree;
use crate::docs::contents::{FILE, INDEX, contents, left_out};

/// The contents in `docs/SUMMARY.md` are those of the pages, no page is missing there, and no link leads out of the site.
pub(super) struct Site;

impl Rule for Site {
    fn name(&self) -> &'static str {
        "site"
    }

    fn why(&self) -> &'static str {
        "docs/ is a site: docs/index.md lists every page, `cargo xtask docs` writes SUMMARY.md from it, links stay inside"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        let pages: BTreeMap<&str, &str> = tree
            .files()
            .filter_map(|(path, text)| Some((path.strip_prefix("docs/")?, text)))
            .filter(|(page, _)| page.ends_with(".md"))
            .collect();
        if pages.is_empty() {
            return;
        }
        for page in left_out(&pages) {
            report.add(
                &format!("docs/{page}"),
                1,
                format!("is on no list: not of docs/{INDEX}, nor of its folder's page"),
            );
        }
        let (is, ought) = (pages.get(FILE).copied().unwrap_or_default(), contents(&pages));
        if is != ought {
            let same = is.lines().zip(ought.lines()).take_while(|(is, ought)| is == ought).count();
            report.add(&format!("docs/{FILE}"), same + 1, "differs from the pages from here on");
        }
        for (page, text) in pages {
            let depth = page.matches('/').count();
            for (at, line) in text.lines().enumerate() {
                let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
                for (link, _) in links.filter(|(link, _)| link.matches("../").count() > depth) {
                    report.add(&format!("docs/{page}"), at + 1, format!("{link} leads out of the site"));
                }
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        const INDEX: &str = "# Shop\n\n## Use\n\n- [Kinds](kinds.md)\n";
        const KINDS: &str = "# Kinds\n[tcp](kinds/tcp.md)\n";
        const SUMMARY: &str = "<!-- Written by `cargo xtask docs` from docs/index.md: change it there. -->\n# Summary\n\n\
                               [Shop](index.md)\n\n# Use\n\n- [Kinds](kinds.md)\n  - [tcp](kinds/tcp.md)\n";
        super::suite::Exemplars {
            trips: vec![
                (&[("docs/index.md", INDEX), ("docs/kinds.md", "# Kinds\n")], &["docs/SUMMARY.md:1"]),
                (
                    &[
                        ("docs/SUMMARY.md", SUMMARY),
                        ("docs/index.md", INDEX),
                        ("docs/kinds.md", KINDS),
                        ("docs/kinds/tcp.md", "# tcp\n[up](../kinds.md) and [out](../../README.md)\n"),
                        ("docs/lost.md", "# Lost\n"),
                    ],
                    &["docs/kinds/tcp.md:2", "docs/lost.md:1"],
                ),
                (
                    &[
                        ("docs/SUMMARY.md", SUMMARY),
                        ("docs/index.md", INDEX),
                        ("docs/kinds.md", KINDS),
                        ("docs/kinds/tcp.md", "# TCP\n"),
                    ],
                    &["docs/SUMMARY.md:9"],
                ),
            ],
            passes: vec![
                &[
                    ("docs/SUMMARY.md", SUMMARY),
                    ("docs/index.md", INDEX),
                    ("docs/kinds.md", KINDS),
                    ("docs/kinds/tcp.md", "# tcp\n[up](../kinds.md)\n"),
                ],
                &[("README.md", "[out](../x.md)\n")],
            ],
        }
    }
}
