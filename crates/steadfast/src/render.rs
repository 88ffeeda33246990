//! How reports are shown. A format is one file in `render/` and one line in [`FORMATS`].

pub(crate) mod github;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod observation;
pub(crate) mod planned;
pub(crate) mod proofs;
pub(crate) mod replayed;
#[cfg(test)]
mod sample;
pub(crate) mod tap;
pub(crate) mod text;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use steadfast_core::exit::Exit;
use steadfast_engine::report::Report;

use crate::session::warn;
use crate::whole_file;

/// Every format of `verify`, in the order of the manual.
pub(crate) const FORMATS: &[&dyn Renderer] =
    &[&human::Human, &json::Json, &junit::JUnit, &github::GitHub, &markdown::Markdown, &tap::Tap];

/// Turns a report into text.
pub(crate) trait Renderer: Sync {
    /// Its name: `--format NAME`.
    fn name(&self) -> &'static str;
    /// The report as text, with its last newline.
    fn render(&self, report: &Report, page: &Page) -> String;
}

/// The forms of a document other than the report of `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Document {
    /// For people
    Human,
    /// For programs
    Json,
}

/// What is written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// Columns.
    pub(crate) width: usize,
    /// Whether colours are shown.
    pub(crate) colour: bool,
}

/// Wider lines are harder to read, not easier.
const WIDEST: usize = 100;

impl Page {
    /// A file.
    pub(crate) const FILE: Page = Page { width: 80, colour: false };

    /// Standard output.
    pub(crate) fn of_stdout() -> Page {
        let colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        Page { width: width(terminal_size::terminal_size_of(io::stdout())), colour }
    }

    /// Standard error.
    pub(crate) fn of_stderr() -> Page {
        let colour = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
        Page { width: width(terminal_size::terminal_size_of(io::stderr())), colour }
    }
}

fn width(size: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    size.map_or(Page::FILE.width, |(width, _)| usize::from(width.0).clamp(40, WIDEST))
}

/// A format and where it goes: `--format json`, `--format json=report.json`.
#[derive(Clone)]
pub(crate) struct Output {
    renderer: &'static dyn Renderer,
    path: Option<PathBuf>,
}

impl Output {
    /// Reads `NAME` or `NAME=PATH`.
    pub(crate) fn parse(text: &str) -> Result<Output, String> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, Some(PathBuf::from(path))),
            None => (text, None),
        };
        if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            return Err(format!("`{text}` names no file after the `=`"));
        }
        let known = || FORMATS.iter().map(|format| format.name());
        match FORMATS.iter().find(|format| format.name() == name) {
            Some(renderer) => Ok(Output { renderer: *renderer, path }),
            None => Err(match steadfast_core::setting::did_you_mean(name, known()) {
                Some(near) => format!("no format is called `{name}`; did you mean `{near}`?"),
                None => format!("no format is called `{name}`; there are {}", known().collect::<Vec<_>>().join(", ")),
            }),
        }
    }

    /// What a person sees without `--format`.
    pub(crate) fn human() -> Output {
        Output { renderer: &human::Human, path: None }
    }

    /// The file it goes to; `None` is standard output.
    pub(crate) fn path(&self) -> Option<&std::path::Path> {
        self.path.as_deref()
    }

    /// Writes the report.
    pub(crate) fn write(&self, report: &Report) -> io::Result<()> {
        match &self.path {
            Some(path) => whole_file::replace(path, &self.renderer.render(report, &Page::FILE)),
            None => print(&self.renderer.render(report, &Page::of_stdout())),
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Output").field(&self.renderer.name()).field(&self.path).finish()
    }
}

/// Writes to standard output. A reader that has gone away is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    heard_or_gone(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn heard_or_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(gone) if gone.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Whether something that was to be said was lost on a full disk.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Writes to standard output. What is lost is told on standard error, and [`heard`] knows of it.
pub(crate) fn say(text: &str) {
    let mut out = anstream::stdout().lock();
    if let Err(why) = heard_or_gone(out.write_all(text.as_bytes()).and_then(|()| out.flush())) {
        warn(format!("what was to be said was not written: {why}"));
        IS_LOST.store(true, Ordering::Relaxed);
    }
}

/// The exit code of a command that ended with `exit`: whoever was not told cannot know that all is well.
pub(crate) fn heard(exit: Exit) -> Exit {
    match exit {
        Exit::Proceed if IS_LOST.load(Ordering::Relaxed) => Exit::CannotTell,
        exit => exit,
    }
}

/// Whether a person watches standard error.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
