//! How what was found is broken to prove that a check on files can fail.

use jiff::{Span, Timestamp};
use serde_json::{Value, json};
use steadfast_core::kind::{EXEMPLAR_AT, Exemplar};
use steadfast_core::predicate;
use steadfast_core::proof::{Breakage, Sabotage};

use super::{FileSeen, FilesExpect, FilesSeen, Space};
use crate::text_claims::story_of;

/// The SHA-256 of nothing.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// That of another file.
const OTHER_SHA256: &str = "0f0e0d0c0b0a09080706050403020100ffeeddccbbaa99887766554433221100";

pub(super) fn impostors(seen: &FilesSeen) -> Vec<Sabotage<FilesSeen>> {
    let mut all = vec![
        Sabotage::seen(
            "nothing-there",
            "the volume is not mounted, or the job has never run: the folder is as empty as on the first day",
            with(seen, Vec::new()),
        ),
        Sabotage::seen(
            "all-empty",
            "the dump failed and its output was created anyway: an hourly backup that was empty for weeks, base_* folders without a file in them",
            each(seen, |file| resized(file, 0)),
        ),
        Sabotage::seen(
            "placeholder",
            "`pg_dump | gzip` without pipefail: gzip of nothing is 20 bytes, so that the file is there and not empty",
            each(seen, |file| resized(file, file.size.min(20))),
        ),
        Sabotage::seen(
            "shrunk",
            "a backup half its size: the disk ran full in mid-write, or half of the tables are gone",
            each(seen, |file| resized(file, file.size / 2)),
        ),
        Sabotage::seen(
            "stale",
            "the job stopped long ago, and its last results still lie there",
            each(seen, |file| {
                file.modified = years_before(file.modified);
                file.sha256 = file.sha256.as_ref().map(|_| OTHER_SHA256.into());
            }),
        ),
    ];
    if seen.files.len() > 1 {
        let mut newest_empty = seen.clone();
        if let Some(newest) = newest_empty.files.iter_mut().max_by_key(|file| file.modified) {
            resized(newest, 0);
        }
        let story = "only the last run failed, behind a row of good files that make the folder look right";
        all.push(Sabotage::seen("newest-empty", story, newest_empty));
    }
    all.retain(|sabotage| sabotage.outcome != steadfast_core::observation::Outcome::Seen(seen.clone()));
    all
}

pub(super) fn breakages(expect: &FilesExpect, seen: &FilesSeen, at: Timestamp) -> Vec<Breakage<FilesSeen>> {
    let mut all = Vec::new();
    let mut add = |claim: &str, name: &str, story: &'static str, broken: FilesSeen| {
        all.push(Breakage::new(claim, format!("{claim}: {name}"), story, broken));
    };
    let last = |change: &dyn Fn(&mut FileSeen)| {
        let mut broken = seen.clone();
        if let Some(file) = broken.files.last_mut() {
            change(file);
        }
        broken
    };
    const GONE: &str = "the volume is not mounted, the files were deleted, or the job has never run";
    match expect.exists {
        Some(true) => add("exists", "no match", GONE, with(seen, Vec::new())),
        Some(false) => add(
            "exists",
            "a match",
            "the lock file or maintenance flag was left behind by a run that died",
            with(seen, vec![a_file(at)]),
        ),
        None => {}
    }
    if let Some(count) = &expect.count {
        for many in count.wrong().into_iter().filter_map(|n| usize::try_from(n).ok()).filter(|n| *n < 100_000) {
            let filler = seen.files.last().cloned().unwrap_or_else(|| a_file(at));
            let files = seen.files.iter().cloned().chain(std::iter::repeat(filler)).take(many).collect();
            add("count", &format!("{many} matches"), story_of("one item more or fewer"), with(seen, files));
        }
    }
    for size in expect.size.iter().flat_map(|bound| bound.wrong()) {
        add(
            "size",
            &format!("the last has {size} bytes"),
            story_of("one step past the bound"),
            last(&|f| resized(f, size)),
        );
    }
    for total in expect.total_size.iter().flat_map(|bound| bound.wrong()) {
        let mut broken = seen.clone();
        for (index, file) in broken.files.iter_mut().enumerate() {
            resized(file, if index == 0 { total } else { 0 });
        }
        add("total_size", &format!("{total} bytes together"), story_of("one step past the bound"), broken);
    }
    if let Some(newest) = &expect.newest {
        for operator in newest.operators() {
            let claim = format!("newest.{operator}");
            let now = json!(seen.newest().map_or(at, |file| file.modified));
            for (change, value) in predicate::breakages(newest, operator, &now, at) {
                let Some(time) = value.and_then(|value| value.as_str()?.parse::<Timestamp>().ok()) else { continue };
                let aged = each(seen, |file| file.modified = file.modified.min(time));
                let mut broken = if change == "from the future" { seen.clone() } else { aged };
                if let Some(file) = broken.files.last_mut() {
                    file.modified = time;
                }
                add(&claim, change, story_of(change), broken);
            }
            add(&claim, "no match", GONE, with(seen, Vec::new()));
        }
    }
    if expect.never_empty.is_some() {
        add(
            "never_empty",
            "the last is empty",
            "the last run failed and left its empty output",
            last(&|f| resized(f, 0)),
        );
    }
    if expect.sha256.is_some() {
        let other = |file: &mut FileSeen| file.sha256 = Some(OTHER_SHA256.into());
        add("sha256", "other bytes", "another version of the file was shipped, or a disk flipped a bit", last(&other));
        add("sha256", "a second match", "a copy lies beside it, and nobody knows which one is read", {
            let second = FileSeen { path: format!("{}.1", seen.globs.join("")), ..a_file(at) };
            with(seen, seen.files.iter().cloned().chain([second]).collect())
        });
    }
    if expect.mode.is_some() {
        let story = "a deploy or a restore as another user changed the permissions";
        add("mode", "one bit more on the last", story, last(&|file| file.mode ^= 0o004));
        add("mode", "one bit more on all", story, each(seen, |file| file.mode ^= 0o004));
    }
    if let (Some(floor), Some(space)) = (expect.free_space, seen.space) {
        let broken = Space { free: floor.least(space.size).saturating_sub(1), ..space };
        let story = "the disk runs full: the next backup, the next write-ahead log will not fit";
        add("free_space", "one byte too little", story, FilesSeen { space: Some(broken), ..seen.clone() });
        add("free_space", "unknown", "the file system does not answer", FilesSeen { space: None, ..seen.clone() });
    }
    if let (Some(floor), Some(space)) = (expect.free_inodes, seen.space) {
        let broken = Space { free_inodes: floor.least(space.inodes).saturating_sub(1), ..space };
        let story = "millions of small session files: no inode is left while half of the disk is free";
        add("free_inodes", "one too few", story, FilesSeen { space: Some(broken), ..seen.clone() });
    }
    // What makes everything unknown is seen by the first claim that needs all the files.
    let needs_all = FilesExpect { free_space: None, free_inodes: None, ..expect.clone() };
    for claim in <super::Files as steadfast_core::kind::Kind>::claims(&needs_all) {
        let blind = FilesSeen { files: Vec::new(), unreadable: vec!["backups".into()], ..seen.clone() };
        add(
            &claim,
            "a folder that may not be read",
            "a restore as root left a folder that this user may not enter",
            blind,
        );
        let cut = FilesSeen { files: Vec::new(), cut: true, ..seen.clone() };
        add(&claim, "more entries than the limit", "a folder that was never pruned holds more than can be read", cut);
    }
    all
}

pub(super) fn variations(seen: &FilesSeen) -> Vec<Sabotage<FilesSeen>> {
    let mut all = Vec::new();
    let touched =
        each(seen, |file| file.modified = file.modified.saturating_add(Span::new().seconds(1)).unwrap_or_default());
    all.push(Sabotage::seen("a second later", "the job took a second longer", touched));
    if seen.files.len() > 1 {
        let reversed = seen.files.iter().rev().cloned().collect();
        all.push(Sabotage::seen("another order", "a folder has no order", with(seen, reversed)));
    }
    if let Some(space) = seen.space {
        let used = space.size - space.free.min(space.size);
        let fuller = Space { free: space.free.saturating_sub(used / 100), ..space };
        let story = "a file system in use: one per cent more is taken";
        all.push(Sabotage::seen("a little less room", story, FilesSeen { space: Some(fuller), ..seen.clone() }));
    }
    all
}

/// Best first. The windows are those of common schedules with some slack: daily, weekly, monthly, yearly.
pub(super) fn candidates(greens: &[&FilesSeen]) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let same_digest = |digest: &String| {
        greens.iter().all(|green| matches!(green.files.as_slice(), [file] if file.sha256.as_ref() == Some(digest)))
    };
    if let Some(digest) = greens.first().and_then(|green| green.files.first()?.sha256.as_ref())
        && same_digest(digest)
    {
        all.push(json!({ "sha256": digest }));
    }
    all.extend(["26h", "8d", "32d", "400d"].map(|window| json!({ "newest": { "younger_than": window } })));
    let smallest = greens.iter().flat_map(|green| &green.files).map(|file| file.size).min().unwrap_or(0);
    if smallest > 1 {
        all.push(json!({ "size": { "at_least": round_down(smallest - smallest / 4) } }));
    }
    all.push(json!({ "never_empty": true }));
    if let Some(fewest) = greens.iter().map(|green| green.files.len()).min().filter(|fewest| *fewest > 0) {
        all.push(json!({ "count": { "at_least": fewest } }));
    }
    if greens.iter().all(|green| green.files.is_empty()) {
        all.push(json!({ "exists": false }));
    }
    all
}

/// Two digits that count: a bound that a person would write.
fn round_down(bytes: u64) -> u64 {
    let unit = 10_u64.pow(bytes.max(1).ilog10().saturating_sub(1));
    bytes / unit * unit
}

fn with(seen: &FilesSeen, files: Vec<FileSeen>) -> FilesSeen {
    FilesSeen { files, ..seen.clone() }
}

fn each(seen: &FilesSeen, change: impl Fn(&mut FileSeen)) -> FilesSeen {
    let mut changed = seen.clone();
    changed.files.iter_mut().for_each(change);
    changed
}

fn resized(file: &mut FileSeen, size: u64) {
    if file.size == size {
        return;
    }
    file.size = size;
    if file.folder && size == 0 {
        file.files = 0;
    }
    let digest = if size == 0 { EMPTY_SHA256 } else { OTHER_SHA256 };
    file.sha256 = file.sha256.as_ref().map(|_| digest.into());
}

fn years_before(time: Timestamp) -> Timestamp {
    time.saturating_sub(Span::new().hours(3 * 366 * 24)).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn a_file(at: Timestamp) -> FileSeen {
    FileSeen { path: "left-behind".into(), folder: false, size: 1, files: 1, modified: at, mode: 0o644, sha256: None }
}

pub(super) fn exemplars() -> Vec<Exemplar<FilesSeen>> {
    let hours_ago = |hours: i64| EXEMPLAR_AT.saturating_sub(Span::new().hours(hours)).unwrap_or_default();
    let space = Space { free: 40 << 30, size: 100 << 30, free_inodes: 5_000_000, inodes: 6_553_600 };
    let dump = |name: &str, size, hours| FileSeen {
        path: name.into(),
        folder: false,
        size,
        files: 1,
        modified: hours_ago(hours),
        mode: 0o600,
        sha256: None,
    };
    let base = |name: &str, hours| FileSeen { folder: true, files: 1_204, mode: 0o700, ..dump(name, 900 << 20, hours) };
    let found = |glob: &str, files: Vec<FileSeen>| FilesSeen {
        globs: vec![glob.into()],
        scanned: files.len() as u64,
        files,
        cut: false,
        unreadable: Vec::new(),
        space: Some(space),
    };
    vec![
        Exemplar {
            good: r#"
# A dump a day, kept for at least three days.
folder = "backups"
glob = "shop-*.sql.gz"
expect.count = { at_least = 3 }
expect.size = { at_least = "60kB" }
expect.newest = { younger_than = "26h" }
expect.never_empty = true
expect.mode = "0600"
expect.free_space = "5GiB"
expect.free_inodes = "5%"
"#,
            naive: "folder = \"backups\"\nglob = \"shop-*.sql.gz\"\nexpect.exists = true\n",
            naive_survivors: &["all-empty", "newest-empty", "placeholder", "shrunk", "stale"],
            seen: found(
                "shop-*.sql.gz",
                vec![
                    dump("shop-2026-11-20.sql.gz", 81_204, 72),
                    dump("shop-2026-11-21.sql.gz", 81_655, 48),
                    dump("shop-2026-11-22.sql.gz", 82_011, 24),
                ],
            ),
        },
        Exemplar {
            good: r#"
# Base backups of Postgres are folders: a folder is as big as all files beneath it.
glob = "pg/base_*"
expect.exists = true
expect.never_empty = true
expect.total_size = { at_least = "1GiB" }
expect.newest = { younger_than = "8d" }
"#,
            naive: "glob = \"pg/base_*\"\nexpect.count = { at_least = 1 }\n",
            naive_survivors: &["all-empty", "newest-empty", "placeholder", "shrunk", "stale"],
            seen: found("pg/base_*", vec![base("pg/base_00000001", 192), base("pg/base_00000002", 24)]),
        },
        Exemplar {
            good: r#"
# The configuration that was shipped, byte for byte.
glob = "conf/app.toml"
digest = true
expect.sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"#,
            naive: "glob = \"conf/app.toml\"\ndigest = true\nexpect.size = { at_least = 1 }\n",
            naive_survivors: &["placeholder", "shrunk", "stale"],
            seen: found(
                "conf/app.toml",
                vec![FileSeen {
                    sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
                    ..dump("conf/app.toml", 412, 700)
                }],
            ),
        },
        Exemplar {
            good: "# A maintenance flag that a deploy must not leave behind.\nglob = \"maintenance.flag\"\nexpect.exists = false\n",
            naive: "glob = \"maintenance.flag\"\nexpect.count = 0\n",
            naive_survivors: &[],
            seen: found("maintenance.flag", Vec::new()),
        },
    ]
}
