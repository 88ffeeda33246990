//! Any file gives a verdict or an error that says what to do: nothing panics, nothing hangs, nothing passes by mistake.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use steadfast_sqlite::{Event, Options, Proof, ProveError, ProveErrorKind, Prover, Stage, Verdict};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("x.db");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn database(&self, ddl: &str) -> PathBuf {
        let path = self.0.path().join("x.db");
        Connection::open(&path).unwrap().execute_batch(ddl).unwrap();
        path
    }
}

const ROWS: &str = "CREATE TABLE t(a UNIQUE, b); CREATE INDEX i ON t(b);
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < 3000) INSERT INTO t SELECT x, printf('%050d', x) FROM n;";

fn prove(path: &Path) -> Result<Proof, ProveError> {
    Prover::new(path).run(&mut |_| ())
}

fn kind(path: &Path) -> ProveErrorKind {
    match prove(path) {
        Ok(proof) => panic!("a verdict where none is possible: {:?} {:?}", proof.verdict, proof.findings),
        Err(error) => error.kind,
    }
}

fn codes(path: &Path) -> Vec<&'static str> {
    let proof = prove(path).unwrap();
    assert_eq!(proof.verdict, Verdict::Fail);
    proof.findings.iter().map(|finding| finding.code.word()).collect()
}

#[test]
fn what_is_no_database_is_told_by_name() {
    let folder = Folder::new();
    assert_eq!(kind(&folder.0.path().join("nothing")), ProveErrorKind::Missing);
    assert_eq!(kind(folder.0.path()), ProveErrorKind::NotAFile);
    assert_eq!(kind(&folder.file(b"")), ProveErrorKind::Empty);
    assert_eq!(kind(&folder.file(b"S")), ProveErrorKind::Empty);
    assert_eq!(kind(&folder.file(b"hello, world")), ProveErrorKind::NotADatabase);
    assert_eq!(kind(&folder.file(&[0x5a; 8192])), ProveErrorKind::NotADatabase);
    let fifo = folder.0.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert_eq!(kind(&fifo), ProveErrorKind::NotAFile);
}

#[test]
fn every_obstacle_says_what_to_do() {
    for kind in ProveErrorKind::ALL {
        assert!(kind.advice().len() > 20, "{kind:?}");
    }
}

#[test]
fn impossible_page_sizes_are_faults() {
    let folder = Folder::new();
    let path = folder.database(ROWS);
    for size in [[0, 0], [0, 3], [0x11, 0x70]] {
        OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&size, 16).unwrap();
        assert_eq!(codes(&path), ["header"]);
    }
}

#[test]
fn pages_that_the_file_does_not_have_are_faults() {
    let folder = Folder::new();
    let path = folder.database(ROWS);
    let size = std::fs::metadata(&path).unwrap().len();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(size - 4096).unwrap();
    assert_eq!(codes(&path), ["page-count"]);
}

#[test]
fn a_file_that_ends_within_a_page_is_a_fault() {
    let folder = Folder::new();
    let path = folder.database(ROWS);
    let size = std::fs::metadata(&path).unwrap().len();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(size - 100).unwrap();
    assert!(codes(&path).contains(&"truncated"));
}

#[test]
fn a_database_without_tables_passes_and_says_so() {
    let folder = Folder::new();
    let proof = prove(&folder.database("PRAGMA user_version=1")).unwrap();
    assert_eq!((proof.verdict, proof.tables), (Verdict::Pass, 0));
}

/// Changes the file when the pass has begun; the outcome.
fn changed_while_read(change: impl Fn(&Path)) -> Result<Proof, ProveError> {
    let folder = Folder::new();
    let path = folder.database(ROWS);
    let mut is_done = false;
    Prover::new(&path).run(&mut |event: Event| {
        if event.stage == Stage::Interior && !is_done {
            is_done = true;
            change(&path);
        }
    })
}

#[test]
fn a_file_that_changes_while_it_is_read_has_no_verdict() {
    let changes: [fn(&Path); 4] = [
        |path| OpenOptions::new().write(true).open(path).unwrap().set_len(4096).unwrap(),
        |path| OpenOptions::new().append(true).open(path).unwrap().set_len(10 << 20).unwrap(),
        |path| std::fs::remove_file(path).unwrap(),
        |path| Connection::open(path).unwrap().execute_batch("INSERT INTO t VALUES('new', 'row')").unwrap(),
    ];
    for change in changes {
        let outcome = changed_while_read(change);
        assert_eq!(outcome.map_err(|error| error.kind).map(|proof| proof.findings), Err(ProveErrorKind::Changed));
    }
}

#[test]
fn a_hot_journal_is_never_passed_over_and_a_persisted_one_is_not_hot() {
    let folder = Folder::new();
    let path = folder.database(ROWS);
    let journal = folder.0.path().join("x.db-journal");
    std::fs::write(&journal, [0; 4096]).unwrap();
    assert_eq!(prove(&path).unwrap().verdict, Verdict::Pass);
    std::fs::write(&journal, [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0, 0, 0, 1]).unwrap();
    assert_eq!(kind(&path), ProveErrorKind::HotJournal);
}

#[test]
fn a_deadline_says_how_far_it_got_and_a_resumed_run_finishes() {
    let folder = Folder::new();
    let path = folder.database(ROWS);
    let state = folder.0.path().join("state");
    let stopped = Options { deadline: Some(Duration::ZERO), resume: Some(state.clone()), ..Options::default() };
    let proof = Prover::new(&path).options(stopped.clone()).run(&mut |_| ()).unwrap();
    assert_eq!(proof.verdict, Verdict::Unknown);
    assert!(proof.stopped.is_some());
    let resumed = Options { resume: Some(state.clone()), ..Options::default() };
    assert_eq!(Prover::new(&path).options(resumed).run(&mut |_| ()).unwrap().verdict, Verdict::Pass);
    assert!(!state.exists(), "a state that was used up is removed");
}

#[test]
fn a_half_done_run_goes_on_where_it_stopped_and_only_for_the_same_moment() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.database(&ROWS.replace("3000", "60000"));
    let state = folder.0.path().join("state");
    // Slowly, so that there is an event in the middle.
    let options = Options { resume: Some(state.clone()), threads: 1, max_rate: Some(8 << 20), ..Options::default() };
    let cancel = options.cancel.clone();
    let proof = Prover::new(&path)
        .options(options)
        .run(&mut |event: Event| {
            if event.stage == Stage::Forward && event.pages_done > 0 {
                cancel.cancel();
            }
        })
        .unwrap();
    let done = proof.stopped.unwrap();
    assert!(done.resumable && done.pages_done > 0 && done.pages_done < proof.pages, "{done:?}");
    assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o600);
    let saved = std::fs::read(&state).unwrap();

    let again = || Options { resume: Some(state.clone()), threads: 1, ..Options::default() };
    let whole = Prover::new(&path).options(again()).run(&mut |_| ()).unwrap();
    assert_eq!(whole.verdict, Verdict::Pass);
    assert!(whole.bytes_read < u64::from(whole.pages) * 4096, "the second run reads the rest only");

    Connection::open(&path).unwrap().execute_batch("INSERT INTO t VALUES('x', 'y')").unwrap();
    std::fs::write(&state, &saved).unwrap();
    let refused = Prover::new(&path).options(again()).run(&mut |_| ()).unwrap_err();
    assert_eq!(refused.kind, ProveErrorKind::OtherIdentity);
    let over = Options { restart: true, ..again() };
    assert_eq!(Prover::new(&path).options(over).run(&mut |_| ()).unwrap().verdict, Verdict::Pass);

    let mut damaged = saved;
    damaged[40] ^= 1;
    std::fs::write(&state, damaged).unwrap();
    assert_eq!(Prover::new(&path).options(again()).run(&mut |_| ()).unwrap_err().kind, ProveErrorKind::State);
}

/// Chunks that come from the disk are asked for one ahead: one that was asked for when the run stopped is judged, too.
#[test]
fn a_run_that_stops_while_the_disk_works_ahead_loses_no_page() {
    let folder = Folder(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let path = folder.database(&ROWS.replace("3000", "60000"));
    let state = folder.0.path().join("state");
    for threads in [1, 2] {
        let file = std::fs::File::open(&path).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        let slow = Options { resume: Some(state.clone()), threads, max_rate: Some(8 << 20), ..Options::default() };
        let cancel = slow.cancel.clone();
        let mut stop = |event: Event| {
            if event.stage == Stage::Forward && event.pages_done > 0 {
                cancel.cancel();
            }
        };
        let stopped = Prover::new(&path).options(slow).run(&mut stop).unwrap();
        let done = stopped.stopped.clone().unwrap();
        assert!(done.resumable && done.pages_done > 0 && done.pages_done < stopped.pages, "{done:?}");
        let on = Options { resume: Some(state.clone()), threads, ..Options::default() };
        let proof = Prover::new(&path).options(on).run(&mut |_| ()).unwrap();
        assert_eq!((proof.verdict, &proof.findings), (Verdict::Pass, &vec![]));
        let both = stopped.bytes_read + proof.bytes_read;
        assert!(both < u64::from(proof.pages) * 4096 * 11 / 10, "what was judged is not read again: {both}");
    }
}

#[test]
fn interior_pages_beyond_the_budget_go_to_a_scratch_file_and_nothing_changes() {
    let folder = Folder::new();
    let path = folder.database(&format!("PRAGMA page_size=512; {ROWS}"));
    let options = Options { interior_memory: 2048, ..Options::default() };
    let proof = Prover::new(&path).options(options).run(&mut |_| ()).unwrap();
    assert_eq!((proof.verdict, proof.findings), (Verdict::Pass, vec![]));
}

#[test]
fn a_collation_of_the_application_is_named_as_unproven() {
    let folder = Folder::new();
    let path = folder.0.path().join("x.db");
    let sql = Connection::open(&path).unwrap();
    sql.create_collation("backwards", |a, b| b.cmp(a)).unwrap();
    sql.execute_batch("CREATE TABLE t(a); CREATE INDEX i ON t(a COLLATE backwards); INSERT INTO t VALUES('a'), ('b')")
        .unwrap();
    drop(sql);
    let proof = prove(&path).unwrap();
    assert_eq!(proof.verdict, Verdict::Unknown);
    assert_eq!(proof.unproven.iter().map(|unproven| unproven.name.as_str()).collect::<Vec<_>>(), ["i"]);
}

#[test]
fn check_constraints_are_evaluated_although_a_read_only_connection_would_pass_over_them() {
    let folder = Folder::new();
    let path = folder
        .database("PRAGMA ignore_check_constraints=ON; CREATE TABLE t(a CHECK (a > 0)); INSERT INTO t VALUES(-1);");
    let proof = prove(&path).unwrap();
    let finding = &proof.findings[0];
    assert_eq!((finding.code.word(), finding.tree.as_deref(), finding.rowid), ("check-failed", Some("t"), None));
}

#[test]
fn a_lock_byte_page_among_free_pages_is_no_fault() {
    // 65,536-byte pages whose freelist leaves are holes: the file is 1 GiB long and takes a few pages of disk.
    let folder = Folder::new();
    let path = folder.database("PRAGMA page_size=65536; CREATE TABLE t(a); INSERT INTO t VALUES(1);");
    let lock_page = 16_385u32;
    let last = lock_page + 10;
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    file.set_len(u64::from(last) * 65_536).unwrap();
    // Two trunks list all pages from 5 on but the lock-byte page.
    let mut free: Vec<u32> = (5..=last).filter(|page| *page != lock_page).collect();
    let count = free.len() as u32 + 2;
    for (trunk, next) in [(3u32, 4u32), (4, 0)] {
        let most = 65_536 / 4 - 8;
        let leaves: Vec<u32> = free.drain(..free.len().min(most)).collect();
        let mut page = next.to_be_bytes().to_vec();
        page.extend((leaves.len() as u32).to_be_bytes());
        leaves.iter().for_each(|leaf| page.extend(leaf.to_be_bytes()));
        file.write_all_at(&page, u64::from(trunk - 1) * 65_536).unwrap();
    }
    file.write_all_at(&last.to_be_bytes(), 28).unwrap();
    file.write_all_at(&3u32.to_be_bytes(), 32).unwrap();
    file.write_all_at(&count.to_be_bytes(), 36).unwrap();
    drop(file);
    let verdict: String =
        Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    // The structure only: reading a gigabyte of holes is what takes the time.
    let options = Options { structure_only: true, ..Options::default() };
    let proof = Prover::new(&path).options(options).run(&mut |_| ()).unwrap();
    assert_eq!((proof.verdict, proof.findings), (Verdict::Pass, vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_bytes_behind_a_sound_header_give_a_verdict_or_an_error(garbage in proptest::collection::vec(any::<u8>(), 2000..6000), kind in 0usize..4) {
        let folder = Folder::new();
        let path = folder.database("PRAGMA page_size=1024; CREATE TABLE t(a, b); CREATE INDEX i ON t(a);");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(1024);
        bytes.extend_from_slice(&garbage);
        bytes[1024] = [2, 5, 10, 13][kind];
        let pages = (bytes.len() / 1024) as u32;
        bytes[28..32].copy_from_slice(&pages.to_be_bytes());
        let outcome = prove(&folder.file(&bytes));
        prop_assert!(outcome.is_err() || outcome.is_ok_and(|proof| proof.verdict != Verdict::Pass));
    }
}
