//! Looks for drafting: a check without expectations, observed twice, apart.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use steadfast_core::check::{Check, Sighting};
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::world::{Patience, World};
use steadfast_engine::look::look;
use steadfast_engine::prove::APART;

use crate::commands::look::read_look;
use crate::session::Refused;

/// The bound of one look.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What is looked at.
pub(super) struct Subject {
    /// The look, without expectations.
    pub(super) check: Arc<dyn Check>,
}

impl Subject {
    /// The kind's table without `expect`.
    pub(super) fn new(kind: &str, table: &Value) -> Result<Subject, Refused> {
        Ok(Subject { check: read_look("what init looks at", kind, table)? })
    }
}

/// What was seen.
pub(super) struct Sight {
    /// The observation.
    pub(super) sighting: Sighting,
}

impl Sight {
    /// What was seen, as JSON.
    pub(super) fn json(&self) -> Value {
        match &self.sighting.outcome {
            Outcome::Seen(seen) => seen.to_json(),
            Outcome::TargetFailed(_) | Outcome::CouldNotLook(_) => Value::Null,
        }
    }
}

/// Looks once. What cannot be seen is a sentence.
pub(super) async fn once(subject: &Subject, world: &World, patience: Duration) -> Result<Sight, String> {
    let timeout = Some(world.clock().elapsed().saturating_add(patience));
    let sighting = look(&*subject.check, &world.for_look(Patience { timeout, deadline: None })).await;
    match &sighting.outcome {
        Outcome::Seen(_) => Ok(Sight { sighting }),
        Outcome::TargetFailed(trouble) | Outcome::CouldNotLook(trouble) => Err(said(trouble)),
    }
}

/// Looks twice: only what is the same in both is worth expecting.
pub(super) async fn twice(subject: &Subject, world: &World) -> Result<Vec<Sight>, String> {
    let first = once(subject, world, PATIENCE).await?;
    world.clock().sleep(APART).await;
    Ok(vec![first, once(subject, world, PATIENCE).await?])
}

/// Looks with the usual patience.
pub(super) async fn now(subject: &Subject, world: &World) -> Result<Sight, String> {
    once(subject, world, PATIENCE).await
}

/// A trouble as a sentence.
pub(super) fn said(trouble: &Trouble) -> String {
    let detail = if trouble.detail.is_empty() { String::new() } else { format!(": {}", trouble.detail) };
    format!("{}{detail}", trouble.code)
}
