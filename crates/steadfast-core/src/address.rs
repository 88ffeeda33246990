//! Addresses: written out, or the name of a target, or read from the environment.

use serde_json::{Value, json};

use crate::secret::{SecretRef, Text};
use crate::setting::{Node, Problems, Raw, Setting, Span, Table};

/// Where to look: a URL, a `host:port` or a path.
#[derive(Debug, Clone)]
pub enum Address {
    /// Written out.
    Literal(String),
    /// One of `[targets]`, which a World may route elsewhere. The span is where it is named.
    Target(String, Span),
    /// Read when observing, as it may hold a password.
    Secret(SecretRef),
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.write() == other.write()
    }
}

impl Address {
    /// How it is shown: the literal, `<target>`, or `$NAME`.
    pub fn shown(&self) -> String {
        match self {
            Address::Literal(text) => text.clone(),
            Address::Target(name, _) => format!("<{name}>"),
            Address::Secret(source) => source.shell(),
        }
    }
}

impl From<Text> for Address {
    fn from(text: Text) -> Self {
        match text {
            Text::Literal(text) => Address::Literal(text),
            Text::Secret(source) => Address::Secret(source),
        }
    }
}

impl Setting for Address {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Raw::Table(_) = node.raw
            && let Some(entry) = node.entry("target")
        {
            let mut table = Table::open(node, problems)?;
            let name = table.take::<String>("target", None, problems);
            table.finish(problems);
            return Some(Address::Target(name?, entry.node.span));
        }
        Text::read(node, problems).map(Address::from)
    }
    fn write(&self) -> Value {
        match self {
            Address::Literal(text) => json!(text),
            Address::Target(name, _) => json!({ "target": name }),
            Address::Secret(source) => source.write(),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "properties": { "target": { "type": "string" } }, "required": ["target"], "additionalProperties": false },
            SecretRef::schema(),
        ] })
    }
}
