//! Waiting: always for something, never for a while, and never for ever.

use std::time::{Duration, Instant};

/// The bound of every wait for readiness.
pub const BOUND: Duration = Duration::from_secs(30);

/// Asks until there is an answer; panics with the last reason when the bound is over.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + BOUND;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) if Instant::now() > end => panic!("{what}: not within {BOUND:?}: {why}"),
            Err(_) => std::thread::park_timeout(Duration::from_millis(5)),
        }
    }
}
