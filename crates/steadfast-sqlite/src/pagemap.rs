//! What every page is used for: eleven bytes a page, filled by the interior pass, the freelist and the forward pass.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::header::{Header, is_pointer_map, lock_byte_page};
use crate::schema::TreeId;

/// What a page was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Use {
    /// Nobody has claimed it: an overflow page, or one that is lost.
    Unclaimed = 0,
    Interior = 1,
    Leaf = 2,
    /// A leaf that is the root of its tree.
    RootLeaf = 3,
    Overflow = 4,
    Trunk = 5,
    FreeLeaf = 6,
    PointerMap = 7,
    LockByte = 8,
    /// Claimed by a tree, and not a page that can be judged: that has been told.
    Broken = 9,
}

#[derive(Debug)]
pub(crate) struct PageMap {
    used: Vec<Use>,
    /// Interior: its number in the list of interior pages. Leaf: the number of its parent. Root leaf: the tree.
    /// Overflow: the page that points to it.
    owner: Vec<u32>,
    /// Leaf: which child of its parent. Overflow: 0 for the first of a chain.
    slot: Vec<u16>,
    /// Of unclaimed pages: the first four bytes, which of an overflow page are the next one.
    next: Vec<AtomicU32>,
}

/// Why a page cannot be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    OutOfRange,
    Taken(Use),
}

impl PageMap {
    pub(crate) fn new(pages: u32, header: &Header) -> PageMap {
        let count = pages as usize + 1;
        let mut next = Vec::with_capacity(count);
        next.resize_with(count, || AtomicU32::new(0));
        let mut map = PageMap { used: vec![Use::Unclaimed; count], owner: vec![0; count], slot: vec![0; count], next };
        let lock = lock_byte_page(header.page_size);
        if lock <= pages {
            map.used[lock as usize] = Use::LockByte;
        }
        if header.auto_vacuum() {
            let step = header.usable() / 5 + 1;
            let mut page = 2u32;
            while page <= pages {
                let at = if is_pointer_map(page, header.page_size, header.usable()) { page } else { page + 1 };
                if at <= pages {
                    map.used[at as usize] = Use::PointerMap;
                }
                match page.checked_add(step) {
                    Some(after) => page = after,
                    None => break,
                }
            }
        }
        map
    }

    pub(crate) fn pages(&self) -> u32 {
        self.used.len() as u32 - 1
    }

    pub(crate) fn used(&self, page: u32) -> Use {
        self.used.get(page as usize).copied().unwrap_or(Use::LockByte)
    }

    pub(crate) fn owner(&self, page: u32) -> u32 {
        self.owner[page as usize]
    }

    pub(crate) fn slot(&self, page: u32) -> u16 {
        self.slot[page as usize]
    }

    pub(crate) fn root_leaf_tree(&self, page: u32) -> TreeId {
        self.owner[page as usize]
    }

    /// Claims a page for a use; whoever comes second is refused.
    pub(crate) fn claim(&mut self, page: u32, used: Use, owner: u32, slot: u16) -> Result<(), Refusal> {
        if page == 0 || page > self.pages() {
            return Err(Refusal::OutOfRange);
        }
        let at = page as usize;
        if self.used[at] != Use::Unclaimed {
            return Err(Refusal::Taken(self.used[at]));
        }
        self.used[at] = used;
        self.owner[at] = owner;
        self.slot[at] = slot;
        Ok(())
    }

    /// Says more about a page that is claimed already.
    pub(crate) fn settle(&mut self, page: u32, used: Use, owner: u32, slot: u16) {
        let at = page as usize;
        self.used[at] = used;
        self.owner[at] = owner;
        self.slot[at] = slot;
    }

    pub(crate) fn set_next(&self, page: u32, next: u32) {
        self.next[page as usize].store(next, Ordering::Relaxed);
    }

    pub(crate) fn next(&self, page: u32) -> u32 {
        self.next[page as usize].load(Ordering::Relaxed)
    }

    /// The `next` numbers, for a run that is to be resumed.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        for next in &self.next {
            out.extend_from_slice(&next.load(Ordering::Relaxed).to_le_bytes());
        }
    }

    pub(crate) fn load(&self, bytes: &[u8]) -> bool {
        let (words, rest) = bytes.as_chunks::<4>();
        if words.len() != self.next.len() || !rest.is_empty() {
            return false;
        }
        for (next, word) in self.next.iter().zip(words) {
            next.store(u32::from_le_bytes(*word), Ordering::Relaxed);
        }
        true
    }
}
