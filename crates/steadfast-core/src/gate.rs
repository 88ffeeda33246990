//! Gates: the moments at which checks must hold, and how verdicts become a decision.

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::verdict::Verdict;

crate::words! {
    /// A moment at which checks must hold. The list is closed.
    pub enum Gate {
        /// Before anything is changed: may this be shipped?
        PreDeploy = "pre-deploy",
        /// While a service starts: may it take traffic?
        Boot = "boot",
        /// After a deploy has landed: does what was shipped work?
        PostDeploy = "post-deploy",
        /// All the time: does it still work?
        Watch = "watch",
        /// On a restored copy: would the backup have saved us?
        Drill = "drill",
    }
}

/// Some of the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gates(u8);

impl Gates {
    /// Whether it is one of them.
    pub fn contains(self, gate: Gate) -> bool {
        self.0 & (1 << gate as u8) != 0
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Gate> {
        Gate::ALL.iter().copied().filter(move |gate| self.contains(*gate))
    }
}

impl FromIterator<Gate> for Gates {
    fn from_iter<I: IntoIterator<Item = Gate>>(gates: I) -> Gates {
        Gates(gates.into_iter().fold(0, |some, gate| some | 1 << gate as u8))
    }
}

crate::words! {
    /// How bad it is when a check does not hold.
    pub enum Severity {
        /// Holds the gate.
        Critical = "critical",
        /// Is reported and never holds the gate.
        Warning = "warning",
    }
}

/// What a gate decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Every critical check holds.
    Proceed,
    /// A critical check fails.
    Hold,
    /// None fails, but a critical one could not be judged, or there was none at all.
    CannotTell,
}

impl Decision {
    /// Any critical fail: hold. Else any critical unknown, or no check at all: cannot tell. Else proceed.
    pub fn of<'a>(verdicts: impl IntoIterator<Item = (Severity, &'a Verdict)>) -> Decision {
        let mut decision = None;
        for (severity, verdict) in verdicts {
            let one = match (severity, verdict) {
                (Severity::Critical, Verdict::Fail(_)) => return Decision::Hold,
                (Severity::Critical, Verdict::Unknown(_)) => Decision::CannotTell,
                (Severity::Critical, Verdict::Pass)
                | (Severity::Warning, Verdict::Pass | Verdict::Fail(_) | Verdict::Unknown(_)) => Decision::Proceed,
            };
            decision = match (decision, one) {
                (Some(Decision::CannotTell), _) => Some(Decision::CannotTell),
                (Some(Decision::Proceed | Decision::Hold) | None, one) => Some(one),
            };
        }
        decision.unwrap_or(Decision::CannotTell)
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Decision::Proceed => "proceed",
            Decision::Hold => "hold",
            Decision::CannotTell => "cannot-tell",
        }
    }

    /// The exit code it leads to.
    pub const fn exit(self) -> Exit {
        match self {
            Decision::Proceed => Exit::Proceed,
            Decision::Hold => Exit::Hold,
            Decision::CannotTell => Exit::CannotTell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verdicts: &[(Severity, Verdict)], expected: Decision) {
        assert_eq!(Decision::of(verdicts.iter().map(|(severity, verdict)| (*severity, verdict))), expected);
    }

    #[test]
    fn any_critical_fail_holds_whatever_else_there_is() {
        use Severity::{Critical, Warning};
        let (fail, unknown) = (Verdict::Fail(Vec::new()), Verdict::Unknown(Vec::new()));
        check(&[(Critical, unknown.clone()), (Critical, fail.clone()), (Critical, Verdict::Pass)], Decision::Hold);
        check(&[(Critical, unknown.clone()), (Critical, Verdict::Pass)], Decision::CannotTell);
        check(&[(Critical, Verdict::Pass), (Warning, fail), (Warning, unknown)], Decision::Proceed);
    }

    #[test]
    fn a_run_without_checks_cannot_tell() {
        check(&[], Decision::CannotTell);
    }
}
