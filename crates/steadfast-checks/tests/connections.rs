//! `tcp`, and `tls` after STARTTLS, against the servers that people run: Redis, Dovecot, PostgreSQL, and an SMTP
//! server from PyPI.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use scenarios::certificates::Certificates;
use scenarios::patience::until;
use scenarios::ports::free_ports;
use scenarios::postgres::{Options, Postgres};

use crate::scene::Scene;

/// A server that ends with its value.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        // Each of them ends its own children when it is interrupted.
        let _ = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::INT));
        let _ = self.child.wait();
    }
}

/// Starts it on a free port and waits until it accepts; with another port if somebody was faster.
fn start(what: &str, command: impl Fn(u16) -> Command) -> Server {
    until(what, || {
        let [port] = free_ports::<1>();
        let mut command = command(port);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut server = Server { child: spawned.unwrap_or_else(|why| panic!("cannot start {what}: {why}")), port };
        until(what, || match server.child.try_wait() {
            Ok(Some(_)) => Ok(false),
            Ok(None) => TcpStream::connect(("127.0.0.1", port)).map(|_| true).map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        })
        .then_some(server)
        .ok_or_else(|| format!("{what} ended"))
    })
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What `id` says of this user, or of another.
fn id(args: &[&str]) -> String {
    let output = Command::new("id").args(args).output().unwrap();
    assert!(output.status.success(), "id {args:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn redis(scene: &Scene) -> Server {
    start("redis-server", |port| {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--requirepass", "correct-horse", "--port"]);
        command.arg(port.to_string()).current_dir(scene.root());
        command
    })
}

#[test]
fn a_real_redis_says_pong_to_who_knows_its_password_and_what_it_says_to_others_is_red() {
    let mut scene = Scene::new();
    let redis = redis(&scene);
    scene.secrets.insert("REDIS_PASSWORD".into(), "correct-horse".into());
    scene.secrets.insert("OLD_PASSWORD".into(), "battery-staple".into());
    let ping = |password: &str, expect: &str| {
        format!(
            "address = \"127.0.0.1:{}\"\nsend = [\"AUTH \", {{ env = \"{password}\" }}, \"\\r\\nPING\\r\\nQUIT\\r\\n\"]\n\
             read = \"end\"\n[expect]\n{expect}",
            redis.port
        )
    };
    let pong = "banner_matches = \"^\\\\+OK\\r\\n\\\\+PONG\\r\\n\"\nwithin = \"5s\"";
    assert_eq!(scene.said("tcp", &ping("REDIS_PASSWORD", pong)), "pass");
    assert_eq!(scene.said("tcp", &ping("OLD_PASSWORD", pong)), "fail no-match");
    assert_eq!(scene.said("tcp", &ping("OLD_PASSWORD", "banner_excludes = \"WRONGPASS\"")), "fail forbidden");
    assert_eq!(scene.said("tcp", &ping("UNSET", pong)), "unknown missing-secret");
    // Connected, and never a word: it is the check's own bound that ends it, as the target's failure.
    scene.timeout = Some(std::time::Duration::from_millis(300));
    let silent = format!("address = \"127.0.0.1:{}\"\nread = \"line\"\nexpect.banner_contains = \"x\"", redis.port);
    assert_eq!(scene.said("tcp", &silent), "fail timeout");
}

#[test]
fn a_line_is_read_to_its_end_and_what_stands_beyond_the_limit_is_unknown() {
    let scene = Scene::new();
    let redis = redis(&scene);
    let look = |rest: &str| format!("address = \"127.0.0.1:{}\"\nsend = \"PING\\r\\nPING\\r\\n\"\n{rest}", redis.port);
    let one = "read = \"line\"\nexpect = { banner_matches = \"^-NOAUTH .*\\r\\n$\" }";
    assert_eq!(scene.said("tcp", &look(one)), "pass");
    let cut = "read = \"line\"\nread_limit = \"7B\"\nexpect = { banner_contains = [\"-NOAUTH\", \"required\"] }";
    assert_eq!(scene.said("tcp", &look(cut)), "unknown beyond-the-cut");
}

fn dovecot(folder: &Path, certificates: &Certificates) -> Server {
    // Dovecot refuses to serve a login as root, and cannot change its user otherwise.
    let (internal, login) =
        if is_root() { ("dovecot".to_owned(), "dovenull".to_owned()) } else { (id(&["-un"]), id(&["-un"])) };
    let group = if is_root() { "dovecot".to_owned() } else { id(&["-gn"]) };
    let (certificate, key) = certificates.leaf("good");
    start("dovecot", |port| {
        let path = folder.join(format!("dovecot-{port}.conf"));
        let text = format!(
            "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {}\nlog_path = /dev/stderr\nssl = yes\n\
             ssl_cert = <{}\nssl_key = <{}\ndefault_internal_user = {internal}\ndefault_internal_group = {group}\n\
             default_login_user = {login}\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n port = {port}\n }}\n inet_listener imaps {{\n port = 0\n }}\n}}\n\
             service anvil {{\n chroot =\n}}\n\
             passdb {{\n driver = static\n args = nopassword=y\n}}\n\
             userdb {{\n driver = static\n args = uid=65534 gid=65534 home=/nonexistent\n}}\n",
            folder.join(format!("run-{port}")).display(),
            certificate.display(),
            key.display(),
        );
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new("dovecot");
        command.arg("-F").arg("-c").arg(path).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    })
}

fn smtp(certificates: &Certificates) -> Server {
    let python = xtask::tools::pypi("aiosmtpd", &["aiosmtpd==1.4.6"]).unwrap().join("bin/python");
    let (certificate, key) = certificates.leaf("good");
    start("aiosmtpd", |port| {
        let mut command = Command::new(&python);
        command.args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}"), "--tlscert"]);
        command.arg(&certificate).arg("--tlskey").arg(&key);
        command
    })
}

/// The handshake after STARTTLS: green with the right roots, red with the machine's, red for another name.
fn check_starttls(scene: &Scene, certificates: &Certificates, protocol: &str, port: u16) {
    let look = |roots: &str, expect: &str| {
        format!(
            "address = \"127.0.0.1:{port}\"\nserver_name = \"localhost\"\nstarttls = \"{protocol}\"\n{roots}\n\
             [expect]\ntrusted = true\n{expect}"
        )
    };
    let ours = format!("roots = \"{}\"", certificates.authority().display());
    assert_eq!(scene.said("tls", &look(&ours, "name = \"localhost\"\ndays_left = { at_least = 30 }")), "pass");
    assert_eq!(scene.said("tls", &look("", "")), "fail bad-certificate");
    assert_eq!(scene.said("tls", &look(&ours, "name = \"mail.example\"")), "fail unequal");
}

#[test]
fn a_real_imap_server_shows_its_certificate_after_starttls() {
    let scene = Scene::new();
    let certificates = Certificates::write(&scene.root().join("tls"));
    let dovecot = dovecot(scene.root(), &certificates);
    check_starttls(&scene, &certificates, "imap", dovecot.port);
    // The greeting of another protocol is said, and nobody waits for the one that was meant.
    let wrong = format!("address = \"127.0.0.1:{}\"\nstarttls = \"smtp\"\nexpect.trusted = true", dovecot.port);
    assert_eq!(scene.said("tls", &wrong), "fail bad-protocol");
}

#[test]
fn a_real_smtp_server_shows_its_certificate_after_starttls() {
    let scene = Scene::new();
    let certificates = Certificates::write(&scene.root().join("tls"));
    let smtp = smtp(&certificates);
    check_starttls(&scene, &certificates, "smtp", smtp.port);
    let greets = format!(
        "address = \"127.0.0.1:{}\"\nread = \"line\"\nexpect = {{ banner_matches = \"^220 .*SMTP\" }}",
        smtp.port
    );
    assert_eq!(scene.said("tcp", &greets), "pass");
}

#[test]
fn a_real_postgres_shows_its_certificate_and_one_without_tls_says_so() {
    let scene = Scene::new();
    let certificates = Certificates::write(&scene.root().join("tls"));
    let with = Postgres::with(&Options { tls: Some(certificates.leaf("good")), ..Options::default() });
    check_starttls(&scene, &certificates, "postgres", with.port());
    let without = Postgres::start();
    let table = format!("address = \"127.0.0.1:{}\"\nstarttls = \"postgres\"\nexpect.trusted = true", without.port());
    let verdict = scene.verdict("tls", &table);
    assert_eq!(scene.said("tls", &table), "fail tls-failed");
    assert!(verdict.findings()[0].detail.contains("`ssl = off`"), "{verdict:?}");
}

#[test]
fn plain_text_that_comes_before_the_handshake_is_an_attack_and_no_answer() {
    // A man in the middle adds a command behind the server's answer; whoever buffers takes it for encrypted.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"* OK ready\r\n");
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"a1 OK begin\r\n* BYE injected\r\n");
            let _ = stream.read(&mut [0; 512]);
        }
    });
    let scene = Scene::new();
    let table = format!("address = \"{address}\"\nstarttls = \"imap\"\nexpect.trusted = true");
    assert_eq!(scene.said("tls", &table), "fail bad-protocol");
}
