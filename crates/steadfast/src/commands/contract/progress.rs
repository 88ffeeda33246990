//! How far a run is: shown after two seconds, on a terminal only.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use steadfast_contract::read::Progress;

use super::human::bytes;

/// A line on standard error that is kept up to date.
pub(super) struct Shown {
    started: Instant,
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

/// How long it took.
pub(super) struct Took(Duration);

impl Took {
    /// `, 0.4 s, 1.2 GB/s`
    pub(super) fn of(&self, read: u64) -> String {
        let seconds = self.0.as_secs_f64().max(1e-9);
        format!(" in {seconds:.2} s ({}/s)", bytes((read as f64 / seconds) as u64))
    }

    /// `; keys compared in 1.5 s`, if it is worth a word.
    pub(super) fn for_keys(&self) -> String {
        let seconds = self.0.as_secs_f64();
        if seconds < 0.1 { String::new() } else { format!("; keys compared in {seconds:.2} s") }
    }
}

impl Shown {
    /// How much is read, how much is left.
    pub(super) fn reading(progress: &Arc<Progress>) -> Shown {
        let progress = progress.clone();
        Shown::start(move |seconds| {
            let (read, total) = (progress.read.load(Ordering::Relaxed), progress.total.load(Ordering::Relaxed));
            let rate = read as f64 / seconds;
            let left = if total > read && rate > 0.0 {
                format!(" of {}, {:.0} s left", bytes(total), (total - read) as f64 / rate)
            } else {
                String::new()
            };
            format!("{}{left}, {}/s", bytes(read), bytes(rate as u64))
        })
    }

    /// That something goes on whose end is not known.
    pub(super) fn going_on(what: &'static str) -> Shown {
        Shown::start(move |seconds| format!("{what}, {seconds:.0} s"))
    }

    /// `line`: what is to be said after so many seconds.
    fn start(line: impl Fn(f64) -> String + Send + 'static) -> Shown {
        let (stop, stopped) = channel();
        let started = Instant::now();
        let thread = std::io::stderr().is_terminal().then(|| {
            std::thread::spawn(move || {
                let mut wait = Duration::from_secs(2);
                let mut shown = false;
                while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    let _ = write!(std::io::stderr(), "\r\x1b[K{}", line(started.elapsed().as_secs_f64()));
                    shown = true;
                    wait = Duration::from_millis(250);
                }
                if shown {
                    let _ = write!(std::io::stderr(), "\r\x1b[K");
                }
            })
        });
        Shown { started, stop, thread }
    }

    pub(super) fn stop(self) -> Took {
        drop(self.stop);
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
        Took(self.started.elapsed())
    }
}
