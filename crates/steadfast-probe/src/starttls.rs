//! From plain text to TLS on one connection: what each protocol wants to hear before the handshake.

use steadfast_core::finding::{codes, excerpt};
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::patience::within;

/// A protocol that begins in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// RFC 3207.
    Smtp,
    /// RFC 9051, 6.2.1.
    Imap,
    /// The `SSLRequest` of PostgreSQL's protocol 3.
    Postgres,
}

/// Asks the server to speak TLS from the next byte on. The handshake is the caller's.
pub async fn upgrade(world: &World, stream: &mut TcpStream, protocol: Upgrade) -> Result<(), Trouble> {
    match protocol {
        Upgrade::Smtp => smtp(world, stream).await,
        Upgrade::Imap => imap(world, stream).await,
        Upgrade::Postgres => postgres(world, stream).await,
    }
}

async fn smtp(world: &World, stream: &mut TcpStream) -> Result<(), Trouble> {
    // All lines of a reply but the last have a hyphen behind their code (RFC 5321, 4.2.1).
    let is_last = |line: &str| line.as_bytes().get(3) != Some(&b'-');
    let greeting = reply(world, stream, is_last).await?;
    if !greeting.starts_with("220") {
        return Err(unexpected("the greeting", "220", &greeting));
    }
    send(world, stream, b"EHLO steadfast.invalid\r\n").await?;
    let extensions = reply(world, stream, is_last).await?;
    if !extensions.starts_with("250") {
        return Err(unexpected("the answer to EHLO", "250", &extensions));
    }
    if !extensions.lines().any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"))) {
        return Err(not_offered("STARTTLS is not among the extensions of the mail server", &extensions));
    }
    send(world, stream, b"STARTTLS\r\n").await?;
    let ready = reply(world, stream, is_last).await?;
    if ready.starts_with("220") { Ok(()) } else { Err(not_offered("STARTTLS was refused", &ready)) }
}

async fn imap(world: &World, stream: &mut TcpStream) -> Result<(), Trouble> {
    let greeting = reply(world, stream, |_| true).await?;
    if !greeting.starts_with("* OK") {
        return Err(unexpected("the greeting", "* OK", &greeting));
    }
    send(world, stream, b"a1 STARTTLS\r\n").await?;
    let ready = reply(world, stream, |line| line.starts_with("a1 ")).await?;
    let last = ready.lines().last().unwrap_or_default();
    if last.starts_with("a1 OK") { Ok(()) } else { Err(not_offered("STARTTLS was refused", last)) }
}

async fn postgres(world: &World, stream: &mut TcpStream) -> Result<(), Trouble> {
    // Length 8, request code 80877103.
    send(world, stream, &[0, 0, 0, 8, 4, 210, 22, 47]).await?;
    let mut answer = [0; 2];
    let read = within(world, stream.read(&mut answer)).await?.map_err(|why| Trouble::of_io(&why))?;
    match answer.get(..read).unwrap_or_default() {
        [b'S'] => Ok(()),
        [b'N'] => Err(not_offered("the server does not speak TLS (`ssl = off`)", "N")),
        [] => Err(closed()),
        other => Err(unexpected("the answer to the SSLRequest", "S", &String::from_utf8_lossy(other))),
    }
}

/// Reads lines up to the last one of a reply. Bytes behind it would have come from somebody who can write into the
/// plain text, to be taken for encrypted ones (CVE-2011-0411).
async fn reply(world: &World, stream: &mut TcpStream, is_last: impl Fn(&str) -> bool) -> Result<String, Trouble> {
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        if bytes.len() > LONGEST_REPLY {
            return Err(Trouble::new(codes::BAD_PROTOCOL, "a reply without an end before the handshake"));
        }
        if within(world, stream.read_buf(&mut bytes)).await?.map_err(|why| Trouble::of_io(&why))? == 0 {
            return Err(if bytes.is_empty() { closed() } else { unexpected("a reply", "a line", &lossy(&bytes)) });
        }
        let mut from = 0;
        while let Some(length) = bytes.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
            let to = from + length + 1;
            if is_last(lossy(&bytes[from..to]).trim_end()) {
                if to < bytes.len() {
                    return Err(Trouble::new(codes::BAD_PROTOCOL, "bytes came in plain text before the handshake"));
                }
                return Ok(lossy(&bytes));
            }
            from = to;
        }
    }
}

const LONGEST_REPLY: usize = 64 << 10;

async fn send(world: &World, stream: &mut TcpStream, bytes: &[u8]) -> Result<(), Trouble> {
    within(world, stream.write_all(bytes)).await?.map_err(|why| Trouble::of_io(&why))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn closed() -> Trouble {
    Trouble::new(codes::RESET, "the target closed the connection before the handshake")
}

fn unexpected(what: &str, expected: &str, seen: &str) -> Trouble {
    Trouble::new(codes::BAD_PROTOCOL, format!("{what} is not `{expected}`: {}", excerpt(seen.trim_end(), 200)))
}

fn not_offered(what: &str, seen: &str) -> Trouble {
    Trouble::new(codes::TLS_FAILED, format!("{what}: {}", excerpt(seen.trim_end(), 200)))
}
