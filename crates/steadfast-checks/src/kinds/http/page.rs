//! What an HTML page is made of, found in its source without changing a byte of the rest: its tags, its main content,
//! its shell, the texts that a visitor sees.

use std::ops::Range;

/// A tag in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    /// Its name, in lower case.
    pub(super) name: String,
    /// From `<` to behind `>`.
    pub(super) range: Range<usize>,
    /// Whether it is an end tag.
    pub(super) closing: bool,
    /// Whether it can have no content: void elements, and `<x/>`.
    pub(super) empty: bool,
}

const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
const RAW: [&str; 5] = ["script", "style", "textarea", "title", "noscript"];
/// What belongs to the page's frame wherever it stands right under `<body>`.
const FRAME: [&str; 10] =
    ["header", "nav", "footer", "aside", "script", "style", "noscript", "link", "meta", "template"];

/// All tags in order. What is no tag is passed over; nothing here can fail.
pub(super) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(found) = html[at..].find('<') {
        let start = at + found;
        let rest = &html[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            at = comment.find("-->").map_or(html.len(), |end| start + 4 + end + 3);
            continue;
        }
        let closing = rest.starts_with("</");
        let name_at = start + if closing { 2 } else { 1 };
        let name: String = html[name_at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            at = start + 1;
            continue;
        }
        let end = tag_end(html, name_at + name.len());
        let name = name.to_ascii_lowercase();
        let empty = !closing && (VOID.contains(&name.as_str()) || html[..end].ends_with("/>"));
        at = end;
        if !closing && !empty && RAW.contains(&name.as_str()) {
            at = raw_end(html, end, &name);
        }
        tags.push(Tag { name, range: start..end, closing, empty });
    }
    tags
}

/// Behind the `>` that ends a tag; quoted values may hold one.
fn tag_end(html: &str, from: usize) -> usize {
    let mut quote = None;
    for (i, byte) in html.as_bytes()[from..].iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return from + i + 1,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            (None | Some(_), _) => {}
        }
    }
    html.len()
}

/// Where the end tag of an element with raw text begins.
fn raw_end(html: &str, from: usize, name: &str) -> usize {
    let rest = &html.as_bytes()[from..];
    let wanted = format!("</{name}");
    let found = rest.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()));
    found.map_or(html.len(), |at| from + at)
}

/// Where the element of the start tag `tags[i]` ends: the range between its tags, and the index of its end tag.
fn element(tags: &[Tag], i: usize, length: usize) -> (Range<usize>, usize) {
    let from = tags[i].range.end;
    if tags[i].empty {
        return (from..from, i);
    }
    let mut depth = 0;
    for (j, tag) in tags.iter().enumerate().skip(i) {
        if tag.name == tags[i].name && !tag.empty {
            if tag.closing {
                depth -= 1;
            } else {
                depth += 1;
            }
            if depth == 0 {
                return (from..tag.range.start, j);
            }
        }
    }
    (from..length, tags.len())
}

/// The parts of the source that are the page's main content: what is inside `<main>` (or `role="main"`), otherwise
/// what is inside `<body>` without its headers, footers, navigation and scripts.
pub(super) fn main_content(html: &str) -> Vec<Range<usize>> {
    let tags = tags(html);
    let is_main = |tag: &&Tag| {
        let source = &html[tag.range.clone()];
        !tag.closing && (tag.name == "main" || source.contains("role=\"main\"") || source.contains("role=main"))
    };
    if let Some(i) = tags.iter().position(|tag| is_main(&tag)) {
        return vec![element(&tags, i, html.len()).0];
    }
    let body = tags.iter().position(|tag| tag.name == "body" && !tag.closing);
    let (inside, mut i) = match body {
        Some(i) => (element(&tags, i, html.len()).0, i + 1),
        None => {
            let head = tags.iter().position(|tag| tag.name == "head" && tag.closing);
            (head.map_or(0, |i| tags[i].range.end)..html.len(), head.map_or(0, |i| i + 1))
        }
    };
    let mut parts = Vec::new();
    let mut from = inside.start;
    while i < tags.len() && tags[i].range.start < inside.end {
        if tags[i].closing {
            i += 1;
            continue;
        }
        let (content, last) = element(&tags, i, inside.end);
        let end = tags.get(last).map_or(inside.end, |tag| tag.range.end).max(content.end);
        if FRAME.contains(&tags[i].name.as_str()) {
            parts.push(from..tags[i].range.start);
            from = end;
        }
        i = last + 1;
    }
    parts.push(from..inside.end.max(from));
    parts.retain(|part| !html[part.clone()].trim().is_empty());
    parts
}

/// The page without its main content.
pub(super) fn shell(html: &str) -> String {
    let mut shell = String::with_capacity(html.len());
    let mut from = 0;
    for part in main_content(html) {
        shell.push_str(&html[from..part.start]);
        from = part.end;
    }
    shell.push_str(&html[from..]);
    shell
}

/// A text that a visitor sees in the main content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// As it stands in the source.
    pub(super) source: &'a str,
    /// The level of the heading that it is, 7 for any other text.
    pub(super) level: u8,
}

/// The visible texts of the main content, in order.
pub(super) fn main_texts(html: &str) -> Vec<Text<'_>> {
    let tags = tags(html);
    let mut texts = Vec::new();
    for part in main_content(html) {
        let mut from = part.start;
        let mut level = 7;
        let mut hidden = false;
        let inside = tags.iter().filter(|tag| part.contains(&tag.range.start));
        for (range, tag) in inside.map(|tag| (tag.range.clone(), Some(tag))).chain([(part.end..part.end, None)]) {
            let text = html.get(from..range.start).unwrap_or_default().trim();
            if !hidden && text.chars().filter(|c| c.is_alphanumeric()).count() >= 2 {
                texts.push(Text { source: text, level });
            }
            from = range.end;
            let Some(tag) = tag else { break };
            hidden = RAW.contains(&tag.name.as_str()) && !tag.closing;
            level = match (tag.name.as_bytes(), tag.closing) {
                ([b'h', digit @ b'1'..=b'6'], false) => digit - b'0',
                ([b'h', b'1'..=b'6'], true) => 7,
                (_, _) => level,
            };
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!doctype html><html><head><title>Shop <b></title></head><body>\
        <header><nav><a href=\"/?a>b\">Home</a></nav></header>\
        <main class=x><h1>Timothy</h1><section><h2>Meaning</h2><p>one who honours</p></section></main>\
        <footer>© Shop</footer><script>if (a < b) { '<main>' }</script></body></html>";

    #[test]
    fn the_shell_is_the_page_without_its_main_content() {
        let shell = shell(PAGE);
        assert!(shell.contains("<nav>") && shell.contains("© Shop") && shell.contains("<title>Shop <b></title>"));
        assert!(!shell.contains("Timothy") && !shell.contains("honours"));
    }

    #[test]
    fn without_a_main_element_the_frame_is_what_stays() {
        let page = PAGE.replace("<main class=x>", "<div>").replace("</main>", "</div>");
        let shell = shell(&page);
        assert!(shell.contains("<nav>") && shell.contains("© Shop") && !shell.contains("Timothy"), "{shell}");
    }

    #[test]
    fn texts_come_with_the_level_of_their_heading() {
        let texts: Vec<(&str, u8)> = main_texts(PAGE).into_iter().map(|text| (text.source, text.level)).collect();
        assert_eq!(texts, [("Timothy", 1), ("Meaning", 2), ("one who honours", 7)]);
    }

    proptest::proptest! {
        #[test]
        fn no_page_is_too_broken_to_be_taken_apart(html in "[<>/a-z\"'= !-]{0,80}|\\PC{0,40}") {
            let _ = (shell(&html), main_texts(&html));
        }
    }
}
