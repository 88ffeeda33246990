//! One file of the configuration, with its checks at hand: all at once, or one at a time.
//!
//! A tree of ten thousand checks is many times as large as what is kept of them, so a file is first read by its parts:
//! the text between one `[[check]]` and the next header that is not of that check stands for itself in TOML, and is
//! parsed, read and forgotten before the next. This way accepts nothing that the file as a whole would not be, and it
//! gives up at the least doubt: then all is read once more as a whole, and it is that reading which explains errors.

use std::ops::Range;

use steadfast_core::setting::{Node, Raw};
use toml_parser::lexer::TokenKind;

use crate::tree::{self, Syntax};

/// How a configuration is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One check at a time: the least memory, and no word about what is wrong.
    ByCheck,
    /// Every file as one tree: all errors with their places.
    AsAWhole,
}

/// A file that could be parsed.
pub(crate) struct Document {
    file: usize,
    /// What stands in it: by its parts, all but the checks.
    pub(crate) tree: Node,
    /// Where the checks stand that are not in the tree.
    apart: Vec<Range<usize>>,
}

impl Document {
    /// Parses a file; `None` if it cannot be trusted, or not at this pace.
    pub(crate) fn parse(pace: Pace, file: usize, text: &str, syntax: &mut Syntax) -> Option<Document> {
        match pace {
            Pace::AsAWhole => Some(Document { file, tree: tree::parse(file, text, syntax)?, apart: Vec::new() }),
            Pace::ByCheck => {
                let apart = checks(text)?;
                let tree = tree::parse_part(file, &without(text, &apart), 0)?;
                // Some of the file's checks are written in another way.
                if tree.entry("check").is_some() {
                    return None;
                }
                Some(Document { file, tree, apart })
            }
        }
    }

    /// Hands out what `check` is in the file, whole or in parts. `None` if a part cannot be trusted.
    pub(crate) fn checks(&self, text: &str, mut take: impl FnMut(&Node)) -> Option<()> {
        if let Some(entry) = self.tree.entry("check") {
            take(&entry.node);
        }
        for part in &self.apart {
            let tree = tree::parse_part(self.file, text.get(part.clone())?, part.start)?;
            tree.entries().iter().for_each(|entry| take(&entry.node));
        }
        Some(())
    }

    /// The same without some of the file's keys.
    pub(crate) fn without_keys(self, keys: &[&str]) -> Document {
        let kept = self.tree.entries().iter().filter(|entry| !keys.contains(&entry.key.as_str())).cloned().collect();
        Document { tree: Node { span: self.tree.span, raw: Raw::Table(kept) }, ..self }
    }
}

/// Spaces in the place of the checks, so that everything else keeps its place; nothing for those at the end.
fn without(text: &str, checks: &[Range<usize>]) -> String {
    let mut rest = String::new();
    let mut after = 0;
    for check in checks.iter().chain([&(text.len()..text.len())]) {
        let between = &text[after..check.start];
        if !between.is_empty() {
            rest.extend(std::iter::repeat_n(' ', after - rest.len()));
            rest.push_str(between);
        }
        after = check.end;
    }
    rest
}

/// Where each `[[check]]` stands with all that belongs to it; `None` if that takes more than a look at the headers.
fn checks(text: &str) -> Option<Vec<Range<usize>>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut inside = false;
    let mut at = At::Start;
    for token in toml_parser::Source::new(text).lex() {
        let (start, kind) = (token.span().start(), token.kind());
        at = match (at, kind) {
            (At::Start, TokenKind::Whitespace | TokenKind::Newline | TokenKind::Comment) => At::Start,
            (At::Start, TokenKind::LeftSquareBracket) => At::Header { start, double: false },
            (At::Header { start, double: false }, TokenKind::LeftSquareBracket) => At::Header { start, double: true },
            (At::Header { start, double }, TokenKind::Whitespace) => At::Header { start, double },
            (At::Header { start, double }, TokenKind::Atom) => {
                let of_check = &text[token.span().start()..token.span().end()] == "check";
                At::Name { start, double, of_check }
            }
            (At::Name { .. }, TokenKind::Whitespace) => at,
            (At::Name { start, double, of_check }, _) => {
                let begins = of_check && double && kind == TokenKind::RightSquareBracket;
                if inside && (begins || !of_check) {
                    found.last_mut()?.end = start;
                }
                if begins {
                    found.push(start..text.len());
                }
                inside = begins || inside && of_check;
                At::Line { depth: 0, value: false }
            }
            // A quoted name may be any, `check` as well.
            (At::Header { .. }, _) => return None,
            (At::Start, _) => At::Line { depth: 0, value: kind == TokenKind::Equals },
            (At::Line { depth: 0, .. }, TokenKind::Newline) => At::Start,
            (At::Line { depth, value: true }, TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket) => {
                At::Line { depth: depth + 1, value: true }
            }
            (At::Line { depth, value: true }, TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket) => {
                At::Line { depth: depth.checked_sub(1)?, value: true }
            }
            (At::Line { depth, value }, _) => At::Line { depth, value: value || kind == TokenKind::Equals },
        };
    }
    Some(found)
}

/// Where in a statement a token is met.
#[derive(Clone, Copy)]
enum At {
    /// Nothing of it was met yet.
    Start,
    /// In a header, before its name.
    Header {
        /// Where its first bracket stands.
        start: usize,
        /// `[[`.
        double: bool,
    },
    /// In a header, behind the first part of its name.
    Name {
        /// Where its first bracket stands.
        start: usize,
        /// `[[`.
        double: bool,
        /// Whether that part is `check`.
        of_check: bool,
    },
    /// Beyond that, until the line ends outside of all brackets of a value.
    Line {
        /// Brackets of the value that are open.
        depth: usize,
        /// Whether the value has begun.
        value: bool,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use steadfast_core::setting::{Entry, Problems};

    use super::*;

    /// What a file says, and the checks of it, at one pace; `None` where that pace gives up.
    fn read(pace: Pace, text: &str) -> Option<(Vec<Entry>, Vec<Node>)> {
        let mut syntax = Syntax::default();
        let document = Document::parse(pace, 0, text, &mut syntax)?;
        let mut checks = Vec::new();
        let take = |node: &Node| match &node.raw {
            Raw::List(items) => checks.extend(items.clone()),
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::Table(_) => {
                checks.push(node.clone())
            }
        };
        document.checks(text, take)?;
        let sound = syntax.with(Problems::default(), |_| text).is_empty();
        let rest = document.without_keys(&["check"]).tree.entries().to_vec();
        sound.then_some((rest, checks))
    }

    /// By its checks a text is what it is as a whole, to the last place; how many checks were read apart.
    fn check(text: &str) -> Option<usize> {
        let apart = read(Pace::ByCheck, text);
        if let Some(apart) = &apart {
            assert_eq!(Some(apart), read(Pace::AsAWhole, text).as_ref(), "{text}");
        }
        apart.map(|(_, checks)| checks.len())
    }

    #[test]
    fn every_check_is_read_apart_with_the_tables_below_it() {
        assert_eq!(check(""), Some(0));
        assert_eq!(check("[project]\nname = \"shop\"\n[[check]]\nid = \"a\"\n[check.http]\nurl = \"u\"\n"), Some(1));
        assert_eq!(
            check("[[check]]\nid = 1\n[check.a.b]\nc = 2\n[[check.d]]\n[ targets ]\nx = 3\n[[ check ]]"),
            Some(2)
        );
        assert_eq!(check("[[check]]\r\nid = 1\r\n\r\n# [[check]]\r\n[[check]] # and\r\nid = 2\r\n"), Some(2));
        assert_eq!(check("[defaults.http]\nx = 1\n[[check]]\n[gate.watch]\n[[check]]"), Some(2));
    }

    #[test]
    fn what_only_looks_like_a_check_is_none() {
        assert_eq!(check("a = [\n[[check]]\n]\n"), None, "not even TOML");
        assert_eq!(check("a = [\n[[\"check\"]]\n,\n[[1]]]\n[[check]]\n"), Some(1));
        assert_eq!(check("a = '''\n[[check]]\n'''\n[[check]]\nb = \"\"\"\n[other]\n\"\"\"\n"), Some(1));
        assert_eq!(check("[[checks]]\n[[check]]\n[checks.a]\n"), Some(1));
    }

    #[test]
    fn whatever_else_can_be_meant_by_a_check_is_read_as_a_whole() {
        for text in ["[[\"check\"]]\n", "check = 1\n", "[check.http]\n", "check.id = 1\n", "[check]\n[[check]]\n"] {
            assert_eq!(check(text), None, "{text}");
        }
    }

    #[test]
    fn an_error_anywhere_is_left_to_the_reading_as_a_whole() {
        for text in ["[[check]]\nid = \n", "[[check]]\n[check]\n", "[[check]]\na = 1\na = 2\n[[check]]\n", "[[check\n"]
        {
            assert_eq!(check(text), None, "{text}");
        }
        assert_eq!(check("[a]\n[[check]]\n[a]\n"), None, "one table in two places");
        assert_eq!(check("a = 1]\n[[check]]\n"), None);
        assert_eq!(check(&format!("[[check]]\nid = {}\n", u128::MAX)), None);
    }

    proptest! {
        #[test]
        fn the_order_and_the_mess_of_lines_do_not_matter(lines in prop::collection::vec(prop::sample::select(vec![
            "[[check]]", "[[check]] # x", " [[ check ]]", "[check.http]", "[check.http.expect]", "[[check.list]]",
            "[targets]", "[defaults.http]", "[\"check\"]", "[check]", "[[other]]", "check = 1", "id = \"a\"",
            "a = [", "]", "[[1]]", "b = { c = [1] }", "d = \"\"\"", "\"\"\"", "e = '[[check]]'", "x.y = 1", "", "#", "[",
        ]), 0..12)) {
            check(&lines.join("\n"));
        }
    }
}
