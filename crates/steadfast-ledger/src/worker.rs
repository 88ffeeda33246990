//! Threads that own a connection: SQLite blocks, which an async runtime must not, and a commit to Postgres must go on
//! when whoever asked for it has gone.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use steadfast_core::ledger::LedgerError;
use steadfast_core::world::Boxed;
use tokio::sync::oneshot;

type Job<C> = Box<dyn FnOnce(Result<&mut C, LedgerError>) + Send>;

/// Opens a connection for a thread.
pub(crate) type Open<C> = Box<dyn Fn() -> Result<C, LedgerError> + Send + Sync>;

/// Some threads that take jobs from one queue, each with its own connection.
pub(crate) struct Workers<C> {
    queue: Option<Sender<Job<C>>>,
    threads: Vec<JoinHandle<()>>,
}

impl<C: 'static> Workers<C> {
    /// One thread with a connection that is open already.
    pub(crate) fn owning(name: &str, mut connection: C) -> Result<Workers<C>, LedgerError>
    where
        C: Send,
    {
        let (queue, jobs) = channel::<Job<C>>();
        let thread = spawn(name, move || jobs.iter().for_each(|job| job(Ok(&mut connection))))?;
        Ok(Workers { queue: Some(queue), threads: vec![thread] })
    }

    /// So many threads that open their connection when the first job comes.
    pub(crate) fn opening(name: &str, count: usize, open: Open<C>) -> Result<Workers<C>, LedgerError> {
        let (queue, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let open = Arc::new(open);
        let threads = (0..count).map(|_| {
            let (jobs, open) = (Arc::clone(&jobs), Arc::clone(&open));
            spawn(name, move || serve(&jobs, &open))
        });
        let threads = threads.collect::<Result<_, _>>()?;
        Ok(Workers { queue: Some(queue), threads })
    }

    /// Does this on one of the threads, and waits for it here.
    pub(crate) fn wait_for<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut C) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (answer, answered) = channel();
        let job: Job<C> = Box::new(move |connection| {
            let _ = answer.send(connection.and_then(job));
        });
        let _ = self.queue.as_ref().map(|queue| queue.send(job));
        answered.recv().unwrap_or_else(|_| Err(ended()))
    }

    /// Does this on one of the threads. It is done even if the future is dropped.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut C) -> Result<T, LedgerError> + Send + 'static,
    ) -> Boxed<'static, Result<T, LedgerError>> {
        let (answer, answered) = oneshot::channel();
        let job: Job<C> = Box::new(move |connection| {
            // Whoever asked may be gone; then nobody needs the answer.
            let _ = answer.send(connection.and_then(job));
        });
        // A refused job is dropped with its sender, which the receiver then says.
        let _ = self.queue.as_ref().map(|queue| queue.send(job));
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(ended())) })
    }
}

impl<C> Drop for Workers<C> {
    /// Waits for the jobs that were asked, so that the last connection leaves one tidy file behind.
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve<C>(jobs: &Mutex<Receiver<Job<C>>>, open: &Open<C>) {
    let mut opened: Option<C> = None;
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        match &mut opened {
            Some(connection) => job(Ok(connection)),
            None => match open() {
                Ok(connection) => job(Ok(opened.insert(connection))),
                Err(why) => job(Err(why)),
            },
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LedgerError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map_err(|why| LedgerError::Unwritable(format!("no thread can be started for it: {why}")))
}

fn ended() -> LedgerError {
    LedgerError::Unwritable("its thread has ended; this is a defect of Steadfast, please report it".into())
}
