//! Other processes for the tests on live databases: this package's binary with `--role`.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use steadfast_sqlite::{Event, Options, Planted, Proof, ProveError, Prover, Stage, Verdict};

/// Plays a role to its end.
pub fn play(role: &str, file: &Path) -> rusqlite::Result<()> {
    match role {
        "writer" => write(file),
        "exclusive" => hold(file, TransactionBehavior::Exclusive),
        "locked" => {
            println!("{}", if is_locked(file)? { "locked" } else { "free" });
            Ok(())
        }
        _ => {
            println!("no such role");
            Ok(())
        }
    }
}

/// Tables and indexes for the writer, about `rows` rows each.
pub fn prepare(file: &Path, rows: u32) -> rusqlite::Result<()> {
    let sql = Connection::open(file)?;
    sql.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")?;
    for table in ["a", "b", "c"] {
        let tail = if table == "c" { "WITHOUT ROWID" } else { "" };
        sql.execute_batch(&format!(
            "CREATE TABLE {table}(id INTEGER PRIMARY KEY, n INTEGER NOT NULL, name TEXT) {tail};
             WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < {rows})
             INSERT INTO {table} SELECT x, x * 7919 % 10007, printf('name %d of some length', x * 31 % {rows}) FROM i;
             CREATE INDEX {table}n ON {table}(n); CREATE INDEX {table}name ON {table}(name COLLATE NOCASE, n DESC);"
        ))?;
    }
    sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// How long a writer does other things between two commits.
const THINKING: Duration = Duration::from_millis(1);

/// Updates rows and indexes of every tree, with small checkpoints, until its input ends; then says how long the longest
/// commit took. Two commits of three are larger than the bound at which SQLite copies the log back. Behind such a commit
/// the whole log is copied back: whoever takes a read mark then reads the file alone, and the next commit restarts the log
/// under them. A reader that comes behind a small commit holds a place within the log, which then cannot restart.
fn write(file: &Path) -> rusqlite::Result<()> {
    let sql = Connection::open(file)?;
    sql.busy_timeout(Duration::from_secs(10))?;
    sql.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=100;")?;
    let rows: u32 = sql.query_row("SELECT max(id) FROM a", [], |row| row.get(0))?;
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        end.store(true, Ordering::Relaxed);
    });
    let (mut commits, mut longest) = (0u64, Duration::ZERO);
    while !ended.load(Ordering::Relaxed) {
        let first = commits * 6151 % u64::from(rows);
        let changed = if commits % 3 == 0 { 1 } else { 40 };
        let started = Instant::now();
        sql.execute_batch("BEGIN IMMEDIATE")?;
        for at in 0..changed {
            let id = ((first + at * 499) % u64::from(rows)) as i64 + 1;
            for table in ["a", "b", "c"] {
                sql.execute(&format!("UPDATE {table} SET n = n + 1, name = name || '.' WHERE id = ?1"), [id])?;
                sql.execute(&format!("UPDATE {table} SET name = substr(name, 1, 20) WHERE id = ?1"), [id])?;
            }
        }
        sql.execute_batch("COMMIT")?;
        longest = longest.max(started.elapsed());
        commits += 1;
        std::thread::park_timeout(THINKING);
        if commits == 200 {
            println!("writing");
        }
    }
    println!("{commits} {}", longest.as_micros());
    Ok(())
}

fn hold(file: &Path, behavior: TransactionBehavior) -> rusqlite::Result<()> {
    let mut sql = Connection::open(file)?;
    let held = sql.transaction_with_behavior(behavior)?;
    println!("writing");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(held);
    Ok(())
}

fn is_locked(file: &Path) -> rusqlite::Result<bool> {
    let sql = Connection::open(file)?;
    sql.busy_timeout(Duration::ZERO)?;
    match sql.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
        Ok(()) => Ok(false),
        Err(why) if why.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(true),
        Err(why) => Err(why),
    }
}

/// A process that plays a role until it is asked to end.
pub struct Player {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Player {
    /// Starts `program --role ROLE --file FILE` and waits until it says that it is at work.
    pub fn start(program: &Path, role: &str, file: &Path) -> std::io::Result<Player> {
        let mut child = Command::new(program)
            .args(["--role", role, "--file"])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("no pipes"));
        };
        let mut player = Player { child, input: Some(input), output: BufReader::new(output) };
        let mut line = String::new();
        player.output.read_line(&mut line)?;
        if line.trim() == "writing" { Ok(player) } else { Err(std::io::Error::other(format!("it said {line}"))) }
    }

    /// Ends it; what it says last.
    pub fn end(mut self) -> std::io::Result<String> {
        drop(self.input.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        self.child.wait()?;
        Ok(text.trim().to_owned())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// What another process says about the lock on a file: `locked` or `free`.
pub fn ask_about_lock(program: &Path, file: &Path) -> std::io::Result<String> {
    let output = Command::new(program).args(["--role", "locked", "--file"]).arg(file).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// One proof of a live database.
pub struct Live {
    /// What came out.
    pub outcome: Result<Proof, ProveError>,
    /// Whether the log restarted between the moment that was judged and the end of the pass, while the read mark was held.
    pub log_restarted: bool,
}

/// Proves a live database once.
pub fn prove_live(file: &Path, options: &Options) -> Live {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let mut at_the_end = None;
    let outcome = Prover::new(file).options(options.clone()).run(&mut |event: Event| {
        if event.stage == Stage::Closing {
            at_the_end = std::fs::File::open(&log).and_then(|log| salts(&log)).ok();
        }
    });
    let judged = outcome.as_ref().ok().and_then(|proof| proof.identity.as_ref()?.wal.as_ref().map(|wal| wal.salts));
    let was_held = outcome.as_ref().is_ok_and(|proof| proof.wal.as_ref().is_some_and(|wal| wal.pinned));
    Live { log_restarted: was_held && judged.is_some() && at_the_end.is_some() && judged != at_the_end, outcome }
}

/// The two numbers in a log's header that are others after each restart.
fn salts(log: &std::fs::File) -> std::io::Result<[u32; 2]> {
    use std::os::unix::fs::FileExt;
    let mut raw = [0; 8];
    log.read_exact_at(&mut raw, 16)?;
    let [a, b, c, d, e, f, g, h] = raw;
    Ok([u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])])
}

/// Proves a live database `times` times beside a writer and prints the longest commit with and without the prover.
pub fn live(program: &Path, times: u32, rows: u32, planted: Planted, out: &mut dyn Write) -> std::io::Result<bool> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("live.db");
    prepare(&file, rows).map_err(std::io::Error::other)?;
    let size = std::fs::metadata(&file)?.len();
    let (mut passes, mut restarts) = (0, 0);
    let started = Instant::now();
    let writer = Player::start(program, "writer", &file)?;
    for turn in 1..=times {
        let live = prove_live(&file, &Options { planted, ..Options::default() });
        let log = if live.log_restarted { "the log restarted meanwhile" } else { "the log did not restart" };
        restarts += u32::from(live.log_restarted);
        match live.outcome {
            Ok(proof) if proof.verdict == Verdict::Pass => {
                passes += 1;
                writeln!(out, "{turn}: pass, {log}, {:?}", proof.wal)?;
            }
            Ok(proof) => writeln!(out, "{turn}: {:?}, {log}, {:?}", proof.verdict, proof.findings.first())?,
            Err(error) => writeln!(out, "{turn}: {error}")?,
        }
    }
    let took = started.elapsed();
    let with = writer.end()?;
    let writer = Player::start(program, "writer", &file)?;
    let until = Instant::now() + took;
    while Instant::now() < until {
        std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
    let without = writer.end()?;
    writeln!(out, "{passes} of {times} passed on {} MB beside a writer; the log restarted in {restarts}", size >> 20)?;
    writeln!(out, "with the prover: commits, longest in us: {with}; without: {without}")?;
    Ok(passes == times)
}
