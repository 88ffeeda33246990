//! The configuration that is being drafted, and its text. Pure: what was seen comes in, commented TOML goes out.

use serde_json::{Value, json};
use steadfast_config::toml_of;

/// Where the file's JSON Schema is written, relative to the file. Editors with taplo read the first line's `#:schema`.
pub(super) const SCHEMA: &str = ".steadfast/steadfast.schema.json";

/// The name under which the site is known in `[targets]`.
pub(super) const SITE: &str = "site";

/// A configuration to be.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The project's name.
    pub(super) project: String,
    /// `[targets]`, in order.
    pub(super) targets: Vec<(String, Value)>,
    /// A PEM file of the only roots to trust.
    pub(super) roots: Option<String>,
    /// The checks.
    pub(super) checks: Vec<Drafted>,
    /// Checks that nobody has seen hold: they stand in the file as comments.
    pub(super) waiting: Vec<Waiting>,
    /// Files that were read, and what is in them in a few words.
    pub(super) read: Vec<(String, String)>,
    /// What the files speak of and no check can see from here.
    pub(super) unseen: Vec<LeftOut>,
    /// Names of variables that hold addresses.
    pub(super) addresses: Vec<String>,
    /// Names of variables that hold secrets.
    pub(super) secrets: Vec<String>,
    /// What was found and is not held to anything.
    pub(super) left_out: Vec<LeftOut>,
}

/// A check that was not seen to hold.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// The check.
    pub(super) check: Drafted,
    /// Where it comes from, and what stands there.
    pub(super) says: String,
    /// Why it was not seen.
    pub(super) why: String,
    /// What to do.
    pub(super) then: String,
}

/// A check to be.
#[derive(Debug, Clone)]
pub(super) struct Drafted {
    /// Its name.
    pub(super) id: String,
    /// Its kind.
    pub(super) kind: &'static str,
    /// What it claims.
    pub(super) summary: String,
    /// Its tags.
    pub(super) tags: Vec<&'static str>,
    /// Its gates; none means the usual ones.
    pub(super) gates: Vec<&'static str>,
    /// Comments to stand above it.
    pub(super) notes: Vec<String>,
    /// `[check.<kind>]`.
    pub(super) look: Value,
    /// `[check.<kind>.expect]`.
    pub(super) expect: Value,
    /// A line of `expect` that would be worth having, to stand there as a comment.
    pub(super) hint: Option<String>,
    /// What it looks at, in a few words.
    pub(super) shown: String,
}

/// Something that was found and left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// What.
    pub(super) what: String,
    /// Why.
    pub(super) why: String,
}

impl Draft {
    /// A name for a check or target that nothing has yet.
    pub(super) fn free_id(&self, wanted: &str) -> String {
        let taken = |id: &str| {
            self.checks.iter().any(|check| check.id == id) || self.targets.iter().any(|(name, _)| name == id)
        };
        let wanted = slug(wanted);
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        std::iter::once(wanted.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(wanted)
    }

    /// A name for a check that no other check has, and none that waits.
    pub(super) fn free_check(&self, wanted: &str) -> String {
        let waiting = self.waiting.iter().map(|waiting| &waiting.check);
        let taken = |id: &str| self.checks.iter().chain(waiting.clone()).any(|check| check.id == id);
        let wanted = slug(wanted);
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        std::iter::once(wanted.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(wanted)
    }

    /// The name of the target with this address, which is a new one if there is none yet.
    pub(super) fn target(&mut self, wanted: &str, address: &Value) -> String {
        if let Some((name, _)) = self.targets.iter().find(|(_, known)| known == address) {
            return name.clone();
        }
        let name = self.free_target(wanted);
        self.targets.push((name.clone(), address.clone()));
        name
    }

    /// A name for a target that no other has.
    pub(super) fn free_target(&self, wanted: &str) -> String {
        let wanted = slug(wanted);
        let taken = |id: &str| self.targets.iter().any(|(name, _)| name == id);
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        std::iter::once(wanted.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or(wanted)
    }

    /// The targets that something in the file names.
    fn used_targets(&self) -> impl Iterator<Item = &(String, Value)> {
        let used = |name: &str| {
            let waiting = self.waiting.iter().map(|waiting| &waiting.check);
            name == SITE || self.checks.iter().chain(waiting).any(|check| names_target(&check.look, name))
        };
        self.targets.iter().filter(move |(name, _)| used(name))
    }

    /// Notes what is not held to anything.
    pub(super) fn leave_out(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.left_out.push(LeftOut { what: what.into(), why: why.into() });
    }

    /// The file.
    pub(super) fn toml(&self) -> String {
        let mut text = format!(
            "#:schema ./{SCHEMA}\n\
             # Written by `steadfast init` from what it saw, twice. Read it, then make it yours: it is an ordinary file.\n\
             # The first line is for editors; `steadfast config schema > {SCHEMA}` writes that schema anew.\n\
             #   steadfast verify                 does all of this hold now?\n\
             #   steadfast prove                  could these checks fail at all?\n\
             #   steadfast explain http           everything that a check of a kind can expect\n\
             \n\
             [project]\n"
        );
        text.push_str(&toml_of(&json!({ "name": self.project })));
        let targets: Vec<&(String, Value)> = self.used_targets().collect();
        if !targets.is_empty() || !self.addresses.is_empty() {
            text.push_str(
                "\n# Checks name these, so that `--route NAME=ADDRESS` can lead them to a staging server or a restored \
                 copy.\n[targets]\n",
            );
            for (name, address) in targets {
                text.push_str(&toml_of(&json!({ name.as_str(): address })));
            }
            for variable in &self.addresses {
                text.push_str(&commented(&toml_of(&json!({ slug(variable): { "env": variable } }))));
            }
        }
        if !self.secrets.is_empty() {
            let example = self.secrets.first().map_or("NAME", String::as_str);
            text.push_str("\n# Secrets that .env names. Where a check needs one it is written so, and never itself:\n");
            text.push_str(&comment(&format!(
                "  headers = {{ authorization = {{ bearer = {{ env = \"{example}\" }} }} }}"
            )));
            self.secrets.chunks(4).for_each(|names| text.push_str(&comment(&format!("  {}", names.join(", ")))));
        }
        let sited = self.targets.iter().any(|(name, _)| name == SITE);
        if (sited || self.roots.is_some()) && self.checks.iter().any(|check| check.kind == "http") {
            let base = sited.then(|| json!({ "target": SITE }));
            text.push_str("\n[defaults.http]\n");
            text.push_str(&toml_of(&json!({ "base_url": base, "roots": self.roots })));
        }
        self.checks.iter().for_each(|check| check.write(&mut text));
        if !self.waiting.is_empty() {
            text.push_str(
                "\n# Proposed, and not seen to hold, so they are comments: take the leading `#` of their lines away when \
                 they should\n# be checks. Or remove this file and run `steadfast init` again once what they look at is up.\n",
            );
            self.waiting.iter().for_each(|waiting| waiting.write(&mut text));
        }
        for (title, notes) in [("Left out", &self.left_out), ("Not seen", &self.unseen)] {
            if !notes.is_empty() {
                text.push_str(&format!("\n# {title}:\n"));
                notes.iter().for_each(|note| text.push_str(&comment(&format!("  {}: {}", note.what, note.why))));
            }
        }
        text
    }
}

impl Drafted {
    fn write(&self, text: &mut String) {
        text.push('\n');
        self.notes.iter().for_each(|note| text.push_str(&comment(note)));
        text.push_str("[[check]]\n");
        text.push_str(&toml_of(&json!({ "id": self.id })));
        text.push_str(&toml_of(&json!({ "summary": self.summary })));
        if !self.gates.is_empty() {
            text.push_str(&toml_of(&json!({ "gates": self.gates })));
        }
        text.push_str(&toml_of(&json!({ "tags": self.tags })));
        text.push_str(&format!("[check.{}]\n{}", self.kind, toml_of(&self.look)));
        text.push_str(&format!("[check.{}.expect]\n{}", self.kind, toml_of(&self.expect)));
        if let Some(hint) = &self.hint {
            text.push_str(&comment(hint));
        }
    }
}

impl Waiting {
    fn write(&self, text: &mut String) {
        text.push('\n');
        text.push_str(&comment(&format!("{}.", self.says)));
        text.push_str(&comment(&format!("Not looked at: {}.", self.why)));
        text.push_str(&comment(&format!("To do: {}.", self.then)));
        let mut check = String::new();
        self.check.write(&mut check);
        text.push_str(&commented(check.trim_start()));
    }
}

/// Whether a look names a target.
fn names_target(look: &Value, name: &str) -> bool {
    match look {
        Value::Object(map) => {
            let is_one = map.len() == 1 && map.get("target").and_then(Value::as_str) == Some(name);
            is_one || map.values().any(|value| names_target(value, name))
        }
        Value::Array(items) => items.iter().any(|item| names_target(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Lines that are settings once their `#` is gone. Prose has a space behind it.
fn commented(toml: &str) -> String {
    toml.lines().map(|line| format!("#{line}\n")).collect()
}

/// One line of comment, whatever is in the text.
fn comment(text: &str) -> String {
    let tame: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {tame}\n")
}

/// Lower-case letters, digits and `-`.
pub(crate) fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let mut slug = parts.join("-");
    slug.truncate(40);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "page".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drafted(id: &str, note: &str) -> Drafted {
        Drafted {
            id: id.to_owned(),
            kind: "http",
            summary: "/ answers with its content".to_owned(),
            tags: vec!["web"],
            gates: Vec::new(),
            notes: vec![note.to_owned()],
            look: json!({ "get": "/" }),
            expect: json!({ "status": 200, "body_contains": ["Ti\"m\no"] }),
            hint: Some("within = \"1s\"".to_owned()),
            shown: "GET /".to_owned(),
        }
    }

    #[test]
    fn whatever_was_seen_the_file_loads() {
        let mut draft = Draft { project: "a \"b\"\n".replace('\n', ""), ..Draft::default() };
        draft.targets.push((SITE.to_owned(), json!("https://shop.example")));
        draft.checks.push(drafted("page", "a note\n[[check]]\nid = \"smuggled\""));
        draft.leave_out("/x\u{7}\n[nonsense", "a\nb");
        let project = steadfast_config::load_text(&draft.toml(), steadfast_checks::kinds::KINDS);
        let project = project.unwrap_or_else(|refusal| panic!("{}\n{}", refusal.render(false, 80), draft.toml()));
        assert_eq!(project.checks.len(), 1);
        assert_eq!(draft.free_id("page"), "page-2");
    }

    #[test]
    fn ids_are_made_of_what_ids_may_have() {
        assert_eq!(slug("/Über/d 7?x=1"), "ber-d-7-x-1");
        assert_eq!(slug("///"), "page");
    }
}
