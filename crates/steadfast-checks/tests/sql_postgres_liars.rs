//! The kind `sql` before servers that are no Postgres, or one that lies: each ends soon, with a word for it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::scene::Scene;

const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];

/// A server that does this with each connection.
fn liar(lie: fn(&mut TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { break };
            std::thread::spawn(move || lie(&mut stream));
        }
    });
    port
}

#[track_caller]
fn check(lie: fn(&mut TcpStream), rest: &str, expected: &str) {
    let mut scene = Scene::new();
    scene.timeout = Some(Duration::from_secs(8));
    scene.secrets.insert("PW".into(), "w4tching-eyes".into());
    let url = format!("postgres://ada@127.0.0.1:{}/shop?{rest}", liar(lie));
    let table = format!("database = \"{url}\"\npassword = {{ env = 'PW' }}\nquery = 'select 1'\nexpect.scalar = 1");
    let began = Instant::now();
    let verdict = scene.verdict("sql", &table);
    let codes: Vec<&str> = verdict.findings().iter().map(|finding| &*finding.code).collect();
    assert_eq!(format!("{} {}", verdict.word(), codes.join(" ")), expected, "{verdict:#?}");
    assert!(!format!("{verdict:?}").contains("w4tching"));
    assert!(began.elapsed() < Duration::from_secs(30));
}

/// A message: its letter, its length, its body.
fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[letter], length.to_be_bytes().as_slice(), body].concat()
}

fn authentication(sort: u32, body: &[u8]) -> Vec<u8> {
    message(b'R', &[sort.to_be_bytes().as_slice(), body].concat())
}

/// Reads what the client sends first, refusing TLS.
fn hear(stream: &mut TcpStream) {
    let mut bytes = [0; 4096];
    let read = stream.read(&mut bytes).unwrap_or(0);
    if &bytes[..read] == SSL_REQUEST {
        let _ = stream.write_all(b"N");
        let _ = stream.read(&mut bytes);
    }
}

/// Signs everybody in, and waits for the first query.
fn welcome(stream: &mut TcpStream) {
    hear(stream);
    let _ = stream.write_all(&[authentication(0, b""), message(b'Z', b"I")].concat());
    let _ = stream.read(&mut [0; 4096]);
}

/// Lets the transaction begin, and waits for the next query.
fn begun(stream: &mut TcpStream) {
    welcome(stream);
    let _ = stream.write_all(&[message(b'C', b"BEGIN\0"), message(b'Z', b"T")].concat());
    let _ = stream.read(&mut [0; 4096]);
}

/// Says nothing more, until the client hangs up.
fn stay(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

fn for_ever(stream: &mut TcpStream, bytes: &[u8]) {
    let many = bytes.repeat((1 << 16) / bytes.len() + 1);
    while stream.write_all(&many).is_ok() {}
}

/// One column of type text.
fn described() -> Vec<u8> {
    let column = [b"a\0".as_slice(), &[0; 6], &25u32.to_be_bytes(), &[255, 255], &[255; 4], &[0, 1]].concat();
    [message(b'1', b""), message(b'2', b""), message(b'T', &[[0, 1].as_slice(), &column].concat())].concat()
}

#[test]
fn one_that_speaks_something_else() {
    check(
        |stream| {
            // Read as a message, it is one of a gigabyte that never comes.
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
            stay(stream);
        },
        "sslmode=disable",
        "fail timeout",
    );
    check(
        |stream| {
            hear(stream);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = stream.shutdown(Shutdown::Write);
            stay(stream);
        },
        "sslmode=disable",
        "fail bad-protocol",
    );
    check(
        |stream| {
            hear(stream);
            let _ = stream.write_all(&message(b'Z', b"I"));
            let _ = stream.read(&mut [0; 64]);
        },
        "sslmode=disable",
        "fail bad-protocol",
    );
}

#[test]
fn one_that_says_nothing_or_hangs_up() {
    check(|stream| drop(stream.read(&mut [0; 4096])), "sslmode=disable", "fail reset");
    check(hear, "sslmode=prefer", "fail reset");
    check(welcome, "sslmode=disable", "fail reset");
    check(begun, "sslmode=disable", "fail reset");
    check(stay, "sslmode=disable", "fail timeout");
    check(stay, "connect_timeout=1", "fail timeout");
    check(
        |stream| {
            begun(stream);
            stay(stream);
        },
        "sslmode=disable",
        "fail timeout",
    );
}

#[test]
fn one_that_refuses_tls_or_makes_a_mess_of_it() {
    check(hear, "sslmode=require", "fail tls-failed");
    check(
        |stream| {
            let _ = stream.read(&mut [0; 8]);
            let _ = stream.write_all(b"Sthis is no handshake at all");
            // What stays unread at the end would make a reset of it.
            let _ = stream.read(&mut [0; 1 << 14]);
        },
        "sslmode=require",
        "fail tls-failed",
    );
    check(
        |stream| {
            let _ = stream.read(&mut [0; 8]);
            let _ = stream.write_all(b"S");
            let _ = stream.read(&mut [0; 1 << 14]);
        },
        "sslmode=require",
        "fail tls-failed",
    );
}

#[test]
fn one_that_asks_for_a_sign_in_that_nobody_knows() {
    check(
        |stream| {
            hear(stream);
            let _ = stream.write_all(&authentication(7, b""));
            let _ = stream.read(&mut [0; 64]);
        },
        "sslmode=disable",
        "unknown sign-in-unknown",
    );
    check(
        |stream| {
            hear(stream);
            let _ = stream.write_all(&authentication(99, b""));
            let _ = stream.read(&mut [0; 64]);
        },
        "sslmode=disable",
        "fail bad-protocol",
    );
    check(
        |stream| {
            hear(stream);
            let _ = stream.write_all(&authentication(10, b"ROT-13\0\0"));
            let _ = stream.read(&mut [0; 64]);
        },
        "sslmode=disable",
        "unknown sign-in-unknown",
    );
}

#[test]
fn one_that_takes_scram_and_does_not_know_the_password() {
    check(
        |stream| {
            hear(stream);
            let _ = stream.write_all(&authentication(10, b"SCRAM-SHA-256\0\0"));
            let mut first = [0; 4096];
            let read = stream.read(&mut first).unwrap_or(0);
            let said = String::from_utf8_lossy(&first[..read]).into_owned();
            let nonce = said.split("r=").nth(1).unwrap_or_default();
            let challenge = format!("r={nonce}server,s=QSXCR+Q6sek8bf92,i=4096");
            let _ = stream.write_all(&authentication(11, challenge.as_bytes()));
            let _ = stream.read(&mut first);
            let _ = stream.write_all(&authentication(12, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
            let _ = stream.read(&mut first);
        },
        "sslmode=disable",
        "fail sign-in-failed",
    );
}

#[test]
fn one_whose_rows_never_end() {
    check(
        |stream| {
            begun(stream);
            let _ = stream.write_all(&described());
            for_ever(stream, &message(b'D', &[0, 1, 0, 0, 0, 1, b'x']));
        },
        "sslmode=disable",
        "unknown beyond-the-cut",
    );
}

#[test]
fn one_with_a_field_of_a_gigabyte() {
    check(
        |stream| {
            begun(stream);
            let _ = stream.write_all(&described());
            let field = 1u32 << 30;
            let head = [b"D".as_slice(), &(field + 10).to_be_bytes(), &[0, 1], &field.to_be_bytes()].concat();
            let _ = stream.write_all(&head);
            for_ever(stream, b"x");
        },
        "sslmode=disable",
        "unknown beyond-the-cut",
    );
}

#[test]
fn one_that_never_stops_talking_before_or_beside_the_answer() {
    check(
        |stream| {
            hear(stream);
            let _ = stream.write_all(&authentication(0, b""));
            for_ever(stream, &message(b'S', b"name\0value\0"));
        },
        "sslmode=disable",
        "unknown beyond-the-cut",
    );
    check(
        |stream| {
            begun(stream);
            for_ever(stream, &message(b'N', b"SNOTICE\0C00000\0Mhear, hear\0\0"));
        },
        "sslmode=disable",
        "unknown beyond-the-cut",
    );
}

#[test]
fn one_whose_messages_are_of_impossible_lengths() {
    for lie in [
        |stream: &mut TcpStream| {
            begun(stream);
            let _ = stream.write_all(&[b'D', 255, 255, 255, 255, 0]);
            let _ = stream.read(&mut [0; 64]);
        },
        |stream: &mut TcpStream| {
            begun(stream);
            let _ = stream.write_all(&[b'D', 0, 0, 0, 0, 0]);
            let _ = stream.read(&mut [0; 64]);
        },
        |stream: &mut TcpStream| {
            begun(stream);
            // A row of two columns where one was described, the second longer than its message.
            let row = message(b'D', &[0, 2, 0, 0, 0, 1, b'x', 0, 0, 1, 0]);
            let _ = stream.write_all(&[described(), row].concat());
            let _ = stream.read(&mut [0; 64]);
        },
    ] {
        check(lie, "sslmode=disable", "fail bad-protocol");
    }
}
