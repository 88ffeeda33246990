//! Expectations on a JSON text: a table of JSONPaths (RFC 9535), each with a predicate. Kinds that see a text (the
//! body of an answer, a command's output) share them.
//!
//! A singular path judges its value, and `count` the length of that array. Any other path: *every* node must satisfy,
//! `count` is the number of nodes, and the longest singular prefix must exist and be an array or an object. A text
//! that is no JSON fails every predicate, `absent` too.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use steadfast_core::finding::{Code, Finding, Place, Seen, codes};
use steadfast_core::jsonpath::{JsonPath, Key};
use steadfast_core::predicate::{self, JsonType, Predicate, Reading, same};
use steadfast_core::proof::Unclaimed;
use steadfast_core::rare::Rare;
use steadfast_core::setting::{Node, Problems, Raw, Setting};
use steadfast_core::verdict::Judgement;

use crate::text_claims::{Body, BrokenText, quoted, story_of};

/// A table of JSONPaths, each with its predicate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JsonClaims(Rare<Vec<JsonClaim>>);

#[derive(Debug, Clone, PartialEq)]
struct JsonClaim {
    path: JsonPath,
    predicate: Predicate,
}

impl Setting for JsonClaims {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Raw::Table(entries) = &node.raw else {
            problems.wrong_type(node, "a table of JSONPaths");
            return None;
        };
        if entries.is_empty() {
            let instead = "\"$.status\" = \"ok\"";
            problems.suggest(node.span, "no JSONPath in this table", "it would expect nothing", instead);
            return None;
        }
        let read: Vec<Option<JsonClaim>> = entries
            .iter()
            .map(|entry| {
                let key = Node { span: entry.key_span, raw: Raw::Text(entry.key.clone()) };
                let path = JsonPath::read_key(&entry.key, &key, problems);
                let predicate = Predicate::read(&entry.node, problems);
                Some(JsonClaim { path: path?, predicate: predicate? })
            })
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>().map(|claims| JsonClaims(claims.into()))
    }
    fn missing() -> Option<Self> {
        Some(JsonClaims::default())
    }
    fn write(&self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        let entry = |claim: &JsonClaim| (claim.path.source().to_owned(), claim.predicate.write());
        self.0.iter().map(entry).collect::<Map<_, _>>().into()
    }
    fn schema() -> Value {
        json!({ "type": "object", "minProperties": 1, "propertyNames": JsonPath::schema(),
            "additionalProperties": Predicate::schema() })
    }
}

/// At most this many nodes of one path are reported one by one; the last says how many more there are.
const MOST_NODES_REPORTED: usize = 3;

impl JsonClaims {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of all expectations: `<under>."$.errors".count`.
    pub fn claims(&self, under: &str) -> Vec<String> {
        self.each(under).map(|(name, ..)| name).collect()
    }

    /// Every operator of every path, with its name as an expectation.
    fn each<'a>(&'a self, under: &'a str) -> impl Iterator<Item = (String, &'a JsonClaim, &'static str)> {
        self.0.iter().flat_map(move |claim| {
            let operators = claim.predicate.operators().into_iter();
            operators.map(move |operator| (format!("{}.{operator}", claim.prefix(under)), claim, operator))
        })
    }

    /// Judges a text. One that was cut off cannot be read as JSON, so that everything about it is unknown.
    pub fn judge(&self, under: &str, body: Body<'_>, at: Timestamp, judgement: &mut Judgement) {
        if self.is_empty() {
            return;
        }
        let refuse_all = |code: Code, seen: Seen, detail: String, judgement: &mut Judgement| {
            for (name, claim, operator) in self.each(under) {
                let place = Place::JsonPath(claim.path.source().to_owned());
                let expected = claim.predicate.expected(operator);
                judgement
                    .add(code, |f| f.of(name).at(place).expected(expected).seen(seen.clone()).detail(detail.clone()));
            }
        };
        if !body.whole {
            let detail = format!("only the first {} bytes were kept", body.bytes.len());
            return refuse_all(codes::BEYOND_THE_CUT, Seen::text(&body.text()), detail, judgement);
        }
        match serde_json::from_slice::<Value>(body.bytes) {
            Ok(document) => self.0.iter().for_each(|claim| claim.judge(under, &document, at, judgement)),
            Err(why) => refuse_all(codes::NOT_JSON, Seen::text(&body.text()), why.to_string(), judgement),
        }
    }

    /// For each expectation the smallest changes of the text that must trip it; none if the text is no JSON.
    pub fn breakages(&self, under: &str, body: Body<'_>, at: Timestamp) -> Vec<BrokenText> {
        let Ok(document) = serde_json::from_slice::<Value>(body.bytes) else { return Vec::new() };
        let mut broken = Vec::new();
        for (name, claim, operator) in self.each(under) {
            for (change, changed) in claim.breakages(operator, &document, at) {
                broken.push(BrokenText {
                    claim: name.clone(),
                    name: format!("{} {change}", claim.path.source()),
                    story: story_of(change),
                    text: changed.to_string(),
                });
            }
        }
        broken
    }

    /// The fields of the document that no expectation reads, items of arrays taken together: `$.items[*].price`.
    pub fn unclaimed(&self, body: Body<'_>) -> Unclaimed {
        let Ok(document) = serde_json::from_slice::<Value>(body.bytes) else { return Unclaimed::default() };
        let mut deep = Vec::new();
        let mut shallow = Vec::new();
        for claim in self.0.iter() {
            let outside = |operator: &&str| matches!(*operator, "type" | "count" | "not_empty" | "absent");
            let reads_inside = !claim.predicate.operators().iter().all(outside);
            if reads_inside { &mut deep } else { &mut shallow }.extend(claim.path.pointers(&document));
        }
        let mut fields: BTreeMap<String, bool> = BTreeMap::new();
        for leaf in leaves(&document) {
            let inside = |pointer: &String| {
                leaf.pointer.strip_prefix(pointer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let claimed = shallow.contains(&leaf.pointer) || deep.iter().any(inside);
            *fields.entry(leaf.field).or_default() |= claimed;
        }
        let of = fields.len();
        Unclaimed { of, fields: fields.into_iter().filter(|(_, claimed)| !claimed).map(|(field, _)| field).collect() }
    }
}

impl JsonClaim {
    fn prefix(&self, under: &str) -> String {
        format!("{under}.{}", quoted(self.path.source()))
    }

    fn judge(&self, under: &str, document: &Value, at: Timestamp, judgement: &mut Judgement) {
        let prefix = self.prefix(under);
        let source = self.path.source();
        let nodes = self.path.nodes(document);
        let named = |place: String| {
            let prefix = &prefix;
            move |finding: Finding| {
                Finding { claim: format!("{prefix}.{}", finding.claim), ..finding }.at(Place::JsonPath(place.clone()))
            }
        };
        if self.path.is_singular() {
            let reading = nodes.first().map_or(Reading::Missing, |node| Reading::Value(node));
            let mut inner = Judgement::default();
            self.predicate.judge(reading, at, &mut inner);
            return judgement.absorb(inner, named(source.to_owned()));
        }
        let root_is_there = matches!(self.path.prefix_node(document), Some(Value::Array(_) | Value::Object(_)));
        for operator in self.predicate.operators() {
            let fall_short = |code: Code, seen: Seen, judgement: &mut Judgement| {
                let expected = self.predicate.expected(operator);
                let place = Place::JsonPath(source.to_owned());
                judgement.add(code, |f| f.of(format!("{prefix}.{operator}")).at(place).expected(expected).seen(seen));
            };
            match operator {
                _ if !root_is_there => fall_short(codes::MISSING, Seen::Missing, judgement),
                "count" => {
                    let many = nodes.len() as u64;
                    if self.predicate.0.count.as_ref().is_some_and(|count| !count.admits(many)) {
                        fall_short(codes::OUT_OF_BOUNDS, Seen::Value(json!(many)), judgement);
                    }
                }
                "absent" => {
                    if let Some(node) = nodes.first() {
                        fall_short(codes::FORBIDDEN, Seen::value(node), judgement);
                    }
                }
                _ => self.judge_every(operator, document, &nodes, at, &named, judgement),
            }
        }
    }

    /// Judges one operator on every node of a path that is not singular.
    fn judge_every<N: Fn(Finding) -> Finding>(
        &self,
        operator: &str,
        document: &Value,
        nodes: &[&Value],
        at: Timestamp,
        named: &impl Fn(String) -> N,
        judgement: &mut Judgement,
    ) {
        let alone = self.predicate.only(operator);
        let mut wrong: Vec<(usize, Judgement)> = Vec::new();
        let mut more = 0;
        for (index, node) in nodes.iter().enumerate() {
            let mut inner = Judgement::default();
            alone.judge(Reading::Value(node), at, &mut inner);
            match inner.is_clean() {
                true => {}
                false if wrong.len() < MOST_NODES_REPORTED => wrong.push((index, inner)),
                false => more += 1,
            }
        }
        if wrong.is_empty() {
            return;
        }
        let pointers = self.path.pointers(document);
        let last = wrong.len() - 1;
        for (position, (index, inner)) in wrong.into_iter().enumerate() {
            let place = pointers.get(index).map(|pointer| field_of(document, pointer, false));
            let name = named(place.unwrap_or_else(|| self.path.source().to_owned()));
            judgement.absorb(inner, |finding| {
                let finding = name(finding);
                if position == last && more > 0 { finding.detail(format!("and {more} more nodes")) } else { finding }
            });
        }
    }

    fn breakages(&self, operator: &str, document: &Value, at: Timestamp) -> Vec<(&'static str, Value)> {
        if self.path.is_singular() {
            return self.singular_breakages(operator, document, at);
        }
        let mut broken = Vec::new();
        let pointers = self.path.pointers(document);
        match operator {
            "count" => {
                for many in self.predicate.0.count.iter().flat_map(predicate::Count::wrong).filter(|n| *n < 100_000) {
                    let many = usize::try_from(many).unwrap_or(usize::MAX);
                    broken.extend(self.with_nodes(document, many).map(|changed| ("one item more or fewer", changed)));
                }
            }
            "absent" => broken.extend(self.with_a_node(document).map(|changed| ("present", changed))),
            // The last node: the first is the one that a careless judge reads.
            _ => {
                if let Some((pointer, value)) = pointers.last().and_then(|p| Some((p, document.pointer(p)?))) {
                    for (name, changed) in predicate::breakages(&self.predicate, operator, value, at) {
                        if let Some(changed) = changed {
                            broken.push((name, set(document, pointer, changed)));
                        }
                    }
                }
            }
        }
        if let Some(root) = self.path.prefix_node(document) {
            let pointer = pointer_to(document, root).unwrap_or_default();
            broken.push(("missing", removed(document, &pointer).unwrap_or(Value::Null)));
        }
        broken
    }

    fn singular_breakages(&self, operator: &str, document: &Value, at: Timestamp) -> Vec<(&'static str, Value)> {
        let pointer = self.path.pointers(document).into_iter().next();
        let value = pointer.as_deref().and_then(|pointer| document.pointer(pointer)).unwrap_or(&Value::Null);
        let changes = predicate::breakages(&self.predicate, operator, value, at);
        let change = |(name, changed): (&'static str, Option<Value>)| {
            let broken = match (&pointer, changed) {
                (Some(pointer), Some(changed)) => set(document, pointer, changed),
                (Some(pointer), None) => removed(document, pointer)?,
                (None, Some(changed)) => placed(document, &self.path.keys()?, changed),
                (None, None) => return None,
            };
            Some((name, broken))
        };
        changes.into_iter().filter_map(change).collect()
    }

    /// The document with this many nodes at a path that is not singular, as far as adding and removing items can do it.
    fn with_nodes(&self, document: &Value, many: usize) -> Option<Value> {
        let mut pointers = self.path.pointers(document);
        let mut changed = document.clone();
        if many < pointers.len() {
            for pointer in pointers.drain(many..).rev() {
                changed = removed(&changed, &pointer).unwrap_or(Value::Null);
            }
            return Some(changed);
        }
        let (array, item) =
            match pointers.last().and_then(|pointer| pointer.rsplit_once('/').map(|(up, _)| (up, pointer))) {
                Some((up, pointer)) => (up.to_owned(), document.pointer(pointer).cloned().unwrap_or_default()),
                None => (pointer_to(document, self.path.prefix_node(document)?)?, json!({})),
            };
        let items = changed.pointer_mut(&array)?.as_array_mut()?;
        items.extend(std::iter::repeat_n(item, many - pointers.len()));
        Some(changed)
    }

    /// The document with a node where the path must find none, for paths that end in a plain name.
    fn with_a_node(&self, document: &Value) -> Option<Value> {
        let (parent, name) = self.path.source().rsplit_once('.')?;
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let parent = parent.strip_suffix('.').unwrap_or(parent);
        let path = JsonPath::parse(parent).ok().filter(|_| plain)?;
        let holder = path.pointers(document).into_iter().find(|p| document.pointer(p).is_some_and(Value::is_object))?;
        let mut changed = document.clone();
        changed.pointer_mut(&holder)?.as_object_mut()?.insert(name.to_owned(), json!("here"));
        Some(changed)
    }
}

/// Expectations that hold for all of these documents, best first, as tables to stand under the kind's own key: lists
/// that are not empty, short texts that never change, then the types of everything else.
pub fn candidates(texts: &[&[u8]]) -> Vec<Value> {
    let read: Option<Vec<Value>> = texts.iter().map(|text| serde_json::from_slice(text).ok()).collect();
    let Some(documents) = read else { return Vec::new() };
    let Some((first, others)) = documents.split_first() else { return Vec::new() };
    let (mut lists, mut texts, mut types) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = std::collections::BTreeSet::new();
    for (pointer, value) in places(first) {
        let path = field_of(first, &pointer, true);
        if seen.len() > MOST_CANDIDATES || !seen.insert(path.clone()) {
            continue;
        }
        let in_a_list = path.contains("[*]");
        let twins: Vec<&Value> = match in_a_list {
            true => others
                .iter()
                .flat_map(|other| JsonPath::parse(&path).map(|p| p.nodes(other)).unwrap_or_default())
                .collect(),
            false => others.iter().map(|other| other.pointer(&pointer).unwrap_or(&Value::Null)).collect(),
        };
        let kind = JsonType::of_value(value);
        if value.is_null() || !twins.iter().all(|twin| kind.admits(twin)) {
            continue;
        }
        match value {
            Value::Array(items) if !in_a_list && !items.is_empty() => {
                lists.push(json!({ &path: { "type": "array", "count": { "at_least": 1 } } }));
            }
            Value::String(text)
                if !in_a_list && (1..=40).contains(&text.len()) && twins.iter().all(|t| same(t, value)) =>
            {
                texts.push(json!({ &path: text }));
                types.push(json!({ &path: { "type": kind.word() } }));
            }
            Value::Object(_) if pointer.is_empty() => {}
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                types.push(json!({ &path: { "type": kind.word() } }));
            }
        }
    }
    lists.into_iter().chain(texts).chain(types).collect()
}

const MOST_CANDIDATES: usize = 48;

/// The document in which every record of a list has become a text: name, story, and the text. `None` if it has no such
/// list.
pub fn records_as_texts(text: &[u8]) -> Option<(&'static str, &'static str, String)> {
    let mut document = serde_json::from_slice::<Value>(text).ok()?;
    flatten(&mut document).then(|| {
        let story =
            "88 minutes of 500s while every component was healthy: a job wrote strings where readers expect objects";
        ("records as texts", story, document.to_string())
    })
}

fn flatten(value: &mut Value) -> bool {
    let mut changed = false;
    match value {
        Value::Array(items) => {
            for item in items {
                if let Value::Object(record) = item {
                    let name = record.values().find_map(Value::as_str).unwrap_or("text").to_owned();
                    *item = Value::String(name);
                    changed = true;
                } else {
                    changed |= flatten(item);
                }
            }
        }
        Value::Object(map) => map.values_mut().for_each(|inner| changed |= flatten(inner)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    changed
}

/// The same document written in other ways, which must not matter: name, why it is benign, and the text.
pub fn variations(text: &[u8]) -> Vec<(&'static str, &'static str, String)> {
    let Ok(document) = serde_json::from_slice::<Value>(text) else { return Vec::new() };
    let mut varied = vec![(
        "whitespace",
        "whitespace between the parts of a JSON text means nothing",
        serde_json::to_string_pretty(&document).unwrap_or_default(),
    )];
    let mut reversed = String::new();
    write_reversed(&document, &mut reversed);
    varied.push(("key order", "the keys of an object have no order", reversed));
    let mut more = document;
    if add_a_field(&mut more) {
        let why = "a later version adds a field; readers that need only theirs must not break";
        varied.push(("an added field", why, more.to_string()));
    }
    varied
}

fn add_a_field(value: &mut Value) -> bool {
    match value {
        Value::Object(map) => {
            map.insert("added_in_a_later_version".into(), json!(true));
            true
        }
        Value::Array(items) => items.iter_mut().find(|item| item.is_object()).is_some_and(add_a_field),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn write_reversed(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            out.push('{');
            for (index, (key, item)) in map.iter().rev().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_reversed(item, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_reversed(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

struct Leaf {
    pointer: String,
    field: String,
}

/// The values that hold no others, empty arrays and objects among them; the first ten thousand.
fn leaves(document: &Value) -> Vec<Leaf> {
    let is_leaf = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    let leaf = |(pointer, _): (String, &Value)| Leaf { field: field_of(document, &pointer, true), pointer };
    places(document).into_iter().filter(|(_, value)| is_leaf(value)).map(leaf).collect()
}

/// Every value with its JSON Pointer, outer before inner; the first ten thousand.
fn places(document: &Value) -> Vec<(String, &Value)> {
    let mut found = vec![(String::new(), document)];
    let mut next = 0;
    while next < found.len() && found.len() < 10_000 {
        let (pointer, value) = (found[next].0.clone(), found[next].1);
        match value {
            Value::Object(map) => {
                found.extend(map.iter().map(|(key, item)| (format!("{pointer}/{}", escaped(key)), item)));
            }
            Value::Array(items) => {
                found.extend(items.iter().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        next += 1;
    }
    found
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A JSON Pointer as a JSONPath; `general` writes `[*]` for every index.
fn field_of(document: &Value, pointer: &str, general: bool) -> String {
    let mut path = String::from("$");
    let mut value = Some(document);
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match value {
            Some(Value::Array(_)) if general => path.push_str("[*]"),
            Some(Value::Array(_)) => path.push_str(&format!("[{key}]")),
            Some(_) | None if plain => path.push_str(&format!(".{key}")),
            Some(_) | None => path.push_str(&format!("[{}]", Value::from(key.as_str()))),
        }
        value = match value {
            Some(Value::Array(items)) => key.parse().ok().and_then(|index: usize| items.get(index)),
            Some(Value::Object(map)) => map.get(&key),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => None,
        };
    }
    path
}

/// The pointer to a node of this very document.
fn pointer_to(document: &Value, node: &Value) -> Option<String> {
    places(document).into_iter().find(|(_, value)| std::ptr::eq(*value, node)).map(|(pointer, _)| pointer)
}

fn set(document: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = document.clone();
    if let Some(place) = changed.pointer_mut(pointer) {
        *place = value;
    }
    changed
}

/// Without the node; `None` if that is the document itself, without which there would be no JSON.
fn removed(document: &Value, pointer: &str) -> Option<Value> {
    let (parent, token) = pointer.rsplit_once('/')?;
    let mut changed = document.clone();
    match changed.pointer_mut(parent)? {
        Value::Object(map) => drop(map.remove(&token.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => {
            let index: usize = token.parse().ok()?;
            (index < items.len()).then(|| items.remove(index))?;
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    }
    Some(changed)
}

/// With a value at a path that was not there; what stands in its way is replaced.
fn placed(document: &Value, keys: &[Key], value: Value) -> Value {
    let Some((key, rest)) = keys.split_first() else { return value };
    match key {
        Key::Name(name) => {
            let mut map = document.as_object().cloned().unwrap_or_default();
            let inner = placed(map.get(name).unwrap_or(&Value::Null), rest, value);
            map.insert(name.clone(), inner);
            Value::Object(map)
        }
        Key::Index(index) => {
            let mut items = document.as_array().cloned().unwrap_or_default();
            let wanted = usize::try_from(*index).unwrap_or(0).min(10_000);
            items.resize(items.len().max(wanted + 1), Value::Null);
            items[wanted] = placed(&items[wanted], rest, value);
            Value::Array(items)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steadfast_core::setting::Span;

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn read(claims: Value) -> JsonClaims {
        let node = Node::from_json(&claims, Span::default()).unwrap();
        let mut problems = Problems::default();
        JsonClaims::read(&node, &mut problems).unwrap_or_else(|| panic!("{problems:?}"))
    }

    fn judge(claims: &JsonClaims, text: &str) -> Vec<Finding> {
        let mut judgement = Judgement::default();
        claims.judge("json", Body::whole(text.as_bytes()), AT, &mut judgement);
        judgement.verdict().findings().to_vec()
    }

    fn check(claims: Value, text: &str, expected: &[&str]) {
        let findings = judge(&read(claims.clone()), text);
        let said: Vec<String> = findings.iter().map(|f| format!("{} {}", f.claim, f.code)).collect();
        assert_eq!(said, expected, "{claims} of {text}");
    }

    #[test]
    fn a_singular_path_judges_its_value() {
        check(json!({ "$.a": 3 }), r#"{"a": 3.0}"#, &[]);
        check(json!({ "$.a": 3 }), r#"{"a": "3"}"#, &[r#"json."$.a".equals unequal"#]);
        check(json!({ "$.a": 3 }), r#"{"b": 3}"#, &[r#"json."$.a".equals missing"#]);
        check(json!({ "$.e": { "type": "array", "count": { "at_most": 0 } } }), r#"{"e": []}"#, &[]);
        check(json!({ "$.e": { "count": 1 } }), r#"{"e": {"x": 1}}"#, &[r#"json."$.e".count wrong-type"#]);
        check(json!({ "$.e": { "absent": true } }), "{}", &[]);
        check(json!({ "$.e": { "absent": true } }), r#"{"e": null}"#, &[r#"json."$.e".absent forbidden"#]);
    }

    #[test]
    fn every_node_of_another_path_must_satisfy_and_its_root_must_be_there() {
        let prices = json!({ "$.items[*].price": { "above": 0 } });
        check(prices.clone(), r#"{"items": [{"price": 1}, {"price": 2}]}"#, &[]);
        check(
            prices.clone(),
            r#"{"items": [{"price": 1}, {"price": 0}]}"#,
            &[r#"json."$.items[*].price".above out-of-bounds"#],
        );
        check(prices.clone(), r#"{"items": []}"#, &[]);
        check(prices.clone(), r#"{"error": "no database"}"#, &[r#"json."$.items[*].price".above missing"#]);
        check(prices, r#"{"items": "gone"}"#, &[r#"json."$.items[*].price".above missing"#]);
        check(
            json!({ "$.items[*]": { "count": 2 } }),
            r#"{"items": [1]}"#,
            &[r#"json."$.items[*]".count out-of-bounds"#],
        );
        check(json!({ "$.items[*].error": { "absent": true } }), "{}", &[r#"json."$.items[*].error".absent missing"#]);
    }

    #[test]
    fn a_text_that_is_no_json_fails_everything_even_absent() {
        for text in ["", "<html>", "{", "\u{feff}{}", &"[".repeat(10_000)] {
            check(json!({ "$.e": { "absent": true } }), text, &[r#"json."$.e".absent not-json"#]);
        }
        let mut judgement = Judgement::default();
        read(json!({ "$.a": 1 })).judge("json", Body::whole(b"{\"a\": \"\xff\"}"), AT, &mut judgement);
        assert_eq!(judgement.verdict().findings()[0].code, "not-json");
    }

    #[test]
    fn a_cut_text_is_unknown() {
        let mut judgement = Judgement::default();
        read(json!({ "$.a": 1 })).judge("json", Body { bytes: br#"{"a": 1"#, whole: false }, AT, &mut judgement);
        let verdict = judgement.verdict();
        assert_eq!((verdict.word(), &*verdict.findings()[0].code), ("unknown", "beyond-the-cut"));
    }

    #[test]
    fn a_wrong_node_is_named_and_many_are_counted() {
        let text = json!({ "a": (0..9).map(|n| json!({ "n": n })).collect::<Vec<_>>() }).to_string();
        let findings = judge(&read(json!({ "$.a[*].n": { "below": 2 } })), &text);
        let shown: Vec<String> = findings.iter().map(|f| format!("{} {}", f.place[0], f.detail)).collect();
        assert_eq!(shown, ["$.a[2].n ", "$.a[3].n ", "$.a[4].n and 4 more nodes"]);
    }

    #[test]
    fn every_claim_is_tripped_by_its_own_breakage() {
        let text = r#"{"status": "ok", "queue": {"depth": 3}, "errors": [], "at": "1970-01-01T00:00:00Z", "items": [{"id": 1}, {"id": 2}]}"#;
        let claims = read(json!({
            "$.status": "ok",
            "$.queue.depth": { "below": 100, "type": "integer" },
            "$.errors": { "type": "array", "count": { "at_most": 0 } },
            "$.errors[*]": { "count": 0 },
            "$.at": { "younger_than": "1h" },
            "$.queue.paused": { "absent": true },
            "$.items[*].id": { "type": "integer", "count": 2, "not_empty": true },
            "$.items[*].error": { "absent": true },
            "$..fatal": { "absent": true },
        }));
        let broken = claims.breakages("json", Body::whole(text.as_bytes()), AT);
        for name in claims.claims("json") {
            let own: Vec<&BrokenText> = broken.iter().filter(|b| b.claim == name).collect();
            let red = own.iter().any(|b| judge(&claims, &b.text).iter().any(|f| f.claim == name));
            assert!(red, "{name}: {own:?}");
        }
    }

    #[test]
    fn fields_that_nobody_reads_are_listed_once() {
        let text =
            br#"{"status": "ok", "items": [{"id": 1, "price": 3}, {"id": 2, "price": 4}], "who": {"name": "x"}}"#;
        let claims =
            read(json!({ "$.status": "ok", "$.items[*].id": { "type": "integer" }, "$.who": { "type": "object" } }));
        let unclaimed = claims.unclaimed(Body::whole(text));
        assert_eq!((unclaimed.of, unclaimed.fields), (4, vec!["$.items[*].price".into(), "$.who.name".into()]));
    }

    #[test]
    fn candidates_hold_for_every_green_and_name_no_changing_value() {
        let one: &[u8] = br#"{"status": "ok", "uptime": 5, "items": [{"id": 1}], "token": "a1"}"#;
        let two: &[u8] = br#"{"status": "ok", "uptime": 9, "items": [{"id": 2}], "token": "b2"}"#;
        let found = candidates(&[one, two]);
        assert_eq!(found[0], json!({ "$.items": { "type": "array", "count": { "at_least": 1 } } }));
        assert_eq!(found[1], json!({ "$.status": "ok" }));
        for candidate in &found {
            let claims = read(candidate.clone());
            for green in [one, two] {
                assert!(judge(&claims, std::str::from_utf8(green).unwrap()).is_empty(), "{candidate}");
            }
            assert!(!candidate.to_string().contains("a1"), "{candidate}");
        }
    }

    #[test]
    fn variations_are_the_same_document() {
        let text = br#"{"b": [1, {"x": "\"", "y": null}], "a": {"k": 1.5, "l": true}}"#;
        let same_as: Value = serde_json::from_slice(text).unwrap();
        let varied = variations(text);
        assert_eq!(
            varied.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
            ["whitespace", "key order", "an added field"]
        );
        for (name, _, varied) in &varied[..2] {
            assert_eq!(serde_json::from_str::<Value>(varied).unwrap(), same_as, "{name}");
            assert_ne!(varied.as_bytes(), text, "{name}");
        }
    }
}
