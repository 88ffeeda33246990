//! The status-code probe of the demo: does what many do, a GET, and looks at the number alone.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What such a probe knows.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) took: Duration,
}

/// Asks.
pub(super) fn ask(address: SocketAddr, path: &str) -> Result<Told, String> {
    let began = Instant::now();
    let status = status(address, path).map_err(|why| format!("GET {path}: {why}"))?;
    Ok(Told { status, took: began.elapsed() })
}

fn status(address: SocketAddr, path: &str) -> Result<u16, String> {
    let bound = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, bound).map_err(|why| why.to_string())?;
    stream.set_read_timeout(Some(bound)).map_err(|why| why.to_string())?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|why| why.to_string())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(|why| why.to_string())?;
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| format!("no status in `{line}`"))
}
