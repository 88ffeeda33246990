//! All that is wrong, for people: where, the line itself, what, why, what to write instead.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use steadfast_core::setting::{Problem, Span};

use crate::source::File;

/// A configuration that cannot be used, with everything that is wrong with it.
pub struct Refusal {
    files: Vec<File>,
    problems: Vec<Problem>,
}

impl Refusal {
    pub(crate) fn new(mut files: Vec<File>, mut problems: Vec<Problem>) -> Refusal {
        for problem in &mut problems {
            mask(&mut problem.what, std::iter::empty());
            problem.suggestion.iter_mut().for_each(|text| mask(text, std::iter::empty()));
        }
        for (index, file) in files.iter_mut().enumerate() {
            if let Some(text) = &mut file.text {
                let secrets = problems.iter().filter(|problem| problem.masked && problem.span.file == index);
                mask(text, secrets.map(|problem| problem.span));
            }
        }
        Refusal { files, problems }
    }

    /// All that is wrong, in the order of the files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// For people: each problem with its place, and how many there are. Notes are wrapped to `width` columns.
    pub fn render(&self, color: bool, width: usize) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(width.max(40));
        let mut text = String::new();
        for problem in &self.problems {
            text.push_str(renderer.render(&[self.group(problem, width)]).trim_end());
            text.push_str("\n\n");
        }
        let files: BTreeSet<usize> = self.problems.iter().map(|problem| problem.span.file).collect();
        text.push_str(&format!("{} in {}\n", counted(self.problems.len(), "problem"), counted(files.len(), "file")));
        text
    }

    fn group<'a>(&'a self, problem: &'a Problem, width: usize) -> Group<'a> {
        let mut group = Level::ERROR
            .primary_title(wrapped(&problem.what, width, "error: ".len()))
            .elements(Vec::<Origin<'a>>::new());
        let mut files = vec![problem.span.file];
        files.extend(problem.related.iter().map(|(span, _)| span.file).filter(|file| *file != problem.span.file));
        files.dedup();
        for index in files {
            let Some(file) = self.files.get(index) else { continue };
            let Some(text) = &file.text else {
                group = group.element(Origin::path(file.shown.as_str()));
                continue;
            };
            let mut snippet = Snippet::source(text.as_str()).path(file.shown.as_str());
            if problem.span.file == index {
                snippet = snippet.annotation(AnnotationKind::Primary.span(visible(text, problem.span)));
            }
            for (span, label) in problem.related.iter().filter(|(span, _)| span.file == index) {
                let kind = if problem.span.file == index { AnnotationKind::Context } else { AnnotationKind::Primary };
                snippet = snippet.annotation(kind.span(visible(text, *span)).label(label.as_str()));
            }
            group = group.element(snippet);
        }
        group = group.element(Level::NOTE.with_name("why").message(wrapped(&problem.why, width, "    = why: ".len())));
        if let Some(instead) = &problem.suggestion {
            let message = wrapped(instead, width, "    = instead: ".len());
            group = group.element(Level::HELP.with_name("instead").message(message));
        }
        group
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false, 80))
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Refusal {}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Replaces what must not be shown by stars, byte for byte so that places stay right: the values at the given places,
/// and in the whole file the password of every `scheme://user:password@host`.
fn mask(text: &mut String, places: impl Iterator<Item = Span>) {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for place in places {
        let value = text.get(place.start..place.end).unwrap_or_default();
        // The password of an address is found below; the rest of the address helps.
        if passwords(value).is_empty() {
            hidden.push(place.start + 1..place.end.saturating_sub(1).max(place.start + 1));
        }
    }
    hidden.extend(passwords(text));
    for range in hidden {
        let stars = "*".repeat(text.get(range.clone()).map_or(0, str::len));
        if !stars.is_empty() {
            text.replace_range(range, &stars);
        }
    }
}

/// Where the passwords of addresses stand in a text.
pub(crate) fn passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (scheme, _) in text.match_indices("://") {
        let begin = scheme + "://".len();
        let rest = &text[begin..];
        let up_to = |ends: &[char]| rest.find(ends).map_or(rest, |end| &rest[..end]);
        let whole = up_to(&['"', '\'', '\n', ' ']);
        let authority = up_to(&['/', '?', '#', '"', '\'', '\n', ' ']);
        // A password that was written as it is may hold what ends an authority: what follows the colon is no port then.
        let is_port = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        let place = match authority.rfind('@') {
            Some(at) => authority[..at].find(':').map(|colon| colon + 1..at),
            None => authority
                .find(':')
                .filter(|colon| !is_port(&authority[colon + 1..]))
                .and_then(|colon| whole.rfind('@').map(|at| colon + 1..at)),
        };
        found.extend(place.map(|place| begin + place.start..begin + place.end));
    }
    found
}

/// The bytes to underline: whole characters, within the text, and of one line only.
fn visible(text: &str, span: Span) -> Range<usize> {
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (start, end) = (floor(span.start), floor(span.end.max(span.start)));
    let line_end = text[start..].find(['\n', '\r']).map_or(text.len(), |n| start + n);
    start..end.min(line_end)
}

/// Breaks between words, so that `indent` and the longest line fit into `width`.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
