//! The shop: a small real HTTP server on loopback over a SQLite database, with a TLS listener and a folder of backups.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use tokio::sync::watch;

use super::pages::{self, Rooms};
use super::{certificates, database};

/// The HTTP port that `examples/` point at.
pub(super) const PORT: u16 = 18_080;
/// The TLS listener's port lies this far above the other.
pub(super) const TLS_ABOVE: u16 = 363;

/// A shop that is open until it is dropped.
pub(super) struct Shop {
    folder: PathBuf,
    http: SocketAddr,
    tls: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Listeners without a shop behind them yet.
pub(super) struct Premises {
    http: TcpListener,
    tls: TcpListener,
}

impl Premises {
    /// Takes this port and the one for TLS, or two free ones.
    pub(super) fn take(port: Option<u16>) -> Result<Premises, String> {
        let bind = |port: u16| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .map_err(|why| format!("cannot listen on 127.0.0.1:{port}: {why}\ntake another port with --port"))?;
            listener.set_nonblocking(true).map(|()| listener).map_err(|why| why.to_string())
        };
        let tls = match port {
            Some(port) => port
                .checked_add(TLS_ABOVE)
                .ok_or(format!("--port {port} is too high: TLS takes {TLS_ABOVE} above it"))?,
            None => 0,
        };
        Ok(Premises { http: bind(port.unwrap_or(0))?, tls: bind(tls)? })
    }
}

impl Shop {
    /// Fills an empty folder with all that a shop needs and opens it.
    pub(super) fn open(folder: &Path, premises: Premises) -> Result<Shop, String> {
        let io = |what: &Path| format!("cannot write {}", what.display());
        let (templates, tls, backups) = (folder.join("templates"), folder.join("tls"), folder.join("backups"));
        for room in [&templates, &tls, &backups] {
            std::fs::create_dir_all(room).map_err(|why| format!("{}: {why}", io(room)))?;
        }
        for (name, text) in [pages::FRAME, pages::DESIGN] {
            std::fs::write(templates.join(name), text).map_err(|why| format!("{}: {why}", io(&templates)))?;
        }
        let database = folder.join("shop.db");
        database::fill(&database).map_err(|why| format!("{}: {why}", io(&database)))?;
        certificates::write(&tls)?;
        back_up(&database, &backups)?;

        let address = |listener: &TcpListener| listener.local_addr().map_err(|why| why.to_string());
        let (http, secure) = (address(&premises.http)?, address(&premises.tls)?);
        let rooms = Rooms { database, templates };
        let served = tls.join(certificates::SERVED);
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|why| format!("cannot start the shop: {why}"))?;
        let thread = std::thread::Builder::new()
            .name("shop".into())
            .spawn(move || runtime.block_on(serve(premises, rooms, served, stopped)))
            .map_err(|why| format!("cannot start the shop: {why}"))?;
        Ok(Shop { folder: folder.to_owned(), http, tls: secure, stop, thread: Some(thread) })
    }

    /// The folder that holds its database, templates, certificates and backups.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where it answers in the clear.
    pub(super) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where it answers over TLS.
    pub(super) fn tls(&self) -> SocketAddr {
        self.tls
    }

    /// Its database.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("shop.db")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Three dated dumps, the newest of now.
pub(super) fn back_up(database: &Path, backups: &Path) -> Result<(), String> {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    for days_ago in 0..3_i64 {
        let file = backups.join(format!("shop-{}.db", today.saturating_sub(days_ago.days())));
        match std::fs::remove_file(&file) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(format!("{}: {why}", file.display())),
            Ok(()) | Err(_) => {}
        }
        database::copy(database, &file).map_err(|why| format!("{}: {why}", file.display()))?;
    }
    Ok(())
}

/// Accepts until told to stop; what is still being answered then is dropped.
async fn serve(premises: Premises, rooms: Rooms, served: PathBuf, mut stopped: watch::Receiver<bool>) {
    let listeners = (tokio::net::TcpListener::from_std(premises.http), tokio::net::TcpListener::from_std(premises.tls));
    let (Ok(http), Ok(tls)) = listeners else { return };
    let mut answering = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            Ok((stream, _)) = http.accept() => {
                answering.spawn(converse(TokioIo::new(stream), rooms.clone()));
            }
            Ok((stream, _)) = tls.accept() => {
                let (rooms, served) = (rooms.clone(), served.clone());
                answering.spawn(async move {
                    // Read for every connection, so that a swapped certificate is served at once.
                    let Ok(config) = certificates::server(&served) else { return };
                    if let Ok(stream) = tokio_rustls::TlsAcceptor::from(config).accept(stream).await {
                        converse(TokioIo::new(stream), rooms).await;
                    }
                });
            }
            Some(_) = answering.join_next() => {}
        }
    }
}

async fn converse<S>(stream: S, rooms: Rooms)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&rooms, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    // A client that goes away is no concern of the shop's.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(stream, service).await;
}

fn respond(rooms: &Rooms, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = Response::new(Full::new(Bytes::from_static(b"only GET and HEAD\n")));
        *refusal.status_mut() = hyper::StatusCode::METHOD_NOT_ALLOWED;
        return refusal;
    }
    let answer = pages::answer(rooms, request.uri().path());
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        hyper::StatusCode::from_u16(answer.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(answer.content_type));
    response
}
