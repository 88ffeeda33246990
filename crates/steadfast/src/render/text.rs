//! Text for people: bounded lines, aligned fields, colours where they are wanted, and nothing that a terminal obeys.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use anstyle::{AnsiColor, Style};
use steadfast_core::measure::Lapse;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Page;

/// What does not hold.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// What could not be judged.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// What holds.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// What matters less.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What matters most.
pub(crate) const BOLD: Style = Style::new().bold();

/// A text being laid out for a page.
pub(crate) struct Layout {
    page: Page,
    label: usize,
    text: String,
}

impl Layout {
    /// An empty one.
    pub(crate) fn new(page: &Page) -> Layout {
        Layout { page: *page, label: 11, text: String::new() }
    }

    /// The same with so many columns for labels.
    pub(crate) fn with_labels(self, label: usize) -> Layout {
        Layout { label, ..self }
    }

    /// The columns there are.
    pub(crate) fn width(&self) -> usize {
        self.page.width
    }

    /// The text in a style, if the page has colours.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        if self.page.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Ends a line as it is.
    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// An empty line, but never two, and none at the beginning.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Prose, wrapped, every line behind this indent.
    pub(crate) fn prose(&mut self, indent: usize, text: &str) {
        self.wrapped(&" ".repeat(indent), indent, text, Break::Words);
    }

    /// A labelled value; further lines stand below its first.
    pub(crate) fn field(&mut self, indent: usize, label: &str, value: &str) {
        self.labelled(indent, label, value, Break::Words);
    }

    /// A labelled command that stays copyable when it is wrapped.
    pub(crate) fn command(&mut self, indent: usize, label: &str, value: &str) {
        self.labelled(indent, label, value, Break::Shell);
    }

    /// What was laid out.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// A labelled line that is styled already and short enough.
    pub(crate) fn field_styled(&mut self, indent: usize, label: &str, line: &str) {
        let padded = format!("{} ", padded(label, self.label.saturating_sub(1)));
        let label = self.styled(DIM, &padded);
        self.line(&format!("{}{label}{line}", " ".repeat(indent)));
    }

    fn labelled(&mut self, indent: usize, label: &str, value: &str, breaks: Break) {
        let padded = format!("{} ", padded(label, self.label.saturating_sub(1)));
        let first = format!("{}{}", " ".repeat(indent), self.styled(DIM, &padded));
        self.wrapped(&first, indent + padded.width(), value, breaks);
    }

    fn wrapped(&mut self, first: &str, indent: usize, text: &str, breaks: Break) {
        let room = self.page.width.saturating_sub(indent).max(20);
        let mut lead = first.to_owned();
        for line in text.lines() {
            for part in wrap(&plain(line), room, breaks) {
                self.line(&format!("{lead}{part}"));
                lead = " ".repeat(indent);
            }
        }
    }
}

/// Where a line may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// At spaces; within a word if it is longer than a line.
    Words,
    /// Between the words of a shell, with a backslash; never within one.
    Shell,
}

fn wrap(text: &str, room: usize, breaks: Break) -> Vec<String> {
    let (words, tail) = match breaks {
        Break::Words => (text.split_inclusive(' ').map(str::to_owned).collect::<Vec<_>>(), ""),
        Break::Shell => (shell_words(text), "\\"),
    };
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words {
        let reserve = if tail.is_empty() { 0 } else { 2 };
        if !line.is_empty() && line.len() + word.len() > room && line.width() + word.trim_end().width() + reserve > room
        {
            lines.push(format!("{}{}", line, tail).trim_end().to_owned());
            line = String::new();
        }
        line.push_str(&word);
        if breaks == Break::Words {
            // One pass over a word, however long it is: a body may be one word of a megabyte.
            let mut rest = line.as_str();
            loop {
                let cut = fitting(rest, room);
                if rest[cut..].trim_end().is_empty() {
                    break;
                }
                lines.push(rest[..cut].to_owned());
                rest = &rest[cut..];
            }
            line = rest.to_owned();
        }
    }
    if !line.trim_end().is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// A word that a shell reads as this text, whatever bytes it has: as it is, in quotes, or as ANSI-C quoting has it, which
/// bash and zsh read and which a terminal does not obey.
pub(crate) fn shell_word(text: &OsStr) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    match text.to_str() {
        Some(text) if !text.is_empty() && !text.starts_with('-') && text.chars().all(safe) => text.to_owned(),
        // What begins with a dash would be taken for a flag.
        Some(text) if text.starts_with('-') => shell_word(OsStr::new(&format!("./{text}"))),
        Some(text) if matches!(plain(text), Cow::Borrowed(_)) => format!("'{}'", text.replace('\'', r#"'"'"'"#)),
        Some(_) | None => {
            let mut word = "$'".to_owned();
            for chunk in text.as_bytes().utf8_chunks() {
                for c in chunk.valid().chars() {
                    match c {
                        // No quote and no space stands in it, so that wrapping it needs not know of this kind.
                        '\'' | '"' | '\\' | ' ' => word.push_str(&format!("\\x{:02x}", c as u32)),
                        c if matches!(plain(c.encode_utf8(&mut [0; 4])), Cow::Borrowed(_)) => word.push(c),
                        c => word.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\x{byte:02x}"))),
                    }
                }
                word.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
            }
            word + "'"
        }
    }
}

/// Words with the space behind them; a space within quotes belongs to its word.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in text.chars() {
        word.push(c);
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), close) if open == close => quote = None,
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (None | Some(_), _) => {}
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// How many bytes of the text fit into so many columns; at least one character.
fn fitting(text: &str, room: usize) -> usize {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += c.width().unwrap_or(0);
        if columns > room && at > 0 {
            return at;
        }
    }
    text.len()
}

/// A line as it is, folded to so many columns.
pub(crate) fn folded(line: &str, room: usize) -> Vec<String> {
    wrap(&plain(line), room, Break::Words)
}

/// The text cut to so many columns, with an ellipsis if something was left out.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    format!("{}…", text[..fitting(text, room.saturating_sub(1))].trim_end())
}

/// The text padded to so many columns.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// Without what a terminal would obey: control characters, line separators, marks that turn the direction are shown
/// escaped. What was seen comes from outside and may be made to deceive.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| match c {
        '\t' => "  ".to_owned(),
        c if obeyed(c) => c.escape_default().to_string(),
        c => c.to_string(),
    };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// A length of time with three digits that count: `640 µs`, `12.3 ms`, `1.23 s`, `2m03s`.
pub(crate) fn brief(lapse: Lapse) -> String {
    let micros = lapse.micros();
    let in_units = |unit: u64, name: &str| {
        let value = micros as f64 / unit as f64;
        let digits = if value < 9.995 {
            2
        } else if value < 99.95 {
            1
        } else {
            0
        };
        format!("{value:.digits$} {name}")
    };
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => in_units(1_000, "ms"),
        1_000_000..60_000_000 => in_units(1_000_000, "s"),
        _ => format!("{}m{:02}s", micros / 60_000_000, micros / 1_000_000 % 60),
    }
}

/// `1 check`, `2 checks`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The first few of a list, and how many more there are.
pub(crate) fn listed<'a>(items: impl IntoIterator<Item = &'a str>, room: usize) -> String {
    let items: Vec<&str> = items.into_iter().collect();
    let mut text = String::new();
    for (i, item) in items.iter().enumerate() {
        let more = items.len() - i;
        let tail = if more > 1 { format!(" and {} more", more - 1).len() } else { 0 };
        if i > 0 && text.width() + 2 + item.width() + tail > room {
            return format!("{text} and {more} more");
        }
        if i > 0 {
            text.push_str(", ");
        }
        text.push_str(item);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_command_stays_one_command() {
        let command = "curl -sS -H 'accept: text/html, a b' -u \"a b:c\" 'http://127.0.0.1:8080/d/7d0bd618'";
        let wrapped = wrap(command, 30, Break::Shell);
        assert_eq!(
            wrapped,
            ["curl -sS -H \\", "'accept: text/html, a b' -u \\", "\"a b:c\" \\", "'http://127.0.0.1:8080/d/7d0bd618'"]
        );
    }

    #[test]
    fn a_shell_reads_back_every_name_that_is_told_however_it_is_wrapped() {
        let names: [&[u8]; 9] = [
            b"app.db",
            b"my app.db",
            b"it's a \"copy\" of it.db",
            b"$(touch x)`id`;&.db",
            b"two\nlines and\x1b[2J.db",
            b"it's\x07 a \"bell\" \\ here.db",
            b"caf\xe9 menu.db",
            "\u{202e}bd.ppa".as_bytes(),
            b"",
        ];
        for name in names {
            let mut layout = Layout::new(&Page { width: 30, ..Page::FILE });
            layout.command(0, "do", &format!("printf %s {}", shell_word(OsStr::from_bytes(name))));
            let text = layout.finish();
            assert!(text.lines().all(|line| !line.contains(char::is_control)), "{text}");
            let script = text.trim_start().strip_prefix("do").unwrap();
            let said = std::process::Command::new("bash").args(["-c", script]).output().unwrap();
            assert_eq!(said.stdout, name, "{text}");
        }
        assert_eq!(shell_word(OsStr::new("-rf")), "./-rf");
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken_and_nothing_is_lost() {
        let text = "x".repeat(95);
        let wrapped = wrap(&text, 40, Break::Words);
        assert_eq!(wrapped.concat(), text);
        assert!(wrapped.iter().all(|line| line.width() <= 40));
        assert_eq!(wrap("多字多字", 4, Break::Words), ["多字", "多字"]);
        assert_eq!(wrap("", 10, Break::Words), [""]);
    }

    #[test]
    fn what_was_seen_cannot_move_the_cursor_or_turn_the_text_around() {
        assert_eq!(plain("\u{1b}[2Jgone\u{202e}x\ty"), "\\u{1b}[2Jgone\\u{202e}x  y");
    }

    #[test]
    fn lengths_of_time_have_three_digits_that_count() {
        let of = |micros| brief(Lapse(std::time::Duration::from_micros(micros)));
        assert_eq!(
            [0, 999, 1_000, 12_345, 999_949, 1_234_567, 123_000_000].map(of),
            ["0 µs", "999 µs", "1.00 ms", "12.3 ms", "1000 ms", "1.23 s", "2m03s"]
        );
    }

    #[test]
    fn a_long_list_says_how_many_it_leaves_out() {
        assert_eq!(listed(["a", "b"], 20), "a, b");
        assert_eq!(listed(["alpha", "beta", "gamma", "delta"], 20), "alpha and 3 more");
    }
}
