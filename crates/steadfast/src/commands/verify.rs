//! `steadfast verify`.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap_complete::ArgValueCandidates;
use steadfast_core::exit::Exit;
use steadfast_core::gate::Gate;
use steadfast_core::plan::{Only, Plan, plan};
use steadfast_core::project::Project;
use steadfast_engine::hold::Hold;
use steadfast_engine::report::Report;
use steadfast_engine::run::{DEADLINE, PARALLEL, Runner};
use steadfast_engine::stop::Stop;

use crate::completion;
use crate::live::Live;
use crate::project_file::ProjectFile;
use crate::render::{Output, Page, planned, say};
use crate::scope::ScopeFlags;
use crate::session::{LedgerFlags, Refused, WorldFlags, block_on, lapse, refuse, warn};
use crate::{status_file, whole_file};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    scope: ScopeFlags,
    /// Look at nothing; show which checks would run, and why
    #[arg(long, conflicts_with_all = ["wait", "hold", "status_file", "format"])]
    list: bool,
    #[command(flatten)]
    bounds: BoundFlags,
    /// Tolerate red for so long, until the first time that all is green
    #[arg(long, value_name = "TIME", value_parser = lapse)]
    wait: Option<Duration>,
    /// Once all is green, keep judging for so long; the first confirmed failure holds
    #[arg(long, value_name = "TIME", value_parser = lapse)]
    hold: Option<Duration>,
    /// The pause between two runs of --hold (and of --wait, if it is below a second)
    #[arg(long, value_name = "TIME", value_parser = lapse, default_value = "10s")]
    interval: Duration,
    /// Write `TIME PASS|FAIL|UNKNOWN ID...` to this file, all at once
    #[arg(long, value_name = "PATH")]
    status_file: Option<PathBuf>,
    /// human, json, junit, github, markdown or tap; json=PATH writes a file; several at once
    #[arg(long, value_name = "NAME[=PATH]", value_parser = Output::parse)]
    format: Vec<Output>,
    #[command(flatten)]
    config: ProjectFile,
    #[command(flatten)]
    ledger: LedgerFlags,
    #[command(flatten)]
    world: WorldFlags,
}

/// Which checks, in which order.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanFlags {
    /// The checks of this gate; without it all checks
    #[arg(value_parser = gates(), value_name = "GATE")]
    gate: Option<Gate>,
    /// Only this check, or those with a tag: tag:X; may be repeated
    #[arg(long, value_name = "ID|tag:X", add = ArgValueCandidates::new(completion::ids_and_tags))]
    only: Vec<String>,
    /// Repeat the order of the run with this seed
    #[arg(long)]
    seed: Option<u64>,
}

/// How much and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct BoundFlags {
    /// How many checks at the same time; without it what the gate says, or 16
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    parallel: Option<u16>,
    /// The bound of one run; without it what the gate says, or 10m
    #[arg(long, value_name = "TIME", value_parser = lapse)]
    deadline: Option<Duration>,
}

/// Looks, judges, decides.
pub(crate) fn run(args: Args) -> Exit {
    let status = args.status_file.clone();
    match verify(args) {
        Ok(exit) => exit,
        Err(refused) => {
            if let Some(path) = status {
                status_file::write(&path, &status_file::line_of_no_run());
            }
            refused
        }
    }
}

fn verify(args: Args) -> Result<Exit, Refused> {
    let mut formats = args.format.clone();
    if formats.is_empty() {
        formats.push(Output::human());
    }
    refuse_outputs(&formats, args.status_file.as_deref())?;
    if args.interval.is_zero() && (args.wait.is_some() || args.hold.is_some()) {
        return Err(refuse("--interval 0s would never pause; for example 1s"));
    }
    let project = Arc::new(args.config.load()?);
    let whole = args.plan.plan(&project)?;
    let scope = args.scope.scope(&project, &whole)?;
    let plan = match &scope {
        Some(scope) => scope.narrow(&project, whole.clone()),
        None => whole.clone(),
    };
    if args.list {
        let text = planned::of(&project, &whole, &plan, &args.plan.only(), scope.as_ref(), &Page::of_stdout());
        say(&text);
        return Ok(if plan.order.is_empty() && !plan.may_be_empty { Exit::CannotTell } else { Exit::Proceed });
    }
    let world = args.world.world(&project)?;
    let (ledger, unrecorded) = args.ledger.open(&project);
    let report = block_on(async |stop| {
        let mut live = Live::new();
        let runner = args.bounds.runner(&project, world, ledger, stop, plan.gate);
        if args.wait.is_some() || args.hold.is_some() {
            let hold = Hold { wait: args.wait, hold: args.hold, interval: args.interval };
            let held = runner.hold(&plan, hold, &mut |event| live.event(event)).await;
            Report::of_held(&project, &plan, held)
        } else {
            let ran = runner.run(&plan, &mut |event| live.event(event)).await;
            Report::of_run(&project, &plan, ran)
        }
    });
    let mut report = report?;
    report.warnings.extend(scope.iter().flat_map(|scope| scope.warnings(&whole)));
    report.warnings.extend(unrecorded);
    Ok(publish(&report, &formats, args.status_file.as_deref()))
}

impl PlanFlags {
    /// The plan of these flags.
    pub(crate) fn plan(&self, project: &Project) -> Result<Plan, Refused> {
        // 53 bits, so that every reader of JSON reads the same number.
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()) >> 11);
        plan(project, self.gate, &self.only(), seed).map_err(refuse)
    }

    fn only(&self) -> Vec<Only> {
        self.only.iter().map(|only| Only::parse(only)).collect()
    }
}

impl BoundFlags {
    /// What runs within these bounds.
    pub(crate) fn runner(
        &self,
        project: &Arc<Project>,
        world: steadfast_core::world::World,
        ledger: Option<Arc<dyn steadfast_core::ledger::Ledger>>,
        stop: Stop,
        gate: Option<Gate>,
    ) -> Runner {
        let settings = gate.and_then(|gate| project.gates.get(&gate));
        let parallel = self.parallel.map(usize::from).or(settings.and_then(|gate| gate.parallel));
        let deadline = self.deadline.or(settings.and_then(|gate| gate.deadline).map(|lapse| lapse.0));
        Runner {
            project: Arc::clone(project),
            world,
            ledger,
            stop,
            parallel: parallel.unwrap_or(PARALLEL),
            deadline: deadline.unwrap_or(DEADLINE),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

fn gates() -> impl TypedValueParser<Value = Gate> {
    PossibleValuesParser::new(Gate::ALL.iter().map(|gate| gate.word()))
        .try_map(|word| Gate::of(&word).ok_or("no gate of this name"))
}

/// What could not be written at the end is said at the beginning.
fn refuse_outputs(formats: &[Output], status: Option<&std::path::Path>) -> Result<(), Refused> {
    if formats.iter().filter(|format| format.path().is_none()).count() > 1 {
        return Err(refuse("two formats for standard output would mix; write one to a file: --format json=PATH"));
    }
    for path in formats.iter().filter_map(Output::path).chain(status) {
        whole_file::could_replace(path)
            .map_err(|why| refuse(format!("{} cannot be written: {why}", path.display())))?;
    }
    Ok(())
}

fn publish(report: &Report, formats: &[Output], status: Option<&std::path::Path>) -> Exit {
    let mut whole = true;
    if let Some(path) = status {
        whole &= status_file::write(path, &status_file::line(report));
    }
    for format in formats {
        if let Err(why) = format.write(report) {
            let name = format.path().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
            warn(format!("the report was not written to {name}: {why}"));
            whole = false;
        }
    }
    // Whoever waits for what was not written must not take the silence for consent.
    match report.exit() {
        Exit::Proceed if !whole => Exit::CannotTell,
        exit => exit,
    }
}
