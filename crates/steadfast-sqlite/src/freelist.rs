//! The freelist: trunk pages that list leaf pages, and how many pages the header says there are.

use crate::finding::{Code, Finding, Findings};
use crate::header::{Header, be32};
use crate::interior::second_reference;
use crate::leaf::Stop;
use crate::pagemap::{PageMap, Refusal, Use};
use crate::planted::Planted;
use crate::source::Source;

/// Walks the freelist and claims its pages.
pub(crate) fn walk(
    source: &Source,
    header: &Header,
    map: &mut PageMap,
    findings: &mut Findings,
    planted: Planted,
) -> Result<(), Stop> {
    let usable = source.geometry.usable;
    let mut data = vec![0; source.geometry.page_size as usize];
    let mut counted = 0u64;
    let mut trunk = header.freelist_head;
    let mut is_whole = true;
    while trunk != 0 {
        if let Err(refusal) = map.claim(trunk, Use::Trunk, 0, 0) {
            findings.push(refused(trunk, refusal, map.pages()));
            is_whole = false;
            break;
        }
        counted += 1;
        source.page(trunk, &mut data)?;
        let leaves = be32(&data, 4);
        if leaves > usable / 4 - 2 {
            let most = usable / 4 - 2;
            let finding =
                Finding::new(Code::FreelistPage, format!("at most {most} pages on a trunk"), leaves.to_string());
            findings.push(finding.on_page(trunk));
            is_whole = false;
        } else {
            for leaf in 0..leaves {
                let page = be32(&data, 8 + 4 * leaf as usize);
                counted += 1;
                if let Err(refusal) = map.claim(page, Use::FreeLeaf, 0, 0) {
                    findings.push(refused(page, refusal, map.pages()).on_page(trunk));
                    is_whole = false;
                }
            }
        }
        trunk = be32(&data, 0);
    }
    if is_whole && counted != u64::from(header.freelist_count) && !planted.freelist_off() {
        findings.push(Finding::new(
            Code::FreelistLength,
            format!("{} pages, as the header says", header.freelist_count),
            format!("{counted} pages"),
        ));
    }
    Ok(())
}

fn refused(page: u32, refusal: Refusal, pages: u32) -> Finding {
    match refusal {
        Refusal::OutOfRange => {
            Finding::new(Code::FreelistPage, format!("pages from 1 to {pages}"), format!("page {page} on the freelist"))
        }
        Refusal::Taken(other) => Finding { code: Code::FreelistPage, ..second_reference(page, other) },
    }
}
