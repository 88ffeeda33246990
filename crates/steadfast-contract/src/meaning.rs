//! The meaning verdict: is a path in a state that the contract calls a breach in this profile?
//!
//! On the fast path a record's states are masks that the walk noted; here they are turned into a verdict with one
//! comparison per watched path. Records on the slow path are judged again on their value, to say where.

use serde_json::Value;

use crate::contract::annotations::Action;
use crate::contract::{Contract, Profile};
use crate::finding::{Breach, Token, kind_of, short};
use crate::states::{Path, State, Step};

/// The rules of one profile, as masks.
#[derive(Debug, Default)]
pub(crate) struct Meanings {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    path: Path,
    breach: u8,
    count: u8,
    watch: usize,
}

impl Meanings {
    /// `watch` gives the place of a path among the watched ones.
    pub(crate) fn new(contract: &Contract, profile: Profile, watch: impl Fn(&Path) -> usize) -> Meanings {
        let mask = |annotations: &crate::contract::annotations::Annotations, wanted: fn(Action) -> bool| {
            annotations
                .states
                .iter()
                .filter(|(_, meaning)| wanted(meaning.action(profile)))
                .fold(0, |mask, (state, _)| mask | state.bit())
        };
        let rules = contract
            .meanings()
            .map(|(path, annotations)| Rule {
                path: path.clone(),
                // A value that would have been repaired, and still is what it was, is a breach.
                breach: mask(annotations, |action| matches!(action, Action::Breach | Action::Repair)),
                count: mask(annotations, |action| action == Action::Count),
                watch: watch(path),
            })
            .filter(|rule| rule.breach | rule.count != 0)
            .collect();
        Meanings { rules }
    }

    /// The paths that a contract gives meanings for.
    pub(crate) fn paths(contract: &Contract) -> impl Iterator<Item = &Path> {
        contract.meanings().map(|(path, _)| path)
    }

    /// Whether every watched path is in a state that is no breach.
    #[inline]
    pub(crate) fn hold(&self, masks: &[u8]) -> bool {
        self.rules.iter().all(|rule| masks[rule.watch] & rule.breach == 0)
    }

    /// The (watched path, state) pairs that are counted.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (usize, State)> {
        self.rules.iter().flat_map(|rule| {
            State::ALL.into_iter().filter(|state| rule.count & state.bit() != 0).map(|state| (rule.watch, state))
        })
    }

    /// Every breach in a value, with its place.
    pub(crate) fn breaches(&self, contract: &Contract, value: &Value) -> Vec<Breach> {
        let mut found = Vec::new();
        for rule in &self.rules {
            let named = |place: usize, key: &str| {
                let above = Path(rule.path.0[..place].to_vec());
                contract.named.get(&above).is_some_and(|names| names.contains(key))
            };
            look(value, &rule.path.0, 0, &named, &mut Vec::new(), &mut |path, there| {
                let state = there.map_or(State::Absent, State::of);
                if rule.breach & state.bit() == 0 {
                    return;
                }
                let means = contract.means(&rule.path, state).map(|means| format!(" ({means})")).unwrap_or_default();
                found.push(Breach {
                    path: path.to_vec(),
                    keyword: "x-states".to_owned(),
                    expected: format!("not {}{means}", state.word()),
                    seen: there.map_or_else(|| "nothing".to_owned(), short),
                    seen_kind: there.map_or("absent", kind_of).to_owned(),
                    severity: Default::default(),
                });
            });
        }
        found
    }
}

/// Visits every value at a path pattern; `None` where an object lacks the last member. `named`: the member at this place of
/// the pattern is none of those without a name.
fn look(
    value: &Value,
    steps: &[Step],
    place: usize,
    named: &impl Fn(usize, &str) -> bool,
    path: &mut Vec<Token>,
    seen: &mut impl FnMut(&[Token], Option<&Value>),
) {
    let Some(step) = steps.get(place) else { return seen(path, Some(value)) };
    let mut below = |token: Token, value: &Value| {
        path.push(token);
        look(value, steps, place + 1, named, path, seen);
        path.pop();
    };
    match (step, value) {
        (Step::Key(key), Value::Object(members)) => match members.get(key) {
            Some(member) => below(Token::Key(key.clone()), member),
            None if place + 1 == steps.len() => {
                path.push(Token::Key(key.clone()));
                seen(path, None);
                path.pop();
            }
            None => {}
        },
        (Step::Item, Value::Array(items)) => {
            items.iter().enumerate().for_each(|(index, item)| below(Token::Index(index), item));
        }
        (Step::Free, Value::Object(members)) => {
            let others = members.iter().filter(|(key, _)| !named(place, key));
            others.for_each(|(key, member)| below(Token::Key(key.clone()), member));
        }
        _ => {}
    }
}
