//! The forward pass: every page once, in file order, in large chunks, by N workers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::counterpart::Counterpart;
use crate::header::be32;
use crate::interior_pages::InteriorPages;
use crate::leaf::{Bounds, Stop};
use crate::manifest::Leaves;
use crate::pagemap::{PageMap, Use};
use crate::progress::{Bell, Halt};
use crate::source::Asked;
use crate::worker::{Common, Share, Worker};

/// Bytes a worker reads at once.
const CHUNK: usize = 1 << 18;

/// How the pass is run.
pub(crate) struct Forward<'a> {
    pub(crate) common: Common<'a>,
    pub(crate) map: &'a PageMap,
    pub(crate) interiors: &'a InteriorPages,
    pub(crate) workers: usize,
    pub(crate) bell: &'a Bell,
    pub(crate) manifest: Option<&'a Leaves>,
    pub(crate) reference: Option<&'a Counterpart>,
    pub(crate) max_findings: usize,
}

/// How far the pass came.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) share: Share,
    /// The first page that was not looked at; one past the last if all were.
    pub(crate) next_page: u32,
    pub(crate) halted: Option<Halt>,
}

impl Forward<'_> {
    /// Pages a worker takes at once.
    fn step(&self) -> u32 {
        (CHUNK / self.common.source.geometry.page_size as usize).max(1) as u32
    }

    /// Runs from page `first` to the end, to a halt or to an error. `tick` is called from this thread.
    pub(crate) fn run(&self, first: u32, tick: &mut dyn FnMut(u32)) -> Result<Passed, Stop> {
        let next = AtomicU32::new(first);
        let done = AtomicU64::new(u64::from(first) - 1);
        let halted = std::sync::Mutex::new(None);
        let state = Shared { next: &next, done: &done, halted: &halted };
        let mut shares = Vec::new();
        if self.workers <= 1 {
            shares.push(self.work(&state, &mut |_| tick(done.load(Ordering::Relaxed) as u32)));
        } else {
            let (finished, results) = mpsc::channel();
            std::thread::scope(|scope| {
                for _ in 0..self.workers {
                    let (finished, state) = (finished.clone(), &state);
                    scope.spawn(move || {
                        // The receiver lives until all workers have sent.
                        let _ = finished.send(self.work(state, &mut |_| ()));
                    });
                }
                while shares.len() < self.workers {
                    match results.recv_timeout(Duration::from_millis(100)) {
                        Ok(share) => shares.push(share),
                        Err(mpsc::RecvTimeoutError::Timeout) => {}
                        Err(mpsc::RecvTimeoutError::Disconnected) => break,
                    }
                    tick(done.load(Ordering::Relaxed) as u32);
                }
            });
        }
        let mut merged = Share::new(self.common.plan, self.max_findings);
        for share in shares {
            merged.merge(share?);
        }
        let next_page = next.load(Ordering::Relaxed).min(self.map.pages() + 1);
        let halted = halted.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Passed { share: merged, next_page, halted })
    }

    fn work(&self, state: &Shared<'_>, tick: &mut dyn FnMut(u32)) -> Result<Share, Stop> {
        let size = self.common.source.geometry.page_size as usize;
        let mut worker = Worker::new(self.common.plan, self.max_findings);
        let mut buffer = vec![0; self.step() as usize * size];
        let mut other = vec![0; buffer.len()];
        // Chunks that have to come from the disk are asked for one ahead: the disk works while the processor does. What
        // is in the page cache is better taken when its turn comes, while it is warm.
        let mut ahead: Option<Taken> = None;
        loop {
            if let Some(halt) = self.bell.rings() {
                state.halt(halt);
            }
            let is_halted = state.is_halted();
            // What was taken is judged in any case: the pass goes on behind it when it is resumed.
            let taken = match ahead.take() {
                Some(taken) => Some(taken),
                None if is_halted => None,
                None => self.take(state, &mut buffer),
            };
            let Some(taken) = taken else { break };
            let chunk = &mut buffer[..taken.pages as usize * size];
            let mut outcome = self.common.source.receive(&taken.asked, chunk);
            if outcome.is_ok() {
                if !is_halted && !taken.asked.is_there() {
                    ahead = self.take(state, &mut other);
                    ahead.iter().for_each(|next| self.common.source.fetch(&next.asked));
                }
                outcome = self.chunk(&mut worker, taken.first, chunk);
            }
            if let Err(stop) = outcome {
                // The others need not go on for a result that nobody will see.
                state.halt(Halt::Cancelled);
                return Err(stop);
            }
            std::mem::swap(&mut buffer, &mut other);
            let done = state.done.fetch_add(u64::from(taken.pages), Ordering::Relaxed) + u64::from(taken.pages);
            tick(done as u32);
            self.common.source.keep_to_rate();
        }
        worker.settle(&self.common);
        Ok(worker.share)
    }

    /// Takes the next pages that nobody has taken, and asks for them; `None` behind the last one.
    fn take(&self, state: &Shared<'_>, buffer: &mut [u8]) -> Option<Taken> {
        let first = state.next.fetch_add(self.step(), Ordering::Relaxed);
        let behind = self.map.pages() + 1;
        let pages = self.step().min(behind.checked_sub(first).filter(|left| *left > 0)?);
        let bytes = pages as usize * self.common.source.geometry.page_size as usize;
        Some(Taken { first, pages, asked: self.common.source.ask(first, &mut buffer[..bytes]) })
    }

    fn chunk(&self, worker: &mut Worker, first: u32, chunk: &[u8]) -> Result<(), Stop> {
        let size = self.common.source.geometry.page_size as usize;
        for (index, data) in chunk.chunks_exact(size).enumerate() {
            let page = first + index as u32;
            match self.map.used(page) {
                Use::Leaf => {
                    let (low, high) = self.interiors.bounds(self.map.owner(page), self.map.slot(page));
                    let tree = self.interiors.get(self.map.owner(page)).tree;
                    worker.leaf(&self.common, tree, page, data, &Bounds { interiors: self.interiors, low, high })?;
                }
                Use::RootLeaf => {
                    let bounds = Bounds { interiors: self.interiors, low: None, high: None };
                    worker.leaf(&self.common, self.map.root_leaf_tree(page), page, data, &bounds)?;
                }
                Use::Unclaimed => self.map.set_next(page, be32(data, 0)),
                Use::Interior
                | Use::Overflow
                | Use::Trunk
                | Use::FreeLeaf
                | Use::PointerMap
                | Use::LockByte
                | Use::Broken => {}
            }
        }
        if self.manifest.is_some() || self.reference.is_some() {
            self.digest(worker, first, chunk)?;
        }
        Ok(())
    }

    fn digest(&self, worker: &mut Worker, first: u32, chunk: &[u8]) -> Result<(), Stop> {
        let size = self.common.source.geometry.page_size as usize;
        let needs_digests = self.manifest.is_some() || matches!(self.reference, Some(Counterpart::Manifest(_)));
        let digests: Vec<[u8; 32]> = if needs_digests {
            chunk.chunks_exact(size).map(|page| *blake3::hash(page).as_bytes()).collect()
        } else {
            Vec::new()
        };
        if let Some(manifest) = self.manifest {
            manifest.write(first, &digests).map_err(|why| Stop::Elsewhere(Box::new(manifest.unwritable(&why))))?;
        }
        if let Some(reference) = self.reference {
            worker.share.differing.extend(reference.differing(first, chunk, &digests)?);
        }
        Ok(())
    }
}

/// Pages that a worker has taken for itself.
struct Taken {
    first: u32,
    pages: u32,
    asked: Asked,
}

struct Shared<'a> {
    next: &'a AtomicU32,
    done: &'a AtomicU64,
    halted: &'a std::sync::Mutex<Option<Halt>>,
}

impl Shared<'_> {
    fn halt(&self, halt: Halt) {
        let mut halted = self.halted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        halted.get_or_insert(halt);
    }

    fn is_halted(&self) -> bool {
        self.halted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some()
    }
}
