//! Commands as a POSIX shell would split them (XCU 2.2, 2.3), without a shell: nothing is run, and what would have to be
//! run is refused with its place. Variables stay variables: `${NAME}`, and a dollar that is none is `$$`, as
//! [`Template::expanding`](super::http_look::Template::expanding) reads them.

use super::document::{At, Trouble};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where its first word stands.
    pub(crate) at: At,
    /// Its words.
    pub(crate) words: Vec<String>,
    /// The comment lines above it.
    pub(crate) comments: Vec<String>,
    /// Whether the next command reads what this one says.
    pub(crate) is_piped: bool,
}

/// Splits a text into its commands. Pipes, lists and redirections end a command's words.
pub(crate) fn split(text: &str) -> Result<Vec<Line>, Trouble> {
    let mut reader = Reader { rest: text.chars().collect(), place: 0, line: 1, column: 1 };
    let mut lines = Vec::new();
    let mut comments: Vec<String> = Vec::new();
    let mut current: Option<Line> = None;
    loop {
        let at = At { line: reader.line, column: reader.column };
        let Some(c) = reader.peek() else { break };
        match c {
            ' ' | '\t' | '\r' => drop(reader.next()),
            '\\' if reader.peek_at(1) == Some('\n') || reader.peek_at(1) == Some('\r') => {
                reader.next();
                reader.until(|c| c == '\n');
                reader.next();
            }
            '\n' | ';' | '&' | '|' | '(' | ')' => {
                let blank = c == '\n' && reader.peek_at(1) == Some('\n');
                let is_list = reader.peek_at(1) == Some(c);
                reader.next();
                if c == '|' && is_list {
                    reader.next();
                }
                let is_piped = c == '|' && !is_list;
                lines.extend(current.take().map(|line| Line { is_piped, ..line }));
                if blank {
                    comments.clear();
                }
            }
            '#' => {
                reader.next();
                let comment = reader.until(|c| c == '\n');
                if current.is_none() {
                    comments.push(comment.trim().to_owned());
                }
            }
            '<' | '>' => {
                if reader.peek_at(1) == Some('<') {
                    let what = "a here-document: put what it sends into --data".to_owned();
                    return Err(Trouble { at, what });
                }
                reader.until(|c| !matches!(c, '<' | '>' | '&' | '|'));
                reader.until(|c| !matches!(c, ' ' | '\t'));
                // Where the output goes says nothing about the request.
                reader.word()?;
            }
            _ => {
                let word = reader.word()?;
                let line = current.get_or_insert_with(|| Line {
                    at,
                    words: Vec::new(),
                    comments: std::mem::take(&mut comments),
                    is_piped: false,
                });
                // `2>/dev/null`: the number belongs to the redirection.
                let number = word.bytes().all(|b| b.is_ascii_digit()) && matches!(reader.peek(), Some('<' | '>'));
                if !number {
                    line.words.push(word);
                }
            }
        }
    }
    lines.extend(current);
    lines.retain(|line| !line.words.is_empty());
    Ok(lines)
}

struct Reader {
    rest: Vec<char>,
    place: usize,
    line: usize,
    column: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.place + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.place += 1;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| !ends(*c)) {
            text.push(c);
            self.next();
        }
        text
    }

    /// One word, its quotes taken away.
    fn word(&mut self) -> Result<String, Trouble> {
        let mut word = String::new();
        while let Some(c) = self.peek() {
            let at = At { line: self.line, column: self.column };
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\'' => {
                    self.next();
                    let text = self.until(|c| c == '\'');
                    self.closes('\'', at)?;
                    word.push_str(&text.replace('$', "$$"));
                }
                '"' => {
                    self.next();
                    self.double(&mut word, at)?;
                }
                '$' if self.peek_at(1) == Some('\'') => {
                    self.next();
                    self.next();
                    self.ansi(&mut word, at)?;
                }
                '$' => self.dollar(&mut word, at)?,
                '`' => return Err(command_within(at)),
                '\\' => {
                    self.next();
                    match self.next() {
                        Some('\n') | None => {}
                        Some('$') => word.push_str("$$"),
                        Some(c) => word.push(c),
                    }
                }
                c => {
                    word.push(c);
                    self.next();
                }
            }
        }
        Ok(word)
    }

    fn double(&mut self, word: &mut String, began: At) -> Result<(), Trouble> {
        loop {
            let at = At { line: self.line, column: self.column };
            match self.peek() {
                None => return Err(Trouble { at: began, what: "a quote that nothing closes".to_owned() }),
                Some('"') => {
                    self.next();
                    return Ok(());
                }
                Some('\\') => {
                    self.next();
                    match self.next() {
                        Some('$') => word.push_str("$$"),
                        Some(c @ ('`' | '"' | '\\')) => word.push(c),
                        Some('\n') | None => {}
                        Some(c) => word.extend(['\\', c]),
                    }
                }
                Some('$') => self.dollar(word, at)?,
                Some('`') => return Err(command_within(at)),
                Some(c) => {
                    word.push(c);
                    self.next();
                }
            }
        }
    }

    /// `$NAME`, `${NAME}`, or a dollar.
    fn dollar(&mut self, word: &mut String, at: At) -> Result<(), Trouble> {
        self.next();
        match self.peek() {
            Some('(') => Err(command_within(at)),
            Some('{') => {
                self.next();
                let name = self.until(|c| c == '}');
                self.closes('}', at)?;
                let tame = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if name.is_empty() || !name.chars().all(tame) {
                    let what = format!("`${{{name}}}` is more than a variable, and nothing is computed here");
                    return Err(Trouble { at, what });
                }
                word.push_str(&format!("${{{name}}}"));
                Ok(())
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self.until(|c| !c.is_ascii_alphanumeric() && c != '_');
                word.push_str(&format!("${{{name}}}"));
                Ok(())
            }
            Some(_) | None => {
                word.push_str("$$");
                Ok(())
            }
        }
    }

    /// `$'...'`, as browsers copy commands.
    fn ansi(&mut self, word: &mut String, began: At) -> Result<(), Trouble> {
        loop {
            match self.next() {
                None => return Err(Trouble { at: began, what: "a quote that nothing closes".to_owned() }),
                Some('\'') => return Ok(()),
                Some('$') => word.push_str("$$"),
                Some('\\') => match self.next() {
                    Some('n') => word.push('\n'),
                    Some('r') => word.push('\r'),
                    Some('t') => word.push('\t'),
                    Some('x') => word.extend(self.code(2)),
                    Some('u') => word.extend(self.code(4)),
                    Some('U') => word.extend(self.code(8)),
                    Some(c) => word.push(c),
                    None => {}
                },
                Some(c) => word.push(c),
            }
        }
    }

    fn code(&mut self, most: usize) -> Option<char> {
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(|c| digits.len() < most && c.is_ascii_hexdigit()) {
            digits.push(c);
            self.next();
        }
        u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
    }

    fn closes(&mut self, wanted: char, began: At) -> Result<(), Trouble> {
        match self.next() {
            Some(c) if c == wanted => Ok(()),
            Some(_) | None => Err(Trouble { at: began, what: "a quote that nothing closes".to_owned() }),
        }
    }
}

fn command_within(at: At) -> Trouble {
    Trouble { at, what: "a command within a command: nothing is run here, so say what it comes to".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        let lines = split(text).unwrap_or_else(|trouble| panic!("{trouble:?}"));
        let words: Vec<Vec<&str>> = lines.iter().map(|line| line.words.iter().map(String::as_str).collect()).collect();
        assert_eq!(words, expected, "{text}");
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        check("curl 'a b' \"c $D\" e\\ f", &[&["curl", "a b", "c ${D}", "e f"]]);
        check("curl -s \\\n  x # end\ncurl y", &[&["curl", "-s", "x"], &["curl", "y"]]);
        check("curl x 2>/dev/null | jq . && curl y > z", &[&["curl", "x"], &["jq", "."], &["curl", "y"]]);
        check(r#"curl $'it\'s\n\u00fc' '$A' "\$B""#, &[&["curl", "it's\nü", "$$A", "$$B"]]);
        check("curl ''", &[&["curl", ""]]);
    }

    #[test]
    fn what_would_have_to_be_run_or_is_not_closed_is_refused_with_its_place() {
        for (text, line, what) in [
            ("curl \"$(date)\"", 1, "a command within"),
            ("\ncurl `date`", 2, "a command within"),
            ("curl 'a\nb", 1, "nothing closes"),
            ("curl ${A:-b}", 1, "more than a variable"),
            ("curl -d @- <<END\nx\nEND", 1, "here-document"),
        ] {
            let trouble = split(text).expect_err("refused");
            assert!(trouble.at.line == line && trouble.what.contains(what), "{trouble:?}");
        }
    }
}
