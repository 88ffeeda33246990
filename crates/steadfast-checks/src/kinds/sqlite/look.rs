//! Looking at a database: a pass over it, or its stamp. In this process, so descriptors of databases stay open as the
//! library keeps them: closing one would drop the locks that a look of the kind `sql` holds on the same file.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use steadfast_core::finding::codes;
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use steadfast_sqlite::{
    Cancel, Finding, Level, Options, Proof, ProveError, ProveErrorKind, Prover, Stamp, StampOutcome, Verdict,
    close_descriptors_of_deleted_files,
};

use super::{By, CHANGED_MEANWHILE, Depth, HOT_JOURNAL, NOT_PROVEN, SqliteLook, SqliteSeen};
use crate::blocking::on_a_thread;
use crate::closed_world::must_stay_inside;

/// Faults and reasons that are kept in words.
const TOLD: usize = 5;

/// Pages compared by a look at the stamp.
const SAMPLE: u32 = 64;

/// The pass ends so much before the look does, so that it can still say how far it got.
const LAST_WORD: Duration = Duration::from_secs(2);

pub(super) async fn observe(look: &SqliteLook, world: &World) -> Result<SqliteSeen, Trouble> {
    let cancel = Cancel::default();
    // Nobody waits for the thread any more when this future is dropped.
    let _stops_with_us = CancelOnDrop(cancel.clone());
    let wished = look.clone();
    let looked = on_a_thread(world, move |world| look_at(&wished, cancel, world)).await;
    looked.map_err(|trouble| {
        // It was no answer that came too late: a file does not answer, it is read, and that takes its time.
        if look.by != By::Stamp && trouble.code == codes::TIMEOUT.word {
            Trouble::new(NOT_PROVEN, "the check's timeout came before the pass had ended")
        } else {
            trouble
        }
    })
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn look_at(look: &SqliteLook, cancel: Cancel, world: &World) -> Result<SqliteSeen, Trouble> {
    let file = world.path(&look.file)?;
    must_stay_inside(world, &file)?;
    let seen = match (look.by, &look.stamp) {
        (By::Stamp, Some(stamp)) => {
            let stamp = world.path(stamp)?;
            must_stay_inside(world, &stamp)?;
            by_stamp(look, &file, &stamp)
        }
        (By::Stamp, None) => Ok(nothing_known("no stamp is named")),
        (By::Proof | By::Structure, _) => by_proof(look, &file, cancel, world),
    };
    close_descriptors_of_deleted_files();
    let mut seen = seen.map_err(|error| trouble_of(&error, world))?;
    seen.size = std::fs::metadata(&file).map_or(0, |meta| meta.len());
    seen.free_space = free_space(&file);
    for text in seen.findings.iter_mut().chain(&mut seen.cannot_tell).chain(&mut seen.changed).chain(&mut seen.replaced)
    {
        if let Some(redacted) = world.redactor().text(text) {
            *text = redacted;
        }
    }
    Ok(seen)
}

fn by_proof(look: &SqliteLook, file: &Path, cancel: Cancel, world: &World) -> Result<SqliteSeen, ProveError> {
    let deadline = world.patience().map(|(left, _)| left.saturating_sub(LAST_WORD.min(left / 5)));
    let options = Options {
        structure_only: look.by == By::Structure,
        max_rate: look.max_rate.map(|rate| rate.0),
        max_findings: TOLD,
        deadline,
        cancel,
        ..Options::default()
    };
    let proof = Prover::new(file).options(options).run(&mut |_| ())?;
    Ok(of_proof(&proof, world.clock().now()))
}

fn of_proof(proof: &Proof, now: Timestamp) -> SqliteSeen {
    let mut cannot_tell: Vec<String> =
        proof.unproven.iter().map(|unproven| format!("{}: {}", unproven.name, unproven.why)).collect();
    if let Some(stopped) = &proof.stopped {
        let share = 100.0 * f64::from(stopped.pages_done) / f64::from(proof.pages.max(1));
        let how_far = format!("{} after {} of {} pages ({share:.0} %)", stopped.why, stopped.pages_done, proof.pages);
        cannot_tell.insert(0, how_far);
    }
    cannot_tell.truncate(TOLD);
    let is_whole = proof.stopped.is_none();
    let level = match (proof.verdict, proof.level) {
        (Verdict::Fail, _) => None,
        (Verdict::Pass, level) => Some(depth(level)),
        // Every page was judged; what only SQLite or the application can evaluate was not.
        (Verdict::Unknown, _) => is_whole.then_some(Depth::Structure),
    };
    let counted = is_whole && proof.verdict != Verdict::Fail;
    SqliteSeen {
        level,
        proven_at: level.map(|_| now),
        tables: counted.then(|| u64::from(proof.tables)),
        rows: counted.then(|| proof.rows()),
        faults: proof.findings.len() as u64 + proof.findings_beyond,
        findings: proof.findings.iter().take(TOLD).map(in_words).collect(),
        cannot_tell,
        ..nothing_known("")
    }
}

fn by_stamp(look: &SqliteLook, file: &Path, path: &Path) -> Result<SqliteSeen, ProveError> {
    let checked = Stamp::load(path).and_then(|stamp| {
        let check = stamp.check(file, look.sample.unwrap_or(SAMPLE), look.ignore_times)?;
        Ok((stamp, check))
    });
    let (stamp, check) = match checked {
        Ok(checked) => checked,
        // The database itself is not in trouble, and the rest can still be judged; but it has to be there.
        Err(why) if why.kind == ProveErrorKind::State => {
            let meta = std::fs::metadata(file).map_err(|missing| ProveError {
                kind: match missing.kind() {
                    std::io::ErrorKind::PermissionDenied => ProveErrorKind::Permission,
                    _ => ProveErrorKind::Missing,
                },
                path: file.to_owned(),
                seen: missing.to_string(),
            })?;
            return match (meta.is_file(), meta.len()) {
                (false, _) => Err(ProveError::new(ProveErrorKind::NotAFile, file, "it is no file")),
                (true, 0) => Err(ProveError::new(ProveErrorKind::Empty, file, "it has 0 bytes")),
                (true, _) => Ok(nothing_known(&why.to_string())),
            };
        }
        Err(why) => return Err(why),
    };
    let proven_at = i64::try_from(stamp.proven_at).ok().and_then(|second| Timestamp::from_second(second).ok());
    let mut seen = SqliteSeen { proven_at, ..nothing_known("") };
    match check.outcome {
        StampOutcome::Trusted => {
            seen.level = Some(depth(stamp.level));
            seen.tables = Some(u64::from(stamp.tables));
            seen.rows = Some(stamp.rows);
        }
        StampOutcome::Changed { what, replaced } => {
            let no_copy = || look.ignore_times.then(|| "it is no copy of the file that was proven".to_owned());
            seen.replaced = replaced.or_else(no_copy);
            seen.changed = what;
        }
        StampOutcome::PageDiffers { page } => {
            seen.faults = 1;
            seen.findings = vec![format!("page {page} is not the one that was proven, though the metadata are")];
        }
    }
    Ok(seen)
}

fn nothing_known(why: &str) -> SqliteSeen {
    SqliteSeen {
        size: 0,
        free_space: None,
        level: None,
        proven_at: None,
        replaced: None,
        changed: Vec::new(),
        tables: None,
        rows: None,
        faults: 0,
        findings: Vec::new(),
        cannot_tell: (!why.is_empty()).then(|| why.to_owned()).into_iter().collect(),
    }
}

fn depth(level: Level) -> Depth {
    match level {
        Level::Proven => Depth::Proven,
        Level::Structure => Depth::Structure,
    }
}

/// `index by_name: row 300: another value (entry-differs), expected: ...`.
fn in_words(finding: &Finding) -> String {
    let tree = finding.tree.as_ref().map_or_else(String::new, |tree| format!("{tree}: "));
    let place = match (finding.rowid, finding.page) {
        (Some(rowid), _) => format!("row {rowid}: "),
        (None, Some(page)) => format!("page {page}: "),
        (None, None) => String::new(),
    };
    format!("{tree}{place}{} ({}), expected: {}", finding.seen, finding.code.word(), finding.expected)
}

fn trouble_of(error: &ProveError, world: &World) -> Trouble {
    let code = match error.kind {
        ProveErrorKind::Missing => codes::FILE_MISSING,
        ProveErrorKind::Empty => codes::EMPTY,
        ProveErrorKind::NotAFile | ProveErrorKind::NotADatabase => codes::NOT_A_DATABASE,
        ProveErrorKind::Permission => codes::PERMISSION_DENIED,
        ProveErrorKind::Locked => codes::DATABASE_BUSY,
        ProveErrorKind::HotJournal => HOT_JOURNAL,
        ProveErrorKind::Changed | ProveErrorKind::WalGrew | ProveErrorKind::WalBusy => CHANGED_MEANWHILE,
        ProveErrorKind::State => NOT_PROVEN,
        ProveErrorKind::Read
        | ProveErrorKind::OtherIdentity
        | ProveErrorKind::Taken
        | ProveErrorKind::Faulty
        | ProveErrorKind::PageSizes
        | ProveErrorKind::NoSuchTable
        | ProveErrorKind::Sqlite => codes::LOCAL_TROUBLE,
    };
    let said = error.to_string();
    Trouble::new(code, world.redactor().text(&said).unwrap_or(said))
}

/// What those who are not root may still write on the volume.
fn free_space(file: &Path) -> Option<u64> {
    let volume = rustix::fs::statvfs(file).ok()?;
    Some(volume.f_bavail.saturating_mul(volume.f_frsize))
}
