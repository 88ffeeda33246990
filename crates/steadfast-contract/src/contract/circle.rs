//! Circles of references that lead through several documents. Those within the contract's own document are found when its
//! plan is compiled; the official judge cuts every circle and calls what is in it fulfilled, which promises nothing.

use std::collections::HashMap;

use jsonschema::Uri;
use serde_json::Value;

use crate::draft::Draft;
use crate::plan::resolve::Document;
use crate::subschemas::{self, escape};

/// The chain of references, each as `document#pointer`, that comes back to where it began and uses up no part of a record.
/// `others` are the documents that the contract's references led to, by address.
pub(crate) fn find(root: &Value, draft: Draft, others: &HashMap<String, Value>) -> Option<Vec<String>> {
    if others.is_empty() {
        return None;
    }
    let mut sheets = vec![Sheet::new("json-schema:///", root, draft)];
    sheets.extend(others.iter().map(|(address, value)| Sheet::new(address, value, Draft::of(value).unwrap_or(draft))));
    let mut states = HashMap::new();
    for (number, sheet) in sheets.iter().enumerate() {
        let mut starts = Vec::new();
        subschemas::visit(sheet.root, sheet.draft, &mut |pointer, _| starts.push(pointer.to_owned()));
        for pointer in starts {
            if let Some(circle) = follow(&sheets, (number, pointer), &mut states) {
                return Some(circle.into_iter().map(|(number, pointer)| sheets[number].place(&pointer)).collect());
            }
        }
    }
    None
}

/// A schema: the number of its document, and its JSON pointer there.
type Place = (usize, String);

#[derive(Clone, Copy, PartialEq)]
enum State {
    OnTheWay,
    Done,
}

/// One of the documents.
struct Sheet<'a> {
    /// Its address without a fragment.
    address: String,
    /// What its references are relative to.
    base: String,
    root: &'a Value,
    draft: Draft,
    document: Document<'a>,
}

impl<'a> Sheet<'a> {
    fn new(address: &str, root: &'a Value, draft: Draft) -> Sheet<'a> {
        let document = Document::new(root, draft);
        let address = address.trim_end_matches('#').to_owned();
        let id = root.get("$id").and_then(Value::as_str);
        let base = id.and_then(|id| joined(&address, id)).unwrap_or_else(|| address.clone());
        Sheet { address, base, root, draft, document }
    }

    fn place(&self, pointer: &str) -> String {
        format!("{}#{pointer}", self.address.strip_prefix("json-schema:///").unwrap_or(&self.address))
    }
}

/// Depth first with a stack of its own: a chain of references may be as long as the documents are.
fn follow(sheets: &[Sheet<'_>], start: Place, states: &mut HashMap<Place, State>) -> Option<Vec<Place>> {
    if states.contains_key(&start) {
        return None;
    }
    states.insert(start.clone(), State::OnTheWay);
    let mut way = vec![(start.clone(), judged_with(sheets, &start))];
    while let Some((_, ahead)) = way.last_mut() {
        match ahead.pop() {
            None => {
                if let Some((place, _)) = way.pop() {
                    states.insert(place, State::Done);
                }
            }
            Some(next) => match states.get(&next) {
                Some(State::Done) => {}
                Some(State::OnTheWay) => {
                    let circle = way.into_iter().map(|(place, _)| place).skip_while(|place| *place != next);
                    return Some(circle.chain([next.clone()]).collect());
                }
                None => {
                    states.insert(next.clone(), State::OnTheWay);
                    let ahead = judged_with(sheets, &next);
                    way.push((next, ahead));
                }
            },
        }
    }
    None
}

/// The schemas that the same value is held to.
fn judged_with(sheets: &[Sheet<'_>], (number, pointer): &Place) -> Vec<Place> {
    let sheet = &sheets[*number];
    let Some(schema) = sheet.root.pointer(pointer).and_then(Value::as_object) else { return Vec::new() };
    let mut places = Vec::new();
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        places.extend(target(sheets, *number, reference));
        if sheet.draft == Draft::Seven {
            return places;
        }
    }
    let mut below = |steps: &[&str]| {
        let steps: String = steps.iter().map(|step| format!("/{}", escape(step))).collect();
        places.push((*number, format!("{pointer}{steps}")));
    };
    for word in ["not", "if", "then", "else"].into_iter().filter(|word| schema.contains_key(*word)) {
        below(&[word]);
    }
    for word in ["allOf", "anyOf", "oneOf"] {
        let many = schema.get(word).and_then(Value::as_array).map_or(0, Vec::len);
        (0..many).for_each(|place| below(&[word, &place.to_string()]));
    }
    for word in ["dependentSchemas", "dependencies"] {
        let names = schema.get(word).and_then(Value::as_object).into_iter().flatten();
        names.for_each(|(name, _)| below(&[word, name]));
    }
    places
}

/// What a reference leads to; nothing where only the official judge can tell.
fn target(sheets: &[Sheet<'_>], from: usize, reference: &str) -> Option<Place> {
    let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let number = if document.is_empty() {
        from
    } else {
        let address = joined(&sheets[from].base, document)?;
        sheets.iter().position(|sheet| sheet.address == address || sheet.base == address)?
    };
    let (pointer, _) = sheets[number].document.resolve(&format!("#{fragment}"))?;
    Some((number, pointer))
}

/// A reference as an address (RFC 3986, section 5), without its fragment.
fn joined(base: &str, reference: &str) -> Option<String> {
    let base = Uri::parse(base).ok()?;
    let joined = jsonschema::uri::resolve_against(&base, reference).ok()?;
    Some(joined.as_str().split('#').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(root: Value, others: &[(&str, Value)], expected: Option<&str>) {
        let others = others.iter().map(|(address, value)| ((*address).to_owned(), value.clone())).collect();
        let found = find(&root, Draft::Twenty, &others).map(|mut circle| {
            // It may be entered anywhere.
            circle.pop();
            circle.sort();
            circle.join(" ")
        });
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn a_circle_through_documents_is_found_wherever_it_begins() {
        let to = |reference: &str| json!({ "$ref": reference });
        check(to("a.json"), &[("json-schema:///a.json", to("a.json#/$defs/x"))], None);
        check(
            json!({ "properties": { "who": { "$ref": "http://h/one.json" } } }),
            &[("http://h/one.json", to("two.json")), ("http://h/two.json", json!({ "allOf": [to("one.json#")] }))],
            Some("http://h/one.json# http://h/two.json# http://h/two.json#/allOf/0"),
        );
        let back = json!({ "$defs": { "x": { "if": { "$ref": "contract.json" } } }, "$anchor": "top" });
        check(
            json!({ "$id": "http://h/contract.json", "anyOf": [true, { "$ref": "a.json#/$defs/x" }] }),
            &[("http://h/a.json", back)],
            Some("# #/anyOf/1 http://h/a.json#/$defs/x http://h/a.json#/$defs/x/if"),
        );
    }

    #[test]
    fn a_tree_that_uses_up_input_is_no_circle() {
        let person = json!({ "properties": { "children": { "$ref": "http://h/people.json" } } });
        let people = json!({ "items": { "$ref": "person.json" } });
        check(
            json!({ "$ref": "http://h/person.json" }),
            &[("http://h/person.json", person), ("http://h/people.json", people)],
            None,
        );
    }

    #[test]
    fn a_long_chain_of_references_is_followed_without_a_deep_stack() {
        let mut definitions = serde_json::Map::new();
        for number in 0..100_000 {
            definitions.insert(number.to_string(), json!({ "$ref": format!("#/$defs/{}", number + 1) }));
        }
        definitions.insert("100000".into(), json!({ "$ref": "http://h/b.json" }));
        let a = json!({ "$ref": "#/$defs/0", "$defs": definitions });
        let found = find(
            &json!({ "$ref": "http://h/a.json" }),
            Draft::Twenty,
            &HashMap::from([
                ("http://h/a.json".to_owned(), a),
                ("http://h/b.json".to_owned(), json!({ "$ref": "a.json" })),
            ]),
        );
        assert_eq!(found.map(|circle| circle.len()), Some(100_004));
    }
}
