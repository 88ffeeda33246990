//! The interior pass: all trees level by level, each level sorted by page number. It reads only pages that have
//! children, finds the owner and the bounds of every leaf, double references and unequal depth.

use std::path::Path;

use crate::finding::{Code, Finding};
use crate::interior_pages::{Interior, InteriorPages, Recent, Separator};
use crate::leaf::{Bounds, Stop};
use crate::page::{Page, PageFault, PageKind};
use crate::pagemap::{PageMap, Refusal, Use};
use crate::schema::{Role, TreeId};
use crate::worker::{Common, Worker};

/// SQLite's own bound on the depth of a tree.
const DEEPEST: usize = 20;

/// Pages that the disk is asked for at once: they lie scattered, and one after the other each would cost a whole turn.
const AHEAD: usize = 64;

/// A page of the next level.
#[derive(Debug, Clone, Copy)]
struct Pending {
    page: u32,
    tree: TreeId,
    parent: Option<u32>,
    slot: u16,
    low: Option<Separator>,
    high: Option<Separator>,
}

/// Runs the pass. `folder` is where interior pages go that exceed the memory of `interiors`.
pub(crate) fn pass(
    common: &Common<'_>,
    map: &mut PageMap,
    interiors: &mut InteriorPages,
    worker: &mut Worker,
    folder: &Path,
) -> Result<(), Stop> {
    let mut depths = vec![0usize; common.plan.schema.trees.len()];
    let mut level = roots(common, map, worker, &mut depths)?;
    let mut data = vec![0; common.source.geometry.page_size as usize];
    let mut depth = 0;
    while !level.is_empty() {
        level.sort_unstable_by_key(|pending| pending.page);
        let mut next = Vec::new();
        for some in level.chunks(AHEAD) {
            let is_leaf = |pending: &Pending| depth == depths[pending.tree as usize];
            some.iter().filter(|pending| !is_leaf(pending)).for_each(|pending| common.source.fetch_page(pending.page));
            for pending in some {
                if is_leaf(pending) {
                    settle_leaf(map, pending);
                    continue;
                }
                common.source.page(pending.page, &mut data)?;
                let leaves_follow = depth + 1 == depths[pending.tree as usize];
                visit(common, map, interiors, worker, folder, &data, *pending, leaves_follow, &mut next)?;
            }
        }
        level = next;
        depth += 1;
    }
    Ok(())
}

/// Claims the roots and measures the depth of each tree along its first children.
fn roots(
    common: &Common<'_>,
    map: &mut PageMap,
    worker: &mut Worker,
    depths: &mut [usize],
) -> Result<Vec<Pending>, Stop> {
    let mut level = Vec::new();
    for (number, tree) in common.plan.schema.trees.iter().enumerate() {
        if !common.plan.in_scope[number] {
            continue;
        }
        let id = number as TreeId;
        if let Err(refusal) = map.claim(tree.root, Use::Broken, 0, 0) {
            let finding = match refusal {
                Refusal::OutOfRange => Finding::new(
                    Code::RootPage,
                    format!("a root page from 1 to {}", map.pages()),
                    format!("page {}", tree.root),
                ),
                Refusal::Taken(other) => second_reference(tree.root, other),
            };
            worker.share.findings.push(finding.on_page(tree.root).in_tree(&tree.name));
            continue;
        }
        depths[number] = depth_of(common, tree.root)?;
        level.push(Pending { page: tree.root, tree: id, parent: None, slot: 0, low: None, high: None });
    }
    Ok(level)
}

/// How many levels lie above the leaves, going down the first children.
fn depth_of(common: &Common<'_>, root: u32) -> Result<usize, Stop> {
    let geometry = &common.source.geometry;
    let mut data = vec![0; geometry.page_size as usize];
    let mut page = root;
    for depth in 0..DEEPEST {
        common.source.page(page, &mut data)?;
        // A page that is no b-tree page at all is visited as an interior one, and told there.
        let Ok(parsed) = Page::parse(&data, page, geometry) else { return Ok(depth + 1) };
        if parsed.kind.is_leaf() {
            return Ok(depth);
        }
        match parsed.child(0, geometry) {
            Some(child) if child != 0 && child <= common.source.pages => page = child,
            _ => return Ok(depth + 1),
        }
    }
    Ok(DEEPEST)
}

fn settle_leaf(map: &mut PageMap, pending: &Pending) {
    match pending.parent {
        Some(parent) => map.settle(pending.page, Use::Leaf, parent, pending.slot),
        None => map.settle(pending.page, Use::RootLeaf, pending.tree, 0),
    }
}

#[expect(clippy::too_many_arguments, reason = "the step of one loop")]
fn visit(
    common: &Common<'_>,
    map: &mut PageMap,
    interiors: &mut InteriorPages,
    worker: &mut Worker,
    folder: &Path,
    data: &[u8],
    pending: Pending,
    leaves_follow: bool,
    next: &mut Vec<Pending>,
) -> Result<(), Stop> {
    let geometry = &common.source.geometry;
    let tree = pending.tree;
    let name = common.plan.name(tree);
    let page = match Page::parse(data, pending.page, geometry) {
        Ok(page) => page,
        Err(PageFault::Flag(flag)) if pending.parent.is_none() => {
            let finding = Finding::new(Code::RootPage, "a b-tree page", format!("page type {flag}"));
            worker.share.findings.push(finding.on_page(pending.page).in_tree(name));
            return Ok(());
        }
        Err(fault) => {
            worker.page_fault(common, tree, pending.page, fault);
            return Ok(());
        }
    };
    let is_rows = common.plan.schema.trees[tree as usize].role == Role::Rows;
    let expected = if is_rows { PageKind::TableInterior } else { PageKind::IndexInterior };
    if page.kind.is_leaf() {
        let finding = Finding::new(Code::Depth, "leaves of one depth", "a leaf above the others");
        worker.share.findings.push(finding.on_page(pending.page).in_tree(name));
        settle_leaf(map, &pending);
        return Ok(());
    }
    if page.kind != expected {
        let seen = format!("a {} page", page.kind.word());
        let finding = Finding::new(Code::PageType, format!("a {} page", expected.word()), seen);
        worker.share.findings.push(finding.on_page(pending.page).in_tree(name));
        return Ok(());
    }
    // Page 1 is smaller by the header: its content may have moved down and left it without a cell.
    if page.cells == 0 && pending.page != 1 {
        let finding = Finding::new(Code::EmptyPage, "at least one cell", "none");
        worker.share.findings.push(finding.on_page(pending.page).in_tree(name));
    }
    let interior = Interior {
        page: pending.page,
        tree,
        parent: pending.parent,
        cells: page.cells as u16,
        low: pending.low,
        high: pending.high,
    };
    let number = interiors.push(interior, data, folder).map_err(|why| crate::source::ReadFault::Io(0, why))?;
    map.settle(pending.page, Use::Interior, number, pending.slot);
    worker.share.tallies[tree as usize].interior_pages += 1;
    let bounds = Bounds { interiors, low: pending.low, high: pending.high };
    if is_rows {
        table_cells(common, worker, &pending, &page, &bounds);
    } else {
        worker.key_page(common, tree, pending.page, &page, &bounds)?;
    }
    for slot in 0..=page.cells {
        let Some(child) = page.child(slot, geometry) else { continue };
        let slot = slot as u16;
        if let Err(refusal) = map.claim(child, Use::Broken, 0, 0) {
            let finding = match refusal {
                Refusal::OutOfRange => Finding::new(
                    Code::ChildPage,
                    format!("a child from 1 to {}", map.pages()),
                    format!("child {slot} is page {child}"),
                ),
                Refusal::Taken(other) => second_reference(child, other),
            };
            worker.share.findings.push(finding.on_page(pending.page).in_tree(name));
            continue;
        }
        let (low, high) = interiors.bounds(number, slot);
        let child = Pending { page: child, tree, parent: Some(number), slot, low, high };
        // Leaves are nearly all of a database's pages: they are not read here, and none of them is held in memory.
        if leaves_follow {
            settle_leaf(map, &child);
        } else {
            next.push(child);
        }
    }
    Ok(())
}

/// The separators of a table: coverage, and ascending rowids.
fn table_cells(common: &Common<'_>, worker: &mut Worker, pending: &Pending, page: &Page<'_>, bounds: &Bounds<'_>) {
    let geometry = &common.source.geometry;
    let rowid = |separator: Option<Separator>| -> Option<i64> {
        let separator = separator?;
        let mut recent = Recent::default();
        let number = bounds.interiors.get(separator.interior).page;
        let data = bounds.interiors.data(separator.interior, &mut recent).ok()?;
        let above = Page::parse(data, number, geometry).ok()?;
        above.cell(u32::from(separator.cell), geometry).ok().map(|cell| cell.rowid)
    };
    let mut previous = rowid(bounds.low);
    let high = rowid(bounds.high);
    let (mut bytes, mut whole) = (0, true);
    worker.coverage.start(geometry);
    for index in 0..page.cells {
        let cell = match page.cell(index, geometry) {
            Ok(cell) => cell,
            Err(fault) => {
                whole = false;
                worker.page_fault(common, pending.tree, pending.page, fault);
                continue;
            }
        };
        if let Err(fault) = worker.coverage.mark(cell.offset, cell.size)
            && whole
            && !common.planted.coverage_off()
        {
            whole = false;
            worker.page_fault(common, pending.tree, pending.page, fault);
        }
        bytes += cell.size;
        let is_ascending = previous.is_none_or(|previous| cell.rowid > previous);
        let is_in_place = is_ascending && high.is_none_or(|high| cell.rowid <= high);
        if !is_in_place && !common.planted.order_off() {
            let finding = Finding::new(Code::RowidOrder, "ascending separators", format!("separator {}", cell.rowid));
            worker.share.findings.push(finding.on_page(pending.page).in_tree(common.plan.name(pending.tree)));
        }
        previous = Some(cell.rowid);
    }
    if whole
        && let Err(fault) = page.cover(&mut worker.coverage, geometry, bytes)
        && !common.planted.coverage_off()
    {
        worker.page_fault(common, pending.tree, pending.page, fault);
    }
    if whole {
        worker.share.tallies[pending.tree as usize].free += u64::from(page.free_bytes());
    }
}

/// The fault of a page that is claimed twice.
pub(crate) fn second_reference(page: u32, other: Use) -> Finding {
    let other = match other {
        Use::Unclaimed => "nothing",
        Use::Interior | Use::Leaf | Use::RootLeaf | Use::Broken => "another tree page",
        Use::Overflow => "an overflow chain",
        Use::Trunk | Use::FreeLeaf => "the freelist",
        Use::PointerMap => "the pointer map",
        Use::LockByte => "the lock bytes",
    };
    Finding::new(Code::SecondReference, format!("page {page} used once"), format!("{other} uses it too")).on_page(page)
}
