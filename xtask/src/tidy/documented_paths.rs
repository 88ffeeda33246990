//! Every file that the documentation points to is there.

use super::rule::{Report, Rule};
use super::tree::Tree;

/// Folders whose paths are written from the root.
const ROOMS: [&str; 10] =
    ["crates/", "xtask/", "docs/", "examples/", "scenarios/", "bench/", "campaigns/", "packaging/", ".ci/", ".config/"];

/// Links and `paths/like/this.rs` in Markdown lead to a file or a folder. One with `<a name>` in it is a pattern.
pub(super) struct DocumentedPaths;

impl Rule for DocumentedPaths {
    fn name(&self) -> &'static str {
        "documented_paths"
    }

    fn why(&self) -> &'static str {
        "a link or a path in the documentation leads to a file that is there"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".md")) {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let mut fenced = false;
            for (at, line) in text.lines().enumerate() {
                fenced ^= line.trim_start().starts_with("```");
                if fenced {
                    continue;
                }
                let spoken =
                    line.split('`').skip(1).step_by(2).filter(|code| ROOMS.iter().any(|room| code.starts_with(room)));
                let linked = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
                let missing = spoken
                    .map(|code| (code, code.to_owned()))
                    .chain(
                        linked
                            .filter(|link| !link.contains(':') && !link.starts_with('#'))
                            .map(|link| (link, join(folder, link))),
                    )
                    .filter(|(_, target)| !target.contains(['<', '*', '{', ' ']) && !exists(tree, target));
                missing.for_each(|(name, _)| report.add(path, at + 1, format!("{name} is not there")));
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![(
                &[
                    ("README.md", "See `crates/a/src/lost.rs`.\nSee [it](docs/lost.md#part).\n"),
                    ("docs/a/b.md", "[up](../../lost.md) and [here](b.md)\n"),
                ],
                &["README.md:1", "README.md:2", "docs/a/b.md:1"],
            )],
            passes: vec![&[
                (
                    "README.md",
                    "`crates/a/src/b.rs`, `crates/a/`, `crates/<name>/x.rs`, `a/b`, [x](docs/a.md#part), [y](#part),\n\
                     [z](https://shop.example/docs)\n```\n`crates/lost`\n```\n",
                ),
                ("docs/a.md", "[root](../README.md)\n"),
                ("crates/a/src/b.rs", ""),
            ]],
        }
    }
}

/// A link's path from the root.
fn join(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('#').next().unwrap_or_default().split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn exists(tree: &Tree, path: &str) -> bool {
    // `file.rs:12` points into a file.
    let path = path.split(':').next().unwrap_or_default().trim_end_matches('/');
    tree.text(path).is_some()
        || tree.files().any(|(file, _)| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}
