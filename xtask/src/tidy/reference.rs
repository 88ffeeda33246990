//! The reference documentation is what the code says.

use super::rule::{Report, Rule};
use super::tree::Tree;

/// The first line of a page that the binary writes.
pub(crate) const MARK: &str = "<!-- Written by `cargo xtask docs` from the code: change it there. -->";

/// Every page that the binary writes is in `docs/` as it writes it, and no page of a kind that is gone is left.
pub(super) struct Reference;

impl Rule for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn why(&self) -> &'static str {
        "docs/ says of kinds, findings, gates and exit codes what the code says: `cargo xtask docs` writes it"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        let pages = match tree.product().reference() {
            Ok(pages) => pages,
            Err(why) => return report.add("docs", 1, format!("the binary does not write it: {why}")),
        };
        for (page, text) in &pages {
            let path = format!("docs/{page}");
            let is = tree.text(&path).unwrap_or_default();
            if is != text {
                let same = is.lines().zip(text.lines()).take_while(|(is, ought)| is == ought).count();
                report.add(&path, same + 1, "differs from the code from here on".to_owned());
            }
        }
        for (path, _) in tree.files().filter(|(_, text)| text.starts_with(MARK)) {
            let page = path.strip_prefix("docs/");
            if !pages.iter().any(|(known, _)| page == Some(known)) {
                report.add(path, 1, "no such page is written any more".to_owned());
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        const WHOLE: &str = "<!-- Written by `cargo xtask docs` from the code: change it there. -->\nhttp\n";
        const OLD: &str = "<!-- Written by `cargo xtask docs` from the code: change it there. -->\nold\n";
        super::suite::Exemplars {
            trips: vec![
                (&[("README.md", "x")], &["docs/kinds/http.md:1"]),
                (&[("docs/kinds/http.md", OLD)], &["docs/kinds/http.md:2"]),
                (&[("docs/kinds/http.md", WHOLE), ("docs/kinds/gone.md", OLD)], &["docs/kinds/gone.md:1"]),
            ],
            passes: vec![&[("docs/kinds/http.md", WHOLE), ("docs/contracts.md", "by hand")]],
        }
    }
}
