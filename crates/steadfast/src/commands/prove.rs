//! `steadfast prove`.

use std::sync::Arc;

use steadfast_core::exit::Exit;
use steadfast_engine::prove::Source;

use super::verify::{BoundFlags, PlanFlags};
use crate::live::Live;
use crate::project_file::ProjectFile;
use crate::render::{Document, Page, proofs, say};
use crate::session::{LedgerFlags, Refused, WorldFlags, block_on, refuse};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    bounds: BoundFlags,
    /// Look at nothing: break the newest green observation that the ledger has
    #[arg(long, conflicts_with = "no_ledger")]
    recorded: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Document::Human)]
    format: Document,
    #[command(flatten)]
    config: ProjectFile,
    #[command(flatten)]
    ledger: LedgerFlags,
    #[command(flatten)]
    world: WorldFlags,
}

/// Breaks what is green and shows which checks notice.
pub(crate) fn run(args: Args) -> Exit {
    prove(&args).unwrap_or_else(|refused| refused)
}

fn prove(args: &Args) -> Result<Exit, Refused> {
    let project = Arc::new(args.config.load()?);
    let plan = args.plan.plan(&project)?;
    let world = args.world.world(&project)?;
    let (ledger, unrecorded) = args.ledger.open(&project);
    let source = if args.recorded { Source::Recorded } else { Source::Now };
    if let (Source::Recorded, Some(why)) = (source, &unrecorded) {
        return Err(refuse(why));
    }
    let mut proofs = block_on(async |stop| {
        let mut live = Live::new();
        let runner = args.bounds.runner(&project, world, ledger, stop, plan.gate);
        let mut step = |step: steadfast_engine::prove::Step| {
            live.show(&format!("{} {}/{}", step.doing, step.done, step.of));
        };
        runner.prove(&plan, source, &mut step).await
    })?;
    proofs.warnings.extend(unrecorded);
    let text = match args.format {
        Document::Human => proofs::of(&proofs, source, &Page::of_stdout()),
        Document::Json => crate::render::json::of(&proofs),
    };
    say(&text);
    Ok(proofs.exit())
}
