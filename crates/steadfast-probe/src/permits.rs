//! How many requests one host gets at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::patience::within;

/// The permits of every host, shared by all looks of a World.
#[derive(Debug, Default)]
pub struct HostPermits(Mutex<HashMap<String, Arc<Semaphore>>>);

impl HostPermits {
    /// Waits until this host may get one more request. The wait does not count as the target's time, but it has the
    /// look's bound.
    pub async fn enter(world: &World, host: &str) -> Result<Option<OwnedSemaphorePermit>, Trouble> {
        let permits: Arc<HostPermits> = world.resource();
        let semaphore = {
            let mut hosts = permits.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match hosts.get(host) {
                Some(semaphore) => Arc::clone(semaphore),
                None => {
                    let semaphore = Arc::new(Semaphore::new(world.limits().per_host));
                    hosts.insert(host.to_owned(), Arc::clone(&semaphore));
                    semaphore
                }
            }
        };
        // A semaphore that is never closed always grants in the end.
        within(world, async { semaphore.acquire_owned().await.ok() }).await
    }
}
