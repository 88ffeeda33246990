//! One line of progress on standard error while a person watches; quiet when nobody does.

use std::io::Write;
use std::time::{Duration, Instant};

use steadfast_core::measure::Lapse;
use steadfast_engine::hold::Between;
use steadfast_engine::run::Event;

use crate::render::text::{brief, counted, cut, listed};
use crate::render::{Page, is_watched};

/// Faster than this nobody reads.
const BEAT: Duration = Duration::from_millis(80);

/// When nobody watches, a long hold still gives a sign of life this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// The line.
pub(crate) struct Live {
    watched: bool,
    shown: bool,
    drawn: Option<Instant>,
    of: usize,
    seen: usize,
    red: usize,
    under_way: Vec<String>,
}

impl Live {
    /// A line that is not shown yet.
    pub(crate) fn new() -> Live {
        Live { watched: is_watched(), shown: false, drawn: None, of: 0, seen: 0, red: 0, under_way: Vec::new() }
    }

    /// Follows a run.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::RunBegan(began) => {
                (self.of, self.seen, self.red) = (began.order.len(), 0, 0);
                self.under_way.clear();
            }
            Event::CheckBegan { id } if self.watched => {
                self.under_way.push((*id).to_owned());
                self.draw(self.is_tail());
            }
            Event::CheckSeen { id, looked } if self.watched => {
                self.under_way.retain(|known| known != id);
                self.seen += 1;
                self.red += usize::from(!looked.verdict.is_pass());
                self.draw(self.is_tail());
            }
            Event::CheckBegan { .. } | Event::CheckSeen { .. } => {}
            Event::RunEnded(_) => self.clear(),
            Event::Between(between) => self.between(between),
        }
    }

    /// Shows any other line of progress.
    pub(crate) fn show(&mut self, text: &str) {
        if self.watched && self.due(BEAT) {
            self.rewrite(text);
        }
    }

    /// Takes the line away, so that the result stands alone.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    /// Whether every check has begun. Then few events are left, and any may be the last for a long time: the line that
    /// stands must be true.
    fn is_tail(&self) -> bool {
        self.seen + self.under_way.len() >= self.of
    }

    fn draw(&mut self, now: bool) {
        if now || self.due(BEAT) {
            let red = if self.red > 0 { format!(", {} not green", self.red) } else { String::new() };
            let waiting = listed(self.under_way.iter().map(String::as_str), 60);
            self.rewrite(&format!("{}/{} looked at{red} · {waiting}", self.seen, self.of));
        }
    }

    fn between(&mut self, between: &Between) {
        let time = |time: Duration| brief(Lapse(time));
        let phase = if between.waiting { "waiting for the first green" } else { "holding" };
        let red = listed(between.not_green.iter().map(String::as_str), 40);
        let red = if red.is_empty() { "all green".to_owned() } else { format!("not green: {red}") };
        let runs = counted(between.runs as usize, "run");
        let text = format!("{phase}, {} of {}, {runs}, {red}", time(between.spent), time(between.of));
        if self.watched {
            self.rewrite(&text);
        } else if self.due(SIGN_OF_LIFE) {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    fn due(&mut self, pause: Duration) -> bool {
        let now = Instant::now();
        let due = self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= pause);
        if due {
            self.drawn = Some(now);
        }
        due
    }

    fn rewrite(&mut self, text: &str) {
        self.shown = true;
        let width = Page::of_stderr().width.saturating_sub(1);
        let _ = write!(std::io::stderr(), "\r\x1b[K{}", cut(text, width));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}
