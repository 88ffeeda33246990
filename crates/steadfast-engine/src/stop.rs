//! Stopping: a person or a supervisor wants the run to end now, with what was seen.

use tokio::sync::watch;

/// The side that stops.
#[derive(Debug)]
pub struct Switch(watch::Sender<bool>);

impl Switch {
    /// Stops everything that holds the other side.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// The side that is stopped. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Both sides.
    pub fn pair() -> (Switch, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Switch(sender), Stop(receiver))
    }

    /// One that nobody can stop.
    pub fn never() -> Stop {
        Stop::pair().1
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is stopped; for ever if nobody can do that any more.
    pub async fn stopped(&self) {
        if self.0.clone().wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending().await
        }
    }
}
