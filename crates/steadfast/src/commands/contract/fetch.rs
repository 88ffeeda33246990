//! Gets a schema from an `http` or `https` address, for `--allow-remote`: one request, no redirect, bounded in time and size.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

const WAIT: Duration = Duration::from_secs(10);
const LARGEST: u64 = 16 << 20;

/// The JSON document at the address.
pub(super) fn json(address: &str) -> Result<Value, String> {
    let url = url::Url::parse(address).map_err(|why| format!("no address: {why}"))?;
    let host = url.host_str().ok_or("no host in the address")?;
    let port = url.port_or_known_default().ok_or("no port in the address")?;
    let mut found = (host, port).to_socket_addrs().map_err(|why| format!("{host} is not found: {why}"))?;
    let place = found.next().ok_or_else(|| format!("{host} is not found"))?;
    let stream = TcpStream::connect_timeout(&place, WAIT).map_err(|why| format!("{place}: {why}"))?;
    for set in [stream.set_read_timeout(Some(WAIT)), stream.set_write_timeout(Some(WAIT))] {
        set.map_err(|why| why.to_string())?;
    }
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    // HTTP/1.0: the answer ends with the connection, in one piece.
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\nConnection: close\r\n\r\n");
    let answer = if url.scheme() == "https" { over_tls(stream, host, &request) } else { exchange(stream, &request) }?;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("the answer is no HTTP")?;
    let head = String::from_utf8_lossy(&answer[..split]);
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("answered {status} instead of 200"));
    }
    serde_json::from_slice(&answer[split + 4..]).map_err(|why| format!("the answer is no JSON: {why}"))
}

fn over_tls(stream: TcpStream, host: &str, request: &str) -> Result<Vec<u8>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(host.to_owned()).map_err(|why| why.to_string())?;
    let session = rustls::ClientConnection::new(Arc::new(config), name).map_err(|why| why.to_string())?;
    exchange(rustls::StreamOwned::new(session, stream), request)
}

fn exchange(mut stream: impl Read + Write, request: &str) -> Result<Vec<u8>, String> {
    stream.write_all(request.as_bytes()).map_err(|why| why.to_string())?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).map_err(|why| why.to_string())?;
    if answer.len() as u64 == LARGEST { Err("the answer is longer than 16 MiB".to_owned()) } else { Ok(answer) }
}
