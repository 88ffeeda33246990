//! From places in a schema to paths in records, and back.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::contract::annotations::{self, Annotations};
use crate::draft::Draft;
use crate::finding::Token;
use crate::plan::matcher::Matcher;
use crate::plan::resolve::Document;
use crate::states::{Path, State, Step};
use crate::subschemas::{self, escape};

/// An annotated schema, and the path of the values that it stands for.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) path: Path,
    pub(crate) annotations: Annotations,
}

/// Paths that a schema may open into before it is refused.
const MANY: usize = 50_000;

/// Every annotated schema by path. Mistakes: a watched path without an end, and meanings that depend on a branch.
pub(crate) fn annotated(schema: &Value, draft: Draft, mistakes: &mut Vec<String>) -> Vec<Reached> {
    let mut walk = Walk {
        document: Document::new(schema, draft),
        draft,
        open: Vec::new(),
        endless: HashSet::new(),
        visited: HashSet::new(),
        found: Vec::new(),
        steps: 0,
    };
    walk.visit(String::new(), schema, &Path::default(), false);
    let Walk { endless, found, steps, visited, document, .. } = walk;
    mistakes.extend(not_followed(schema, draft, &visited, document.depends_on_the_way_here()));
    if steps > MANY {
        mistakes.push(format!("the schema opens into more than {MANY} paths: their states cannot be watched"));
    }
    let mut reached: Vec<Reached> = Vec::new();
    for (path, annotations, pointers, branch) in found {
        let watched = !annotations.states.is_empty() || annotations.regression.is_some();
        if path.0.is_empty() && !annotations.states.is_empty() {
            mistakes.push("x-states at the root: states are those of a record's members: say it there".to_owned());
        }
        if watched && pointers.iter().any(|pointer| endless.contains(pointer)) {
            mistakes.push(format!(
                "{path}: x-states and x-regression stand inside a definition that contains itself; such a path has no end"
            ));
        }
        if branch && !annotations.states.is_empty() {
            let hint = match annotations.states.contains_key(&State::Absent) {
                true => "say `required` in that branch, or x-states outside of it",
                false => {
                    "say it outside, or say in the branch with `type`, `minItems` or `minLength` what may stand there"
                }
            };
            mistakes.push(format!(
                "{path}: x-states stands inside a branch (oneOf, anyOf, if, dependentSchemas), and would hold for values \
                 that are meant for another one: {hint}"
            ));
        }
        match reached.iter_mut().find(|known| known.path == path) {
            Some(known)
                if watched && known.annotations.states != annotations.states && !annotations.states.is_empty() =>
            {
                if known.annotations.states.is_empty() {
                    known.annotations.states = annotations.states;
                } else {
                    mistakes.push(format!("{path}: two schemas stand for this path, and their x-states differ"));
                }
            }
            Some(known) => {
                if let (Some(one), Some(other)) = (&known.annotations.regression, &annotations.regression)
                    && one != other
                {
                    mistakes.push(format!("{path}: two schemas stand for this path, and their x-regression differs"));
                }
                known.annotations.regression = known.annotations.regression.take().or(annotations.regression);
                known.annotations.on_invalid = known.annotations.on_invalid.take().or(annotations.on_invalid);
            }
            None => reached.push(Reached { path, annotations }),
        }
    }
    mistakes.sort();
    mistakes.dedup();
    reached
}

/// Members that have a name of their own, by the path of the objects that they stand in: `{*}` is about the others.
pub(crate) type Named = BTreeMap<Path, BTreeSet<String>>;

/// Whether what is watched at `path` is told apart from everything else that stands there: the states of a member without
/// a name are noted for all of them alike, and so are those of items. `named` gets what is not meant by `{*}`.
pub(crate) fn told_apart(schema: &Value, draft: Draft, path: &Path, named: &mut Named) -> Result<(), String> {
    let document = Document::new(schema, draft);
    let mut set = Vec::new();
    beside(&document, draft, String::new(), schema, &mut set);
    for (place, step) in path.0.iter().enumerate() {
        let above = Path(path.0[..place].to_vec());
        let words: Vec<&str> = set
            .iter()
            .filter_map(|(_, schema)| schema.as_object())
            .flat_map(|members| members.iter())
            .filter(|(word, value)| match word.as_str() {
                "items" => value.is_array(),
                "unevaluatedProperties" | "unevaluatedItems" => !value.is_boolean(),
                _ => true,
            })
            .map(|(word, _)| word.as_str())
            .collect();
        let with = |known: &[&'static str]| known.iter().copied().find(|word| words.contains(word));
        let mixed = match step {
            Step::Key(_) => None,
            Step::Item => with(&["prefixItems", "unevaluatedItems"]).or_else(|| {
                (draft != Draft::Twenty)
                    .then(|| with(&["items"]))
                    .flatten()
                    .filter(|_| set.iter().any(|(_, schema)| schema.get("items").is_some_and(Value::is_array)))
            }),
            Step::Free => with(&["patternProperties", "unevaluatedProperties"]),
        };
        if let Some(word) = mixed {
            return Err(format!(
                "{above} has {word}, and the states below are noted for all that stands in it alike: say with `type`, \
                 `minItems` or `minLength` what may stand there"
            ));
        }
        if *step == Step::Free {
            let names = |schema: &Value| -> BTreeSet<String> {
                let members = schema.get("properties").and_then(Value::as_object);
                members.into_iter().flat_map(|members| members.keys().cloned()).collect()
            };
            let all: BTreeSet<String> = set.iter().flat_map(|(_, schema)| names(schema)).collect();
            let others = set.iter().filter(|(_, schema)| schema.get("additionalProperties").is_some());
            for (pointer, schema) in others {
                if names(schema) != all {
                    return Err(format!(
                        "#{pointer}/additionalProperties speaks of members that stand by name in another schema of \
                         {above}: put them side by side"
                    ));
                }
            }
            named.insert(above, all);
        }
        set = below(&document, draft, &set, step).0;
    }
    Ok(())
}

/// The most items that a list tells apart by their place.
pub(crate) fn positions(schema: &Value, draft: Draft) -> usize {
    let mut most = 0;
    subschemas::visit(schema, draft, &mut |_, members| {
        for word in ["prefixItems", "items"] {
            most = most.max(members.get(word).and_then(Value::as_array).map_or(0, Vec::len));
        }
    });
    most
}

/// Annotations that no path of a record leads to, though the record may be held to their schema: saying nothing would be a
/// pass for what they forbid.
fn not_followed(schema: &Value, draft: Draft, visited: &HashSet<String>, winding: bool) -> Vec<String> {
    const BEHIND: [&str; 4] = ["not", "contains", "propertyNames", "contentSchema"];
    let mut found = Vec::new();
    subschemas::visit(schema, draft, &mut |pointer, members| {
        let annotated = members.as_object().is_some_and(|members| {
            annotations::read(members, pointer, &mut Vec::new(), &mut Vec::new()) != Annotations::default()
        });
        if !annotated || visited.contains(pointer) {
            return;
        }
        let ends = pointer.match_indices('/').map(|(at, _)| at).chain([pointer.len()]);
        let behind = ends.zip(pointer.match_indices('/').skip(1).map(|(at, _)| at).chain([pointer.len()])).find_map(
            |(start, end)| {
                let word = BEHIND.into_iter().find(|word| pointer.get(start + 1..end) == Some(word))?;
                visited.contains(&pointer[..start]).then_some(word)
            },
        );
        match behind {
            Some(word) => found.push(format!("#{pointer}: annotations behind {word} are not followed: say them outside")),
            None if winding => found.push(format!(
                "#{pointer}: annotations behind an embedded $id, a $dynamicRef or a $recursiveRef are not followed: refer \
                 to this schema with a plain $ref, in a document with one $id"
            )),
            // A definition that nobody refers to.
            None => {}
        }
    });
    found
}

struct Walk<'a> {
    document: Document<'a>,
    draft: Draft,
    open: Vec<String>,
    endless: HashSet<String>,
    visited: HashSet<String>,
    found: Vec<(Path, Annotations, Vec<String>, bool)>,
    steps: usize,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, pointer: String, schema: &'a Value, path: &Path, branch: bool) {
        let Some(members) = schema.as_object() else { return };
        self.steps += 1;
        if self.steps > MANY {
            return;
        }
        if let Some(from) = self.open.iter().position(|open| *open == pointer) {
            self.endless.extend(self.open[from..].iter().cloned());
            return;
        }
        self.open.push(pointer.clone());
        self.visited.insert(pointer.clone());
        let annotations = annotations::read(members, &pointer, &mut Vec::new(), &mut Vec::new());
        if annotations != Annotations::default() {
            self.found.push((path.clone(), annotations, self.open.clone(), branch));
        }
        for (child, step, pointer, in_branch) in children(&self.document, self.draft, &pointer, schema) {
            let path = step.map_or_else(|| path.clone(), |step| path.with(step));
            self.visit(pointer, child, &path, branch || in_branch);
        }
        self.open.pop();
    }
}

/// The schemas below (`Some` step) or beside (`None`) one, with their pointers, and whether they hold in some cases only.
fn children<'a>(
    document: &Document<'a>,
    draft: Draft,
    pointer: &str,
    schema: &'a Value,
) -> Vec<(&'a Value, Option<Step>, String, bool)> {
    let mut found = Vec::new();
    let Some(members) = schema.as_object() else { return found };
    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
        if let Some((target, schema)) = document.resolve(reference) {
            found.push((schema, None, target, false));
        }
        if draft == Draft::Seven {
            return found;
        }
    }
    for (word, value) in members {
        let here = || format!("{pointer}/{}", escape(word));
        match (word.as_str(), value) {
            ("properties", Value::Object(map)) => found.extend(map.iter().map(|(name, schema)| {
                (schema, Some(Step::Key(name.clone())), format!("{}/{}", here(), escape(name)), false)
            })),
            ("patternProperties", Value::Object(map)) => found.extend(
                map.iter()
                    .map(|(name, schema)| (schema, Some(Step::Free), format!("{}/{}", here(), escape(name)), false)),
            ),
            ("additionalProperties" | "unevaluatedProperties", schema) => {
                found.push((schema, Some(Step::Free), here(), false))
            }
            ("items" | "prefixItems", Value::Array(list)) => found.extend(
                list.iter()
                    .enumerate()
                    .map(|(place, schema)| (schema, Some(Step::Item), format!("{}/{place}", here()), false)),
            ),
            ("items" | "additionalItems" | "unevaluatedItems", schema) => {
                found.push((schema, Some(Step::Item), here(), false))
            }
            ("allOf", Value::Array(list)) => found.extend(
                list.iter().enumerate().map(|(place, schema)| (schema, None, format!("{}/{place}", here()), false)),
            ),
            ("anyOf" | "oneOf", Value::Array(list)) => found.extend(
                list.iter().enumerate().map(|(place, schema)| (schema, None, format!("{}/{place}", here()), true)),
            ),
            ("if" | "then" | "else", schema) => found.push((schema, None, here(), true)),
            ("dependentSchemas" | "dependencies", Value::Object(map)) => found
                .extend(map.iter().map(|(name, schema)| (schema, None, format!("{}/{}", here(), escape(name)), true))),
            _ => {}
        }
    }
    found
}

/// The schema and everything that stands beside it for the same value.
fn beside<'a>(
    document: &Document<'a>,
    draft: Draft,
    pointer: String,
    schema: &'a Value,
    set: &mut Vec<(String, &'a Value)>,
) {
    if !schema.is_object() || set.iter().any(|(known, _)| *known == pointer) || set.len() > 1000 {
        return;
    }
    set.push((pointer.clone(), schema));
    for (child, step, pointer, _) in children(document, draft, &pointer, schema) {
        if step.is_none() {
            beside(document, draft, pointer, child, set);
        }
    }
}

/// Where one step leads from a set of schemas; and whether the step has a name of its own there.
fn below<'a>(
    document: &Document<'a>,
    draft: Draft,
    from: &[(String, &'a Value)],
    step: &Step,
) -> (Vec<(String, &'a Value)>, bool) {
    let mut set = Vec::new();
    let mut named = false;
    for (pointer, schema) in from {
        let children = children(document, draft, pointer, schema);
        let own = children.iter().any(|(_, there, _, _)| there.as_ref() == Some(step) && matches!(step, Step::Key(_)));
        named |= own;
        let matches = |pointer: &str, key: &str| match pointer.rsplit_once("/patternProperties/") {
            Some((above, pattern)) if !pattern.contains('/') && above.len() <= pointer.len() => {
                let pattern = pattern.replace("~1", "/").replace("~0", "~");
                Some(Matcher::new(&pattern).is_some_and(|matcher| matcher.matches(key)))
            }
            _ => None,
        };
        let matched = match step {
            Step::Key(key) => children.iter().any(|(_, there, pointer, _)| {
                there.as_ref() == Some(&Step::Free) && matches(pointer, key) == Some(true)
            }),
            Step::Item | Step::Free => false,
        };
        for (child, there, pointer, _) in children {
            let leads = match (step, &there) {
                (Step::Key(key), Some(Step::Key(name))) => key == name,
                (Step::Key(key), Some(Step::Free)) => matches(&pointer, key).unwrap_or(!own && !matched),
                (Step::Item, Some(Step::Item)) | (Step::Free, Some(Step::Free)) => true,
                _ => false,
            };
            if leads {
                beside(document, draft, pointer, child, &mut set);
            }
        }
    }
    (set, named)
}

/// Where the item at `index` leads from a set of schemas.
fn at_index<'a>(
    document: &Document<'a>,
    draft: Draft,
    from: &[(String, &'a Value)],
    index: usize,
) -> Vec<(String, &'a Value)> {
    let mut set = Vec::new();
    for (pointer, schema) in from {
        let tuple = if draft == Draft::Twenty { "prefixItems" } else { "items" };
        let first = schema.get(tuple).and_then(Value::as_array).map_or(0, Vec::len);
        for (child, step, child_pointer, _) in children(document, draft, pointer, schema) {
            let place = child_pointer.strip_prefix(&format!("{pointer}/{tuple}/")).and_then(|place| place.parse().ok());
            let leads = place.map_or(index >= first, |place: usize| place == index);
            if step == Some(Step::Item) && leads {
                beside(document, draft, child_pointer, child, &mut set);
            }
        }
    }
    set
}

/// The schemas for the values at a path pattern.
pub(crate) fn schemas_at<'a>(schema: &'a Value, draft: Draft, path: &[Step]) -> Vec<(String, &'a Value)> {
    let document = Document::new(schema, draft);
    let mut set = Vec::new();
    beside(&document, draft, String::new(), schema, &mut set);
    for step in path {
        set = below(&document, draft, &set, step).0;
    }
    set
}

/// The annotations for the value at a path, and the path with `[]` and `{*}`.
pub(crate) fn at(schema: &Value, draft: Draft, path: &[Token]) -> (Path, Vec<Annotations>) {
    let document = Document::new(schema, draft);
    let mut set = Vec::new();
    beside(&document, draft, String::new(), schema, &mut set);
    let mut pattern = Path::default();
    for token in path {
        let step = match token {
            Token::Key(key) => Step::Key(key.clone()),
            Token::Index(_) => Step::Item,
        };
        let (mut next, named) = below(&document, draft, &set, &step);
        if let Token::Index(index) = token {
            next = at_index(&document, draft, &set, *index);
        }
        // A key that the schema does not name is free, so that findings of a thousand of them are one group.
        let free = matches!(step, Step::Key(_)) && !named && !next.is_empty();
        pattern = pattern.with(if free { Step::Free } else { step });
        set = next;
    }
    let annotations = set
        .iter()
        .filter_map(|(pointer, schema)| {
            schema.as_object().map(|members| annotations::read(members, pointer, &mut Vec::new(), &mut Vec::new()))
        })
        .collect();
    (pattern, annotations)
}
