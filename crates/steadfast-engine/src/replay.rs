//! Replaying: would today's checks have caught yesterday's incident? Stored observations are judged again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use steadfast_core::check::StoredSighting;
use steadfast_core::exit::Exit;
use steadfast_core::finding::Finding;
use steadfast_core::ledger::{Filter, Ledger, LedgerError, Observed, Record};
use steadfast_core::project::Project;

use crate::look;
use crate::stop::Stop;

/// What replaying came to.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// The version of this document.
    pub schema: &'static str,
    /// The project.
    pub project: String,
    /// How many observations were judged again.
    pub judged: u64,
    /// Where today's verdict is another one, oldest first.
    pub differences: Vec<Difference>,
    /// Observations that today's checks cannot judge, by reason.
    pub not_comparable: BTreeMap<String, u64>,
    /// Observations of which only digest and numbers were kept.
    pub not_kept: u64,
    /// Whether a signal stopped it.
    pub interrupted: bool,
}

/// An observation over which today's verdict is another one.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// The check.
    pub check: String,
    /// The run in which it was seen.
    pub run: String,
    /// When it was seen.
    pub at: Timestamp,
    /// The verdict as recorded.
    pub recorded: String,
    /// The verdict today.
    pub today: &'static str,
    /// What today's expectations find.
    pub findings: Vec<Finding>,
    /// What was found then.
    pub found_then: Vec<Finding>,
}

impl Replayed {
    /// Proceed: nothing differs. Hold: something does. Cannot tell: nothing could be judged.
    pub fn exit(&self) -> Exit {
        match (self.interrupted, self.differences.is_empty(), self.judged) {
            (true, _, _) => Exit::Interrupted,
            (false, false, _) => Exit::Hold,
            (false, true, 0) => Exit::CannotTell,
            (false, true, _) => Exit::Proceed,
        }
    }
}

const PAGE: usize = 500;

/// Judges what the filter selects under this project. `step` is told how many records were read.
pub async fn replay(
    project: &Project,
    ledger: &dyn Ledger,
    filter: &Filter,
    stop: &Stop,
    step: &mut (dyn FnMut(u64) + Send),
) -> Result<Replayed, LedgerError> {
    let mut replayed = Replayed {
        schema: "steadfast-replay/1",
        project: project.name.clone(),
        judged: 0,
        differences: Vec::new(),
        not_comparable: BTreeMap::new(),
        not_kept: 0,
        interrupted: false,
    };
    let (mut after, mut read) = (0, 0);
    loop {
        let page = ledger.read(filter.clone(), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(replayed) };
        after = last.seq;
        for entry in page {
            if stop.is_stopped() {
                replayed.interrupted = true;
                return Ok(replayed);
            }
            read += 1;
            if let Record::Observed(observed) = entry.record {
                judge_again(project, ledger, &observed, &mut replayed).await?;
            }
        }
        step(read);
    }
}

async fn judge_again(
    project: &Project,
    ledger: &dyn Ledger,
    observed: &Observed,
    replayed: &mut Replayed,
) -> Result<(), LedgerError> {
    let mut not_comparable = |why: String| *replayed.not_comparable.entry(why).or_default() += 1;
    let Some(check) = project.checks.iter().find(|check| *check.id == *observed.check) else {
        not_comparable(format!("no check is called `{}` any more", observed.check));
        return Ok(());
    };
    if check.check.look_hash() != observed.look_hash {
        not_comparable(format!("`{}` looks at something else now", observed.check));
        return Ok(());
    }
    let Some(payload) = ledger.payload(observed.payload).await? else {
        replayed.not_kept += 1;
        return Ok(());
    };
    let stored = serde_json::from_slice::<StoredSighting>(&payload).map_err(|why| why.to_string());
    let sighting = match stored.and_then(|stored| check.check.read(&stored).map_err(|why| why.0)) {
        Ok(sighting) => sighting,
        Err(why) => {
            not_comparable(format!("`{}`: {why}", observed.check));
            return Ok(());
        }
    };
    let today = look::judge(&*check.check, &sighting);
    replayed.judged += 1;
    if today.word() != observed.verdict.word() {
        replayed.differences.push(Difference {
            check: observed.check.clone(),
            run: observed.run.clone(),
            at: observed.at,
            recorded: observed.verdict.word().to_owned(),
            today: today.word(),
            findings: today.findings().to_vec(),
            found_then: observed.verdict.findings().to_vec(),
        });
    }
    Ok(())
}
