//! Names for real: bind9 and knot with the same zones, each as one of their name servers, and unbound as the resolver
//! that asks bind9, over UDP, TCP and TLS.

use std::cell::Cell;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::certificates::Certificates;
use crate::patience;
use crate::ports::free_ports;

/// The running servers.
pub struct Names {
    bind: Server,
    knot: Server,
    unbound: Server,
    dot: SocketAddr,
    certificates: Certificates,
    folder: tempfile::TempDir,
}

/// A server that ends with its value.
struct Server {
    child: Child,
    address: SocketAddr,
}

/// What the zone `example` holds, but for its SOA record.
pub const ZONE: &str = "\
@ NS ns1
@ NS ns2
ns1 A 192.0.2.1
ns2 A 192.0.2.2
shop A 192.0.2.7
shop A 192.0.2.8
shop AAAA 2001:db8::7
shop MX 10 mail
shop TXT \"v=spf1 \" \"-all\"
shop CAA 0 issue \"letsencrypt.org\"
_sip._tcp.shop SRV 0 5 443 a.shop
www CNAME shop
gone CNAME bucket.objects
left CNAME right
right CNAME left
week 604800 A 192.0.2.9
only.text TXT \"no address here\"
";

impl Names {
    /// Starts them.
    pub fn start() -> Names {
        let folder = tempfile::tempdir().expect("a folder");
        open_to_all(folder.path());
        let certificates = Certificates::write(&folder.path().join("tls"));
        let root = folder.path();
        let bind = start("named", root, |port, folder| {
            zones(folder, ZONE, 7);
            let text = format!(
                "options {{ directory \"{at}\"; pid-file \"{at}/pid\"; session-keyfile \"{at}/key\"; \
                 listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; notify no; \
                 dnssec-validation no; allow-transfer {{ none; }}; }};\ncontrols {{}};\n\
                 zone \"example\" {{ type primary; file \"example.zone\"; }};\n\
                 zone \"2.0.192.in-addr.arpa\" {{ type primary; file \"2.0.192.in-addr.arpa.zone\"; }};\n",
                at = folder.display()
            );
            fs::write(folder.join("named.conf"), text).expect("named.conf");
            let mut command = Command::new("/usr/sbin/named");
            command.arg("-g").arg("-c").arg(folder.join("named.conf"));
            command
        });
        let knot = start("knotd", root, |port, folder| {
            zones(folder, ZONE, 7);
            let at = folder.display();
            let text = format!(
                "server:\n    rundir: \"{at}\"\n    listen: 127.0.0.1@{port}\ndatabase:\n    storage: \"{at}/db\"\n\
                 log:\n  - target: stderr\n    any: warning\n\
                 template:\n  - id: default\n    storage: \"{at}\"\n    file: \"%s.zone\"\n    semantic-checks: off\n\
                 zone:\n  - domain: example\n  - domain: 2.0.192.in-addr.arpa\n"
            );
            fs::write(folder.join("knot.conf"), text).expect("knot.conf");
            let mut command = Command::new("/usr/sbin/knotd");
            command.arg("-c").arg(folder.join("knot.conf"));
            command
        });
        let (unbound, dot) = unbound(root, bind.address, &certificates, "good");
        Names { bind, knot, unbound, dot, certificates, folder }
    }

    /// Starts the resolver anew: with an empty cache, and this certificate (`good`, `expired` or `other`).
    pub fn restart_resolver(&mut self, certificate: &str) {
        (self.unbound, self.dot) = unbound(self.folder.path(), self.bind.address, &self.certificates, certificate);
    }

    /// unbound, over UDP and TCP.
    pub fn resolver(&self) -> SocketAddr {
        self.unbound.address
    }

    /// unbound, over TLS, with a certificate for `localhost`.
    pub fn resolver_over_tls(&self) -> SocketAddr {
        self.dot
    }

    /// The certificate to trust.
    pub fn authority(&self) -> PathBuf {
        self.certificates.authority()
    }

    /// bind9, which is ns1.example.
    pub fn ns1(&self) -> SocketAddr {
        self.bind.address
    }

    /// knot, which is ns2.example.
    pub fn ns2(&self) -> SocketAddr {
        self.knot.address
    }

    /// The routes that lead to the name servers of the zone.
    pub fn routes(&self) -> [(String, String); 2] {
        [("ns1", self.ns1()), ("ns2", self.ns2())].map(|(name, at)| (format!("{name}.example:53"), at.to_string()))
    }

    /// Gives ns1 another zone of this serial, and waits until it says so.
    pub fn change_ns1(&self, records: &str, serial: u32) {
        self.change("named", &self.bind, records, serial);
    }

    /// The same for ns2.
    pub fn change_ns2(&self, records: &str, serial: u32) {
        self.change("knotd", &self.knot, records, serial);
    }

    fn change(&self, what: &str, server: &Server, records: &str, serial: u32) {
        zones(&self.folder.path().join(what), records, serial);
        kill(Pid::from_raw(server.child.id().cast_signed()), Signal::SIGHUP).expect("it runs");
        patience::until("the new zone", || match serial_at(server.address)? {
            found if found == serial => Ok(()),
            other => Err(format!("serial {other}")),
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// unbound, and where it answers over TLS.
fn unbound(root: &Path, zone: SocketAddr, certificates: &Certificates, certificate: &str) -> (Server, SocketAddr) {
    let dot = Cell::new(0);
    let server = start("unbound", root, |port, folder| {
        let [tls] = free_ports::<1>();
        dot.set(tls);
        let text = resolver(port, folder, zone, tls, certificates, certificate);
        fs::write(folder.join("unbound.conf"), text).expect("unbound.conf");
        let mut command = Command::new("/usr/sbin/unbound");
        command.arg("-d").arg("-c").arg(folder.join("unbound.conf"));
        command
    });
    (server, SocketAddr::from(([127, 0, 0, 1], dot.get())))
}

fn resolver(
    port: u16,
    folder: &Path,
    zone: SocketAddr,
    tls: u16,
    certificates: &Certificates,
    certificate: &str,
) -> String {
    let (pem, key) = certificates.leaf(certificate);
    let stub = |name: &str, at: String| format!("stub-zone:\n  name: \"{name}\"\n  stub-addr: {at}\n");
    let at = format!("127.0.0.1@{}", zone.port());
    format!(
        "server:\n  chroot: \"\"\n  username: \"\"\n  directory: \"{}\"\n  use-syslog: no\n  logfile: \"\"\n  pidfile: \"\"\n  \
         interface: 127.0.0.1@{port}\n  interface: 127.0.0.1@{tls}\n  tls-port: {tls}\n  \
         tls-service-key: \"{}\"\n  tls-service-pem: \"{}\"\n  do-not-query-localhost: no\n  do-ip6: no\n  \
         access-control: 127.0.0.0/8 allow\n  module-config: \"iterator\"\n  num-threads: 1\n  \
         local-zone: \"2.0.192.in-addr.arpa.\" nodefault\n\
         remote-control:\n  control-enable: no\n{}{}{}",
        folder.display(),
        key.display(),
        pem.display(),
        stub("example.", at.clone()),
        stub("2.0.192.in-addr.arpa.", at.clone()),
        // Nobody has this zone: its server refuses.
        stub("broken.", at),
    )
}

/// Writes the zones to a folder.
fn zones(folder: &Path, records: &str, serial: u32) {
    let head = |origin: &str| {
        format!("$ORIGIN {origin}.\n$TTL 300\n@ SOA ns1.example. hostmaster.example. {serial} 10800 3600 604800 300\n")
    };
    // So much text does not fit into a packet.
    let mut big = String::new();
    for n in 0..40 {
        big.push_str(&format!("big TXT \"{n:03} {}\"\n", "x".repeat(100)));
    }
    fs::write(folder.join("example.zone"), head("example") + records + &big).expect("the zone");
    let reverse = "@ NS ns1.example.\n7 PTR shop.example.\n";
    fs::write(folder.join("2.0.192.in-addr.arpa.zone"), head("2.0.192.in-addr.arpa") + reverse).expect("the zone");
}

/// Starts a server on a free port and waits until it answers for the zone.
fn start(what: &str, root: &Path, command: impl Fn(u16, &Path) -> Command) -> Server {
    let folder = root.join(what);
    patience::until(what, || {
        fs::create_dir_all(folder.join("db")).map_err(|why| why.to_string())?;
        let [port] = free_ports::<1>();
        let log = fs::File::create(folder.join("log")).map_err(|why| why.to_string())?;
        let child = command(port, &folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|why| why.to_string())?)
            .stderr(log)
            .spawn()
            .unwrap_or_else(|why| panic!("cannot start {what} ({why}): apt-get install bind9 knot unbound"));
        let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        patience::until(what, || match server.child.try_wait() {
            // Somebody else was faster to take the port, or the configuration is wrong: the log says which.
            Ok(Some(_)) => Ok(false),
            Ok(None) => serial_at(server.address).map(|_| true),
            Err(why) => Err(why.to_string()),
        })
        .then_some(server)
        .ok_or_else(|| format!("{what} ended: {}", fs::read_to_string(folder.join("log")).unwrap_or_default()))
    })
}

/// Asks for the SOA record of `example`.
fn serial_at(server: SocketAddr) -> Result<u32, String> {
    let ask = || -> std::io::Result<Vec<u8>> {
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        socket.connect(server)?;
        socket.send(b"\x73\x66\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x06\x00\x01")?;
        let mut answer = vec![0; 1500];
        let length = socket.recv(&mut answer)?;
        answer.truncate(length);
        Ok(answer)
    };
    let answer = ask().map_err(|why| why.to_string())?;
    let answers = answer.get(6..8).unwrap_or_default();
    if answer.get(3).is_none_or(|code| code & 15 != 0) || answers != [0, 1] {
        return Err("no answer for the zone yet".into());
    }
    // Header, question; then the owner as a pointer, type, class, TTL, length, two names, and the serial.
    let data = 12 + 13 + 12;
    let mut at = data;
    for _ in 0..2 {
        at = after_name(&answer, at).ok_or("a name that does not end")?;
    }
    let serial = answer.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).ok_or("no serial")?;
    Ok(u32::from_be_bytes(serial))
}

fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a readable folder");
}
