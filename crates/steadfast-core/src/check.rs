//! Checks with their types erased: the engine holds `dyn Check` and knows no kind.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::address::Address;
use crate::finding::{Code, Finding};
use crate::kind::{Kind, Other};
use crate::measure::Lapse;
use crate::observation::{Hash, Observation, Outcome, Trouble};
use crate::proof::{ClaimProof, Proof, Sabotage, Suggestion, Trial};
use crate::setting::{Field, Node, Problems, Settings, Span, Table};
use crate::verdict::{Judgement, Verdict};
use crate::world::{Boxed, World};

/// What was seen, its type erased.
#[derive(Clone)]
pub struct AnySeen {
    value: Arc<dyn Any + Send + Sync>,
    to_json: fn(&dyn Any) -> Value,
}

impl AnySeen {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        (self.to_json)(&*self.value)
    }
}

/// An observation by some check.
pub type Sighting = Observation<AnySeen>;

/// An observation as it is stored.
pub type StoredSighting = Observation<Value>;

impl Observation<AnySeen> {
    /// As it is stored.
    pub fn stored(&self) -> StoredSighting {
        Observation {
            at: self.at,
            took: self.took,
            vantage: self.vantage.clone(),
            look_hash: self.look_hash,
            shape: self.shape,
            outcome: self.outcome.as_ref().map(AnySeen::to_json),
        }
    }
}

/// Why a stored observation cannot be judged by a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotComparable(pub String);

/// Another check and its green observation, for [`Check::prove`].
pub struct Neighbour<'a> {
    /// Its id.
    pub id: &'a str,
    /// The check.
    pub check: &'a dyn Check,
    /// What it saw.
    pub green: &'a Sighting,
}

/// A configured check of some kind.
pub trait Check: Send + Sync {
    /// The kind's name.
    fn kind(&self) -> &'static str;
    /// The look in one line, for people.
    fn describe(&self) -> String;
    /// Every address that the look uses.
    fn addresses(&self) -> Vec<&Address>;
    /// Whether looking twice does no harm.
    fn repeatable(&self) -> bool;
    /// Identifies the look.
    fn look_hash(&self) -> Hash;
    /// Identifies the expectations.
    fn claim_hash(&self) -> Hash;
    /// The version of what is seen, as it is stored.
    fn shape(&self) -> u16;
    /// The names of all expectations.
    fn claims(&self) -> Vec<String>;
    /// The kind's table as it would be written.
    fn written(&self) -> Value;
    /// Looks.
    fn observe<'a>(&'a self, world: &'a World) -> Boxed<'a, Sighting>;
    /// Judges.
    fn judge(&self, sighting: &Sighting) -> Verdict;
    /// Reads a stored observation back.
    fn read(&self, stored: &StoredSighting) -> Result<Sighting, NotComparable>;
    /// The numbers that are kept for ever.
    fn numbers(&self, sighting: &Sighting) -> Map<String, Value>;
    /// Shows what the check is able to see, given green observations (the first is broken, the others must agree).
    fn prove(&self, greens: &[&Sighting], neighbours: &[Neighbour<'_>]) -> Option<Proof>;
    /// The fewest expectations, given these green observations, that leave no impostor alive; for `init` and `look`.
    fn propose(&self, greens: &[&Sighting], neighbours: &[Neighbour<'_>]) -> Option<Suggestion>;
    /// Shares what it expects with the checks before it that expect the same.
    fn share(&mut self, claims: &mut Claims);
    /// For downcasts within the kind.
    fn as_any(&self) -> &dyn Any;
}

/// A kind with its types erased: an entry of the list of kinds.
pub trait AnyKind: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Its manual page: of the look, then of what it can expect.
    fn manual(&self) -> Manual;
    /// Its own codes.
    fn codes(&self) -> &'static [Code];
    /// The JSON Schema of its table.
    fn schema(&self) -> Value;
    /// Reads `[check.<name>]`.
    fn read(&self, table: &Node, problems: &mut Problems) -> Option<Box<dyn Check>>;
    /// Reads what it can without expectations, for `look`.
    fn read_look(&self, table: &Node, problems: &mut Problems) -> Option<Box<dyn Check>>;
    /// The version of what it sees.
    fn shape(&self) -> u16;
    /// What the conformance suite needs.
    fn specimens(&self) -> Vec<Specimen>;
    /// Looks at targets that are not there: [`Kind::DEAD`].
    fn dead(&self) -> &'static [&'static str];
    /// Looks that use secrets: [`Kind::WITH_SECRETS`].
    fn with_secrets(&self) -> &'static [&'static str];
}

/// A kind's manual page in parts.
pub struct Manual {
    /// What it looks at.
    pub look: String,
    /// The keys of the look.
    pub look_fields: Vec<Field>,
    /// What it can expect.
    pub expect: String,
    /// The keys of `expect`.
    pub expect_fields: Vec<Field>,
    /// Exemplary configurations, each a `[check.<kind>]` table without its header.
    pub examples: Vec<&'static str>,
}

/// An exemplar with its types erased.
pub struct Specimen {
    /// The exemplary table.
    pub good: &'static str,
    /// The naive table.
    pub naive: &'static str,
    /// What survives the naive table.
    pub naive_survivors: &'static [&'static str],
    /// What is seen, as JSON.
    pub seen: Value,
    /// Every impostor and breakage of a configured check, given a green sighting.
    pub sabotages: fn(&dyn Check, &Sighting) -> Vec<Shown>,
}

/// A sabotage with what it shows, types erased.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// What it re-enacts.
    pub story: &'static str,
    /// What would be seen.
    pub outcome: Outcome<Value>,
}

/// The adapter: makes a [`Kind`] an [`AnyKind`].
pub struct Of<K>(PhantomData<fn() -> K>);

impl<K> Of<K> {
    /// The one value.
    pub const NEW: Of<K> = Of(PhantomData);
}

/// What checks expect, kept once for all that expect the same: of ten thousand checks most do.
#[derive(Default)]
pub struct Claims(HashMap<(&'static str, Hash), Arc<dyn Any + Send + Sync>>);

struct Typed<K: Kind> {
    look: K::Look,
    look_hash: Hash,
    claim: Arc<Claim<K::Expect>>,
}

struct Claim<E> {
    expect: E,
    hash: Hash,
}

impl<K: Kind> Typed<K> {
    fn new(look: K::Look, expect: K::Expect) -> Self {
        let look_hash = Hash::of_json(&written(&look));
        let hash = Hash::of_json(&written(&expect));
        Typed { look, look_hash, claim: Arc::new(Claim { expect, hash }) }
    }

    fn seen<'a>(&self, sighting: &'a Sighting) -> Option<&'a K::Seen> {
        match &sighting.outcome {
            Outcome::Seen(seen) => seen.value.downcast_ref(),
            Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => None,
        }
    }

    fn judge_outcome(&self, expect: &K::Expect, outcome: &Outcome<K::Seen>, at: jiff::Timestamp) -> Verdict {
        let mut judgement = Judgement::default();
        match outcome {
            Outcome::Seen(seen) => K::judge(expect, seen, at, &mut judgement),
            Outcome::TargetFailed(trouble) | Outcome::CouldNotLook(trouble) => {
                judgement.push(trouble.side(), of_trouble(trouble));
            }
        }
        judgement.verdict()
    }

    fn trial(&self, expect: &K::Expect, sabotage: &Sabotage<K::Seen>, at: jiff::Timestamp) -> Trial {
        let verdict = self.judge_outcome(expect, &sabotage.outcome, at);
        let mut by: Vec<String> =
            verdict.findings().iter().map(|f| f.claim.clone()).filter(|c| !c.is_empty()).collect();
        by.sort();
        by.dedup();
        Trial { name: sabotage.name.clone(), story: sabotage.story.to_owned(), verdict: verdict.word().to_owned(), by }
    }

    fn others<'a>(&self, neighbours: &'a [Neighbour<'a>]) -> Vec<Other<'a, K>> {
        neighbours
            .iter()
            .filter_map(|neighbour| {
                let other: &Typed<K> = neighbour.check.as_any().downcast_ref()?;
                if other.look_hash == self.look_hash {
                    return None;
                }
                Some(Other { id: neighbour.id, look: &other.look, seen: other.seen(neighbour.green)? })
            })
            .collect()
    }

    /// Adds candidates one by one, always the one that catches most, until no impostor survives.
    fn strengthen(
        &self,
        start: &Map<String, Value>,
        greens: &[&K::Seen],
        at: jiff::Timestamp,
        impostors: &[Sabotage<K::Seen>],
    ) -> Option<Suggestion> {
        let read = |map: &Map<String, Value>| -> Option<K::Expect> {
            let mut problems = Problems::default();
            let node = Node::from_json(&Value::Object(map.clone()), Span::default())?;
            let expect = read_settings::<K::Expect>(&node, &mut problems)?;
            problems.is_empty().then_some(expect)
        };
        let survivors_of = |expect: &K::Expect| -> Vec<usize> {
            (0..impostors.len()).filter(|i| self.trial(expect, &impostors[*i], at).passed()).collect()
        };
        let variations: Vec<_> = greens.first().map(|green| K::variations(green)).unwrap_or_default();
        let stays_green = |expect: &K::Expect| {
            greens.iter().all(|green| {
                let mut judgement = Judgement::default();
                K::judge(expect, green, at, &mut judgement);
                judgement.is_clean()
            }) && variations.iter().all(|variation| self.trial(expect, variation, at).passed())
        };
        let mut map = start.clone();
        let mut alive: Vec<usize> = match read(&map) {
            Some(expect) => survivors_of(&expect),
            None => (0..impostors.len()).collect(),
        };
        let first = alive.clone();
        let candidates: Vec<Value> = K::candidates(&self.look, greens)
            .into_iter()
            .filter(|candidate| {
                let mut tried = start.clone();
                merge(&mut tried, candidate);
                read(&tried).is_some_and(|expect| stays_green(&expect))
            })
            .collect();
        while !alive.is_empty() {
            let mut best: Option<(Map<String, Value>, Vec<usize>)> = None;
            for candidate in &candidates {
                let mut tried = map.clone();
                merge(&mut tried, candidate);
                let Some(expect) = read(&tried) else { continue };
                let left: Vec<usize> =
                    alive.iter().copied().filter(|i| self.trial(&expect, &impostors[*i], at).passed()).collect();
                if best.as_ref().map_or(left.len() < alive.len(), |(_, fewest)| left.len() < fewest.len()) {
                    let done = left.is_empty();
                    best = Some((tried, left));
                    if done {
                        break;
                    }
                }
            }
            let (better, left) = best?;
            (map, alive) = (better, left);
        }
        let catches = first.iter().map(|i| impostors[*i].name.clone()).collect();
        map.retain(|key, value| start.get(key) != Some(value));
        Some(Suggestion { expect: Value::Object(map), catches })
    }
}

impl<K: Kind> Check for Typed<K> {
    fn kind(&self) -> &'static str {
        K::NAME
    }
    fn describe(&self) -> String {
        K::describe(&self.look)
    }
    fn addresses(&self) -> Vec<&Address> {
        K::addresses(&self.look)
    }
    fn repeatable(&self) -> bool {
        K::repeatable(&self.look)
    }
    fn look_hash(&self) -> Hash {
        self.look_hash
    }
    fn claim_hash(&self) -> Hash {
        self.claim.hash
    }
    fn shape(&self) -> u16 {
        K::SHAPE
    }
    fn claims(&self) -> Vec<String> {
        K::claims(&self.claim.expect)
    }
    fn written(&self) -> Value {
        let mut map = Map::new();
        self.look.write_into(&mut map);
        map.insert("expect".into(), written(&self.claim.expect));
        map.into()
    }

    fn observe<'a>(&'a self, world: &'a World) -> Boxed<'a, Sighting> {
        Box::pin(async move {
            let at = world.clock().now();
            let began = world.clock().elapsed();
            let outcome = K::observe(&self.look, world).await;
            let took = Lapse(world.clock().elapsed().saturating_sub(began));
            Observation {
                at,
                took,
                vantage: world.vantage().to_owned(),
                look_hash: self.look_hash,
                shape: K::SHAPE,
                outcome: redacted::<K>(outcome, world).map(erase::<K>),
            }
        })
    }

    fn judge(&self, sighting: &Sighting) -> Verdict {
        let mut judgement = Judgement::default();
        match &sighting.outcome {
            Outcome::Seen(seen) => match seen.value.downcast_ref::<K::Seen>() {
                Some(seen) => K::judge(&self.claim.expect, seen, sighting.at, &mut judgement),
                None => {
                    judgement.add(crate::finding::codes::LOCAL_TROUBLE, |f| f.detail("an observation of another kind"))
                }
            },
            Outcome::TargetFailed(trouble) | Outcome::CouldNotLook(trouble) => {
                judgement
                    .push(trouble.side(), of_trouble(trouble).at(crate::finding::Place::Endpoint(self.describe())));
            }
        }
        judgement.verdict()
    }

    fn read(&self, stored: &StoredSighting) -> Result<Sighting, NotComparable> {
        if stored.look_hash != self.look_hash {
            return Err(NotComparable("the check looks at something else now".into()));
        }
        if stored.shape != K::SHAPE {
            return Err(NotComparable(format!("stored in shape {}, readable is {}", stored.shape, K::SHAPE)));
        }
        let outcome = match &stored.outcome {
            Outcome::Seen(value) => match K::Seen::deserialize(value) {
                Ok(seen) => Outcome::Seen(erase::<K>(seen)),
                Err(why) => return Err(NotComparable(format!("unreadable: {why}"))),
            },
            Outcome::TargetFailed(trouble) => Outcome::TargetFailed(trouble.clone()),
            Outcome::CouldNotLook(trouble) => Outcome::CouldNotLook(trouble.clone()),
        };
        Ok(Observation {
            at: stored.at,
            took: stored.took,
            vantage: stored.vantage.clone(),
            look_hash: stored.look_hash,
            shape: stored.shape,
            outcome,
        })
    }

    fn numbers(&self, sighting: &Sighting) -> Map<String, Value> {
        self.seen(sighting).map(K::numbers).unwrap_or_default()
    }

    fn prove(&self, greens: &[&Sighting], neighbours: &[Neighbour<'_>]) -> Option<Proof> {
        let seen: Vec<&K::Seen> = greens.iter().filter_map(|green| self.seen(green)).collect();
        let (green, at) = (*seen.first()?, greens.first()?.at);
        let impostors = K::impostors(&self.look, green, at, &self.others(neighbours));
        let trials: Vec<Trial> =
            impostors.iter().map(|sabotage| self.trial(&self.claim.expect, sabotage, at)).collect();
        let breakages = K::breakages(&self.claim.expect, green, at);
        let expectations = K::claims(&self.claim.expect)
            .into_iter()
            .map(|claim| {
                let own = breakages.iter().filter(|breakage| breakage.claim == claim);
                // An unknown is no proof: a cut answer makes every expectation unknown, the dead ones too.
                let red = own.filter(|breakage| {
                    let trial = self.trial(&self.claim.expect, &breakage.sabotage, at);
                    trial.verdict == "fail" && trial.by.contains(&claim)
                });
                let red_by = red.map(|breakage| breakage.sabotage.name.clone()).collect();
                ClaimProof { claim, red_by }
            })
            .collect();
        let variations = K::variations(green).iter().map(|v| self.trial(&self.claim.expect, v, at)).collect();
        let suggestion = if trials.iter().any(Trial::passed) {
            let start = as_map(written(&self.claim.expect));
            self.strengthen(&start, &seen, at, &impostors)
        } else {
            None
        };
        let unclaimed = K::unclaimed(&self.claim.expect, green);
        Some(Proof { impostors: trials, expectations, variations, unclaimed, suggestion, greens: seen.len() })
    }

    fn propose(&self, greens: &[&Sighting], neighbours: &[Neighbour<'_>]) -> Option<Suggestion> {
        let seen: Vec<&K::Seen> = greens.iter().filter_map(|green| self.seen(green)).collect();
        let (green, at) = (*seen.first()?, greens.first()?.at);
        let impostors = K::impostors(&self.look, green, at, &self.others(neighbours));
        self.strengthen(&Map::new(), &seen, at, &impostors)
    }

    fn share(&mut self, claims: &mut Claims) {
        let own = || Arc::clone(&self.claim) as Arc<dyn Any + Send + Sync>;
        let kept = claims.0.entry((K::NAME, self.claim.hash)).or_insert_with(own);
        if let Ok(same) = Arc::clone(kept).downcast() {
            self.claim = same;
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<K: Kind> AnyKind for Of<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn manual(&self) -> Manual {
        Manual {
            look: crate::setting::tidy(K::Look::MANUAL),
            look_fields: K::Look::fields(),
            expect: crate::setting::tidy(K::Expect::MANUAL),
            expect_fields: K::Expect::fields(),
            examples: K::exemplars().iter().map(|exemplar| exemplar.good).collect(),
        }
    }

    fn codes(&self) -> &'static [Code] {
        K::CODES
    }

    fn schema(&self) -> Value {
        let mut schema = crate::setting::schema_of::<K::Look>();
        schema["properties"]["expect"] = crate::setting::schema_of::<K::Expect>();
        schema
    }

    fn read(&self, table: &Node, problems: &mut Problems) -> Option<Box<dyn Check>> {
        let before = problems.len();
        let mut reader = Table::open(table, problems)?;
        let expect_node = reader.get("expect");
        let look = K::Look::take(&mut reader, problems);
        reader.finish(problems);
        let before_expect = problems.len();
        let expect = match expect_node {
            Some(node) => read_settings::<K::Expect>(node, problems),
            None => {
                let instead =
                    format!("add [check.{}.expect]; `steadfast explain {}` lists what it can expect", K::NAME, K::NAME);
                problems.suggest(table.span, "no `expect`", "a check that expects nothing cannot fail", instead);
                None
            }
        };
        let (look, expect) = (look?, expect?);
        if K::claims(&expect).is_empty() && problems.len() == before_expect {
            let instead = format!("`steadfast explain {}` lists what it can expect", K::NAME);
            let why = "a check that expects nothing cannot fail";
            problems.suggest(table.place(&["expect"]), "no expectation in `expect`", why, instead);
        }
        K::validate(&look, &expect, table, problems);
        (problems.len() == before).then(|| Box::new(Typed::<K>::new(look, expect)) as Box<dyn Check>)
    }

    fn read_look(&self, table: &Node, problems: &mut Problems) -> Option<Box<dyn Check>> {
        let look = read_settings::<K::Look>(table, problems)?;
        let nothing = Node { span: table.span, raw: crate::setting::Raw::Table(Vec::new()) };
        let expect = read_settings::<K::Expect>(&nothing, problems)?;
        Some(Box::new(Typed::<K>::new(look, expect)))
    }

    fn shape(&self) -> u16 {
        K::SHAPE
    }

    fn dead(&self) -> &'static [&'static str] {
        K::DEAD
    }

    fn with_secrets(&self) -> &'static [&'static str] {
        K::WITH_SECRETS
    }

    fn specimens(&self) -> Vec<Specimen> {
        let of = |exemplar: crate::kind::Exemplar<K::Seen>| Specimen {
            good: exemplar.good,
            naive: exemplar.naive,
            naive_survivors: exemplar.naive_survivors,
            seen: serde_json::to_value(&exemplar.seen).unwrap_or_default(),
            sabotages: sabotages_of::<K>,
        };
        K::exemplars().into_iter().map(of).collect()
    }
}

fn sabotages_of<K: Kind>(check: &dyn Check, green: &Sighting) -> Vec<Shown> {
    let Some(typed) = check.as_any().downcast_ref::<Typed<K>>() else { return Vec::new() };
    let Some(seen) = typed.seen(green) else { return Vec::new() };
    let breakages = K::breakages(&typed.claim.expect, seen, green.at).into_iter().map(|breakage| breakage.sabotage);
    K::impostors(&typed.look, seen, green.at, &[])
        .into_iter()
        .chain(breakages)
        .map(|sabotage| Shown {
            name: sabotage.name,
            story: sabotage.story,
            outcome: sabotage.outcome.map(|seen| serde_json::to_value(&seen).unwrap_or_default()),
        })
        .collect()
}

fn of_trouble(trouble: &Trouble) -> Finding {
    Finding {
        code: trouble.code.clone(),
        claim: String::new(),
        place: Vec::new(),
        expected: None,
        seen: None,
        detail: trouble.detail.clone(),
        reproduce: String::new(),
        advice: trouble.advice.clone(),
    }
}

fn erase<K: Kind>(seen: K::Seen) -> AnySeen {
    AnySeen {
        value: Arc::new(seen),
        to_json: |any| {
            any.downcast_ref::<K::Seen>().map_or(Value::Null, |s| serde_json::to_value(s).unwrap_or_default())
        },
    }
}

/// The backstop: whatever secrets the look has used are taken out of every string that was seen, whether or not the
/// kind has already done so.
fn redacted<K: Kind>(outcome: Outcome<K::Seen>, world: &World) -> Outcome<K::Seen> {
    let redactor = world.redactor();
    if redactor.is_idle() {
        return outcome;
    }
    let clean = |mut trouble: Trouble| {
        if let Some(detail) = redactor.text(&trouble.detail) {
            trouble.detail = detail;
        }
        trouble
    };
    match outcome {
        Outcome::Seen(seen) => {
            let redone = serde_json::to_value(&seen).and_then(|mut value| {
                redactor.json(&mut value);
                serde_json::from_value(value)
            });
            match redone {
                Ok(seen) => Outcome::Seen(seen),
                Err(_) => Trouble::new(crate::finding::codes::LOCAL_TROUBLE, "what was seen cannot be redacted").into(),
            }
        }
        Outcome::TargetFailed(trouble) => Outcome::TargetFailed(clean(trouble)),
        Outcome::CouldNotLook(trouble) => Outcome::CouldNotLook(clean(trouble)),
    }
}

fn written<T: Settings>(settings: &T) -> Value {
    let mut map = Map::new();
    settings.write_into(&mut map);
    map.into()
}

fn as_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn read_settings<T: Settings>(node: &Node, problems: &mut Problems) -> Option<T> {
    let mut table = Table::open(node, problems)?;
    let read = T::take(&mut table, problems);
    table.finish(problems);
    read
}

/// Merges a table into another: tables key by key, arrays by appending what is new, anything else by replacing.
fn merge(into: &mut Map<String, Value>, from: &Value) {
    let Value::Object(from) = from else { return };
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(_)) => merge(old, value),
            (Some(Value::Array(old)), Value::Array(new)) => {
                new.iter().for_each(|item| {
                    if !old.contains(item) {
                        old.push(item.clone());
                    }
                });
            }
            (Some(old @ Value::String(_)), Value::Array(new)) => {
                let mut both = vec![old.take()];
                both.extend(new.iter().cloned());
                *old = Value::Array(both);
            }
            (Some(_) | None, _) => drop(into.insert(key.clone(), value.clone())),
        }
    }
}
