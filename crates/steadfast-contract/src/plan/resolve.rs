//! Finds what a `$ref` points at, within one document.
//!
//! References within a document without embedded `$id`s are resolved here; anything else (another document, a base that
//! changes) is left to the official judge, whose `referencing` crate knows every rule.

use std::collections::HashMap;

use serde_json::Value;

use crate::draft::Draft;
use crate::subschemas;

/// The places of one document that a reference can name.
pub(crate) struct Document<'a> {
    root: &'a Value,
    id: Option<&'a str>,
    anchors: HashMap<&'a str, String>,
    embedded: bool,
    dynamic: bool,
}

impl<'a> Document<'a> {
    pub(crate) fn new(root: &'a Value, draft: Draft) -> Document<'a> {
        let mut document = Document {
            root,
            id: root.get("$id").and_then(Value::as_str).map(|id| id.trim_end_matches('#')),
            anchors: HashMap::new(),
            embedded: false,
            dynamic: false,
        };
        subschemas::visit(root, draft, &mut |pointer, schema| {
            let ignored = draft == Draft::Seven && schema.get("$ref").is_some();
            if let Some(id) = schema.get("$id").and_then(Value::as_str).filter(|_| !ignored) {
                match id.strip_prefix('#') {
                    Some(anchor) if draft == Draft::Seven => {
                        document.anchors.insert(anchor, pointer.to_owned());
                    }
                    _ => document.embedded |= !pointer.is_empty(),
                }
            }
            if draft != Draft::Seven {
                document.dynamic |= schema.get("$dynamicRef").is_some() || schema.get("$recursiveRef").is_some();
                for word in ["$anchor", "$dynamicAnchor"] {
                    if let Some(anchor) = schema.get(word).and_then(Value::as_str) {
                        document.anchors.insert(anchor, pointer.to_owned());
                    }
                }
            }
        });
        document
    }

    /// Whether the base of references changes somewhere below the root.
    pub(crate) fn has_embedded_resources(&self) -> bool {
        self.embedded
    }

    /// Whether a subschema may mean something else on its own than within the whole.
    pub(crate) fn depends_on_the_way_here(&self) -> bool {
        self.embedded || self.dynamic
    }

    /// The JSON pointer and the schema that `reference` names; `None`: not to be told here.
    pub(crate) fn resolve(&self, reference: &str) -> Option<(String, &'a Value)> {
        if self.embedded {
            return None;
        }
        let fragment = match reference.split_once('#') {
            Some(("", fragment)) => fragment,
            Some((document, fragment)) if Some(document) == self.id => fragment,
            None if Some(reference) == self.id => "",
            _ => return None,
        };
        let fragment = unescape(fragment)?;
        let pointer = if fragment.is_empty() || fragment.starts_with('/') {
            fragment
        } else {
            self.anchors.get(fragment.as_str())?.clone()
        };
        let schema = self.root.pointer(&pointer)?;
        (schema.is_object() || schema.is_boolean()).then_some((pointer, schema))
    }
}

fn unescape(fragment: &str) -> Option<String> {
    if !fragment.contains('%') {
        return Some(fragment.to_owned());
    }
    let bytes = fragment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let code = fragment.get(at + 1..at + 3)?;
            out.push(u8::from_str_radix(code, 16).ok()?);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}
