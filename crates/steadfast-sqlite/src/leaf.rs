//! One page of a tree: coverage, order, and every row or entry on it.

use std::cmp::Ordering;

use crate::collation::{self, Collation};
use crate::entry_hash::Whose;
use crate::entry_record::{self, Piece, Sources};
use crate::finding::{Code, Finding};
use crate::header::Encoding;
use crate::interior_pages::{InteriorPages, Recent, Separator};
use crate::page::{Cell, Page, PageFault, PageKind};
use crate::record::{self, Field, Value};
use crate::row::Place;
use crate::schema::{Default as Missing, KeyOrder, Role, TreeId};
use crate::source::ReadFault;
use crate::worker::{Common, GatherFault, KeyBuffer, Worker, describe_record_fault};

/// What bounds the keys of a page.
pub(crate) struct Bounds<'a> {
    pub(crate) interiors: &'a InteriorPages,
    pub(crate) low: Option<Separator>,
    pub(crate) high: Option<Separator>,
}

/// Reading stopped the run; everything else is a finding.
pub(crate) type Stop = ReadFault;

impl Worker {
    /// Judges a leaf.
    pub(crate) fn leaf(
        &mut self,
        common: &Common<'_>,
        tree: TreeId,
        number: u32,
        data: &[u8],
        bounds: &Bounds<'_>,
    ) -> Result<(), Stop> {
        let geometry = &common.source.geometry;
        let page = match Page::parse(data, number, geometry) {
            Ok(page) => page,
            Err(fault) => {
                self.page_fault(common, tree, number, fault);
                return Ok(());
            }
        };
        let is_rows = common.plan.schema.trees[tree as usize].role == Role::Rows;
        let expected = if is_rows { PageKind::TableLeaf } else { PageKind::IndexLeaf };
        if page.kind != expected {
            let code = if page.kind.is_leaf() { Code::PageType } else { Code::Depth };
            let finding =
                Finding::new(code, format!("a {} page", expected.word()), format!("a {} page", page.kind.word()));
            self.share.findings.push(finding.on_page(number).in_tree(common.plan.name(tree)));
            return Ok(());
        }
        if page.cells == 0 && (bounds.low.is_some() || bounds.high.is_some()) {
            let finding = Finding::new(Code::EmptyPage, "at least one cell", "none");
            self.share.findings.push(finding.on_page(number).in_tree(common.plan.name(tree)));
        }
        let tally = &mut self.share.tallies[tree as usize];
        tally.leaf_pages += 1;
        if is_rows {
            self.table_leaf(common, tree, number, &page, bounds)
        } else {
            self.key_page(common, tree, number, &page, bounds)
        }
    }

    fn table_leaf(
        &mut self,
        common: &Common<'_>,
        tree: TreeId,
        number: u32,
        page: &Page<'_>,
        bounds: &Bounds<'_>,
    ) -> Result<(), Stop> {
        let geometry = &common.source.geometry;
        let low = rowid_bound(bounds.low, bounds.interiors, &mut self.recent, common)?;
        let high = rowid_bound(bounds.high, bounds.interiors, &mut self.recent, common)?;
        let mut previous = low;
        let mut seen = Seen::default();
        self.coverage.start(geometry);
        for index in 0..page.cells {
            let Some(cell) = self.cell(common, tree, number, page, index, &mut seen) else { continue };
            let is_ascending = previous.is_none_or(|previous| cell.rowid > previous);
            let is_within = high.is_none_or(|high| cell.rowid <= high);
            let is_in_place = is_ascending && is_within;
            if !is_in_place && !common.planted.order_off() && common.seek.is_none() {
                let expected = match (is_ascending, previous, high) {
                    (false, Some(previous), _) => format!("a rowid above {previous}"),
                    (_, _, Some(high)) => format!("a rowid up to {high}, its parent's bound"),
                    (_, _, None) => "ascending rowids".to_owned(),
                };
                let finding = Finding::new(Code::RowidOrder, expected, format!("rowid {}", cell.rowid));
                self.share.findings.push(finding.on_page(number).in_tree(common.plan.name(tree)).at_row(cell.rowid));
            }
            previous = Some(cell.rowid);
            let place = Place { tree, page: number, rowid: Some(cell.rowid) };
            self.row(common, place, &cell).or_else(chain_is_told)?;
        }
        self.finish_page(common, tree, number, page, &seen);
        Ok(())
    }

    /// A leaf or an interior page of a tree of keys: entries of an index, or rows of a table without rowids.
    pub(crate) fn key_page(
        &mut self,
        common: &Common<'_>,
        tree: TreeId,
        number: u32,
        page: &Page<'_>,
        bounds: &Bounds<'_>,
    ) -> Result<(), Stop> {
        let geometry = &common.source.geometry;
        let Some(order) = &common.plan.schema.trees[tree as usize].order else { return Ok(()) };
        let orders = !common.planted.order_off() && common.seek.is_none() && order.unknown_collation().is_none();
        let encoding = common.plan.schema.encoding;
        let mut keys = std::mem::take(&mut self.keys);
        // The key before: its record, if that lies on the page, and otherwise in its buffer, which is number `at`.
        let mut previous: Option<Option<&[u8]>> = None;
        let mut previous_rest = [].as_slice();
        let mut at = 0;
        let mut last_index = None;
        let mut seen = Seen::default();
        self.coverage.start(geometry);
        let mut outcome = Ok(());
        for index in 0..page.cells {
            let Some(cell) = self.cell(common, tree, number, page, index, &mut seen) else { continue };
            if !common.plan.content && !orders {
                continue;
            }
            let is_alike = matches!(previous, Some(Some(_))) && keys[at].shape.is_of(&cell);
            let (local, key) = if is_alike {
                let (local, key) = (Some(cell.local), &mut keys[at]);
                if orders
                    && let Some(Some(earlier)) = previous
                    && !key
                        .shape
                        .compare(previous_rest, cell.rest, order)
                        .is_some_and(|found| is_ascending(found, order))
                {
                    let [earlier, later] = [earlier, cell.local].map(|bytes| Key { fields: &key.shape.fields, bytes });
                    self.in_order(common, tree, order, encoding, (earlier, later), number);
                }
                (local, key)
            } else {
                let [first, second] = &mut keys;
                let (key, before) = if at == 1 { (first, &*second) } else { (second, &*first) };
                at = 1 - at;
                let local = match self.key(common, tree, number, index, &cell, order, key) {
                    Ok(Some(local)) => local,
                    Ok(None) => {
                        // What cannot be read has no place in the order.
                        previous = None;
                        last_index = None;
                        continue;
                    }
                    Err(stop) => {
                        outcome = Err(stop);
                        break;
                    }
                };
                if orders {
                    let record = local.unwrap_or(&key.owned);
                    match previous {
                        Some(earlier) => {
                            let earlier = Key { fields: &before.shape.fields, bytes: earlier.unwrap_or(&before.owned) };
                            let later = Key { fields: &key.shape.fields, bytes: record };
                            self.in_order(common, tree, order, encoding, (earlier, later), number);
                        }
                        None if index == 0 => {
                            if let Err(stop) = self.against(common, tree, bounds, Side::Low, key, record, number) {
                                outcome = Err(stop);
                                break;
                            }
                        }
                        None => {}
                    }
                }
                (local, key)
            };
            previous = Some(local);
            previous_rest = cell.rest;
            last_index = Some(index);
            if common.plan.content
                && let Err(stop) = self.content_of(common, tree, number, &cell, key, is_alike, local, page.kind)
            {
                outcome = Err(stop);
                break;
            }
        }
        if let (Ok(()), Some(local), Some(index), true) = (&outcome, previous, last_index, orders)
            && index + 1 == page.cells
        {
            let key = &keys[at];
            let record = local.unwrap_or(&key.owned);
            outcome = self.against(common, tree, bounds, Side::High, key, record, number);
        }
        self.keys = keys;
        outcome?;
        self.finish_page(common, tree, number, page, &seen);
        Ok(())
    }

    /// Reads a cell, marks its bytes, counts it and notes its chain.
    #[inline(always)]
    fn cell<'p>(
        &mut self,
        common: &Common<'_>,
        tree: TreeId,
        number: u32,
        page: &Page<'p>,
        index: u32,
        seen: &mut Seen,
    ) -> Option<Cell<'p>> {
        let geometry = &common.source.geometry;
        let cell = match page.cell(index, geometry) {
            Ok(cell) => cell,
            Err(fault) => {
                seen.is_broken = true;
                self.page_fault(common, tree, number, fault);
                return None;
            }
        };
        if common.seek.is_some() {
            return Some(cell);
        }
        if let Err(fault) = self.coverage.mark(cell.offset, cell.size)
            && !seen.is_broken
            && !common.planted.coverage_off()
        {
            seen.is_broken = true;
            self.page_fault(common, tree, number, fault);
        }
        seen.bytes += cell.size;
        seen.cells += 1;
        seen.payload += cell.payload;
        if (cell.local.len() as u64) < cell.payload {
            self.chain(geometry, tree, number, &cell);
        }
        Some(cell)
    }

    fn finish_page(&mut self, common: &Common<'_>, tree: TreeId, number: u32, page: &Page<'_>, seen: &Seen) {
        if common.seek.is_some() {
            return;
        }
        let tally = &mut self.share.tallies[tree as usize];
        tally.entries += seen.cells;
        tally.payload += seen.payload;
        if seen.is_broken {
            return;
        }
        if let Err(fault) = page.cover(&mut self.coverage, &common.source.geometry, seen.bytes) {
            let is_let_be = common.planted.coverage_off() && !matches!(fault, PageFault::Freeblock(_));
            if !is_let_be {
                self.page_fault(common, tree, number, fault);
            }
            return;
        }
        self.share.tallies[tree as usize].free += u64::from(page.free_bytes());
    }

    /// Reads the record of a key: `Some(Some(local))` if it lies on the page, `Some(None)` if it is in `key.owned`.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the inner step of one loop")]
    fn key<'p>(
        &mut self,
        common: &Common<'_>,
        tree: TreeId,
        number: u32,
        index: u32,
        cell: &Cell<'p>,
        order: &KeyOrder,
        key: &mut KeyBuffer,
    ) -> Result<Option<Option<&'p [u8]>>, Stop> {
        let mut local = Some(cell.local);
        key.shape.forget();
        if (cell.local.len() as u64) < cell.payload {
            match self.scratch.gather_key(common.source, cell, &mut key.owned) {
                Ok(()) => local = None,
                Err(GatherFault::Chain(why)) => {
                    let finding = Finding::new(Code::OverflowPage, "an overflow chain that holds the entry", why);
                    self.share.findings.push(finding.on_page(number).in_tree(common.plan.name(tree)));
                    return Ok(None);
                }
                Err(GatherFault::Read(stop)) => return Err(stop),
            }
        }
        let bytes = local.unwrap_or(&key.owned);
        if let Err(fault) = record::parse(bytes, cell.payload, &mut key.shape.fields) {
            self.share.findings.push(describe_record_fault(fault).on_page(number).in_tree(common.plan.name(tree)));
            return Ok(None);
        }
        let is_shaped = if order.ends_in_rowid {
            key.shape.fields.len() == order.fields
                && key.shape.fields.last().is_some_and(|field| matches!(field.serial, 1..=6 | 8 | 9))
        } else {
            key.shape.fields.len() >= order.columns.len()
                && (matches!(common.plan.schema.trees[tree as usize].role, Role::KeyedRows)
                    || key.shape.fields.len() == order.fields)
        };
        if !is_shaped {
            let rowid = if order.ends_in_rowid { ", the last one a rowid" } else { "" };
            let finding = Finding::new(
                Code::EntryShape,
                format!("{} fields{rowid}", order.fields),
                format!("{} fields in cell {index}", key.shape.fields.len()),
            );
            self.share.findings.push(finding.on_page(number).in_tree(common.plan.name(tree)));
            return Ok(None);
        }
        if local.is_some() {
            key.shape.settle(cell.rest, cell.payload);
        }
        Ok(Some(local))
    }

    /// Sums an entry, or judges a row of a table without rowids.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the inner step of one loop")]
    fn content_of(
        &mut self,
        common: &Common<'_>,
        tree: TreeId,
        number: u32,
        cell: &Cell<'_>,
        key: &mut KeyBuffer,
        is_alike: bool,
        local: Option<&[u8]>,
        kind: PageKind,
    ) -> Result<(), Stop> {
        if matches!(common.plan.schema.trees[tree as usize].role, Role::KeyedRows) {
            let place = Place { tree, page: number, rowid: None };
            return self.row(common, place, cell).or_else(chain_is_told);
        }
        let Some(sketch) = common.plan.sketch_of[tree as usize] else { return Ok(()) };
        if !kind.is_leaf() && common.planted.interior_entries_forgotten() {
            return Ok(());
        }
        let Some(order) = &common.plan.schema.trees[tree as usize].order else { return Ok(()) };
        let record = local.unwrap_or(&key.owned);
        let rowid = if order.ends_in_rowid { rowid_of(&key.shape.fields, record) } else { None };
        let whose = Whose {
            tree,
            sketch: sketch as u32,
            page: number,
            is_row: false,
            locator: rowid.map_or(0, |rowid| rowid as u64),
        };
        let Worker { waiting, share, sought, pieces, .. } = self;
        let mut take = |whose: &Whose, hash| common.take(share, sought, whose, hash);
        let forgotten = usize::from(common.planted.hash_forgets_a_column());
        let is_in_form = if is_alike {
            key.shape.is_in_form(record, order)
        } else {
            entry_record::is_in_form(&key.shape.fields, record::header_length(record).unwrap_or(0), record)
        };
        if forgotten == 0 && is_in_form {
            // On the page the record is followed by what else there is, which spares the copy its end.
            let rest = if cell.local.len() == record.len() { cell.rest } else { record };
            waiting.stored(common.hash, whose, rest, record.len(), &mut take);
        } else {
            pieces.clear();
            pieces.extend(key.shape.fields[forgotten..].iter().map(|field| Piece::field(field, record)));
            let sources = Sources { record, default_of: &|_| &Missing::Null };
            let order: Vec<u16> = (0..pieces.len() as u16).collect();
            waiting.pieces(common.hash, whose, pieces, &order, &sources, &mut take);
        }
        Ok(())
    }

    /// Holds a key to the separator on one side of its page.
    #[expect(clippy::too_many_arguments, reason = "the outer step of one loop")]
    fn against(
        &mut self,
        common: &Common<'_>,
        tree: TreeId,
        bounds: &Bounds<'_>,
        side: Side,
        key: &KeyBuffer,
        record: &[u8],
        number: u32,
    ) -> Result<(), Stop> {
        let separator = match side {
            Side::Low => bounds.low,
            Side::High => bounds.high,
        };
        let Some(separator) = separator else { return Ok(()) };
        let Some(order) = &common.plan.schema.trees[tree as usize].order else { return Ok(()) };
        let mut bound = KeyBuffer::default();
        if !separator_key(separator, bounds.interiors, &mut self.recent, common, order, &mut bound)? {
            return Ok(());
        }
        let mine = Key { fields: &key.shape.fields, bytes: record };
        let bound = Key { fields: &bound.shape.fields, bytes: &bound.owned };
        let pair = match side {
            Side::Low => (bound, mine),
            Side::High => (mine, bound),
        };
        self.in_order(common, tree, order, common.plan.schema.encoding, pair, number);
        Ok(())
    }

    /// Two neighbours: the first must be less, and of a UNIQUE index not equal in its key either.
    #[inline]
    fn in_order(
        &mut self,
        common: &Common<'_>,
        tree: TreeId,
        order: &KeyOrder,
        encoding: Encoding,
        (earlier, later): (Key<'_>, Key<'_>),
        number: u32,
    ) {
        let (ordering, column) = compare(&earlier, &later, order, encoding);
        if is_ascending((ordering, column), order) {
            return;
        }
        let unique = order.unique.unwrap_or(usize::MAX);
        let has_null = |key: &Key<'_>| {
            key.fields.iter().take(unique).any(|field| matches!(field.value(key.bytes), Some(Value::Null)))
        };
        let shown = |key: &Key<'_>| describe_key(key, order);
        let finding = if column >= unique && !has_null(&earlier) {
            Finding::new(Code::NotUnique, "one row of this key", format!("two of {}", shown(&later)))
        } else if ordering != Ordering::Less {
            Finding::new(Code::KeyOrder, format!("a key above {}", shown(&earlier)), shown(&later))
        } else {
            return;
        };
        let finding = finding.on_page(number).in_tree(common.plan.name(tree));
        let rowid = order.ends_in_rowid.then(|| rowid_of(later.fields, later.bytes)).flatten();
        self.share.findings.push(match rowid {
            Some(rowid) => finding.at_row(rowid),
            None => finding,
        });
    }
}

/// What the cells of a page came to.
#[derive(Debug, Default)]
struct Seen {
    cells: u64,
    /// Of the page.
    bytes: u32,
    payload: u64,
    /// Whether a fault of their extents has been told.
    is_broken: bool,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Low,
    High,
}

/// A record as a key.
pub(crate) struct Key<'a> {
    pub(crate) fields: &'a [Field],
    pub(crate) bytes: &'a [u8],
}

/// Whether neighbours that compare so may stand as they do.
#[inline(always)]
fn is_ascending((ordering, column): (Ordering, usize), order: &KeyOrder) -> bool {
    ordering == Ordering::Less && order.unique.is_none_or(|unique| column < unique)
}

/// The order of two keys, and the first column in which they differ (or the number of columns).
#[inline]
pub(crate) fn compare(left: &Key<'_>, right: &Key<'_>, order: &KeyOrder, encoding: Encoding) -> (Ordering, usize) {
    for (at, column) in order.columns.iter().enumerate() {
        let (Some(l), Some(r)) = (left.fields.get(at), right.fields.get(at)) else { return (Ordering::Equal, at) };
        let ordering = match same_class(l, left.bytes, r, right.bytes, &column.collation) {
            Some(ordering) => ordering,
            None => {
                let l = l.value(left.bytes).unwrap_or(Value::Null);
                let r = r.value(right.bytes).unwrap_or(Value::Null);
                collation::compare(&l, &r, &column.collation, encoding)
            }
        };
        if ordering != Ordering::Equal {
            return (if column.descending { ordering.reverse() } else { ordering }, at);
        }
    }
    (Ordering::Equal, order.columns.len())
}

/// The usual pairs, which need no value made of them: integers, and bytes that are compared as bytes.
#[inline(always)]
fn same_class(left: &Field, l: &[u8], right: &Field, r: &[u8], collation: &Collation) -> Option<Ordering> {
    let is_integer = |field: &Field| matches!(field.serial, 1..=6);
    if is_integer(left) && is_integer(right) {
        return Some(left.integer(l)?.cmp(&right.integer(r)?));
    }
    let are_bytes = left.serial >= 12 && right.serial >= 12 && (left.serial ^ right.serial) & 1 == 0;
    if are_bytes && (left.serial & 1 == 0 || *collation == Collation::Binary) {
        return Some(collation::bytes(left.bytes(l)?, right.bytes(r)?));
    }
    None
}

/// The key's values for people.
pub(crate) fn describe_key(key: &Key<'_>, order: &KeyOrder) -> String {
    let columns = order.columns.len() - usize::from(order.ends_in_rowid && order.columns.len() > 1);
    let values: Vec<String> = key
        .fields
        .iter()
        .take(columns)
        .map(|field| field.value(key.bytes).map_or_else(|| "?".to_owned(), |value| value.describe()))
        .collect();
    format!("({})", values.join(", "))
}

/// The rowid at the end of an entry.
#[inline]
pub(crate) fn rowid_of(fields: &[Field], bytes: &[u8]) -> Option<i64> {
    match fields.last()?.value(bytes)? {
        Value::Integer(rowid) => Some(rowid),
        Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => None,
    }
}

fn rowid_bound(
    separator: Option<Separator>,
    interiors: &InteriorPages,
    recent: &mut Recent,
    common: &Common<'_>,
) -> Result<Option<i64>, Stop> {
    let Some(separator) = separator else { return Ok(None) };
    let number = interiors.get(separator.interior).page;
    let data = interiors.data(separator.interior, recent).map_err(|why| ReadFault::Io(0, why))?;
    let page = Page::parse(data, number, &common.source.geometry).ok();
    Ok(page.and_then(|page| page.cell(u32::from(separator.cell), &common.source.geometry).ok()).map(|cell| cell.rowid))
}

/// Reads a separator's record into `out`; false if it is broken, which the interior pass has told.
fn separator_key(
    separator: Separator,
    interiors: &InteriorPages,
    recent: &mut Recent,
    common: &Common<'_>,
    order: &KeyOrder,
    out: &mut KeyBuffer,
) -> Result<bool, Stop> {
    let geometry = &common.source.geometry;
    let number = interiors.get(separator.interior).page;
    let data = interiors.data(separator.interior, recent).map_err(|why| ReadFault::Io(0, why))?;
    let Ok(page) = Page::parse(data, number, geometry) else { return Ok(false) };
    let Ok(cell) = page.cell(u32::from(separator.cell), geometry) else { return Ok(false) };
    let mut scratch = Vec::new();
    match crate::worker::gather(common.source, &cell, cell.payload, &mut out.owned, &mut scratch) {
        Ok(()) => {}
        Err(GatherFault::Chain(_)) => return Ok(false),
        Err(GatherFault::Read(stop)) => return Err(stop),
    }
    let is_record = record::parse(&out.owned, cell.payload, &mut out.shape.fields).is_ok();
    Ok(is_record && out.shape.fields.len() >= order.columns.len())
}

fn chain_is_told(fault: GatherFault) -> Result<(), Stop> {
    match fault {
        GatherFault::Chain(_) => Ok(()),
        GatherFault::Read(stop) => Err(stop),
    }
}
