//! HTTP/1.1 and HTTP/2 with the timings of every phase, on a dialer of our own.

use std::collections::HashMap;
use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use steadfast_core::finding::codes;
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Trouble;
use steadfast_core::secret::Secret;
use steadfast_core::world::World;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::body::Body;
use crate::decode::{self, decode};
use crate::dial::{Dialled, dial};
use crate::exchange::{Response, Timings};
use crate::head_bound::{Bounded, HeadBound};
use crate::identity::Identity;
use crate::patience::{try_within, within};
use crate::permits::HostPermits;
use crate::proxy::{Proxy, Wire, authority};
use crate::tls::{TlsSettings, handshake, of_handshake};

/// Which version of HTTP to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Speak {
    /// What the server picks by ALPN; HTTP/1.1 without TLS.
    #[default]
    Auto,
    /// HTTP/1.1.
    One,
    /// HTTP/2, without TLS by prior knowledge.
    Two,
}

/// A request with everything resolved. It may hold secrets: it is never stored or shown.
#[derive(Clone)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// Further headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How many redirects to follow.
    pub redirects: u32,
    /// Which version to speak.
    pub speak: Speak,
    /// Roots to trust instead of this machine's.
    pub roots: Option<PathBuf>,
    /// As curl's `--connect-to`: (host, port) to (host, port).
    pub connect_to: Vec<((String, u16), (String, u16))>,
    /// How many bytes of the decoded body to keep.
    pub body_limit: usize,
    /// Whether an open connection may be used again.
    pub keep_alive: bool,
    /// Whether to offer content codings.
    pub compressed: bool,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
    /// What to show if the server asks who we are.
    pub identity: Option<Identity>,
}

/// Asks, follows redirects, reads the answer up to the limit. The answer is redacted.
pub async fn ask(world: &World, ask: &Ask) -> Result<Response, Trouble> {
    let began = world.clock().elapsed();
    let mut next = ask.clone();
    let mut redirects = Vec::new();
    loop {
        let mut raw = once(world, &next).await?;
        let target = redirect_of(&raw, &next).filter(|_| redirects.len() < ask.redirects as usize);
        let Some(target) = target else {
            raw.timings.total = Lapse(world.clock().elapsed().saturating_sub(began));
            return raw.finish(world, ask, redirects);
        };
        redirects.push(target.to_string());
        next = redirected(next, &raw, target);
    }
}

/// The next address, if the answer is a redirect to somewhere that speaks HTTP.
fn redirect_of(raw: &RawResponse, ask: &Ask) -> Option<Url> {
    if !matches!(raw.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = raw.headers.get(header::LOCATION)?.to_str().ok()?;
    let target = ask.url.join(location).ok()?;
    (matches!(target.scheme(), "http" | "https") && target.host_str().is_some()).then_some(target)
}

fn redirected(mut ask: Ask, raw: &RawResponse, target: Url) -> Ask {
    if target.origin() != ask.url.origin() {
        // Credentials are for the host that they were meant for.
        for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST] {
            ask.headers.remove(name);
        }
        ask.identity = None;
    }
    // RFC 9110, 15.4: 303 turns everything but HEAD into GET; 301 and 302 do so for POST.
    let to_get = raw.status == 303 && ask.method != Method::HEAD
        || matches!(raw.status, 301 | 302) && ask.method == Method::POST;
    if to_get {
        ask.method = Method::GET;
        ask.body = Bytes::new();
        ask.headers.remove(header::CONTENT_TYPE);
    }
    ask.url = target;
    ask
}

struct RawResponse {
    status: u16,
    version: Version,
    headers: HeaderMap,
    body: Vec<u8>,
    cut: bool,
    remote: String,
    timings: Timings,
}

impl RawResponse {
    fn finish(self, world: &World, ask: &Ask, redirects: Vec<String>) -> Result<Response, Trouble> {
        let codings: Vec<&str> =
            self.headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok()).collect();
        let decoded = decode(&codings.join(","), self.body, self.cut, ask.body_limit)?;
        let size = decoded.bytes.len() as u64;
        let redactor = world.redactor();
        let clean = if decoded.cut { redactor.cut_bytes(&decoded.bytes) } else { redactor.bytes(&decoded.bytes) };
        let text =
            |value: &[u8]| String::from_utf8_lossy(&redactor.bytes(value).unwrap_or(value.to_vec())).into_owned();
        Ok(Response {
            status: self.status,
            version: match self.version {
                Version::HTTP_2 => "HTTP/2".to_owned(),
                other => format!("{other:?}"),
            },
            headers: self.headers.iter().map(|(name, v)| (name.as_str().to_owned(), text(v.as_bytes()))).collect(),
            body: Body::new(clean.unwrap_or(decoded.bytes)),
            cut: decoded.cut,
            size,
            redirects: redirects.iter().map(|url| text(url.as_bytes())).collect(),
            remote: self.remote,
            timings: self.timings,
        })
    }
}

async fn once(world: &World, ask: &Ask) -> Result<RawResponse, Trouble> {
    let (host, port) = endpoint(&ask.url)?;
    let _permit = HostPermits::enter(world, &host).await?;
    let key = Origin {
        host: host.clone(),
        port,
        tls: ask.url.scheme() == "https",
        speak: ask.speak,
        roots: ask.roots.clone(),
        identity: ask.identity.clone(),
        proxy: ask.proxy.as_ref().map(|proxy| (proxy.host.clone(), proxy.port)),
    };
    if ask.keep_alive
        && let Some(mut open) = Pool::take(world, &key)
    {
        match open.send(world, ask).await {
            Ok(raw) => {
                Pool::put(world, key, open);
                return Ok(raw);
            }
            // The server closed it while it was idle: that says nothing about its health.
            Err(stale) if stale.code == codes::RESET.word => {}
            Err(trouble) => return Err(trouble),
        }
    }
    let (dial_host, dial_port) = connect_to(ask, &host, port);
    if let Some(proxy) = &ask.proxy {
        return through(world, ask, proxy, key, (&dial_host, dial_port)).await;
    }
    let (stream, dialled) = dial(world, &dial_host, dial_port).await?.apart();
    let opened = Opened::of(&dialled);
    if !key.tls {
        return converse(world, ask, key, stream, opened, ask.speak == Speak::Two).await;
    }
    let (stream, opened, two) = encrypted(world, ask, &host, stream, opened).await?;
    converse(world, ask, key, stream, opened, two).await
}

/// Goes through a proxy. The target has to be in this World as the proxy has to: else a closed World would be left by
/// asking somebody else to dial.
async fn through(
    world: &World,
    ask: &Ask,
    proxy: &Proxy,
    key: Origin,
    (host, port): (&str, u16),
) -> Result<RawResponse, Trouble> {
    let (host, port) = world.route(host, port)?;
    let (mut wire, dialled) = proxy.reach(world).await?;
    let mut opened = Opened::of(&dialled);
    if !key.tls && ask.speak != Speak::Two {
        let authorization = proxy.authorization.clone();
        opened.forward = Some(Forward { authority: authority(&host, port), authorization });
        let raw = converse(world, ask, key, wire, opened, false).await?;
        if raw.status == 407 {
            return Err(proxy.failed("407: it wants credentials, or others: `proxy = { user, password }`".to_owned()));
        }
        return Ok(raw);
    }
    let began = world.clock().elapsed();
    proxy.tunnel(world, &mut wire, &host, port).await?;
    opened.connect += world.clock().elapsed().saturating_sub(began);
    if !key.tls {
        return converse(world, ask, key, wire, opened, true).await;
    }
    let name = key.host.clone();
    let (stream, opened, two) = encrypted(world, ask, &name, wire, opened).await?;
    converse(world, ask, key, Box::new(stream) as Wire, opened, two).await
}

/// Makes the handshake with the target; also says whether HTTP/2 was agreed on.
async fn encrypted<S: AsyncRead + AsyncWrite + Unpin>(
    world: &World,
    ask: &Ask,
    host: &str,
    stream: S,
    opened: Opened,
) -> Result<(TlsStream<S>, Opened, bool), Trouble> {
    let alpn = match ask.speak {
        Speak::Auto => vec!["h2", "http/1.1"],
        Speak::One => vec!["http/1.1"],
        Speak::Two => vec!["h2"],
    };
    let settings = TlsSettings { roots: ask.roots.clone(), alpn, identity: ask.identity.clone() };
    let (stream, tls) = handshake(world, &settings, host, stream).await?;
    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    if ask.speak == Speak::Two && !two {
        return Err(Trouble::new(codes::BAD_PROTOCOL, "the server does not offer HTTP/2 (no ALPN h2)"));
    }
    Ok((stream, Opened { tls, ..opened }, two))
}

struct Opened {
    remote: String,
    dns: Duration,
    connect: Duration,
    tls: Duration,
    forward: Option<Forward>,
}

impl Opened {
    fn of(dialled: &Dialled<()>) -> Opened {
        Opened {
            remote: dialled.remote.to_string(),
            dns: dialled.dns,
            connect: dialled.connect,
            tls: Duration::ZERO,
            forward: None,
        }
    }
}

/// What a proxy has to be told with every request that it passes on in the clear (RFC 9112, 3.2.2).
#[derive(Clone)]
struct Forward {
    /// Where the target really is.
    authority: String,
    authorization: Option<Secret>,
}

async fn converse<S>(
    world: &World,
    ask: &Ask,
    key: Origin,
    stream: S,
    opened: Opened,
    two: bool,
) -> Result<RawResponse, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let bound = HeadBound::new();
    let io = TokioIo::new(Bounded { stream, bound: bound.clone() });
    let mut raw = if two {
        let shaken = within(world, http2::handshake(TokioExecutor::new(), io)).await?;
        let (sender, connection) = shaken.map_err(|why| of_hyper(&why))?;
        let driver = tokio::spawn(connection);
        // Frames have bounds of their own.
        bound.lift();
        let mut open = Open { sender: Sender::Two(sender), bound: None, remote: opened.remote.clone(), forward: None };
        let raw = open.send(world, ask).await;
        if ask.keep_alive && raw.is_ok() {
            Pool::put(world, key, open);
        } else {
            driver.abort();
        }
        raw?
    } else {
        let mut builder = http1::Builder::new();
        builder.max_headers(1000).max_buf_size(256 << 10);
        let shaken = within(world, builder.handshake(io)).await?;
        let (sender, connection) = shaken.map_err(|why| of_hyper(&why))?;
        let mut open = Open {
            sender: Sender::One(sender),
            bound: Some(bound),
            remote: opened.remote.clone(),
            forward: opened.forward.clone(),
        };
        if ask.keep_alive {
            tokio::spawn(connection);
            let raw = open.send(world, ask).await;
            if raw.is_ok() {
                Pool::put(world, key, open);
            }
            raw?
        } else {
            // The connection is driven by this very task: no second one to wake.
            let driver = async {
                let parts = connection.without_shutdown().await;
                match parts {
                    Ok(parts) if !parts.read_buf.is_empty() => Some(Trouble::new(
                        codes::BAD_LENGTH,
                        format!("{} bytes came after the answer's stated end", parts.read_buf.len()),
                    )),
                    // Whatever ended it, the exchange knows better.
                    Ok(_) | Err(_) => None,
                }
            };
            let exchange = async {
                let raw = open.send(world, ask).await;
                drop(open);
                raw
            };
            drive(exchange, driver).await?
        }
    };
    raw.timings.dns = Lapse(opened.dns);
    raw.timings.connect = Lapse(opened.connect);
    raw.timings.tls = Lapse(opened.tls);
    Ok(raw)
}

/// Runs the exchange while the connection is driven; afterwards the connection may object to what was left over.
async fn drive(
    exchange: impl Future<Output = Result<RawResponse, Trouble>>,
    driver: impl Future<Output = Option<Trouble>>,
) -> Result<RawResponse, Trouble> {
    let mut driver = std::pin::pin!(driver);
    let mut exchange = std::pin::pin!(exchange);
    let mut ended = None;
    let raw = loop {
        tokio::select! {
            biased;
            raw = &mut exchange => break raw?,
            objection = &mut driver, if ended.is_none() => ended = Some(objection),
        }
    };
    // A response that was read to its end lets go of the connection at once; one that was cut has to be abandoned.
    if raw.cut {
        return Ok(raw);
    }
    let objection = match ended {
        Some(objection) => objection,
        None => {
            std::future::poll_fn(|context| match driver.as_mut().poll(context) {
                std::task::Poll::Ready(objection) => std::task::Poll::Ready(objection),
                std::task::Poll::Pending => std::task::Poll::Ready(None),
            })
            .await
        }
    };
    match objection {
        Some(trouble) => Err(trouble),
        None => Ok(raw),
    }
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// An open connection.
struct Open {
    sender: Sender,
    bound: Option<HeadBound>,
    remote: String,
    forward: Option<Forward>,
}

impl Open {
    async fn send(&mut self, world: &World, ask: &Ask) -> Result<RawResponse, Trouble> {
        let clock = world.clock();
        let began = clock.elapsed();
        let request = request(ask, matches!(self.sender, Sender::Two(_)), self.forward.as_ref())?;
        self.bound.iter().for_each(HeadBound::set);
        let answered = try_within(world, async {
            let answer = match &mut self.sender {
                Sender::One(sender) => {
                    sender.ready().await.map_err(|why| of_hyper(&why))?;
                    sender.send_request(request).await
                }
                Sender::Two(sender) => {
                    sender.ready().await.map_err(|why| of_hyper(&why))?;
                    sender.send_request(request).await
                }
            };
            answer.map_err(|why| of_hyper(&why))
        });
        let response = answered.await?;
        self.bound.iter().for_each(HeadBound::lift);
        let first_byte = clock.elapsed().saturating_sub(began);
        let (head, incoming) = response.into_parts();
        let (body, cut) = try_within(world, read_body(incoming, ask.body_limit)).await?;
        Ok(RawResponse {
            status: head.status.as_u16(),
            version: head.version,
            headers: head.headers,
            body,
            cut,
            remote: self.remote.clone(),
            timings: Timings {
                dns: Lapse(Duration::ZERO),
                connect: Lapse(Duration::ZERO),
                tls: Lapse(Duration::ZERO),
                first_byte: Lapse(first_byte),
                total: Lapse(Duration::ZERO),
            },
        })
    }

    fn is_open(&self) -> bool {
        match &self.sender {
            Sender::One(sender) => !sender.is_closed(),
            Sender::Two(sender) => !sender.is_closed(),
        }
    }
}

async fn read_body(mut incoming: Incoming, limit: usize) -> Result<(Vec<u8>, bool), Trouble> {
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|why| of_body(&why))?;
        if let Ok(data) = frame.into_data() {
            let room = limit - body.len();
            body.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok((body, true));
            }
        }
    }
    Ok((body, false))
}

fn request(ask: &Ask, two: bool, forward: Option<&Forward>) -> Result<Request<Full<Bytes>>, Trouble> {
    let url = &ask.url;
    let uri = if let Some(forward) = forward {
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        format!("http://{}{}", forward.authority, if path.is_empty() { "/" } else { path })
    } else if two {
        url[..url::Position::AfterQuery].to_owned()
    } else {
        url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
    };
    let mut request = Request::builder()
        .method(ask.method.clone())
        .uri(if uri.is_empty() { "/".to_owned() } else { uri })
        .body(Full::new(ask.body.clone()))
        .map_err(|why| Trouble::new(codes::LOCAL_TROUBLE, why.to_string()))?;
    let headers = request.headers_mut();
    *headers = ask.headers.clone();
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &str| {
        if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    };
    if !two {
        set(headers, header::HOST, &url[url::Position::BeforeHost..url::Position::AfterPort]);
    }
    if let Some(authorization) = forward.and_then(|forward| forward.authorization.as_ref()) {
        set(headers, header::PROXY_AUTHORIZATION, authorization.expose());
    }
    set(headers, header::USER_AGENT, concat!("steadfast/", env!("CARGO_PKG_VERSION")));
    set(headers, header::ACCEPT, "*/*");
    if ask.compressed {
        set(headers, header::ACCEPT_ENCODING, decode::ACCEPTED);
    }
    Ok(request)
}

fn endpoint(url: &Url) -> Result<(String, u16), Trouble> {
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => Ok((host.trim_matches(['[', ']']).to_owned(), port)),
        (_, _) => Err(Trouble::new(codes::LOCAL_TROUBLE, "an address without a host")),
    }
}

fn connect_to(ask: &Ask, host: &str, port: u16) -> (String, u16) {
    let found = ask.connect_to.iter().find(|((from, from_port), _)| {
        (from.is_empty() || from.eq_ignore_ascii_case(host)) && (*from_port == 0 || *from_port == port)
    });
    match found {
        Some((_, (to, to_port))) => {
            (if to.is_empty() { host.to_owned() } else { to.clone() }, if *to_port == 0 { port } else { *to_port })
        }
        None => (host.to_owned(), port),
    }
}

fn of_body(why: &hyper::Error) -> Trouble {
    match io_of(why) {
        Some(io) if io.kind() == io::ErrorKind::UnexpectedEof => {
            Trouble::new(codes::BAD_LENGTH, "the connection was closed before the answer's stated end")
        }
        _ if why.is_incomplete_message() => {
            Trouble::new(codes::BAD_LENGTH, "the connection was closed before the answer's stated end")
        }
        _ => of_hyper(why),
    }
}

fn of_hyper(why: &hyper::Error) -> Trouble {
    use io::ErrorKind as K;
    if why.is_parse() {
        return Trouble::new(codes::BAD_PROTOCOL, chain(why));
    }
    if why.is_incomplete_message() || why.is_closed() || why.is_canceled() {
        return Trouble::new(codes::RESET, "the connection was closed before a complete answer");
    }
    match io_of(why) {
        // With TLS 1.3 the server refuses our certificate, or that there is none, after the handshake.
        Some(io) if io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => of_handshake(io),
        // What the system says has a number; a chunk that is none, and an endless header, have a word.
        Some(io) if io.raw_os_error().is_none() && matches!(io.kind(), K::InvalidData | K::InvalidInput) => {
            Trouble::new(codes::BAD_PROTOCOL, io.to_string())
        }
        Some(io) => Trouble::of_io(io),
        None => Trouble::new(codes::BAD_PROTOCOL, chain(why)),
    }
}

fn io_of(why: &hyper::Error) -> Option<&io::Error> {
    let mut source = why.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io);
        }
        source = inner.source();
    }
    None
}

fn chain(why: &hyper::Error) -> String {
    let mut words = why.to_string();
    let mut source = why.source();
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    words
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Origin {
    host: String,
    port: u16,
    tls: bool,
    speak: Speak,
    roots: Option<PathBuf>,
    identity: Option<Identity>,
    proxy: Option<(String, u16)>,
}

/// Open connections by origin, shared by all looks of a World.
#[derive(Default)]
struct Pool(Mutex<HashMap<Origin, Vec<Open>>>);

impl Pool {
    fn take(world: &World, key: &Origin) -> Option<Open> {
        let pool: Arc<Pool> = world.resource();
        let mut open = pool.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let idle = open.get_mut(key)?;
        while let Some(connection) = idle.pop() {
            if connection.is_open() {
                return Some(connection);
            }
        }
        None
    }

    fn put(world: &World, key: Origin, connection: Open) {
        let pool: Arc<Pool> = world.resource();
        let mut open = pool.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let idle = open.entry(key).or_default();
        if idle.len() < world.limits().per_host {
            idle.push(connection);
        }
    }
}
