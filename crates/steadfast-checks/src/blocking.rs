//! Looking with calls that block (files, SQLite): on a thread of their own, and no longer than the World allows.

use steadfast_core::finding::codes;
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use steadfast_probe::patience::try_within;

/// Runs blocking work on a thread. The work should ask [`out_of_time`] now and then, so that the thread ends soon
/// after nobody waits for it any more; a system call that hangs (a dead network file system) keeps only the thread.
pub async fn on_a_thread<T, W>(world: &World, work: W) -> Result<T, Trouble>
where
    T: Send + 'static,
    W: FnOnce(&World) -> Result<T, Trouble> + Send + 'static,
{
    let inner = world.clone();
    let handle = tokio::task::spawn_blocking(move || work(&inner));
    try_within(world, async {
        match handle.await {
            Ok(done) => done,
            Err(why) => Err(Trouble::new(codes::LOCAL_TROUBLE, format!("the looking thread ended early: {why}"))),
        }
    })
    .await
}

/// The bound that the look has run into, if it has.
pub fn out_of_time(world: &World) -> Option<Trouble> {
    world.patience().filter(|(left, _)| left.is_zero()).map(|(_, trouble)| trouble)
}
