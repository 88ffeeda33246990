//! Two manifests beside each other: which pages differ, and whose they are, without either database at hand.

use std::collections::BTreeMap;

use crate::error::{ProveError, ProveErrorKind};
use crate::manifest::Reference;
use crate::page_owner::most_first;
use crate::proof::Differing;

/// Pages whose hashes are compared at once: whole groups of the hash tree.
const AT_ONCE: u32 = 4096;

/// Compares two manifests, each held against its own root. A page is called by the tree that it has in the first manifest,
/// or in the second one if the first does not say. `bound` pages are listed; all are counted.
///
/// # Errors
/// The page sizes differ, or a manifest cannot be read or contradicts its root.
pub fn compare_manifests(one: &Reference, other: &Reference, bound: usize) -> Result<Differing, ProveError> {
    if one.page_size != other.page_size {
        let seen = format!("pages of {} bytes, and the other has pages of {}", one.page_size, other.page_size);
        return Err(ProveError::new(ProveErrorKind::PageSizes, one.path(), seen));
    }
    let mut differing = Differing {
        only_here: one.pages.saturating_sub(other.pages),
        only_there: other.pages.saturating_sub(one.pages),
        ..Differing::default()
    };
    let trees = match one.trees()? {
        Some(trees) => Some(trees),
        None => other.trees()?,
    };
    let mut by_tree: BTreeMap<String, u64> = BTreeMap::new();
    let both = one.pages.min(other.pages);
    let mut first = 1;
    while first <= both {
        let count = AT_ONCE.min(both - first + 1);
        let pairs = one.read(first, count as usize)?.into_iter().zip(other.read(first, count as usize)?);
        for page in pairs.zip(first..).filter(|((a, b), _)| a != b).map(|(_, page)| page) {
            differing.pages += 1;
            if differing.first.len() < bound {
                differing.first.push(page);
            }
            match trees.as_ref().and_then(|trees| trees.name(page)) {
                Some(name) => *by_tree.entry(name.to_owned()).or_default() += 1,
                None => differing.unnamed += 1,
            }
        }
        first += count;
    }
    differing.by_tree = most_first(by_tree);
    Ok(differing)
}
