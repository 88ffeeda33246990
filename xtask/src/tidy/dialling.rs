//! One door to the network.

use super::rule::{Report, Rule};
use super::source::mentions;
use super::tree::Tree;

/// The rooms that look.
const ROOMS: [&str; 4] = ["steadfast-probe", "steadfast-checks", "steadfast-engine", "steadfast-config"];

/// The files that dial, each through `World::route`.
const DOORS: [&str; 1] = ["crates/steadfast-probe/src/dial.rs"];

/// What opens a connection or asks for an address.
const DIALS: [&str; 6] = [
    "TcpStream::connect",
    "TcpSocket::new",
    "UdpSocket::bind",
    "UnixStream::connect",
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
        "every connection is made in steadfast-probe/src/dial.rs through World::route: a drill must not reach production"
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
            trips: vec![(
                &[(
                    "crates/steadfast-checks/src/kinds/tcp.rs",
                    "async fn a() {\n    tokio::net::TcpStream::connect(b).await;\n    (h, p).to_socket_addrs();\n}\n",
                )],
                &["crates/steadfast-checks/src/kinds/tcp.rs:2", "crates/steadfast-checks/src/kinds/tcp.rs:3"],
            )],
            passes: vec![&[
                ("crates/steadfast-probe/src/dial.rs", "async fn a() { TcpStream::connect(b).await; }\n"),
                ("crates/steadfast-probe/src/tls.rs", "use tokio::net::TcpStream;\nfn a(stream: TcpStream) {}\n"),
                ("crates/steadfast-checks/tests/scene.rs", "fn a() { TcpStream::connect(b); }\n"),
            ]],
        }
    }
}
