//! The contents of the site, in the form of mdBook: `docs/SUMMARY.md`, from the pages themselves. `docs/index.md` links
//! to every page in the order in which they are read; a page `x.md` does so for those in the folder `x/`.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The file, below `docs/`.
pub(crate) const FILE: &str = "SUMMARY.md";

/// The page that leads to the others.
pub(crate) const INDEX: &str = "index.md";

const MARK: &str = "<!-- Written by `cargo xtask docs` from docs/index.md: change it there. -->\n";

/// The contents of these pages: path below `docs/`, and text.
pub(crate) fn contents(pages: &BTreeMap<&str, &str>) -> String {
    let index = pages.get(INDEX).copied().unwrap_or_default();
    let mut text = format!("{MARK}# Summary\n\n[{}]({INDEX})\n", title(index));
    for line in index.lines() {
        // Writing into a String does not fail.
        if let Some(part) = line.strip_prefix("## ") {
            let _ = write!(text, "\n# {part}\n\n");
        } else if let Some((name, page)) = entry(line) {
            let _ = writeln!(text, "- [{name}]({page})");
            for inner in below(page, pages) {
                let _ = writeln!(text, "  - [{}]({inner})", title(pages.get(inner).copied().unwrap_or_default()));
            }
        }
    }
    text
}

/// The pages that the contents would not have.
pub(crate) fn left_out<'a>(pages: &BTreeMap<&'a str, &str>) -> Vec<&'a str> {
    let contents = contents(pages);
    let listed = |page: &str| contents.contains(&format!("]({page})"));
    pages.keys().copied().filter(|page| *page != FILE && !listed(page)).collect()
}

/// `- [Ways in](install.md): how it is installed`, as the name and the page.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("- [")?.split_once("](")?;
    let (page, _) = rest.split_once(')')?;
    page.ends_with(".md").then_some((name, page))
}

/// The pages in the folder of a page, in the order in which it links to them.
fn below<'a>(page: &str, pages: &BTreeMap<&str, &'a str>) -> Vec<&'a str> {
    let Some(folder) = page.strip_suffix(".md").map(|name| format!("{name}/")) else { return Vec::new() };
    let links = pages.get(page).into_iter().flat_map(|text| text.split("](").skip(1));
    let mut found: Vec<&str> = Vec::new();
    for (link, _) in links.filter_map(|rest| rest.split_once(')')) {
        let inner = link.split('#').next().unwrap_or_default();
        if inner.starts_with(&folder) && inner.ends_with(".md") && !found.contains(&inner) {
            found.push(inner);
        }
    }
    found
}

/// A page's first heading.
fn title(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("Untitled")
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX_TEXT: &str = "# The shop\n\nHello, see [this](a.md).\n\n## Use\n\n- [Kinds](kinds.md): all of them\n\n\
                              ## Know\n\n- [A](a.md)\n- [elsewhere](https://shop.example/)\n";

    fn pages() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("index.md", INDEX_TEXT),
            ("kinds.md", "# Kinds\n| [`tls`](kinds/tls.md) | [`tcp`](kinds/tcp.md#x), [again](kinds/tls.md) |\n"),
            ("kinds/tcp.md", "# `tcp`\n"),
            ("kinds/tls.md", "x\n# `tls`\n"),
            ("a.md", "# A\n"),
        ])
    }

    #[test]
    fn the_contents_follow_the_index_and_a_page_the_order_of_its_own() {
        assert_eq!(
            contents(&pages()).strip_prefix(MARK),
            Some(
                "# Summary\n\n[The shop](index.md)\n\n# Use\n\n- [Kinds](kinds.md)\n  - [`tls`](kinds/tls.md)\n  \
                 - [`tcp`](kinds/tcp.md)\n\n# Know\n\n- [A](a.md)\n"
            )
        );
        assert!(left_out(&pages()).is_empty());
    }

    #[test]
    fn a_page_that_is_linked_from_a_sentence_only_is_left_out() {
        let mut pages = pages();
        pages.insert("b.md", "# B\n");
        pages.insert("kinds/dns.md", "# `dns`\n");
        assert_eq!(left_out(&pages), ["b.md", "kinds/dns.md"]);
    }
}
