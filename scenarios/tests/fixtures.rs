//! The fixtures themselves: a test that rests on a broken one proves nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use scenarios::listener::Listener;
use scenarios::misbehaving::{Misbehaving, base64};
use scenarios::nginx::Nginx;
use scenarios::postgres::{Options, Postgres, programs};

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(scenarios::patience::BOUND)).unwrap();
    stream
}

fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn address(server: &Misbehaving) -> SocketAddr {
    server.url().trim_start_matches("http://").parse().unwrap()
}

#[test]
fn nginx_serves_what_was_written_and_stops_when_dropped() {
    let nginx = Nginx::start(&[("index.html", "<h1>hello</h1>"), ("private/page.txt", "for canaries")]);
    let at = nginx.http();
    assert!(get(at, "/", "").contains("<h1>hello</h1>"));
    nginx.write("index.html", "<h1>changed</h1>");
    assert!(get(at, "/", "").contains("<h1>changed</h1>"));
    assert!(get(at, "/moved", "").starts_with("HTTP/1.1 302"));
    assert!(get(at, "/private/page.txt", "").starts_with("HTTP/1.1 401"));
    let credentials = format!("Authorization: Basic {}\r\n", base64(b"canary:correct-horse-battery"));
    assert!(get(at, "/private/page.txt", &credentials).contains("for canaries"));
    assert!(get(at, "/", "Accept-Encoding: gzip\r\n").contains("Content-Encoding: gzip"));
    drop(nginx);
    assert!(TcpStream::connect(at).is_err());
}

#[test]
fn nginx_speaks_http2_with_a_good_certificate_and_shows_an_expired_one() {
    let nginx = Nginx::start(&[("index.html", "hello")]);
    let curl = |port: u16, extra: &[&str]| {
        let ca = nginx.authority();
        let out = Command::new("curl")
            .args(["-sS", "--cacert"])
            .arg(ca)
            .args(extra)
            .args(["-w", " %{http_version}"])
            .arg(format!("https://localhost:{port}/"))
            .env_clear()
            .output()
            .unwrap();
        (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    assert_eq!(curl(nginx.tls().port(), &["--http2"]), (Some(0), "hello 2".into()));
    let (code, said) = curl(nginx.expired().port(), &[]);
    assert_eq!(code, Some(60), "{said}");
    assert!(said.contains("expired"), "{said}");
}

#[test]
fn the_bomb_is_a_real_gzip_of_a_gigabyte() {
    let server = Misbehaving::start();
    let mut stream = connect(address(&server));
    stream.write_all(b"GET /bomb HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
    assert!(answer.len() - body < 3 << 20, "{} bytes", answer.len() - body);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bomb.gz");
    std::fs::write(&file, &answer[body..]).unwrap();
    // gzip verifies the checksum and the length.
    let tested = Command::new("gzip").arg("-t").arg(&file).output().unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
}

#[test]
fn a_reset_is_a_reset_and_not_an_end() {
    let server = Misbehaving::start();
    let mut stream = connect(address(&server));
    stream.write_all(b"GET /reset HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    assert_eq!(stream.read_to_end(&mut answer).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn the_echo_gives_the_secret_back_in_every_encoding() {
    let server = Misbehaving::start();
    let answer = get(address(&server), "/echo", "X-Token: top/secret\r\n");
    for form in ["top/secret", "dG9wL3NlY3JldA==", "top%2Fsecret", "746f702f736563726574"] {
        assert!(answer.contains(form), "{form}: {answer}");
    }
}

#[test]
fn every_visitor_of_a_listener_is_counted_and_our_own_is_not() {
    let listener = Listener::open();
    assert_eq!(listener.accepted(), 0);
    assert!(get(listener.address(), "/", "").contains("production"));
    drop(TcpStream::connect(listener.address()).unwrap());
    assert_eq!(listener.accepted(), 2);
    assert_eq!(listener.accepted(), 2);
}

/// Connects as this role over TCP with `psql`; what it says, or complains about.
fn psql(url: &str, settings: &[(&str, &str)]) -> Result<String, String> {
    let mut command = Command::new(programs().join("psql"));
    command.args(["-X", "-A", "-t", "-w", "-c", "select current_user", url]).env("LC_ALL", "C");
    let output = command.envs(settings.iter().copied()).output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn a_cluster_trusts_everybody_and_keeps_its_data_while_it_is_stopped() {
    let mut postgres = Postgres::start();
    postgres.create("shop");
    postgres.sql("shop", "create table t (n int); insert into t values (1), (2);");
    assert_eq!(psql(&postgres.url("shop"), &[]).as_deref(), Ok("postgres"));
    postgres.stop();
    assert!(psql(&postgres.url("shop"), &[]).is_err());
    postgres.resume();
    assert_eq!(postgres.sql("shop", "select count(*), max(n) from t"), "2|2");
}

#[test]
fn a_cluster_with_passwords_and_tls_lets_in_who_knows_the_one_and_offers_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = scenarios::certificates::Certificates::write(folder.path());
    let postgres = Postgres::with(&Options {
        password: Some("correct-horse".into()),
        tls: Some(certificates.leaf("good")),
        settings: vec![("max_connections".into(), "7".into())],
        ..Options::default()
    });
    let authority = certificates.authority().display().to_string();
    let verified = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", &*authority)];
    let with_password = [&verified[..], &[("PGPASSWORD", "correct-horse")]].concat();
    assert_eq!(psql(&postgres.url("postgres"), &with_password).as_deref(), Ok("postgres"));
    let refused = psql(&postgres.url("postgres"), &verified).unwrap_err();
    assert!(refused.contains("no password supplied"), "{refused}");
    assert_eq!(postgres.sql("postgres", "show max_connections"), "7");
}
