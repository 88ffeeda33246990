//! What one worker carries through the pass: its share of sums, counts, findings and overflow chains, and its scratch
//! memory. Shares merge in any order.

use crate::entry_hash::{EntryHash, Waiting, Whose};
use crate::entry_record::Piece;
use crate::finding::{Code, Finding, Findings};
use crate::interior_pages::Recent;
use crate::key_shape::KeyShape;
use crate::page::{Cell, Coverage, Geometry, PageFault};
use crate::plan::Plan;
use crate::record::{self, Field, RecordFault};
use crate::schema::TreeId;
use crate::sketch::Sketch;
use crate::source::{ReadFault, Source};

/// An overflow chain that a cell claims: its first page, how many pages, and the page of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chain {
    pub(crate) first: u32,
    pub(crate) pages: u32,
    pub(crate) from: u32,
}

/// What a tree holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Rows of a table, entries of an index.
    pub(crate) entries: u64,
    pub(crate) leaf_pages: u64,
    pub(crate) interior_pages: u64,
    pub(crate) overflow_pages: u64,
    pub(crate) payload: u64,
    pub(crate) free: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Tally) {
        self.entries += other.entries;
        self.leaf_pages += other.leaf_pages;
        self.interior_pages += other.interior_pages;
        self.overflow_pages += other.overflow_pages;
        self.payload += other.payload;
        self.free += other.free;
    }
}

/// The sums of one share.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) sketches: Vec<Sketch>,
    /// Per sketch: rows that should have an entry there.
    pub(crate) rows: Vec<u64>,
    /// Per sketch: entries.
    pub(crate) entries: Vec<u64>,
    pub(crate) tallies: Vec<Tally>,
    pub(crate) chains: Vec<Chain>,
    /// Pages that are others in the counterpart.
    pub(crate) differing: Vec<u32>,
    pub(crate) findings: Findings,
}

impl Share {
    pub(crate) fn new(plan: &Plan, bound: usize) -> Share {
        Share {
            sketches: vec![Sketch::default(); plan.sketches],
            rows: vec![0; plan.sketches],
            entries: vec![0; plan.sketches],
            tallies: vec![Tally::default(); plan.schema.trees.len()],
            chains: Vec::new(),
            differing: Vec::new(),
            findings: Findings::up_to(bound),
        }
    }

    pub(crate) fn merge(&mut self, other: Share) {
        self.sketches.iter_mut().zip(&other.sketches).for_each(|(mine, theirs)| mine.merge(theirs));
        self.rows.iter_mut().zip(&other.rows).for_each(|(mine, theirs)| *mine += theirs);
        self.entries.iter_mut().zip(&other.entries).for_each(|(mine, theirs)| *mine += theirs);
        self.tallies.iter_mut().zip(&other.tallies).for_each(|(mine, theirs)| mine.add(theirs));
        self.chains.extend(other.chains);
        self.differing.extend(other.differing);
        self.findings.absorb(other.findings);
    }
}

/// What all workers look at.
#[derive(Clone, Copy)]
pub(crate) struct Common<'a> {
    pub(crate) source: &'a Source,
    pub(crate) plan: &'a Plan,
    pub(crate) hash: &'a EntryHash,
    pub(crate) planted: crate::planted::Planted,
    /// If set, only these hashes are looked for and nothing is summed (the second look at a pair of trees).
    pub(crate) seek: Option<&'a crate::naming::Seek>,
}

impl Common<'_> {
    /// What is done with the hash of an entry.
    #[inline(always)]
    pub(crate) fn take(&self, share: &mut Share, sought: &mut crate::naming::Sought, whose: &Whose, hash: u128) {
        if let Some(seek) = self.seek {
            return seek.see(sought, whose, hash);
        }
        let sketch = whose.sketch as usize;
        let counts = if whose.is_row { &mut share.rows } else { &mut share.entries };
        counts[sketch] += 1;
        share.sketches[sketch].take(whose.is_row, hash, whose.locator);
    }
}

/// A share and the scratch memory to fill it.
pub(crate) struct Worker {
    pub(crate) share: Share,
    pub(crate) coverage: Coverage,
    pub(crate) fields: Vec<Field>,
    pub(crate) keys: [KeyBuffer; 2],
    pub(crate) recent: Recent,
    pub(crate) scratch: Scratch,
    pub(crate) sought: crate::naming::Sought,
    pub(crate) waiting: Waiting,
    /// The fields of a row that its indexes ask for.
    pub(crate) pieces: Vec<Piece>,
}

/// The record that was compared last, or is compared now.
#[derive(Debug, Default)]
pub(crate) struct KeyBuffer {
    pub(crate) shape: KeyShape,
    /// The record, if it does not lie on the page alone.
    pub(crate) owned: Vec<u8>,
}

/// Memory for payloads that continue on overflow pages.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) payload: Vec<u8>,
    page: Vec<u8>,
}

impl Worker {
    pub(crate) fn new(plan: &Plan, bound: usize) -> Worker {
        Worker {
            share: Share::new(plan, bound),
            coverage: Coverage::default(),
            fields: Vec::new(),
            keys: [KeyBuffer::default(), KeyBuffer::default()],
            recent: Recent::default(),
            scratch: Scratch::default(),
            sought: crate::naming::Sought::default(),
            waiting: Waiting::default(),
            pieces: Vec::new(),
        }
    }

    /// Takes the entries that still wait for their hash; the share is complete only then.
    pub(crate) fn settle(&mut self, common: &Common<'_>) {
        let Worker { waiting, share, sought, .. } = self;
        waiting.settle(common.hash, &mut |whose, hash| common.take(share, sought, whose, hash));
    }

    /// A fault of a page's structure.
    pub(crate) fn page_fault(&mut self, common: &Common<'_>, tree: TreeId, page: u32, fault: PageFault) {
        let finding = describe_page_fault(fault).on_page(page).in_tree(common.plan.name(tree));
        self.share.findings.push(finding);
    }

    /// Notes the overflow chain of a cell that has one.
    pub(crate) fn chain(&mut self, geometry: &Geometry, tree: TreeId, page: u32, cell: &Cell<'_>) {
        let pages = geometry.overflow_pages(cell.payload, cell.local.len() as u32) as u32;
        self.share.chains.push(Chain { first: cell.overflow, pages, from: page });
        self.share.tallies[tree as usize].overflow_pages += u64::from(pages);
    }
}

/// Puts the first `wanted` bytes of a cell's payload into `out`, following its overflow chain.
pub(crate) fn gather(
    source: &Source,
    cell: &Cell<'_>,
    wanted: u64,
    out: &mut Vec<u8>,
    page: &mut Vec<u8>,
) -> Result<(), GatherFault> {
    out.clear();
    let most = u64::from(source.pages) * u64::from(source.geometry.usable);
    if wanted > most {
        return Err(GatherFault::Chain("longer than the database"));
    }
    out.extend_from_slice(cell.local);
    let mut next = cell.overflow;
    while (out.len() as u64) < wanted {
        page.resize(source.geometry.page_size as usize, 0);
        if next == 0 || next > source.pages {
            return Err(GatherFault::Chain("it leads to a page that does not exist"));
        }
        source.page(next, page).map_err(GatherFault::Read)?;
        next = crate::header::be32(page, 0);
        let span = (cell.payload - out.len() as u64).min(u64::from(source.geometry.overflow_content())) as usize;
        out.extend_from_slice(&page[4..4 + span]);
    }
    Ok(())
}

impl Scratch {
    /// As [`gather`], into this scratch.
    pub(crate) fn gather(&mut self, source: &Source, cell: &Cell<'_>, wanted: u64) -> Result<(), GatherFault> {
        gather(source, cell, wanted, &mut self.payload, &mut self.page)
    }

    /// As [`gather`], into a key's own buffer.
    pub(crate) fn gather_key(
        &mut self,
        source: &Source,
        cell: &Cell<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), GatherFault> {
        gather(source, cell, cell.payload, out, &mut self.page)
    }
}

/// Why a payload could not be put together.
#[derive(Debug)]
pub(crate) enum GatherFault {
    Chain(&'static str),
    Read(ReadFault),
}

/// Reads a record's header; takes the whole record if the header itself overflows.
pub(crate) fn parse_record(
    source: &Source,
    cell: &Cell<'_>,
    scratch: &mut Scratch,
    fields: &mut Vec<Field>,
) -> Result<Result<(), RecordFault>, GatherFault> {
    let header = record::header_length(cell.local).unwrap_or(0);
    if header <= cell.local.len() as u64 || header > cell.payload || header > 98_307 {
        return Ok(record::parse(cell.local, cell.payload, fields));
    }
    scratch.gather(source, cell, header)?;
    Ok(record::parse(&scratch.payload, cell.payload, fields))
}

pub(crate) fn describe_record_fault(fault: RecordFault) -> Finding {
    match fault {
        RecordFault::HeaderLength(length) => {
            Finding::new(Code::RecordHeader, "a header within the record", format!("a header of {length} bytes"))
        }
        RecordFault::HeaderEnd => {
            Finding::new(Code::RecordHeader, "types that end with the header", "the last type runs past it")
        }
        RecordFault::Length { fields: u64::MAX, payload } => {
            Finding::new(Code::RecordLength, format!("{payload} bytes"), "a field of more than 2 GiB")
        }
        RecordFault::Length { fields, payload } => Finding::new(
            Code::RecordLength,
            format!("{payload} bytes"),
            format!("header and fields add up to {fields}"),
        ),
        RecordFault::Reserved(serial) => {
            Finding::new(Code::ReservedType, "a serial type that exists", format!("serial type {serial}"))
        }
    }
}

fn describe_page_fault(fault: PageFault) -> Finding {
    match fault {
        PageFault::Flag(flag) => Finding::new(Code::PageType, "a b-tree page", format!("page type {flag}")),
        PageFault::CellCount(cells) => Finding::new(Code::CellCount, "as many cells as fit", format!("{cells} cells")),
        PageFault::ContentStart { start, least } => Finding::new(
            Code::ContentStart,
            format!("cell content from byte {least} on, within the page"),
            format!("from byte {start} on"),
        ),
        PageFault::Freeblock(at) => {
            Finding::new(Code::Freeblock, "an ascending chain of free blocks", format!("a broken link at byte {at}"))
        }
        PageFault::CellOffset { cell, offset } => {
            Finding::new(Code::CellOffset, "cells inside the content area", format!("cell {cell} at byte {offset}"))
        }
        PageFault::CellExtent { cell } => {
            Finding::new(Code::CellExtent, "cells that end on their page", format!("cell {cell} runs past it"))
        }
        PageFault::Overlap { offset } => {
            Finding::new(Code::CellOverlap, "every byte used once", format!("byte {offset} used twice"))
        }
        PageFault::Fragments { stated, counted } => Finding::new(
            Code::Fragments,
            format!("{counted} fragmented bytes, as counted"),
            format!("{stated} in the page header"),
        ),
    }
}
