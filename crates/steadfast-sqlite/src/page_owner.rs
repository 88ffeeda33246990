//! Whose page it is: the tree, through its overflow chain if it is on one, or the freelist.

use std::collections::BTreeMap;

use crate::counterpart::Counterpart;
use crate::interior_pages::InteriorPages;
use crate::pagemap::{PageMap, Use};
use crate::plan::Plan;
use crate::proof::Differing;
use crate::raw_name;
use crate::schema::TreeId;
use crate::worker::Share;

/// What pages are called that no tree has.
const FREELIST: &str = "(freelist)";
const NO_TREE: &str = "(no tree)";

/// What the pass has found out about the pages, once overflow chains were walked.
pub(crate) struct PageOwners<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) map: &'a PageMap,
    pub(crate) interiors: &'a InteriorPages,
}

impl PageOwners<'_> {
    /// The tree that a page belongs to.
    pub(crate) fn tree(&self, page: u32) -> Option<TreeId> {
        let mut page = page;
        // A chain has no loop: every page of it was claimed once.
        loop {
            match self.map.used(page) {
                Use::Interior | Use::Leaf => return Some(self.interiors.get(self.map.owner(page)).tree),
                Use::RootLeaf => return Some(self.map.root_leaf_tree(page)),
                Use::Overflow => page = self.map.owner(page),
                Use::Unclaimed | Use::Trunk | Use::FreeLeaf | Use::PointerMap | Use::LockByte | Use::Broken => {
                    return None;
                }
            }
        }
    }

    /// Every name that `number` gives a number to.
    pub(crate) fn names(&self) -> Vec<String> {
        let trees = self.plan.schema.trees.iter().map(|tree| raw_name::shown(tree.name.clone()));
        trees.chain([FREELIST.to_owned(), NO_TREE.to_owned()]).collect()
    }

    /// A page's place among the names.
    pub(crate) fn number(&self, page: u32) -> u32 {
        let trees = self.plan.schema.trees.len() as u32;
        match (self.tree(page), self.map.used(page)) {
            (Some(tree), _) => tree,
            (None, Use::Trunk | Use::FreeLeaf) => trees,
            (None, _) => trees + 1,
        }
    }

    /// The pages that differ, by tree.
    pub(crate) fn differing(&self, share: &Share, other: &Counterpart, bound: usize) -> Differing {
        let names = self.names();
        let mut by_tree: BTreeMap<String, u64> = BTreeMap::new();
        for page in &share.differing {
            *by_tree.entry(names[self.number(*page) as usize].clone()).or_default() += 1;
        }
        Differing {
            pages: share.differing.len() as u64,
            first: share.differing.iter().copied().take(bound).collect(),
            only_here: self.map.pages().saturating_sub(other.pages()),
            only_there: other.pages().saturating_sub(self.map.pages()),
            by_tree: most_first(by_tree),
            unnamed: 0,
        }
    }
}

/// Counts by name, the largest first.
pub(crate) fn most_first(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}
