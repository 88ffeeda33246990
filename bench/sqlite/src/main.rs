//! `cargo xtask bench sqlite [--rows N] [--folder DIR] [--only NAMES] [--cgroup]`: makes a database of N rows (4,000,000,
//! about 1.5 GB) with 7 indexes, lets each contender read it in a process of its own, and prints CPU seconds, bytes read
//! and peak memory side by side. Wall-clock time is shown and means little on a shared machine.
//!
//! `--on FILE` measures on a database that `--make FILE` has made, and leaves out the table with CHECK constraints.
//! `--make FILE` only makes the database; `--spoil FILE ordered|disordered` changes one index key in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use steadfast_sqlite::{Options, Prover, Stamp, Verdict};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const CONTENDERS: &[(&str, &str)] = &[
    ("cat", "cat > /dev/null"),
    ("sha256sum", "sha256sum"),
    ("quick_check", "PRAGMA quick_check"),
    ("integrity_check", "PRAGMA integrity_check"),
    ("prove-1", "steadfast, 1 worker"),
    ("prove-2", "steadfast, 2 workers"),
    ("prove-manifest", "steadfast, 1 worker, with manifest"),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)).cloned();
    if let (Some(name), Some(file)) = (value("--one"), value("--file")) {
        return one(&name, Path::new(&file));
    }
    let rows: u64 = value("--rows").map_or(Ok(4_000_000), |rows| rows.parse())?;
    if let Some(file) = value("--make") {
        return make(Path::new(&file), rows, false);
    }
    if let Some(file) = value("--spoil") {
        return spoil(Path::new(&file), words.iter().any(|word| word == "disordered"));
    }
    let folder = match value("--folder") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let only = value("--only");
    let made = value("--on").map(PathBuf::from);
    let file = match &made {
        Some(made) => made.clone(),
        None => {
            println!("making {rows} rows with 7 indexes ...");
            let file = folder.path().join("bench.db");
            make(&file, rows, false)?;
            file
        }
    };
    let size = std::fs::metadata(&file)?.len();
    println!(
        "\n{:.2} GB, {} pages of 4096 bytes, SQLite {}, {}",
        size as f64 / 1e9,
        size / 4096,
        rusqlite::version(),
        cpu()
    );
    table(&file, size, only.as_deref(), None)?;
    stamp(&file, folder.path())?;
    if words.iter().any(|word| word == "--cgroup") {
        println!("\nUnder a memory cgroup of 256 MB:\n");
        match Cgroup::new(256 << 20) {
            Ok(group) => {
                table(&file, size, Some(only.as_deref().unwrap_or("quick_check,prove-1,prove-2")), Some(&group))?
            }
            Err(why) => println!("not measured: {why}"),
        }
    }
    if made.is_some() {
        return Ok(());
    }
    println!("\nA table with CHECK constraints, which SQLite evaluates ({} rows):\n", rows / 4);
    let checked = folder.path().join("checked.db");
    make(&checked, rows / 4, true)?;
    let size = std::fs::metadata(&checked)?.len();
    table(&checked, size, Some("quick_check,integrity_check,prove-1,prove-2"), None)
}

fn make(file: &Path, rows: u64, checked: bool) -> Outcome<()> {
    let sql = Connection::open(file)?;
    let check = if checked { ", CHECK (quantity >= 0)" } else { "" };
    sql.execute_batch(&format!(
        "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000;
         CREATE TABLE orders(id INTEGER PRIMARY KEY, number TEXT NOT NULL, customer INTEGER NOT NULL, placed INTEGER,
           status TEXT, price REAL, quantity INTEGER, note TEXT, reference TEXT{check});
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO orders SELECT i, printf('order-%08d', i), (i * 7919) % 400000, 1700000000 + (i * 31) % 40000000,
           CASE i % 5 WHEN 0 THEN 'open' WHEN 1 THEN 'paid' WHEN 2 THEN 'shipped' WHEN 3 THEN 'returned' ELSE 'closed' END,
           (i % 100000) / 4.0, i % 17, printf('a note about order %d, which is of the usual length and says what was wished for, when it was, by whom, and how it was sent out in the end', i),
           printf('%016x', i * 2654435761) FROM n;
         CREATE UNIQUE INDEX by_number ON orders(number);
         CREATE INDEX by_customer ON orders(customer, placed);
         CREATE INDEX by_placed ON orders(placed DESC);
         CREATE INDEX by_status ON orders(status COLLATE NOCASE, price);
         CREATE INDEX by_price ON orders(price);
         CREATE INDEX by_quantity ON orders(quantity, number);
         CREATE INDEX by_reference ON orders(reference);"
    ))?;
    Ok(())
}

/// Changes the key `order-00000300` in the index by_number only: to `...301`, before which it still stands in order if
/// 301 is changed the other way, or to one that breaks the order.
fn spoil(file: &Path, disordered: bool) -> Outcome<()> {
    use std::os::unix::fs::FileExt;
    let sql = Connection::open(file)?;
    let root: u32 =
        sql.query_row("SELECT rootpage FROM sqlite_schema WHERE name='by_reference'", [], |row| row.get(0))?;
    let reference: String = sql.query_row("SELECT reference FROM orders WHERE id = 300", [], |row| row.get(0))?;
    drop(sql);
    let file = std::fs::OpenOptions::new().read(true).write(true).open(file)?;
    let _ = root;
    // The entry: a text key followed by the rowid 300 (0x012c).
    let mut needle = reference.clone().into_bytes();
    needle.extend_from_slice(&[0x01, 0x2c]);
    let size = file.metadata()?.len();
    let mut chunk = vec![0; 4096];
    for page in 0..size / 4096 {
        file.read_exact_at(&mut chunk, page * 4096)?;
        if let Some(at) = chunk.windows(needle.len()).position(|window| window == needle) {
            // References are far apart: the last digit can change without changing the order; the first one cannot.
            let byte = if disordered { at } else { at + reference.len() - 1 };
            let old = chunk[byte];
            let new = if old == b'f' {
                b'e'
            } else if old == b'9' {
                b'a'
            } else {
                old + 1
            };
            file.write_all_at(&[if disordered { b'~' } else { new }], page * 4096 + byte as u64)?;
            println!("page {}: the key of row 300 in by_reference was {reference}", page + 1);
            return Ok(());
        }
    }
    Err("the entry was not found".into())
}

/// One contender, in this process; prints what it took.
fn one(name: &str, file: &Path) -> Outcome<()> {
    let started = Instant::now();
    let said = match name {
        "cat" | "sha256sum" => {
            let output = Command::new(name).arg(file).stdout(std::process::Stdio::null()).status()?;
            if output.success() { "ok".to_owned() } else { "failed".to_owned() }
        }
        "quick_check" | "integrity_check" => {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
            let sql = Connection::open_with_flags(file, flags)?;
            sql.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?
        }
        _ => {
            let mut options = Options { threads: if name == "prove-2" { 2 } else { 1 }, ..Options::default() };
            if name == "prove-manifest" {
                options.manifest_out = Some(file.with_extension("manifest"));
            }
            let proof = Prover::new(file).options(options).run(&mut |_| ())?;
            match proof.verdict {
                Verdict::Pass => "ok".to_owned(),
                Verdict::Fail | Verdict::Unknown => format!("{:?} {:?}", proof.verdict, proof.findings.first()),
            }
        }
    };
    let wall = started.elapsed().as_secs_f64();
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let ticks: f64 = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|t| t.parse::<f64>().ok())
        .sum();
    let io = std::fs::read_to_string("/proc/self/io")?;
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap_or("0");
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0").trim().trim_end_matches(" kB");
    println!("{:.2} {wall:.2} {read} {peak} {said}", ticks / 100.0);
    Ok(())
}

fn table(file: &Path, size: u64, only: Option<&str>, group: Option<&Cgroup>) -> Outcome<()> {
    println!("| | CPU s | of integrity_check | of quick_check | bytes read | peak memory | wall s | says |");
    println!("|---|---:|---:|---:|---:|---:|---:|---|");
    let (mut quick, mut full) = (None, None);
    for (name, title) in CONTENDERS {
        if only.is_some_and(|only| !only.split(',').any(|wanted| wanted == *name)) {
            continue;
        }
        let program = std::env::current_exe()?;
        let mut command = match group {
            Some(group) => {
                let mut command = Command::new("sh");
                command.args(["-c", "echo $$ > \"$0\"/cgroup.procs && exec \"$@\""]).arg(&group.0).arg(program);
                command
            }
            None => Command::new(program),
        };
        let output = command.args(["--one", name, "--file"]).arg(file).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let words: Vec<&str> = text.trim().splitn(5, ' ').collect();
        let [cpu, wall, read, peak, said] = words[..] else {
            println!("| {title} | not measured: {} |", String::from_utf8_lossy(&output.stderr).trim());
            continue;
        };
        let (cpu, read, peak): (f64, f64, f64) = (cpu.parse()?, read.parse()?, peak.parse()?);
        match *name {
            "quick_check" => quick = Some(cpu),
            "integrity_check" => full = Some(cpu),
            _ => {}
        }
        let ratio = |base: Option<f64>| base.map_or("".to_owned(), |base| format!("1/{:.1}", base / cpu.max(0.01)));
        let is_external = matches!(*name, "cat" | "sha256sum");
        let peak = if is_external { "".to_owned() } else { format!("{:.0} MB", peak / 1024.0) };
        println!(
            "| {title} | {cpu:.2} | {} | {} | {:.3}x | {peak} | {wall} | {said} |",
            ratio(full),
            ratio(quick),
            read / size as f64
        );
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// How long `check-stamp` takes.
fn stamp(file: &Path, folder: &Path) -> Outcome<()> {
    let manifest = folder.join("stamp.manifest");
    let options = Options { manifest_out: Some(manifest.clone()), ..Options::default() };
    let proof = Prover::new(file).options(options).run(&mut |_| ())?;
    let stamp = Stamp::of(&proof, &manifest).ok_or("the bench's own database has faults")?;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..9 {
        let started = Instant::now();
        let check = stamp.check(file, 64, false)?;
        times.push(started.elapsed());
        if check.sampled != 64 {
            return Err(format!("the stamp does not hold: {check:?}").into());
        }
    }
    times.sort();
    println!(
        "\ncheck-stamp, 64 pages: {:.2} ms (median of 9), {:.2} ms at most",
        times[4].as_secs_f64() * 1e3,
        times[8].as_secs_f64() * 1e3
    );
    Ok(())
}

fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("")
        .trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {model}")
}

/// A memory cgroup (version 1 or 2) that goes when it is dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(bytes: u64) -> std::io::Result<Cgroup> {
        let name = format!("steadfast-bench-{}", std::process::id());
        for (root, limit) in [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")] {
            let path = Path::new(root).join(&name);
            if std::fs::create_dir(&path).is_ok() {
                if std::fs::write(path.join(limit), bytes.to_string()).is_ok() {
                    return Ok(Cgroup(path));
                }
                let _ = std::fs::remove_dir(&path);
            }
        }
        Err(std::io::Error::other("no memory cgroup can be made here"))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}
