//! An HTTP server that lies, stalls and floods: the path picks how. Plain threads and bytes, as no library would do this.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};

/// A running server.
pub struct Misbehaving {
    address: SocketAddr,
    /// Accepts nothing; the system completes handshakes into its queue, and there they stay.
    deaf: TcpListener,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

type Act = fn(&mut TcpStream, &Request) -> std::io::Result<()>;

/// Every misbehaviour by its path.
const ACTS: &[(&str, Act)] = &[
    ("/well", |s, _| s.write_all(&whole("text/plain", b"all is well"))),
    ("/slow-headers", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\n")?;
        drip(s, b"X-Slow: 1\r\n")
    }),
    ("/slow-body", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
        drip(s, b"slow ")
    }),
    ("/hang", |s, _| drip(s, b"")),
    ("/endless-body", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        flood(s, format!("10000\r\n{}\r\n", "x".repeat(0x10000)).as_bytes(), u64::MAX)
    }),
    ("/gigabyte", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1073741824\r\n\r\n")?;
        flood(s, &[b'x'; 0x10000], 1 << 30)
    }),
    ("/bomb", |s, _| {
        let bomb = bomb();
        write!(
            s,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            bomb.len()
        )?;
        s.write_all(bomb)
    }),
    ("/no-gzip", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 11\r\n\r\nnot at all!")
    }),
    ("/short", |s, _| s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this much")),
    ("/long", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmore than was said")
    }),
    ("/two-lengths", |s, _| s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nambiguous")),
    ("/bad-chunk", |s, _| s.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nwhat\r\n")),
    ("/huge-chunk", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nwhat\r\n")
    }),
    ("/many-headers", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\n")?;
        let mut headers = String::new();
        for n in 0..100_000 {
            let _ = write!(headers, "X-Header-{n}: {n}\r\n");
        }
        s.write_all(headers.as_bytes())?;
        s.write_all(b"Content-Length: 2\r\n\r\nok")
    }),
    ("/huge-header", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\nX-Huge: ")?;
        flood(s, &[b'x'; 0x10000], 1 << 28)
    }),
    ("/huge-status", |s, _| {
        s.write_all(b"HTTP/1.1 200 ")?;
        flood(s, &[b'x'; 0x10000], 1 << 28)
    }),
    ("/continue-for-ever", |s, _| flood(s, &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), u64::MAX)),
    ("/deep-json", |s, _| {
        s.write_all(&whole("application/json", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).as_bytes()))
    }),
    ("/invalid-utf8", |s, _| {
        s.write_all(&whole("text/html; charset=utf-8", b"<html>caf\xe9 \xff\xfe\xc3\x28 <h2>Meaning</h2></html>"))
    }),
    ("/http-0.9", |s, _| s.write_all(b"<html>hello from 1991</html>")),
    ("/garbage", |s, _| {
        s.write_all(&[0x16, 0x03, 0x01, 0x00, 0xff, 0x00, 0x1b, 0x5b, 0x32, 0x4a, 0x0d, 0x0a, 0x0d, 0x0a])
    }),
    ("/nothing", |_, _| Ok(())),
    ("/redirect-loop", |s, _| {
        s.write_all(b"HTTP/1.1 302 Found\r\nLocation: /redirect-loop\r\nContent-Length: 0\r\n\r\n")
    }),
    ("/redirect", |s, request| {
        let to = request.path.split_once("?to=").map(|(_, to)| to).unwrap_or_default();
        write!(s, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
    }),
    ("/terminal", |s, _| s.write_all(&whole("text/plain", b"\x1b[2J\x1b]0;owned\x07 hello \x1b[31m::error::\r\n"))),
    ("/echo", |s, request| s.write_all(&echo(request))),
];

/// Closes with the request unread, which makes the system send a reset.
const RESET: &str = "/reset";

struct Request {
    path: String,
    head: String,
    body: Vec<u8>,
}

impl Misbehaving {
    /// Starts it; it accepts when this returns.
    pub fn start() -> Misbehaving {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    // Ends when its client goes away, and with this process at the latest.
                    let _ = stream.map(|stream| std::thread::spawn(move || act(stream)));
                }
            }
        });
        let deaf = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        Misbehaving { address, deaf, stop, thread: Some(thread) }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A port that takes connections and never answers.
    pub fn deaf(&self) -> SocketAddr {
        self.deaf.local_addr().expect("its address")
    }

    /// Every path that misbehaves.
    pub fn paths() -> impl Iterator<Item = &'static str> {
        ACTS.iter().map(|(path, _)| *path).chain([RESET])
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn act(mut stream: TcpStream) {
    let mut first = [0_u8; 64];
    let peeked = stream.peek(&mut first).unwrap_or(0);
    if first[..peeked].windows(RESET.len() + 1).any(|part| part == format!("{RESET} ").as_bytes()) {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it, then");
        return;
    }
    while let Some(request) = read(&mut stream) {
        let path = request.path.split('?').next().unwrap_or_default();
        let Some((_, act)) = ACTS.iter().find(|(name, _)| *name == path) else {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            continue;
        };
        let again = ["/well", "/echo", "/redirect", "/redirect-loop"].contains(&path)
            && !request.head.to_ascii_lowercase().contains("connection: close");
        if act(&mut stream, &request).is_err() || !again {
            return;
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 1 << 20 || stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Request { path, head, body })
}

fn whole(content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// The same bytes again and again, one helping in 20 ms, until the client goes away.
fn drip(stream: &mut TcpStream, helping: &[u8]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    loop {
        stream.write_all(helping)?;
        // Reading is both the pause and how a client that went away is noticed.
        match stream.read(&mut [0; 16]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(why) if matches!(why.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(why) => return Err(why),
        }
    }
}

/// The same bytes as fast as they are taken.
fn flood(stream: &mut TcpStream, helping: &[u8], bytes: u64) -> std::io::Result<()> {
    let mut sent = 0_u64;
    while sent < bytes {
        stream.write_all(helping)?;
        sent += helping.len() as u64;
    }
    Ok(())
}

/// A gigabyte of zeros in a megabyte of gzip: after the first part the same compressed bytes stand for the next ones.
fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| {
        let zeros = vec![0_u8; 1 << 20];
        let mut compress = Compress::new(Compression::best(), false);
        let mut part = || {
            let mut out = Vec::with_capacity(1 << 16);
            compress.compress_vec(&zeros, &mut out, FlushCompress::Full).expect("zeros compress");
            out
        };
        let (first, next) = (part(), part());
        let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        bomb.extend(first);
        (1..1024).for_each(|_| bomb.extend(&next));
        // An empty last block, then the checksum of 2^30 zeros and their number.
        bomb.extend([3, 0]);
        bomb.extend(0x5b64_c2b0_u32.to_le_bytes());
        bomb.extend((1_u32 << 30).to_le_bytes());
        bomb
    })
}

/// Everything that was asked, given back in every encoding that a secret may hide in: in headers and body.
fn echo(request: &Request) -> Vec<u8> {
    let mut body = format!("{}\n{}\n", request.head, String::from_utf8_lossy(&request.body));
    let mut headers = String::new();
    let values = request.head.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(_, value)| value);
    let words = values.flat_map(|value| std::iter::once(value).chain(value.split(' ')));
    for (n, word) in words.enumerate() {
        let bare = base64(word.as_bytes());
        let percent: String = word.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let lower: String = word.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let usual: String = word
            .bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect();
        let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
        let json = serde_json::Value::from(word).to_string();
        let _ = writeln!(
            body,
            "{word}\n{bare}\n{}\n{}\n{percent}\n{lower}\n{usual}\n{hex}\n{json}",
            base64(format!("a{word}").as_bytes()),
            base64(format!("ab{word}").as_bytes())
        );
        let _ = write!(headers, "X-Echo-{n}: {word}\r\nSet-Cookie: c{n}={bare}\r\n");
    }
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// RFC 4648, with padding.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let six = (bits >> (18 - 6 * position)) & 63;
            text.push(if position <= chunk.len() { char::from(ALPHABET[six as usize]) } else { '=' });
        }
    }
    text
}
