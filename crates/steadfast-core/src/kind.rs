//! What a kind of check is, in its own types. [`crate::check`] erases them.

use std::future::Future;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::address::Address;
use crate::finding::Code;
use crate::observation::Outcome;
use crate::proof::{Breakage, Sabotage, Unclaimed};
use crate::setting::{Node, Problems, Settings};
use crate::verdict::Judgement;
use crate::world::World;

/// A kind of check: how to look, what to expect, how to judge, and how it is broken to prove that it can fail.
///
/// `observe` has all the effects and never decides; it never returns an error, as a dead target is an observation
/// too. The rest is pure. One file holds one kind; one line in the list of kinds makes it known.
pub trait Kind: Sized + Send + Sync + 'static {
    /// Its name in the configuration: `[check.<name>]`.
    const NAME: &'static str;
    /// The version of [`Kind::Seen`]. Raise it when stored observations of the old shape cannot be read any more.
    const SHAPE: u16;
    /// The codes that only this kind uses.
    const CODES: &'static [Code] = &[];
    /// Looks at targets that are not there, each a `[check.<kind>]` table in TOML without its header. For the
    /// conformance suite: none of them may end in an error, a panic or a pass.
    const DEAD: &'static [&'static str] = &[];
    /// Looks that use a secret against a target that gives it back, likewise. The suite sets `CANARY_TOKEN` and, as
    /// paths with the same secret in them, `SECRET_FOLDER` and `SECRET_DATABASE` (an SQLite file); in the table
    /// `{echo}` stands for the `host:port` of an HTTP server that answers with the request it was sent.
    const WITH_SECRETS: &'static [&'static str] = &[];

    /// What to look at.
    type Look: Settings + Clone + PartialEq + Send + Sync;
    /// What to hold it to.
    type Expect: Settings + Clone + PartialEq + Send + Sync;
    /// What is seen.
    type Seen: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync;

    /// Refuses combinations that cannot be meant. `table` is the kind's table, for places.
    fn validate(_look: &Self::Look, _expect: &Self::Expect, _table: &Node, _problems: &mut Problems) {}

    /// The look in one line, for people: `GET <shop>/d/7d0bd618`.
    fn describe(look: &Self::Look) -> String;

    /// Every address that the look uses, so that the names of targets can be verified at load.
    fn addresses(_look: &Self::Look) -> Vec<&Address> {
        Vec::new()
    }

    /// Whether looking twice does no harm: a POST is not repeated unless the configuration says so.
    fn repeatable(_look: &Self::Look) -> bool {
        true
    }

    /// Looks. Whatever waits has its bound from [`World::patience`].
    fn observe(look: &Self::Look, world: &World) -> impl Future<Output = Outcome<Self::Seen>> + Send;

    /// Judges what was seen; `at` is the only *now*. Each finding names its expectation as [`Kind::claims`] does.
    fn judge(expect: &Self::Expect, seen: &Self::Seen, at: Timestamp, judgement: &mut Judgement);

    /// The name of every single expectation.
    fn claims(expect: &Self::Expect) -> Vec<String>;

    /// The few numbers that are kept for ever: timings in microseconds, sizes in bytes, counts.
    fn numbers(_seen: &Self::Seen) -> Map<String, Value> {
        Map::new()
    }

    /// Whole answers that look alive and are wrong. They depend on the kind and the sort of answer, never on the
    /// expectations. `at` is when the green observation was made; `others` are the green observations of other checks
    /// of this kind.
    fn impostors(
        look: &Self::Look,
        seen: &Self::Seen,
        at: Timestamp,
        others: &[Other<'_, Self>],
    ) -> Vec<Sabotage<Self::Seen>>;

    /// For each expectation the smallest changes that must trip it.
    fn breakages(expect: &Self::Expect, seen: &Self::Seen, at: Timestamp) -> Vec<Breakage<Self::Seen>>;

    /// Benign changes, under which the check must stay green.
    fn variations(seen: &Self::Seen) -> Vec<Sabotage<Self::Seen>>;

    /// What no expectation reads.
    fn unclaimed(_expect: &Self::Expect, _seen: &Self::Seen) -> Unclaimed {
        Unclaimed::default()
    }

    /// Expectations that would hold for all of these green observations of one look, best first: each is a table to
    /// be merged into `expect`. The caller tries them and keeps the fewest that catch what survives.
    fn candidates(_look: &Self::Look, _greens: &[&Self::Seen]) -> Vec<Value> {
        Vec::new()
    }

    /// Configurations with a green observation each, for the conformance suite and the manual.
    fn exemplars() -> Vec<Exemplar<Self::Seen>>;
}

/// Another check's look and green observation.
pub struct Other<'a, K: Kind> {
    /// The other check's id.
    pub id: &'a str,
    /// How it looks.
    pub look: &'a K::Look,
    /// What it saw.
    pub seen: &'a K::Seen,
}

/// The moment at which exemplary observations were made: 2026-11-23T03:00:00Z.
pub const EXEMPLAR_AT: Timestamp = Timestamp::constant(1_795_402_800, 0);

/// An exemplary configuration, and what it sees when all is well.
pub struct Exemplar<S> {
    /// A `[check.<kind>]` table in TOML, without its header: catches every impostor and has no dead expectation.
    pub good: &'static str,
    /// The configuration that people write in a hurry: status only, connect only, exit code only.
    pub naive: &'static str,
    /// The impostors that the naive one takes for the real thing; a name may end in `*`.
    pub naive_survivors: &'static [&'static str],
    /// What is seen, at [`EXEMPLAR_AT`].
    pub seen: S,
}
