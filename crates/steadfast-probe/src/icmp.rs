//! ICMP echoes (RFC 792, RFC 4443): ping without privilege, through the kernel's own ping sockets, which keep the
//! identifier, the checksum, and everybody else's packets from us.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
    sockopt::{Ipv4RecvErr, Ipv4RecvTtl, Ipv4Ttl, Ipv6RecvErr, Ipv6RecvHopLimit, Ipv6Ttl},
};
use serde::{Deserialize, Serialize};
use steadfast_core::finding::{Code, Side, codes};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::dial::echoes;

/// The kernel keeps this process from sending echoes.
pub const NOT_ALLOWED: Code = Code {
    word: "ping-not-allowed",
    side: Side::Unknown,
    meaning: "the kernel lets no group of this process send ICMP echoes (net.ipv4.ping_group_range)",
    advice: "allow it: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\" (and the same line in /etc/sysctl.d/ to keep it)",
};

/// There was no time for all of them.
pub const CUT_SHORT: Code = Code {
    word: "ping-cut-short",
    side: Side::Unknown,
    meaning: "the host answers, and the check's timeout ended before the last echo",
    advice: "give the check a longer timeout, or fewer echoes, or less time from one to the next",
};

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Ping {
    /// How many.
    pub count: u32,
    /// From one to the next.
    pub interval: Duration,
    /// How long each is waited for.
    pub wait: Duration,
    /// Over how many routers each may go; the system's own limit without.
    pub hops: Option<u8>,
}

/// What became of one echo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Echo {
    /// It came back.
    Answered {
        /// After this time.
        took: Lapse,
        /// With so many hops left of those that the answer began with.
        ttl: Option<i64>,
    },
    /// Nothing came back in time.
    Lost,
    /// The network says that it cannot be delivered.
    Unreachable(String),
}

/// Sends them one after the other; the address that was asked, and what became of each.
pub async fn ping(world: &World, host: &str, port: u16, ping: Ping) -> Result<(SocketAddr, Vec<Echo>), Trouble> {
    let not_allowed = Trouble::new(NOT_ALLOWED, "socket(SOCK_DGRAM, IPPROTO_ICMP) is refused");
    let link = echoes(world, host, port, not_allowed).await?;
    prepare(&link.socket, link.remote, ping.hops).map_err(|why| Trouble::of_io(&why))?;
    let mut token = [0; 16];
    let filled = crate::tls::provider().secure_random.fill(&mut token);
    filled.map_err(|_| Trouble::new(codes::LOCAL_TROUBLE, "no random bytes"))?;
    let mut became = Vec::new();
    let began = world.clock().elapsed();
    for number in 0..ping.count {
        let start = began.saturating_add(ping.interval.saturating_mul(number));
        let early = start.saturating_sub(world.clock().elapsed());
        let request = Request { v6: link.remote.is_ipv6(), number: number as u16, token };
        let echo = async {
            if !early.is_zero() {
                bounded(world, early, std::future::pending::<()>()).await?;
            }
            one(world, &link.socket, &request, ping.wait).await
        };
        became.push(echo.await.map_err(|trouble| too_many(trouble, &became, ping.count))?);
    }
    Ok((link.remote, became))
}

/// When the check's timeout ends after a host has answered, it is not the host that was too slow.
fn too_many(trouble: Trouble, became: &[Echo], count: u32) -> Trouble {
    let answered = became.iter().any(|echo| matches!(echo, Echo::Answered { .. }));
    match answered && trouble.code == codes::TIMEOUT.word {
        true => Trouble::new(CUT_SHORT, format!("{} of {count} echoes were sent and waited for", became.len())),
        false => trouble,
    }
}

async fn one(world: &World, socket: &UdpSocket, request: &Request, wait: Duration) -> Result<Echo, Trouble> {
    let sent = world.clock().elapsed();
    match socket.send(&request.bytes()).await {
        Ok(_) => {}
        Err(why) => return of_network(&why),
    }
    let end = sent.saturating_add(wait);
    loop {
        let left = end.saturating_sub(world.clock().elapsed());
        // Other packets may always be there: the time is over all the same.
        if left.is_zero() {
            return Ok(Echo::Lost);
        }
        let Some(received) = bounded(world, left, receive(socket)).await? else { return Ok(Echo::Lost) };
        match received {
            Ok(Received::Packet { bytes, ttl }) if request.is_answered_by(&bytes) => {
                let took = Lapse(world.clock().elapsed().saturating_sub(sent));
                return Ok(Echo::Answered { took, ttl });
            }
            // An echo of before that comes late, or somebody's guess.
            Ok(Received::Packet { .. }) => {}
            Ok(Received::Error(what)) => return Ok(Echo::Unreachable(what)),
            Err(why) => return of_network(&why),
        }
    }
}

/// What the kernel says of the network: that the host cannot be reached is a fact about it, that we have no network a
/// fact about us.
fn of_network(why: &io::Error) -> Result<Echo, Trouble> {
    let trouble = Trouble::of_io(why);
    match trouble.side() {
        Side::Fail => Ok(Echo::Unreachable(trouble.detail)),
        Side::Unknown => Err(trouble),
    }
}

/// Awaits so long; `None` when it is over. The World's patience comes first.
async fn bounded<T>(world: &World, limit: Duration, work: impl Future<Output = T>) -> Result<Option<T>, Trouble> {
    let (bound, trouble) = match world.patience() {
        Some((left, trouble)) if left < limit => (left, Some(trouble)),
        Some(_) | None => (limit, None),
    };
    tokio::select! {
        biased;
        done = work => Ok(Some(done)),
        () = world.clock().sleep(bound) => trouble.map_or(Ok(None), Err),
    }
}

/// An echo request.
struct Request {
    v6: bool,
    number: u16,
    token: [u8; 16],
}

impl Request {
    /// Type, code, checksum, identifier, sequence number, data. The kernel fills in checksum and identifier.
    fn bytes(&self) -> Vec<u8> {
        let [high, low] = self.number.to_be_bytes();
        let head = [if self.v6 { 128 } else { 8 }, 0, 0, 0, 0, 0, high, low];
        [&head[..], &self.token].concat()
    }

    /// An echo reply with our number and our data.
    fn is_answered_by(&self, bytes: &[u8]) -> bool {
        let reply = if self.v6 { 129 } else { 0 };
        bytes.len() == 24
            && bytes[..2] == [reply, 0]
            && bytes[6..8] == self.number.to_be_bytes()
            && bytes[8..] == self.token
    }
}

/// Asks for the hops that are left of each answer, and for the network's complaints.
fn prepare(socket: &UdpSocket, remote: SocketAddr, hops: Option<u8>) -> io::Result<()> {
    match remote {
        SocketAddr::V4(_) => {
            setsockopt(socket, Ipv4RecvTtl, &true)?;
            setsockopt(socket, Ipv4RecvErr, &true)?;
            hops.map(|hops| setsockopt(socket, Ipv4Ttl, &i32::from(hops))).transpose()?;
        }
        SocketAddr::V6(_) => {
            setsockopt(socket, Ipv6RecvHopLimit, &true)?;
            setsockopt(socket, Ipv6RecvErr, &true)?;
            hops.map(|hops| setsockopt(socket, Ipv6Ttl, &i32::from(hops))).transpose()?;
        }
    }
    Ok(())
}

/// What a socket has for us.
enum Received {
    Packet {
        bytes: Vec<u8>,
        ttl: Option<i64>,
    },
    /// What the network says kept a packet from being delivered.
    Error(String),
}

async fn receive(socket: &UdpSocket) -> io::Result<Received> {
    loop {
        socket.ready(Interest::READABLE.add(Interest::ERROR)).await?;
        // One after the other: tokio never tries an interest that is made of two.
        for interest in [Interest::READABLE, Interest::ERROR] {
            match socket.try_io(interest, || next(socket)) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }
}

/// The next packet, or the next complaint.
fn next(socket: &UdpSocket) -> io::Result<Received> {
    match message(socket, MsgFlags::MSG_ERRQUEUE) {
        Err(Errno::EAGAIN) => Ok(message(socket, MsgFlags::empty())?),
        other => Ok(other?),
    }
}

fn message(socket: &UdpSocket, from: MsgFlags) -> Result<Received, Errno> {
    let mut bytes = vec![0; 512];
    let mut space = nix::cmsg_space!([u8; 256]);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let flags = from | MsgFlags::MSG_DONTWAIT;
    let received = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let length = received.bytes;
    let (mut ttl, mut error) = (None, None);
    for control in received.cmsgs()? {
        match control {
            ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) => ttl = Some(i64::from(hops)),
            ControlMessageOwned::Ipv4RecvErr(said, by) => {
                let by = by.map(|by| std::net::Ipv4Addr::from(u32::from_be(by.sin_addr.s_addr)).to_string());
                error = Some(complaint(said.ee_errno, by));
            }
            ControlMessageOwned::Ipv6RecvErr(said, by) => {
                let by = by.map(|by| std::net::Ipv6Addr::from(by.sin6_addr.s6_addr).to_string());
                error = Some(complaint(said.ee_errno, by));
            }
            _ => {}
        }
    }
    if let Some(error) = error {
        return Ok(Received::Error(error));
    }
    bytes.truncate(length);
    Ok(Received::Packet { bytes, ttl })
}

fn complaint(errno: u32, by: Option<String>) -> String {
    let what = io::Error::from_raw_os_error(errno.cast_signed()).to_string();
    match by.filter(|by| by != "0.0.0.0" && by != "::") {
        Some(by) => format!("{by} says: {what}"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_this_very_echo_is_one() {
        let request = Request { v6: false, number: 258, token: *b"0123456789abcdef" };
        let mut answer = request.bytes();
        assert_eq!(answer[..8], [8, 0, 0, 0, 0, 0, 1, 2]);
        assert!(!request.is_answered_by(&answer), "our own request");
        answer[0] = 0;
        assert!(request.is_answered_by(&answer));
        for at in [0, 1, 6, 7, 8, 23] {
            let mut other = answer.clone();
            other[at] ^= 1;
            assert!(!request.is_answered_by(&other), "byte {at}");
        }
        assert!(!request.is_answered_by(&answer[..23]));
        assert!(!request.is_answered_by(b""));
    }
}
