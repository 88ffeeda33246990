//! Two kinds that look at nothing, so that the configuration is tested without the real kinds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use steadfast_core::address::Address;
use steadfast_core::check::{AnyKind, Of};
use steadfast_core::finding::codes;
use steadfast_core::jsonpath::JsonPath;
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::{Bytes, Lapse, Pattern};
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::predicate::Predicate;
use steadfast_core::proof::{Breakage, Sabotage};
use steadfast_core::secret::{SecretRef, Text};
use steadfast_core::setting::{Node, OneOrMany, Problems, Raw, Setting, Settings};
use steadfast_core::settings;
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;

/// The kinds of these tests.
pub(crate) static KINDS: &[&dyn AnyKind] = &[&Of::<Toy>::NEW, &Of::<Gadget>::NEW];

/// JSON paths with what must be there.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Paths(pub(crate) BTreeMap<String, Predicate>);

impl Setting for Paths {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Raw::Table(entries) = &node.raw else {
            problems.wrong_type(node, "a table of JSON paths");
            return None;
        };
        let mut paths = BTreeMap::new();
        for entry in entries {
            let place = Node { span: entry.key_span, raw: Raw::Text(entry.key.clone()) };
            let path = JsonPath::read(&place, problems);
            let predicate = Predicate::read(&entry.node, problems);
            if let (Some(path), Some(predicate)) = (path, predicate) {
                paths.insert(path.source().to_owned(), predicate);
            }
        }
        Some(Paths(paths))
    }
    fn missing() -> Option<Self> {
        Some(Paths::default())
    }
    fn write(&self) -> Value {
        self.0.write()
    }
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": Predicate::schema() })
    }
}

settings! {
    /// A toy: it answers whatever it is asked.
    pub struct ToyLook {
        /// Where it stands.
        base_url: Option<Address>,
        /// What it is asked.
        get: String = "/".to_owned(),
        /// What it is told besides.
        headers: BTreeMap<String, Text>,
        /// How it knows who asks.
        token: Option<SecretRef>,
        /// How much it may say.
        limit: Bytes = Bytes(1 << 20),
    }
}

settings! {
    /// What a toy must answer.
    pub struct ToyExpect {
        /// The status.
        status: Option<u32>,
        /// The time to answer.
        within: Option<Lapse>,
        /// What the answer contains.
        body_contains: OneOrMany<String>,
        /// What occurs in the answer.
        body_matches: Option<Pattern>,
        /// What the answer's fields are.
        json: Paths,
    }
}

settings! {
    /// A gadget: it has a name.
    pub struct GadgetLook {
        /// Its name.
        name: String,
    }
}

settings! {
    /// What a gadget must be.
    pub struct GadgetExpect {
        /// Its weight.
        weight: Option<Predicate>,
    }
}

/// What is seen of either.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Nothing {}

/// A kind with all sorts of settings.
pub(crate) struct Toy;

impl Kind for Toy {
    const DEAD: &'static [&'static str] = &[];
    const NAME: &'static str = "toy";
    const SHAPE: u16 = 1;
    type Look = ToyLook;
    type Expect = ToyExpect;
    type Seen = Nothing;

    fn describe(look: &ToyLook) -> String {
        format!("GET {}{}", look.base_url.as_ref().map(Address::shown).unwrap_or_default(), look.get)
    }
    fn addresses(look: &ToyLook) -> Vec<&Address> {
        look.base_url.iter().collect()
    }
    async fn observe(_look: &ToyLook, _world: &World) -> Outcome<Nothing> {
        Trouble::new(codes::LOCAL_TROUBLE, "a toy cannot be seen").into()
    }
    fn judge(_expect: &ToyExpect, _seen: &Nothing, _at: Timestamp, _judgement: &mut Judgement) {}
    fn claims(expect: &ToyExpect) -> Vec<String> {
        written_keys(expect)
    }
    fn impostors(_: &ToyLook, _: &Nothing, _: Timestamp, _: &[Other<'_, Self>]) -> Vec<Sabotage<Nothing>> {
        Vec::new()
    }
    fn breakages(_: &ToyExpect, _: &Nothing, _: Timestamp) -> Vec<Breakage<Nothing>> {
        Vec::new()
    }
    fn variations(_: &Nothing) -> Vec<Sabotage<Nothing>> {
        Vec::new()
    }
    fn exemplars() -> Vec<Exemplar<Nothing>> {
        Vec::new()
    }
}

/// A kind with one key that must be there.
pub(crate) struct Gadget;

impl Kind for Gadget {
    const DEAD: &'static [&'static str] = &[];
    const NAME: &'static str = "gadget";
    const SHAPE: u16 = 1;
    type Look = GadgetLook;
    type Expect = GadgetExpect;
    type Seen = Nothing;

    fn describe(look: &GadgetLook) -> String {
        format!("gadget {}", look.name)
    }
    async fn observe(_look: &GadgetLook, _world: &World) -> Outcome<Nothing> {
        Trouble::new(codes::LOCAL_TROUBLE, "a gadget cannot be seen").into()
    }
    fn judge(_expect: &GadgetExpect, _seen: &Nothing, _at: Timestamp, _judgement: &mut Judgement) {}
    fn claims(expect: &GadgetExpect) -> Vec<String> {
        written_keys(expect)
    }
    fn impostors(_: &GadgetLook, _: &Nothing, _: Timestamp, _: &[Other<'_, Self>]) -> Vec<Sabotage<Nothing>> {
        Vec::new()
    }
    fn breakages(_: &GadgetExpect, _: &Nothing, _: Timestamp) -> Vec<Breakage<Nothing>> {
        Vec::new()
    }
    fn variations(_: &Nothing) -> Vec<Sabotage<Nothing>> {
        Vec::new()
    }
    fn exemplars() -> Vec<Exemplar<Nothing>> {
        Vec::new()
    }
}

fn written_keys(settings: &impl Settings) -> Vec<String> {
    let mut map = serde_json::Map::new();
    settings.write_into(&mut map);
    map.into_iter().map(|(key, _)| key).collect()
}
