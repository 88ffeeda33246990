//! The real clock and the real sources of secrets.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use steadfast_core::world::{Boxed, Clock, SecretSource};

/// This machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Whole microseconds: what is stored is what was judged.
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
    fn sleep(&self, time: Duration) -> Boxed<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// This process's environment and the file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemSecrets;

impl SecretSource for SystemSecrets {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
    fn file(&self, path: &Path) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))
    }
}
