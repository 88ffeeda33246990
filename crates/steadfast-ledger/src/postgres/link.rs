//! The way to the server: a connection that is made when it is needed, and made again when it is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use steadfast_core::ledger::LedgerError;
use steadfast_core::redact::Redactor;
use steadfast_postgres::address::{Address, Host};
use steadfast_postgres::password_file;
use steadfast_postgres::session::sign_in;
use steadfast_postgres::tls::Tls;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::session::{Refusal, Session};
use super::trouble::{self, Doing, Next};

/// How often a job is tried at most. Two writers that are in each other's way need two or three.
const MOST_TRIES: u32 = 20;

/// The first pause between two tries; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where the ledger is, and how long to wait for it.
pub(super) struct Server {
    address: Address,
    tls: Tls,
    patience: Duration,
    /// Why the password file was not used.
    unused: Option<String>,
    /// Knows the password, whatever the server repeats.
    redactor: Redactor,
}

impl Server {
    /// With the password from the password file, if none is known.
    pub(super) fn new(address: Address, patience: Duration) -> Result<Server, LedgerError> {
        let tls = Tls::of(&address).map_err(|why| LedgerError::Unreadable(format!("{address}: {why}")))?;
        let file = address.password_file.clone().filter(|_| address.password.is_none());
        let (mut address, unused) = match file.map(|file| password_file::read(&file)) {
            Some(Ok(Some(text))) => (address.with_password_from(&text), None),
            Some(Err(why)) => (address, Some(why)),
            Some(Ok(None)) | None => (address, None),
        };
        address.application_name.get_or_insert_with(|| "steadfast".to_owned());
        let redactor = Redactor::default();
        if let Some(password) = &address.password {
            redactor.learn(password);
        }
        Ok(Server { address, tls, patience, unused, redactor })
    }

    /// Its address, which prints without a password.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Why the password file was not used, if that is so.
    pub(super) fn unused(&self) -> Option<&str> {
        self.unused.as_deref()
    }

    /// Takes the password out of what the server says.
    pub(super) fn redacted(&self, text: String) -> String {
        self.redactor.text(&text).unwrap_or(text)
    }

    async fn connect(&self, doing: Doing, left: Duration) -> Result<Session, Refusal> {
        let bound = self.address.connect_timeout.unwrap_or(left).min(left);
        let connecting = async {
            let (client, moving) = match &self.address.host {
                Host::Tcp { name, port } => {
                    let stream = TcpStream::connect((name.as_str(), *port)).await.map_err(Refusal::Unreachable)?;
                    stream.set_nodelay(true).map_err(Refusal::Unreachable)?;
                    sign_in(stream, &self.address, self.tls.clone()).await.map_err(no_sign_in)?
                }
                Host::Unix { .. } => {
                    let socket = self.address.host.socket().unwrap_or_default();
                    let stream = UnixStream::connect(socket).await.map_err(Refusal::Unreachable)?;
                    sign_in(stream, &self.address, self.tls.clone()).await.map_err(no_sign_in)?
                }
            };
            // How it ends is what the next statement says.
            drop(tokio::spawn(moving));
            Session::new(client, self.patience, doing == Doing::Reading).await
        };
        timeout(bound, connecting).await.unwrap_or(Err(Refusal::Silent(bound)))
    }
}

/// A connection of one thread, with the runtime that moves it.
pub(super) struct Link {
    server: Arc<Server>,
    doing: Doing,
    /// None only while it is dropped.
    runtime: Option<Runtime>,
    session: Option<Session>,
    /// There was a connection once: a server that is gone now may come back.
    was_there: bool,
}

impl Link {
    /// Without a connection yet.
    pub(super) fn new(server: Arc<Server>, doing: Doing) -> Result<Link, LedgerError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| LedgerError::Unwritable(format!("no connection can be made: {why}")))?;
        Ok(Link { server, doing, runtime: Some(runtime), session: None, was_there: false })
    }

    /// Does a job, again if what kept it from being done will pass: within the patience, and [`MOST_TRIES`] times.
    pub(super) fn run<T>(
        &mut self,
        mut job: impl AsyncFnMut(&mut Session) -> Result<T, Refusal>,
    ) -> Result<T, LedgerError> {
        let Link { server, doing, runtime: Some(runtime), session, was_there } = self else {
            return Err(LedgerError::Unwritable("the connection is closed".into()));
        };
        runtime.block_on(async {
            let began = Instant::now();
            let mut pause = FIRST_PAUSE;
            for tries in 1.. {
                let left = server.patience.saturating_sub(began.elapsed());
                let refusal = match attempt(server, *doing, left, session, was_there, &mut job).await {
                    Ok(done) => return Ok(done),
                    Err(refusal) => refusal,
                };
                let again = match trouble::next(&refusal) {
                    Next::Again => true,
                    Next::AgainIfItWasThere => *was_there,
                    Next::GiveUp => false,
                };
                if !again || tries >= MOST_TRIES || began.elapsed() + pause > server.patience {
                    return Err(trouble::explain(refusal, server, *doing, tries));
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(LedgerError::Busy("it was tried too often".into()))
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Says goodbye to the server, if it still listens.
        self.session = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(tokio::task::yield_now());
            // A resolver that hangs is not waited for.
            runtime.shutdown_background();
        }
    }
}

/// The server's own words are told apart by their code.
fn no_sign_in(error: tokio_postgres::Error) -> Refusal {
    if error.code().is_some() { Refusal::Postgres(error) } else { Refusal::NoSignIn(error) }
}

async fn attempt<T>(
    server: &Server,
    doing: Doing,
    left: Duration,
    session: &mut Option<Session>,
    was_there: &mut bool,
    job: &mut impl AsyncFnMut(&mut Session) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut live = match session.take() {
        Some(live) => live,
        None => server.connect(doing, left).await?,
    };
    *was_there = true;
    match job(&mut live).await {
        Ok(done) => {
            *session = Some(live);
            Ok(done)
        }
        Err(refusal) => {
            // One that cannot even roll back is lost, and the next attempt makes another.
            if !trouble::is_lost(&refusal) && live.roll_back().await.is_ok() {
                *session = Some(live);
            }
            Err(refusal)
        }
    }
}
