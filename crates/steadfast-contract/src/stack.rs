//! Room for what recurses: schemas that refer on to one another, and values within values.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, scope};

/// Bytes of stack of a thread that judges or compiles. Only what is used of it is memory.
pub(crate) const ROOM: usize = 256 << 20;

/// Does the work on a thread with [`ROOM`], whatever the caller's stack is; on the caller's where there is no thread.
pub(crate) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let once = Mutex::new(Some(work));
    let take = || once.lock().unwrap_or_else(PoisonError::into_inner).take().map(|work| work());
    let done = scope(|scope| match Builder::new().stack_size(ROOM).spawn_scoped(scope, take) {
        Ok(thread) => thread.join().unwrap_or_else(|panicked| resume_unwind(panicked)),
        Err(_) => None,
    });
    match done.or_else(take) {
        Some(done) => done,
        None => unreachable!("the work is taken once, by whoever does it"),
    }
}
