//! Gets schemas from `http` and `https` addresses, for `--allow-remote`: one request for each, no redirect, bounded in
//! time, in size and in number, for a server may answer slowly, for ever, or with one more reference every time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;
use steadfast_contract::contract::Fetch;

/// For one document, from the name to the last byte.
const WAIT: Duration = Duration::from_secs(10);
/// For all documents of a contract.
const WAIT_FOR_ALL: Duration = Duration::from_secs(60);
/// Bytes of one answer.
const LARGEST: usize = 16 << 20;
/// Documents of one contract.
const DOCUMENTS: usize = 100;

/// What gets the documents of one contract.
pub(super) fn documents() -> Fetch {
    let last = Instant::now() + WAIT_FOR_ALL;
    let asked = AtomicUsize::new(0);
    Arc::new(move |address| {
        if asked.fetch_add(1, Ordering::Relaxed) >= DOCUMENTS {
            return Err(format!("not asked for: a contract of more than {DOCUMENTS} remote documents is not followed"));
        }
        if Instant::now() >= last {
            let seconds = WAIT_FOR_ALL.as_secs();
            return Err(format!("not asked for: the contract's remote documents took longer than {seconds} s"));
        }
        json(address, last.min(Instant::now() + WAIT))
    })
}

/// The JSON document at the address.
fn json(address: &str, until: Instant) -> Result<Value, String> {
    let url = url::Url::parse(address).map_err(|why| format!("no address: {why}"))?;
    let host = url.host_str().ok_or("no host in the address")?;
    let port = url.port_or_known_default().ok_or("no port in the address")?;
    let stream = Bounded { stream: connect(host.trim_matches(['[', ']']), port, until)?, until };
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let name = if url.port().is_some() { format!("{host}:{port}") } else { host.to_owned() };
    // HTTP/1.0: the answer ends with the connection, in one piece.
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {name}\r\nAccept: application/json\r\nConnection: close\r\n\r\n");
    let answer = if url.scheme() == "https" { over_tls(stream, host, &request) } else { exchange(stream, &request) }?;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("the answer is no HTTP")?;
    let head = String::from_utf8_lossy(&answer[..split]);
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("answered {status} instead of 200"));
    }
    let body = &answer[split + 4..];
    if header(&head, "transfer-encoding").is_some() {
        return Err("answered in chunks, which a request of HTTP/1.0 does not allow".to_owned());
    }
    if let Some(length) = header(&head, "content-length").and_then(|length| length.parse::<usize>().ok())
        && body.len() < length
    {
        return Err(format!("the answer broke off after {} of {length} bytes", body.len()));
    }
    serde_json::from_slice(body).map_err(|why| format!("the answer is no JSON: {why}"))
}

fn header<'h>(head: &'h str, wanted: &str) -> Option<&'h str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
}

/// The first of the host's addresses that answers.
fn connect(host: &str, port: u16, until: Instant) -> Result<TcpStream, String> {
    let left = || until.saturating_duration_since(Instant::now());
    // The system's resolver has no bound of its own: when time is up, nobody waits for it.
    let (sender, answer) = mpsc::channel();
    let name = host.to_owned();
    std::thread::spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Vec::from_iter);
        let _ = sender.send(found);
    });
    let found = answer.recv_timeout(left()).map_err(|_| format!("{host} is not found in {} s", WAIT.as_secs()))?;
    let found: Vec<SocketAddr> = found.map_err(|why| format!("{host} is not found: {why}"))?;
    let mut trouble = format!("{host} is not found");
    for place in found {
        // A wait of nothing is an error of its own.
        match TcpStream::connect_timeout(&place, left().max(Duration::from_millis(1))) {
            Ok(stream) => return Ok(stream),
            Err(why) => trouble = format!("{place}: {why}"),
        }
    }
    Err(trouble)
}

/// A connection that is given up when time is up, however often something comes.
struct Bounded {
    stream: TcpStream,
    until: Instant,
}

impl Bounded {
    fn left(&self) -> std::io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(into)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn over_tls(stream: Bounded, host: &str, request: &str) -> Result<Vec<u8>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(host.to_owned()).map_err(|why| why.to_string())?;
    let session = rustls::ClientConnection::new(Arc::new(config), name).map_err(|why| why.to_string())?;
    exchange(rustls::StreamOwned::new(session, stream), request)
}

fn exchange(mut stream: impl Read + Write, request: &str) -> Result<Vec<u8>, String> {
    let in_words = |why: std::io::Error| match why.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!("no whole answer in {} s", WAIT.as_secs()),
        _ => why.to_string(),
    };
    stream.write_all(request.as_bytes()).map_err(in_words)?;
    let mut answer = Vec::new();
    stream.take(LARGEST as u64 + 1).read_to_end(&mut answer).map_err(in_words)?;
    if answer.len() > LARGEST { Err("the answer is longer than 16 MiB".to_owned()) } else { Ok(answer) }
}
