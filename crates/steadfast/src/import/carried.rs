//! What is carried over, what is not and why, and the file that comes of it. Pure: nothing is read or asked for here.

use serde_json::{Map, Value, json};
use steadfast_checks::kinds::KINDS;
use steadfast_config::toml_of;
use steadfast_core::measure::Lapse;

use super::Format;
use crate::init::looks_secret;

/// A configuration to be.
pub(crate) struct Carried {
    /// The format's name.
    pub(crate) format: &'static str,
    /// The tool that it comes from.
    pub(crate) tool: &'static str,
    /// The file that it comes from.
    pub(crate) file: String,
    project: String,
    /// Comments that stood above everything.
    pub(crate) head: Vec<String>,
    /// The checks.
    pub(crate) checks: Vec<Check>,
    /// What was there and is not carried.
    pub(crate) left: Vec<Note>,
    /// What could not fail there, or says little.
    pub(crate) warned: Vec<Note>,
    /// Variables to set before the checks can look.
    pub(crate) variables: Vec<Variable>,
    /// Values that must not appear anywhere.
    secrets: Vec<String>,
}

/// A check to be.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) line: usize,
    pub(crate) summary: String,
    pub(crate) every: Option<String>,
    pub(crate) timeout: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) depends_on: Vec<String>,
    pub(crate) retry: Option<Value>,
    pub(crate) kind: &'static str,
    pub(crate) look: Map<String, Value>,
    pub(crate) expect: Map<String, Value>,
    /// Comments from the source, to stand above it.
    pub(crate) comments: Vec<String>,
    /// What a reader should know.
    pub(crate) notes: Vec<String>,
}

/// Something about the source: its line, what it is about, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) line: usize,
    pub(crate) about: String,
    pub(crate) text: String,
}

/// A variable to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) what: String,
}

impl Carried {
    pub(super) fn new(format: &dyn Format, file: &str, project: &str) -> Carried {
        Carried {
            format: format.name(),
            tool: format.title(),
            file: file.to_owned(),
            project: project.to_owned(),
            head: Vec::new(),
            checks: Vec::new(),
            left: Vec::new(),
            warned: Vec::new(),
            variables: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// Notes what is not carried.
    pub(crate) fn leave(&mut self, line: usize, about: impl Into<String>, text: impl Into<String>) {
        self.left.push(Note { line, about: about.into(), text: text.into() });
    }

    /// Notes what could not fail there, or says little.
    pub(crate) fn warn(&mut self, line: usize, about: impl Into<String>, text: impl Into<String>) {
        let note = Note { line, about: about.into(), text: text.into() };
        if !self.warned.contains(&note) {
            self.warned.push(note);
        }
    }

    /// A reference to a variable that has to be set.
    pub(crate) fn variable(&mut self, name: &str, what: impl Into<String>) -> Value {
        if !self.variables.iter().any(|known| known.name == name) {
            self.variables.push(Variable { name: name.to_owned(), what: what.into() });
        }
        json!({ "env": name })
    }

    /// A reference in place of a secret that stood there. The secret itself is kept out of all that is written.
    pub(crate) fn secret(&mut self, id: &str, suffix: &str, value: &str, what: impl Into<String>) -> Value {
        self.keep_out(value);
        let wanted = variable_name(&format!("{id} {suffix}"));
        self.variable(&wanted, what)
    }

    /// Keeps a value out of all that is written.
    pub(crate) fn keep_out(&mut self, value: &str) {
        if value.chars().count() >= 4 {
            self.secrets.push(value.to_owned());
        }
    }

    /// A name for a check that no other has.
    pub(crate) fn free_id(&self, wanted: &str) -> String {
        let wanted = match crate::init::slug(wanted) {
            slug if slug == "page" => "check".to_owned(),
            slug => slug,
        };
        let taken = |id: &str| self.checks.iter().any(|check| check.id == id);
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        std::iter::once(wanted.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(wanted)
    }

    /// Takes out what would not load, so that the rest does, and what must not be written.
    pub(super) fn settle(&mut self) {
        for mut check in std::mem::take(&mut self.checks) {
            check.outlast_expectation();
            let alone = format!("[project]\nname = \"x\"\n{}", check.toml(&self.file, false));
            match steadfast_config::load_text(&alone, KINDS) {
                Ok(_) => self.checks.push(check),
                Err(refusal) => {
                    let why = refusal.problems().first().map_or("it does not load", |problem| problem.what.as_str());
                    let text = format!("it would be no check here: {why}");
                    self.leave(check.line, check.id.clone(), text);
                }
            }
        }
        let ids: Vec<String> = self.checks.iter().map(|check| check.id.clone()).collect();
        self.checks.iter_mut().for_each(|check| check.depends_on.retain(|id| ids.contains(id)));
        let secrets = std::mem::take(&mut self.secrets);
        let clean = |text: &mut String| {
            for secret in &secrets {
                *text = text.replace(secret.as_str(), "***");
            }
        };
        let spoils = |text: &String| {
            secrets.iter().any(|secret| text.contains(secret.as_str())) || looks_secret("", &json!(text))
        };
        self.head.retain(|text| !spoils(text));
        for check in &mut self.checks {
            check.comments.retain(|text| !spoils(text));
            check.notes.iter_mut().for_each(clean);
            clean(&mut check.summary);
        }
        for note in self.left.iter_mut().chain(&mut self.warned) {
            clean(&mut note.text);
            clean(&mut note.about);
        }
        self.variables.iter_mut().for_each(|variable| clean(&mut variable.what));
        self.variables.sort_by(|a, b| a.name.cmp(&b.name));
        self.left.sort_by_key(|note| note.line);
        self.warned.sort_by_key(|note| note.line);
        self.secrets = secrets;
    }

    /// The file.
    pub(crate) fn toml(&self) -> String {
        let mut text = format!(
            "# Written by `steadfast import {}` from {}. It is an ordinary file: read it, then make it yours.\n\
             #   steadfast verify                 does all of this hold now?\n\
             #   steadfast prove                  could these checks fail at all?\n",
            self.format, self.file
        );
        self.head.iter().for_each(|line| text.push_str(&comment(line)));
        if !self.variables.is_empty() {
            text.push_str("#\n# Set these before the checks look:\n");
            for variable in &self.variables {
                text.push_str(&comment(&format!("  {}: {}", variable.name, variable.what)));
            }
        }
        if !self.left.is_empty() {
            text.push_str("#\n# Not carried over:\n");
            self.left.iter().for_each(|note| text.push_str(&comment(&format!("  {}", self.placed(note)))));
        }
        if !self.warned.is_empty() {
            text.push_str(&format!("#\n# Worth knowing about what {} did:\n", self.tool));
            self.warned.iter().for_each(|note| text.push_str(&comment(&format!("  {}", self.placed(note)))));
        }
        text.push_str(&format!("\n[project]\n{}", toml_of(&json!({ "name": self.project }))));
        for check in &self.checks {
            text.push('\n');
            text.push_str(&check.toml(&self.file, true));
        }
        text
    }

    /// A note with its place.
    pub(crate) fn placed(&self, note: &Note) -> String {
        format!("{}:{} {}: {}", self.file, note.line, note.about, note.text)
    }
}

impl Check {
    /// One without anything but its look.
    pub(crate) fn new(id: String, line: usize, kind: &'static str, summary: impl Into<String>) -> Check {
        Check {
            id,
            line,
            summary: summary.into(),
            every: None,
            timeout: None,
            tags: Vec::new(),
            depends_on: Vec::new(),
            retry: None,
            kind,
            look: Map::new(),
            expect: Map::new(),
            comments: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Sets one key of the look.
    pub(crate) fn look(&mut self, key: &str, value: impl Into<Value>) {
        self.look.insert(key.to_owned(), value.into());
    }

    /// Sets one key of what is expected; one that is there becomes a list with both.
    pub(crate) fn expect(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.expect.get_mut(key) {
            None => drop(self.expect.insert(key.to_owned(), value)),
            Some(Value::Array(items)) if !items.contains(&value) => items.push(value),
            Some(Value::Array(_)) => {}
            Some(one) if *one == value => {}
            Some(one) => *one = json!([one.take(), value]),
        }
    }

    /// Adds operators to the predicate on a part of what is seen: `json`, `header`. Says whether it could: an operator
    /// that is there with another value cannot be had twice.
    pub(crate) fn predicate(&mut self, under: &str, part: &str, operators: &[(&str, Value)]) -> bool {
        let Some(table) = self.expect.entry(under).or_insert_with(|| json!({})).as_object_mut() else { return false };
        let Some(predicate) = table.entry(part).or_insert_with(|| json!({})).as_object_mut() else { return false };
        let clash = operators.iter().any(|(name, value)| predicate.get(*name).is_some_and(|there| there != value));
        if !clash {
            predicate.extend(operators.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        !clash
    }

    /// Whatever time is expected can only be missed if the look is not cut off before.
    fn outlast_expectation(&mut self) {
        let lapse = |text: &str| Lapse::parse(text).ok();
        let Some(within) = self.expect.get("within").and_then(Value::as_str).and_then(lapse) else { return };
        let timeout = self.timeout.as_deref().and_then(lapse).unwrap_or(Lapse::seconds(10));
        if within.0 >= timeout.0 {
            self.timeout = Some(Lapse(within.0.saturating_add(std::time::Duration::from_secs(1))).to_string());
        }
    }

    /// Asks a resolver for the records of a name; without more to expect there must be one at least.
    pub(crate) fn ask_for(&mut self, name: &str, record: &str, resolver: Option<String>) -> Result<(), String> {
        const RECORDS: [&str; 10] = ["A", "AAAA", "CNAME", "MX", "TXT", "NS", "SOA", "SRV", "CAA", "PTR"];
        let record = record.to_ascii_uppercase();
        if !RECORDS.contains(&record.as_str()) {
            return Err(format!("`dns` does not ask for records of the type {record}"));
        }
        self.kind = "dns";
        self.look("name", name.trim_end_matches('.'));
        self.look("record", record);
        if let Some(resolver) = resolver {
            self.look("resolver", resolver);
        }
        Ok(())
    }

    /// What an answer of a resolver is expected to be where nothing else is: not empty.
    pub(crate) fn expect_a_record(&mut self) {
        if self.expect.is_empty() {
            self.expect("count", json!({ "at_least": 1 }));
        }
    }

    /// Pings a host as those tools do: one echo, which must come back.
    pub(crate) fn ping(&mut self) {
        self.kind = "icmp";
        self.look("count", 1);
        self.expect("loss_at_most", 0);
    }

    fn toml(&self, file: &str, commented: bool) -> String {
        let mut text = String::new();
        if commented {
            self.comments.iter().for_each(|line| text.push_str(&comment(line)));
            text.push_str(&comment(&format!("From {file}:{}", self.line)));
            self.notes.iter().for_each(|note| text.push_str(&comment(note)));
        }
        text.push_str("[[check]]\n");
        let tame = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        text.push_str(&toml_of(&json!({ "id": self.id })));
        text.push_str(&toml_of(&json!({ "summary": tame(&self.summary) })));
        text.push_str(&toml_of(&json!({ "every": self.every })));
        text.push_str(&toml_of(&json!({ "timeout": self.timeout })));
        if !self.tags.is_empty() {
            text.push_str(&toml_of(&json!({ "tags": self.tags })));
        }
        if commented && !self.depends_on.is_empty() {
            text.push_str(&toml_of(&json!({ "depends_on": self.depends_on })));
        }
        text.push_str(&toml_of(&json!({ "retry": self.retry })));
        text.push_str(&format!("[check.{}]\n{}", self.kind, toml_of(&Value::Object(self.look.clone()))));
        text.push_str(&format!("[check.{}.expect]\n{}", self.kind, toml_of(&Value::Object(self.expect.clone()))));
        text
    }
}

/// Whether there are checks of a kind.
pub(crate) fn is_kind(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.name() == name)
}

/// `SHOP_API_TOKEN`.
pub(crate) fn variable_name(text: &str) -> String {
    let upper = text.to_uppercase();
    let parts: Vec<&str> = upper.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let name = parts.join("_");
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// One line of comment, whatever is in the text.
fn comment(text: &str) -> String {
    let tame: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {}", tame.trim_end()).trim_end().to_owned() + "\n"
}
