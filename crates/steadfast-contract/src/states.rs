//! The four states of a watched path: absent, null, empty, populated; and where in a record they are looked for.
//!
//! States are facts about the data, not about a schema branch: whoever walks past a watched path notes the same thing.
//! That is why a walk may note them while it tries a branch that it later gives up.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a path holds in one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The key is not there.
    Absent,
    /// `null`.
    Null,
    /// `""`, `[]` or `{}`.
    Empty,
    /// Anything else.
    Populated,
}

impl State {
    /// Every state, in the order of their bits.
    pub const ALL: [State; 4] = [State::Absent, State::Null, State::Empty, State::Populated];

    /// Its word in `x-states`.
    pub const fn word(self) -> &'static str {
        match self {
            State::Absent => "absent",
            State::Null => "null",
            State::Empty => "empty",
            State::Populated => "populated",
        }
    }

    /// Its word within the name of a transition: `populatedToEmpty`.
    pub const fn capital(self) -> &'static str {
        match self {
            State::Absent => "Absent",
            State::Null => "Null",
            State::Empty => "Empty",
            State::Populated => "Populated",
        }
    }

    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The state of a value.
    pub fn of(value: &Value) -> State {
        match value {
            Value::Null => State::Null,
            Value::String(text) if text.is_empty() => State::Empty,
            Value::Array(items) if items.is_empty() => State::Empty,
            Value::Object(members) if members.is_empty() => State::Empty,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                State::Populated
            }
        }
    }

    /// The state of a value as it is written: `raw` begins and ends with the value.
    pub(crate) fn of_text(raw: &[u8]) -> State {
        match raw {
            [b'n', ..] => State::Null,
            [b'"', b'"'] => State::Empty,
            [b'[' | b'{', inside @ .., _] if inside.iter().all(|byte| byte.is_ascii_whitespace()) => State::Empty,
            _ => State::Populated,
        }
    }

    /// The state that stands for a path with several values: populated if any is, then empty, then null.
    pub(crate) fn of_mask(mask: u8) -> State {
        let highest = State::ALL.into_iter().rev().find(|state| mask & state.bit() != 0);
        highest.unwrap_or(State::Absent)
    }
}

/// One step of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A member by its name.
    Key(String),
    /// Any item of a list: `[]`.
    Item,
    /// Any member without a name of its own: `{*}`.
    Free,
}

/// A path with `[]` for any item and `{*}` for any key.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// Reads `famous_people[].selected_people[]`, `source_links{*}` or `/famous_people` (a JSON pointer).
    pub fn parse(text: &str) -> Path {
        if let Some(pointer) = text.strip_prefix('/') {
            return Path(pointer.split('/').map(|key| Step::Key(key.replace("~1", "/").replace("~0", "~"))).collect());
        }
        let mut steps = Vec::new();
        let mut rest = text.trim_start_matches("$").trim_start_matches('.');
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("[]") {
                steps.push(Step::Item);
                rest = after;
            } else if let Some(after) = rest.strip_prefix("{*}") {
                steps.push(Step::Free);
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                rest = after;
            } else {
                let end = rest
                    .char_indices()
                    .skip(1)
                    .find(|(at, letter)| {
                        *letter == '.' || rest[*at..].starts_with("[]") || rest[*at..].starts_with("{*}")
                    })
                    .map_or(rest.len(), |(at, _)| at);
                steps.push(Step::Key(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        Path(steps)
    }

    pub(crate) fn with(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return out.write_str("(record)");
        }
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if place == 0 => out.write_str(key)?,
                Step::Key(key) => write!(out, ".{key}")?,
                Step::Item => out.write_str("[]")?,
                Step::Free => out.write_str("{*}")?,
            }
        }
        Ok(())
    }
}

/// What is looked for in every record, as a tree of steps.
#[derive(Debug, Clone)]
pub(crate) struct Trie {
    nodes: Vec<TrieNode>,
    pub(crate) watched: Vec<Path>,
    keys: usize,
    /// By the place of a plan's prop among all of them: the steps of this tree that have its name.
    steps: Vec<Box<[Named]>>,
}

/// A step to a member by its name.
#[derive(Debug, Clone, Copy)]
struct Named {
    from: Cursor,
    to: Cursor,
    /// Which of the children it is.
    bit: u64,
}

/// A place in the trie; [`Trie::NOWHERE`] when nothing below is looked for.
pub(crate) type Cursor = u32;

#[derive(Debug, Clone, Default)]
struct TrieNode {
    children: Vec<(Box<[u8]>, Cursor)>,
    items: Cursor,
    free: Cursor,
    watch: Option<usize>,
    key: Option<usize>,
    attribution: bool,
    freshness: bool,
}

impl Trie {
    pub(crate) const NOWHERE: Cursor = 0;
    const ROOT: Cursor = 1;

    pub(crate) fn nothing() -> Trie {
        Trie { nodes: vec![TrieNode::default(), TrieNode::default()], watched: Vec::new(), keys: 0, steps: Vec::new() }
    }

    pub(crate) fn watch(&mut self, path: &Path) {
        let at = self.reach(path);
        if self.nodes[at].watch.is_none() {
            self.nodes[at].watch = Some(self.watched.len());
            self.watched.push(path.clone());
        }
    }

    /// A member that is not among those without a name.
    pub(crate) fn pass_by(&mut self, path: &Path) {
        self.reach(path);
    }

    pub(crate) fn take_key(&mut self, path: &Path) {
        let at = self.reach(path);
        self.nodes[at].key = Some(self.keys);
        self.keys += 1;
    }

    pub(crate) fn take_attribution(&mut self, path: &Path) {
        let at = self.reach(path);
        self.nodes[at].attribution = true;
    }

    pub(crate) fn take_freshness(&mut self, path: &Path) {
        let at = self.reach(path);
        self.nodes[at].freshness = true;
    }

    fn reach(&mut self, path: &Path) -> usize {
        let mut at = Trie::ROOT as usize;
        for step in &path.0 {
            let known = match step {
                Step::Key(key) => self.nodes[at]
                    .children
                    .iter()
                    .find(|(name, _)| **name == *key.as_bytes())
                    .map_or(0, |(_, child)| *child),
                Step::Item => self.nodes[at].items,
                Step::Free => self.nodes[at].free,
            };
            at = if known != Trie::NOWHERE {
                known as usize
            } else {
                let new = self.nodes.len();
                self.nodes.push(TrieNode::default());
                match step {
                    Step::Key(key) => self.nodes[at].children.push((key.as_bytes().into(), new as Cursor)),
                    Step::Item => self.nodes[at].items = new as Cursor,
                    Step::Free => self.nodes[at].free = new as Cursor,
                }
                new
            };
        }
        at
    }

    pub(crate) fn root(&self) -> Cursor {
        if self.nodes.len() > 2 { Trie::ROOT } else { Trie::NOWHERE }
    }

    /// Looks once for the names of a plan's props, so that the walk need not look for them.
    pub(crate) fn know<'n>(&mut self, names: impl Iterator<Item = (usize, &'n [u8])>) {
        for (prop, name) in names {
            let steps = (0..).zip(&self.nodes).filter_map(|(from, node)| {
                let place = node.children.iter().position(|(known, _)| **known == *name)?;
                Some(Named { from, to: node.children[place].1, bit: 1 << (place & 63) })
            });
            let steps = steps.collect();
            if self.steps.len() <= prop {
                self.steps.resize_with(prop + 1, Box::default);
            }
            self.steps[prop] = steps;
        }
    }

    /// The place below a member, and which of the named children it is.
    #[inline]
    pub(crate) fn member(&self, cursor: Cursor, key: &[u8]) -> (Cursor, u64) {
        let node = &self.nodes[cursor as usize];
        for (place, (name, child)) in node.children.iter().enumerate() {
            if **name == *key {
                return (*child, 1 << (place & 63));
            }
        }
        (node.free, 0)
    }

    /// The same, of a prop that the tree knows.
    #[inline]
    pub(crate) fn prop(&self, cursor: Cursor, prop: usize) -> (Cursor, u64) {
        match self.steps.get(prop).into_iter().flatten().find(|step| step.from == cursor) {
            Some(step) => (step.to, step.bit),
            None => (self.nodes[cursor as usize].free, 0),
        }
    }

    #[inline]
    pub(crate) fn item(&self, cursor: Cursor) -> Cursor {
        self.nodes[cursor as usize].items
    }

    /// Notes what stands at `cursor`: `raw` of the record's text, from `start`.
    #[inline]
    pub(crate) fn note(&self, cursor: Cursor, text: &[u8], start: usize, end: usize, facts: &mut Facts) {
        let node = &self.nodes[cursor as usize];
        if let Some(watch) = node.watch {
            facts.masks[watch] |= State::of_text(&text[start..end]).bit();
        }
        if let Some(key) = node.key {
            facts.keys[key] = Some((start, end));
        }
        if node.attribution {
            facts.attribution = Some((start, end));
        }
        if node.freshness {
            facts.freshness = Some((start, end));
        }
    }

    /// Notes the named children that an object at `cursor` has not got.
    #[inline]
    pub(crate) fn note_absent(&self, cursor: Cursor, seen: u64, facts: &mut Facts) {
        for (place, (_, child)) in self.nodes[cursor as usize].children.iter().enumerate() {
            if seen >> (place & 63) & 1 == 0
                && let Some(watch) = self.nodes[*child as usize].watch
            {
                facts.masks[watch] |= State::Absent.bit();
            }
        }
    }

    /// The masks of a parsed record: the slow way, for records that the plan did not accept.
    pub(crate) fn masks_of(&self, value: &Value) -> Vec<u8> {
        let mut masks = vec![0; self.watched.len()];
        if self.root() != Trie::NOWHERE {
            self.visit(Trie::ROOT, value, &mut masks);
        }
        masks
    }

    fn visit(&self, cursor: Cursor, value: &Value, masks: &mut [u8]) {
        let node = &self.nodes[cursor as usize];
        if let Some(watch) = node.watch {
            masks[watch] |= State::of(value).bit();
        }
        match value {
            Value::Object(members) => {
                let mut seen = 0;
                for (key, member) in members {
                    let (child, bit) = self.member(cursor, key.as_bytes());
                    seen |= bit;
                    if child != Trie::NOWHERE {
                        self.visit(child, member, masks);
                    }
                }
                for (place, (_, child)) in node.children.iter().enumerate() {
                    if seen >> (place & 63) & 1 == 0
                        && let Some(watch) = self.nodes[*child as usize].watch
                    {
                        masks[watch] |= State::Absent.bit();
                    }
                }
            }
            Value::Array(items) if node.items != Trie::NOWHERE => {
                items.iter().for_each(|item| self.visit(node.items, item, masks));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
        }
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts { masks: vec![0; self.watched.len()], keys: vec![None; self.keys], attribution: None, freshness: None }
    }
}

/// What a walk noted about one record. Places are (start, end) of the raw value in the text that was walked.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) masks: Vec<u8>,
    pub(crate) keys: Vec<Option<(usize, usize)>>,
    pub(crate) attribution: Option<(usize, usize)>,
    pub(crate) freshness: Option<(usize, usize)>,
}

impl Facts {
    pub(crate) fn clear(&mut self) {
        self.masks.fill(0);
        self.keys.fill(None);
        self.attribution = None;
        self.freshness = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back_as_it_is_written() {
        for text in ["name", "famous_people[].selected_people[]", "source_links{*}", "kaggle.by_decade{*}", "[].a"] {
            assert_eq!(Path::parse(text).to_string(), text);
        }
        assert_eq!(Path::parse("/source_versions/builder").to_string(), "source_versions.builder");
    }

    #[test]
    fn a_path_through_a_list_is_populated_if_any_item_is() {
        let mut trie = Trie::nothing();
        trie.watch(&Path::parse("people[].born"));
        let state = |text: &str| State::of_mask(trie.masks_of(&serde_json::from_str(text).unwrap())[0]);
        assert_eq!(state(r#"{"people":[{"born":null},{"born":"1902"}]}"#), State::Populated);
        assert_eq!(state(r#"{"people":[{"born":null},{}]}"#), State::Null);
        assert_eq!(state(r#"{"people":[]}"#), State::Absent);
        assert_eq!(state(r#"{"people":[{"born":""}]}"#), State::Empty);
    }
}
