//! DNS (RFC 1035): one question to one server, over UDP with TCP for what does not fit, over TCP, or over TLS
//! (RFC 7858). The bytes are hickory's to read; dialling, waiting and distrust are ours.

pub mod message;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use steadfast_core::finding::{Side, codes};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use self::message::{Asked, Query, Received, Reply};
use crate::dial::{dial, packets};
use crate::tls::{TlsSettings, handshake};

steadfast_core::words! {
    /// How a server is asked.
    pub enum Transport {
        /// UDP; what does not fit is asked again over TCP.
        Udp = "udp",
        /// TCP alone.
        Tcp = "tcp",
        /// DNS over TLS (RFC 7858).
        Tls = "tls",
    }
}

impl Transport {
    /// The port that is meant when none is written.
    pub fn port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 53,
            Transport::Tls => 853,
        }
    }
}

/// A server that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address or name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is asked.
    pub transport: Transport,
    /// The name on its certificate, if that is not the host.
    pub server_name: Option<String>,
    /// A PEM file of the only roots to trust, for TLS.
    pub roots: Option<PathBuf>,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoReply {
    /// The server answered that it does not answer this: SERVFAIL, REFUSED and the like.
    Declined(String),
    /// The server could not read the question (FORMERR, NOTIMP).
    Unread(String),
    /// Nobody answered.
    Silent(String),
    /// What came is no DNS message, or no answer to this question.
    Garbled(String),
    /// Something that has its own name: a certificate, this machine's network, the run's deadline.
    Other(Trouble),
}

impl From<NoReply> for Trouble {
    /// A resolver that says nothing about a name leaves it unknown.
    fn from(none: NoReply) -> Trouble {
        match none {
            NoReply::Declined(detail)
            | NoReply::Unread(detail)
            | NoReply::Silent(detail)
            | NoReply::Garbled(detail) => Trouble::new(codes::RESOLVER_FAILED, detail),
            NoReply::Other(trouble) => trouble,
        }
    }
}

/// How long a server is waited for over UDP before it is asked again: packets do get lost. In all as long as the C
/// library waits for a server.
const TRIES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(2)];

/// How long it is waited for over a connection, which has its own repeats.
const CONNECTED: Duration = Duration::from_secs(4);

/// The largest packet that UDP can bring.
const LARGEST: usize = 65_535;

/// Asks one server one question. `recursive` asks it to ask others.
pub async fn ask(world: &World, server: &Server, query: &Query) -> Result<Reply, NoReply> {
    let began = world.clock().elapsed();
    let mut reply = match exchange(world, server, &query.ask()).await {
        // A server that is older than EDNS stumbles over it, and answers without it (RFC 6891, 7).
        Err(NoReply::Unread(_)) => exchange(world, server, &query.ask_plainly()).await?,
        other => other?,
    };
    reply.took = world.clock().elapsed().saturating_sub(began);
    Ok(reply)
}

async fn exchange(world: &World, server: &Server, asked: &Asked) -> Result<Reply, NoReply> {
    match server.transport {
        Transport::Udp => match over_udp(world, server, asked).await? {
            Received { reply, truncated: false } => Ok(reply),
            Received { reply: _, truncated: true } => over_tcp(world, server, asked).await,
        },
        Transport::Tcp => over_tcp(world, server, asked).await,
        Transport::Tls => over_tls(world, server, asked).await,
    }
}

/// Asks servers in their order until one replies; what kept the last one from it otherwise.
pub async fn ask_any(world: &World, servers: &[Server], query: &Query) -> Result<(Server, Reply), NoReply> {
    let mut last = NoReply::Silent("no resolver to ask".into());
    for server in servers {
        match ask(world, server, query).await {
            Ok(reply) => return Ok((server.clone(), reply)),
            Err(none) => last = none,
        }
    }
    Err(last)
}

async fn over_udp(world: &World, server: &Server, asked: &Asked) -> Result<Received, NoReply> {
    let dialled = wait(world, CONNECTED, packets(world, &server.host, server.port)).await?;
    let link = dialled.map_err(of_trouble)?;
    let at = link.remote;
    let broken = |why: std::io::Error| of_trouble(Trouble::of_io(&why)).at(&at.to_string());
    let mut buffer = vec![0; LARGEST];
    let mut ignored = 0_usize;
    for patience in TRIES {
        // The same packet, as the C library does it: a late answer to the first is one to the second, too.
        link.socket.send(&asked.bytes).await.map_err(broken)?;
        let end = world.clock().elapsed().saturating_add(patience);
        loop {
            let left = end.saturating_sub(world.clock().elapsed());
            // A flood of wrong answers always has one ready: the time is over all the same.
            if left.is_zero() {
                break;
            }
            let length = match wait(world, left, link.socket.recv(&mut buffer)).await {
                Ok(received) => received.map_err(broken)?,
                Err(NoReply::Silent(_)) => break,
                Err(other) => return Err(other),
            };
            // Whoever cannot read our packets has to guess: a wrong guess is no answer, and no end (RFC 5452).
            match asked.read(&buffer[..length]) {
                Ok(Some(mut received)) => {
                    received.reply.remote = at.to_string();
                    return Ok(received);
                }
                Ok(None) => ignored += 1,
                Err(none) => return Err(none.at(&at.to_string())),
            }
        }
    }
    let others = match ignored {
        0 => String::new(),
        some => format!("; {some} packets that answer no question of ours were ignored: somebody guesses or lies"),
    };
    let waited = Lapse(TRIES.iter().sum());
    Err(NoReply::Silent(format!("{at}: no answer within {waited}, asked {} times{others}", TRIES.len())))
}

async fn over_tcp(world: &World, server: &Server, asked: &Asked) -> Result<Reply, NoReply> {
    let dialled = wait(world, CONNECTED, dial(world, &server.host, server.port)).await?.map_err(of_trouble)?;
    let at = dialled.remote.to_string();
    let mut reply = converse(world, dialled.stream, asked).await.map_err(|none| none.at(&at))?;
    (reply.over, reply.remote) = (Transport::Tcp, at);
    Ok(reply)
}

async fn over_tls(world: &World, server: &Server, asked: &Asked) -> Result<Reply, NoReply> {
    let dialled = wait(world, CONNECTED, dial(world, &server.host, server.port)).await?.map_err(of_trouble)?;
    let at = dialled.remote.to_string();
    let settings = TlsSettings { roots: server.roots.clone(), alpn: vec!["dot"] };
    let name = server.server_name.as_deref().unwrap_or(&server.host);
    let shaken = wait(world, CONNECTED, handshake(world, &settings, name, dialled.stream)).await?;
    // A bad certificate has its own name, and is somebody's fault: it is not taken for silence.
    let (stream, _) = shaken.map_err(|trouble| match trouble.code == codes::TIMEOUT.word {
        true => NoReply::Silent(trouble.detail),
        false => NoReply::Other(trouble),
    })?;
    let mut reply = converse(world, stream, asked).await.map_err(|none| none.at(&at))?;
    (reply.over, reply.remote) = (Transport::Tls, at);
    Ok(reply)
}

/// One question and one answer over a connection, each with its length before it (RFC 1035, 4.2.2).
async fn converse(
    world: &World,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: &Asked,
) -> Result<Reply, NoReply> {
    let talk = async {
        let length = u16::try_from(asked.bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
        stream.write_all(&[&length[..], &asked.bytes].concat()).await?;
        stream.flush().await?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = wait(world, CONNECTED, talk).await?.map_err(|why| of_trouble(Trouble::of_io(&why)))?;
    match asked.read(&answer)? {
        Some(Received { reply, truncated: false }) => Ok(reply),
        Some(Received { reply: _, truncated: true }) => {
            Err(NoReply::Garbled("an answer that says it is cut, over a connection that cuts nothing".into()))
        }
        None => Err(NoReply::Garbled("an answer to another question".into())),
    }
}

/// Awaits, but not beyond a limit, nor beyond the World's patience.
async fn wait<T>(world: &World, limit: Duration, work: impl Future<Output = T>) -> Result<T, NoReply> {
    let (bound, at_end) = match world.patience() {
        Some((left, trouble)) if left < limit => (
            left,
            match trouble.side() {
                Side::Fail => NoReply::Silent("no answer within the check's timeout".into()),
                Side::Unknown => NoReply::Other(trouble),
            },
        ),
        Some(_) | None => (limit, NoReply::Silent(format!("no answer within {}", Lapse(limit)))),
    };
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = world.clock().sleep(bound) => Err(at_end),
    }
}

/// That a server refuses or is gone would be its own fault if it were looked at; here it only says nothing.
fn of_trouble(trouble: Trouble) -> NoReply {
    match trouble.side() {
        Side::Fail => NoReply::Silent(trouble.detail),
        Side::Unknown => NoReply::Other(trouble),
    }
}

impl NoReply {
    /// The same with the server's address before it.
    fn at(self, address: &str) -> NoReply {
        let named = |detail: String| format!("{address}: {detail}");
        match self {
            NoReply::Declined(detail) => NoReply::Declined(named(detail)),
            NoReply::Unread(detail) => NoReply::Unread(named(detail)),
            NoReply::Silent(detail) => NoReply::Silent(named(detail)),
            NoReply::Garbled(detail) => NoReply::Garbled(named(detail)),
            NoReply::Other(trouble) => NoReply::Other(trouble),
        }
    }
}

/// The resolvers of this machine: the `nameserver` lines of `/etc/resolv.conf`, as the C library reads them.
pub fn system_resolvers(transport: Transport) -> Vec<Server> {
    let text = std::fs::read_to_string(Path::new("/etc/resolv.conf")).unwrap_or_default();
    resolvers_of(&text)
        .into_iter()
        .map(|host| Server { host, port: transport.port(), transport, server_name: None, roots: None })
        .collect()
}

/// resolv.conf(5): at most three are read; without any it is this machine itself.
fn resolvers_of(text: &str) -> Vec<String> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next()? == "nameserver").then(|| words.next())??;
        // `fe80::1%eth0`: a scope is not something that a route can be given for.
        address.parse::<IpAddr>().ok().map(|address| address.to_string())
    });
    let named: Vec<String> = named.take(3).collect();
    if named.is_empty() { vec!["127.0.0.1".to_owned()] } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_resolvers_are_read_as_the_c_library_reads_them() {
        let check = |text: &str, expected: &[&str]| assert_eq!(resolvers_of(text), expected, "{text}");
        check("nameserver 192.0.2.53\n", &["192.0.2.53"]);
        check("# nameserver 1.1.1.1\nsearch lan\nnameserver\t2001:DB8::53 \noptions edns0\n", &["2001:db8::53"]);
        check(
            "nameserver a\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n",
            &["10.0.0.1", "10.0.0.2", "10.0.0.3"],
        );
        check("", &["127.0.0.1"]);
    }
}
