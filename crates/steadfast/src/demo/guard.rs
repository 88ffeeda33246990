//! Steadfast itself at work on the shop: the same loading, running and proving as the commands do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast_core::exit::Exit;
use steadfast_core::plan::plan;
use steadfast_core::project::Project;
use steadfast_engine::prove::{Proofs, Source};
use steadfast_engine::report::Report;
use steadfast_engine::run::{DEADLINE, PARALLEL, Runner};
use steadfast_engine::stop::Stop;

use crate::live::Live;
use crate::project_file::ProjectFile;
use crate::session::{LedgerFlags, WorldFlags, refuse};

/// A configuration and who may stop us.
pub(super) struct Guard {
    file: PathBuf,
    project: Arc<Project>,
    stop: Stop,
}

impl Guard {
    /// Loads a configuration.
    pub(super) fn load(file: &Path, stop: &Stop) -> Result<Guard, Exit> {
        let project = Arc::new(ProjectFile::at(file).load()?);
        Ok(Guard { file: file.to_owned(), project, stop: stop.clone() })
    }

    /// The configuration's file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Verifies every check.
    pub(super) async fn verify(&self) -> Result<Report, Exit> {
        let plan = plan(&self.project, None, &[], 0).map_err(refuse)?;
        let mut live = Live::new();
        let ran = self.runner()?.run(&plan, &mut |event| live.event(event)).await;
        if ran.interrupted { Err(Exit::Interrupted) } else { Ok(Report::of_run(&self.project, &plan, ran)) }
    }

    /// Proves every check.
    pub(super) async fn prove(&self) -> Result<Proofs, Exit> {
        let plan = plan(&self.project, None, &[], 0).map_err(refuse)?;
        let mut live = Live::new();
        let mut step = |step: steadfast_engine::prove::Step| {
            live.show(&format!("{} {}/{}", step.doing, step.done, step.of));
        };
        let proofs = self.runner()?.prove(&plan, Source::Now, &mut step).await;
        if proofs.interrupted { Err(Exit::Interrupted) } else { Ok(proofs) }
    }

    fn runner(&self) -> Result<Runner, Exit> {
        let (ledger, unrecorded) = LedgerFlags::default().open(&self.project);
        if let Some(why) = unrecorded {
            return Err(refuse(why));
        }
        Ok(Runner {
            project: Arc::clone(&self.project),
            world: WorldFlags::default().world(&self.project)?,
            ledger,
            stop: self.stop.clone(),
            parallel: PARALLEL,
            deadline: DEADLINE,
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}
