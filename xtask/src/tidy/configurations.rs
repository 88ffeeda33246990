//! Every configuration that we show loads.

use std::fmt::Write;

use super::rule::{Report, Rule};
use super::tree::Tree;

/// The examples, and every `toml` block of the documentation that holds a check or a project. A block that shows a
/// mistake is fenced as `toml,fails` and must be refused.
pub(super) struct Configurations;

impl Rule for Configurations {
    fn name(&self) -> &'static str {
        "configurations"
    }

    fn why(&self) -> &'static str {
        "a configuration that we show loads: examples/**/steadfast.toml and ```toml blocks (`toml,fails` must not)"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, _) in tree.files().filter(|(path, _)| is_example(path)) {
            if let Err(why) = tree.product().load_file(path) {
                report.add(path, 1, format!("does not load: {why}"));
            }
        }
        for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".md")) {
            let lines: Vec<(usize, &str)> = text.lines().enumerate().map(|(at, line)| (at + 1, line)).collect();
            try_blocks(tree, path, &lines, report);
        }
        for (path, source) in tree.sources() {
            let lines: Vec<(usize, &str)> = source.docs().iter().map(|(at, line)| (*at, line.as_str())).collect();
            try_blocks(tree, path, &lines, report);
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (&[("examples/broken/steadfast.toml", "[project]\n")], &["examples/broken/steadfast.toml:1"]),
                (&[("README.md", "x\n```toml\n[[check]]\nwrong = 1\n```\n")], &["README.md:2"]),
                (&[("docs/a/b.md", "```toml,fails\n[project]\nname = \"a\"\n```\n")], &["docs/a/b.md:1"]),
                (
                    &[(
                        "crates/steadfast-checks/src/kinds/http.rs",
                        "/// A.\n/// ```toml\n/// [[check]]\n/// wrong = 1\n/// ```\nstruct A;\n",
                    )],
                    &["crates/steadfast-checks/src/kinds/http.rs:2"],
                ),
            ],
            passes: vec![&[
                ("README.md", "```toml\n[[check]]\nurl = { target = \"shop\" }\n```\n```toml\nwrong = 1\n```\n"),
                ("docs/a.md", "```toml,fails\n[[check]]\nwrong = 1\n```\n```text\n[[check]]\nwrong = 1\n```\n"),
                ("examples/shop/steadfast.toml", "[project]\n"),
                ("examples/shop/checks/broken.toml", "[[check]]\n"),
            ]],
        }
    }
}

/// An example's included files are loaded by the file that includes them.
fn is_example(path: &str) -> bool {
    path.starts_with("examples/") && path.ends_with("/steadfast.toml")
}

fn try_blocks(tree: &Tree, path: &str, lines: &[(usize, &str)], report: &mut Report) {
    let mut lines = lines.iter();
    while let Some((opened, line)) = lines.next() {
        let Some(fence) = line.trim_start().strip_prefix("```") else { continue };
        let block: String = lines
            .by_ref()
            .map(|(_, line)| *line)
            .take_while(|line| !line.trim_start().starts_with("```"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let fence: Vec<&str> = fence.split([',', ' ']).map(str::trim).collect();
        let ours = block.lines().any(|line| matches!(line.trim(), "[[check]]" | "[project]"));
        if fence.first() != Some(&"toml") || !ours {
            continue;
        }
        match (tree.product().load_text(&completed(&block)), fence.contains(&"fails")) {
            (Ok(()), false) | (Err(_), true) => {}
            (Err(why), false) => report.add(path, *opened, format!("does not load: {why}")),
            (Ok(()), true) => report.add(path, *opened, "is said to fail, but loads"),
        }
    }
}

/// A block shows what it is about: the project's name and the targets that it leaves out are added.
fn completed(block: &str) -> String {
    let mut text = String::new();
    if !block.lines().any(|line| line.trim() == "[project]") {
        text.push_str("[project]\nname = \"documentation\"\n");
    }
    let mut targets: Vec<&str> =
        // Not the expectation of that name, which the kind `dns` has.
        block.split("{ target = \"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect();
    targets.sort_unstable();
    targets.dedup();
    if !block.lines().any(|line| line.trim().starts_with("[targets")) && !targets.is_empty() {
        text.push_str("[targets]\n");
        for target in targets {
            // Writing into a String does not fail.
            let _ = writeln!(text, "{target} = \"http://127.0.0.1:9\"");
        }
    }
    text + block
}

#[cfg(test)]
mod tests {
    use super::completed;

    #[test]
    fn a_target_that_is_used_is_added_and_an_expectation_of_that_name_is_not() {
        let used = "[[check]]\nurl = { target = \"shop\" }\n";
        assert!(completed(used).contains("[targets]\nshop = "), "{}", completed(used));
        let expected = "[[check]]\n[check.dns.expect]\ntarget = \"shop.example\"\n";
        assert!(!completed(expected).contains("[targets]"), "{}", completed(expected));
    }
}
