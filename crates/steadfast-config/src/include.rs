//! `include`: globs relative to the root configuration, expanded in a fixed order.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use steadfast_core::setting::{Node, Problems, Raw};

/// So many entries are looked at for one pattern: a `**` at the root of a disk must not walk for minutes.
const MOST_ENTRIES: usize = 20_000;

/// The files that the patterns find, in the order of the patterns and then of the paths, each once, without the root.
pub(crate) fn expand(include: &Node, folder: &Path, root: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    let Raw::List(patterns) = &include.raw else {
        problems.wrong_type(include, "an array of globs such as [\"checks/*.toml\"]");
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = Vec::new();
    for node in patterns {
        let Raw::Text(pattern) = &node.raw else {
            problems.wrong_type(node, "a glob such as \"checks/*.toml\"");
            continue;
        };
        let Some(matcher) = glob(pattern, node, problems) else { continue };
        let depth = if pattern.contains("**") { usize::MAX } else { pattern.split('/').count() };
        let mut walk = Walk { matcher: &matcher, folder, depth, seen: 0, found: Vec::new() };
        walk.folder(&literal_folder(pattern));
        if walk.seen > MOST_ENTRIES {
            let what = format!("`{pattern}` searches more than {MOST_ENTRIES} files");
            problems.suggest(node.span, what, "every start would wait for it", "name the folder: \"checks/*.toml\"");
            continue;
        }
        let mut matches: Vec<PathBuf> = walk.found.into_iter().filter(|path| folder.join(path) != root).collect();
        matches.sort();
        if matches.is_empty() {
            let what = format!("`{pattern}` matches no file");
            let instead = format!("it is relative to {}; correct it, or take it out", shown(folder));
            problems.suggest(node.span, what, "the checks that are meant to be there would never run", instead);
        }
        for path in matches {
            let path = folder.join(path);
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    found
}

/// Compiles a glob in which `*` stays within a folder, as in a shell.
pub(crate) fn glob(pattern: &str, node: &Node, problems: &mut Problems) -> Option<GlobMatcher> {
    match GlobBuilder::new(pattern).literal_separator(true).build() {
        Ok(_) if pattern.is_empty() => {
            problems.suggest(node.span, "an empty glob", "it matches nothing", "for example \"src/**/*.rs\"");
            None
        }
        Ok(glob) => Some(glob.compile_matcher()),
        Err(refusal) => {
            let what = format!("invalid glob: {}", refusal.kind());
            let instead = "known are *, **, ?, [a-z], {a,b}; write [*] for a star that is meant";
            problems.suggest(node.span, what, "it could never match a file", instead);
            None
        }
    }
}

fn shown(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { "the folder of this file".into() } else { folder.display().to_string() }
}

/// The folders before the first component with a wildcard.
fn literal_folder(pattern: &str) -> PathBuf {
    let mut parts: Vec<&str> = pattern.split('/').collect();
    parts.pop();
    let literal = parts.iter().take_while(|part| !part.contains(['*', '?', '[', '{', '\\']));
    let joined = literal.copied().collect::<Vec<_>>().join("/");
    if joined.is_empty() && pattern.starts_with('/') { PathBuf::from("/") } else { PathBuf::from(joined) }
}

struct Walk<'a> {
    matcher: &'a GlobMatcher,
    folder: &'a Path,
    /// The number of components that a match can have.
    depth: usize,
    seen: usize,
    found: Vec<PathBuf>,
}

impl Walk<'_> {
    /// Visits a folder given relative to the root's. One that cannot be read holds no match, which is reported.
    fn folder(&mut self, relative: &Path) {
        let mut pending = vec![relative.to_owned()];
        while let Some(relative) = pending.pop() {
            let absolute = self.folder.join(&relative);
            let listed = if absolute.as_os_str().is_empty() { Path::new(".") } else { absolute.as_path() };
            let Ok(entries) = std::fs::read_dir(listed) else { continue };
            for entry in entries.flatten() {
                self.seen += 1;
                if self.seen > MOST_ENTRIES {
                    return;
                }
                let path = relative.join(entry.file_name());
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    if path.components().count() < self.depth {
                        pending.push(path);
                    }
                } else if self.matcher.is_match(&path) && listed.join(entry.file_name()).is_file() {
                    self.found.push(path);
                }
            }
        }
    }
}
