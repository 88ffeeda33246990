//! `cargo xtask fuzz sqlite --cases N --seed S [--threads T] [--tally FILE] [--show DATABASE[/CASE]]`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fuzz_sqlite::campaign::{self, CASES_PER_DATABASE, Plan, Row, Tally};
use steadfast_sqlite::Planted;

struct Asked {
    plan: Plan,
    tally: Option<PathBuf>,
    show: Option<(u64, Option<u64>)>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, flag, role, _, file] = words.as_slice()
        && flag == "--role"
    {
        return match fuzz_sqlite::roles::play(role, Path::new(file)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{role}: {why}");
                ExitCode::from(2)
            }
        };
    }
    if let [_, flag, rest @ ..] = words.as_slice()
        && flag == "--live"
    {
        let times = rest.first().and_then(|times| times.parse().ok()).unwrap_or(20);
        let planted =
            if rest.iter().any(|word| word == "--overlay-off") { Planted::OverlayOff } else { Planted::Nothing };
        let outcome = std::env::current_exe()
            .and_then(|program| fuzz_sqlite::roles::live(&program, times, 100_000, planted, &mut std::io::stdout()));
        return match outcome {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(why) => {
                eprintln!("{why}");
                ExitCode::from(2)
            }
        };
    }
    let asked = match parse() {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!(
                "{why}\nusage: fuzz-sqlite --cases N --seed S [--threads T] [--tally FILE] [--show DATABASE[/CASE]]"
            );
            return ExitCode::from(2);
        }
    };
    match run(&asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("the campaign could not run: {why}");
            ExitCode::from(2)
        }
    }
}

fn parse() -> Result<Asked, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Plan { cases: 1000, seed: 1, threads, planted: Planted::Nothing, stop_at_first: false };
    let mut asked = Asked { plan, tally: None, show: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|why| format!("{word} {value}: {why}"));
        match word.as_str() {
            "--cases" => asked.plan.cases = number()?,
            "--seed" => asked.plan.seed = number()?,
            "--threads" => asked.plan.threads = number()?.max(1) as usize,
            "--tally" => asked.tally = Some(value.into()),
            "--show" => {
                let (database, case) = value.split_once('/').map_or((value.as_str(), None), |(d, c)| (d, Some(c)));
                let parse = |text: &str| text.parse::<u64>().map_err(|why| format!("{word} {value}: {why}"));
                asked.show = Some((parse(database)?, case.map(parse).transpose()?));
            }
            _ => return Err(format!("unknown option {word}")),
        }
    }
    Ok(asked)
}

fn run(asked: &Asked) -> std::io::Result<bool> {
    let plan = &asked.plan;
    if let Some((database, case)) = asked.show {
        return show(plan.seed, database, case);
    }
    let options = rusqlite::Connection::open_in_memory()
        .and_then(|sql| {
            let mut statement = sql.prepare("PRAGMA compile_options")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect::<Result<Vec<_>, _>>()
        })
        .map_err(std::io::Error::other)?;
    let wanted = ["ENABLE_FTS5", "ENABLE_RTREE", "ENABLE_DBSTAT_VTAB", "ENABLE_STAT4", "THREADSAFE=1"];
    let seen: Vec<&str> = options.iter().map(String::as_str).filter(|option| wanted.contains(option)).collect();
    println!("oracle: SQLite {} ({}), integrity_check(1000000)", rusqlite::version(), seen.join(", "));
    println!("cases: {}, seed: {}, threads: {}", plan.cases, plan.seed, plan.threads);

    let databases = plan.cases.div_ceil(CASES_PER_DATABASE);
    let mut tally = Tally::default();
    let mut from = 0;
    if let Some(path) = &asked.tally
        && let Some((done, saved)) = load(path, plan.seed)
    {
        println!("going on after {done} databases of {}", path.display());
        (from, tally) = (done, saved);
        judge_again(plan, &mut tally)?;
    }
    let started = Instant::now();
    let done = AtomicU64::new(0);
    while from < databases {
        let to = (from + 20 * plan.threads as u64).min(databases);
        tally.merge(campaign::run(plan, from, to, &done)?);
        from = to;
        if let Some(path) = &asked.tally {
            save(path, plan.seed, from, &tally)?;
        }
        let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        eprint!("\r{} of {} cases, {} wrong, {rate:.0} a second   ", tally.cases(), plan.cases, tally.wrong_count());
    }
    eprintln!();
    print!("{}", report(&tally));
    Ok(tally.wrong_count() == 0)
}

/// Cases that were wrong when the tally was saved are judged by the prover as it is now.
fn judge_again(plan: &Plan, tally: &mut Tally) -> std::io::Result<()> {
    for line in std::mem::take(&mut tally.wrong) {
        let Some((number, case, kind)) = case_of(&line) else {
            tally.wrong.push(line);
            continue;
        };
        if let Some(row) = tally.rows.get_mut(&kind) {
            row.wrong -= 1;
            row.cases -= 1;
        }
        println!("again: database {number} case {case}");
        tally.merge(campaign::again(plan, number, case, &kind)?);
    }
    Ok(())
}

/// `database 5 case 7: bit on ...`
fn case_of(line: &str) -> Option<(u64, u64, String)> {
    let rest = line.strip_prefix("database ")?;
    let (number, rest) = rest.split_once(" case ")?;
    let (case, rest) = rest.split_once(": ")?;
    let (kind, _) = rest.split_once(" on ")?;
    Some((number.parse().ok()?, case.parse().ok()?, kind.to_owned()))
}

fn report(tally: &Tally) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "| mutation | cases | both sound | both faulty | only the prover, confirmed | cannot tell | wrong |"
    );
    let _ = writeln!(out, "|---|---:|---:|---:|---:|---:|---:|");
    let mut sum = Row::default();
    for (kind, row) in &tally.rows {
        let Row { cases, both_sound, both_faulty, only_prover, unknown, wrong } = row;
        let _ =
            writeln!(out, "| {kind} | {cases} | {both_sound} | {both_faulty} | {only_prover} | {unknown} | {wrong} |");
        sum.cases += cases;
        sum.both_sound += both_sound;
        sum.both_faulty += both_faulty;
        sum.only_prover += only_prover;
        sum.unknown += unknown;
        sum.wrong += wrong;
    }
    let Row { cases, both_sound, both_faulty, only_prover, unknown, wrong } = sum;
    let _ =
        writeln!(out, "| **all** | {cases} | {both_sound} | {both_faulty} | {only_prover} | {unknown} | **{wrong}** |");
    let codes: Vec<String> = tally.only_prover_codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let _ = writeln!(out, "\n{} databases. Codes that only the prover saw: {}", tally.databases, codes.join(", "));
    for wrong in &tally.wrong {
        let _ = writeln!(out, "WRONG {wrong}");
    }
    out
}

fn save(path: &Path, seed: u64, done: u64, tally: &Tally) -> std::io::Result<()> {
    let mut out = format!("seed {seed}\ndone {done}\ndatabases {}\n", tally.databases);
    for (kind, row) in &tally.rows {
        let Row { cases, both_sound, both_faulty, only_prover, unknown, wrong } = row;
        let _ = writeln!(out, "row {cases} {both_sound} {both_faulty} {only_prover} {unknown} {wrong} {kind}");
    }
    for (code, count) in &tally.only_prover_codes {
        let _ = writeln!(out, "code {count} {code}");
    }
    for wrong in &tally.wrong {
        let _ = writeln!(out, "wrong {}", wrong.replace('\n', " | "));
    }
    let unfinished = path.with_extension("new");
    std::fs::write(&unfinished, out)?;
    std::fs::rename(unfinished, path)
}

fn load(path: &Path, seed: u64) -> Option<(u64, Tally)> {
    let text = std::fs::read_to_string(path).ok()?;
    let (mut done, mut tally) = (0, Tally::default());
    for line in text.lines() {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "seed" if rest != seed.to_string() => return None,
            "done" => done = rest.parse().ok()?,
            "databases" => tally.databases = rest.parse().ok()?,
            "row" => {
                let mut numbers = rest.splitn(7, ' ');
                let mut number = || numbers.next().and_then(|word| word.parse().ok());
                let row = Row {
                    cases: number()?,
                    both_sound: number()?,
                    both_faulty: number()?,
                    only_prover: number()?,
                    unknown: number()?,
                    wrong: number()?,
                };
                tally.rows.insert(numbers.next()?.to_owned(), row);
            }
            "code" => {
                let (count, code) = rest.split_once(' ')?;
                tally.only_prover_codes.insert(code.to_owned(), count.parse().ok()?);
            }
            "wrong" => tally.wrong.push(rest.to_owned()),
            _ => {}
        }
    }
    Some((done, tally))
}

/// Lays one case out in the current folder and prints both verdicts.
fn show(seed: u64, number: u64, case: Option<u64>) -> std::io::Result<bool> {
    let folder = tempfile::tempdir()?;
    let database = campaign::reproduce(seed, number, case, folder.path())?;
    let desk = campaign::Desk { file: PathBuf::from("case.db"), planted: Planted::Nothing };
    desk.lay_out(&database)?;
    println!("{}", database.recipe);
    println!("prover: {:#?}", desk.prove());
    println!("pragma: {:#?}", campaign::integrity_check(&desk.file));
    desk.lay_out(&database)?;
    println!("written to case.db");
    Ok(true)
}
