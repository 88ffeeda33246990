//! `depends_on`: names that are there, and no circle.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::setting::{Problem, Problems, Span, did_you_mean};

/// A check by its name, with what it names.
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) depends_on: Vec<(String, Span)>,
}

/// Refuses unknown names and circles.
pub(crate) fn verify(checks: &[Named], problems: &mut Problems) {
    let by_id: BTreeMap<&str, &Named> = checks.iter().rev().map(|check| (check.id.as_str(), check)).collect();
    for check in checks {
        for (name, span) in check.depends_on.iter().filter(|(name, _)| !by_id.contains_key(name.as_str())) {
            let others = by_id.keys().copied().filter(|id| *id != check.id);
            let instead = match did_you_mean(name, others) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "it takes the id of another check of this project".to_owned(),
            };
            let why = "its failure is meant to explain this one's, but it will never be seen";
            problems.suggest(*span, format!("`depends_on` names no check: `{name}`"), why, instead);
        }
    }
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for check in checks {
        for circle in circles_from(&check.id, &by_id, &mut done) {
            refuse(&circle, problems);
        }
    }
}

/// Follows every dependency, without recursion; `done` holds what was followed to its end already.
fn circles_from<'a>(
    start: &'a str,
    by_id: &BTreeMap<&'a str, &'a Named>,
    done: &mut BTreeSet<&'a str>,
) -> Vec<Vec<(&'a str, Span)>> {
    let mut path: Vec<(&'a str, usize)> = Vec::new();
    let mut circles = Vec::new();
    if !done.contains(start) {
        path.push((start, 0));
    }
    while let Some((id, next)) = path.last_mut() {
        let id = *id;
        let edge = by_id.get(id).and_then(|check| check.depends_on.get(*next));
        *next += 1;
        let Some((to, _)) = edge else {
            done.insert(id);
            path.pop();
            continue;
        };
        if let Some(begin) = path.iter().position(|(on_path, _)| on_path == to) {
            let edges = path.iter().skip(begin).filter_map(|(id, next)| {
                let (_, span) = by_id.get(id)?.depends_on.get(next.checked_sub(1)?)?;
                Some((*id, *span))
            });
            circles.push(edges.collect());
        } else if !done.contains(to.as_str()) && by_id.contains_key(to.as_str()) {
            path.push((to.as_str(), 0));
        }
    }
    circles
}

fn refuse(circle: &[(&str, Span)], problems: &mut Problems) {
    let Some(((first, span), rest)) = circle.split_first() else { return };
    let mut names: Vec<&str> = circle.iter().map(|(id, _)| *id).collect();
    names.push(first);
    let (what, why, instead) = match rest {
        [] => (
            format!("`{first}` depends on itself"),
            "nothing explains its own failure",
            "take it out, or name the check that was meant",
        ),
        _ => (
            format!("`depends_on` goes in a circle: {}", names.join(" -> ")),
            "each would be shown as caused by the other, so that none is the cause",
            "take out the one that does not cause the other's failure",
        ),
    };
    problems.push(Problem {
        span: *span,
        what,
        why: why.into(),
        suggestion: Some(instead.into()),
        related: rest.iter().map(|(id, span)| (*span, format!("`{id}` goes on here"))).collect(),
        masked: false,
    });
}
