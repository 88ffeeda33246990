//! The measurements. All of them by the same rule: wait until it is warm, then CPU time over requests that nginx counted.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scenarios::nginx::Nginx;
use scenarios::patience;
use scenarios::steadfast::{Workplace, binary};

use crate::peers::{self, Peer};
use crate::process;

/// How many checks are configured.
const CHECKS: usize = 1000;
/// How many requests are waited for before measuring, and how many are measured at least.
const WARM: u64 = 2000;
const MEASURED: u64 = 10_000;

/// Something that is measured.
pub(crate) struct Subject {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// Measures it.
    pub(crate) measure: fn(&Nginx) -> Measured,
}

/// What was measured.
pub(crate) struct Measured {
    /// CPU time per check.
    pub(crate) per_check: Duration,
    /// The most memory, in bytes.
    pub(crate) peak: u64,
    /// Checks per second of wall time, for the curious: it is bounded by other things than the CPU.
    pub(crate) rate: f64,
}

/// A single number with its bound.
pub(crate) struct Single {
    /// What it is.
    pub(crate) what: &'static str,
    /// As measured.
    pub(crate) shown: String,
    /// What was to be reached.
    pub(crate) bound: &'static str,
    /// Whether it was.
    pub(crate) reached: bool,
}

/// Everything beside each other, in the order of the table.
pub(crate) const SUBJECTS: &[Subject] = &[
    Subject { name: "blackbox_exporter", measure: blackbox },
    Subject {
        name: "monit",
        measure: |nginx| {
            let peer = Peer::monit(nginx.http(), CHECKS);
            sample(nginx, peer.id())
        },
    },
    Subject { name: "steadfast, new connections", measure: |nginx| steadfast(nginx, false, &["--no-ledger"]) },
    Subject { name: "steadfast, new connections, ledger", measure: |nginx| steadfast(nginx, false, &[]) },
    Subject { name: "steadfast, keep-alive", measure: |nginx| steadfast(nginx, true, &["--no-ledger"]) },
    Subject { name: "steadfast, keep-alive, ledger", measure: |nginx| steadfast(nginx, true, &[]) },
];

fn blackbox(nginx: &Nginx) -> Measured {
    let peer = Peer::blackbox();
    let over = AtomicBool::new(false);
    let stop = || over.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| peer.drive(&nginx.url(), &stop));
        }
        let measured = sample(nginx, peer.id());
        over.store(true, Ordering::Relaxed);
        measured
    })
}

fn steadfast(nginx: &Nginx, keep_alive: bool, options: &[&str]) -> Measured {
    let workplace = Workplace::with(&peers::steadfast(&nginx.url(), CHECKS, keep_alive));
    let line = [&["verify", "--hold", "10m", "--interval", "1ms"], options].concat();
    let running = workplace.start(&line);
    let measured = sample(nginx, running.id());
    assert!(!running.said().contains("FAIL"), "{}", running.said());
    measured
}

/// CPU time per request between two moments of a process at work.
fn sample(nginx: &Nginx, process: u32) -> Measured {
    let before = requests(nginx);
    let warm = after(nginx, before + WARM);
    let (cpu, began) = (process::cpu(process), Instant::now());
    let done = after(nginx, warm + MEASURED);
    let (cpu, took) = (process::cpu(process) - cpu, began.elapsed());
    let count = done - warm;
    Measured {
        per_check: Duration::from_nanos((cpu.as_nanos() / u128::from(count)).try_into().unwrap_or(u64::MAX)),
        peak: process::peak(process),
        rate: count as f64 / took.as_secs_f64(),
    }
}

/// The number of requests once it has come so far; a peer that stands still is an error.
fn after(nginx: &Nginx, wanted: u64) -> u64 {
    let mut last = (requests(nginx), Instant::now());
    loop {
        let now = requests(nginx);
        if now >= wanted {
            return now;
        }
        // Our own question is one request.
        if now > last.0 + 1 {
            last = (now, Instant::now());
        }
        assert!(last.1.elapsed() < patience::BOUND, "it has stopped looking at request {now} of {wanted}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// How many requests nginx has answered, our own questions included: a few in ten thousand.
fn requests(nginx: &Nginx) -> u64 {
    let mut stream = TcpStream::connect(nginx.http()).expect("nginx accepts");
    stream.write_all(b"GET /requests HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let counts = answer.lines().find(|line| line.starts_with(' ')).expect("the counts");
    counts.split_whitespace().nth(2).and_then(|count| count.parse().ok()).expect("a number")
}

/// Memory with ten thousand checks.
pub(crate) fn memory(nginx: &Nginx) -> Single {
    let checks = 10_000;
    let workplace = Workplace::with(&peers::steadfast(&nginx.url(), checks, false));
    let before = requests(nginx);
    let running = workplace.start(&["verify", "--no-ledger", "--hold", "10m", "--interval", "1ms"]);
    after(nginx, before + 2 * checks as u64);
    let peak = process::peak(running.id());
    Single {
        what: "resident at most, 10,000 checks",
        shown: format!("{:.1} MB", peak as f64 / 1e6),
        bound: "below 25 MB",
        reached: peak < 25_000_000,
    }
}

/// From the start of the process with a hundred checks to its first packet; the median of 21.
pub(crate) fn startup() -> Single {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let workplace = Workplace::with(&peers::steadfast(&url, 100, false));
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let began = Instant::now();
            let mut running = workplace.start(&["verify", "--no-ledger"]);
            let first = listener.accept().map(|_| began.elapsed()).expect("the first connection");
            running.kill();
            drop(running);
            listener.set_nonblocking(true).expect("a listener");
            while listener.accept().is_ok() {}
            listener.set_nonblocking(false).expect("a listener");
            first
        })
        .collect();
    times.sort();
    let median = times[times.len() / 2];
    Single {
        what: "start-up with 100 checks to the first connection",
        shown: format!("{:.1} ms", median.as_secs_f64() * 1e3),
        bound: "below 15 ms",
        reached: median < Duration::from_millis(15),
    }
}

/// The binary.
pub(crate) fn size() -> Single {
    let bytes = std::fs::metadata(binary()).expect("the binary").len();
    Single {
        what: "size of the `dist` binary",
        shown: format!("{:.1} MB", bytes as f64 / 1e6),
        bound: "below 20 MB",
        reached: bytes < 20_000_000,
    }
}
