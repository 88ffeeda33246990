//! The shop itself: that it works, that every breakage is real, and that every repair puts it right again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::breakage::Breakage;
use super::shop::{Premises, Shop};

struct Street {
    shop: Shop,
    _folder: tempfile::TempDir,
}

fn street() -> Street {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path(), Premises::take(None).unwrap()).unwrap();
    Street { shop, _folder: folder }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn get(stream: &mut (impl Read + Write), path: &str) -> (u16, String) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

/// The status of `path`, and whether its answer contains `text`.
fn check(shop: &Shop, path: &str, status: u16, text: &str, contained: bool) {
    let (seen, answer) = get(&mut connect(shop.http()), path);
    assert_eq!(seen, status, "{path}: {answer}");
    assert_eq!(answer.contains(text), contained, "{path}: {text} in {answer}");
}

/// What a client that trusts the shop's authority gets over TLS.
fn over_tls(shop: &Shop) -> Result<u16, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(shop.folder().join("tls/ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(shop.tls()));
    write!(stream, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .map_err(|why| why.to_string())?;
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Err(why) if why.kind() != std::io::ErrorKind::UnexpectedEof => Err(why.to_string()),
        Ok(_) | Err(_) => Ok(answer[9..12].parse().unwrap()),
    }
}

/// Everything a visitor, a reader of the API and an operator rely on.
fn is_well(shop: &Shop) {
    check(shop, "/", 200, "Timothy", true);
    check(shop, "/d/7d0bd618", 200, "<h2>Meaning", true);
    check(shop, "/d/7d0bd618", 200, "the lantern stands for", true);
    check(shop, "/api/designs/7d0bd618", 200, r#""name":"outline""#, true);
    check(shop, "/api/queue", 200, r#""queue_depth":2"#, true);
    check(shop, "/health", 200, r#"{"status":"ok"}"#, true);
    assert_eq!(over_tls(shop), Ok(200));
    assert_eq!(std::fs::read_dir(shop.folder().join("backups")).unwrap().count(), 3);
}

#[test]
fn the_shop_is_well_when_it_opens() {
    let street = street();
    is_well(&street.shop);
    check(&street.shop, "/d/unknown", 404, "Not found", true);
    check(&street.shop, "/api/designs/unknown", 404, "no such design", true);
}

#[test]
fn a_template_without_its_meaning_is_served_with_200() {
    let street = street();
    Breakage::MeaningGone.strike(&street.shop).unwrap();
    check(&street.shop, "/d/7d0bd618", 200, "<h2>Meaning", false);
    check(&street.shop, "/d/7d0bd618", 200, "Timothy", true);
}

#[test]
fn wiped_tables_leave_health_well() {
    let street = street();
    Breakage::TablesWiped.strike(&street.shop).unwrap();
    check(&street.shop, "/health", 200, "ok", true);
    check(&street.shop, "/api/queue", 200, r#""queue_depth":0"#, true);
    let copy = rusqlite::Connection::open(street.shop.database()).unwrap();
    assert_eq!(copy.query_row("select count(*) from accounts", [], |row| row.get::<_, i64>(0)), Ok(0));
}

#[test]
fn flattened_records_are_strings_behind_a_200() {
    let street = street();
    Breakage::RecordsFlattened.strike(&street.shop).unwrap();
    check(&street.shop, "/api/designs/7d0bd618", 200, r#""layers":["outline","gold"]"#, true);
}

#[test]
fn an_expired_certificate_is_refused_by_those_who_verify_and_the_clear_port_stays_well() {
    let street = street();
    Breakage::CertificateExpired.strike(&street.shop).unwrap();
    let refusal = over_tls(&street.shop).unwrap_err();
    assert!(refusal.contains("expired"), "{refusal}");
    check(&street.shop, "/health", 200, "ok", true);
}

#[test]
fn every_breakage_is_seen_and_every_repair_puts_the_shop_right_again() {
    let street = street();
    for breakage in Breakage::ALL {
        let before = everything(&street.shop);
        breakage.strike(&street.shop).unwrap();
        assert_ne!(everything(&street.shop), before, "{breakage:?} changes nothing");
        breakage.repair(&street.shop).unwrap();
        is_well(&street.shop);
    }
}

/// All that the shop serves from, without what changes by itself.
fn everything(shop: &Shop) -> Vec<String> {
    let mut all: Vec<String> = std::fs::read_dir(shop.folder().join("backups"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    all.sort();
    all.push(std::fs::read_to_string(shop.folder().join("tls/shop.pem")).unwrap());
    all.push(std::fs::read_to_string(shop.folder().join("templates/design.html")).unwrap());
    all.push(get(&mut connect(shop.http()), "/api/designs/c41f02aa").1.lines().last().unwrap().to_owned());
    all.push(get(&mut connect(shop.http()), "/api/queue").1.contains(r#""queue_depth":2"#).to_string());
    all
}

#[test]
fn a_closed_shop_listens_no_more() {
    let street = street();
    let (http, tls) = (street.shop.http(), street.shop.tls());
    drop(street);
    assert!(TcpStream::connect(http).is_err());
    assert!(TcpStream::connect(tls).is_err());
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let Err(why) = Premises::take(Some(port)) else { panic!("took a taken port") };
    assert!(why.contains(&port.to_string()) && why.contains("--port"), "{why}");
}
