//! Text to [`Node`]s: TOML's own errors, all of them, in words that say what to write.

use std::collections::BTreeSet;

use steadfast_core::setting::{Entry, Node, Problem, Problems, Raw, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::lexer::TokenKind;

/// More dots than this in one key would nest deeper than any stack; no key here has more than five.
const DEEPEST_KEY: usize = 32;

/// Parses one file. Whatever could be recovered after an error is returned, so that its errors are found as well.
pub(crate) fn parse(file: usize, text: &str, problems: &mut Problems) -> Option<Node> {
    if let Some(span) = bottomless(file, text) {
        let what = format!("a key of more than {DEEPEST_KEY} parts");
        problems.suggest(span, what, "nothing here is nested that deep", "look for a missing quote or bracket");
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut lines = BTreeSet::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let span = Span { file, start: span.start.min(text.len()), end: span.end.min(text.len()) };
        lines.insert(line_of(text, span.start));
        problems.push(explained(text, span, error.message()));
    }
    let mut read = Problems::default();
    let whole = Span { file, start: 0, end: 0 };
    let node = Node { span: whole, raw: Raw::Table(entries(file, root.get_ref(), &mut read)) };
    for problem in read.into_sorted().into_iter().filter(|p| !lines.contains(&line_of(text, p.span.start))) {
        problems.push(problem);
    }
    Some(node)
}

/// The line, counted from zero, in which a byte stands.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

fn bottomless(file: usize, text: &str) -> Option<Span> {
    let mut dots = 0;
    for token in toml_parser::Source::new(text).lex() {
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

fn entries(file: usize, table: &DeTable<'_>, problems: &mut Problems) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let range = key.span();
        let key_span = Span { file, start: range.start, end: range.end };
        if let Some(node) = node(file, value, problems) {
            entries.push(Entry { key: key.get_ref().to_string(), key_span, node });
        }
    }
    entries
}

fn node(file: usize, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Node> {
    let range = value.span();
    let span = Span { file, start: range.start, end: range.end };
    let raw = match value.get_ref() {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Raw::Integer(integer),
            Err(_) => {
                problems.add(span, format!("{integer} does not fit"), "an integer has 64 bits, its sign included");
                return None;
            }
        },
        DeValue::Float(float) => match float.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() || float.as_str().contains(['i', 'n']) => Raw::Float(number),
            Ok(_) | Err(_) => {
                problems.add(span, format!("{float} does not fit"), "a float has 64 bits");
                return None;
            }
        },
        DeValue::Boolean(truth) => Raw::Boolean(*truth),
        DeValue::Datetime(datetime) => Raw::Datetime(datetime.to_string()),
        DeValue::Array(items) => Raw::List(items.iter().filter_map(|item| node(file, item, problems)).collect()),
        DeValue::Table(table) => Raw::Table(entries(file, table, problems)),
    };
    Some(Node { span, raw })
}

/// The parser's message with what it means for the reader.
fn explained(text: &str, span: Span, message: &str) -> Problem {
    let unread = "TOML does not allow it, so what was meant is not known";
    let (what, why, instead) = if message.contains("duplicate key") {
        let what = format!("`{}` stands here twice", text.get(span.start..span.end).unwrap_or("a key").trim());
        (what, "one of the two values would be lost without a word", "keep one of them")
    } else if message.contains("string values must be quoted") {
        ("a text without quotes".to_owned(), unread, "put it in quotes: \"...\"")
    } else if message.contains("invalid escape") || message.contains("escape") {
        (
            message.to_owned(),
            unread,
            "write a backslash as \\\\, or use single quotes, in which nothing is escaped: '...'",
        )
    } else if message.contains("recursion limit") || message.contains("recurs") {
        (message.to_owned(), "nothing here is nested that deep", "look for a missing bracket")
    } else {
        (message.to_owned(), unread, "compare with the examples of `steadfast explain`, or https://toml.io")
    };
    Problem { span, what, why: why.to_owned(), suggestion: Some(instead.to_owned()), related: Vec::new() }
}
