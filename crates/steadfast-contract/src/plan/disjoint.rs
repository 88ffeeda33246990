//! Whether two nodes can accept the same value: if not, `oneOf` need not look at the second after the first accepts.

use crate::plan::{Also, NOTHING, Node, NodeId, ObjectRule, kind};

/// Kinds that the node could accept: a superset.
pub(crate) fn kinds(nodes: &[Node], id: NodeId, depth: u8) -> u8 {
    let node = &nodes[id as usize];
    if depth == 0 {
        return node.kinds;
    }
    node.also.iter().fold(node.kinds, |so_far, also| {
        so_far
            & match also {
                Also::All(other) => kinds(nodes, *other, depth - 1),
                Also::Any(branches) | Also::One { branches, .. } => {
                    branches.iter().fold(0, |union, branch| union | kinds(nodes, *branch, depth - 1))
                }
                Also::Not(_) | Also::If { .. } | Also::Dependent(..) | Also::Official(..) | Also::Unknown(_) => {
                    kind::ALL
                }
            }
    })
}

/// True only if no value satisfies both.
pub(crate) fn disjoint(nodes: &[Node], one: NodeId, other: NodeId, depth: u8) -> bool {
    let shared = kinds(nodes, one, 8) & kinds(nodes, other, 8);
    if shared == 0 {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let (left, right) = (&nodes[one as usize], &nodes[other as usize]);
    [kind::NULL, kind::BOOL, kind::NUMBER, kind::STRING, kind::ARRAY, kind::OBJECT]
        .into_iter()
        .filter(|kind| shared & kind != 0)
        .all(|kind| match kind {
            kind::STRING => match (&left.string, &right.string) {
                (Some(left), Some(right)) => match (&left.one_of, &right.one_of) {
                    (Some(left), Some(right)) => left.texts().iter().all(|text| !right.have(text)),
                    _ => false,
                },
                _ => false,
            },
            kind::OBJECT => match (&left.object, &right.object) {
                (Some(left), Some(right)) => {
                    shuts_out(left, right)
                        || shuts_out(right, left)
                        || share_an_impossible_key(nodes, left, right, depth)
                }
                _ => false,
            },
            _ => false,
        })
}

fn is_required(rule: &ObjectRule, place: usize) -> bool {
    rule.required.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
}

/// Whether `one` requires a key that `other` does not allow.
fn shuts_out(one: &ObjectRule, other: &ObjectRule) -> bool {
    one.props.iter().enumerate().any(|(place, prop)| {
        is_required(one, place)
            && match other.props.iter().find(|there| there.name == prop.name).and_then(|there| there.node) {
                Some(node) => node == NOTHING,
                None => other.additional == NOTHING && other.patterns.is_empty(),
            }
    })
}

/// Whether both require a key for which no value satisfies both.
fn share_an_impossible_key(nodes: &[Node], one: &ObjectRule, other: &ObjectRule, depth: u8) -> bool {
    one.props.iter().enumerate().any(|(place, prop)| {
        is_required(one, place)
            && other.props.iter().enumerate().any(|(there, theirs)| {
                theirs.name == prop.name
                    && is_required(other, there)
                    && matches!((prop.node, theirs.node), (Some(left), Some(right)) if disjoint(nodes, left, right, depth - 1))
            })
    })
}
