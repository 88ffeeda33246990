//! The interior pages of all trees, kept because leaves are held to their separators. Beyond a budget of memory they go
//! to a scratch file outside of the database's folder, which has no name from its first moment on.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::schema::TreeId;

/// A separator: cell `cell` of interior page number `interior`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Separator {
    pub(crate) interior: u32,
    pub(crate) cell: u16,
}

/// One interior page, and the separators above it that bound it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interior {
    pub(crate) page: u32,
    pub(crate) tree: TreeId,
    pub(crate) parent: Option<u32>,
    pub(crate) cells: u16,
    pub(crate) low: Option<Separator>,
    pub(crate) high: Option<Separator>,
}

#[derive(Debug)]
pub(crate) struct InteriorPages {
    list: Vec<Interior>,
    memory: Vec<Box<[u8]>>,
    scratch: Option<File>,
    page_size: usize,
    budget: usize,
}

/// A worker's own copies of pages that lie in the scratch file.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    pages: [(u32, Vec<u8>); 4],
    turn: usize,
}

impl InteriorPages {
    pub(crate) fn new(page_size: u32, budget: usize) -> InteriorPages {
        InteriorPages {
            list: Vec::new(),
            memory: Vec::new(),
            scratch: None,
            page_size: page_size as usize,
            budget: budget / page_size as usize,
        }
    }

    pub(crate) fn get(&self, number: u32) -> &Interior {
        &self.list[number as usize]
    }

    pub(crate) fn push(&mut self, interior: Interior, data: &[u8], folder: &Path) -> std::io::Result<u32> {
        let number = self.list.len() as u32;
        if self.memory.len() < self.budget {
            self.memory.push(data.into());
        } else {
            let scratch = match &mut self.scratch {
                Some(scratch) => scratch,
                None => self.scratch.insert(unnamed(folder)?),
            };
            scratch.write_all(data)?;
        }
        self.list.push(interior);
        Ok(number)
    }

    /// The page's bytes, from memory or through the worker's recent pages.
    pub(crate) fn data<'a>(&'a self, number: u32, recent: &'a mut Recent) -> std::io::Result<&'a [u8]> {
        if let Some(page) = self.memory.get(number as usize) {
            return Ok(page);
        }
        if let Some(at) = recent.pages.iter().position(|(held, data)| *held == number && !data.is_empty()) {
            return Ok(&recent.pages[at].1);
        }
        let Some(scratch) = &self.scratch else {
            return Err(std::io::Error::other("an interior page was not kept"));
        };
        recent.turn = (recent.turn + 1) % recent.pages.len();
        let (held, data) = &mut recent.pages[recent.turn];
        data.resize(self.page_size, 0);
        let offset = (number as usize - self.memory.len()) as u64 * self.page_size as u64;
        scratch.read_exact_at(data, offset)?;
        *held = number;
        Ok(data)
    }

    /// The separators on both sides of a child.
    pub(crate) fn bounds(&self, parent: u32, slot: u16) -> (Option<Separator>, Option<Separator>) {
        let above = self.get(parent);
        let low = match slot.checked_sub(1) {
            Some(cell) => Some(Separator { interior: parent, cell }),
            None => above.low,
        };
        let high = if slot < above.cells { Some(Separator { interior: parent, cell: slot }) } else { above.high };
        (low, high)
    }
}

/// A file without a name in `folder`.
fn unnamed(folder: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)?))
}
