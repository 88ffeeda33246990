//! A Rust file as the rules read it: code without comments and literals, and which lines are tests.

/// One lexed file.
pub(super) struct Source {
    /// The text with comments and the insides of literals blanked; every line keeps its number and its columns.
    code: String,
    /// For each line whether it is compiled for tests alone.
    tests: Vec<bool>,
    /// The lines of documentation, as `(line, text without its marker)`.
    docs: Vec<(usize, String)>,
}

impl Source {
    /// Lexes a file.
    pub(super) fn of(path: &str, text: &str) -> Source {
        let code = blank(text);
        let whole = path.contains("/tests/") || path.ends_with("/tests.rs") || path.starts_with("scenarios/");
        let mut tests = vec![whole; code.lines().count()];
        if !whole {
            mark_tests(&code, &mut tests);
        }
        let docs = text.lines().enumerate().filter_map(|(at, line)| Some((at + 1, documentation(line)?))).collect();
        Source { code, tests, docs }
    }

    /// Every line of code, as `(line number, code)`.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// The lines that are in the shipped program.
    pub(super) fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(line, _)| !self.tests[line - 1])
    }

    /// The lines that are compiled for tests alone.
    pub(super) fn tested(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(line, _)| self.tests[line - 1])
    }

    /// The lines of its doc comments.
    pub(super) fn docs(&self) -> &[(usize, String)] {
        &self.docs
    }

    /// Every path that a `use` brings in, with groups written out: `use std::{fs, io::{self, Read}}` is three paths.
    pub(super) fn uses(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut rest = self.code.as_str();
        while let Some(at) = rest.find("use ") {
            let before = &self.code[..self.code.len() - rest.len() + at];
            let stands_alone = before.chars().next_back().is_none_or(|c| c.is_whitespace() || c == '}' || c == ';');
            rest = &rest[at + 4..];
            if let (true, Some(end)) = (stands_alone, rest.find(';')) {
                expand("", &rest[..end], before.matches('\n').count() + 1, &mut found);
            }
        }
        found
    }
}

/// Whether the code speaks of `name` as a whole word or path, not as a part of a longer one.
pub(super) fn mentions(code: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].chars().next();
        let goes_on = name.ends_with(word) && after.is_some_and(word);
        let began_before = name.starts_with(word) && before.is_some_and(word);
        !goes_on && !began_before
    })
}

/// The text of a line of documentation.
fn documentation(line: &str) -> Option<String> {
    let line = line.trim_start();
    let text = line.strip_prefix("///").filter(|rest| !rest.starts_with('/')).or_else(|| line.strip_prefix("//!"))?;
    Some(text.strip_prefix(' ').unwrap_or(text).to_owned())
}

/// Writes a use tree out; `self` is the prefix itself.
fn expand(prefix: &str, tree: &str, line: usize, found: &mut Vec<(usize, String)>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        let path = if path == "self" { prefix.trim_end_matches("::").to_owned() } else { format!("{prefix}{path}") };
        if !path.is_empty() {
            found.push((line, path));
        }
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expand(&prefix, &group[start..at], line, found);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&prefix, &group[start..], line, found);
}

/// Marks the item under each `#[cfg(test)]`, to its closing brace or semicolon.
fn mark_tests(code: &str, tests: &mut [bool]) {
    for (at, marker) in code.match_indices("#[cfg(test)]").chain(code.match_indices("#[cfg(all(test,")) {
        let (mut depth, mut end) = (0_usize, code.len());
        // A semicolon in `[u8; 3]` ends nothing.
        for (offset, byte) in code[at + marker.len()..].bytes().enumerate() {
            match byte {
                b'{' | b'[' | b'(' => depth += 1,
                b'}' | b']' | b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(byte, b'}' | b';') {
                end = at + marker.len() + offset;
                break;
            }
        }
        let first = code[..at].matches('\n').count();
        let last = first + code[at..end].matches('\n').count();
        tests.iter_mut().take(last + 1).skip(first).for_each(|line| *line = true);
    }
}

/// Replaces comments and the insides of literals by spaces.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !after_word(bytes, at) || matches!(bytes[at - 1], b'b' | b'c') => match raw_end(bytes, at) {
                Some(end) => end,
                None => at,
            },
            b'\'' => char_end(bytes, at),
            _ => at,
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    // What was blanked is whole characters, so what is left is text.
    String::from_utf8_lossy(&code).into_owned()
}

fn after_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"..."` or `r#"..."#`; `None` for a raw identifier or a plain `r`.
fn raw_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| open + 1 + length + close.len()))
}

/// The end of a character literal; a lifetime ends where it starts.
fn char_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let close = bytes[(at + 3).min(bytes.len())..].iter().position(|byte| *byte == b'\'');
        return close.map_or(bytes.len(), |length| at + 3 + length + 1);
    }
    // One character of up to four bytes, then a quote.
    let width = bytes[at + 1..].iter().skip(1).take_while(|byte| **byte & 0xC0 == 0x80).count() + 1;
    if bytes.get(at + 1 + width) == Some(&b'\'') { at + width + 2 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str) {
        assert_eq!(blank(text), code);
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check(r#"f("todo!() \" x", y)"#, "f(              , y)");
        check(r##"f(r#"a " b"#, y)"##, "f(          , y)");
        check(r#"f(br"a\", y)"#, "f(b     , y)");
        check("f('\"', '\\'', '\\u{e9}', 'é', x)", "f(   ,     ,         ,     , x)");
    }

    #[test]
    fn lifetimes_and_names_with_an_r_are_code() {
        check("fn f<'a>(x: &'a str) -> r#type { for_r }", "fn f<'a>(x: &'a str) -> r#type { for_r }");
    }

    #[test]
    fn what_follows_a_test_module_is_shipped() {
        let source =
            Source::of("crates/x/src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n");
        let shipped: Vec<usize> = source.shipped().map(|(line, _)| line).collect();
        assert_eq!(shipped, [1, 6]);
    }

    #[test]
    fn an_item_for_tests_ends_with_its_body_or_its_semicolon() {
        let text = "#[cfg(test)]\nuse a::{b, c};\nfn d() {}\n#[cfg(test)]\nfn e() -> [u8; 1] {\n  [1]\n}\nfn f() {}\n";
        let source = Source::of("crates/x/src/a.rs", text);
        let shipped: Vec<usize> = source.shipped().map(|(line, _)| line).collect();
        assert_eq!(shipped, [3, 8]);
    }

    #[test]
    fn a_file_of_tests_is_all_tests() {
        assert_eq!(Source::of("crates/x/tests/a.rs", "fn a() {}\n").shipped().count(), 0);
    }

    #[test]
    fn a_group_of_uses_is_written_out() {
        let source = Source::of("a.rs", "use std::{fs, io::{self, Read as R}};\npub use x::y;\nfn reuse () {}\n");
        let uses: Vec<String> = source.uses().into_iter().map(|(line, path)| format!("{line} {path}")).collect();
        assert_eq!(uses, ["1 std::fs", "1 std::io", "1 std::io::Read", "2 x::y"]);
    }

    #[test]
    fn a_name_is_a_whole_word() {
        assert!(mentions("x = Instant::now();", "Instant::now"));
        assert!(!mentions("eprintln!()", "println!"));
        assert!(!mentions("tokio_like::x", "tokio"));
    }
}
