//! Plans: which checks a run looks at, in which order. Pure; the seed makes the order repeatable.

use std::fmt;

use crate::gate::Gate;
use crate::project::{NothingMatches, Project};
use crate::setting::did_you_mean;
use crate::verdict::Verdict;

/// Which checks are meant: `--only ID` or `--only tag:X`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Only {
    /// The check with this id.
    Id(String),
    /// Every check with this tag.
    Tag(String),
}

impl Only {
    /// Reads `ID` or `tag:X`.
    pub fn parse(text: &str) -> Only {
        match text.trim().strip_prefix("tag:") {
            Some(tag) => Only::Tag(tag.trim().to_owned()),
            None => Only::Id(text.trim().to_owned()),
        }
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Only::Id(id) => f.write_str(id),
            Only::Tag(tag) => write!(f, "tag:{tag}"),
        }
    }
}

/// What a run does. Checks are named by their place in [`Project::checks`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The gate, or none for all checks.
    pub gate: Option<Gate>,
    /// What the order follows from.
    pub seed: u64,
    /// The chosen checks in the order in which they are started.
    pub order: Vec<usize>,
    /// Whether a run that looks at nothing may proceed: a change that nothing covers, at a gate that lets it pass.
    pub may_be_empty: bool,
}

impl Plan {
    /// The same with those checks alone that a change concerns.
    #[must_use]
    pub fn narrowed(self, concerned: impl Fn(usize) -> bool, when_none: NothingMatches) -> Plan {
        let order = self.order.into_iter().filter(|place| concerned(*place)).collect();
        Plan { order, may_be_empty: when_none == NothingMatches::Proceed, ..self }
    }

    /// The chosen checks as the files have them.
    pub fn in_file_order(&self) -> Vec<usize> {
        let mut chosen = self.order.clone();
        chosen.sort_unstable();
        chosen
    }
}

/// A selector that selects nothing it could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlan {
    /// No check has this id.
    UnknownId {
        /// As written.
        id: String,
        /// The nearest id.
        instead: Option<String>,
        /// Whether there is a tag of this name.
        is_tag: bool,
    },
    /// No check has this tag.
    UnknownTag {
        /// As written.
        tag: String,
        /// The nearest tag.
        instead: Option<String>,
    },
    /// The check is there, but not at this gate.
    NotAtGate {
        /// The check.
        id: String,
        /// The gate.
        gate: Gate,
        /// The gates it is at.
        gates: Vec<Gate>,
    },
}

impl fmt::Display for NoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = |f: &mut fmt::Formatter<'_>, instead: &Option<String>, list: &str| match instead {
            Some(instead) => write!(f, "; did you mean `{instead}`?"),
            None => write!(f, "; {list}"),
        };
        match self {
            NoPlan::UnknownId { id, is_tag: true, .. } => {
                write!(f, "no check has the id `{id}`; there is a tag of this name: --only tag:{id}")
            }
            NoPlan::UnknownId { id, instead, is_tag: false } => {
                write!(f, "no check has the id `{id}`")?;
                hint(f, instead, "`steadfast config show` lists the checks")
            }
            NoPlan::UnknownTag { tag, instead } => {
                write!(f, "no check has the tag `{tag}`")?;
                hint(f, instead, "`steadfast config show` lists the checks with their tags")
            }
            NoPlan::NotAtGate { id, gate, gates } => {
                let gates: Vec<_> = gates.iter().map(|gate| gate.word()).collect();
                write!(
                    f,
                    "check `{id}` is not at gate {gate}, only at {}; leave the gate out, or add it to the check's `gates`",
                    gates.join(", ")
                )
            }
        }
    }
}

impl std::error::Error for NoPlan {}

/// Chooses the checks of a gate (all without one), those named by `only` (all without one), in an order that follows
/// from the seed. An empty plan is a plan: its run cannot tell.
pub fn plan(project: &Project, gate: Option<Gate>, only: &[Only], seed: u64) -> Result<Plan, NoPlan> {
    for selector in only {
        refuse_unknown(project, gate, selector)?;
    }
    let chosen = |(place, check): (usize, &crate::project::ProjectCheck)| {
        let at_gate = gate.is_none_or(|gate| check.gates.contains(gate));
        let meant = only.is_empty()
            || only.iter().any(|only| match only {
                Only::Id(id) => **id == *check.id,
                Only::Tag(tag) => check.tags.contains(tag),
            });
        (at_gate && meant).then_some(place)
    };
    let mut order: Vec<usize> = project.checks.iter().enumerate().filter_map(chosen).collect();
    shuffle(&mut order, seed);
    Ok(Plan { gate, seed, order, may_be_empty: false })
}

/// The direct dependencies of a check that failed in this run: what it is shown under. `verdict_of` knows the run.
pub fn caused_by<'a>(depends_on: &[String], verdict_of: impl Fn(&str) -> Option<&'a Verdict>) -> Vec<String> {
    let failed = |id: &&String| matches!(verdict_of(id), Some(Verdict::Fail(_)));
    depends_on.iter().filter(failed).cloned().collect()
}

fn refuse_unknown(project: &Project, gate: Option<Gate>, selector: &Only) -> Result<(), NoPlan> {
    let tags = || project.checks.iter().flat_map(|check| check.tags.iter().map(String::as_str));
    match selector {
        Only::Id(id) => match (project.checks.iter().find(|check| *check.id == **id), gate) {
            (Some(check), Some(gate)) if !check.gates.contains(gate) => {
                Err(NoPlan::NotAtGate { id: id.clone(), gate, gates: check.gates.iter().collect() })
            }
            (Some(_), Some(_) | None) => Ok(()),
            (None, Some(_) | None) => Err(NoPlan::UnknownId {
                id: id.clone(),
                instead: did_you_mean(id, project.checks.iter().map(|check| &*check.id)).map(str::to_owned),
                is_tag: tags().any(|tag| tag == id),
            }),
        },
        Only::Tag(tag) if tags().any(|known| known == tag) => Ok(()),
        Only::Tag(tag) => Err(NoPlan::UnknownTag {
            tag: tag.clone(),
            instead: did_you_mean(tag, tags()).map(|tag| format!("tag:{tag}")),
        }),
    }
}

/// Fisher and Yates, driven by SplitMix64 (Steele, Lea, Flood 2014): small, and the same on every machine for ever.
fn shuffle(items: &mut [usize], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    for last in (1..items.len()).rev() {
        // The bias of the remainder is below 2^-40 for any list that fits in memory.
        let chosen = (next() % (last as u64 + 1)) as usize;
        items.swap(last, chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order_of(count: usize, seed: u64) -> Vec<usize> {
        let mut items: Vec<usize> = (0..count).collect();
        shuffle(&mut items, seed);
        items
    }

    #[test]
    fn the_order_follows_from_the_seed_alone_on_every_machine() {
        assert_eq!(order_of(8, 1), [4, 3, 2, 7, 5, 6, 0, 1]);
        assert_ne!(order_of(8, 1), order_of(8, 2));
    }

    proptest! {
        #[test]
        fn shuffling_loses_no_check_and_adds_none(count in 0usize..200, seed: u64) {
            let mut order = order_of(count, seed);
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_selector_reads_as_it_prints() {
        for text in ["design-page", "tag:shop"] {
            assert_eq!(Only::parse(text).to_string(), text);
        }
        assert_eq!(Only::parse(" tag: shop "), Only::Tag("shop".into()));
    }

    #[test]
    fn only_a_failed_dependency_is_a_cause() {
        let fail = Verdict::Fail(Vec::new());
        let verdict_of = |id: &str| match id {
            "down" => Some(&fail),
            "up" => Some(&Verdict::Pass),
            _ => None,
        };
        let depends_on = ["up", "down", "not-in-this-run"].map(str::to_owned);
        assert_eq!(caused_by(&depends_on, verdict_of), ["down"]);
    }
}
