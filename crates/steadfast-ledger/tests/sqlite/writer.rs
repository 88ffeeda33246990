//! A second process that writes: this test program itself, started again with one of its tests by name.

use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use steadfast_core::ledger::{Head, Ledger};
use steadfast_ledger::conformance::sample::run;
use steadfast_ledger::sqlite::{Options, SqliteLedger};

/// How many records one of its runs has.
pub(crate) const RECORDS_PER_RUN: u64 = 12;

const LEDGER: &str = "STEADFAST_TEST_LEDGER";
const WRITES: &str = "writer::a_process_writes_runs";
const READS: &str = "writer::a_process_reads";
const RUNS: &str = "STEADFAST_TEST_RUNS";

/// What the other process runs. As one test among the others it writes a few runs to a ledger of its own.
#[test]
fn a_process_writes_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os(LEDGER).map_or_else(|| folder.path().join("ledger.db"), Into::into);
    let runs: u64 = std::env::var(RUNS).map_or(3, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ledger = match SqliteLedger::open(path, Options::default()) {
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
    let found = runtime.block_on(ledger.verify(None)).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
}

/// As one test among the others it reads a ledger that it wrote.
#[test]
fn a_process_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os(LEDGER).map_or_else(
        || {
            let path = folder.path().join("ledger.db");
            drop(SqliteLedger::open(&path, Options::default()).unwrap());
            path
        },
        Into::into,
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match SqliteLedger::open_for_reading(path, Options::default()) {
        Ok(ledger) => {
            let found = runtime.block_on(ledger.verify(None)).unwrap();
            assert_eq!(found.faults, Vec::<String>::new());
            say(&format!("head {}", found.head));
        }
        Err(why) => say(&format!("refused {why}")),
    }
}

/// A line for the process that started this one, on the terminal's own line after libtest's.
fn say(line: &str) {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "\n{line}").unwrap();
}

/// A process that writes runs; it is ended when this is dropped.
pub(crate) struct Writer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    /// Starts one that writes so many runs.
    pub(crate) fn start(ledger: &Path, runs: u64) -> Writer {
        Writer::spawn(Command::new("/proc/self/exe"), WRITES, ledger, runs)
    }

    /// Starts one that is not root.
    pub(crate) fn start_without_privileges(ledger: &Path, runs: u64) -> Writer {
        Writer::spawn(without_privileges(), WRITES, ledger, runs)
    }

    /// Starts one that is not root, and only reads.
    pub(crate) fn read_without_privileges(ledger: &Path) -> Writer {
        Writer::spawn(without_privileges(), READS, ledger, 0)
    }

    /// Starts one that may not make a file larger than this.
    pub(crate) fn start_with_file_limit(ledger: &Path, runs: u64, kilobytes: u64) -> Writer {
        let mut command = Command::new("sh");
        // The signal would end the process before the error reaches it. dash counts 512-byte blocks, as POSIX does.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kilobytes * 2);
        command.args(["-c", &script]).arg(std::env::current_exe().unwrap());
        Writer::spawn(command, WRITES, ledger, runs)
    }

    fn spawn(mut command: Command, test: &str, ledger: &Path, runs: u64) -> Writer {
        let mut child = command
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(LEDGER, ledger)
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

fn without_privileges() -> Command {
    use std::os::unix::fs::MetadataExt;
    let mut command = Command::new("/proc/self/exe");
    // Everybody but root is bound by permissions already.
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    command
}
