//! A resolver that lies, stalls and floods: the first label of the name picks how. Plain threads and bytes, as no
//! library would write such packets.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running one, over UDP and TCP on one port.
pub struct LyingResolver {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

/// A question as it came: its id, and its bytes from the name to the class.
struct Question {
    id: [u8; 2],
    edns: bool,
    label: String,
    bytes: Vec<u8>,
}

impl LyingResolver {
    /// Starts one on a free port of the loopback.
    pub fn start() -> LyingResolver {
        crate::patience::until("a port for UDP and TCP", || LyingResolver::at(SocketAddr::from(([127, 0, 0, 1], 0))))
    }

    /// Starts one at this address.
    pub fn at(address: SocketAddr) -> Result<LyingResolver, String> {
        let tcp = TcpListener::bind(address).map_err(|why| why.to_string())?;
        let address = tcp.local_addr().map_err(|why| why.to_string())?;
        let udp = UdpSocket::bind(address).map_err(|why| why.to_string())?;
        udp.set_read_timeout(Some(Duration::from_millis(20))).map_err(|why| why.to_string())?;
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let packets = std::thread::spawn({
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            move || {
                let mut buffer = [0; 2048];
                let mut first: HashMap<SocketAddr, Question> = HashMap::new();
                while !stop.load(Ordering::SeqCst) {
                    let Ok((length, from)) = udp.recv_from(&mut buffer) else { continue };
                    asked.fetch_add(1, Ordering::SeqCst);
                    if let Some(question) = Question::read(&buffer[..length]) {
                        over_udp(&question, &udp, from, first.get(&from));
                        first.entry(from).or_insert(question);
                    }
                }
            }
        });
        let connections = std::thread::spawn({
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            move || {
                for stream in tcp.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    asked.fetch_add(1, Ordering::SeqCst);
                    // Ends when its client goes away, and with this process at the latest.
                    let _ = stream.map(|stream| std::thread::spawn(move || over_tcp(stream)));
                }
            }
        });
        Ok(LyingResolver { address, stop, asked, threads: vec![packets, connections] })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often somebody came so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for LyingResolver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Question {
    fn read(packet: &[u8]) -> Option<Question> {
        let id = packet.first_chunk().copied()?;
        let first = usize::from(*packet.get(12)?);
        let label = String::from_utf8_lossy(packet.get(13..13 + first)?).to_ascii_lowercase();
        let mut end = 12;
        while *packet.get(end)? != 0 {
            end += 1 + usize::from(packet[end]);
        }
        let edns = packet[11] > 0;
        Some(Question { id, edns, label, bytes: packet.get(12..end + 5)?.to_vec() })
    }

    /// A reply with these flags, this code, and these records as its answer.
    fn reply(&self, flags: u8, code: u8, answers: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(answers.len()).unwrap_or(u16::MAX).to_be_bytes();
        let head = [&self.id[..], &[0x81 | flags, 0x80 | code, 0, 1], &count, &[0, 0, 0, 0]].concat();
        [head, self.bytes.clone(), answers.concat()].concat()
    }

    fn good(&self) -> Vec<u8> {
        self.reply(0, 0, &[address([192, 0, 2, 7])])
    }
}

const TRUNCATED: u8 = 2;

/// An A record of the name in the question.
fn address(ip: [u8; 4]) -> Vec<u8> {
    [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4][..], &ip].concat()
}

/// A CNAME record, its names written out.
fn alias(from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (name(from), name(to));
    let length = u16::try_from(to.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&from[..], &[0, 5, 0, 1, 0, 0, 1, 44], &length, &to].concat()
}

fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).unwrap_or(63);
        std::iter::once(length).chain(label.bytes())
    });
    labels.chain([0]).collect()
}

fn over_udp(question: &Question, socket: &UdpSocket, from: SocketAddr, first: Option<&Question>) {
    let send = |bytes: &[u8]| drop(socket.send_to(bytes, from));
    let good = question.good();
    let other_id = || {
        let mut reply = question.reply(0, 0, &[address([203, 0, 113, 66])]);
        reply[1] ^= 1;
        reply
    };
    match question.label.as_str() {
        "ok" => send(&good),
        "silence" => {}
        "servfail" => send(&question.reply(0, 2, &[])),
        "refused" => send(&question.reply(0, 5, &[])),
        "nxdomain" => send(&question.reply(0, 3, &[])),
        "nxdomain-with-an-address" => send(&question.reply(0, 3, &[address([203, 0, 113, 66])])),
        // An alias of bytes that are no letters, and nothing behind it.
        "odd-alias" => {
            let mut odd = alias("odd-alias.example", "??.example");
            let at = odd.len() - 11;
            odd[at..at + 2].fill(0xff);
            send(&question.reply(0, 0, &[odd]));
        }
        // More than was asked for: other names, other types, other classes, and the answer between them.
        "many" => {
            let foreign = |n: u8| [&name("other.example")[..], &address([203, 0, 113, n])[2..]].concat();
            let chaos = [&[0xc0, 12, 0, 1, 0, 3, 0, 0, 1, 44, 0, 4][..], &[203, 0, 113, 99]].concat();
            let unknown = [&[0xc0, 12, 0xff, 0x12, 0, 1, 0, 0, 1, 44, 0, 3][..], b"abc"].concat();
            let ours = vec![chaos, unknown, address([192, 0, 2, 7])];
            send(&question.reply(0, 0, &[(0..30).map(foreign).collect(), ours].concat()));
        }
        "empty" => send(&question.reply(0, 0, &[])),
        "other-id" => send(&other_id()),
        "guessed" => {
            (0..50).for_each(|_| send(&other_id()));
            send(&good);
        }
        "flood" => (0..5_000).for_each(|_| send(&other_id())),
        "other-question" => {
            let mut reply = good;
            reply[13] ^= 1;
            send(&reply);
        }
        "other-source" => {
            let elsewhere = UdpSocket::bind(("127.0.0.1", 0));
            let _ = elsewhere.and_then(|socket| socket.send_to(&good, from));
        }
        "not-a-reply" => {
            let mut reply = good;
            reply[2] &= 0x7f;
            send(&reply);
        }
        "garbage" => send(&[&question.id[..], &[0x81, 0x80], &[0xff; 300]].concat()),
        "half" => send(&good[..good.len() - 3]),
        "pointer-loop" => {
            let mut reply = question.reply(0, 0, &[address([192, 0, 2, 7])]);
            let at = 12 + question.bytes.len();
            reply[at + 1] = u8::try_from(at).unwrap_or(0);
            send(&reply);
        }
        "many-counted" => {
            let mut reply = good;
            (reply[6], reply[7]) = (0xff, 0xff);
            send(&reply);
        }
        "circle" => {
            let answers = [alias("circle.example", "b.example"), alias("b.example", "circle.example")];
            send(&question.reply(0, 0, &answers));
        }
        "chain" => send(&question.reply(0, 0, &chain(40))),
        "chain-of-ten" => {
            let last = [&name("n10.example")[..], &address([192, 0, 2, 7])[2..]].concat();
            send(&question.reply(0, 0, &[chain(10), vec![last]].concat()));
        }
        // Each reply brings the next alias of a row that has no end.
        "endless-chain" => send(&question.reply(0, 0, &[alias("endless-chain.example", "next0.example")])),
        // From before there was EDNS: what it does not know is an error.
        "no-edns" if !question.edns => send(&good),
        "no-edns" | "form-error" => send(&question.reply(0, 1, &[])),
        // Answers the first packet of a client, when its second is there, and no other.
        "first-only" => {
            if let Some(first) = first {
                send(&first.good());
            }
        }
        "referral" => send(
            &[
                &question.id[..],
                &[0x81, 0, 0, 1, 0, 0, 0, 1, 0, 0],
                &question.bytes,
                &[0xc0, 12, 0, 2, 0, 1, 0, 0, 1, 44, 0, 4, 1, b'a', 0xc0, 12],
            ]
            .concat(),
        ),
        next if next.starts_with("next") => {
            let number: u32 = next.trim_start_matches("next").parse().unwrap_or(0);
            send(&question.reply(
                0,
                0,
                &[alias(&format!("next{number}.example"), &format!("next{}.example", number + 1))],
            ));
        }
        tcp if tcp.starts_with("tcp-") => send(&question.reply(TRUNCATED, 0, &[])),
        _ => send(&question.reply(0, 3, &[])),
    }
}

/// Aliases in a row, from `chain...example` over `n1.example`.
fn chain(length: usize) -> Vec<Vec<u8>> {
    let first = if length == 40 { "chain.example" } else { "chain-of-ten.example" };
    let named = |n: usize| if n == 0 { first.to_owned() } else { format!("n{n}.example") };
    (0..length).map(|n| alias(&named(n), &named(n + 1))).collect()
}

fn over_tcp(mut stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut length = [0; 2];
    if stream.read_exact(&mut length).is_err() {
        return;
    }
    let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
    if stream.read_exact(&mut packet).is_err() {
        return;
    }
    let Some(question) = Question::read(&packet) else { return };
    let with_length =
        |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()[..], bytes].concat();
    let good = question.good();
    let bytes = match question.label.as_str() {
        "tcp-ok" => with_length(&good),
        // As much as two bytes of length can say: 4,000 addresses.
        "tcp-huge" => {
            let many: Vec<Vec<u8>> =
                (0..4_000_u16).map(|n| address([10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]])).collect();
            with_length(&question.reply(0, 0, &many))
        }
        "tcp-cut-again" => with_length(&question.reply(TRUNCATED, 0, &[])),
        "tcp-short" => with_length(&good)[..20].to_vec(),
        "tcp-closed" => Vec::new(),
        "tcp-other-id" => {
            let mut reply = good;
            reply[0] ^= 1;
            with_length(&reply)
        }
        "tcp-empty" => vec![0, 0],
        "tcp-silence" => {
            // Until the client goes away.
            let _ = stream.read(&mut [0; 1]);
            return;
        }
        _ => with_length(&good),
    };
    let _ = stream.write_all(&bytes);
}
