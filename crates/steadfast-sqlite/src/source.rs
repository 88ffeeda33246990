//! Where pages come from: `pread` on the database file, with the pinned WAL frames laid over it.

use std::collections::HashMap;
use std::fs::File;
use std::io::IoSliceMut;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::Advice;
use rustix::io::ReadWriteFlags;

use crate::error::ProveError;
use crate::page::Geometry;
use crate::progress::{Bell, Halt};

/// A view of a database that does not move: the file and, per page, the frame of the WAL that replaces it.
#[derive(Debug)]
pub(crate) struct Source {
    file: Arc<File>,
    /// Bytes of the file when the view was taken.
    file_length: u64,
    /// Page number to offset of its content in the WAL.
    overlay: HashMap<u32, u64>,
    wal: Option<Arc<File>>,
    pub(crate) geometry: Geometry,
    /// Pages of the database in this view.
    pub(crate) pages: u32,
    pub(crate) meter: Meter,
    may_ask_cache: AtomicBool,
    pace: Option<Pace>,
}

/// How fast may be read, and what ends the reading.
#[derive(Debug)]
struct Pace {
    bytes_per_second: Option<u64>,
    since: Instant,
    /// Bytes read of all files that share the rate.
    total: Arc<AtomicU64>,
    bell: Bell,
    /// The forward pass asks the bell itself, between chunks: what it has taken it judges to the end.
    is_in_pass: AtomicBool,
}

/// How much was read, and from where.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// All bytes read.
    pub(crate) read: AtomicU64,
    /// Bytes read beyond the one pass over the file.
    pub(crate) again: AtomicU64,
    /// Bytes that were in the page cache already.
    pub(crate) cached: AtomicU64,
    /// Whether there was something that SQLite asked for and did not get.
    pub(crate) is_refused: AtomicBool,
}

/// A page could not be read.
#[derive(Debug)]
pub(crate) enum ReadFault {
    /// The file has become shorter than it was.
    Shrunk,
    /// The operating system's error.
    Io(u64, std::io::Error),
    /// Another file than the database stands in the way: a manifest, or the database to compare with.
    Elsewhere(Box<ProveError>),
    /// The run has to end.
    Halted(Halt),
}

impl Source {
    pub(crate) fn new(file: Arc<File>, file_length: u64, geometry: Geometry, pages: u32) -> Source {
        // Chunks are large; the kernel's own readahead would only blur what was cached before us.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Random);
        Source {
            file,
            file_length,
            overlay: HashMap::new(),
            wal: None,
            geometry,
            pages,
            meter: Meter::default(),
            may_ask_cache: AtomicBool::new(true),
            pace: None,
        }
    }

    /// From now on reads no faster than this, and not at all once the bell rings.
    pub(crate) fn keep_pace(&mut self, bytes_per_second: Option<u64>, bell: Bell) {
        let is_in_pass = AtomicBool::new(false);
        self.pace = Some(Pace { bytes_per_second, since: Instant::now(), total: Arc::default(), bell, is_in_pass });
    }

    /// From now on what is read here counts for the rate of another file that is read in the same pass.
    pub(crate) fn share_pace(&mut self, other: &Source) {
        self.pace = other.pace.as_ref().map(|pace| Pace {
            bytes_per_second: pace.bytes_per_second,
            since: pace.since,
            total: Arc::clone(&pace.total),
            bell: pace.bell.clone(),
            is_in_pass: AtomicBool::new(true),
        });
    }

    /// Whether the forward pass runs, which asks the bell itself.
    pub(crate) fn set_in_pass(&self, is_in_pass: bool) {
        self.pace.iter().for_each(|pace| pace.is_in_pass.store(is_in_pass, Ordering::Relaxed));
    }

    /// Waits as long as the rate demands, in short steps so that a halt is not delayed.
    pub(crate) fn keep_to_rate(&self) {
        let Some(Pace { bytes_per_second: Some(rate), since, total, bell, .. }) = &self.pace else { return };
        let due = Duration::from_secs_f64(total.load(Ordering::Relaxed) as f64 / (*rate).max(1) as f64);
        while let Some(left) = due.checked_sub(since.elapsed())
            && !left.is_zero()
            && bell.rings().is_none()
        {
            std::thread::park_timeout(left.min(Duration::from_millis(50)));
        }
    }

    pub(crate) fn with_overlay(mut self, wal: Arc<File>, overlay: HashMap<u32, u64>) -> Source {
        self.wal = Some(wal);
        self.overlay = overlay;
        self
    }

    /// The first page that the file does not hold in full, if there is one.
    pub(crate) fn first_cut_page(&self) -> Option<u32> {
        let size = u64::from(self.geometry.page_size);
        let whole = self.file_length / size;
        (u64::from(self.pages) > whole).then(|| whole as u32 + 1).filter(|page| !self.overlay.contains_key(page))
    }

    /// Reads one page outside of the sequential pass.
    pub(crate) fn page(&self, number: u32, out: &mut [u8]) -> Result<(), ReadFault> {
        self.meter.again.fetch_add(out.len() as u64, Ordering::Relaxed);
        self.one(number, out)?;
        self.keep_to_rate();
        let halt = self.pace.as_ref().filter(|pace| !pace.is_in_pass.load(Ordering::Relaxed));
        match halt.and_then(|pace| pace.bell.rings()) {
            Some(halt) => Err(ReadFault::Halted(halt)),
            None => Ok(()),
        }
    }

    /// Reads `out.len() / page_size` pages from `first`, and leaves the page cache as it was.
    pub(crate) fn run(&self, first: u32, out: &mut [u8]) -> Result<(), ReadFault> {
        let asked = self.ask(first, out);
        self.receive(&asked, out)
    }

    /// Takes what the page cache has of `out.len() / page_size` pages from `first`, without waiting.
    pub(crate) fn ask(&self, first: u32, out: &mut [u8]) -> Asked {
        let offset = self.offset(first);
        let mut cached = 0;
        if self.may_ask_cache.load(Ordering::Relaxed) && offset < self.file_length {
            match rustix::io::preadv2(&self.file, &mut [IoSliceMut::new(out)], offset, ReadWriteFlags::NOWAIT) {
                Ok(read) => cached = read,
                Err(rustix::io::Errno::AGAIN) => {}
                Err(_) => self.may_ask_cache.store(false, Ordering::Relaxed),
            }
        }
        self.meter.cached.fetch_add(cached as u64, Ordering::Relaxed);
        self.has_read(cached);
        Asked { first, cached, wanted: out.len() }
    }

    /// Lets the kernel fetch what it has not got yet, while something else is done.
    pub(crate) fn fetch(&self, asked: &Asked) {
        self.fetch_bytes(self.offset(asked.first) + asked.cached as u64, asked.wanted - asked.cached);
    }

    /// As `fetch`, for one page outside of the sequential pass.
    pub(crate) fn fetch_page(&self, number: u32) {
        if number > 0 && !self.overlay.contains_key(&number) {
            self.fetch_bytes(self.offset(number), self.geometry.page_size as usize);
        }
    }

    /// Reads the rest of what was asked for, and drops from the page cache what was not in it before.
    pub(crate) fn receive(&self, asked: &Asked, out: &mut [u8]) -> Result<(), ReadFault> {
        if !asked.is_there() {
            let at = self.offset(asked.first) + asked.cached as u64;
            self.fill(at, &mut out[asked.cached..])?;
            if self.may_ask_cache.load(Ordering::Relaxed) {
                let from = at.next_multiple_of(4096);
                let length = (at + (asked.wanted - asked.cached) as u64).saturating_sub(from);
                if let Some(length) = NonZeroU64::new(length) {
                    let _ = rustix::fs::fadvise(&self.file, from, Some(length), Advice::DontNeed);
                }
            }
        }
        if !self.overlay.is_empty() {
            let size = self.geometry.page_size as usize;
            for (number, page) in (asked.first..).zip(out.chunks_exact_mut(size)) {
                self.lay_over(number, page)?;
            }
        }
        Ok(())
    }

    /// Reads bytes of the view at any offset; what lies behind its end stays zero. Returns how many there are.
    pub(crate) fn bytes(&self, offset: u64, out: &mut [u8]) -> Result<usize, ReadFault> {
        let size = u64::from(self.geometry.page_size);
        let end = u64::from(self.pages) * size;
        out.fill(0);
        let there = (end.saturating_sub(offset)).min(out.len() as u64) as usize;
        let mut page = vec![0; size as usize];
        let mut done = 0;
        while done < there {
            let at = offset + done as u64;
            let (number, inside) = ((at / size) as u32 + 1, (at % size) as usize);
            let span = (size as usize - inside).min(there - done);
            if inside == 0 && span == size as usize {
                self.page(number, &mut out[done..done + span])?;
            } else {
                self.page(number, &mut page)?;
                out[done..done + span].copy_from_slice(&page[inside..inside + span]);
            }
            done += span;
        }
        Ok(there)
    }

    fn one(&self, number: u32, out: &mut [u8]) -> Result<(), ReadFault> {
        if self.lay_over(number, out)? {
            return Ok(());
        }
        self.fill(self.offset(number), out)
    }

    fn lay_over(&self, number: u32, out: &mut [u8]) -> Result<bool, ReadFault> {
        let (Some(wal), Some(offset)) = (&self.wal, self.overlay.get(&number)) else { return Ok(false) };
        wal.read_exact_at(out, *offset).map_err(|why| match why.kind() {
            std::io::ErrorKind::UnexpectedEof => ReadFault::Shrunk,
            _ => ReadFault::Io(*offset, why),
        })?;
        self.has_read(out.len());
        Ok(true)
    }

    /// Reads at `offset`; bytes behind the end of a file that was cut before we came are zero.
    fn fill(&self, offset: u64, out: &mut [u8]) -> Result<(), ReadFault> {
        let wanted = out.len().min(self.file_length.saturating_sub(offset) as usize);
        let (there, behind) = out.split_at_mut(wanted);
        behind.fill(0);
        self.file.read_exact_at(there, offset).map_err(|why| match why.kind() {
            std::io::ErrorKind::UnexpectedEof => ReadFault::Shrunk,
            _ => ReadFault::Io(offset, why),
        })?;
        self.has_read(wanted);
        Ok(())
    }

    fn has_read(&self, bytes: usize) {
        self.meter.read.fetch_add(bytes as u64, Ordering::Relaxed);
        self.pace.iter().for_each(|pace| _ = pace.total.fetch_add(bytes as u64, Ordering::Relaxed));
    }

    fn fetch_bytes(&self, offset: u64, length: usize) {
        if let Some(length) = NonZeroU64::new(length as u64) {
            let _ = rustix::fs::fadvise(&self.file, offset, Some(length), Advice::WillNeed);
        }
    }

    fn offset(&self, page: u32) -> u64 {
        u64::from(page - 1) * u64::from(self.geometry.page_size)
    }
}

/// Pages that were asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    first: u32,
    /// Bytes that the page cache had.
    cached: usize,
    wanted: usize,
}

impl Asked {
    /// Whether the page cache had all of it.
    pub(crate) fn is_there(&self) -> bool {
        self.cached >= self.wanted
    }
}
