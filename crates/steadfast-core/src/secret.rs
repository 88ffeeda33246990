//! Secrets: named in the configuration, read when observing, never shown.

use std::fmt;

use serde_json::{Value, json};

use crate::setting::{Node, Problems, Raw, Setting, Table};

/// Where a value that must not stand in the configuration is to be read from, each time it is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// An environment variable: `{ env = "NAME" }`.
    Env(String),
    /// The first line of a file: `{ file = "path" }`, relative to the root configuration's folder.
    File(String),
}

impl SecretRef {
    /// How it is written in a copyable command: `$NAME`, or `$(cat path)`.
    pub fn shell(&self) -> String {
        match self {
            SecretRef::Env(name) => format!("${name}"),
            SecretRef::File(path) => format!("$(cat {path})"),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "environment variable {name}"),
            SecretRef::File(path) => write!(f, "secret file {path}"),
        }
    }
}

impl Setting for SecretRef {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Raw::Text(_) = node.raw {
            let why = "a secret in a file under version control is no secret";
            problems.secret(node.span, "a secret written out", why, "{ env = \"NAME\" } or { file = \"path\" }");
            return None;
        }
        let mut table = Table::open(node, problems)?;
        let before = problems.len();
        let env = table.take::<Option<String>>("env", None, problems);
        let file = table.take::<Option<String>>("file", None, problems);
        table.finish(problems);
        match (env?, file?) {
            (Some(name), None) => Some(SecretRef::Env(name)),
            (None, Some(path)) => Some(SecretRef::File(path)),
            (None, None) if problems.len() > before => None,
            (None, None) | (Some(_), Some(_)) => {
                problems.add(node.span, "exactly one of `env` and `file` is needed", "a secret has one source");
                None
            }
        }
    }
    fn write(&self) -> Value {
        match self {
            SecretRef::Env(name) => json!({ "env": name }),
            SecretRef::File(path) => json!({ "file": path }),
        }
    }
    fn schema() -> Value {
        let one = |key: &str| json!({ "type": "object", "properties": { key: { "type": "string" } }, "required": [key], "additionalProperties": false });
        json!({ "anyOf": [one("env"), one("file")] })
    }
}

/// A secret's value. It prints as `***`; [`Secret::expose`] is the only way in.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The value itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A text that may be written out or come from a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Written out.
    Literal(String),
    /// Read when observing.
    Secret(SecretRef),
}

impl Text {
    /// How it is written in a copyable command.
    pub fn shell(&self) -> String {
        match self {
            Text::Literal(text) => text.clone(),
            Text::Secret(source) => source.shell(),
        }
    }
}

impl Setting for Text {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.raw {
            Raw::Text(text) => Some(Text::Literal(text.clone())),
            Raw::Table(_) => SecretRef::read(node, problems).map(Text::Secret),
            Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) => {
                problems.wrong_type(node, "a string, { env = \"NAME\" } or { file = \"path\" }");
                None
            }
        }
    }
    fn write(&self) -> Value {
        match self {
            Text::Literal(text) => json!(text),
            Text::Secret(source) => source.write(),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "string" }, SecretRef::schema()] })
    }
}
