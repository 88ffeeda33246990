//! One b-tree page: its header, its cells, and whether cells and free space cover it exactly once.
//!
//! Everything here is checked arithmetic over a byte slice: any bytes give a page or a [`PageFault`].

use crate::header::{be16, be32};
use crate::varint;

/// The four kinds of b-tree pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// Separators of a table: child pages and rowids.
    TableInterior,
    /// Rows.
    TableLeaf,
    /// Separators of an index, which are entries themselves.
    IndexInterior,
    /// Entries of an index.
    IndexLeaf,
}

impl PageKind {
    /// The kind that the flag byte names.
    pub(crate) fn from_flag(flag: u8) -> Option<PageKind> {
        match flag {
            2 => Some(PageKind::IndexInterior),
            5 => Some(PageKind::TableInterior),
            10 => Some(PageKind::IndexLeaf),
            13 => Some(PageKind::TableLeaf),
            _ => None,
        }
    }

    /// Whether the page has no children.
    pub(crate) fn is_leaf(self) -> bool {
        matches!(self, PageKind::TableLeaf | PageKind::IndexLeaf)
    }

    /// Whether the page belongs to a tree that is ordered by rowid.
    pub(crate) fn is_table(self) -> bool {
        matches!(self, PageKind::TableLeaf | PageKind::TableInterior)
    }

    /// A word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            PageKind::TableInterior => "table interior",
            PageKind::TableLeaf => "table leaf",
            PageKind::IndexInterior => "index interior",
            PageKind::IndexLeaf => "index leaf",
        }
    }
}

/// What follows from page size and reserved bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Bytes in a page.
    pub page_size: u32,
    /// Bytes that SQLite uses.
    pub usable: u32,
    max_local_index: u32,
    max_local_table: u32,
    min_local: u32,
}

impl Geometry {
    /// For pages of `page_size` bytes of which `usable` (at least 480) are used.
    pub(crate) fn new(page_size: u32, usable: u32) -> Geometry {
        let span = usable.saturating_sub(12);
        Geometry {
            page_size,
            usable,
            max_local_index: (span * 64 / 255).saturating_sub(23),
            max_local_table: usable.saturating_sub(35),
            min_local: (span * 32 / 255).saturating_sub(23),
        }
    }

    /// Bytes of content on an overflow page.
    pub(crate) fn overflow_content(&self) -> u32 {
        self.usable - 4
    }

    /// How many overflow pages a payload of `payload` bytes has, of which `local` stand in the cell.
    pub(crate) fn overflow_pages(&self, payload: u64, local: u32) -> u64 {
        payload.saturating_sub(u64::from(local)).div_ceil(u64::from(self.overflow_content()))
    }

    #[inline]
    fn local(&self, kind: PageKind, payload: u64) -> u32 {
        let max = if kind.is_table() { self.max_local_table } else { self.max_local_index };
        if payload <= u64::from(max) {
            return payload as u32;
        }
        let surplus = self.min_local + ((payload - u64::from(self.min_local)) % u64::from(self.usable - 4)) as u32;
        if surplus <= max { surplus } else { self.min_local }
    }
}

/// Why a page is not one that SQLite would have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageFault {
    /// The flag byte names no kind of page.
    Flag(u8),
    /// More cells than fit on any page.
    CellCount(u32),
    /// The cell content area starts inside the cell pointers or after the page.
    ContentStart {
        /// What the page says.
        start: u32,
        /// The least it can be.
        least: u32,
    },
    /// The freeblock chain is broken at this offset.
    Freeblock(u32),
    /// A cell pointer outside of the content area.
    CellOffset {
        /// Which cell.
        cell: u32,
        /// Where it points.
        offset: u32,
    },
    /// A cell that reaches past the end of the page.
    CellExtent {
        /// Which cell.
        cell: u32,
    },
    /// Two cells or freeblocks share a byte.
    Overlap {
        /// The byte.
        offset: u32,
    },
    /// The count of fragmented bytes is not what is left over.
    Fragments {
        /// What the page says.
        stated: u32,
        /// What is left over.
        counted: u32,
    },
}

/// A page whose header has been read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    data: &'a [u8],
    start: usize,
    /// Its kind.
    pub kind: PageKind,
    /// How many cells it has.
    pub cells: u32,
    content: u32,
}

/// One cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell<'a> {
    /// Where it starts on the page.
    pub offset: u32,
    /// Its bytes on the page.
    pub size: u32,
    /// The left child, of interior pages.
    pub child: u32,
    /// The rowid, of table pages.
    pub rowid: i64,
    /// Bytes of the whole payload.
    pub payload: u64,
    /// The payload's bytes on this page.
    pub local: &'a [u8],
    /// The page from the payload's first byte on.
    pub rest: &'a [u8],
    /// The first overflow page, or 0.
    pub overflow: u32,
}

/// Which bytes of a page are used: reusable memory for the coverage check.
///
/// Cells mostly stand in the order in which they were written, each right before the last one. Such a run is kept as its
/// two ends, and comes into the bitmap only when something else follows.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    used: Vec<u64>,
    /// First byte of the run, and the one after its last.
    run: (u32, u32),
    /// Whether the bitmap holds anything.
    is_marked: bool,
}

impl<'a> Page<'a> {
    /// Reads the header of page number `number`; `data` is the whole page.
    #[inline]
    pub(crate) fn parse(data: &'a [u8], number: u32, geometry: &Geometry) -> Result<Page<'a>, PageFault> {
        let start = if number == 1 { 100 } else { 0 };
        let flag = data.get(start).copied().unwrap_or(0);
        let Some(kind) = PageKind::from_flag(flag) else { return Err(PageFault::Flag(flag)) };
        let cells = u32::from(be16(data, start + 3));
        if cells > (geometry.page_size - 8) / 6 {
            return Err(PageFault::CellCount(cells));
        }
        let content = match be16(data, start + 5) {
            0 => 65536,
            offset => u32::from(offset),
        };
        let page = Page { data, start, kind, cells, content };
        let least = page.pointers() as u32 + 2 * cells;
        if content < least || content > geometry.usable {
            return Err(PageFault::ContentStart { start: content, least });
        }
        Ok(page)
    }

    /// The rightmost child of an interior page.
    pub(crate) fn right_child(&self) -> u32 {
        be32(self.data, self.start + 8)
    }

    /// Child number `index`; the rightmost one has the number of cells.
    pub(crate) fn child(&self, index: u32, geometry: &Geometry) -> Option<u32> {
        if index == self.cells {
            return Some(self.right_child());
        }
        self.cell(index, geometry).ok().map(|cell| cell.child)
    }

    #[inline]
    fn pointers(&self) -> usize {
        self.start + if self.kind.is_leaf() { 8 } else { 12 }
    }

    /// Reads one cell and checks that it lies on the page.
    #[inline(always)]
    pub(crate) fn cell(&self, index: u32, geometry: &Geometry) -> Result<Cell<'a>, PageFault> {
        let offset = u32::from(be16(self.data, self.pointers() + 2 * index as usize));
        if offset < self.content || offset > geometry.usable - 4 {
            return Err(PageFault::CellOffset { cell: index, offset });
        }
        let data = &self.data[..geometry.usable as usize];
        let outside = PageFault::CellExtent { cell: index };
        let mut at = offset as usize;
        let mut child = 0;
        if !self.kind.is_leaf() {
            child = be32(data, at);
            at += 4;
        }
        if self.kind == PageKind::TableInterior {
            let (rowid, end) = varint::read(data, at).ok_or(outside)?;
            let size = end as u32 - offset;
            let rowid = rowid as i64;
            return Ok(Cell { offset, size, child, rowid, payload: 0, local: &[], rest: &[], overflow: 0 });
        }
        let (payload, mut at) = varint::read(data, at).ok_or(outside)?;
        // SQLite keeps the low 32 bits of a payload size.
        let payload = payload & 0xffff_ffff;
        let mut rowid = 0;
        if self.kind == PageKind::TableLeaf {
            let (value, end) = varint::read(data, at).ok_or(outside)?;
            rowid = value as i64;
            at = end;
        }
        let local = geometry.local(self.kind, payload);
        let end = at + local as usize;
        let rest = data.get(at..).ok_or(outside)?;
        let bytes = rest.get(..local as usize).ok_or(outside)?;
        let (overflow, end) = if u64::from(local) < payload { (be32(data, end), end + 4) } else { (0, end) };
        let size = (end as u32 - offset).max(4);
        if offset + size > geometry.usable {
            return Err(outside);
        }
        Ok(Cell { offset, size, child, rowid, payload, local: bytes, rest, overflow })
    }

    /// Bytes of the page that hold nothing, as the page itself counts them.
    pub(crate) fn free_bytes(&self) -> u32 {
        let mut free = self.content - (self.pointers() as u32 + 2 * self.cells) + u32::from(self.data[self.start + 7]);
        let mut block = usize::from(be16(self.data, self.start + 1));
        // Bounded: a freeblock has at least four bytes, and `cover` has refused chains that go backwards.
        let mut steps = self.data.len() / 4;
        while block > 0 && steps > 0 {
            free = free.saturating_add(u32::from(be16(self.data, block + 2)));
            block = usize::from(be16(self.data, block));
            steps -= 1;
        }
        free
    }

    /// Adds the freeblocks to the bytes already marked in `coverage` and checks that cells, freeblocks and fragments
    /// are the whole content area, each byte once.
    #[inline]
    pub(crate) fn cover(&self, coverage: &mut Coverage, geometry: &Geometry, cell_bytes: u32) -> Result<(), PageFault> {
        let mut covered = cell_bytes;
        let mut block = u32::from(be16(self.data, self.start + 1));
        if block != 0 && block < self.content {
            return Err(PageFault::Freeblock(block));
        }
        while block != 0 {
            if block > geometry.usable - 4 {
                return Err(PageFault::Freeblock(block));
            }
            let next = u32::from(be16(self.data, block as usize));
            let size = u32::from(be16(self.data, block as usize + 2));
            if size < 4 || block + size > geometry.usable || (next != 0 && next < block + size + 4) {
                return Err(PageFault::Freeblock(block));
            }
            coverage.mark(block, size)?;
            covered += size;
            block = next;
        }
        coverage.finish()?;
        let stated = u32::from(self.data[self.start + 7]);
        let counted = (geometry.usable - self.content).saturating_sub(covered);
        if stated == counted { Ok(()) } else { Err(PageFault::Fragments { stated, counted }) }
    }
}

impl Coverage {
    /// Forgets the last page.
    #[inline]
    pub(crate) fn start(&mut self, geometry: &Geometry) {
        if self.is_marked || self.used.is_empty() {
            self.used.clear();
            self.used.resize(geometry.page_size as usize / 64 + 1, 0);
            self.is_marked = false;
        }
        self.run = (0, 0);
    }

    /// Marks bytes as used. Refuses, now or when the page is finished, any that are used already.
    #[inline(always)]
    pub(crate) fn mark(&mut self, offset: u32, size: u32) -> Result<(), PageFault> {
        let (low, high) = self.run;
        if offset + size == low {
            self.run.0 = offset;
        } else if offset == high {
            self.run.1 = offset + size;
        } else {
            self.run = (offset, offset + size);
            return self.set(low, high);
        }
        Ok(())
    }

    /// Holds the last run to what was marked before it.
    pub(crate) fn finish(&mut self) -> Result<(), PageFault> {
        let (low, high) = std::mem::take(&mut self.run);
        // A page of one run cannot use a byte twice.
        if self.is_marked { self.set(low, high) } else { Ok(()) }
    }

    fn set(&mut self, low: u32, high: u32) -> Result<(), PageFault> {
        let mut at = low;
        self.is_marked |= low < high;
        while at < high {
            let bit = at % 64;
            let span = (64 - bit).min(high - at);
            let mask = (u64::MAX >> (64 - span)) << bit;
            let Some(word) = self.used.get_mut(at as usize / 64) else {
                return Err(PageFault::Overlap { offset: at });
            };
            if *word & mask != 0 {
                return Err(PageFault::Overlap { offset: at });
            }
            *word |= mask;
            at += span;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GEOMETRY: fn() -> Geometry = || Geometry::new(512, 512);

    fn walk(data: &[u8], number: u32) -> Result<u32, PageFault> {
        let geometry = GEOMETRY();
        let page = Page::parse(data, number, &geometry)?;
        let mut coverage = Coverage::default();
        coverage.start(&geometry);
        let mut bytes = 0;
        for index in 0..page.cells {
            let cell = page.cell(index, &geometry)?;
            coverage.mark(cell.offset, cell.size)?;
            bytes += cell.size;
        }
        page.cover(&mut coverage, &geometry, bytes)?;
        Ok(page.cells)
    }

    fn one_row() -> Vec<u8> {
        let mut page = vec![0; 512];
        page[0] = 13;
        page[3..5].copy_from_slice(&1u16.to_be_bytes());
        page[5..7].copy_from_slice(&507u16.to_be_bytes());
        page[8..10].copy_from_slice(&507u16.to_be_bytes());
        page[507..512].copy_from_slice(&[3, 1, 2, 1, 9]);
        page
    }

    #[test]
    fn a_sound_page_is_covered_exactly_once() {
        assert_eq!(walk(&one_row(), 7), Ok(1));
    }

    #[test]
    fn a_lost_byte_is_a_fragment_that_nobody_stated() {
        let mut page = one_row();
        page[5..7].copy_from_slice(&506u16.to_be_bytes());
        assert_eq!(walk(&page, 7), Err(PageFault::Fragments { stated: 0, counted: 1 }));
    }

    #[test]
    fn a_shared_byte_is_an_overlap() {
        let mut page = one_row();
        page[3..5].copy_from_slice(&2u16.to_be_bytes());
        page[10..12].copy_from_slice(&507u16.to_be_bytes());
        assert_eq!(walk(&page, 7), Err(PageFault::Overlap { offset: 507 }));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_page_or_a_fault(mut data in proptest::collection::vec(any::<u8>(), 512), kind in 0usize..4, first in any::<bool>()) {
            let start = if first { 100 } else { 0 };
            data[start] = [2, 5, 10, 13][kind];
            let _ = walk(&data, u32::from(!first) + 1);
            if let Ok(page) = Page::parse(&data, u32::from(!first) + 1, &GEOMETRY()) {
                page.free_bytes();
            }
        }

        #[test]
        fn a_sound_page_with_changed_bytes_never_panics(at in 0usize..512, to in any::<u8>(), at2 in 0usize..512, to2 in any::<u8>()) {
            let mut page = one_row();
            page[at] = to;
            page[at2] = to2;
            let _ = walk(&page, 7);
        }
    }
}
