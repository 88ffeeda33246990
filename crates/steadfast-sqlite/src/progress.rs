//! What a run tells while it goes on, and how it is stopped.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// Deadline, cancel and what the views of live databases have to be asked, in every phase of a run.
#[derive(Clone)]
pub(crate) struct Bell {
    cancel: Cancel,
    deadline: Option<Instant>,
    /// What else may end the run, shared by all clones.
    others: Arc<Mutex<Vec<Ringer>>>,
}

type Ringer = Box<dyn Fn() -> Option<Halt> + Send>;

impl Bell {
    pub(crate) fn new(cancel: Cancel, deadline: Option<Instant>) -> Bell {
        Bell { cancel, deadline, others: Arc::default() }
    }

    /// Asks this too, each time the bell is asked.
    pub(crate) fn ask(&self, other: impl Fn() -> Option<Halt> + Send + 'static) {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(other));
    }

    pub(crate) fn rings(&self) -> Option<Halt> {
        if self.cancel.is_cancelled() {
            return Some(Halt::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Some(Halt::Deadline);
        }
        self.others.lock().unwrap_or_else(PoisonError::into_inner).iter().find_map(|other| other())
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
