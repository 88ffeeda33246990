//! A second process that writes: this test program itself, started again with one of its tests by name.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use scenarios::postgres::Postgres;
use steadfast_core::ledger::{Head, Ledger};
use steadfast_ledger::conformance::sample::run;
use steadfast_ledger::postgres::{Options, PostgresLedger};

use crate::place::address;

/// How many records one of its runs has.
pub(crate) const RECORDS_PER_RUN: u64 = 10;

const LEDGER: &str = "STEADFAST_TEST_LEDGER";
const WRITES: &str = "writer::a_process_writes_runs";
const RUNS: &str = "STEADFAST_TEST_RUNS";

/// What the other process runs. As one test among the others it writes a few runs to a ledger of its own.
#[test]
fn a_process_writes_runs() {
    let url = std::env::var(LEDGER).ok();
    let own = url.is_none().then(Postgres::start);
    let url = url.unwrap_or_else(|| own.as_ref().unwrap().url("postgres"));
    let runs: u64 = std::env::var(RUNS).map_or(3, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ledger = match PostgresLedger::open(address(&url), Options::default()) {
        Ok(ledger) => ledger,
        Err(why) => return say(&format!("refused {why}")),
    };
    for number in 0..runs {
        let batch = run(&format!("{}-{number}", std::process::id()), 0, RECORDS_PER_RUN as usize - 2);
        match runtime.block_on(ledger.commit(batch)) {
            Ok(head) => say(&format!("head {head}")),
            Err(why) => return say(&format!("refused {why}")),
        }
    }
}

/// A line for the process that started this one, on the terminal's own line after libtest's.
fn say(line: &str) {
    writeln!(std::io::stdout().lock(), "\n{line}").unwrap();
}

/// A process that writes runs; it is ended when this is dropped.
pub(crate) struct Writer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    /// Starts one that writes so many runs.
    pub(crate) fn start(url: &str, runs: u64) -> Writer {
        let mut child = Command::new("/proc/self/exe")
            .args(["--exact", WRITES, "--nocapture", "--test-threads=1"])
            .env(LEDGER, url)
            .env(RUNS, runs.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Writer { child, lines }
    }

    /// The next head that it reports, or why it was refused one. None at its end.
    pub(crate) fn next(&mut self) -> Option<Result<Head, String>> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| {
            if let Some(head) = line.strip_prefix("head ") {
                return Head::parse(head).map(Ok);
            }
            line.strip_prefix("refused ").map(|why| Err(why.to_owned()))
        })
    }

    /// All further heads.
    pub(crate) fn heads(&mut self) -> Vec<Head> {
        std::iter::from_fn(|| self.next()).map(Result::unwrap).collect()
    }

    /// Ends it without a chance to tidy up; returns the last head that it had reported by then.
    pub(crate) fn kill(mut self) -> Option<Head> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.next()).filter_map(Result::ok).last()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
