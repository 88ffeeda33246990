//! One bounded look: whatever a kind does, there is an observation at the end, and in time.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use serde_json::{Map, Value};
use steadfast_core::check::{Check, Sighting};
use steadfast_core::finding::{Finding, codes};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::{Observation, Outcome, Trouble};
use steadfast_core::verdict::Verdict;
use steadfast_core::world::World;

/// How much longer than its bound a look may take to clean up (to end a process group, say) before it is cut off.
pub const GRACE: Duration = Duration::from_secs(2);

/// Looks. A kind that panics or does not keep its bound becomes an observation that says so.
pub async fn look(check: &dyn Check, world: &World) -> Sighting {
    let at = world.clock().now();
    let began = world.clock().elapsed();
    let mut looking = match catch_unwind(AssertUnwindSafe(|| check.observe(world))) {
        Ok(looking) => looking,
        Err(panic) => return in_trouble(check, world, at, began, panicked(&*panic)),
    };
    let contained = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| looking.as_mut().poll(context))) {
        Ok(Poll::Ready(sighting)) => Poll::Ready(Ok(sighting)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panicked(&*panic))),
    });
    let result = match world.patience() {
        None => contained.await,
        Some((left, trouble)) => tokio::select! {
            biased;
            result = contained => result,
            () = world.clock().sleep(left.saturating_add(GRACE)) => Err(trouble),
        },
    };
    result.unwrap_or_else(|trouble| in_trouble(check, world, at, began, trouble))
}

/// The observation of a look that could not even begin before the run's deadline.
pub fn not_looked(check: &dyn Check, world: &World) -> Sighting {
    let trouble = Trouble::new(codes::RUN_DEADLINE, "the deadline of the run came before this check's turn");
    in_trouble(check, world, world.clock().now(), world.clock().elapsed(), trouble)
}

/// Judges. A kind that panics over what it saw knows nothing.
pub fn judge(check: &dyn Check, sighting: &Sighting) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| check.judge(sighting))).unwrap_or_else(|panic| {
        let trouble = panicked(&*panic);
        Verdict::Unknown(vec![Finding::new(codes::LOCAL_TROUBLE).detail(trouble.detail)])
    })
}

/// The kind's numbers; none if it panics over them.
pub fn numbers(check: &dyn Check, sighting: &Sighting) -> Map<String, Value> {
    catch_unwind(AssertUnwindSafe(|| check.numbers(sighting))).unwrap_or_default()
}

fn in_trouble(
    check: &dyn Check,
    world: &World,
    at: jiff::Timestamp,
    began: Duration,
    mut trouble: Trouble,
) -> Sighting {
    if let Some(clean) = world.redactor().text(&trouble.detail) {
        trouble.detail = clean;
    }
    Observation {
        at,
        took: Lapse(world.clock().elapsed().saturating_sub(began)),
        vantage: world.vantage().to_owned(),
        look_hash: check.look_hash(),
        shape: check.shape(),
        outcome: Outcome::from(trouble),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Trouble {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no text");
    Trouble::new(codes::LOCAL_TROUBLE, format!("Steadfast itself is at fault, please report it: panicked: {text}"))
}
