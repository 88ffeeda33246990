//! Lets go in time of what hurts others: the read mark once the WAL has grown too much, the lock once its time is over. A
//! thread of its own does it, because SQLite can be busy for long with one function of a stranger's CHECK, and asks nobody
//! meanwhile.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::progress::Bell;

/// How often the WAL's length is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A read mark, and by how much the WAL may grow under it.
pub(crate) struct Pin {
    #[expect(dead_code, reason = "it is there as long as it is held")]
    pub(crate) mark: Connection,
    pub(crate) wal: PathBuf,
    /// Bytes of the WAL from which on the mark is given up.
    pub(crate) longest: u64,
}

/// A shared lock, and how long it may be held.
pub(crate) struct Lock {
    #[expect(dead_code, reason = "it is there as long as it is held")]
    pub(crate) shared: Connection,
    pub(crate) until: Instant,
}

/// Holds a mark or a lock, until it is dropped or the bound is reached.
pub(crate) struct Keeper {
    held: Arc<Held>,
    thread: Option<JoinHandle<()>>,
}

struct Held {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    pin: Option<Pin>,
    lock: Option<Lock>,
    has_let_go_of_lock: bool,
    is_over: bool,
}

impl Keeper {
    /// Begins to keep; without a pin and a lock there is nothing to do.
    pub(crate) fn new(pin: Option<Pin>, lock: Option<Lock>, bell: Bell) -> std::io::Result<Keeper> {
        let is_needed = pin.is_some() || lock.is_some();
        let state = Mutex::new(State { pin, lock, has_let_go_of_lock: false, is_over: false });
        let held = Arc::new(Held { state, wake: Condvar::new() });
        let theirs = Arc::clone(&held);
        let thread = match is_needed {
            true => Some(std::thread::Builder::new().name("keeper".into()).spawn(move || theirs.keep(&bell))?),
            false => None,
        };
        Ok(Keeper { held, thread })
    }

    /// Whether the time of the lock was over before the run was.
    pub(crate) fn has_let_go_of_lock(&self) -> bool {
        self.held.state.lock().unwrap_or_else(PoisonError::into_inner).has_let_go_of_lock
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.held.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.held.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, and then there is nothing left to end.
            let _ = thread.join();
        }
    }
}

impl Held {
    fn keep(&self, bell: &Bell) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            if state.lock.take_if(|lock| lock.until <= now).is_some() {
                state.has_let_go_of_lock = true;
            }
            if let Some(pin) = &state.pin
                && std::fs::metadata(&pin.wal).is_ok_and(|meta| meta.len() > pin.longest)
            {
                // In this order: whoever reads what a checkpoint has written meanwhile can know it.
                bell.tell_wal_grew();
                state.pin = None;
            }
            let wait = match (&state.pin, &state.lock) {
                (Some(_), _) => LOOK,
                (None, Some(lock)) => lock.until.saturating_duration_since(now),
                (None, None) => return,
            };
            if state.is_over {
                return;
            }
            state = self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
