//! A run from beginning to end.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use crate::counterpart::Counterpart;
use crate::entry_hash::{EntryHash, Key};
use crate::error::{ProveError, ProveErrorKind};
use crate::finding::{Code, Finding, Findings};
use crate::forward::Forward;
use crate::header::Encoding;
use crate::interior_pages::InteriorPages;
use crate::manifest::{Leaves, hex};
use crate::manifest_trees::Owners;
use crate::options::Options;
use crate::page_owner::PageOwners;
use crate::page_use;
use crate::pagemap::PageMap;
use crate::plan::Plan;
use crate::progress::{Bell, Event, Halt, Progress, Stage};
use crate::proof::{Level, Proof, Stopped, TreeReport, Unproven, Verdict};
use crate::raw_name;
use crate::resume;
use crate::schema::{Role, Schema};
use crate::source::{ReadFault, Source};
use crate::through_sqlite;
use crate::view::{self, Opened, View, read_error};
use crate::worker::{Common, Share, Worker};
use crate::{freelist, interior, naming};

/// Proves one database file.
///
/// ```no_run
/// use steadfast_sqlite::{Prover, Verdict};
/// let proof = Prover::new("app.db").run(&mut |_event| ())?;
/// assert_eq!(proof.verdict, Verdict::Pass);
/// # Ok::<(), steadfast_sqlite::ProveError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Prover {
    path: PathBuf,
    options: Options,
}

impl Prover {
    /// For the database at `path`, with the default options.
    pub fn new(path: impl Into<PathBuf>) -> Prover {
        Prover { path: path.into(), options: Options::default() }
    }

    /// With these options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Prover {
        self.options = options;
        self
    }

    /// Runs. A verdict is `Ok`, whatever it is; an error says why there is none.
    ///
    /// # Errors
    /// The file cannot be looked at, or changed while it was.
    pub fn run(&self, progress: &mut dyn Progress) -> Result<Proof, ProveError> {
        let started = Instant::now();
        let mut proof = Run::new(&self.path, &self.options, started, progress).prove()?;
        let log_is_unpinned = proof.wal.as_ref().is_some_and(|wal| wal.frames > 0 && !wal.pinned);
        if proof.verdict == Verdict::Fail && log_is_unpinned {
            self.judge_without_wal(&mut proof, started, progress)?;
        }
        proof.seconds = started.elapsed().as_secs_f64();
        Ok(proof)
    }

    /// A log beside a restored file may be a stranger's: says whether the file is sound without it.
    fn judge_without_wal(
        &self,
        proof: &mut Proof,
        started: Instant,
        progress: &mut dyn Progress,
    ) -> Result<(), ProveError> {
        let options =
            Options { ignore_wal: true, resume: None, manifest_out: None, against: None, ..self.options.clone() };
        let alone = Run::new(&self.path, &options, started, progress).prove()?;
        proof.bytes_read += alone.bytes_read;
        proof.bytes_reread += alone.bytes_read;
        if alone.verdict != Verdict::Fail && alone.stopped.is_none() {
            let seen = "the file alone is sound, with its -wal it is not: the -wal belongs to another file or moment";
            proof.findings.insert(0, Finding::new(Code::ForeignWal, "a -wal that continues this file", seen));
        }
        Ok(())
    }
}

struct Run<'a> {
    path: &'a Path,
    options: &'a Options,
    started: Instant,
    progress: &'a mut dyn Progress,
    bell: Bell,
    last_event: Option<Instant>,
}

/// What is gathered on the way to the proof.
struct Gathered {
    findings: Findings,
    unproven: Vec<Unproven>,
    halted: Option<Halt>,
    pages_done: u32,
    resumable: bool,
    other_bytes: u64,
}

/// Why a run has no more to say.
enum Ended {
    /// It has to stop; what was found counts.
    Halted(Halt),
    Error(ProveError),
}

impl Ended {
    fn of(path: &Path, why: ReadFault) -> Ended {
        match why {
            ReadFault::Halted(halt) => Ended::Halted(halt),
            why @ (ReadFault::Shrunk | ReadFault::Io(..) | ReadFault::Elsewhere(_)) => {
                Ended::Error(read_error(path, why))
            }
        }
    }
}

impl From<ProveError> for Ended {
    fn from(error: ProveError) -> Ended {
        Ended::Error(error)
    }
}

/// A manifest whose pages are all written. If the run ends before it can be finished, it stays for the one that goes on.
struct ToFinish {
    manifest: Option<Leaves>,
    is_resumable: bool,
}

impl ToFinish {
    fn take(mut self) -> Option<Leaves> {
        self.manifest.take()
    }
}

impl Drop for ToFinish {
    fn drop(&mut self) {
        if let Some(manifest) = self.manifest.take().filter(|_| self.is_resumable) {
            manifest.keep();
        }
    }
}

impl<'a> Run<'a> {
    fn new(path: &'a Path, options: &'a Options, started: Instant, progress: &'a mut dyn Progress) -> Run<'a> {
        let deadline = options.deadline.map(|limit| started + limit);
        let bell = Bell::new(options.cancel.clone(), deadline);
        Run { path, options, started, progress, bell, last_event: None }
    }

    fn prove(&mut self) -> Result<Proof, ProveError> {
        let level = if self.options.structure_only { Level::Structure } else { Level::Proven };
        let mut proof = Proof::empty(level);
        proof.scope = self.options.table.clone();
        self.tell(if self.options.ignore_wal { Stage::WithoutWal } else { Stage::Opening }, 0, 0, 0, 0);
        let view = match view::open(self.path, self.options)? {
            Opened::View(view) => *view,
            Opened::Faulty(findings, wal) => {
                proof.verdict = Verdict::Fail;
                proof.wal = wal;
                proof.findings = findings;
                return Ok(proof);
            }
        };
        let View { mut source, header, identity, wal, notes, mut watch } = view;
        watch.keep_bounds(&self.bell, self.options.max_wal_growth)?;
        source.keep_pace(self.options.max_rate, self.bell.clone());
        let source = Arc::new(source);
        proof.pages = source.pages;
        proof.page_size = source.geometry.page_size;
        proof.freelist_pages = header.freelist_count;
        proof.wal = wal;
        proof.journal = if header.is_wal() { "wal" } else { "rollback journal" }.to_owned();
        proof.encoding = match header.text() {
            Encoding::Utf8 => "UTF-8",
            Encoding::Utf16Le => "UTF-16LE",
            Encoding::Utf16Be => "UTF-16BE",
        }
        .to_owned();
        proof.identity = Some(identity.clone());
        proof.notes = notes;
        let mut gathered = Gathered {
            findings: Findings::up_to(self.options.max_findings),
            unproven: Vec::new(),
            halted: None,
            pages_done: 0,
            resumable: false,
            other_bytes: 0,
        };
        if let Some(page) = source.first_cut_page() {
            let seen = format!("the file ends before page {page} does");
            gathered.findings.push(Finding::new(Code::Truncated, "a file of whole pages", seen).on_page(page));
        }
        let look = Look { source: &source, header: &header, identity: &identity, watch: &watch };
        match self.look(&look, &mut gathered, &mut proof) {
            Ok(()) => {}
            Err(Ended::Halted(halt)) => gathered.halted = Some(halt),
            // Of a moment that is no longer held anything can be read, and is not believed.
            Err(Ended::Error(_)) if self.bell.has_wal_grown() => {}
            Err(Ended::Error(error)) => return Err(error),
        }
        if self.bell.has_wal_grown() {
            let seen = format!(
                "the WAL grew by more than {} bytes while its view was pinned; {} of {} pages were judged",
                self.options.max_wal_growth, gathered.pages_done, proof.pages
            );
            return Err(ProveError::new(ProveErrorKind::WalGrew, self.path, seen));
        }
        watch.compare()?;
        if watch.has_let_go_of_lock() {
            let note = "the time of the lock was over before the end; the file has not changed since";
            proof.notes.push(note.to_owned());
        }
        self.sum_up(&source, gathered, &mut proof);
        Ok(proof)
    }

    /// Opens the view through SQLite, which knows the schema, and judges all of it.
    fn look(&mut self, look: &Look<'_>, gathered: &mut Gathered, proof: &mut Proof) -> Result<(), Ended> {
        let ended = |bell: &Bell, why: &rusqlite::Error| match bell.rings() {
            Some(halt) => Ended::Halted(halt),
            None => ProveError::from_sql(self.path, why).into(),
        };
        let pinned = through_sqlite::connect(look.source, &self.bell, self.options.sql_heap_limit)
            .map_err(|why| ended(&self.bell, &why))?;
        match through_sqlite::schema(&pinned.sql) {
            Ok(schema) => {
                // Where a root page is not known, SQLite was not there to be asked for it.
                if let (true, Some(halt)) = (schema.trees.iter().any(|tree| tree.root == 0), self.bell.rings()) {
                    return Err(Ended::Halted(halt));
                }
                self.judge(schema, look, &pinned.sql, gathered, proof)
            }
            Err(why) if is_of_the_machine(&why) || self.bell.rings().is_some() => {
                // A file that became shorter meanwhile is told as that.
                match look.watch.compare() {
                    Err(error) if error.kind == ProveErrorKind::Changed => Err(error.into()),
                    Ok(()) | Err(_) => Err(ended(&self.bell, &why)),
                }
            }
            Err(why) => {
                let finding = Finding::new(Code::Schema, "a schema that SQLite can read", why.to_string());
                gathered.findings.push(finding.in_tree("sqlite_schema"));
                Ok(())
            }
        }
    }

    fn judge(
        &mut self,
        schema: Schema,
        look: &Look<'_>,
        sql: &rusqlite::Connection,
        gathered: &mut Gathered,
        proof: &mut Proof,
    ) -> Result<(), Ended> {
        let options = self.options;
        let (source, header) = (look.source, look.header);
        if let Some(wanted) = &options.table
            && !schema.tables.iter().any(|table| table.name.eq_ignore_ascii_case(wanted))
            && !schema.virtuals.iter().any(|table| table.name.eq_ignore_ascii_case(wanted))
        {
            return Err(ProveError::new(ProveErrorKind::NoSuchTable, self.path, format!("no table {wanted}")).into());
        }
        for stranger in &schema.strangers {
            let seen = format!("'{stranger}', which belongs to nothing");
            gathered.findings.push(Finding::new(Code::Schema, "tables and indexes", seen).in_tree("sqlite_schema"));
        }
        proof.tables = schema.tables.len() as u32 - 1 + schema.virtuals.len() as u32;
        let plan = Plan::new(schema, !options.structure_only, options.table.as_deref());
        proof.indexes = plan.schema.trees.iter().filter(|tree| matches!(tree.role, Role::Index(_))).count() as u32;
        let whole = options.table.is_none();
        let ended = |why| Ended::of(self.path, why);

        let state = |doing: &'static str, path: &Path| {
            let path = path.to_owned();
            move |why: std::io::Error| ProveError::unwritable(&path, doing, &why)
        };
        if let Some(path) = &options.resume {
            resume::may_be_saved(path).map_err(state("cannot keep the state there", path))?;
        }
        let saved = match &options.resume {
            Some(path) if !options.restart => {
                let scope = scope_of(options);
                resume::load(path, self.path, look.identity, &scope, &plan, options.max_findings)?
            }
            Some(_) | None => None,
        };
        let key = match &saved {
            Some(saved) => saved.key,
            None => random_key().map_err(|why| ProveError::from_io(self.path, "cannot draw a random seed", &why))?,
        };
        let goes_on = saved.is_some();
        let manifest = match &options.manifest_out {
            Some(path) => Some(
                Leaves::begin(path, source.geometry.page_size, source.pages, goes_on, key)
                    .map_err(state("cannot write the manifest", path))?,
            ),
            None => None,
        };
        let hash = EntryHash::new(key, plan.schema.trees.len());
        let common = Common { source, plan: &plan, hash: &hash, planted: options.planted, seek: None };

        let mut map = PageMap::new(source.pages, header);
        if whole {
            freelist::walk(source, header, &mut map, &mut gathered.findings, options.planted).map_err(ended)?;
        }
        self.tell_now(Stage::Interior, 0, source, 0);
        let mut interiors = InteriorPages::new(source.geometry.page_size, options.interior_memory);
        let mut worker = Worker::new(&plan, options.max_findings);
        let scratch = scratch_folder(self.path, &options.scratch);
        interior::pass(&common, &mut map, &mut interiors, &mut worker, &scratch)
            .map_err(|why| Ended::of(self.path, why))?;
        worker.settle(&common);

        let (first, before) = match saved {
            Some(saved) => {
                if !map.load(&saved.next_links) {
                    return Err(ProveError::new(ProveErrorKind::State, self.path, "the state has other pages").into());
                }
                (saved.next_page, saved.share)
            }
            None => (1, Share::new(&plan, options.max_findings)),
        };
        let (reference, mut watch_beside) = match &options.against {
            Some(path) => {
                let (reference, watch) = Counterpart::open(path, source)?;
                (Some(reference), watch)
            }
            None => (None, None),
        };
        if let Some(reference) = &reference
            && (reference.pages(), reference.page_size()) != (source.pages, source.geometry.page_size)
        {
            let expected = format!("{} pages of {} bytes", reference.pages(), reference.page_size());
            let seen = format!("{} pages of {} bytes", source.pages, source.geometry.page_size);
            gathered.findings.push(Finding::new(Code::PageChanged, expected, seen));
        }
        let reference = reference.filter(|reference| reference.page_size() == source.geometry.page_size);

        if let Some(watch) = &mut watch_beside {
            watch.keep_bounds(&self.bell, options.max_wal_growth)?;
        }
        let bell = self.bell.clone();
        let forward = Forward {
            common,
            map: &map,
            interiors: &interiors,
            workers: options.threads.clamp(1, 64).min(source.pages.div_ceil(64).max(1) as usize),
            bell: &bell,
            manifest: manifest.as_ref(),
            reference: reference.as_ref(),
            max_findings: options.max_findings,
        };
        let found = worker.share.findings.list().len() as u64;
        source.set_in_pass(true);
        let passed = forward.run(first, &mut |done| {
            self.tell(Stage::Forward, done, source.pages, source.meter.read.load(Ordering::Relaxed), found);
        });
        source.set_in_pass(false);
        let passed = passed.map_err(|why| Ended::of(self.path, why))?;
        let mut share = before;
        share.merge(passed.share);
        gathered.pages_done = passed.next_page - 1;
        gathered.halted = passed.halted;
        let save = |share: &Share, map: &PageMap, next_page: u32| -> Result<bool, ProveError> {
            let Some(path) = &options.resume else { return Ok(false) };
            resume::save(path, look.identity, &scope_of(options), key, next_page, share, map)
                .map_err(state("cannot save the state", path))?;
            Ok(true)
        };
        if let Some(reference) = &reference {
            gathered.other_bytes = reference.bytes_read();
        }
        if let Some(watch) = &watch_beside {
            watch.compare()?;
        }
        if self.bell.has_wal_grown() {
            // What was read last may be of another moment, and is not kept.
            return Err(Ended::Halted(Halt::WalGrew));
        }
        // Also where the pass is through: what follows may be stopped as well.
        gathered.resumable = save(&share, &map, passed.next_page)?;
        if passed.halted.is_some() {
            if let Some(manifest) = manifest.filter(|_| gathered.resumable) {
                manifest.keep();
            }
            share.merge(worker.share);
            gathered.findings.absorb(std::mem::replace(&mut share.findings, Findings::up_to(1)));
            proof.trees = trees(&plan, &share);
            return Ok(());
        }

        self.tell_now(Stage::Closing, source.pages, source, found);
        share.merge(worker.share);
        proof.trees = trees(&plan, &share);
        let manifest = ToFinish { manifest, is_resumable: gathered.resumable };
        let findings = &mut gathered.findings;
        findings.absorb(std::mem::replace(&mut share.findings, Findings::up_to(1)));
        share.chains.sort_unstable();
        if !options.planted.chains_off() {
            page_use::chains(source, &mut map, &share.chains, whole, findings).map_err(ended)?;
        }
        if whole {
            let largest = plan.schema.trees.iter().map(|tree| tree.root).max().unwrap_or(0);
            page_use::auto_vacuum(header, largest, findings);
            if header.auto_vacuum() && !options.planted.pointer_map_off() {
                page_use::pointer_maps(source, &map, &interiors, findings).map_err(ended)?;
            }
            if !options.planted.chains_off() {
                page_use::never_used(&map, findings, options.planted);
            }
        }
        if let Some(reference) = &reference {
            share.differing.sort_unstable();
            let owners = PageOwners { plan: &plan, map: &map, interiors: &interiors };
            proof.differing = Some(owners.differing(&share, reference, options.max_findings));
            for page in share.differing.iter().take(options.max_findings) {
                let finding =
                    Finding::new(Code::PageChanged, "the same page on both sides", "other bytes").on_page(*page);
                findings.push(match owners.tree(*page) {
                    Some(tree) => finding.in_tree(plan.name(tree)),
                    None => finding,
                });
            }
        }
        if plan.content {
            naming::compare(&common, &map, &interiors, &share, findings).map_err(ended)?;
            let so_far = findings.list().len() as u64;
            self.tell_now(Stage::ThroughSqlite, source.pages, source, so_far);
            let asked = through_sqlite::Asked {
                sql,
                source,
                plan: &plan,
                tallies: &share.tallies,
                bell: &self.bell,
                only: options.table.as_deref(),
            };
            if let Some(halt) = asked.check(findings, &mut gathered.unproven) {
                return Err(Ended::Halted(halt));
            }
        }
        if let Some(manifest) = manifest.take() {
            let path = options.manifest_out.as_deref().unwrap_or(self.path);
            let owners = PageOwners { plan: &plan, map: &map, interiors: &interiors };
            let (names, owner) = (owners.names(), |page| owners.number(page));
            // A pass over one table does not know whose the other pages are.
            let owners = whole.then_some(Owners { names: &names, owner: &owner });
            let root = manifest.finish(owners.as_ref()).map_err(state("cannot finish the manifest", path))?;
            proof.manifest_root = Some(hex(&root));
        }
        if let Some(path) = &options.resume {
            // What was saved is used up; a state that cannot be removed is refused or taken up rightly next time.
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }

    fn sum_up(&self, source: &Source, gathered: Gathered, proof: &mut Proof) {
        let (mut findings, beyond) = gathered.findings.into_parts();
        findings.sort();
        findings.dedup();
        proof.findings = findings;
        proof.findings_beyond = beyond;
        proof.unproven = gathered.unproven;
        proof.bytes_read = source.meter.read.load(Ordering::Relaxed) + gathered.other_bytes;
        proof.bytes_reread = source.meter.again.load(Ordering::Relaxed);
        proof.bytes_cached = source.meter.cached.load(Ordering::Relaxed);
        proof.stopped = gathered.halted.map(|halt| Stopped {
            why: match halt {
                Halt::Cancelled => "it was cancelled".to_owned(),
                Halt::Deadline => "its deadline passed".to_owned(),
                Halt::WalGrew => "the WAL grew too much".to_owned(),
            },
            pages_done: gathered.pages_done,
            resumable: gathered.resumable,
        });
        proof.cpu_seconds = cpu_time().as_secs_f64();
        proof.seconds = self.started.elapsed().as_secs_f64();
        proof.verdict = if !proof.findings.is_empty() {
            Verdict::Fail
        } else if proof.stopped.is_some() || !proof.unproven.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::Pass
        };
    }

    fn tell_now(&mut self, stage: Stage, done: u32, source: &Source, findings: u64) {
        self.last_event = None;
        self.tell(stage, done, source.pages, source.meter.read.load(Ordering::Relaxed), findings);
    }

    fn tell(&mut self, stage: Stage, pages_done: u32, pages: u32, bytes_read: u64, findings: u64) {
        let now = Instant::now();
        if self.last_event.is_some_and(|last| now.duration_since(last) < Duration::from_millis(200)) {
            return;
        }
        self.last_event = Some(now);
        let elapsed = self.started.elapsed();
        self.progress.event(Event { stage, pages_done, pages, bytes_read, elapsed, findings });
    }
}

/// Whether an error of SQLite's says nothing about the file.
fn is_of_the_machine(why: &rusqlite::Error) -> bool {
    matches!(why.sqlite_error_code(), Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory))
}

/// What was opened.
struct Look<'r> {
    source: &'r Arc<Source>,
    header: &'r crate::header::Header,
    identity: &'r crate::identity::Identity,
    watch: &'r view::Watch,
}

fn trees(plan: &Plan, share: &Share) -> Vec<TreeReport> {
    let mut all: Vec<TreeReport> = plan
        .schema
        .trees
        .iter()
        .zip(&share.tallies)
        .zip(&plan.in_scope)
        .filter(|(_, in_scope)| **in_scope)
        .map(|((tree, tally), _)| TreeReport {
            name: raw_name::shown(tree.name.clone()),
            table: raw_name::shown(plan.schema.tables[tree.table].name.clone()),
            is_index: matches!(tree.role, Role::Index(_)),
            entries: tally.entries,
            pages: tally.leaf_pages + tally.interior_pages + tally.overflow_pages,
            overflow_pages: tally.overflow_pages,
            payload: tally.payload,
            free: tally.free,
        })
        .collect();
    all.sort_by(|a, b| b.pages.cmp(&a.pages).then_with(|| a.name.cmp(&b.name)));
    all
}

/// What a state is bound to beside the file.
fn scope_of(options: &Options) -> String {
    format!(
        "table {}, level {}, manifest {}, against {}",
        options.table.as_deref().unwrap_or("all"),
        if options.structure_only { "structure" } else { "proven" },
        options.manifest_out.as_ref().map_or_else(|| "none".into(), |path| path.display().to_string()),
        options.against.as_ref().map_or_else(|| "none".into(), |path| path.display().to_string()),
    )
}

/// Never the database's own folder.
fn scratch_folder(database: &Path, wished: &Path) -> PathBuf {
    let folder_of = |path: &Path| std::fs::canonicalize(path).ok();
    let database = folder_of(database).and_then(|path| path.parent().map(Path::to_owned));
    let elsewhere = ["/var/tmp", "/dev/shm", "/tmp"].map(PathBuf::from);
    let candidates = std::iter::once(wished.to_owned()).chain(elsewhere);
    let mut fitting = candidates.filter(|folder| folder.is_dir() && folder_of(folder) != database);
    fitting.next().unwrap_or_else(|| wished.to_owned())
}

fn random_key() -> std::io::Result<Key> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let number = u128::from_le_bytes(bytes);
    Ok(Key { k0: number as u64, k1: (number >> 64) as u64 })
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
