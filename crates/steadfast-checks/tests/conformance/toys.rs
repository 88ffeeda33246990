//! A toy kind that keeps to every rule, and one that breaks each of them.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_core::check::{AnyKind, Of};
use steadfast_core::finding::{Code, Side, codes};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::proof::{Breakage, Sabotage};
use steadfast_core::secret::SecretRef;
use steadfast_core::setting::{Field, Problems, Setting, Settings, Table};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::{Patience, World};

use super::{RULES, violations};

const SOUND: u8 = 0;
const FORGETS_TO_WRITE: u8 = 1;
const UNDOCUMENTED: u8 = 2;
const MUMBLES: u8 = 3;
const PANICS: u8 = 4;
const PASSES_THE_DEAD: u8 = 5;
const REMEMBERS: u8 = 6;
const HIDES: u8 = 7;
const LEAVES_A_FIELD_WHOLE: u8 = 8;
const TELLS_NO_STORY: u8 = 9;
const IS_FOOLED: u8 = 10;
const HAS_A_DEAD_EXPECTATION: u8 = 11;
const IS_BRITTLE: u8 = 12;
const OVERRATES_ITS_NAIVE_ONE: u8 = 13;
const UNDERRATES_ITS_NAIVE_ONE: u8 = 14;
const LEAKS: u8 = 15;
const NAMES_NO_DEAD_TARGET: u8 = 16;

fn check<const FLAW: u8>(rule: Option<&str>) {
    let found = violations(&Of::<Toy<FLAW>>::NEW);
    let rules: std::collections::BTreeSet<&str> = found.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(rules.into_iter().collect::<Vec<_>>(), rule.into_iter().collect::<Vec<_>>(), "{found:#?}");
    assert!(rule.is_none_or(|rule| RULES.iter().any(|(name, _)| *name == rule)));
}

#[test]
fn a_sound_kind_breaks_no_rule() {
    check::<SOUND>(None);
}

#[test]
fn each_rule_is_tripped_by_a_kind_that_breaks_it() {
    check::<FORGETS_TO_WRITE>(Some("its configuration reads back as written"));
    check::<UNDOCUMENTED>(Some("every key is documented"));
    check::<MUMBLES>(Some("its codes are words with a meaning and advice"));
    check::<PANICS>(Some("a dead target is an observation"));
    check::<PASSES_THE_DEAD>(Some("a dead target is an observation"));
    check::<NAMES_NO_DEAD_TARGET>(Some("a dead target is an observation"));
    check::<REMEMBERS>(Some("judge reads only its observation"));
    check::<HIDES>(Some("judge reads only its observation"));
    check::<LEAVES_A_FIELD_WHOLE>(Some("every field that judge reads is broken by some sabotage"));
    check::<TELLS_NO_STORY>(Some("each sabotage has a name and a story"));
    check::<IS_FOOLED>(Some("the good configuration catches every impostor"));
    check::<HAS_A_DEAD_EXPECTATION>(Some("the good configuration has no dead expectation"));
    check::<IS_BRITTLE>(Some("the good configuration passes every variation"));
    check::<OVERRATES_ITS_NAIVE_ONE>(Some("the naive configuration survives exactly what it says"));
    check::<UNDERRATES_ITS_NAIVE_ONE>(Some("the naive configuration survives exactly what it says"));
    check::<LEAKS>(Some("no secret is in the observation"));
}

struct Toy<const FLAW: u8>;

#[derive(Clone, PartialEq)]
struct ToyLook<const FLAW: u8> {
    target: String,
    token: Option<SecretRef>,
}

impl<const FLAW: u8> Settings for ToyLook<FLAW> {
    const MANUAL: &'static str = "Looks at a toy.";
    fn fields() -> Vec<Field> {
        let manual = if FLAW == UNDOCUMENTED { "" } else { "Which toy." };
        let field = |key| Field { key, manual, schema: String::schema(), required: false, default: Value::Null };
        vec![field("target"), field("token")]
    }
    fn take(table: &mut Table<'_>, problems: &mut Problems) -> Option<Self> {
        let target = table.take("target", Some("ball".to_owned()), problems);
        Some(ToyLook { target: target?, token: table.take("token", None, problems)? })
    }
    fn write_into(&self, map: &mut Map<String, Value>) {
        if FLAW != FORGETS_TO_WRITE {
            map.insert("target".into(), json!(self.target));
        }
        if let Some(token) = &self.token {
            map.insert("token".into(), token.write());
        }
    }
}

steadfast_core::settings! {
    /// What a toy should be.
    pub struct ToyExpect {
        /// Its number.
        number: Option<u32>,
        /// Its word.
        word: Option<String>,
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ToySeen {
    number: u32,
    word: String,
    weight: u32,
    #[serde(skip)]
    hidden: bool,
}

const MUMBLED: Code = Code { word: "Oh_dear", side: Side::Fail, meaning: "", advice: "" };
static TIMES: AtomicU32 = AtomicU32::new(0);

impl<const FLAW: u8> Kind for Toy<FLAW> {
    const NAME: &'static str = "toy";
    const SHAPE: u16 = 3;
    const CODES: &'static [Code] = if FLAW == MUMBLES { &[MUMBLED] } else { &[] };
    const DEAD: &'static [&'static str] =
        if FLAW == NAMES_NO_DEAD_TARGET { &[] } else { &["target = 'dead'\nexpect.number = 1"] };
    const WITH_SECRETS: &'static [&'static str] = &["token = { env = 'CANARY_TOKEN' }\nexpect.number = 1"];
    type Look = ToyLook<FLAW>;
    type Expect = ToyExpect;
    type Seen = ToySeen;

    fn describe(look: &Self::Look) -> String {
        look.target.clone()
    }

    async fn observe(look: &Self::Look, world: &World) -> Outcome<ToySeen> {
        if look.target == "dead" && !matches!(FLAW, PASSES_THE_DEAD | HIDES) {
            assert!(FLAW != PANICS, "a toy that panics, as this test wants it to");
            return Trouble::new(codes::REFUSED, "nobody is there").into();
        }
        // Asking a World for another look is a way around the redactor of this one.
        let own = if FLAW == LEAKS { world.for_look(Patience::default()) } else { world.clone() };
        let token = look.token.as_ref().and_then(|token| own.secret(token).ok());
        let word = token.map_or_else(|| "ball".into(), |token| token.expose().to_owned());
        Outcome::Seen(ToySeen { number: 1, word, weight: 5, hidden: FLAW == HIDES })
    }

    fn judge(expect: &ToyExpect, seen: &ToySeen, _at: Timestamp, judgement: &mut Judgement) {
        if expect.number.is_some_and(|number| number != seen.number)
            || seen.hidden
            || (FLAW == LEAVES_A_FIELD_WHOLE && seen.weight > 100)
        {
            judgement.add(codes::UNEQUAL, |f| f.of("number"));
        }
        if FLAW == REMEMBERS && seen.number != 1 && TIMES.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            judgement.add(codes::UNEQUAL, |f| f.of("number").detail("every other time"));
        }
        if expect.word.as_ref().is_some_and(|word| *word != seen.word) && FLAW != HAS_A_DEAD_EXPECTATION {
            judgement.add(codes::UNEQUAL, |f| f.of("word"));
        }
    }

    fn claims(expect: &ToyExpect) -> Vec<String> {
        let set = [("number", expect.number.is_some()), ("word", expect.word.is_some())];
        set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name.to_owned()).collect()
    }

    fn impostors(_: &Self::Look, seen: &ToySeen, _: Timestamp, _: &[Other<'_, Self>]) -> Vec<Sabotage<ToySeen>> {
        let story = if FLAW == TELLS_NO_STORY { "" } else { "somebody swapped the toys" };
        let mut all = vec![Sabotage::seen("another number", story, ToySeen { number: 7, ..seen.clone() })];
        if FLAW != HAS_A_DEAD_EXPECTATION {
            all.push(Sabotage::seen(
                "another word",
                "somebody painted it over",
                ToySeen { word: "doll".into(), ..seen.clone() },
            ));
        }
        if FLAW == IS_FOOLED {
            all.push(Sabotage::seen("a perfect copy", "nobody can tell it apart", seen.clone()));
        }
        all
    }

    fn breakages(expect: &ToyExpect, seen: &ToySeen, _at: Timestamp) -> Vec<Breakage<ToySeen>> {
        let mut all = Vec::new();
        if expect.number.is_some() {
            let broken = ToySeen { number: seen.number + 1, ..seen.clone() };
            all.push(Breakage::new("number", "one more", "it was counted twice", broken));
        }
        if expect.word.is_some() {
            let broken = ToySeen { word: String::new(), ..seen.clone() };
            all.push(Breakage::new("word", "no word", "its label fell off", broken));
        }
        all
    }

    fn variations(seen: &ToySeen) -> Vec<Sabotage<ToySeen>> {
        let number = if FLAW == IS_BRITTLE { 2 } else { seen.number };
        vec![Sabotage::seen("the same again", "looking twice changes nothing", ToySeen { number, ..seen.clone() })]
    }

    fn exemplars() -> Vec<Exemplar<ToySeen>> {
        let naive_survivors: &[&str] = match FLAW {
            OVERRATES_ITS_NAIVE_ONE | HAS_A_DEAD_EXPECTATION => &[],
            UNDERRATES_ITS_NAIVE_ONE => &["another word", "another number"],
            IS_FOOLED => &["another word", "a perfect*"],
            _ => &["another word"],
        };
        vec![Exemplar {
            good: "target = 'train'\nexpect.number = 1\nexpect.word = 'ball'",
            naive: "expect.number = 1",
            naive_survivors,
            seen: ToySeen { number: 1, word: "ball".into(), weight: 5, hidden: false },
        }]
    }
}

#[test]
fn the_toys_are_kinds_like_any_other() {
    assert_eq!(AnyKind::name(&Of::<Toy<SOUND>>::NEW), "toy");
}
