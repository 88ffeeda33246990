//! Compiles a schema to a plan. A keyword that the plan has no rule for becomes an escape at the narrowest place that
//! is right: the value, the object that holds it, or the record.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::draft::Draft;
use crate::plan::disjoint::disjoint;
use crate::plan::matcher::Matcher;
use crate::plan::resolve::Document;
use crate::plan::words::Words;
use crate::plan::{
    ANYTHING, Also, ArrayRule, Bound, Constants, Contains, Lengths, NOTHING, Node, NodeId, ObjectRule, Plan, Prop,
    Side, kind, number,
};
use crate::scan::{Engine, Needle};
use crate::subschemas::escape;

/// Compiles `schema`. `official` builds the judge of the subschema at a JSON pointer, for the escapes.
///
/// What needs a stack as deep as the schema is refused before the official judge sees it, whose stack would end.
pub(crate) fn compile(
    schema: &Value,
    draft: Draft,
    assert_formats: bool,
    official: &dyn Fn(&str) -> Option<jsonschema::Validator>,
) -> Result<Plan, Endless> {
    let mut compiler = Compiler {
        document: Document::new(schema, draft),
        draft,
        assert_formats,
        depth: 0,
        too_deep: None,
        pending: Vec::new(),
        nodes: vec![
            Node { kinds: kind::ALL, plain: true, open: true, ..Node::default() },
            Node { plain: true, ..Node::default() },
        ],
        pointers: vec!["(anything)".to_owned(), "(nothing)".to_owned()],
        known: HashMap::new(),
        escapes: Vec::new(),
        judges: Vec::new(),
        successors: Vec::new(),
    };
    let root = compiler.node(String::new(), schema);
    if let Some(pointer) = compiler.too_deep.take() {
        return Err(Endless::Nested(pointer));
    }
    let longest = compiler.refuse_idle_cycles()?;
    compiler.appoint(official);
    let root = compiler.forward(root);
    compiler.mark_disjoint();
    for node in &mut compiler.nodes {
        if let Some(rule) = &mut node.string {
            rule.only_one_of =
                rule.one_of.is_some() && rule.patterns.is_empty() && rule.min == 0 && rule.max == usize::MAX;
        }
        node.plain = node.constants.is_empty() && node.also.is_empty();
        node.sure = match &node.string {
            _ if !node.plain || node.kinds & kind::STRING == 0 => Lengths::default(),
            None => Lengths(0, usize::MAX),
            Some(rule) if rule.one_of.is_some() || !rule.patterns.is_empty() => Lengths::default(),
            // A code point has one to four bytes.
            Some(rule) => Lengths(if rule.min <= 1 { rule.min } else { rule.min.saturating_mul(4) }, rule.max),
        };
        node.open = node.kinds == kind::ALL
            && !node.integer
            && node.string.is_none()
            && node.number.is_none()
            && node.array.is_none()
            && node.object.is_none();
    }
    Ok(Plan {
        nodes: compiler.nodes,
        root,
        longest,
        engine: Engine::best(),
        successors: compiler.successors,
        escapes: compiler.escapes,
        official: compiler.judges,
    })
}

/// The plan of a schema whose keywords are not known here: everything goes to the official judge.
pub(crate) fn nothing_but_doubt() -> Plan {
    let doubt = Node { kinds: kind::ALL, also: vec![Also::Unknown(kind::ALL)], ..Node::default() };
    Plan {
        nodes: vec![
            Node { kinds: kind::ALL, plain: true, open: true, ..Node::default() },
            Node { plain: true, ..Node::default() },
            doubt,
        ],
        root: 2,
        longest: SAME_VALUE,
        engine: Engine::best(),
        successors: Vec::new(),
        escapes: vec!["#: a $schema of its own (every record is judged by the official judge)".to_owned()],
        official: Vec::new(),
    }
}

/// Schemas that one value may be held to, one behind the other (`$ref`, `allOf`, ...): each is a step of the stack.
const SAME_VALUE: usize = 128;
/// Schemas that may stand within or behind one another, whatever part of a record is used up on the way.
const NESTED: usize = 2_000;

/// Why a schema cannot be followed to its end.
#[derive(Debug)]
pub(crate) enum Endless {
    /// The pointers of a reference cycle that uses up no input.
    Circle(Vec<String>),
    /// From this pointer on more than [`SAME_VALUE`]: so many.
    Chain(String, usize),
    /// At this pointer there are more than [`NESTED`].
    Nested(String),
}

impl std::fmt::Display for Endless {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endless::Circle(cycle) => write!(
                out,
                "{}: these refer to each other in a circle, and no part of a record is used up on the way: no record \
                 could be judged",
                cycle.join(" -> ")
            ),
            Endless::Chain(pointer, long) => write!(
                out,
                "#{pointer}: refers on and on: {long} schemas stand behind one another for the same value, and \
                 {SAME_VALUE} are the most"
            ),
            Endless::Nested(pointer) => write!(
                out,
                "#{pointer}: more than {NESTED} schemas stand within or behind one another on the way here: refer to \
                 fewer"
            ),
        }
    }
}

fn whole(pointer: &str, keyword: &str) -> String {
    format!("#{pointer}: {keyword} (the whole record is judged again)")
}

struct Compiler<'a> {
    document: Document<'a>,
    draft: Draft,
    assert_formats: bool,
    /// Schemas that are being compiled, each within or behind the one before.
    depth: usize,
    /// Where they became too many.
    too_deep: Option<String>,
    /// What is asked of the official judge: pointer, keyword, and the place among the escapes.
    pending: Vec<(String, String, usize)>,
    nodes: Vec<Node>,
    pointers: Vec<String>,
    known: HashMap<String, NodeId>,
    escapes: Vec<String>,
    judges: Vec<jsonschema::Validator>,
    successors: Vec<u32>,
}

impl<'a> Compiler<'a> {
    fn node(&mut self, pointer: String, schema: &'a Value) -> NodeId {
        match schema {
            Value::Bool(true) => return ANYTHING,
            Value::Bool(false) => return NOTHING,
            _ => {}
        }
        if let Some(known) = self.known.get(&pointer) {
            return *known;
        }
        if self.depth >= NESTED {
            self.too_deep.get_or_insert(pointer);
            return ANYTHING;
        }
        self.depth += 1;
        let id = self.nodes.len() as NodeId;
        self.known.insert(pointer.clone(), id);
        self.nodes.push(Node::default());
        self.pointers.push(pointer.clone());
        let node = match schema.as_object() {
            Some(members) => self.object_schema(&pointer, members),
            None => Node { kinds: kind::ALL, also: vec![Also::Unknown(kind::ALL)], ..Node::default() },
        };
        self.nodes[id as usize] = node;
        self.depth -= 1;
        id
    }

    fn child(&mut self, pointer: &str, keyword: &str, schema: &'a Value) -> NodeId {
        self.node(format!("{pointer}/{}", escape(keyword)), schema)
    }

    fn object_schema(&mut self, pointer: &str, schema: &'a Map<String, Value>) -> Node {
        let mut node = Node { kinds: kind::ALL, ..Node::default() };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            match self.document.resolve(reference) {
                Some((target, schema)) => {
                    let target = self.node(target, schema);
                    node.also.push(Also::All(target));
                }
                None => self.leave(&mut node, pointer, "$ref", kind::ALL),
            }
            if self.draft == Draft::Seven {
                return node;
            }
        }
        if schema.contains_key("$id") && !pointer.is_empty() && self.document.has_embedded_resources() {
            self.leave(&mut node, pointer, "$id", kind::ALL);
            return node;
        }
        let dynamic = match self.draft {
            Draft::Seven => None,
            Draft::Nineteen => Some("$recursiveRef"),
            Draft::Twenty => Some("$dynamicRef"),
        };
        if let Some(word) = dynamic.filter(|word| schema.contains_key(*word)) {
            // What it means depends on how the record got here: only the whole record can be handed over.
            self.leave(&mut node, pointer, word, kind::ALL);
            // In a document of one resource it leads where a plain reference would: a circle is one here, too.
            let reference = schema.get(word).and_then(Value::as_str);
            if let Some((target, schema)) = reference.and_then(|reference| self.document.resolve(reference)) {
                let target = self.node(target, schema);
                node.also.push(Also::All(target));
            }
        }
        let unevaluated = [("unevaluatedItems", kind::ARRAY), ("unevaluatedProperties", kind::OBJECT)];
        for (word, kinds) in unevaluated {
            if self.draft != Draft::Seven && schema.get(word).is_some_and(|value| value != &Value::Bool(true)) {
                self.hand_over(&mut node, pointer, word, kinds);
            }
        }
        self.types(&mut node, schema);
        self.constants(&mut node, schema);
        self.strings(&mut node, pointer, schema);
        self.numbers(&mut node, pointer, schema);
        self.arrays(&mut node, pointer, schema);
        self.objects(&mut node, pointer, schema);
        self.applicators(&mut node, pointer, schema);
        node
    }

    /// The whole record goes to the official judge when a value of these kinds stands here.
    fn leave(&mut self, node: &mut Node, pointer: &str, keyword: &str, kinds: u8) {
        self.escapes.push(whole(pointer, keyword));
        node.also.push(Also::Unknown(kinds));
    }

    /// The value alone goes to the official judge of this subschema, where that is the same thing.
    fn hand_over(&mut self, node: &mut Node, pointer: &str, keyword: &str, kinds: u8) {
        if self.document.depends_on_the_way_here() {
            return self.leave(node, pointer, keyword, kinds);
        }
        node.also.push(Also::Official(kinds, self.pending.len()));
        self.pending.push((pointer.to_owned(), keyword.to_owned(), self.escapes.len()));
        self.escapes.push(format!("#{pointer}: {keyword} (values here are judged by the official judge)"));
    }

    /// Gets the official judges of the subschemas; where there is none the record is handed over.
    fn appoint(&mut self, official: &dyn Fn(&str) -> Option<jsonschema::Validator>) {
        let mut places = Vec::new();
        for (pointer, keyword, escape) in std::mem::take(&mut self.pending) {
            let judge = official(&pointer);
            if judge.is_none() {
                self.escapes[escape] = whole(&pointer, &keyword);
            }
            places.push(judge.map(|judge| {
                self.judges.push(judge);
                self.judges.len() - 1
            }));
        }
        for also in self.nodes.iter_mut().flat_map(|node| &mut node.also) {
            if let Also::Official(kinds, place) = also {
                *also = match places[*place] {
                    Some(place) => Also::Official(*kinds, place),
                    None => Also::Unknown(*kinds),
                };
            }
        }
    }

    fn types(&mut self, node: &mut Node, schema: &Map<String, Value>) {
        let Some(types) = schema.get("type") else { return };
        let named: Vec<&str> = match types {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        node.kinds = named.iter().fold(0, |kinds, name| {
            kinds
                | match *name {
                    "null" => kind::NULL,
                    "boolean" => kind::BOOL,
                    "number" | "integer" => kind::NUMBER,
                    "string" => kind::STRING,
                    "array" => kind::ARRAY,
                    "object" => kind::OBJECT,
                    _ => 0,
                }
        });
        node.integer = named.contains(&"integer") && !named.contains(&"number");
    }

    fn constants(&mut self, node: &mut Node, schema: &Map<String, Value>) {
        for word in ["enum", "const"] {
            let Some(value) = schema.get(word) else { continue };
            let values: &[Value] = match (word, value) {
                ("enum", Value::Array(values)) => values,
                ("enum", _) => continue,
                _ => std::slice::from_ref(value),
            };
            if values.iter().all(Value::is_string) {
                // The common case, checked where the string is found.
                let texts: Vec<&[u8]> = values.iter().filter_map(Value::as_str).map(str::as_bytes).collect();
                node.kinds &= kind::STRING;
                let rule = node.string.get_or_insert_default();
                let allowed = |text: &&[u8]| rule.one_of.as_ref().is_none_or(|known| known.have(text));
                let texts = texts.into_iter().filter(allowed).map(Into::into).collect();
                rule.one_of = Some(Words::new(texts, |text| needle(text, b"", b"\"")));
                continue;
            }
            let mut constants = Constants::default();
            for value in values {
                match value {
                    Value::Null => constants.null = true,
                    Value::Bool(true) => constants.yes = true,
                    Value::Bool(false) => constants.no = true,
                    Value::String(text) => constants.strings.push(text.as_bytes().into()),
                    Value::Number(_) => match number::exact_limit(value) {
                        Some(number) if number.abs() < 1e15 => constants.numbers.push(number),
                        _ => constants.unknown |= kind::NUMBER,
                    },
                    Value::Array(_) => constants.unknown |= kind::ARRAY,
                    Value::Object(_) => constants.unknown |= kind::OBJECT,
                }
            }
            node.constants.push(constants);
        }
    }

    fn strings(&mut self, node: &mut Node, pointer: &str, schema: &Map<String, Value>) {
        if let Some(limit) = schema.get("minLength").and_then(count) {
            node.string.get_or_insert_default().min = limit;
        }
        if let Some(limit) = schema.get("maxLength").and_then(count) {
            node.string.get_or_insert_default().max = limit;
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            match Matcher::new(pattern) {
                Some(matcher) => node.string.get_or_insert_default().patterns.push(matcher),
                None => self.hand_over(node, pointer, "pattern", kind::STRING),
            }
        }
        if self.assert_formats && schema.contains_key("format") {
            self.hand_over(node, pointer, "format", kind::STRING);
        }
        if self.draft == Draft::Seven
            && ["contentEncoding", "contentMediaType"].iter().any(|word| schema.contains_key(*word))
        {
            self.hand_over(node, pointer, "contentEncoding", kind::STRING);
        }
    }

    fn numbers(&mut self, node: &mut Node, pointer: &str, schema: &Map<String, Value>) {
        let sides = [
            ("minimum", Side::AtLeast),
            ("exclusiveMinimum", Side::Above),
            ("maximum", Side::AtMost),
            ("exclusiveMaximum", Side::Below),
        ];
        for (word, side) in sides {
            match schema.get(word) {
                Some(value) if value.is_number() => match number::exact_limit(value) {
                    Some(limit) => node.number.get_or_insert_default().bounds.push(Bound { limit, side }),
                    None => self.hand_over(node, pointer, word, kind::NUMBER),
                },
                _ => {}
            }
        }
        if let Some(value) = schema.get("multipleOf") {
            match value.as_u64().filter(|of| (1..1 << 50).contains(of)) {
                Some(of) => node.number.get_or_insert_default().multiple_of.push(of),
                None => self.hand_over(node, pointer, "multipleOf", kind::NUMBER),
            }
        }
    }

    fn arrays(&mut self, node: &mut Node, pointer: &str, schema: &'a Map<String, Value>) {
        let words = ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"];
        if !words.iter().any(|word| schema.contains_key(*word)) {
            return;
        }
        let mut rule = ArrayRule {
            first: Vec::new(),
            rest: ANYTHING,
            min: schema.get("minItems").and_then(count).unwrap_or(0),
            max: schema.get("maxItems").and_then(count).unwrap_or(usize::MAX),
            unique: schema.get("uniqueItems") == Some(&Value::Bool(true)),
            contains: None,
        };
        let (tuple, tuple_word, rest, rest_word) = match (self.draft, schema.get("items")) {
            (Draft::Twenty, items) => (schema.get("prefixItems"), "prefixItems", items, "items"),
            (_, Some(Value::Array(_))) => {
                (schema.get("items"), "items", schema.get("additionalItems"), "additionalItems")
            }
            (_, items) => (None, "items", items, "items"),
        };
        if let Some(Value::Array(tuple)) = tuple {
            for (place, schema) in tuple.iter().enumerate() {
                let id = self.node(format!("{pointer}/{tuple_word}/{place}"), schema);
                rule.first.push(id);
            }
        }
        if let Some(rest) = rest {
            rule.rest = self.child(pointer, rest_word, rest);
        }
        if let Some(contains) = schema.get("contains") {
            let (min, max) = match self.draft {
                Draft::Seven => (1, usize::MAX),
                Draft::Nineteen | Draft::Twenty => (
                    schema.get("minContains").and_then(count).unwrap_or(1),
                    schema.get("maxContains").and_then(count).unwrap_or(usize::MAX),
                ),
            };
            rule.contains = Some(Contains { node: self.child(pointer, "contains", contains), min, max });
        }
        node.array = Some(Box::new(rule));
    }

    fn objects(&mut self, node: &mut Node, pointer: &str, schema: &'a Map<String, Value>) {
        let words = [
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
            "dependentRequired",
            "dependencies",
        ];
        if !words.iter().any(|word| schema.contains_key(*word)) {
            return;
        }
        let mut rule = ObjectRule {
            props: Vec::new(),
            plain: false,
            learnt: 0,
            index: Vec::new(),
            required: Vec::new(),
            patterns: Vec::new(),
            additional: ANYTHING,
            names: None,
            min: schema.get("minProperties").and_then(count).unwrap_or(0),
            max: schema.get("maxProperties").and_then(count).unwrap_or(usize::MAX),
            dependent: Vec::new(),
        };
        let mut places: HashMap<&str, u32> = HashMap::new();
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for (name, schema) in in_the_order_of_required(properties, schema.get("required")) {
                let id = self.node(format!("{pointer}/properties/{}", escape(name)), schema);
                places.insert(name, rule.props.len() as u32);
                rule.props.push(prop(name, Some(id)));
            }
        }
        let mut place_of = |name: &'a str, props: &mut Vec<Prop>| {
            *places.entry(name).or_insert_with(|| {
                props.push(prop(name, None));
                props.len() as u32 - 1
            })
        };
        if let Some(Value::Array(required)) = schema.get("required") {
            for name in required.iter().filter_map(Value::as_str) {
                let place = place_of(name, &mut rule.props) as usize;
                if rule.required.len() <= place / 64 {
                    rule.required.resize(place / 64 + 1, 0);
                }
                rule.required[place / 64] |= 1 << (place % 64);
            }
        }
        let dependent_word = if self.draft == Draft::Seven { "dependencies" } else { "dependentRequired" };
        if let Some(Value::Object(dependent)) = schema.get(dependent_word) {
            for (name, others) in dependent {
                let Value::Array(others) = others else { continue };
                let first = place_of(name, &mut rule.props);
                let others =
                    others.iter().filter_map(Value::as_str).map(|other| place_of(other, &mut rule.props)).collect();
                rule.dependent.push((first, others));
            }
        }
        if self.draft != Draft::Seven && schema.contains_key("dependencies") {
            self.hand_over(node, pointer, "dependencies", kind::OBJECT);
        }
        if let Some(Value::Object(patterns)) = schema.get("patternProperties") {
            for (pattern, schema) in patterns {
                match Matcher::new(pattern) {
                    Some(matcher) => {
                        let id = self.node(format!("{pointer}/patternProperties/{}", escape(pattern)), schema);
                        rule.patterns.push((matcher, id));
                    }
                    None => {
                        self.hand_over(node, pointer, "patternProperties", kind::OBJECT);
                        // The escape judges the object: nothing is to be decided here.
                        return;
                    }
                }
            }
        }
        if let Some(additional) = schema.get("additionalProperties") {
            rule.additional = self.child(pointer, "additionalProperties", additional);
        }
        if let Some(names) = schema.get("propertyNames") {
            rule.names = Some(self.child(pointer, "propertyNames", names)).filter(|id| *id != ANYTHING);
        }
        if rule.props.len() > 12 {
            rule.index = rule
                .props
                .iter()
                .enumerate()
                .map(|(place, prop)| (xxhash_rust::xxh3::xxh3_64(&prop.name), place as u32))
                .collect();
            rule.index.sort_unstable();
        }
        rule.plain =
            rule.props.len() <= 64 && rule.patterns.is_empty() && rule.names.is_none() && rule.dependent.is_empty();
        rule.learnt = self.successors.len() as u32;
        self.successors.extend(0..=rule.props.len() as u32);
        node.object = Some(Box::new(rule));
    }

    fn applicators(&mut self, node: &mut Node, pointer: &str, schema: &'a Map<String, Value>) {
        for (word, build) in [("allOf", 0), ("anyOf", 1), ("oneOf", 2)] {
            let Some(Value::Array(branches)) = schema.get(word) else { continue };
            let ids: Vec<NodeId> = branches
                .iter()
                .enumerate()
                .map(|(place, branch)| self.node(format!("{pointer}/{word}/{place}"), branch))
                .collect();
            match build {
                0 => node.also.extend(ids.into_iter().map(Also::All)),
                1 => node.also.push(Also::Any(ids)),
                _ => node.also.push(Also::One { branches: ids, disjoint: false }),
            }
        }
        if let Some(not) = schema.get("not") {
            let id = self.child(pointer, "not", not);
            node.also.push(Also::Not(id));
        }
        if let Some(condition) = schema.get("if") {
            let condition = self.child(pointer, "if", condition);
            let then = schema.get("then").map_or(ANYTHING, |then| self.child(pointer, "then", then));
            let otherwise = schema.get("else").map_or(ANYTHING, |otherwise| self.child(pointer, "else", otherwise));
            node.also.push(Also::If { condition, then, otherwise });
        }
        let word = if self.draft == Draft::Seven { "dependencies" } else { "dependentSchemas" };
        if let Some(Value::Object(dependent)) = schema.get(word) {
            for (name, schema) in dependent.iter().filter(|(_, schema)| !schema.is_array()) {
                let id = self.node(format!("{pointer}/{word}/{}", escape(name)), schema);
                node.also.push(Also::Dependent(name.as_bytes().into(), id));
            }
        }
    }

    /// Nodes that a value reaches without a byte of it being consumed.
    fn idle(&self, id: NodeId) -> Vec<NodeId> {
        let mut reached = Vec::new();
        for also in &self.nodes[id as usize].also {
            match also {
                Also::All(other) | Also::Not(other) | Also::Dependent(_, other) => reached.push(*other),
                Also::Any(branches) | Also::One { branches, .. } => reached.extend(branches),
                Also::If { condition, then, otherwise } => reached.extend([condition, then, otherwise]),
                Also::Official(..) | Also::Unknown(_) => {}
            }
        }
        reached
    }

    /// The answer: the most schemas that one value is held to, one behind the other.
    fn refuse_idle_cycles(&self) -> Result<usize, Endless> {
        // 0: not seen, 1: being looked at, 2: free of cycles.
        let mut state = vec![0_u8; self.nodes.len()];
        // The longest way from each node.
        let mut longest = vec![1_usize; self.nodes.len()];
        for start in 0..self.nodes.len() as NodeId {
            let mut trail: Vec<(NodeId, Vec<NodeId>)> = Vec::new();
            if state[start as usize] == 0 {
                state[start as usize] = 1;
                trail.push((start, self.idle(start)));
            }
            while let Some((node, open)) = trail.last_mut() {
                match open.pop() {
                    Some(next) if state[next as usize] == 1 => {
                        let from = trail.iter().position(|(id, _)| *id == next).unwrap_or(0);
                        let mut cycle: Vec<String> =
                            trail[from..].iter().map(|(id, _)| format!("#{}", self.pointers[*id as usize])).collect();
                        cycle.push(format!("#{}", self.pointers[next as usize]));
                        return Err(Endless::Circle(cycle));
                    }
                    Some(next) if state[next as usize] == 0 => {
                        state[next as usize] = 1;
                        let idle = self.idle(next);
                        trail.push((next, idle));
                    }
                    Some(next) => {
                        longest[*node as usize] = longest[*node as usize].max(longest[next as usize] + 1);
                    }
                    None => {
                        let done = *node as usize;
                        state[done] = 2;
                        trail.pop();
                        if let Some((above, _)) = trail.last() {
                            longest[*above as usize] = longest[*above as usize].max(longest[done] + 1);
                        }
                    }
                }
            }
        }
        match longest.iter().enumerate().max_by_key(|(_, longest)| **longest) {
            Some((node, longest)) if *longest > SAME_VALUE => {
                Err(Endless::Chain(self.pointers[node].clone(), *longest))
            }
            Some((_, longest)) => Ok(*longest),
            None => Ok(0),
        }
    }

    /// A node that is nothing but a reference is replaced by what it refers to.
    fn forward(&mut self, root: NodeId) -> NodeId {
        let target = |nodes: &[Node], mut id: NodeId| {
            loop {
                let node = &nodes[id as usize];
                let bare = node.kinds == kind::ALL
                    && !node.integer
                    && node.string.is_none()
                    && node.number.is_none()
                    && node.array.is_none()
                    && node.object.is_none()
                    && node.constants.is_empty();
                match node.also.as_slice() {
                    [Also::All(other)] if bare => id = *other,
                    _ => return id,
                }
            }
        };
        let targets: Vec<NodeId> = (0..self.nodes.len() as NodeId).map(|id| target(&self.nodes, id)).collect();
        let to = |id: &mut NodeId| *id = targets[*id as usize];
        for node in &mut self.nodes {
            if let Some(array) = &mut node.array {
                array.first.iter_mut().for_each(to);
                to(&mut array.rest);
                if let Some(contains) = &mut array.contains {
                    to(&mut contains.node);
                }
            }
            if let Some(object) = &mut node.object {
                object.props.iter_mut().filter_map(|prop| prop.node.as_mut()).for_each(to);
                object.patterns.iter_mut().for_each(|(_, id)| to(id));
                to(&mut object.additional);
                object.names.iter_mut().for_each(to);
            }
            for also in &mut node.also {
                match also {
                    Also::All(other) | Also::Not(other) | Also::Dependent(_, other) => to(other),
                    Also::Any(branches) | Also::One { branches, .. } => branches.iter_mut().for_each(to),
                    Also::If { condition, then, otherwise } => [condition, then, otherwise].into_iter().for_each(to),
                    Also::Official(..) | Also::Unknown(_) => {}
                }
            }
        }
        targets[root as usize]
    }

    fn mark_disjoint(&mut self) {
        for id in 0..self.nodes.len() {
            for place in 0..self.nodes[id].also.len() {
                let Also::One { branches, .. } = &self.nodes[id].also[place] else { continue };
                let apart = branches
                    .iter()
                    .enumerate()
                    .all(|(left, one)| branches[left + 1..].iter().all(|other| disjoint(&self.nodes, *one, *other, 3)));
                if let Also::One { disjoint, .. } = &mut self.nodes[id].also[place] {
                    *disjoint = apart;
                }
            }
        }
    }
}

fn prop(name: &str, node: Option<NodeId>) -> Prop {
    let written = |before: &str, after: &str| needle(name.as_bytes(), before.as_bytes(), after.as_bytes());
    Prop {
        name: name.as_bytes().into(),
        first: [written("\"", "\":"), written("\"", "\": ")],
        next: [written(",\"", "\":"), written(", \"", "\": ")],
        node,
    }
}

/// How `text` stands in a record. A text that can only be written with an escape is never found in this way: no UTF-8
/// has the byte that is looked for in its place.
fn needle(text: &[u8], before: &[u8], after: &[u8]) -> Needle {
    if text.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        return Needle::new(&[0xff]);
    }
    Needle::new(&[before, text, after].concat())
}

/// `serde_json` keeps members sorted; writers keep them in the order of the type, which `required` usually shows.
/// The order only helps the walk to guess the next key.
fn in_the_order_of_required<'a>(
    properties: &'a Map<String, Value>,
    required: Option<&'a Value>,
) -> Vec<(&'a str, &'a Value)> {
    let mut ordered: Vec<(&str, &Value)> = Vec::with_capacity(properties.len());
    let mut known = std::collections::HashSet::new();
    let named = required.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in named.chain(properties.keys().map(String::as_str)) {
        if let Some((name, schema)) = properties.get_key_value(name)
            && known.insert(name.as_str())
        {
            ordered.push((name, schema));
        }
    }
    ordered
}

/// A count in a schema: `2` and `2.0` alike.
fn count(value: &Value) -> Option<usize> {
    value
        .as_u64()
        .or_else(|| {
            value
                .as_f64()
                .filter(|count| count.fract() == 0.0 && *count >= 0.0 && *count < 1e15)
                .map(|count| count as u64)
        })
        .map(|count| count as usize)
}
