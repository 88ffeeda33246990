//! Names to addresses to connections. Every connection that Steadfast makes is made here, through [`World::route`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use steadfast_core::address::Address;
use steadfast_core::finding::codes;
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use tokio::net::{TcpStream, UnixStream};

use crate::patience::try_within;

/// A connection, and how long its parts took.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub stream: TcpStream,
    /// The address it leads to.
    pub remote: SocketAddr,
    /// From asking for the name to having addresses; zero for an IP address.
    pub dns: Duration,
    /// From the first SYN to the connection, failed addresses included.
    pub connect: Duration,
}

/// Connects to a host and port, or to where the World routes them. In a closed World an address without a route is
/// never dialled, nor is its name asked for.
pub async fn dial(world: &World, host: &str, port: u16) -> Result<Dialled, Trouble> {
    let (host, port) = world.route(host, port)?;
    let clock = world.clock();
    let began = clock.elapsed();
    let addresses = try_within(world, resolve(&host, port)).await?;
    let resolved = clock.elapsed();
    let stream = try_within(world, connect(world, &addresses)).await?;
    let connected = clock.elapsed();
    let remote = stream.peer_addr().map_err(|why| Trouble::of_io(&why))?;
    // A probe's request is one small write that must not wait for more.
    let _ = stream.set_nodelay(true);
    let is_name = host.parse::<IpAddr>().is_err();
    let dns = if is_name { resolved.saturating_sub(began) } else { Duration::ZERO };
    Ok(Dialled { stream, remote, dns, connect: connected.saturating_sub(resolved) })
}

/// Connects to a Unix socket, unless this World does not lead there. `address` is what names it.
pub async fn dial_socket(world: &World, socket: &Path, address: &Address) -> Result<UnixStream, Trouble> {
    world.route_socket(socket, address)?;
    try_within(world, async {
        UnixStream::connect(socket).await.map_err(|why| {
            let mut trouble = match why.kind() {
                // A server that is not started has no socket.
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Trouble::new(codes::REFUSED, why.to_string()),
                _ => Trouble::of_io(&why),
            };
            trouble.detail = format!("{}: {}", socket.display(), trouble.detail);
            trouble
        })
    })
    .await
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Trouble> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            if addresses.is_empty() {
                return Err(Trouble::new(codes::NAME_NOT_FOUND, format!("{host} has no address")));
            }
            Ok(addresses)
        }
        Err(why) => Err(of_lookup(host, &why)),
    }
}

/// getaddrinfo's answers. The standard library passes on its words only; they are glibc's in the C locale, which is
/// what a Rust program has as long as nobody calls setlocale.
fn of_lookup(host: &str, why: &io::Error) -> Trouble {
    const NO_SUCH_NAME: [&str; 3] =
        ["Name or service not known", "No address associated with hostname", "Name does not resolve"];
    let words = why.to_string();
    let code = if NO_SUCH_NAME.iter().any(|known| words.contains(known)) {
        codes::NAME_NOT_FOUND
    } else if why.raw_os_error().is_some() {
        return Trouble::of_io(why);
    } else {
        codes::RESOLVER_FAILED
    };
    Trouble::new(code, format!("{host}: {words}"))
}

/// Tries the addresses in the order of the resolver (RFC 6724). While one hangs the next is begun after 250 ms
/// (RFC 8305, 5); the first that connects wins.
async fn connect(world: &World, addresses: &[SocketAddr]) -> Result<TcpStream, Trouble> {
    let mut attempts = tokio::task::JoinSet::new();
    let mut waiting = addresses.iter().copied();
    let mut first_trouble: Option<Trouble> = None;
    if let [only] = addresses {
        return TcpStream::connect(only).await.map_err(|why| of_connect(*only, &why));
    }
    loop {
        let begun = match waiting.next() {
            Some(address) => {
                attempts
                    .spawn(async move { TcpStream::connect(address).await.map_err(|why| of_connect(address, &why)) });
                true
            }
            None => false,
        };
        if attempts.is_empty() {
            let none = || Trouble::new(codes::NAME_NOT_FOUND, "no address to connect to");
            return Err(first_trouble.unwrap_or_else(none));
        }
        let head_start = async {
            if begun && waiting.len() > 0 {
                world.clock().sleep(Duration::from_millis(250)).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            Some(done) = attempts.join_next() => match done {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(trouble)) => drop(first_trouble.get_or_insert(trouble)),
                Err(why) => return Err(Trouble::new(codes::LOCAL_TROUBLE, why.to_string())),
            },
            () = head_start => {}
        }
    }
}

fn of_connect(address: SocketAddr, why: &io::Error) -> Trouble {
    let mut trouble = Trouble::of_io(why);
    trouble.detail = format!("{address}: {}", trouble.detail);
    trouble
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expected: &str) {
        let why = io::Error::other(format!("failed to lookup address information: {words}"));
        assert_eq!(of_lookup("shop.example", &why).code, expected, "{words}");
    }

    #[test]
    fn a_name_that_is_not_there_is_a_fail_and_a_silent_resolver_is_unknown() {
        check("Name or service not known", "name-not-found");
        check("No address associated with hostname", "name-not-found");
        check("Temporary failure in name resolution", "resolver-failed");
        check("Non-recoverable failure in name resolution", "resolver-failed");
    }
}
