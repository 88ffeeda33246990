//! The guard at the reader: a value that does not hold is repaired by what the contract says, or refused. It is never
//! handed on invalid, and it never ends the process.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::annotations::OnInvalid;
use crate::contract::{Contract, Profile};
use crate::finding::{Breach, Token, spell};
use crate::judge::{Judge, Look};
use crate::official;
use crate::strict;

/// What was done to one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// The safe default took its place.
    Defaulted,
    /// The item was dropped.
    Dropped,
    /// Of two equal keys the last was kept.
    KeptTheLast,
}

/// One repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// Where.
    pub path: String,
    /// What was done.
    pub done: Done,
    /// Why: the keyword, and what was seen.
    pub why: String,
    #[serde(skip)]
    pub(crate) place: Vec<Token>,
}

/// Every repair of one value, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Repairs(pub Vec<Repair>);

impl Repairs {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// A value that cannot be handed on.
#[derive(Debug, Clone, PartialEq)]
pub enum Unloadable {
    /// It is no JSON, or nested too deeply.
    NotJson(String),
    /// No `x-onInvalid` speaks of what is wrong with it.
    Unrepairable(Vec<Breach>),
    /// The official judge could not tell.
    CannotTell(String),
}

impl std::fmt::Display for Unloadable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unloadable::NotJson(why) => write!(out, "not JSON: {why}"),
            Unloadable::CannotTell(why) => write!(out, "cannot tell whether the value holds: {why}"),
            Unloadable::Unrepairable(breaches) => {
                out.write_str("cannot be repaired, because no x-onInvalid stands at or above:")?;
                breaches.iter().take(5).try_for_each(|breach| {
                    write!(out, "\n  {}: {}, expected {}", spell(&breach.path), breach.seen, breach.expected)
                })
            }
        }
    }
}

impl std::error::Error for Unloadable {}

impl Contract {
    /// Reads a value and holds it to the contract. In the profile `load` it is repaired; in the others any breach is
    /// [`Unloadable::Unrepairable`].
    pub fn load(&self, bytes: &[u8], profile: Profile) -> Result<(Value, Repairs), Unloadable> {
        let read = strict::read(bytes).map_err(|fault| Unloadable::NotJson(fault.message))?;
        let mut repairs = Repairs::default();
        for (path, key) in &read.duplicates {
            let mut path = path.clone();
            path.push(Token::Key(key.clone()));
            if profile != Profile::Load {
                let breach = Breach::of_text("duplicateKey", "a member once", "the same member again");
                return Err(Unloadable::Unrepairable(vec![Breach { path, ..breach }]));
            }
            let why = "duplicateKey: the same member again".to_owned();
            repairs.0.push(Repair { path: spell(&path), done: Done::KeptTheLast, why, place: path });
        }
        let value = self.repaired(read.value, profile, &mut repairs)?;
        Ok((value, repairs))
    }

    /// Holds `value` to the contract and puts what is left into `into`; on an error `into` stays as it is.
    pub fn validate_into(&self, value: Value, profile: Profile, into: &mut Value) -> Result<Repairs, Unloadable> {
        if depth(&value) > strict::DEPTH {
            return Err(Unloadable::NotJson(format!("nested deeper than {} levels", strict::DEPTH)));
        }
        let mut repairs = Repairs::default();
        *into = self.repaired(value, profile, &mut repairs)?;
        Ok(repairs)
    }

    fn repaired(&self, value: Value, profile: Profile, repairs: &mut Repairs) -> Result<Value, Unloadable> {
        self.with_room(|| self.repaired_here(value, profile, repairs))
    }

    fn repaired_here(&self, mut value: Value, profile: Profile, repairs: &mut Repairs) -> Result<Value, Unloadable> {
        let judge = Judge::new(self, profile, Look::default());
        // Places that have their default already: if they are still wrong, the next one above decides.
        let mut spent: BTreeSet<Vec<Token>> = BTreeSet::new();
        loop {
            let mut opinion = official::judge(&self.official, &value);
            opinion.breaches.extend(judge.meanings.breaches(self, &value));
            if opinion.breaches.is_empty() {
                return opinion.unsure.map_or(Ok(value), |why| Err(Unloadable::CannotTell(why)));
            }
            if profile != Profile::Load {
                return Err(Unloadable::Unrepairable(opinion.breaches));
            }
            let mut acts: Vec<(Vec<Token>, Act, Breach)> = Vec::new();
            let mut hopeless = Vec::new();
            for breach in opinion.breaches {
                match self.act(&value, &breach.path, &spent) {
                    Some((place, act)) if !acts.iter().any(|(known, _, _)| *known == place) => {
                        acts.push((place, act, breach));
                    }
                    Some(_) => {}
                    None => hopeless.push(breach),
                }
            }
            if !hopeless.is_empty() {
                return Err(Unloadable::Unrepairable(hopeless));
            }
            // From the back and from below, so that no repair moves the place of another; what lies within a place
            // that is replaced needs no repair of its own.
            acts.sort_by(|one, other| other.0.cmp(&one.0));
            let places: Vec<Vec<Token>> = acts.iter().map(|(place, _, _)| place.clone()).collect();
            for (place, act, breach) in acts {
                if places.iter().any(|above| place.len() > above.len() && place.starts_with(above)) {
                    continue;
                }
                let why = format!("{}: {}, expected {}", breach.keyword, breach.seen, breach.expected);
                let done = match act {
                    Act::Default(default) => {
                        put(&mut value, &place, default);
                        Done::Defaulted
                    }
                    Act::Drop => {
                        drop_item(&mut value, &place);
                        // Items behind it have moved up: what was spent there is spent elsewhere now.
                        let list = &place[..place.len() - 1];
                        spent.retain(|known| !(known.len() > list.len() && known.starts_with(list)));
                        Done::Dropped
                    }
                };
                if done == Done::Defaulted {
                    spent.insert(place.clone());
                }
                repairs.0.push(Repair { path: spell(&place), done, why, place });
            }
        }
    }

    /// The nearest place at or above a breach that says what to do.
    fn act(&self, value: &Value, path: &[Token], spent: &BTreeSet<Vec<Token>>) -> Option<(Vec<Token>, Act)> {
        for length in (0..=path.len()).rev() {
            let place = &path[..length];
            let (_, here) = self.at(place);
            let on: Vec<&OnInvalid> = here.iter().filter_map(|annotations| annotations.on_invalid.as_ref()).collect();
            let below = path.get(length);
            let drops = on.iter().any(|on| on.drop_item);
            if drops && matches!(below, Some(Token::Index(_))) {
                return Some((path[..=length].to_vec(), Act::Drop));
            }
            let default = on.iter().find_map(|on| on.default.clone());
            if let Some(default) = default
                && !spent.contains(place)
                // A default cannot stand in an object that is none.
                && (length == 0 || parent_takes(value, place))
            {
                return Some((place.to_vec(), Act::Default(default)));
            }
        }
        None
    }
}

enum Act {
    Default(Value),
    Drop,
}

fn at_mut<'v>(value: &'v mut Value, path: &[Token]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, token| match token {
        Token::Key(key) => value.get_mut(key),
        Token::Index(index) => value.get_mut(index),
    })
}

fn parent_takes(value: &Value, place: &[Token]) -> bool {
    let Some((last, above)) = place.split_last() else { return true };
    let parent = above.iter().try_fold(value, |value, token| match token {
        Token::Key(key) => value.get(key),
        Token::Index(index) => value.get(index),
    });
    match last {
        Token::Key(_) => parent.is_some_and(Value::is_object),
        Token::Index(index) => parent.and_then(Value::as_array).is_some_and(|items| *index < items.len()),
    }
}

fn put(value: &mut Value, place: &[Token], default: Value) {
    let Some((last, above)) = place.split_last() else {
        *value = default;
        return;
    };
    match (at_mut(value, above), last) {
        (Some(Value::Object(members)), Token::Key(key)) => {
            members.insert(key.clone(), default);
        }
        (Some(Value::Array(items)), Token::Index(index)) if *index < items.len() => items[*index] = default,
        _ => {}
    }
}

fn drop_item(value: &mut Value, place: &[Token]) {
    if let Some((Token::Index(index), above)) = place.split_last()
        && let Some(Value::Array(items)) = at_mut(value, above)
        && *index < items.len()
    {
        items.remove(*index);
    }
}

/// Levels of nesting, without recursion: the value may be deeper than a stack.
fn depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = vec![(value, 0)];
    while let Some((value, level)) = open.pop() {
        deepest = deepest.max(level);
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, level + 1))),
            Value::Object(members) => open.extend(Map::values(members).map(|member| (member, level + 1))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        if deepest > strict::DEPTH + 1 {
            break;
        }
    }
    deepest
}
