//! Taking a view of a database that does not move while it is judged, without hurting whoever uses it.
//!
//! With a WAL whose `-shm` is in use: a read-only connection holds a read mark, and the frames up to one commit are laid
//! over the file. The `-shm` file is read before and after the mark is taken. If the log was not copied back entirely at
//! either moment, the mark is one that keeps the log from restarting, and every frame up to the last commit may be laid
//! over. If it was copied back entirely at both, and nothing happened between, the file alone is the view, and the mark
//! keeps checkpoints away from it. Anything else is tried again. With a WAL that nobody uses, nothing is opened through
//! SQLite: the log is read as it lies, and file and log are compared before and after.

use std::fs::{File, Metadata};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::{ProveError, ProveErrorKind};
use crate::finding::{Code, Finding};
use crate::header::{Header, HeaderFault};
use crate::identity::{Identity, WalIdentity, stat};
use crate::journal::{self, Journal};
use crate::keeper::{Keeper, Lock, Pin};
use crate::locks;
use crate::options::Options;
use crate::page::Geometry;
use crate::progress::Bell;
use crate::proof::WalReport;
use crate::quiet_vfs;
use crate::registry;
use crate::source::Source;
use crate::wal::{ShmState, WalHeader, WalView};

/// The view, and what shows whether it has held.
pub(crate) struct View {
    pub(crate) source: Source,
    pub(crate) header: Header,
    pub(crate) identity: Identity,
    pub(crate) wal: Option<WalReport>,
    pub(crate) notes: Vec<String>,
    pub(crate) watch: Watch,
}

/// A file that cannot be looked at as a database, although it is one: these are faults.
pub(crate) enum Opened {
    View(Box<View>),
    Faulty(Vec<Finding>, Option<WalReport>),
}

/// Compares the files with what they were.
pub(crate) struct Watch {
    path: PathBuf,
    file: Arc<File>,
    identity: Identity,
    wal: Option<WatchedWal>,
    is_pinned: bool,
    /// Held here until somebody keeps their bounds.
    pin: Option<Connection>,
    lock: Option<Lock>,
    keeper: Option<Keeper>,
    ignore_wal: bool,
}

struct WatchedWal {
    path: PathBuf,
    header: Option<WalHeader>,
    stat: Option<(u64, i64, i64, i64, i64)>,
    length: u64,
}

struct Log {
    view: WalView,
    file: Arc<File>,
    header: Option<WalHeader>,
    /// As it was before it was read, where nothing holds it: a change while it was read is a change.
    before: Option<Metadata>,
    pin: Option<Connection>,
}

impl Log {
    fn report(&self) -> WalReport {
        WalReport {
            frames: self.view.frames,
            commits: self.view.commits,
            pages: self.view.overlay.len() as u32,
            pinned: self.pin.is_some(),
        }
    }

    /// The first bytes of page 1, if the log has that page.
    fn first_bytes(&self, options: &Options) -> Option<Vec<u8>> {
        let offset = self.view.overlay.get(&1).filter(|_| !options.planted.overlay_off())?;
        let mut bytes = vec![0; 100];
        std::os::unix::fs::FileExt::read_exact_at(&*self.file, &mut bytes, *offset).ok()?;
        Some(bytes)
    }
}

/// Opens a database and takes the view.
pub(crate) fn open(path: &Path, options: &Options) -> Result<Opened, ProveError> {
    let file = open_file(path)?;
    let io = |doing: &str| {
        let doing = doing.to_owned();
        move |why: std::io::Error| ProveError::from_io(path, &doing, &why)
    };
    // Whoever asks for a lock waits for it; nobody else waits.
    let until = options.lock_for.map(|_| Instant::now() + PATIENCE);
    while locks::writers(&file).exclusive && until.is_some_and(|until| Instant::now() < until) {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    if locks::writers(&file).exclusive {
        let seen = "a process holds the exclusive lock and may be writing into the file now";
        return Err(ProveError::new(ProveErrorKind::Locked, path, seen));
    }
    let mut identity = Identity::of(&file, None).map_err(io("cannot read"))?;
    look_for_hot_journal(path, &file)?;
    let log = if options.ignore_wal { None } else { take_log(path)? };
    let lock = match options.lock_for {
        // SQLite would make a log to take a lock in WAL mode, and there it keeps no writer out.
        Some(limit) if log.is_none() && !is_in_wal_mode(&file).map_err(io("cannot read"))? => {
            Some(Lock { shared: hold_shared_lock(path)?, until: Instant::now() + limit })
        }
        Some(_) | None => None,
    };
    // A checkpoint may have written into the file until the mark or the lock was there: it counts as it was then.
    if lock.is_some() || log.as_ref().is_some_and(|log| log.pin.is_some()) {
        identity = Identity::of(&file, None).map_err(io("cannot read"))?;
    }
    // A page 1 in the log replaces the file's, header and all.
    let first = log.as_ref().and_then(|log| log.first_bytes(options)).unwrap_or_else(|| bytes_of(&identity.header));
    let header = match Header::parse(&first) {
        Ok(header) => header,
        Err(fault @ HeaderFault::NotADatabase) => {
            return Err(ProveError::new(ProveErrorKind::NotADatabase, path, fault.to_string()));
        }
        Err(fault) => {
            let finding = Finding::new(Code::Header, "a database header", fault.to_string()).on_page(1);
            return Ok(Opened::Faulty(vec![finding], log.as_ref().map(Log::report)));
        }
    };
    let mut notes = Vec::new();
    let mut wal_report = None;
    let mut watched = None;
    let mut pin = None;
    let mut overlay = None;
    let mut wal_pages = None;
    if let Some(log) = log {
        if let Some(wal_header) = &log.header
            && wal_header.page_size != header.page_size
            && log.view.frames > 0
        {
            let seen = format!("its WAL has pages of {} bytes", wal_header.page_size);
            let expected = format!("pages of {} bytes", header.page_size);
            return Ok(Opened::Faulty(vec![Finding::new(Code::ForeignWal, expected, seen)], None));
        }
        wal_report = Some(log.report());
        let meta = match log.before {
            Some(before) => before,
            None => log.file.metadata().map_err(io("cannot look at the WAL"))?,
        };
        watched = Some(WatchedWal {
            path: journal::beside(path, "-wal"),
            header: log.header,
            stat: log.pin.is_none().then(|| stat(&meta)),
            length: meta.len(),
        });
        identity.wal = log.header.map(|header| WalIdentity::of(header.salts, log.view.frames, &meta));
        if log.view.uncommitted > 0 {
            notes.push(format!(
                "{} frames behind the last commit of the WAL are a transaction that has not ended; they do not count",
                log.view.uncommitted
            ));
        }
        pin = log.pin;
        if log.view.frames > 0 {
            wal_pages = Some(log.view.pages);
            overlay = Some((log.file, log.view.overlay));
        }
    }

    let on_disk = identity.size.div_ceil(u64::from(header.page_size));
    let Ok(on_disk) = u32::try_from(on_disk) else {
        return Err(ProveError::new(ProveErrorKind::Read, path, "larger than any SQLite database can be"));
    };
    let geometry = Geometry::new(header.page_size, header.usable());
    let first = Source::new(Arc::clone(&file), identity.size, geometry, wal_pages.unwrap_or(on_disk));
    let source = match overlay {
        Some((wal, _)) if options.planted.overlay_off() => {
            let _ = wal;
            first
        }
        Some((wal, overlay)) => first.with_overlay(wal, overlay),
        None => first,
    };
    let watch = Watch {
        path: path.to_owned(),
        file,
        identity: identity.clone(),
        wal: watched,
        is_pinned: pin.is_some(),
        pin,
        lock,
        keeper: None,
        ignore_wal: options.ignore_wal,
    };
    finish(source, header, identity, wal_report, notes, watch, wal_pages, on_disk, path)
}

/// Reads page 1 of the view, whose header rules, and settles the page count.
#[expect(clippy::too_many_arguments, reason = "the second half of one function")]
fn finish(
    mut source: Source,
    header: Header,
    identity: Identity,
    wal: Option<WalReport>,
    mut notes: Vec<String>,
    watch: Watch,
    wal_pages: Option<u32>,
    on_disk: u32,
    path: &Path,
) -> Result<Opened, ProveError> {
    let mut first = vec![0; header.page_size as usize];
    source.page(1, &mut first).map_err(|why| read_error(path, why))?;
    let header = match Header::parse(&first) {
        Ok(seen) if seen.page_size == header.page_size => seen,
        Ok(seen) => {
            let fault = format!("page size {} in the WAL's page 1", seen.page_size);
            let finding = Finding::new(Code::ForeignWal, format!("page size {}", header.page_size), fault);
            return Ok(Opened::Faulty(vec![finding], None));
        }
        Err(fault) => {
            let finding = Finding::new(Code::Header, "a database header", fault.to_string()).on_page(1);
            return Ok(Opened::Faulty(vec![finding], wal));
        }
    };
    let there = wal_pages.unwrap_or(on_disk);
    let counted = header.vouched_page_count().unwrap_or(there);
    if counted > there {
        let whose = if wal_pages.is_some() { "after the WAL's last commit" } else { "in the file" };
        let finding =
            Finding::new(Code::PageCount, format!("{counted} pages, as the header says"), format!("{there} {whose}"));
        return Ok(Opened::Faulty(vec![finding], wal));
    }
    if wal_pages.is_none() && counted < there {
        notes.push(format!("{} pages behind the database's last page belong to nothing", there - counted));
    }
    source.pages = counted;
    source.geometry = Geometry::new(header.page_size, header.usable());
    Ok(Opened::View(Box::new(View { source, header, identity, wal, notes, watch })))
}

pub(crate) fn read_error(path: &Path, why: crate::source::ReadFault) -> ProveError {
    match why {
        crate::source::ReadFault::Shrunk => {
            ProveError::new(ProveErrorKind::Changed, path, "it became shorter while it was read")
        }
        crate::source::ReadFault::Io(offset, why) => {
            ProveError::new(ProveErrorKind::Read, path, format!("reading at byte {offset} failed: {why}"))
        }
        crate::source::ReadFault::Elsewhere(error) => *error,
        // Whoever reads before there is a run, or for another one, has no bell.
        crate::source::ReadFault::Halted(_) => ProveError::new(ProveErrorKind::Read, path, "the run has ended"),
    }
}

fn open_file(path: &Path) -> Result<Arc<File>, ProveError> {
    let meta = std::fs::metadata(path).map_err(|why| ProveError::from_io(path, "cannot look at it", &why))?;
    let kind = meta.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() {
            "it is a directory"
        } else if kind.is_fifo() {
            "it is a FIFO"
        } else {
            "it is no regular file"
        };
        return Err(ProveError::new(ProveErrorKind::NotAFile, path, what));
    }
    // SQLite takes a file of one byte for an empty one too (`unixFileSize`, ticket 3260), and deletes its WAL.
    if meta.len() <= 1 {
        return Err(ProveError::new(ProveErrorKind::Empty, path, "the file is empty"));
    }
    registry::open(path).map_err(|why| ProveError::from_io(path, "cannot open it", &why))
}

/// The header's read version (file format, offset 19).
fn is_in_wal_mode(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let mut version = [0];
    Ok(file.read_at(&mut version, 19)? == 1 && version[0] == 2)
}

pub(crate) fn look_for_hot_journal(path: &Path, file: &File) -> Result<(), ProveError> {
    let journal = match journal::look(path) {
        Ok(journal) => journal,
        Err(why) => {
            return Err(ProveError::from_io(&journal::beside(path, "-journal"), "cannot read the journal", &why));
        }
    };
    match journal {
        Journal::Ended | Journal::SuperGone => Ok(()),
        Journal::Live if locks::writers(file).reserved => Ok(()),
        Journal::Live => {
            let seen = "a hot rollback journal stands beside it: its last transaction was cut off in the middle";
            Err(ProveError::new(ProveErrorKind::HotJournal, path, seen))
        }
    }
}

/// How long a lock that is asked for is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

fn reader(path: &Path, patience: Duration) -> Result<Connection, rusqlite::Error> {
    let sql = quiet_vfs::open(path)?;
    sql.busy_timeout(patience)?;
    sql.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    sql.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    sql.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sql.execute_batch("BEGIN")?;
    sql.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
    sql.query_row("SELECT count(*) FROM (SELECT 1 FROM sqlite_schema LIMIT 1)", [], |_| Ok(()))?;
    Ok(sql)
}

fn hold_shared_lock(path: &Path) -> Result<Connection, ProveError> {
    reader(path, PATIENCE).map_err(|why| {
        ProveError::new(ProveErrorKind::Locked, path, format!("cannot take the shared lock that was asked for: {why}"))
    })
}

/// The log as it is to be laid over the file; `None` without a log.
fn take_log(path: &Path) -> Result<Option<Log>, ProveError> {
    let wal_path = journal::beside(path, "-wal");
    let wal_error = |why: std::io::Error| ProveError::from_io(&wal_path, "cannot read the WAL", &why);
    match std::fs::metadata(&wal_path) {
        Ok(meta) if meta.len() > 0 => {}
        // An empty log with an `-shm` in use is one that was just reset: the mark is what counts.
        Ok(_) => {}
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(wal_error(why)),
    }
    let file = registry::open(&wal_path).map_err(wal_error)?;
    if let Some(shm) = shm_in_use(path)? {
        return pin(path, &shm, &file).map(Some);
    }
    let before = Some(file.metadata().map_err(wal_error)?);
    let header = WalHeader::read(&file).map_err(wal_error)?;
    let view = match &header {
        Some(header) => header.frames(&file, None).map_err(wal_error)?.unwrap_or_default(),
        None => WalView::default(),
    };
    Ok(Some(Log { view, file, header, before, pin: None }))
}

/// The `-shm` file, if any connection uses it.
fn shm_in_use(path: &Path) -> Result<Option<Arc<File>>, ProveError> {
    let shm_path = journal::beside(path, "-shm");
    match registry::open(&shm_path) {
        Ok(shm) => Ok(locks::shm_in_use(&shm).then_some(shm)),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(ProveError::from_io(&shm_path, "cannot read the -shm file", &why)),
    }
}

/// Takes a read mark and finds the frames that it holds in place.
fn pin(path: &Path, shm: &File, wal: &Arc<File>) -> Result<Log, ProveError> {
    let busy = |seen: String| ProveError::new(ProveErrorKind::WalBusy, path, seen);
    let io = |why: std::io::Error| ProveError::from_io(path, "cannot read the WAL", &why);
    let until = Instant::now() + Duration::from_secs(5);
    let mut last = String::from("the WAL index was never at rest");
    while Instant::now() < until {
        let Some(before) = ShmState::read(shm).map_err(io)? else {
            std::thread::yield_now();
            continue;
        };
        let sql = match reader(path, Duration::from_millis(500)) {
            Ok(sql) => sql,
            Err(why) => {
                last = format!("SQLite gave no read mark: {why}");
                continue;
            }
        };
        let Some(after) = ShmState::read(shm).map_err(io)? else { continue };
        if before.salts != after.salts {
            continue;
        }
        let is_copied_back = before == after && after.copied_back == after.frames;
        if is_copied_back {
            let header = WalHeader::read(wal).map_err(io)?;
            return Ok(Log { view: WalView::default(), file: Arc::clone(wal), header, before: None, pin: Some(sql) });
        }
        if after.copied_back >= before.frames {
            continue;
        }
        let Some(header) = WalHeader::read(wal).map_err(io)?.filter(|header| header.salts == after.salts) else {
            last = "the WAL's header is not the one of its index".to_owned();
            continue;
        };
        match header.frames(wal, Some(after.frames)).map_err(io)? {
            Some(view) => {
                return Ok(Log { view, file: Arc::clone(wal), header: Some(header), before: None, pin: Some(sql) });
            }
            None => last = format!("frame {} is no commit on an unbroken chain of checksums", after.frames),
        }
    }
    Err(busy(format!("no steady view of the WAL could be had: {last}")))
}

impl Watch {
    /// From now on the mark is given up, and the bell rings, when the WAL has grown by more than this since the view was
    /// taken; and the lock that `lock_for` asked for is let go when its time is over.
    pub(crate) fn keep_bounds(&mut self, bell: &Bell, max_wal_growth: u64) -> Result<(), ProveError> {
        let pin = self.wal.as_ref().zip(self.pin.take()).map(|(wal, mark)| {
            let longest = wal.length.saturating_add(max_wal_growth);
            Pin { mark, wal: wal.path.clone(), longest }
        });
        let keeper = Keeper::new(pin, self.lock.take(), bell.clone());
        self.keeper =
            Some(keeper.map_err(|why| ProveError::from_io(&self.path, "cannot start the thread that lets go", &why))?);
        Ok(())
    }

    /// Whether the lock that was asked for was let go before the end.
    pub(crate) fn has_let_go_of_lock(&self) -> bool {
        self.keeper.as_ref().is_some_and(Keeper::has_let_go_of_lock)
    }

    /// Whether the view still is what it was. A mark that was given up is the caller's to tell.
    pub(crate) fn compare(&self) -> Result<(), ProveError> {
        let changed = |seen: String| {
            let lock = if self.has_let_go_of_lock() {
                "; the time of the lock that was asked for was over before"
            } else {
                ""
            };
            Err(ProveError::new(ProveErrorKind::Changed, &self.path, format!("{seen}{lock}")))
        };
        // Removing and replacing change the times too, and say more.
        if let Ok(named) = std::fs::metadata(&self.path) {
            use std::os::unix::fs::MetadataExt;
            if (named.dev(), named.ino()) != (self.identity.device, self.identity.inode) {
                return changed("another file has taken its name".to_owned());
            }
        } else {
            return changed("it was removed while it was read".to_owned());
        }
        if !self.is_pinned {
            let now = Identity::of(&self.file, self.identity.wal.clone())
                .map_err(|why| ProveError::from_io(&self.path, "cannot look at it again", &why))?;
            let differences = self.identity.differences(&now);
            if !differences.is_empty() {
                return changed(format!("it changed while it was read: {}", differences.join(", ")));
            }
        }
        match &self.wal {
            None => {
                let wal = journal::beside(&self.path, "-wal");
                match std::fs::metadata(&wal) {
                    Ok(meta) if meta.len() > 0 && self.identity.wal.is_none() && !self.ignore_wal => {
                        changed("a WAL appeared beside it while it was read".to_owned())
                    }
                    _ => Ok(()),
                }
            }
            Some(wal) if !self.is_pinned => {
                let same = std::fs::metadata(&wal.path).is_ok_and(|meta| Some(stat(&meta)) == wal.stat)
                    && File::open(&wal.path)
                        .and_then(|file| WalHeader::read(&file))
                        .is_ok_and(|header| header == wal.header);
                if same { Ok(()) } else { changed("its WAL changed while it was read".to_owned()) }
            }
            Some(_) => Ok(()),
        }
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| {
            let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
            digit(pair[0]) << 4 | digit(pair[1])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a mark or a lock leaves beside a database whose other users went between our look and SQLite's.
    fn left_beside(before: impl Fn(&Path)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let sql = Connection::open(&path).unwrap();
        sql.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)").unwrap();
        drop(sql);
        before(&path);
        reader(&path, Duration::ZERO).map(|_| ()).unwrap_err();
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_read_mark_that_comes_too_late_makes_no_log_anew() {
        assert_eq!(left_beside(|_| ()), ["x.db"]);
        let leave_a_log = |path: &Path| std::fs::write(journal::beside(path, "-wal"), "").unwrap();
        assert_eq!(left_beside(leave_a_log), ["x.db", "x.db-wal"]);
    }
}
