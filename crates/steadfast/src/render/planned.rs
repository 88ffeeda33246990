//! What `verify --list` shows: which checks would run, and why.

use steadfast_core::plan::{Only, Plan};
use steadfast_core::project::Project;

use super::Page;
use super::text::{BOLD, DIM, Layout, YELLOW, counted, cut, padded, plain};
use crate::scope::Scope;

/// As text. `plan` is before the change has narrowed it, `narrowed` after.
pub(crate) fn of(
    project: &Project,
    plan: &Plan,
    narrowed: &Plan,
    only: &[Only],
    scope: Option<&Scope>,
    page: &Page,
) -> String {
    let mut out = Layout::new(page);
    let gate = plan.gate.map_or_else(|| "no gate given: all checks".to_owned(), |gate| format!("gate {gate}"));
    let would = counted(narrowed.order.len(), "check");
    let head = format!("{} · {gate} · {would} of {} would run", plain(&project.name), project.checks.len());
    let head = out.styled(DIM, &cut(&head, out.width()));
    out.line(&head);
    out.gap();
    let widest = project.checks.iter().map(|check| check.id.len()).max().unwrap_or_default().min(28);
    for (place, check) in project.checks.iter().enumerate() {
        let runs = narrowed.order.contains(&place);
        let why = if runs {
            let mut why: Vec<String> = Vec::new();
            why.extend(plan.gate.map(|gate| format!("at {gate}")));
            why.extend(only.iter().find(|only| names(only, check)).map(|only| format!("--only {only}")));
            why.extend(scope.and_then(|scope| scope.why(place)));
            if why.is_empty() { "all checks run".to_owned() } else { why.join(", ") }
        } else if plan.gate.is_some_and(|gate| !check.gates.contains(gate)) {
            let gates: Vec<&str> = check.gates.iter().map(|gate| gate.word()).collect();
            if gates.is_empty() { "at no gate".to_owned() } else { format!("only at {}", gates.join(", ")) }
        } else if !plan.order.contains(&place) {
            "not named by --only".to_owned()
        } else if check.paths.is_empty() {
            "has no `paths`, so no change picks it".to_owned()
        } else {
            "covers nothing that was changed".to_owned()
        };
        let word = if runs { out.styled(BOLD, &padded("run", 6)) } else { out.styled(DIM, &padded("-", 6)) };
        let room = out.width().saturating_sub(6 + widest.max(check.id.len()) + 2);
        out.line(&format!("{word}{}  {}", padded(&check.id, widest), cut(&plain(&why), room)));
    }
    for warning in scope.map(|scope| scope.warnings(plan)).unwrap_or_default() {
        out.gap();
        let lead = out.styled(YELLOW, "warning");
        out.line(&lead);
        out.prose(2, &warning);
    }
    if narrowed.order.is_empty() {
        out.gap();
        let end = if narrowed.may_be_empty {
            "PROCEED  no check covers the change, which this gate lets pass"
        } else {
            "CANNOT TELL  no check would be looked at"
        };
        let end = out.styled(YELLOW, end);
        out.line(&end);
    }
    out.finish()
}

fn names(only: &Only, check: &steadfast_core::project::ProjectCheck) -> bool {
    match only {
        Only::Id(id) => **id == *check.id,
        Only::Tag(tag) => check.tags.contains(tag),
    }
}
