//! Names to addresses to connections and packets. Whatever Steadfast sends to the network leaves from here, through
//! [`World::route`].

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use steadfast_core::address::Address;
use steadfast_core::finding::{Side, codes};
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use tokio::net::{TcpStream, UdpSocket, UnixStream};

use crate::patience::{try_within, within};

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
    let addresses = resolve(world, &host, port).await?;
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

/// A socket that sends to one address, and that nobody else's packets reach: the kernel sees to it.
#[derive(Debug)]
pub struct Packets {
    /// The socket, connected.
    pub socket: UdpSocket,
    /// The address it leads to.
    pub remote: SocketAddr,
}

/// A socket for UDP packets to a host and port, or to where the World routes them.
pub async fn packets(world: &World, host: &str, port: u16) -> Result<Packets, Trouble> {
    let addresses = addresses(world, host, port).await?;
    first_with_a_way(addresses, |remote| {
        let local: IpAddr = match remote {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        std::net::UdpSocket::bind((local, 0)).map_err(|why| of_connect(remote, &why))
    })
}

/// A socket for ICMP echoes (ping) to a host, or to where the World routes it; it needs no privilege, but the
/// kernel's leave (`net.ipv4.ping_group_range`). Echoes have no port: this one only serves to find the route.
/// `not_allowed` is the trouble of having no leave.
pub async fn echoes(world: &World, host: &str, port: u16, not_allowed: Trouble) -> Result<Packets, Trouble> {
    let addresses = addresses(world, host, port).await?;
    first_with_a_way(addresses.into_iter().map(|address| SocketAddr::new(address.ip(), 0)), |remote| {
        let (family, protocol) = match remote {
            SocketAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
            SocketAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
        };
        let made = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol);
        made.map(std::net::UdpSocket::from).map_err(|errno| match errno {
            nix::errno::Errno::EACCES | nix::errno::Errno::EPERM => not_allowed.clone(),
            other => Trouble::of_io(&other.into()),
        })
    })
}

/// Packets have no handshake that would tell which of several addresses answers. It is the resolver's first (RFC 6724)
/// that this machine has a way to: connecting such a socket sends nothing, and asks the routing table.
fn first_with_a_way(
    addresses: impl IntoIterator<Item = SocketAddr>,
    make: impl Fn(SocketAddr) -> Result<std::net::UdpSocket, Trouble>,
) -> Result<Packets, Trouble> {
    let mut first_trouble = None;
    for remote in addresses {
        let of_io = |why: io::Error| of_connect(remote, &why);
        let made = make(remote).and_then(|made| {
            made.connect(remote).and_then(|()| made.set_nonblocking(true)).map_err(of_io)?;
            UdpSocket::from_std(made).map_err(of_io)
        });
        match made {
            Ok(socket) => return Ok(Packets { socket, remote }),
            Err(trouble) => drop(first_trouble.get_or_insert(trouble)),
        }
    }
    Err(first_trouble.unwrap_or_else(|| Trouble::new(codes::NAME_NOT_FOUND, "no address to send to")))
}

/// Where the World routes a host and port to.
async fn addresses(world: &World, host: &str, port: u16) -> Result<Vec<SocketAddr>, Trouble> {
    let (host, port) = world.route(host, port)?;
    resolve(world, &host, port).await
}

/// Asks the system for the addresses of a name. When the check's patience ends here, it is the resolver that has not
/// answered, not the target.
async fn resolve(world: &World, host: &str, port: u16) -> Result<Vec<SocketAddr>, Trouble> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let answer =
        within(world, tokio::net::lookup_host((host, port))).await.map_err(|trouble| match trouble.side() {
            Side::Fail => Trouble::new(codes::RESOLVER_FAILED, format!("{host}: no answer within the check's timeout")),
            Side::Unknown => trouble,
        })?;
    match answer {
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
