//! Signing in to a real server: passwords, sockets, and TLS in each mode against certificates of each sort.

use std::time::Duration;

use scenarios::certificates::Certificates;
use scenarios::postgres::{Options, Postgres};
use steadfast_postgres::address::{Address, Host};
use steadfast_postgres::session::{Moving, said, sign_in};
use steadfast_postgres::tls::Tls;
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Client;

/// Asserts what signing in and asking comes to: `role, tls or plain`, or a part of what is said instead.
fn check(url: &str, expected: Result<&str, &str>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), ask(url)).await.unwrap() });
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{url}"),
        (Err(found), Err(part)) => assert!(found.contains(part), "{url}: no `{part}` in: {found}"),
        (found, expected) => panic!("{url}: expected {expected:?}, found {found:?}"),
    }
}

async fn ask(url: &str) -> Result<String, String> {
    let address = Address::parse(url, &|_| None).map_err(|why| why.to_string())?;
    let (client, moving) = open(&address).await?;
    let moving = tokio::spawn(moving);
    let sql =
        "select current_user, case when ssl then 'tls' else 'plain' end from pg_stat_ssl where pid = pg_backend_pid()";
    let row = client.query_one(sql, &[]).await.map_err(|why| said(&why))?;
    drop(client);
    moving.await.unwrap().map_err(|why| said(&why))?;
    Ok(format!("{}, {}", row.get::<_, String>(0), row.get::<_, String>(1)))
}

async fn open(address: &Address) -> Result<(Client, Moving), String> {
    let tls = Tls::of(address)?;
    let signed_in = match (&address.host, address.host.socket()) {
        (Host::Tcp { name, port }, _) => {
            // `localhost` may be ::1 first, where the fixture does not listen.
            let host = if name == "localhost" { "127.0.0.1" } else { name };
            sign_in(TcpStream::connect((host, *port)).await.unwrap(), address, tls).await
        }
        (Host::Unix { .. }, socket) => sign_in(UnixStream::connect(socket.unwrap()).await.unwrap(), address, tls).await,
    };
    signed_in.map_err(|why| said(&why))
}

fn with_certificate(certificates: &Certificates, leaf: &str) -> Postgres {
    Postgres::with(&Options {
        password: Some("correct-horse".into()),
        tls: Some(certificates.leaf(leaf)),
        ..Options::default()
    })
}

#[test]
fn a_password_is_asked_for_and_said_to_be_wrong_without_showing_it() {
    let server = Postgres::with(&Options { password: Some("correct-horse".into()), ..Options::default() });
    let at = |password: &str| format!("postgres://postgres{password}@127.0.0.1:{}/postgres", server.port());
    check(&at(":correct-horse"), Ok("postgres, plain"));
    check(&at(":battery"), Err("password authentication failed for user \"postgres\" (28P01)"));
    check(&at(""), Err("password missing"));
    check(&format!("{}?dbname=nowhere", at(":correct-horse")), Err("database \"nowhere\" does not exist (3D000)"));
    let socket = format!("postgres://postgres@/postgres?host={}&port={}", server.sockets().display(), server.port());
    check(&socket, Ok("postgres, plain"));
}

#[test]
fn a_server_without_tls_is_spoken_to_in_plain_text_unless_tls_is_required() {
    let server = Postgres::start();
    check(&server.url("postgres"), Ok("postgres, plain"));
    check(&format!("{}?sslmode=disable", server.url("postgres")), Ok("postgres, plain"));
    check(&format!("{}?sslmode=require", server.url("postgres")), Err("server does not support TLS"));
    check(&format!("{}?channel_binding=require", server.url("postgres")), Err("channel binding"));
}

#[test]
fn each_sslmode_holds_the_certificate_to_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path());
    let stranger = folder.path().join("stranger.pem");
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&stranger, own.cert.pem()).unwrap();
    let ours = format!("&sslrootcert={}", certificates.authority().display());
    let theirs = format!("&sslrootcert={}", stranger.display());
    let tls = Ok("postgres, tls");

    let good = with_certificate(&certificates, "good");
    let other = with_certificate(&certificates, "other");
    let expired = with_certificate(&certificates, "expired");
    let at = |server: &Postgres, host: &str, rest: &str| {
        format!("postgres://postgres:correct-horse@{host}:{}/postgres?{rest}", server.port())
    };

    check(&at(&good, "localhost", "sslmode=disable"), Ok("postgres, plain"));
    for mode in ["prefer", "require"] {
        for server in [&good, &other, &expired] {
            check(&at(server, "localhost", &format!("sslmode={mode}")), tls);
        }
    }
    // The root is not looked at by `prefer`, and by `require` as by `verify-ca`.
    check(&at(&good, "localhost", &format!("sslmode=prefer{theirs}")), tls);
    for mode in ["require", "verify-ca"] {
        let mode = format!("sslmode={mode}");
        check(&at(&good, "127.0.0.1", &format!("{mode}{ours}")), tls);
        check(&at(&other, "localhost", &format!("{mode}{ours}")), tls);
        check(&at(&expired, "localhost", &format!("{mode}{ours}")), Err("expired"));
        check(&at(&good, "localhost", &format!("{mode}{theirs}")), Err("UnknownIssuer"));
    }
    check(&at(&good, "localhost", &format!("sslmode=verify-full{ours}")), tls);
    check(&at(&good, "127.0.0.1", &format!("sslmode=verify-full{ours}")), tls);
    check(&at(&other, "localhost", &format!("sslmode=verify-full{ours}")), Err("not valid for name"));
    check(&at(&expired, "localhost", &format!("sslmode=verify-full{ours}")), Err("expired"));
    check(&at(&good, "localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem"), Err("sslrootcert /nowhere.pem: "));

    check(&at(&good, "localhost", "sslmode=require&channel_binding=require"), tls);
    check(&at(&good, "localhost", "sslmode=require&channel_binding=disable"), tls);
}
