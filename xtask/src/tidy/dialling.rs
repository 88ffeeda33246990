//! One door to the network.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

/// The rooms that look.
const ROOMS: [&str; 4] = ["steadfast-probe", "steadfast-checks", "steadfast-engine", "steadfast-config"];

/// The files that dial, each through `World::route`.
const DOORS: [&str; 1] = ["crates/steadfast-probe/src/dial.rs"];

/// What opens a connection, makes a socket, sends to an address, or asks for one.
const DIALS: [&str; 11] = [
    "TcpStream::connect",
    "TcpSocket::new",
    "UdpSocket::bind",
    "UdpSocket::from",
    "UdpSocket::from_std",
    "UnixStream::connect",
    "SockType",
    "send_to",
    "sendto",
    "lookup_host",
    "to_socket_addrs",
];

/// Whatever looks connects in one place, so that a closed World dials nothing.
pub(super) struct Dialling;

impl Rule for Dialling {
    fn name(&self) -> &'static str {
        "dialling"
    }

    fn why(&self) -> &'static str {
        "every connection and every packet starts in steadfast-probe/src/dial.rs, through World::route: a drill must not reach production"
    }

    fn look(&self, tree: &Tree, report: &mut Report) {
        let looking = ROOMS.iter().flat_map(|room| tree.sources_of(room));
        for (path, source) in looking.filter(|(path, _)| !DOORS.contains(path)) {
            for (line, code) in source.shipped() {
                DIALS
                    .iter()
                    .filter(|dial| mentions(code, dial))
                    .for_each(|dial| report.add(path, line, format!("dials with {dial}")));
            }
        }
    }

    #[cfg(test)]
    fn exemplars(&self) -> super::suite::Exemplars {
        super::suite::Exemplars {
            trips: vec![
                (
                    &[(
                        "crates/steadfast-checks/src/kinds/tcp.rs",
                        "async fn a() {\n    tokio::net::TcpStream::connect(b).await;\n    (h, p).to_socket_addrs();\n}\n",
                    )],
                    &["crates/steadfast-checks/src/kinds/tcp.rs:2", "crates/steadfast-checks/src/kinds/tcp.rs:3"],
                ),
                (
                    &[(
                        "crates/steadfast-probe/src/icmp.rs",
                        "fn a() {\n    let made = socket(family, SockType::Datagram, flags, protocol);\n    let made = UdpSocket::from_std(made);\n    made.send_to(b, c);\n}\n",
                    )],
                    &[
                        "crates/steadfast-probe/src/icmp.rs:2",
                        "crates/steadfast-probe/src/icmp.rs:3",
                        "crates/steadfast-probe/src/icmp.rs:4",
                    ],
                ),
            ],
            passes: vec![&[
                ("crates/steadfast-probe/src/dial.rs", "async fn a() { TcpStream::connect(b).await; }\n"),
                ("crates/steadfast-probe/src/dns.rs", "async fn a(link: Packets) { link.socket.send(b).await; }\n"),
                ("crates/steadfast-probe/src/tls.rs", "use tokio::net::TcpStream;\nfn a(stream: TcpStream) {}\n"),
                ("crates/steadfast-checks/tests/scene.rs", "fn a() { TcpStream::connect(b); }\n"),
            ]],
        }
    }
}
