//! Forward proxies (RFC 9110, 7.3.2 and 9.3.6): a tunnel by CONNECT, the absolute form for what is not encrypted.
//!
//! The proxy is a part of how we look. That it is down says nothing of the target; that it cannot reach the target does.

use steadfast_core::finding::{Code, Side, codes, excerpt};
use steadfast_core::observation::Trouble;
use steadfast_core::secret::Secret;
use steadfast_core::world::World;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::dial::{Dialled, dial};
use crate::patience::within;
use crate::tls::{TlsSettings, handshake};

/// The proxy did not do its part.
pub const PROXY_FAILED: Code = Code {
    word: "proxy-failed",
    side: Side::Unknown,
    meaning: "the proxy that the look goes through is not there, does not speak HTTP, or will not pass us on (407, 403)",
    advice: "is the proxy up, are its credentials right, and does it allow this host and port?",
};

/// The proxy did its part, and found no target.
pub const NOT_THROUGH_PROXY: Code = Code {
    word: "not-through-proxy",
    side: Side::Fail,
    meaning: "the proxy answers that it cannot reach the target (a 5xx to CONNECT)",
    advice: "is the target up, and can the proxy's machine resolve and reach it?",
};

/// A proxy with everything resolved. It may hold a secret: it is never stored or shown.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Whether the proxy itself is spoken to by TLS.
    pub tls: bool,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The value of `Proxy-Authorization`.
    pub authorization: Option<Secret>,
}

/// A connection of whatever sort.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub(crate) type Wire = Box<dyn Duplex>;

impl Proxy {
    /// Connects to the proxy, through the World's routes as to anything else.
    pub(crate) async fn reach(&self, world: &World) -> Result<(Wire, Dialled<()>), Trouble> {
        let dialled = dial(world, &self.host, self.port).await.map_err(|trouble| self.blame(trouble))?;
        let (stream, dialled) = dialled.apart();
        if !self.tls {
            return Ok((Box::new(stream), dialled));
        }
        let settings = TlsSettings { roots: None, alpn: vec!["http/1.1"], identity: None };
        let shaken = handshake(world, &settings, &self.host, stream).await;
        let (stream, took) = shaken.map_err(|trouble| self.blame(trouble))?;
        Ok((Box::new(stream), Dialled { connect: dialled.connect + took, ..dialled }))
    }

    /// Asks for a tunnel to this host and port.
    pub(crate) async fn tunnel(&self, world: &World, wire: &mut Wire, host: &str, port: u16) -> Result<(), Trouble> {
        let authority = authority(host, port);
        let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(authorization) = &self.authorization {
            head = format!("{head}Proxy-Authorization: {}\r\n", authorization.expose());
        }
        head.push_str("\r\n");
        let sent = within(world, wire.write_all(head.as_bytes())).await?;
        sent.map_err(|why| self.blame(Trouble::of_io(&why)))?;
        let mut answer = Vec::new();
        loop {
            let read = within(world, wire.read_buf(&mut answer)).await?;
            let read = read.map_err(|why| self.blame(Trouble::of_io(&why)))?;
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                return self.verdict(&answer[..end], answer.len() - end - 4, &authority);
            }
            if read == 0 || answer.len() > LONGEST_HEAD {
                let what = if read == 0 { "it closed the connection" } else { "its answer has no end" };
                return Err(self.failed(format!("{what} when asked for a tunnel to {authority}")));
            }
        }
    }

    fn verdict(&self, head: &[u8], behind: usize, authority: &str) -> Result<(), Trouble> {
        let head = String::from_utf8_lossy(head);
        let line = head.lines().next().unwrap_or_default();
        let status =
            line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|word| word.parse::<u16>().ok());
        match status {
            Some(200..=299) if behind == 0 => Ok(()),
            Some(200..=299) => {
                Err(Trouble::new(codes::BAD_PROTOCOL, "bytes came through the tunnel before any was sent"))
            }
            Some(407) => {
                Err(self.failed("407: it wants credentials, or others: `proxy = { user, password }`".to_owned()))
            }
            Some(500..=599) => {
                let said = format!("asked for a tunnel to {authority}, {} said `{}`", self.shown(), excerpt(line, 100));
                Err(Trouble::new(NOT_THROUGH_PROXY, said))
            }
            Some(_) | None => {
                Err(self.failed(format!("asked for a tunnel to {authority}, it said `{}`", excerpt(line, 100))))
            }
        }
    }

    pub(crate) fn failed(&self, why: String) -> Trouble {
        Trouble::new(PROXY_FAILED, format!("{}: {why}", self.shown()))
    }

    /// What would be the target's fault is the proxy's here.
    fn blame(&self, trouble: Trouble) -> Trouble {
        match trouble.side() {
            Side::Fail => self.failed(format!("{}: {}", trouble.code, trouble.detail)),
            Side::Unknown => trouble,
        }
    }

    fn shown(&self) -> String {
        format!("proxy {}", authority(&self.host, self.port))
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

const LONGEST_HEAD: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, behind: usize, expected: &str) {
        let proxy = Proxy { tls: false, host: "proxy".into(), port: 3128, authorization: None };
        let said = match proxy.verdict(head.as_bytes(), behind, "shop.example:443") {
            Ok(()) => "open".to_owned(),
            Err(trouble) => format!("{} {:?}", trouble.code, trouble.side()),
        };
        assert_eq!(said, expected, "{head}");
    }

    #[test]
    fn what_a_proxy_answers_says_whose_fault_it_is() {
        check("HTTP/1.0 200 Connection established", 0, "open");
        check("HTTP/1.1 200 OK", 3, "bad-protocol Fail");
        check("HTTP/1.1 407 Proxy Authentication Required", 0, "proxy-failed Unknown");
        check("HTTP/1.1 403 Access violation", 40, "proxy-failed Unknown");
        check("HTTP/1.0 500 Unable to connect", 40, "not-through-proxy Fail");
        check("HTTP/1.1 503 Service Unavailable", 0, "not-through-proxy Fail");
        check("SSH-2.0-OpenSSH_9.9", 0, "proxy-failed Unknown");
        check("", 0, "proxy-failed Unknown");
    }
}
