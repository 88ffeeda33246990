//! Which rows and entries differ, once the sums say that an index is off.
//!
//! Up to a few hundred differences come out of the sketch of the pass itself. Beyond that, one second look at the two
//! trees sorts entries into strata of falling size by bits of their hash, so that the sparser strata can be read; tables
//! without rowids take one more look, which finds where the differing hashes stand.

use std::collections::{HashMap, HashSet};

use crate::entry_hash::Whose;
use crate::finding::{Code, Finding, Findings};
use crate::interior_pages::InteriorPages;
use crate::leaf::{Bounds, Stop};
use crate::page::Page;
use crate::pagemap::{PageMap, Use};
use crate::schema::{Role, TreeId};
use crate::sketch::{Difference, Sketch};
use crate::worker::{Common, Share, Worker};

const STRATA: usize = 24;

/// What a second look is after.
#[derive(Debug)]
pub(crate) struct Seek {
    /// The index.
    pub(crate) tree: TreeId,
    /// These hashes; if there are none, all entries go into strata.
    pub(crate) hashes: HashSet<u128>,
}

/// One look's harvest.
#[derive(Debug, Default)]
pub(crate) struct Sought {
    strata: Vec<Sketch>,
    sightings: Vec<Sighting>,
}

/// Where a differing hash was seen.
#[derive(Debug, Clone, Copy)]
struct Sighting {
    hash: u128,
    is_entry: bool,
    page: u32,
}

impl Seek {
    /// An entry of the index, or one that a row implies.
    pub(crate) fn see(&self, sought: &mut Sought, whose: &Whose, hash: u128) {
        if whose.tree != self.tree {
            return;
        }
        if self.hashes.is_empty() {
            sought.strata.resize(STRATA, Sketch::default());
            let stratum = ((hash >> 64) as u64).trailing_zeros().min(STRATA as u32 - 1) as usize;
            sought.strata[stratum].take(whose.is_row, hash, whose.locator);
        } else if self.hashes.contains(&hash) {
            sought.sightings.push(Sighting { hash, is_entry: !whose.is_row, page: whose.page });
        }
    }
}

/// Compares every index with its table.
pub(crate) fn compare(
    common: &Common<'_>,
    map: &PageMap,
    interiors: &InteriorPages,
    share: &Share,
    findings: &mut Findings,
) -> Result<(), Stop> {
    for (tree, sketch) in common.plan.sketch_of.iter().enumerate() {
        let (Some(sketch), true) = (*sketch, common.plan.in_scope[tree]) else { continue };
        let name = common.plan.name(tree as TreeId);
        let (rows, entries) = (share.rows[sketch], share.entries[sketch]);
        if rows != entries {
            let finding = Finding::new(Code::EntryCount, format!("{rows} entries, one a row"), entries.to_string());
            findings.push(finding.in_tree(name));
        }
        if share.sketches[sketch].cancels() {
            continue;
        }
        let before = findings.list().len() as u64 + findings.beyond();
        let named = name_differences(common, map, interiors, tree as TreeId, &share.sketches[sketch], findings);
        if findings.list().len() as u64 + findings.beyond() == before {
            let finding = Finding::new(Code::IndexContent, "the entries of the table's rows", "others");
            findings.push(finding.in_tree(name));
        }
        // That they differ is known, also where the time was too short to say which.
        named?;
    }
    Ok(())
}

fn name_differences(
    common: &Common<'_>,
    map: &PageMap,
    interiors: &InteriorPages,
    tree: TreeId,
    sketch: &Sketch,
    findings: &mut Findings,
) -> Result<(), Stop> {
    let table = &common.plan.schema.tables[common.plan.schema.trees[tree as usize].table];
    let by_rowid = common.plan.schema.trees[table.tree as usize].role == Role::Rows;
    let mut is_sample = false;
    let differences = match sketch.differences() {
        Some(all) => all,
        None => {
            is_sample = true;
            let sought = look_again(common, map, interiors, table.tree, Seek { tree, hashes: HashSet::new() })?;
            sparser_strata(&sought.strata)
        }
    };
    let name = common.plan.name(tree);
    if is_sample {
        let seen = format!("more differences than can be told apart; {} of them are named", differences.len());
        findings.push(Finding::new(Code::IndexContent, "the entries of the table's rows", seen).in_tree(name));
    }
    if by_rowid {
        by_row(&differences, name, &table.name, findings);
    } else if !differences.is_empty() {
        let hashes: HashMap<u128, i32> = differences.iter().map(|one| (one.hash, one.count)).collect();
        let seek = Seek { tree, hashes: hashes.keys().copied().collect() };
        let sought = look_again(common, map, interiors, table.tree, seek)?;
        for sighting in &sought.sightings {
            let finding = match (sighting.is_entry, hashes.get(&sighting.hash).is_some_and(|count| *count > 0)) {
                (true, true) => Finding::new(Code::StrayEntry, "a row for every entry", "an entry without its row"),
                (false, false) => Finding::new(
                    Code::MissingEntry,
                    "an entry for every row",
                    format!("a row on page {} of {} without its entry", sighting.page, table.name),
                ),
                (true, false) | (false, true) => continue,
            };
            findings.push(finding.in_tree(name).on_page(sighting.page));
        }
    }
    Ok(())
}

fn by_row(differences: &[Difference], name: &str, table: &str, findings: &mut Findings) {
    let mut rows: Vec<(u64, i32, i32)> = Vec::new();
    for one in differences {
        let (missing, stray) = if one.count < 0 { (1, 0) } else { (0, 1) };
        match rows.last_mut() {
            Some((locator, m, s)) if *locator == one.locator => {
                *m += missing;
                *s += stray;
            }
            _ => rows.push((one.locator, missing, stray)),
        }
    }
    for (locator, missing, stray) in rows {
        let rowid = locator as i64;
        let finding = match (missing > 0, stray > 0) {
            (true, true) => Finding::new(
                Code::EntryDiffers,
                format!("the key of row {rowid} of {table}"),
                "an entry for this row with another key",
            ),
            (true, false) => Finding::new(Code::MissingEntry, format!("an entry for row {rowid} of {table}"), "none"),
            (false, _) => Finding::new(
                Code::StrayEntry,
                format!("no entry for row {rowid}, which {table} does not have so"),
                "an entry",
            ),
        };
        findings.push(finding.in_tree(name).at_row(rowid));
    }
}

/// The differences of the sparser strata, from the sparsest down to the first that is too full.
fn sparser_strata(strata: &[Sketch]) -> Vec<Difference> {
    let mut all: Vec<Difference> = strata.iter().rev().map_while(Sketch::differences).flatten().collect();
    all.sort_by_key(|difference| (difference.locator, -difference.count));
    all
}

/// Reads the pages of a table and of one of its indexes once more.
fn look_again(
    common: &Common<'_>,
    map: &PageMap,
    interiors: &InteriorPages,
    rows: TreeId,
    seek: Seek,
) -> Result<Sought, Stop> {
    let again = Common { seek: Some(&seek), ..*common };
    let mut worker = Worker::new(common.plan, 1);
    let mut data = vec![0; common.source.geometry.page_size as usize];
    for page in 1..=map.pages() {
        let used = map.used(page);
        let tree = match used {
            Use::Interior | Use::Leaf => interiors.get(map.owner(page)).tree,
            Use::RootLeaf => map.root_leaf_tree(page),
            Use::Unclaimed
            | Use::Overflow
            | Use::Trunk
            | Use::FreeLeaf
            | Use::PointerMap
            | Use::LockByte
            | Use::Broken => continue,
        };
        if tree != rows && tree != seek.tree {
            continue;
        }
        common.source.page(page, &mut data)?;
        let bounds = Bounds { interiors, low: None, high: None };
        if used != Use::Interior {
            worker.leaf(&again, tree, page, &data, &bounds)?;
        } else if common.plan.schema.trees[tree as usize].order.is_some()
            && let Ok(parsed) = Page::parse(&data, page, &common.source.geometry)
        {
            worker.key_page(&again, tree, page, &parsed, &bounds)?;
        }
    }
    worker.settle(&again);
    Ok(worker.sought)
}
