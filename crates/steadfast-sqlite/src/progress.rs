//! What a run tells while it goes on, and how it is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The steps of a run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Header, journal, WAL, schema.
    Opening,
    /// Pages that have children.
    Interior,
    /// The one pass over the file.
    Forward,
    /// Sums, chains and page use, in memory.
    Closing,
    /// What SQLite has to evaluate.
    ThroughSqlite,
    /// The file alone, because with its WAL it has faults.
    WithoutWal,
}

impl Stage {
    /// A word for people.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Opening => "opening",
            Stage::Interior => "reading the trees' upper pages",
            Stage::Forward => "reading every page",
            Stage::Closing => "comparing sums and page use",
            Stage::ThroughSqlite => "evaluating through SQLite",
            Stage::WithoutWal => "reading the file without its WAL",
        }
    }
}

/// One progress event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The step.
    pub stage: Stage,
    /// Pages done in the forward pass.
    pub pages_done: u32,
    /// Pages of the database.
    pub pages: u32,
    /// Bytes read so far.
    pub bytes_read: u64,
    /// Since the run began.
    pub elapsed: Duration,
    /// Faults so far.
    pub findings: u64,
}

/// Receives progress. Implemented for closures.
pub trait Progress {
    /// Called a few times a second, always from the thread that runs the prover.
    fn event(&mut self, event: Event);
}

impl<F: FnMut(Event)> Progress for F {
    fn event(&mut self, event: Event) {
        self(event);
    }
}

/// Stops a run from outside, from any thread or from a signal handler's flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Stops the run at the next page.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a run must stop now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    Cancelled,
    Deadline,
    WalGrew,
}

/// Deadline, cancel and the growth of the logs that are held, asked in every phase of a run.
#[derive(Debug, Clone)]
pub(crate) struct Bell {
    cancel: Cancel,
    deadline: Option<Instant>,
    /// Set by whoever gives a read mark up.
    has_wal_grown: Arc<AtomicBool>,
}

impl Bell {
    pub(crate) fn new(cancel: Cancel, deadline: Option<Instant>) -> Bell {
        Bell { cancel, deadline, has_wal_grown: Arc::default() }
    }

    /// Says that a log has grown too much: what is read from now on may be of another moment.
    pub(crate) fn tell_wal_grew(&self) {
        self.has_wal_grown.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_wal_grown(&self) -> bool {
        self.has_wal_grown.load(Ordering::SeqCst)
    }

    pub(crate) fn rings(&self) -> Option<Halt> {
        if self.has_wal_grown() {
            Some(Halt::WalGrew)
        } else if self.cancel.is_cancelled() {
            Some(Halt::Cancelled)
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some(Halt::Deadline)
        } else {
            None
        }
    }
}
