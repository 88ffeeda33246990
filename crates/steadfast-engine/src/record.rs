//! Recording: what a run saw goes into the ledger before it is shown. A ledger in trouble never changes a verdict.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::ledger::{Batch, Keep, Ledger, LedgerError, Observed, Record};
use steadfast_core::world::{Boxed, World};

/// How long one commit may take before the run goes on without the ledger.
pub const LEDGER_PATIENCE: Duration = Duration::from_secs(15);

/// Writes records, until the ledger is in trouble for the first time.
pub struct Recorder {
    ledger: Option<Arc<dyn Ledger>>,
    world: World,
    latest: Option<HashMap<String, String>>,
    waiting: Vec<Record>,
    written: u64,
    warning: Option<String>,
}

/// An observation to be recorded, with its payload.
pub struct Evidence {
    /// The record; its `keep` is decided here.
    pub observed: Observed,
    /// The observation as JSON.
    pub payload: Vec<u8>,
}

impl Recorder {
    /// Into this ledger, or nowhere.
    pub fn new(ledger: Option<Arc<dyn Ledger>>, world: World) -> Recorder {
        Recorder { ledger, world, latest: None, waiting: Vec::new(), written: 0, warning: None }
    }

    /// Why not everything was recorded.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Keeps a record to go out with the next commit, if there will be one.
    pub fn next(&mut self, record: Record) {
        if self.ledger.is_some() {
            self.waiting.push(record);
        }
    }

    /// Commits what waits and this evidence, together or not at all.
    pub async fn commit(&mut self, evidence: Vec<Evidence>) {
        let Some(ledger) = self.ledger.clone() else { return };
        if let Err(why) = self.try_commit(&*ledger, evidence).await {
            self.ledger = None;
            let why = sentence(&why);
            self.warning = Some(match self.written {
                0 => format!("nothing was recorded: {why}"),
                written => format!("recording stopped after {written} records: {why}"),
            });
        }
    }

    async fn try_commit(&mut self, ledger: &dyn Ledger, evidence: Vec<Evidence>) -> Result<(), LedgerError> {
        if self.latest.is_none() {
            let latest = self.bounded(ledger.projections("latest")).await?;
            let word = |value: &serde_json::Value| value.get("verdict")?.as_str().map(str::to_owned);
            self.latest = Some(latest.into_iter().filter_map(|known| Some((known.key, word(&known.value)?))).collect());
        }
        let latest = self.latest.get_or_insert_default();
        let mut batch = Batch { records: std::mem::take(&mut self.waiting), ..Batch::default() };
        for Evidence { mut observed, payload } in evidence {
            let before = latest.insert(observed.check.clone(), observed.verdict.word().to_owned());
            let changed = before.is_some_and(|before| before != observed.verdict.word());
            observed.keep =
                if changed || !observed.verdict.is_pass() { Keep::UntilPruned } else { Keep::WhileNewestGreen };
            batch.records.push(Record::Observed(Box::new(observed)));
            batch.blobs.push(payload);
        }
        batch.projections = batch.records.iter().filter_map(Record::project).collect();
        let count = batch.records.len() as u64;
        if count > 0 {
            self.bounded(ledger.commit(batch)).await?;
            self.written += count;
        }
        Ok(())
    }

    async fn bounded<T>(&self, work: Boxed<'_, Result<T, LedgerError>>) -> Result<T, LedgerError> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.world.clock().sleep(LEDGER_PATIENCE) => {
                Err(LedgerError::Busy(format!("no answer within {}s", LEDGER_PATIENCE.as_secs())))
            }
        }
    }
}

fn sentence(why: &LedgerError) -> String {
    let advice = match why {
        LedgerError::HeadMoved { .. } => "run it again",
        LedgerError::Unwritable(_) => "put that right, or name another with --ledger",
        LedgerError::Unreadable(_) => "name another with --ledger, or go without with --no-ledger",
        LedgerError::Busy(_) => "look for another Steadfast that hangs, or name another with --ledger",
    };
    format!("{why}; {advice}")
}
