//! What a command works with: the project, the World, the ledger, and who may stop it, as the flags have them.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use clap_complete::ArgValueCompleter;
use steadfast_core::exit::Exit;
use steadfast_core::ledger::Ledger;
use steadfast_core::measure::Lapse;
use steadfast_core::project::Project;
use steadfast_core::world::{Limits, Parts, Routes, World};
use steadfast_engine::stop::Stop;
use steadfast_probe::system::{SystemClock, SystemSecrets};

use crate::completion;
use crate::ledger_place::{LedgerPlace, PlaceParser};

/// Where records are.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct LedgerFlags {
    /// The ledger, a file or postgres://..; without it that of `[ledger]`, or .steadfast/ledger.db beside the
    /// configuration
    #[arg(long, value_name = "PLACE", value_parser = PlaceParser)]
    pub(crate) ledger: Option<LedgerPlace>,
    /// Record nothing
    #[arg(long, conflicts_with = "ledger")]
    pub(crate) no_ledger: bool,
}

/// What the checks look at.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct WorldFlags {
    /// Lead a target, URL or host:port somewhere else: shop=http://127.0.0.1:8080
    #[arg(long, value_name = "FROM=TO", add = ArgValueCompleter::new(completion::routes))]
    pub(crate) route: Vec<String>,
    /// Dial nothing without a route: such a check is unknown, `not-in-this-world`
    #[arg(long)]
    pub(crate) closed: bool,
}

/// How the command ends if it cannot begin.
pub(crate) type Refused = Exit;

/// Says what is wrong with the command line or a file; the exit code for that.
pub(crate) fn refuse(what: impl std::fmt::Display) -> Refused {
    let _ = writeln!(std::io::stderr(), "error: {what}");
    Exit::Usage
}

/// Says something besides the result.
pub(crate) fn warn(what: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "warning: {what}");
}

impl LedgerFlags {
    /// Where the ledger is; `None` with `--no-ledger`.
    pub(crate) fn place(&self, project: &Project) -> Option<LedgerPlace> {
        if self.no_ledger {
            return None;
        }
        let configured = || LedgerPlace::of_settings(&project.ledger, &project.root);
        Some(self.ledger.clone().unwrap_or_else(configured))
    }

    /// Opens the ledger to write. One that cannot be opened is no reason not to look: a warning, and nothing recorded.
    pub(crate) fn open(&self, project: &Project) -> (Option<Arc<dyn Ledger>>, Option<String>) {
        let Some(place) = self.place(project) else { return (None, None) };
        match place.open() {
            Ok(ledger) => (Some(ledger), None),
            Err(why) => (None, Some(format!("nothing was recorded: {why}; name another with --ledger PLACE"))),
        }
    }

    /// Opens a ledger that is there, to read.
    pub(crate) fn open_for_reading(&self, project: &Project) -> Result<Arc<dyn Ledger>, Refused> {
        let Some(place) = self.place(project) else { return Err(refuse("this command reads the ledger")) };
        place.open_for_reading().map_err(|why| {
            refuse(format!("{why}\n       `steadfast verify` begins one; name another with --ledger PLACE"))
        })
    }
}

impl WorldFlags {
    /// The World of this project, with the routes of the flags.
    pub(crate) fn world(&self, project: &Project) -> Result<World, Refused> {
        let mut routes = Routes::default();
        for route in &self.route {
            let Some((from, to)) = route.split_once('=') else {
                return Err(refuse(format!("--route {route}: it is FROM=TO, as in shop=http://127.0.0.1:8080")));
            };
            routes
                .add(from.trim(), to.trim(), &project.targets)
                .map_err(|why| refuse(format!("--route {route}: {why}")))?;
        }
        if self.closed {
            routes = routes.closed();
        }
        Ok(World::new(Parts {
            clock: Arc::new(SystemClock::default()),
            secrets: Arc::new(SystemSecrets),
            targets: project.targets.clone(),
            routes,
            vantage: "here".to_owned(),
            limits: Limits::default(),
            root: project.root.clone(),
        }))
    }
}

/// What the runtime opens for itself: where it waits, and how it hears of signals. It panics where that fails later.
const OWN_DESCRIPTORS: usize = 6;

fn room() -> std::io::Result<()> {
    // Pipes, as there are roots without any file to open. Each has two ends.
    let held: std::io::Result<Vec<_>> = (0..OWN_DESCRIPTORS / 2).map(|_| std::io::pipe()).collect();
    held.map(drop)
}

/// Runs a procedure to its end. SIGINT and SIGTERM stop it in good order; the second ends the process.
pub(crate) fn block_on<T>(work: impl AsyncFnOnce(Stop) -> T) -> Result<T, Refused> {
    // One thread: looks wait far more than they compute, and what computes is handed to blocking threads.
    let runtime = room().and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
    let runtime = runtime.map_err(|why| {
        refuse(format!("this machine cannot start the program: {why}\n       `ulimit -n` shows the limit, `ulimit -n 1024` raises it"))
    })?;
    Ok(runtime.block_on(async {
        let (switch, stop) = Stop::pair();
        let signals = tokio::spawn(async move {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return std::future::pending().await;
            };
            for round in 0.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if round > 0 {
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                switch.stop();
            }
        });
        let done = work(stop).await;
        signals.abort();
        done
    }))
}

/// A length of time on the command line.
pub(crate) fn lapse(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(0) => Ok(Duration::ZERO),
        Ok(number) => Err(format!("a bare number could be seconds or milliseconds; write {number}s")),
        Err(_) => Lapse::parse(text).map(|lapse| lapse.0),
    }
}
