//! Settings: how a configuration value is read, written back, described, and refused.
//!
//! A configuration file is first a tree of [`Node`]s, each with its place in the text. A type that implements
//! [`Setting`] reads itself from a node, reports *every* problem it meets, writes itself back, and describes itself as
//! JSON Schema. [`settings!`](crate::settings) makes all of that, and the manual page, from one struct with doc comments.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A place in a configuration file: which file, and the bytes from `start` to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// Index of the file, in the order in which the files were read.
    pub file: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A value of a configuration file with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub raw: Raw,
}

/// What a [`Node`] holds: TOML's own types.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// A string.
    Text(String),
    /// A 64-bit integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time, or both, as written.
    Datetime(String),
    /// An array.
    List(Vec<Node>),
    /// A table, in the order of the file.
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key, unquoted.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// What sort of value it is, as TOML calls it.
    pub fn sort(&self) -> &'static str {
        match &self.raw {
            Raw::Text(_) => "a string",
            Raw::Integer(_) => "an integer",
            Raw::Float(_) => "a float",
            Raw::Boolean(_) => "a boolean",
            Raw::Datetime(_) => "a date-time",
            Raw::List(_) => "an array",
            Raw::Table(_) => "a table",
        }
    }

    /// The entries of a table; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.raw {
            Raw::Table(entries) => entries,
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) => &[],
        }
    }

    /// The entry with this key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The place of the innermost key of `path` that is there, or of the node itself.
    pub fn place(&self, path: &[&str]) -> Span {
        let mut at = (self, self.span);
        for key in path {
            match at.0.entry(key) {
                Some(entry) => at = (&entry.node, entry.key_span),
                None => break,
            }
        }
        at.1
    }

    /// The same value as JSON; a date-time becomes the string that was written, a non-finite float null.
    pub fn to_json(&self) -> Value {
        match &self.raw {
            Raw::Text(text) | Raw::Datetime(text) => json!(text),
            Raw::Integer(number) => json!(number),
            Raw::Float(number) => json!(number),
            Raw::Boolean(truth) => json!(truth),
            Raw::List(nodes) => nodes.iter().map(Node::to_json).collect(),
            Raw::Table(entries) => {
                entries.iter().map(|e| (e.key.clone(), e.node.to_json())).collect::<Map<_, _>>().into()
            }
        }
    }

    /// A tree made from JSON, all of it at one place. Nulls are left out, as TOML has none.
    pub fn from_json(value: &Value, span: Span) -> Option<Node> {
        let raw = match value {
            Value::Null => return None,
            Value::Bool(truth) => Raw::Boolean(*truth),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Raw::Integer(integer),
                None => Raw::Float(number.as_f64()?),
            },
            Value::String(text) => Raw::Text(text.clone()),
            Value::Array(values) => Raw::List(values.iter().filter_map(|v| Node::from_json(v, span)).collect()),
            Value::Object(map) => Raw::Table(
                map.iter()
                    .filter_map(|(key, value)| {
                        Some(Entry { key: key.clone(), key_span: span, node: Node::from_json(value, span)? })
                    })
                    .collect(),
            ),
        };
        Some(Node { span, raw })
    }
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to write instead.
    pub suggestion: Option<String>,
    /// Other places that belong to it, each with a few words: where the same id was used first.
    pub related: Vec<(Span, String)>,
    /// Whether a secret stands there, so that the place may be named but not shown.
    pub masked: bool,
}

/// All that is wrong, in the order found.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes one more problem.
    pub fn add(&mut self, span: Span, what: impl Into<String>, why: impl Into<String>) {
        self.0.push(Problem {
            span,
            what: what.into(),
            why: why.into(),
            suggestion: None,
            related: Vec::new(),
            masked: false,
        });
    }

    /// Notes one more problem with what to write instead.
    pub fn suggest(&mut self, span: Span, what: impl Into<String>, why: impl Into<String>, instead: impl Into<String>) {
        let suggestion = Some(instead.into());
        let (what, why) = (what.into(), why.into());
        self.0.push(Problem { span, what, why, suggestion, related: Vec::new(), masked: false });
    }

    /// Notes a problem at a place where a secret stands: it is named and not shown.
    pub fn secret(&mut self, span: Span, what: impl Into<String>, why: impl Into<String>, instead: impl Into<String>) {
        self.suggest(span, what, why, instead);
        self.0.iter_mut().rev().take(1).for_each(|problem| problem.masked = true);
    }

    /// Whether something is noted of exactly this place.
    pub fn have_one_at(&self, span: Span) -> bool {
        self.0.iter().any(|problem| problem.span == span)
    }

    /// Notes a problem that is complete already.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Notes that a value is of the wrong type.
    pub fn wrong_type(&mut self, node: &Node, wanted: &str) {
        let what = format!("{} where {wanted} belongs", node.sort());
        let why = "values are never converted silently";
        match instead_of(node, wanted) {
            Some(instead) => self.suggest(node.span, what, why, instead),
            None => self.add(node.span, what, why),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of the files.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by(|a, b| a.span.cmp(&b.span).then_with(|| a.what.cmp(&b.what)));
        self.0.dedup();
        self.0
    }
}

/// The same value in the type that is wanted, if only the way of writing it is wrong.
fn instead_of(node: &Node, wanted: &str) -> Option<String> {
    let scalar = match &node.raw {
        Raw::Text(text) if matches!(wanted, "an integer" | "a finite number") => {
            return text.trim().parse::<f64>().ok().map(|_| format!("without quotes: {}", text.trim()));
        }
        Raw::Text(_) if wanted == "true or false" => return Some("true or false, without quotes".into()),
        Raw::Text(text) => json!(text).to_string(),
        Raw::Integer(number) => number.to_string(),
        Raw::Float(number) => number.to_string(),
        Raw::Boolean(truth) => truth.to_string(),
        Raw::Datetime(_) | Raw::List(_) | Raw::Table(_) => return None,
    };
    match wanted {
        _ if wanted.starts_with("an array") => Some(format!("in brackets: [{scalar}]")),
        _ if wanted.starts_with("a string") => Some(format!("in quotes: \"{scalar}\"")),
        _ => None,
    }
}

/// The known word nearest to what was written, if it is near enough to be a slip of the finger.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(written, word), word))
        .filter(|(distance, word)| {
            let part = |whole: &str, part: &str| part.len() > 2 && whole.contains(part);
            let slips = (written.len().min(word.len()) / 3).clamp(1, 3);
            *distance <= slips && *distance < word.len() || part(word, written) || part(written, word)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// A value that can stand in the configuration.
pub trait Setting: Sized {
    /// Reads it, noting every problem; `None` only if at least one was noted.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self>;
    /// What it is when the key is not there; `None` means the key is required.
    fn missing() -> Option<Self> {
        None
    }
    /// The same value as it would be written; null means the key is left out.
    fn write(&self) -> Value;
    /// Its JSON Schema (2020-12).
    fn schema() -> Value;
}

/// A struct of settings: one table of the file. Made by [`settings!`](crate::settings).
pub trait Settings: Sized {
    /// The manual page: the struct's doc comment.
    const MANUAL: &'static str;
    /// Its keys, in the order of the struct.
    fn fields() -> Vec<Field>;
    /// Takes its keys out of a table.
    fn take(table: &mut Table<'_>, problems: &mut Problems) -> Option<Self>;
    /// Writes the keys that differ from nothing.
    fn write_into(&self, map: &mut Map<String, Value>);
}

/// A key that a table may have.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// Its doc comment.
    pub manual: &'static str,
    /// Its JSON Schema.
    pub schema: Value,
    /// Whether it must be there.
    pub required: bool,
    /// What it is when it is not there, as it would be written.
    pub default: Value,
}

/// A table being read: it knows which keys were asked for, so that the others can be refused.
#[derive(Debug)]
pub struct Table<'a> {
    node: &'a Node,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// Begins to read a table.
    pub fn open(node: &'a Node, problems: &mut Problems) -> Option<Self> {
        match node.raw {
            Raw::Table(_) => Some(Table { node, known: Vec::new() }),
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) => {
                problems.wrong_type(node, "a table");
                None
            }
        }
    }

    /// The node of a key, which from now on counts as known.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.node.entry(key).map(|entry| &entry.node)
    }

    /// Reads a key; `default` stands in if it is not there.
    pub fn take<T: Setting>(&mut self, key: &'static str, default: Option<T>, problems: &mut Problems) -> Option<T> {
        match self.get(key) {
            Some(node) => T::read(node, problems),
            None => default.or_else(T::missing).or_else(|| {
                problems.add(self.node.span, format!("`{key}` is missing"), "it is required here");
                None
            }),
        }
    }

    /// Refuses every key that nobody asked for.
    pub fn finish(self, problems: &mut Problems) {
        for entry in self.node.entries().iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            let what = format!("unknown key `{}`", entry.key);
            let why = "a key that nobody reads is a promise that nobody keeps";
            match did_you_mean(&entry.key, self.known.iter().copied()) {
                Some(near) => {
                    // One slip is one problem: what is missing stands here under another name.
                    let missing = format!("`{near}` is missing");
                    problems.0.retain(|problem| problem.span != self.node.span || problem.what != missing);
                    problems.suggest(entry.key_span, what, why, format!("did you mean `{near}`?"));
                }
                None if self.known.is_empty() => problems.add(entry.key_span, what, why),
                None => {
                    let mut known = self.known.clone();
                    known.sort_unstable();
                    problems.suggest(entry.key_span, what, why, format!("known here: {}", known.join(", ")));
                }
            }
        }
    }
}

/// The JSON Schema of a struct of settings.
pub fn schema_of<T: Settings>() -> Value {
    let fields = T::fields();
    let properties: Map<String, Value> = fields.iter().map(|field| (field.key.to_owned(), described(field))).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    let mut schema = json!({
        "type": "object", "description": tidy(T::MANUAL), "properties": properties, "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn described(field: &Field) -> Value {
    let mut schema = field.schema.clone();
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".into(), json!(tidy(field.manual)));
        if !field.default.is_null() {
            map.insert("default".into(), field.default.clone());
        }
    }
    schema
}

/// A doc comment as text: without the space that `///` leaves before each line.
pub fn tidy(manual: &str) -> String {
    let lines: Vec<&str> = manual.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim().to_owned()
}

/// A struct of settings. Each field is a key of the same name (a raw identifier loses its `r#`), each doc comment the
/// manual. `name: Type = default` gives a default; without one the type decides what a missing key means.
#[macro_export]
macro_rules! settings {
    ($(#[doc = $doc:literal])* pub struct $Name:ident {
        $( $(#[doc = $field_doc:literal])* $field:ident : $Type:ty $(= $default:expr)? ),* $(,)?
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Name { $( $(#[doc = $field_doc])* pub $field: $Type, )* }

        impl $crate::setting::Settings for $Name {
            const MANUAL: &'static str = concat!($($doc, "\n"),*);

            fn fields() -> Vec<$crate::setting::Field> {
                vec![$({
                    let default: Option<$Type> = $crate::settings!(@default $($default)?);
                    let written = default.as_ref().map(<$Type as $crate::setting::Setting>::write);
                    $crate::setting::Field {
                        key: $crate::setting::key(stringify!($field)),
                        manual: concat!($($field_doc, "\n"),*),
                        schema: <$Type as $crate::setting::Setting>::schema(),
                        required: default.is_none() && <$Type as $crate::setting::Setting>::missing().is_none(),
                        default: written.unwrap_or(::serde_json::Value::Null),
                    }
                }),*]
            }

            fn take(table: &mut $crate::setting::Table<'_>, problems: &mut $crate::setting::Problems) -> Option<Self> {
                $( let $field: Option<$Type> = {
                    let default: Option<$Type> = $crate::settings!(@default $($default)?);
                    table.take($crate::setting::key(stringify!($field)), default, problems)
                }; )*
                Some(Self { $( $field: $field?, )* })
            }

            fn write_into(&self, map: &mut ::serde_json::Map<String, ::serde_json::Value>) {
                $(
                    let value = <$Type as $crate::setting::Setting>::write(&self.$field);
                    if !value.is_null() {
                        map.insert($crate::setting::key(stringify!($field)).to_owned(), value);
                    }
                )*
            }
        }

        impl $crate::setting::Setting for $Name {
            fn read(node: &$crate::setting::Node, problems: &mut $crate::setting::Problems) -> Option<Self> {
                let mut table = $crate::setting::Table::open(node, problems)?;
                let read = <Self as $crate::setting::Settings>::take(&mut table, problems);
                table.finish(problems);
                read
            }
            fn write(&self) -> ::serde_json::Value {
                let mut map = ::serde_json::Map::new();
                <Self as $crate::setting::Settings>::write_into(self, &mut map);
                map.into()
            }
            fn schema() -> ::serde_json::Value {
                $crate::setting::schema_of::<Self>()
            }
        }
    };
    (@default) => { None };
    (@default $default:expr) => { Some($default) };
}

/// A closed choice of words: an enum that is a setting.
#[macro_export]
macro_rules! words {
    ($(#[doc = $doc:literal])* pub enum $Name:ident { $( $(#[doc = $word_doc:literal])* $Variant:ident = $word:literal ),* $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $Name { $( $(#[doc = $word_doc])* $Variant, )* }

        impl $Name {
            /// Every word, in order.
            pub const ALL: &'static [$Name] = &[$($Name::$Variant),*];

            /// The word as it is written.
            pub const fn word(self) -> &'static str {
                match self { $( $Name::$Variant => $word, )* }
            }

            /// What it means.
            pub const fn manual(self) -> &'static str {
                match self { $( $Name::$Variant => concat!($($word_doc, "\n"),*), )* }
            }

            /// The value with this word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl ::serde::Serialize for $Name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $Name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                Self::of(&word).ok_or_else(|| ::serde::de::Error::custom(format!("unknown word `{word}`")))
            }
        }

        impl $crate::setting::Setting for $Name {
            fn read(node: &$crate::setting::Node, problems: &mut $crate::setting::Problems) -> Option<Self> {
                let words: Vec<&str> = Self::ALL.iter().map(|known| known.word()).collect();
                $crate::setting::read_word(node, &words, problems).and_then(|word| Self::of(&word))
            }
            fn write(&self) -> ::serde_json::Value {
                ::serde_json::Value::from(self.word())
            }
            fn schema() -> ::serde_json::Value {
                ::serde_json::json!({ "enum": Self::ALL.iter().map(|known| known.word()).collect::<Vec<_>>() })
            }
        }
    };
}

/// The key of a field: its name without a leading `r#`.
pub const fn key(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// Reads one word of a closed list.
pub fn read_word(node: &Node, words: &[&str], problems: &mut Problems) -> Option<String> {
    let word = String::read(node, problems)?;
    if words.contains(&word.as_str()) {
        return Some(word);
    }
    let instead = match did_you_mean(&word, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", words.join(", ")),
    };
    problems.suggest(node.span, format!("unknown word `{word}`"), "the list is closed", instead);
    None
}

impl Setting for String {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.raw {
            Raw::Text(text) => Some(text.clone()),
            Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) | Raw::Table(_) => {
                problems.wrong_type(node, "a string");
                None
            }
        }
    }
    fn write(&self) -> Value {
        json!(self)
    }
    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Setting for bool {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.raw {
            Raw::Boolean(truth) => Some(truth),
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Datetime(_) | Raw::List(_) | Raw::Table(_) => {
                problems.wrong_type(node, "true or false");
                None
            }
        }
    }
    fn write(&self) -> Value {
        json!(self)
    }
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

macro_rules! integers {
    ($($Type:ty),*) => { $(
        impl Setting for $Type {
            fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
                let Raw::Integer(integer) = node.raw else {
                    problems.wrong_type(node, "an integer");
                    return None;
                };
                let fits = <$Type>::try_from(integer).ok();
                if fits.is_none() {
                    let what = format!("{integer} is out of range");
                    problems.add(node.span, what, format!("it is from {} to {}", <$Type>::MIN, <$Type>::MAX));
                }
                fits
            }
            fn write(&self) -> Value {
                json!(self)
            }
            fn schema() -> Value {
                json!({ "type": "integer", "minimum": <$Type>::MIN })
            }
        }
    )* };
}
integers!(i64, i32, u64, u32, u16, usize);

impl Setting for f64 {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.raw {
            Raw::Float(number) if number.is_finite() => Some(number),
            Raw::Integer(number) => Some(number as f64),
            Raw::Float(_) | Raw::Text(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) | Raw::Table(_) => {
                problems.wrong_type(node, "a finite number");
                None
            }
        }
    }
    fn write(&self) -> Value {
        // 14 stays 14: what is shown is what was written.
        if self.fract() == 0.0 && self.abs() < 9.0e15 { json!(*self as i64) } else { json!(self) }
    }
    fn schema() -> Value {
        json!({ "type": "number" })
    }
}

impl<T: Setting> Setting for Option<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        T::read(node, problems).map(Some)
    }
    fn missing() -> Option<Self> {
        Some(None)
    }
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }
    fn schema() -> Value {
        T::schema()
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Raw::List(nodes) = &node.raw else {
            problems.wrong_type(node, "an array");
            return None;
        };
        let read: Vec<Option<T>> = nodes.iter().map(|node| T::read(node, problems)).collect();
        read.into_iter().collect()
    }
    fn missing() -> Option<Self> {
        Some(Vec::new())
    }
    fn write(&self) -> Value {
        if self.is_empty() { Value::Null } else { self.iter().map(T::write).collect() }
    }
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Raw::Table(entries) = &node.raw else {
            problems.wrong_type(node, "a table");
            return None;
        };
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|entry| T::read(&entry.node, problems).map(|value| (entry.key.clone(), value)))
            .collect();
        read.into_iter().collect()
    }
    fn missing() -> Option<Self> {
        Some(BTreeMap::new())
    }
    fn write(&self) -> Value {
        if self.is_empty() {
            return Value::Null;
        }
        self.iter().map(|(key, value)| (key.clone(), value.write())).collect::<Map<_, _>>().into()
    }
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
}

/// One value, or an array of them: `body_contains = "a"` and `body_contains = ["a", "b"]`.
#[derive(Debug, Clone)]
pub struct OneOrMany<T>(Several<T>);

/// Nearly always it is one, which then needs no allocation of its own.
#[derive(Debug, Clone)]
enum Several<T> {
    None,
    One(T),
    Many(Box<[T]>),
}

impl<T> OneOrMany<T> {
    /// None of them.
    pub const NONE: OneOrMany<T> = OneOrMany(Several::None);
}

impl<T> std::ops::Deref for OneOrMany<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match &self.0 {
            Several::None => &[],
            Several::One(one) => std::slice::from_ref(one),
            Several::Many(many) => many,
        }
    }
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        OneOrMany::NONE
    }
}

impl<T: PartialEq> PartialEq for OneOrMany<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for OneOrMany<T> {}

impl<T: Setting> Setting for OneOrMany<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.raw {
            Raw::List(nodes) if nodes.is_empty() => {
                problems.add(node.span, "an empty array", "it would expect nothing; leave the key out instead");
                None
            }
            Raw::List(_) => Vec::<T>::read(node, problems).map(|many| OneOrMany(Several::Many(many.into()))),
            Raw::Text(_) | Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::Table(_) => {
                T::read(node, problems).map(|one| OneOrMany(Several::One(one)))
            }
        }
    }
    fn missing() -> Option<Self> {
        Some(OneOrMany::NONE)
    }
    fn write(&self) -> Value {
        if self.is_empty() { Value::Null } else { self.iter().map(T::write).collect() }
    }
    fn schema() -> Value {
        json!({ "anyOf": [T::schema(), { "type": "array", "items": T::schema(), "minItems": 1 }] })
    }
}
