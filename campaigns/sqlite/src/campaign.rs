//! The campaign: databases, mutations, the prover's verdict beside that of `PRAGMA integrity_check(1000000)`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use steadfast_sqlite::{Code, Options, Planted, Proof, ProveError, ProveErrorKind, Prover, Verdict};

use crate::databases::{self, Database};
use crate::dice::Dice;
use crate::mutations::KINDS;
use crate::second_judge;

/// Mutations tried on each database before the next one is built.
pub const CASES_PER_DATABASE: u64 = 100;

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Mutated cases.
    pub cases: u64,
    /// Fixes everything.
    pub seed: u64,
    /// Databases judged at once.
    pub threads: usize,
    /// A bug in the prover, to show that the campaign finds it.
    pub planted: Planted,
    /// End at the first wrong verdict.
    pub stop_at_first: bool,
}

/// How the verdicts compared, for one kind of mutation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Row {
    /// Cases.
    pub cases: u64,
    /// Both say sound.
    pub both_sound: u64,
    /// Both see faults, or the prover says that it is no database where SQLite refuses it.
    pub both_faulty: u64,
    /// The prover sees a fault where the pragma passes; confirmed by the second judge.
    pub only_prover: u64,
    /// The prover says that it cannot tell.
    pub unknown: u64,
    /// Everything else.
    pub wrong: u64,
}

/// The tally of a campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Databases built; each was judged as it was first.
    pub databases: u64,
    /// By mutation.
    pub rows: BTreeMap<String, Row>,
    /// Codes that only the prover saw, and how often.
    pub only_prover_codes: BTreeMap<String, u64>,
    /// What was wrong, in words that reproduce it.
    pub wrong: Vec<String>,
}

impl Tally {
    /// Wrong verdicts.
    pub fn wrong_count(&self) -> u64 {
        self.rows.values().map(|row| row.wrong).sum()
    }

    /// Cases.
    pub fn cases(&self) -> u64 {
        self.rows.values().map(|row| row.cases).sum()
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: Tally) {
        self.databases += other.databases;
        for (kind, row) in other.rows {
            let mine = self.rows.entry(kind).or_default();
            mine.cases += row.cases;
            mine.both_sound += row.both_sound;
            mine.both_faulty += row.both_faulty;
            mine.only_prover += row.only_prover;
            mine.unknown += row.unknown;
            mine.wrong += row.wrong;
        }
        for (code, count) in other.only_prover_codes {
            *self.only_prover_codes.entry(code).or_default() += count;
        }
        self.wrong.extend(other.wrong);
    }
}

/// Runs the databases `from..to` of a plan and adds them up. `seen` counts the cases that are done.
pub fn run(plan: &Plan, from: u64, to: u64, seen: &AtomicU64) -> std::io::Result<Tally> {
    let next = AtomicU64::new(from);
    let found = AtomicU64::new(0);
    let mut whole = Tally::default();
    let tallies: Vec<std::io::Result<Tally>> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..plan.threads.max(1)).map(|_| scope.spawn(|| work(plan, to, &next, &found, seen))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err(std::io::Error::other("a worker panicked"))))
            .collect()
    });
    for tally in tallies {
        whole.merge(tally?);
    }
    whole.wrong.sort();
    Ok(whole)
}

fn work(plan: &Plan, to: u64, next: &AtomicU64, found: &AtomicU64, seen: &AtomicU64) -> std::io::Result<Tally> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
    let desk = Desk { file: folder.path().join("case.db"), planted: plan.planted };
    let mut tally = Tally::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= to || (plan.stop_at_first && found.load(Ordering::Relaxed) > 0) {
            return Ok(tally);
        }
        let seed = plan.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(number);
        let database = databases::build(seed, folder.path()).map_err(std::io::Error::other)?;
        tally.databases += 1;
        let before = tally.wrong_count();
        desk.judge(&mut tally, "none (as built)", &database, &format!("database {number}: {}", database.recipe))?;
        let cases = CASES_PER_DATABASE.min(plan.cases.saturating_sub(number * CASES_PER_DATABASE));
        for case in 0..cases {
            let mut dice = Dice::new(seed ^ (case + 1).wrapping_mul(0xd134_2543_de82_ef95));
            let (kind, mutate) = KINDS[(case as usize + number as usize) % KINDS.len()];
            let mut mutated = database.clone();
            mutate(&mut dice, &mut mutated);
            let what = format!("database {number} case {case}: {kind} on {}", database.recipe);
            desk.judge(&mut tally, kind, &mutated, &what)?;
            seen.fetch_add(1, Ordering::Relaxed);
        }
        found.fetch_add(tally.wrong_count() - before, Ordering::Relaxed);
    }
}

/// Judges one case alone.
pub fn again(plan: &Plan, number: u64, case: u64, kind: &str) -> std::io::Result<Tally> {
    let folder = tempfile::tempdir()?;
    let database = reproduce(plan.seed, number, Some(case), folder.path())?;
    let desk = Desk { file: folder.path().join("case.db"), planted: plan.planted };
    let mut tally = Tally::default();
    let what = format!("database {number} case {case}: {kind} on {}", database.recipe);
    desk.judge(&mut tally, kind, &database, &what)?;
    Ok(tally)
}

/// The mutated file of one case, for a closer look.
pub fn reproduce(seed: u64, number: u64, case: Option<u64>, folder: &Path) -> std::io::Result<Database> {
    let seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(number);
    let mut database = databases::build(seed, folder).map_err(std::io::Error::other)?;
    if let Some(case) = case {
        let mut dice = Dice::new(seed ^ (case + 1).wrapping_mul(0xd134_2543_de82_ef95));
        KINDS[(case as usize + number as usize) % KINDS.len()].1(&mut dice, &mut database);
    }
    Ok(database)
}

/// Where one case at a time is laid out.
pub struct Desk {
    /// The file.
    pub file: PathBuf,
    /// The bug in the prover.
    pub planted: Planted,
}

impl Desk {
    fn judge(&self, tally: &mut Tally, kind: &str, database: &Database, what: &str) -> std::io::Result<()> {
        self.lay_out(database)?;
        let proof = self.prove();
        let pragma = integrity_check(&self.file);
        let row = tally.rows.entry(kind.to_owned()).or_default();
        row.cases += 1;
        let is_built = kind.starts_with("none");
        let wrong: Option<String> = match (&proof, &pragma) {
            (Ok(proof), Ok(())) if proof.verdict == Verdict::Pass => {
                row.both_sound += 1;
                None
            }
            _ if is_built => Some("a database as SQLite made it".into()),
            (Ok(proof), Err(_)) if proof.verdict == Verdict::Pass => {
                Some("the prover passes, the pragma faults".into())
            }
            (Ok(proof), Err(_)) if proof.verdict == Verdict::Fail => {
                row.both_faulty += 1;
                None
            }
            (Ok(proof), Ok(())) if proof.verdict == Verdict::Fail => {
                match second_judge::confirms(database, &self.file, proof) {
                    Ok(()) => {
                        row.only_prover += 1;
                        for code in codes(proof) {
                            *tally.only_prover_codes.entry(code.word().to_owned()).or_default() += 1;
                        }
                        None
                    }
                    Err(why) => Some(format!("the prover faults, the pragma passes, and it is not confirmed: {why}")),
                }
            }
            (Ok(_), _) => {
                row.unknown += 1;
                None
            }
            // What SQLite refuses or finds empty, the prover may refuse with a reason.
            (Err(_), Err(_)) => {
                row.both_faulty += 1;
                None
            }
            (Err(error), Ok(())) if error.kind == ProveErrorKind::Empty => {
                row.unknown += 1;
                None
            }
            (Err(_), Ok(())) => Some("the prover refuses what the pragma passes".into()),
        };
        if let Some(wrong) = wrong {
            row.wrong += 1;
            if tally.wrong.len() < 200 {
                tally.wrong.push(format!("{what}\n  {wrong}\n  prover: {}\n  pragma: {pragma:?}", shown(&proof)));
            }
        }
        if database.wal.is_some() {
            steadfast_sqlite::close_kept_descriptors();
        }
        Ok(())
    }

    /// Writes the case's files, over the last ones.
    pub fn lay_out(&self, database: &Database) -> std::io::Result<()> {
        std::fs::write(&self.file, &database.file)?;
        for suffix in ["-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(beside(&self.file, suffix));
        }
        if let Some(wal) = &database.wal {
            std::fs::write(beside(&self.file, "-wal"), wal)?;
        }
        Ok(())
    }

    /// The prover's verdict.
    pub fn prove(&self) -> Result<Proof, ProveError> {
        let options = Options { threads: 1, planted: self.planted, max_findings: 50, ..Options::default() };
        Prover::new(&self.file).options(options).run(&mut |_| ())
    }
}

/// The codes of a proof, each once.
pub fn codes(proof: &Proof) -> Vec<Code> {
    let mut codes: Vec<Code> = proof.findings.iter().map(|finding| finding.code).collect();
    codes.sort();
    codes.dedup();
    codes
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The oracle: `Ok` if the pragma says ok, otherwise its first complaint.
pub fn integrity_check(path: &Path) -> Result<(), String> {
    // Not read-only: such a connection passes over CHECK constraints without a word.
    let sql = Connection::open(path);
    let check = |sql: Connection| -> rusqlite::Result<Vec<String>> {
        let mut statement = sql.prepare("PRAGMA integrity_check(1000000)")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect()
    };
    match sql.and_then(check) {
        Ok(rows) if rows == ["ok"] => Ok(()),
        Ok(rows) => Err(rows.into_iter().take(4).collect::<Vec<_>>().join("; ")),
        Err(why) => Err(why.to_string()),
    }
}

fn shown(proof: &Result<Proof, ProveError>) -> String {
    match proof {
        Ok(proof) => format!(
            "{:?} {:?} {:?}",
            proof.verdict,
            proof.findings.iter().take(4).collect::<Vec<_>>(),
            proof.unproven.iter().take(3).collect::<Vec<_>>()
        ),
        Err(error) => format!("no verdict: {error}"),
    }
}
