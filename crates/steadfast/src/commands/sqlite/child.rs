//! The child process: a request on its standard input, events and one answer on its standard output, a line each.
//! It ends its run in good order when its standard input is closed, which also happens when the parent dies.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use steadfast_core::exit::Exit;
use steadfast_sqlite::{Cancel, Event, Options, Proof, ProveError, Prover};

use crate::render::is_watched;
use crate::render::text::plain;
use crate::session::{Refused, block_on, refuse};

/// What the child is to do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Request {
    #[serde(with = "raw")]
    pub(super) file: PathBuf,
    pub(super) threads: Option<usize>,
    pub(super) max_rate: Option<u64>,
    pub(super) deadline: Option<Duration>,
    pub(super) table: Option<String>,
    pub(super) structure_only: bool,
    pub(super) max_findings: usize,
    #[serde(with = "raw::option")]
    pub(super) manifest_out: Option<PathBuf>,
    #[serde(with = "raw::option")]
    pub(super) against: Option<PathBuf>,
    #[serde(with = "raw::option")]
    pub(super) resume: Option<PathBuf>,
    pub(super) restart: bool,
    pub(super) lock_for: Option<Duration>,
    pub(super) max_wal_growth: Option<u64>,
}

/// Paths as the bytes they are: a name need not be text.
mod raw {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, out: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Vec::deserialize(from).map(|bytes| OsString::from_vec(bytes).into())
    }

    pub(super) mod option {
        use super::{Deserialize, Deserializer, OsStrExt, OsString, OsStringExt, PathBuf, Serialize, Serializer};

        pub(in super::super) fn serialize<S: Serializer>(path: &Option<PathBuf>, out: S) -> Result<S::Ok, S::Error> {
            path.as_ref().map(|path| path.as_os_str().as_bytes()).serialize(out)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
            Option::<Vec<u8>>::deserialize(from).map(|bytes| bytes.map(|bytes| OsString::from_vec(bytes).into()))
        }
    }
}

/// Why there is no proof.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Obstacle {
    pub(super) kind: String,
    pub(super) seen: String,
    pub(super) advice: String,
}

impl From<ProveError> for Obstacle {
    fn from(error: ProveError) -> Obstacle {
        Obstacle { kind: error.kind.word().to_owned(), seen: error.to_string(), advice: error.kind.advice().to_owned() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum Line {
    Event { stage: String, pages_done: u32, pages: u32, bytes_read: u64, seconds: f64, findings: u64, forward: bool },
    Proof(Box<Proof>),
    Obstacle(Obstacle),
}

/// The answer for one file.
pub(super) type Answer = Result<Proof, Obstacle>;

/// The child's own side.
pub(super) fn serve() -> Exit {
    let mut input = BufReader::new(std::io::stdin());
    let mut text = String::new();
    let request: Request = match input.read_line(&mut text).map(|_| serde_json::from_str(&text)) {
        Ok(Ok(request)) => request,
        Ok(Err(_)) | Err(_) => return Exit::Usage,
    };
    bound_memory(&request.file);
    let cancel = Cancel::default();
    let on_end = cancel.clone();
    std::thread::spawn(move || {
        // Nothing more is ever sent: the end of the input is the word to stop.
        let _ = input.read_to_end(&mut Vec::new());
        on_end.cancel();
    });
    let send = |line: &Line| {
        let mut out = std::io::stdout().lock();
        // Without a reader there is nobody to tell; the closed input ends the run.
        let _ = serde_json::to_writer(&mut out, line).map_err(std::io::Error::from).and_then(|()| {
            out.write_all(b"\n")?;
            out.flush()
        });
    };
    let options = request.options(cancel);
    let mut progress = |event: Event| {
        send(&Line::Event {
            stage: event.stage.word().to_owned(),
            pages_done: event.pages_done,
            pages: event.pages,
            bytes_read: event.bytes_read,
            seconds: event.elapsed.as_secs_f64(),
            findings: event.findings,
            forward: event.stage == steadfast_sqlite::Stage::Forward,
        });
    };
    match Prover::new(&request.file).options(options).run(&mut progress) {
        Ok(proof) => send(&Line::Proof(Box::new(proof))),
        Err(error) => send(&Line::Obstacle(error.into())),
    }
    Exit::Proceed
}

impl Request {
    fn options(&self, cancel: Cancel) -> Options {
        let default = Options::default();
        Options {
            threads: self.threads.unwrap_or(default.threads),
            max_rate: self.max_rate,
            deadline: self.deadline,
            table: self.table.clone(),
            structure_only: self.structure_only,
            max_findings: self.max_findings.max(1),
            manifest_out: self.manifest_out.clone(),
            against: self.against.clone(),
            resume: self.resume.clone(),
            restart: self.restart,
            lock_for: self.lock_for,
            max_wal_growth: self.max_wal_growth.unwrap_or(default.max_wal_growth),
            sql_heap_limit: Some(256 << 20),
            cancel,
            ..default
        }
    }
}

/// A gibibyte of address space, and sixteen bytes for every page that the file can have.
fn bound_memory(file: &Path) {
    let size = std::fs::metadata(file).map_or(0, |meta| meta.len());
    let limit = (1 << 30) + size / 512 * 16;
    let bound = rustix::process::Rlimit { current: Some(limit), maximum: Some(limit) };
    // Where the bound cannot be set the pass is bounded by its own budget alone.
    let _ = rustix::process::setrlimit(rustix::process::Resource::As, bound);
}

/// How long the child may take to end in good order once its time is up. A function of SQLite's that a stranger's CHECK calls
/// can go on for ever, and asks nobody whether it may.
const GRACE: Duration = Duration::from_secs(10);

/// Runs one request in a child and shows its progress on standard error. `None` if a signal stopped it.
pub(super) fn ask(request: &Request) -> Result<(Answer, bool), Refused> {
    let program = std::env::current_exe().map_err(|why| refuse(format!("this program cannot find itself: {why}")))?;
    let mut child = Command::new(program)
        .args(["sqlite", "child"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|why| refuse(format!("cannot start the process that reads the file: {why}")))?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(refuse("the process that reads the file has no pipes"));
    };
    let mut text = serde_json::to_vec(request).map_err(|why| refuse(why.to_string()))?;
    text.push(b'\n');
    // A child that is gone already is noticed below.
    let _ = input.write_all(&text);
    let mut was_stopped = false;
    let mut was_killed = false;
    let mut answer = None;
    block_on(async |stop| {
        let (lines, mut received) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let mut input = Some(input);
        let mut shown = Shown::new(&request.file);
        let mut end_by = request.deadline.and_then(|limit| tokio::time::Instant::now().checked_add(limit + GRACE));
        loop {
            let end = end_by;
            tokio::select! {
                line = received.recv() => match line.as_deref().map(serde_json::from_str::<Line>) {
                    Some(Ok(Line::Event { stage, pages_done, pages, bytes_read, seconds, findings, forward })) => {
                        shown.event(&stage, forward, (pages_done, pages), bytes_read, seconds, findings);
                    }
                    Some(Ok(Line::Proof(proof))) => answer = Some(Ok(*proof)),
                    Some(Ok(Line::Obstacle(obstacle))) => answer = Some(Err(obstacle)),
                    Some(Err(_)) => {}
                    None => break,
                },
                () = stop.stopped(), if input.is_some() => {
                    was_stopped = true;
                    drop(input.take());
                    end_by = Some(tokio::time::Instant::now() + GRACE);
                }
                () = async { if let Some(end) = end { tokio::time::sleep_until(end).await } }, if end.is_some() => {
                    // One that has ended by itself cannot be killed, and need not be.
                    let _ = child.kill();
                    (was_killed, end_by) = (true, None);
                }
            }
        }
        shown.clear();
    })?;
    let ended = child.wait();
    let answer = answer.unwrap_or_else(|| {
        if was_killed {
            let advice = "a CHECK constraint, an expression or a virtual table keeps SQLite busy: --structure-only judges all but what SQL decides";
            return Err(Obstacle {
                kind: "deadline".into(),
                seen: format!(
                    "{}: the process that read the file did not end within {} s of its time and was killed",
                    request.file.display(),
                    GRACE.as_secs()
                ),
                advice: advice.into(),
            });
        }
        let how = ended.map_or_else(|why| why.to_string(), |status| status.to_string());
        Err(Obstacle {
            kind: "child".into(),
            seen: format!("{}: the process that read the file ended without an answer ({how})", request.file.display()),
            advice:
                "most likely it was out of memory or killed; try --threads 1, and report the file if it happens again"
                    .into(),
        })
    });
    Ok((answer, was_stopped))
}

/// Progress on standard error: one line that moves for people who watch, a line now and then for logs.
struct Shown {
    name: String,
    watched: bool,
    last: Instant,
    is_shown: bool,
}

impl Shown {
    fn new(file: &Path) -> Shown {
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Shown { name, watched: is_watched(), last: Instant::now(), is_shown: false }
    }

    fn event(&mut self, stage: &str, forward: bool, (done, pages): (u32, u32), read: u64, seconds: f64, findings: u64) {
        let patience = Duration::from_secs(if self.watched { 0 } else { 10 });
        if seconds < 1.0 || self.last.elapsed() < patience {
            return;
        }
        self.last = Instant::now();
        let mut line = format!("{}: {stage}", plain(&self.name));
        if forward && pages > 0 && done > 0 {
            let share = f64::from(done) / f64::from(pages);
            let left = (seconds / share - seconds).max(0.0) as u64;
            line.push_str(&format!(
                ", {:.0} %, {}/s, {} left",
                100.0 * share,
                super::bytes((read as f64 / seconds) as u64),
                super::time(left)
            ));
        }
        if findings > 0 {
            line.push_str(&format!(", {} so far", super::count(findings, "fault", "faults")));
        }
        let mut err = anstream::stderr().lock();
        let _ = if self.watched { write!(err, "\r\x1b[K{line}") } else { writeln!(err, "{line}") };
        let _ = err.flush();
        self.is_shown = true;
    }

    fn clear(&mut self) {
        if self.watched && self.is_shown {
            let _ = write!(anstream::stderr().lock(), "\r\x1b[K");
        }
    }
}
