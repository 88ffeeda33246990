//! Any bytes as a page: the parser beside a slow one, which follows the file format document word by word and shares no
//! code with it. The fuzz target `page` runs this, and so do the tests, on what the target has found worth keeping.

use crate::page::{Coverage, Geometry, Page, PageKind};
use crate::record::{self, Field};

/// Takes bytes as a page: the first says how large pages are, the second how many of their bytes are reserved, the third
/// whether it is page 1. Half of the rest is the page's beginning, the other half the end of its usable bytes.
///
/// # Panics
/// The parser and the slow one disagree, or the parser panics.
pub fn judge(bytes: &[u8]) {
    let Some(([size, reserved, first], rest)) = bytes.split_first_chunk::<3>() else { return };
    let size = 512usize << (size % 8);
    let usable = size.saturating_sub(usize::from(*reserved)).max(480);
    let number = if first % 2 == 1 { 1 } else { 7 };
    let mut data = vec![0; size];
    let (head, tail) = rest.split_at(rest.len().div_ceil(2));
    let (head, tail) = (&head[..head.len().min(usable)], &tail[..tail.len().min(usable)]);
    data[..head.len()].copy_from_slice(head);
    data[usable - tail.len()..usable].copy_from_slice(tail);

    let seen = by_the_parser(&data, number, usable);
    let expected = by_the_document(&data, number, usable);
    assert_eq!(seen, expected, "a page of {size} bytes, {usable} of them usable, number {number}");
    for cell in seen.iter().flatten().filter(|cell| cell.overflow == 0) {
        let Some(start) = cell.record else { continue };
        record_is_read_as_written(&data[start..start + cell.local], cell.local as u64);
    }
}

/// A cell, as both see it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    at: usize,
    size: usize,
    child: u32,
    rowid: i64,
    payload: u64,
    /// Bytes of the payload on this page, and where they start, if it is a cell that has any.
    local: usize,
    record: Option<usize>,
    overflow: u32,
}

/// The cells, or `None` if the page is not one that SQLite would have written.
fn by_the_parser(data: &[u8], number: u32, usable: usize) -> Option<Vec<Seen>> {
    let geometry = Geometry::new(data.len() as u32, usable as u32);
    let page = Page::parse(data, number, &geometry).ok()?;
    let mut coverage = Coverage::default();
    coverage.start(&geometry);
    let mut bytes = 0;
    let mut cells = Vec::new();
    for index in 0..page.cells {
        let cell = page.cell(index, &geometry).ok()?;
        coverage.mark(cell.offset, cell.size).ok()?;
        bytes += cell.size;
        assert_eq!(page.child(index, &geometry), Some(cell.child));
        let has_payload = page.kind != PageKind::TableInterior;
        cells.push(Seen {
            at: cell.offset as usize,
            size: cell.size as usize,
            child: cell.child,
            rowid: cell.rowid,
            payload: cell.payload,
            local: cell.local.len(),
            record: has_payload.then(|| usable - cell.rest.len()),
            overflow: cell.overflow,
        });
    }
    page.cover(&mut coverage, &geometry, bytes).ok()?;
    assert_eq!(page.child(page.cells, &geometry), Some(page.right_child()));
    assert!(page.free_bytes() as usize <= data.len(), "{} bytes of {} are free", page.free_bytes(), data.len());
    Some(cells)
}

/// The same by sections 1.6 and 1.7 of the file format document, one byte at a time.
fn by_the_document(data: &[u8], number: u32, usable: usize) -> Option<Vec<Seen>> {
    let two = |at: usize| usize::from(data[at]) << 8 | usize::from(data[at + 1]);
    let four = |at: usize| (two(at) << 16 | two(at + 2)) as u32;
    let header = if number == 1 { 100 } else { 0 };
    let (is_table, is_leaf) = match data[header] {
        2 => (false, false),
        5 => (true, false),
        10 => (false, true),
        13 => (true, true),
        _ => return None,
    };
    let count = two(header + 3);
    let content = if two(header + 5) == 0 { 65536 } else { two(header + 5) };
    let pointers = header + if is_leaf { 8 } else { 12 };
    if count > (data.len() - 8) / 6 || content < pointers + 2 * count || content > usable {
        return None;
    }
    let mut uses = vec![0; usable];
    let mut cells = Vec::new();
    for index in 0..count {
        let start = two(pointers + 2 * index);
        if start < content || start + 4 > usable {
            return None;
        }
        let mut at = start;
        let mut cell = Seen { at: start, size: 0, child: 0, rowid: 0, payload: 0, local: 0, record: None, overflow: 0 };
        if !is_leaf {
            cell.child = four(at);
            at += 4;
        }
        if is_table && !is_leaf {
            cell.rowid = varint(&data[..usable], &mut at)? as i64;
        } else {
            cell.payload = varint(&data[..usable], &mut at)? % (1 << 32);
            if is_table {
                cell.rowid = varint(&data[..usable], &mut at)? as i64;
            }
            let most = if is_table { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
            let least = (usable - 12) * 32 / 255 - 23;
            let payload = cell.payload as usize;
            cell.local = if payload <= most {
                payload
            } else {
                let surplus = least + (payload - least) % (usable - 4);
                if surplus <= most { surplus } else { least }
            };
            cell.record = Some(at);
            at += cell.local;
            if cell.local < payload {
                if at + 4 > usable {
                    return None;
                }
                cell.overflow = four(at);
                at += 4;
            }
        }
        cell.size = (at - start).max(4);
        if start + cell.size > usable {
            return None;
        }
        uses[start..start + cell.size].iter_mut().for_each(|uses| *uses += 1);
        cells.push(cell);
    }
    let mut block = two(header + 1);
    if block != 0 && block < content {
        return None;
    }
    while block != 0 {
        if block + 4 > usable {
            return None;
        }
        let (next, length) = (two(block), two(block + 2));
        // The next one stands behind this one, and not so near that the bytes between would be fragments.
        if length < 4 || block + length > usable || (next != 0 && next < block + length + 4) {
            return None;
        }
        uses[block..block + length].iter_mut().for_each(|uses| *uses += 1);
        block = next;
    }
    let unused = uses[content..].iter().filter(|uses| **uses == 0).count();
    let fragments = usize::from(data[header + 7]);
    (uses.iter().all(|uses| *uses <= 1) && unused == fragments).then_some(cells)
}

/// Up to nine bytes, seven bits of each of the first eight.
fn varint(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for index in 0..9 {
        let byte = u64::from(*data.get(*at)?);
        *at += 1;
        if index == 8 {
            return Some(value << 8 | byte);
        }
        value = (value << 7) | (byte % 128);
        if byte < 128 {
            break;
        }
    }
    Some(value)
}

/// A record that is accepted has the types that its header names, and its fields fill it to the last byte.
fn record_is_read_as_written(record: &[u8], payload: u64) {
    let mut fields: Vec<Field> = Vec::new();
    if record::parse(record, payload, &mut fields).is_err() {
        return;
    }
    let mut at = 0;
    let header = varint(record, &mut at).unwrap_or(0) as usize;
    let mut content = header;
    for field in &fields {
        let serial = varint(record, &mut at);
        assert_eq!(Some(u64::from(field.serial)), serial);
        let length = match field.serial {
            0 | 8 | 9 => 0,
            1..=4 => field.serial,
            5 => 6,
            6 | 7 => 8,
            serial => (serial - 12) / 2,
        };
        assert_eq!((field.start as usize, field.len), (content, length), "of {fields:?}");
        content += length as usize;
        let value = field.value(record);
        assert!(value.is_some_and(|value| !value.describe().is_empty()), "{field:?} of a record that is all there");
    }
    assert_eq!((at, content), (header, record.len()), "{fields:?}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    /// What the fuzz target has found worth keeping: among it pages that are accepted, which random bytes hardly ever are.
    #[test]
    fn the_parser_agrees_with_the_document_on_the_corpus_of_the_fuzz_target() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/page");
        let mut inputs = 0;
        for file in std::fs::read_dir(corpus).unwrap() {
            judge(&std::fs::read(file.unwrap().path()).unwrap());
            inputs += 1;
        }
        assert!(inputs > 50, "{inputs} inputs");
    }

    /// A page of 512 bytes: a leaf of rows with one row that ends it.
    fn one_row() -> Vec<u8> {
        let mut page = vec![0; 512];
        page[0] = 13;
        page[3..5].copy_from_slice(&1u16.to_be_bytes());
        page[5..7].copy_from_slice(&507u16.to_be_bytes());
        page[8..10].copy_from_slice(&507u16.to_be_bytes());
        page[507..].copy_from_slice(&[3, 1, 2, 1, 9]);
        [&[0, 0, 0][..], &page].concat()
    }

    #[test]
    fn both_accept_a_sound_page() {
        judge(&one_row());
        let data = &one_row()[3..];
        let cells = by_the_parser(data, 7, 512).unwrap();
        assert_eq!(cells, by_the_document(data, 7, 512).unwrap());
        assert_eq!(cells.iter().map(|cell| (cell.at, cell.size, cell.rowid)).collect::<Vec<_>>(), [(507, 5, 1)]);
    }

    proptest! {
        #[test]
        fn the_parser_agrees_with_the_document_on_any_bytes(
            how in any::<[u8; 3]>(), kind in 0usize..4, bytes in proptest::collection::vec(any::<u8>(), 8..600)
        ) {
            let mut input = how.to_vec();
            input.extend(bytes);
            let start = if how[2] % 2 == 1 { 103 } else { 3 };
            if let Some(flag) = input.get_mut(start) {
                *flag = [2, 5, 10, 13][kind];
            }
            judge(&input);
        }

        #[test]
        fn the_parser_agrees_with_the_document_on_a_sound_page_with_changed_bytes(
            changes in proptest::collection::vec((prop_oneof![0usize..16, 496usize..512], any::<u8>()), 1..4)
        ) {
            let mut page = one_row();
            for (at, byte) in changes {
                page[3 + at] = byte;
            }
            judge(&page);
        }
    }
}
