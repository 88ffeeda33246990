//! A file can be read in one go.

use super::rule::{Report, Rule};
use super::tree::Tree;

/// The house style says about 700; this is where it ends.
const LINES: usize = 900;

/// No Rust file is longer than [`LINES`].
pub(super) struct FileLength;

impl Rule for FileLength {
    fn name(&self) -> &'static str {
        "file_length"
    }

    fn why(&self) -> &'static str {
        "a file of more than 900 lines has more than one subject: split it by subject"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".rs")) {
            let lines = text.lines().count();
            if lines > LINES {
                report.add(path, lines, format!("has {lines} lines"));
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        const FITS: &str = const { text_of(&[b'\n'; LINES]) };
        const TOO_LONG: &str = const { text_of(&[b'\n'; LINES + 1]) };
        super::suite::Exemplars {
            trips: vec![(&[("xtask/src/a.rs", TOO_LONG)], &["xtask/src/a.rs:901"])],
            passes: vec![&[("xtask/src/a.rs", FITS), ("docs/a.md", TOO_LONG)]],
        }
    }
}

#[cfg(test)]
const fn text_of(bytes: &[u8]) -> &str {
    match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}
