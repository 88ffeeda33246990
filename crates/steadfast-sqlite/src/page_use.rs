//! After the forward pass, in memory: overflow chains, pointer maps, and that every page is used exactly once.

use crate::finding::{Code, Finding, Findings};
use crate::header::{Header, be32, pointer_map_of};
use crate::interior::second_reference;
use crate::interior_pages::InteriorPages;
use crate::leaf::Stop;
use crate::pagemap::{PageMap, Refusal, Use};
use crate::planted::Planted;
use crate::source::Source;
use crate::worker::Chain;

/// Walks every overflow chain. If not all pages were read (one table only), the missing links are read now.
pub(crate) fn chains(
    source: &Source,
    map: &mut PageMap,
    chains: &[Chain],
    all_read: bool,
    findings: &mut Findings,
) -> Result<(), Stop> {
    let mut data = vec![0; if all_read { 0 } else { source.geometry.page_size as usize }];
    for chain in chains {
        let mut page = chain.first;
        let mut from = chain.from;
        for done in 0..chain.pages {
            if page == 0 {
                findings.push(length_fault(chain, done));
                break;
            }
            let slot = u16::from(done > 0);
            if let Err(refusal) = map.claim(page, Use::Overflow, from, slot) {
                findings.push(
                    match refusal {
                        Refusal::OutOfRange => Finding::new(
                            Code::OverflowPage,
                            format!("pages from 1 to {}", map.pages()),
                            format!("page {page} in an overflow chain"),
                        ),
                        Refusal::Taken(other) => second_reference(page, other),
                    }
                    .on_page(chain.from),
                );
                break;
            }
            if !all_read {
                source.page(page, &mut data)?;
                map.set_next(page, be32(&data, 0));
            }
            from = page;
            page = map.next(page);
            if done + 1 == chain.pages && page != 0 {
                let seen = format!("page {from} points on to page {page}");
                let expected = format!("a chain of {} pages", chain.pages);
                findings.push(Finding::new(Code::OverflowLength, expected, seen).on_page(chain.from));
            }
        }
    }
    Ok(())
}

fn length_fault(chain: &Chain, done: u32) -> Finding {
    Finding::new(
        Code::OverflowLength,
        format!("a chain of {} pages from page {}", chain.pages, chain.first),
        format!("it ends after {done}"),
    )
    .on_page(chain.from)
}

/// Holds the pointer map to what was found.
pub(crate) fn pointer_maps(
    source: &Source,
    map: &PageMap,
    interiors: &InteriorPages,
    findings: &mut Findings,
) -> Result<(), Stop> {
    let (page_size, usable) = (source.geometry.page_size, source.geometry.usable);
    let mut data = vec![0; page_size as usize];
    let mut held = 0;
    for page in 3..=map.pages() {
        let used = map.used(page);
        let parent_of_leaf = || interiors.get(map.owner(page)).page;
        let expected = match used {
            Use::Unclaimed | Use::PointerMap | Use::LockByte | Use::Broken => continue,
            Use::RootLeaf => (1, 0),
            Use::Interior => match interiors.get(map.owner(page)).parent {
                None => (1, 0),
                Some(parent) => (5, interiors.get(parent).page),
            },
            Use::Leaf => (5, parent_of_leaf()),
            Use::Overflow => (if map.slot(page) == 0 { 3 } else { 4 }, map.owner(page)),
            Use::Trunk | Use::FreeLeaf => (2, 0),
        };
        let at = pointer_map_of(page, page_size, usable);
        if at > map.pages() {
            break;
        }
        if held != at {
            source.page(at, &mut data)?;
            held = at;
        }
        let entry = 5 * (page - at - 1) as usize;
        let seen = (data.get(entry).copied().unwrap_or(0), be32(&data, entry + 1));
        if seen != expected {
            findings.push(
                Finding::new(Code::PointerMap, format!("page {page}: {}", pointer(expected)), pointer(seen))
                    .on_page(at),
            );
        }
    }
    Ok(())
}

fn pointer((kind, parent): (u8, u32)) -> String {
    match kind {
        1 => "a root page".to_owned(),
        2 => "a free page".to_owned(),
        3 => format!("the first overflow page of a cell on page {parent}"),
        4 => format!("an overflow page behind page {parent}"),
        5 => format!("a child of page {parent}"),
        other => format!("type {other}, parent {parent}"),
    }
}

/// The header's fields on auto-vacuum against the trees.
pub(crate) fn auto_vacuum(header: &Header, largest_root: u32, findings: &mut Findings) {
    if header.auto_vacuum() {
        if header.largest_root != largest_root {
            findings.push(Finding::new(
                Code::AutoVacuum,
                format!("largest root page {largest_root}"),
                format!("{} in the header", header.largest_root),
            ));
        }
    } else if header.incremental_vacuum != 0 {
        findings.push(Finding::new(
            Code::AutoVacuum,
            "no incremental vacuum without a largest root page",
            format!("{} in the header", header.incremental_vacuum),
        ));
    }
}

/// Pages that nothing uses, told as ranges.
pub(crate) fn never_used(map: &PageMap, findings: &mut Findings, planted: Planted) {
    if planted.page_use_off() {
        return;
    }
    let mut page = 1;
    while page <= map.pages() {
        if map.used(page) != Use::Unclaimed {
            page += 1;
            continue;
        }
        let first = page;
        while page <= map.pages() && map.used(page) == Use::Unclaimed {
            page += 1;
        }
        let seen = if page - first == 1 {
            "nothing uses it".to_owned()
        } else {
            format!("nothing uses pages {first} to {}", page - 1)
        };
        findings.push(Finding::new(Code::NeverUsed, "every page in a tree or on the freelist", seen).on_page(first));
    }
}
