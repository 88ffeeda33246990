//! YAML, and JSON with it, as a tree in which everything has its place: for messages, and for the comments that belong
//! to what stands below them. What could blow up is bounded.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

/// The longest text that is read.
const LONGEST: usize = 8 << 20;
/// The most values, those that aliases repeat counted each time: a bomb is refused before it is built.
const MOST_NODES: usize = 200_000;
/// The deepest nesting.
const DEEPEST: usize = 100;

/// Where something stands: line and column, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) at: At,
    pub(crate) what: String,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) raw: Raw,
    /// The last line that any of it stands on.
    pub(crate) last_line: usize,
    /// How many values it is made of.
    weight: usize,
}

/// What sort of value.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    /// Nothing was written, or `null`.
    Null,
    /// A word without quotes or with them.
    Scalar { text: String, quoted: bool },
    /// A list.
    List(Vec<Rc<Node>>),
    /// A table, in its order.
    Table(Vec<Pair>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) key_at: At,
    pub(crate) value: Rc<Node>,
}

/// A text, read.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Rc<Node>,
    /// Every comment, without its `#`, by line.
    pub(crate) comments: BTreeMap<usize, String>,
}

impl Node {
    /// A table without keys, for one that was left out.
    pub(crate) fn empty() -> Node {
        Node { at: At { line: 1, column: 1 }, raw: Raw::Table(Vec::new()), last_line: 1, weight: 1 }
    }

    /// A value of a table.
    pub(crate) fn get(&self, key: &str) -> Option<&Rc<Node>> {
        match &self.raw {
            Raw::Table(pairs) => pairs.iter().find(|pair| pair.key == key).map(|pair| &pair.value),
            Raw::Null | Raw::Scalar { .. } | Raw::List(_) => None,
        }
    }

    /// The pairs of a table; none of anything else.
    pub(crate) fn pairs(&self) -> &[Pair] {
        match &self.raw {
            Raw::Table(pairs) => pairs,
            Raw::Null | Raw::Scalar { .. } | Raw::List(_) => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Rc<Node>] {
        match &self.raw {
            Raw::List(items) => items,
            Raw::Null | Raw::Scalar { .. } | Raw::Table(_) => &[],
        }
    }

    /// What is written, if it is one word or text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.raw {
            Raw::Scalar { text, .. } => Some(text),
            Raw::Null | Raw::List(_) | Raw::Table(_) => None,
        }
    }

    /// `true` or `false`, as YAML 1.1 and 1.2 write them.
    pub(crate) fn truth(&self) -> Option<bool> {
        match &self.raw {
            Raw::Scalar { text, quoted: false } => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => Some(true),
                "false" | "no" | "off" => Some(false),
                _ => None,
            },
            Raw::Scalar { .. } | Raw::Null | Raw::List(_) | Raw::Table(_) => None,
        }
    }

    /// Whether nothing is there.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.raw, Raw::Null)
    }

    /// What sort of value it is, in words.
    pub(crate) fn sort(&self) -> &'static str {
        match &self.raw {
            Raw::Null => "empty",
            Raw::Scalar { .. } => "one value",
            Raw::List(_) => "a list",
            Raw::Table(_) => "a table",
        }
    }

    /// The same as JSON, by YAML's core schema.
    pub(crate) fn json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.raw {
            Raw::Null => Value::Null,
            Raw::List(items) => Value::Array(items.iter().map(|item| item.json()).collect()),
            Raw::Table(pairs) => pairs.iter().map(|pair| (pair.key.clone(), pair.value.json())).collect(),
            Raw::Scalar { text, quoted: true } => Value::String(text.clone()),
            Raw::Scalar { text, quoted: false } => match (text.as_str(), text.parse::<i64>(), text.parse::<f64>()) {
                ("true" | "True" | "TRUE", _, _) => Value::Bool(true),
                ("false" | "False" | "FALSE", _, _) => Value::Bool(false),
                (_, Ok(number), _) => number.into(),
                // Words such as `inf` are floats to Rust and text to people.
                (written, _, Ok(number)) if written.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                    serde_json::Number::from_f64(number).map_or_else(|| Value::String(text.clone()), Value::Number)
                }
                (_, _, Ok(_) | Err(_)) => Value::String(text.clone()),
            },
        }
    }
}

impl Document {
    /// Reads a text. The first thing that is wrong ends it.
    pub(crate) fn read(text: &str) -> Result<Document, Trouble> {
        let start = At { line: 1, column: 1 };
        if text.len() > LONGEST {
            let what = format!("it is {} MiB long; {} MiB are read", text.len() >> 20, LONGEST >> 20);
            return Err(Trouble { at: start, what });
        }
        let mut builder = Builder::default();
        for next in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
            let (event, span) = next.map_err(|why| {
                let (line, column) = (why.marker().line().max(1), why.marker().col() + 1);
                Trouble { at: At { line, column }, what: why.kind().to_string() }
            })?;
            let at = At { line: span.start.line().max(1), column: span.start.col() + 1 };
            builder.take(event, at, span.end.line())?;
        }
        match builder.root {
            Some(root) => Ok(Document { root, comments: builder.comments }),
            None => Err(Trouble { at: start, what: "there is nothing in it".to_owned() }),
        }
    }

    /// The comments on these lines, both included.
    pub(crate) fn comments_between(&self, first: usize, last: usize) -> Vec<String> {
        if first > last {
            return Vec::new();
        }
        self.comments.range(first..=last).map(|(_, text)| text.clone()).collect()
    }
}

/// Builds the tree from the events of the parser, without recursion.
#[derive(Default)]
struct Builder {
    root: Option<Rc<Node>>,
    open: Vec<Open>,
    anchored: BTreeMap<usize, Rc<Node>>,
    comments: BTreeMap<usize, String>,
    nodes: usize,
    documents: usize,
}

/// A list or table that is not finished.
struct Open {
    at: At,
    anchor: usize,
    raw: Raw,
    key: Option<(String, At)>,
    merged: Vec<Rc<Node>>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: At, last_line: usize) -> Result<(), Trouble> {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Anchor(..) => Ok(()),
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Trouble { at, what: "a second document begins here; one is read".to_owned() });
                }
                Ok(())
            }
            Event::Comment(text, _) => {
                self.comments.insert(at.line, text.trim().to_owned());
                Ok(())
            }
            Event::UnresolvedAlias(name) => {
                Err(Trouble { at, what: format!("there is no anchor `{name}` before this") })
            }
            Event::Alias(id) => match self.anchored.get(&id).cloned() {
                Some(node) => {
                    // Its place is where it is used; its lines are elsewhere.
                    let here = Node { at, last_line: at.line, ..(*node).clone() };
                    let weight = here.weight;
                    self.put(Rc::new(here), weight)
                }
                None => Err(Trouble { at, what: "this alias stands within what it repeats".to_owned() }),
            },
            Event::Scalar(text, style, anchor, _) => {
                let quoted = style != ScalarStyle::Plain;
                let null = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let raw = if null { Raw::Null } else { Raw::Scalar { text: text.into_owned(), quoted } };
                // A block's end is the beginning of the line after it.
                let last = if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                    last_line.saturating_sub(1).max(at.line)
                } else {
                    last_line
                };
                let node = Rc::new(Node { at, raw, last_line: last, weight: 1 });
                self.name(anchor, &node);
                self.put(node, 1)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(Raw::List(Vec::new()), at, anchor),
            Event::MappingStart(_, anchor, _) => self.begin(Raw::Table(Vec::new()), at, anchor),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            // The parser's list of events may grow; these are all that YAML has today.
            _ => Ok(()),
        }
    }

    fn begin(&mut self, raw: Raw, at: At, anchor: usize) -> Result<(), Trouble> {
        if self.open.len() >= DEEPEST {
            return Err(Trouble { at, what: format!("it is nested more than {DEEPEST} deep") });
        }
        self.open.push(Open { at, anchor, raw, key: None, merged: Vec::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Trouble> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        if let Raw::Table(pairs) = &mut open.raw {
            // `<<: *defaults`: what is written here comes before what is merged.
            for merged in &open.merged {
                for pair in merged.pairs() {
                    if !pairs.iter().any(|own| own.key == pair.key) {
                        pairs.push(pair.clone());
                    }
                }
            }
        }
        let (weight, last_line) = match &open.raw {
            Raw::List(items) => items.iter().fold((1, open.at.line), |(w, l), n| (w + n.weight, l.max(n.last_line))),
            Raw::Table(pairs) => pairs
                .iter()
                .fold((1, open.at.line), |(w, l), pair| (w + pair.value.weight, l.max(pair.value.last_line))),
            Raw::Null | Raw::Scalar { .. } => (1, open.at.line),
        };
        let node = Rc::new(Node { at: open.at, raw: open.raw, last_line, weight });
        self.name(open.anchor, &node);
        self.put(node, 1)
    }

    fn name(&mut self, anchor: usize, node: &Rc<Node>) {
        if anchor != 0 {
            self.anchored.insert(anchor, Rc::clone(node));
        }
    }

    fn put(&mut self, node: Rc<Node>, more: usize) -> Result<(), Trouble> {
        self.nodes += more;
        if self.nodes > MOST_NODES {
            let what = format!("with what its aliases repeat it is more than {MOST_NODES} values");
            return Err(Trouble { at: node.at, what });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.raw {
            Raw::List(items) => items.push(node),
            Raw::Table(pairs) => match open.key.take() {
                None => {
                    let key = match &node.raw {
                        Raw::Scalar { text, .. } => text.clone(),
                        Raw::Null => String::new(),
                        Raw::List(_) | Raw::Table(_) => {
                            return Err(Trouble { at: node.at, what: format!("{} as a key", node.sort()) });
                        }
                    };
                    open.key = Some((key, node.at));
                }
                Some((key, _)) if key == "<<" => match &node.raw {
                    Raw::List(items) => open.merged.extend(items.iter().cloned()),
                    Raw::Null | Raw::Scalar { .. } | Raw::Table(_) => open.merged.push(node),
                },
                Some((key, key_at)) => {
                    if let Some(first) = pairs.iter().find(|pair| pair.key == key) {
                        let what = format!("`{key}` stands here again; it is on line {} already", first.key_at.line);
                        return Err(Trouble { at: key_at, what });
                    }
                    pairs.push(Pair { key, key_at, value: node });
                }
            },
            Raw::Null | Raw::Scalar { .. } => {}
        }
        Ok(())
    }
}

/// A table with the keys that were asked for: the others are unknown.
pub(crate) struct Fields<'a, 't> {
    node: &'a Node,
    asked: Vec<&'static str>,
    troubles: &'t mut Vec<Trouble>,
}

impl<'a, 't> Fields<'a, 't> {
    /// Opens a table; anything else is a trouble, and as if it were empty.
    pub(crate) fn of(node: &'a Node, what: &str, troubles: &'t mut Vec<Trouble>) -> Fields<'a, 't> {
        if !matches!(node.raw, Raw::Table(_)) {
            troubles.push(Trouble { at: node.at, what: format!("{what} is {}, and has to be a table", node.sort()) });
        }
        Fields { node, asked: Vec::new(), troubles }
    }

    /// Any value that is there.
    pub(crate) fn any(&mut self, key: &'static str) -> Option<&'a Rc<Node>> {
        self.asked.push(key);
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        let node = self.any(key)?;
        let text = node.text().map(str::to_owned);
        self.hold(text, key, node, "one value")
    }

    /// A yes or no.
    pub(crate) fn truth(&mut self, key: &'static str) -> Option<bool> {
        let node = self.any(key)?;
        self.hold(node.truth(), key, node, "true or false")
    }

    /// A list.
    pub(crate) fn list(&mut self, key: &'static str) -> &'a [Rc<Node>] {
        let Some(node) = self.any(key) else { return &[] };
        let items = matches!(node.raw, Raw::List(_)).then(|| node.items());
        self.hold(items, key, node, "a list").unwrap_or_default()
    }

    /// A list of texts; one text stands for itself.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(node) = self.any(key) else { return Vec::new() };
        let texts: Option<Vec<String>> = match &node.raw {
            Raw::Scalar { text, .. } => Some(vec![text.clone()]),
            Raw::List(items) => items.iter().map(|item| item.text().map(str::to_owned)).collect(),
            Raw::Null | Raw::Table(_) => None,
        };
        self.hold(texts, key, node, "a list of texts").unwrap_or_default()
    }

    /// A table of texts.
    pub(crate) fn map(&mut self, key: &'static str) -> Vec<(String, String)> {
        let Some(node) = self.any(key) else { return Vec::new() };
        let pairs: Option<Vec<(String, String)>> = matches!(node.raw, Raw::Table(_))
            .then(|| node.pairs().iter())
            .and_then(|pairs| pairs.map(|p| p.value.text().map(|text| (p.key.clone(), text.to_owned()))).collect());
        self.hold(pairs, key, node, "a table of texts").unwrap_or_default()
    }

    /// The keys that nobody asked for, with their places and the nearest that there is.
    pub(crate) fn unknown(&self) -> Vec<(&'a str, At, Option<&'static str>)> {
        let strangers = self.node.pairs().iter().filter(|pair| !self.asked.contains(&pair.key.as_str()));
        strangers
            .map(|pair| {
                let near =
                    self.asked.iter().copied().max_by(|a, b| {
                        strsim::jaro_winkler(a, &pair.key).total_cmp(&strsim::jaro_winkler(b, &pair.key))
                    });
                (pair.key.as_str(), pair.key_at, near.filter(|near| strsim::jaro_winkler(near, &pair.key) > 0.85))
            })
            .collect()
    }

    fn hold<T>(&mut self, value: Option<T>, key: &str, node: &Node, wanted: &str) -> Option<T> {
        if value.is_none() {
            let shown = match &node.raw {
                // What is written may be a secret: it is named by its key alone.
                Raw::Scalar { .. } => "another value".to_owned(),
                Raw::Null | Raw::List(_) | Raw::Table(_) => node.sort().to_owned(),
            };
            self.troubles.push(Trouble { at: node.at, what: format!("`{key}` is {shown}, and has to be {wanted}") });
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, what: &str) {
        let trouble = Document::read(text).expect_err("it is wrong");
        assert!(trouble.what.contains(what), "{trouble:?}");
    }

    #[test]
    fn comments_and_values_have_their_lines() {
        let document = Document::read("# top\na:\n  - b # of b\n  # of c\n  - c: |\n      # no comment\n").unwrap();
        assert_eq!(document.comments_between(1, 9), ["top", "of b", "of c"]);
        let items = document.root.get("a").unwrap().items();
        assert_eq!((items[0].at, items[1].at.line, items[1].last_line), (At { line: 3, column: 5 }, 5, 6));
    }

    #[test]
    fn an_alias_repeats_its_anchor_and_a_merge_yields_to_what_is_written() {
        let text = "d: &d { timeout: 5s, a: 1 }\ne:\n  <<: *d\n  a: 2\nf: *d\n";
        let json = Document::read(text).unwrap().root.json();
        assert_eq!(json["e"], serde_json::json!({ "timeout": "5s", "a": 2 }));
        assert_eq!(json["f"]["a"], 1);
    }

    #[test]
    fn a_bomb_a_well_and_a_second_document_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", ")));
        }
        refused(&bomb, "more than 200000 values");
        refused(&"[".repeat(5000), "recursion limit");
        refused(&format!("{}1{}", "[".repeat(120), "]".repeat(120)), "nested more than");
        refused("a: 1\n---\nb: 2\n", "second document");
        refused("", "nothing in it");
        refused("a: 1\na: 2\n", "again");
        refused("a:\n\t- b\n", "tab");
        refused("a: *b\n", "anchor");
        refused("a: &a [*a]\n", "");
    }
}
