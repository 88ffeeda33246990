//! Text to [`Node`]s: TOML's own errors, all of them, in words that say what to write.

use std::collections::BTreeSet;
use std::ops::Range;

use steadfast_core::setting::{Entry, Node, Problem, Problems, Raw, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::lexer::{Token, TokenKind};

/// More dots than this in one key would nest deeper than any stack; no key here has more than five.
const DEEPEST_KEY: usize = 32;

/// The errors of TOML itself, of all files, and the lines on which they stand: whatever else is said about such a line
/// would only repeat them.
#[derive(Default)]
pub(crate) struct Syntax {
    problems: Vec<Problem>,
    lines: BTreeSet<(usize, usize)>,
}

impl Syntax {
    fn add(&mut self, text: &str, problem: Problem) {
        // A slip often makes the parser stumble twice in one line; the first is where to look.
        if self.lines.insert((problem.span.file, line_of(text, problem.span.start))) {
            self.problems.push(problem);
        }
    }

    /// These errors, and what else is wrong on other lines.
    pub(crate) fn with<'a>(self, others: Problems, text: impl Fn(usize) -> &'a str) -> Problems {
        let mut all = Problems::default();
        self.problems.into_iter().for_each(|problem| all.push(problem));
        for problem in others.into_sorted() {
            let broken = !self.lines.is_empty()
                && self.lines.contains(&(problem.span.file, line_of(text(problem.span.file), problem.span.start)));
            if !broken || problem.span.end == 0 {
                all.push(problem);
            }
        }
        all
    }
}

/// Parses one file. What can be trusted after an error is returned, so that the errors in it are found as well.
pub(crate) fn parse(file: usize, text: &str, syntax: &mut Syntax) -> Option<Node> {
    // One token at a time: those of ten thousand checks would be the largest thing in memory.
    let tokens = || toml_parser::Source::new(text).lex();
    if let Some(span) = bottomless(file, tokens()) {
        let what = format!("a key of more than {DEEPEST_KEY} parts");
        syntax
            .add(text, problem(span, &what, "nothing here is nested that deep", "look for a missing quote or bracket"));
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let open = if errors.is_empty() { None } else { unclosed(file, text, tokens()) };
    let mut trusted = true;
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let span = Span { file, start: range.start.min(text.len()), end: range.end.min(text.len()) };
        if open.is_none_or(|open| span.start < open.start) {
            let (problem, local) = explained(text, span, error.message());
            trusted &= local;
            syntax.add(text, problem);
        }
    }
    if let Some(open) = open {
        let bracket = text.get(open.start..open.end).unwrap_or("[");
        let what = format!("this `{bracket}` is never closed");
        let why = "what follows was read as a part of it; the rest of the file is read once this is right";
        let instead = format!("add the `{}` that belongs to it", if bracket == "{" { "}" } else { "]" });
        syntax.add(text, problem(open, &what, why, &instead));
        trusted = false;
    }
    let root = Text { file, text, offset: 0 }.root(root.get_ref(), syntax);
    trusted.then_some(root)
}

/// Parses a part of a file that stands for itself, its first byte at `offset`. `None` if there is the least error in it.
pub(crate) fn parse_part(file: usize, text: &str, offset: usize) -> Option<Node> {
    if bottomless(file, toml_parser::Source::new(text).lex()).is_some() {
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut syntax = Syntax::default();
    let root = Text { file, text, offset }.root(root.get_ref(), &mut syntax);
    (errors.is_empty() && syntax.problems.is_empty()).then_some(root)
}

/// The line, counted from zero, in which a byte stands.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// The first bracket of a value that is never closed. One of a header ends with its line.
fn unclosed(file: usize, text: &str, tokens: impl Iterator<Item = Token>) -> Option<Span> {
    let mut open: Vec<Span> = Vec::new();
    let mut value = false;
    for token in tokens {
        let span = Span { file, start: token.span().start(), end: token.span().end() };
        match token.kind() {
            TokenKind::Equals => value = true,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket if value => {
                // A header at the beginning of a line within an array is where the reader lost the bracket.
                let header = !open.is_empty()
                    && text[..span.start].ends_with('\n')
                    && text[span.end..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '[');
                if header {
                    return open.first().copied();
                }
                open.push(span);
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => drop(open.pop()),
            TokenKind::Newline if open.is_empty() => value = false,
            TokenKind::LeftSquareBracket
            | TokenKind::LeftCurlyBracket
            | TokenKind::Newline
            | TokenKind::Dot
            | TokenKind::Comma
            | TokenKind::Whitespace
            | TokenKind::Comment
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Atom
            | TokenKind::Eof => {}
        }
    }
    open.first().copied()
}

fn bottomless(file: usize, tokens: impl Iterator<Item = Token>) -> Option<Span> {
    let mut dots = 0;
    for token in tokens {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::LeftSquareBracket
            | TokenKind::RightSquareBracket
            | TokenKind::LeftCurlyBracket
            | TokenKind::RightCurlyBracket
            | TokenKind::Newline => dots = 0,
            TokenKind::Whitespace
            | TokenKind::Comment
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Atom
            | TokenKind::Eof => {}
        }
        if dots > DEEPEST_KEY {
            return Some(Span { file, start: token.span().start(), end: token.span().end() });
        }
    }
    None
}

/// A text of which the values are taken.
#[derive(Clone, Copy)]
struct Text<'a> {
    file: usize,
    text: &'a str,
    /// Where it begins in the file.
    offset: usize,
}

impl Text<'_> {
    fn root(self, table: &DeTable<'_>, syntax: &mut Syntax) -> Node {
        Node { span: Span { file: self.file, start: 0, end: 0 }, raw: Raw::Table(self.entries(table, syntax)) }
    }

    fn span(self, range: Range<usize>) -> Span {
        Span { file: self.file, start: self.offset + range.start, end: self.offset + range.end }
    }

    fn entries(self, table: &DeTable<'_>, syntax: &mut Syntax) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let (text, key_span) = (key.get_ref().to_string(), self.span(key.span()));
            entries.push(Entry { key: text, key_span, node: self.node(value, syntax) });
        }
        entries
    }

    fn node(self, value: &Spanned<DeValue<'_>>, syntax: &mut Syntax) -> Node {
        let span = self.span(value.span());
        let raw = match value.get_ref() {
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(integer) => Raw::Integer(integer),
                Err(_) => {
                    let range = "an integer has 64 bits, its sign included";
                    syntax.add(self.text, problem(span, &format!("{integer} does not fit"), range, "a smaller number"));
                    Raw::Integer(0)
                }
            },
            DeValue::Float(float) => match float.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() || float.as_str().contains(['i', 'n']) => Raw::Float(number),
                Ok(_) | Err(_) => {
                    let what = format!("{float} does not fit");
                    syntax.add(self.text, problem(span, &what, "a float has 64 bits", "a smaller number"));
                    Raw::Float(0.0)
                }
            },
            DeValue::Boolean(truth) => Raw::Boolean(*truth),
            DeValue::Datetime(datetime) => Raw::Datetime(datetime.to_string()),
            DeValue::Array(items) => Raw::List(items.iter().map(|item| self.node(item, syntax)).collect()),
            DeValue::Table(table) => Raw::Table(self.entries(table, syntax)),
        };
        Node { span, raw }
    }
}

fn problem(span: Span, what: &str, why: &str, instead: &str) -> Problem {
    let (what, why, suggestion) = (what.to_owned(), why.to_owned(), Some(instead.to_owned()));
    Problem { span, what, why, suggestion, related: Vec::new(), masked: false }
}

/// The parser's message with what it means for the reader, and whether the rest of the file can be trusted.
fn explained(text: &str, span: Span, message: &str) -> (Problem, bool) {
    let unread = "TOML does not allow it, so what was meant is not known";
    let here = text.get(span.start..span.end).unwrap_or_default().trim();
    let escape = "write a backslash as \\\\, or use single quotes, in which nothing is escaped: '...'";
    let bare = message.contains("string values must be quoted");
    let of_string = message.contains("string") && message.starts_with("invalid");
    let control = text[span.start..].chars().next().is_some_and(|c| c.is_control() && c != '\n' && c != '\r');
    if message.contains("duplicate key") {
        let what = format!("`{here}` stands here twice");
        (problem(span, &what, "one of the two values would be lost without a word", "keep one of them"), true)
    } else if bare && here.is_empty() {
        (problem(span, "a key without a value", unread, "a value after `=`, or leave the key out"), true)
    } else if bare {
        let line = text[span.start..].lines().next().unwrap_or_default();
        let rest = line.split(['#', ',', ']', '}']).next().unwrap_or_default().trim();
        (problem(span, "a text without quotes", unread, &format!("in quotes: \"{rest}\"")), true)
    } else if message.contains("escape") || message.contains("unicode") {
        (problem(span, "a backslash in double quotes that begins no escape", unread, escape), true)
    } else if control {
        let instead = "write it as an escape, such as \\u0007 or \\t, or take it out";
        (problem(span, "a control character", "it is not seen in an editor, so TOML does not allow it", instead), false)
    } else if of_string {
        (
            problem(span, "a text whose quotes are not closed", unread, "close it with the quote that it begins with"),
            false,
        )
    } else if message.contains("recurs") {
        let what = "brackets within brackets within brackets";
        (problem(span, what, "nothing here is nested that deep", "look for a missing bracket"), false)
    } else if message.contains("key with no value") {
        (problem(span, "a key without `=`", unread, "key = value, or [header] in brackets"), false)
    } else if message.starts_with("unclosed") && message.contains("table") && !message.contains("inline") {
        (problem(span, "a header that is not closed", unread, "[name] for a table, [[check]] for a check"), false)
    } else if message.contains("expected newline") {
        let instead = "one value for a key; several in an array: [\"a\", \"b\"]; a remark after `#`";
        (problem(span, "something more after the value", unread, instead), true)
    } else {
        let instead = "`steadfast explain` has examples, https://toml.io the rules";
        (
            problem(span, message, "TOML does not allow it; the rest of the file is read once it is right", instead),
            false,
        )
    }
}
