//! A check's state over time: a pure step, used by `--hold` and by the watch.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a check is, with its thresholds applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Nothing is known yet.
    New,
    /// It holds.
    Up,
    /// It does not.
    Down,
    /// It could not be judged for a while.
    Unknown,
}

impl Health {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Health::New => "new",
            Health::Up => "up",
            Health::Down => "down",
            Health::Unknown => "unknown",
        }
    }
}

/// How many verdicts in a row it takes to believe them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Fails in a row until it is down.
    pub fails: u32,
    /// Passes in a row until it is up again.
    pub passes: u32,
    /// Unknowns in a row until it is unknown.
    pub unknowns: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { fails: 2, passes: 1, unknowns: 3 }
    }
}

/// A check's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What it is.
    pub health: Health,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What the last verdicts all said.
    pub streak: Health,
    /// How many of them.
    pub count: u32,
    /// When the streak began: a confirmed failure began with its first sign.
    pub streak_since: Option<Timestamp>,
}

impl Default for State {
    fn default() -> Self {
        State { health: Health::New, since: None, streak: Health::New, count: 0, streak_since: None }
    }
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Before.
    pub from: Health,
    /// After.
    pub to: Health,
    /// When it was believed.
    pub at: Timestamp,
    /// When its first sign was seen.
    pub since: Timestamp,
}

/// One more verdict, as the word it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A pass.
    Pass,
    /// A fail.
    Fail,
    /// An unknown.
    Unknown,
}

impl From<&crate::verdict::Verdict> for Sign {
    fn from(verdict: &crate::verdict::Verdict) -> Self {
        match verdict {
            crate::verdict::Verdict::Pass => Sign::Pass,
            crate::verdict::Verdict::Fail(_) => Sign::Fail,
            crate::verdict::Verdict::Unknown(_) => Sign::Unknown,
        }
    }
}

/// The state after one more verdict, and the transition if there is one. A new check needs one pass to be up.
pub fn step(state: State, sign: Sign, at: Timestamp, thresholds: Thresholds) -> (State, Option<Transition>) {
    let streak = match sign {
        Sign::Pass => Health::Up,
        Sign::Fail => Health::Down,
        Sign::Unknown => Health::Unknown,
    };
    let (count, streak_since) = if state.streak == streak {
        (state.count.saturating_add(1), state.streak_since.unwrap_or(at))
    } else {
        (1, at)
    };
    let needed = match sign {
        Sign::Pass => thresholds.passes,
        Sign::Fail => thresholds.fails,
        Sign::Unknown => thresholds.unknowns,
    };
    let first_pass = state.health == Health::New && sign == Sign::Pass;
    let believed = count >= needed.max(1) || first_pass;
    let mut next = State { streak, count, streak_since: Some(streak_since), ..state };
    if !believed || state.health == streak {
        return (next, None);
    }
    next.health = streak;
    next.since = Some(streak_since);
    (next, Some(Transition { from: state.health, to: streak, at, since: streak_since }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(signs: &str, expected: &str) {
        let mut state = State::default();
        let mut seen = Vec::new();
        for (i, sign) in signs.chars().enumerate() {
            let sign = match sign {
                'p' => Sign::Pass,
                'f' => Sign::Fail,
                _ => Sign::Unknown,
            };
            let at = Timestamp::from_second(i as i64).unwrap();
            let (next, transition) = step(state, sign, at, Thresholds::default());
            state = next;
            seen.extend(transition.map(|t| format!("{}@{} since {}", t.to.word(), i, t.since.as_second())));
        }
        assert_eq!(seen.join(", "), expected, "{signs}");
    }

    #[test]
    fn one_fail_is_not_believed_two_in_a_row_are() {
        check("ppfpp", "up@0 since 0");
        check("ppffp", "up@0 since 0, down@3 since 2, up@4 since 4");
        check("pfufuf", "up@0 since 0");
        check("puuup", "up@0 since 0, unknown@3 since 1, up@4 since 4");
    }

    proptest! {
        #[test]
        fn a_transition_always_changes_the_state_and_never_skips_its_threshold(signs in proptest::collection::vec(0u8..3, 0..60)) {
            let mut state = State::default();
            for (i, sign) in signs.iter().enumerate() {
                let sign = [Sign::Pass, Sign::Fail, Sign::Unknown][usize::from(*sign)];
                let (next, transition) = step(state, sign, Timestamp::from_second(i as i64).unwrap(), Thresholds::default());
                prop_assert_eq!(transition.is_some(), next.health != state.health);
                if next.health == Health::Down && state.health != Health::Down {
                    prop_assert!(next.count >= 2);
                }
                state = next;
            }
        }
    }
}
