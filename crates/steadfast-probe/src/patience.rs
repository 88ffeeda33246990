//! Waiting with a bound: everything that a look awaits is awaited through here.

use std::future::Future;

use steadfast_core::observation::Trouble;
use steadfast_core::world::World;

/// Awaits, but no longer than the World allows; beyond that it is the trouble that the bound stands for.
pub async fn within<T>(world: &World, work: impl Future<Output = T>) -> Result<T, Trouble> {
    match world.patience() {
        None => Ok(work.await),
        Some((left, trouble)) => tokio::select! {
            biased;
            done = work => Ok(done),
            () = world.clock().sleep(left) => Err(trouble),
        },
    }
}

/// The same for work that can be in trouble itself.
pub async fn try_within<T>(world: &World, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    within(world, work).await?
}
