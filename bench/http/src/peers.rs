//! The peers and their configurations: like with like. One page, one address, three expectations: the status is 200,
//! one text occurs, another does not. monit knows no "does not", so it holds two.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use scenarios::patience;

/// What all of them look at.
pub(crate) const PAGE: &str = r#"{"id":"7d0bd618","name":"Timothy","layers":[{"name":"outline","ink_ml":4.2},{"name":"gold","ink_ml":1.1}],"queue_depth":3}"#;

const PACKAGES: &[(&str, &str)] =
    &[("nginx", "nginx-light"), ("monit", "monit"), ("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")];

/// Installs what is missing, if this is root. Services are not started where `policy-rc.d` denies it; ours take other ports.
pub(crate) fn install() -> Result<(), String> {
    let there = |program: &str| ["/usr/sbin", "/usr/bin"].iter().any(|folder| Path::new(folder).join(program).exists());
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(program, _)| !there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    let installed = Command::new("apt-get")
        .args(["install", "-y", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null())
        .status();
    if installed.is_ok_and(|status| status.success()) { Ok(()) } else { Err(format!("the peers are missing: {line}")) }
}

/// So many checks on one page, for Steadfast.
pub(crate) fn steadfast(url: &str, checks: usize, keep_alive: bool) -> String {
    let mut text = format!(
        "[project]\nname = \"bench\"\n[defaults.http]\nbase_url = \"{url}\"\nkeep_alive = {keep_alive}\ncompressed = false\n"
    );
    for n in 0..checks {
        let _ = write!(
            text,
            "[[check]]\nid = \"design-{n}\"\nsummary = \"A design's record is whole\"\n[check.http]\nget = \"/design.json\"\n\
             [check.http.expect]\nstatus = 200\nbody_contains = \"Timothy\"\nbody_excludes = \"error\"\n"
        );
    }
    text
}

/// A peer that runs until it is dropped.
pub(crate) struct Peer {
    child: Child,
    _folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Peer {
    /// blackbox_exporter with one module.
    pub(crate) fn blackbox() -> Peer {
        let [port] = scenarios::ports::free_ports();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("blackbox.yml");
        std::fs::write(
            &file,
            "modules:\n  three:\n    prober: http\n    timeout: 5s\n    http:\n      valid_status_codes: [200]\n      \
             fail_if_body_not_matches_regexp: [Timothy]\n      fail_if_body_matches_regexp: [error]\n      \
             preferred_ip_protocol: ip4\n",
        )
        .expect("its configuration");
        let child = quiet(Command::new("prometheus-blackbox-exporter"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=error")
            .spawn()
            .expect("blackbox_exporter starts");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        patience::until("blackbox_exporter", || TcpStream::connect(address).map_err(|why| why.to_string()));
        Peer { child, _folder: folder, address }
    }

    /// monit with so many hosts, a cycle a second.
    pub(crate) fn monit(target: SocketAddr, checks: usize) -> Peer {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path();
        let mut text = format!(
            "set daemon 1\nset log {0}/log\nset pidfile {0}/pid\nset idfile {0}/id\nset statefile {0}/state\n",
            own.display()
        );
        for n in 0..checks {
            let _ = write!(
                text,
                "check host design{n} with address 127.0.0.1\n  if failed port {} protocol http request \"/design.json\" \
                 status = 200 content = \"Timothy\" then alert\n",
                target.port()
            );
        }
        let file = own.join("monitrc");
        std::fs::write(&file, text).expect("its configuration");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("its mode");
        let child = quiet(Command::new("monit")).arg("-I").arg("-c").arg(&file).spawn().expect("monit starts");
        Peer { child, _folder: folder, address: target }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks blackbox_exporter for one probe after another, over one connection, until told to stop.
    pub(crate) fn drive(&self, target: &str, stop: &dyn Fn() -> bool) {
        let mut stream = TcpStream::connect(self.address).expect("blackbox_exporter accepts");
        let ask = format!("GET /probe?module=three&target={target}/design.json HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut answer = Vec::new();
        while !stop() {
            stream.write_all(ask.as_bytes()).expect("a request");
            answer.clear();
            whole_answer(&mut stream, &mut answer);
            let green = answer.windows(16).any(|part| part == b"\nprobe_success 1");
            assert!(green, "blackbox_exporter does not find it green:\n{}", String::from_utf8_lossy(&answer));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads an answer with a length or in chunks.
fn whole_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    let mut part = [0_u8; 16 << 10];
    loop {
        let read = stream.read(&mut part).expect("an answer");
        assert!(read > 0, "blackbox_exporter closed the connection");
        answer.extend_from_slice(&part[..read]);
        let Some(head) = answer.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let done = match length {
            Some(length) => answer.len() >= head + 4 + length,
            None => answer.ends_with(b"0\r\n\r\n"),
        };
        if done {
            return;
        }
    }
}

fn quiet(mut command: Command) -> Command {
    let null = || File::options().write(true).open("/dev/null").map_or_else(|_| Stdio::null(), Stdio::from);
    command.stdin(Stdio::null()).stdout(null()).stderr(null());
    command
}
