//! `cargo xtask bench sqlite`: makes databases of 4,000,000 rows with 7 indexes (about 1.5 GB), lets each contender read
//! them in a process of its own, once from the page cache and once from the disk, and prints what it took.
//!
//! - `--rows N`, `--folder DIR`: another size, another place.
//! - `--shape scattered|ordered`: one of the two shapes only (`database.rs` says what they are).
//! - `--only NAMES`: these contenders only, with commas between them.
//! - `--cgroup`: once more, from the disk, under a memory cgroup of 256 MB; of two shapes only the scattered one.
//! - `--bound SECONDS`: a contender that takes longer is ended (420).
//! - `--make FILE` only makes a database; `--on FILE` measures on one, and leaves out the table with CHECK constraints.
//! - `--spoil FILE ordered|disordered` changes one index key in a database.
//!
//! A contender that ends within ten seconds runs three times; the run with the least CPU time is shown, and the shortest
//! time by the clock.

mod cgroup;
mod contender;
mod database;
mod measure;
mod page_cache;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use steadfast_sqlite::{Options, Prover, Stamp};

use crate::cgroup::Cgroup;
use crate::contender::{CONTENDERS, Contender};
use crate::database::{SHAPES, Shape};
use crate::measure::Taken;
use crate::page_cache::Cache;
use crate::table::Table;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A contender that takes less runs this many times.
const SHORT: (f64, usize) = (10.0, 3);

/// Bytes of the memory cgroup.
const GROUP: u64 = 256 << 20;

/// Who reads under it.
const IN_GROUP: [&str; 4] = ["quick_check", "integrity_check", "prove-1", "prove-2"];

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
        return Contender::named(&name)?.read(Path::new(&file));
    }
    let rows: u64 = value("--rows").map_or(Ok(4_000_000), |rows| rows.parse())?;
    let shape = value("--shape").map(|word| Shape::named(&word)).transpose()?;
    if let Some(file) = value("--make") {
        return database::make(Path::new(&file), shape.unwrap_or(Shape::Scattered), rows, false);
    }
    if let Some(file) = value("--spoil") {
        return database::spoil(Path::new(&file), words.iter().any(|word| word == "disordered"));
    }
    let only = match value("--only") {
        Some(names) => names.split(',').map(|name| Ok(Contender::named(name)?.name)).collect::<Outcome<Vec<_>>>()?,
        None => CONTENDERS.iter().map(|contender| contender.name).collect(),
    };
    let bench = Bench {
        only,
        bound: Duration::from_secs(value("--bound").map_or(Ok(420), |seconds| seconds.parse())?),
        has_group: words.iter().any(|word| word == "--cgroup"),
    };
    about_the_machine();
    if let Some(file) = value("--on") {
        let title = shape.map_or("", Shape::name);
        return bench.database(&PathBuf::from(file), title, bench.has_group);
    }
    let folder = match value("--folder") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    for (name, shape) in SHAPES.iter().filter(|(_, known)| shape.is_none_or(|shape| shape == *known)) {
        let file = folder.path().join(format!("{name}.db"));
        database::make(&file, *shape, rows, false)?;
        bench.database(&file, name, bench.has_group && *shape == Shape::Scattered)?;
        std::fs::remove_file(&file)?;
    }
    let checked = folder.path().join("checked.db");
    database::make(&checked, shape.unwrap_or(Shape::Scattered), rows / 4, true)?;
    let title = format!("A table with CHECK constraints, which SQLite evaluates ({} rows)", rows / 4);
    bench.table(&checked, &title, Cache::Warm, &IN_GROUP, None)?;
    Ok(())
}

struct Bench {
    only: Vec<&'static str>,
    bound: Duration,
    has_group: bool,
}

impl Bench {
    /// Everything that is measured on one database.
    fn database(&self, file: &Path, shape: &str, has_group: bool) -> Outcome<()> {
        let size = std::fs::metadata(file)?.len();
        let gigabytes = size as f64 / 1e9;
        let title = format!("{gigabytes:.2} GB{}{shape}", if shape.is_empty() { "" } else { ", " });
        println!("\n### {title}");
        let mut reached = Vec::new();
        for cache in [Cache::Warm, Cache::Cold] {
            let table = self.table(file, &title, cache, &self.only, None)?;
            reached.extend(table::reached(&table, cache.name()));
        }
        if has_group {
            match Cgroup::new(GROUP) {
                Ok(group) => {
                    let title = format!("{title}, under a memory cgroup of 256 MB");
                    let only: Vec<_> = IN_GROUP.into_iter().filter(|name| self.only.contains(name)).collect();
                    let table = self.table(file, &title, Cache::Cold, &only, Some(&group))?;
                    reached.extend(table::reached(&table, "256 MB cgroup"));
                }
                Err(why) => println!("\nUnder a memory cgroup of 256 MB: not measured: {why}"),
            }
        }
        reached.extend(stamp(file)?);
        println!("\n| to reach | wanted | measured | |\n|---|---|---|---|");
        reached.iter().for_each(|line| println!("{line}"));
        Ok(())
    }

    fn table(
        &self,
        file: &Path,
        title: &str,
        cache: Cache,
        only: &[&'static str],
        group: Option<&Cgroup>,
    ) -> Outcome<Table> {
        println!("\n{title}, {}:\n\n{}", cache.name(), Table::head());
        let mut table = Table::new(std::fs::metadata(file)?.len());
        for contender in CONTENDERS.iter().filter(|contender| only.contains(&contender.name)) {
            match self.measured(contender, file, cache, group) {
                Ok(taken) if taken.was_ended || contender.is_content(&taken.said) => {
                    println!("{}", table.add(contender, taken));
                }
                Ok(taken) => return Err(format!("{}: not \"ok\": {}", contender.title, taken.said).into()),
                // A shell that is not installed, or too little memory: the others can still be measured.
                Err(why) => println!("| {} | not measured: {why} |", contender.title),
            }
            std::io::stdout().flush()?;
        }
        let _ = std::fs::remove_file(file.with_extension("manifest"));
        Ok(table)
    }

    /// The best of as many runs as it is given.
    fn measured(&self, contender: &Contender, file: &Path, cache: Cache, group: Option<&Cgroup>) -> Outcome<Taken> {
        let mut best: Option<Taken> = None;
        for _ in 0..SHORT.1 {
            cache.prepare(file)?;
            let taken = measure::run(contender.command(file, group)?, self.bound)?;
            let is_short = taken.wall < SHORT.0;
            best = Some(match best {
                None => taken,
                Some(best) => {
                    let wall = best.wall.min(taken.wall);
                    let least = if taken.cpu() < best.cpu() { taken } else { best };
                    Taken { wall, ..least }
                }
            });
            if !is_short {
                break;
            }
        }
        best.ok_or_else(|| "it was never run".into())
    }
}

/// How long `check-stamp` takes, from the page cache and from the disk.
fn stamp(file: &Path) -> Outcome<Vec<String>> {
    let manifest = file.with_extension("stamp-manifest");
    let options = Options { manifest_out: Some(manifest.clone()), ..Options::default() };
    let proof = Prover::new(file).options(options).run(&mut |_| ())?;
    let stamp = Stamp::of(&proof, &manifest).ok_or("the bench's own database has faults")?;
    std::fs::File::open(&manifest)?.sync_all()?;
    let mut lines = Vec::new();
    for cache in [Cache::Warm, Cache::Cold] {
        let mut times: Vec<Duration> = Vec::new();
        for round in 0..9 {
            if round == 0 || cache == Cache::Cold {
                cache.prepare(file)?;
                cache.prepare(&manifest)?;
            }
            let started = Instant::now();
            let check = stamp.check(file, 64, false)?;
            times.push(started.elapsed());
            if check.sampled != 64 {
                return Err(format!("the stamp does not hold: {check:?}").into());
            }
        }
        times.sort();
        let [median, most] = [times[4], times[8]].map(|time| time.as_secs_f64() * 1e3);
        let verdict = if most < 20.0 { "reached" } else { "**not reached**" };
        lines.push(format!(
            "| check-stamp, 64 pages, {} | below 20 ms | {median:.2} ms (median of 9), {most:.2} ms at most | {verdict} |",
            cache.name()
        ));
    }
    std::fs::remove_file(&manifest)?;
    Ok(lines)
}

fn about_the_machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let meminfo = read("/proc/meminfo");
    let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or("").trim();
    println!(
        "{} cores, {}; {memory} of memory; Linux {}; load {}; pages of 4,096 bytes; bundled SQLite {}, Debian's sqlite3 {}",
        std::thread::available_parallelism().map_or(1, usize::from),
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        rusqlite::version(),
        contender::shell_version().unwrap_or_else(|| "not installed".to_owned()),
    );
}
