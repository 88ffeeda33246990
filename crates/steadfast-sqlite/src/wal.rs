//! The write-ahead log: which frames count, and the `-shm` file's word on how far it has been copied back.
//!
//! A frame counts if its salts are those of the header, the checksums chain unbroken from the header up to it, and a
//! commit frame stands at or behind it. Mid-transaction a log holds hundreds of well-formed frames behind its last
//! commit; they do not count.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::header::be32;

/// The WAL header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalHeader {
    pub(crate) page_size: u32,
    pub(crate) salts: [u32; 2],
    big_endian: bool,
    sums: [u32; 2],
}

/// The frames up to one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WalView {
    /// Page number to offset of its last content.
    pub(crate) overlay: HashMap<u32, u64>,
    /// The commit frame N.
    pub(crate) frames: u32,
    /// Commits up to N.
    pub(crate) commits: u32,
    /// Pages of the database after N.
    pub(crate) pages: u32,
    /// Frames behind the last commit whose checksums hold: a transaction that has not ended.
    pub(crate) uncommitted: u32,
}

const FRAME_HEADER: u64 = 24;
const WAL_HEADER: u64 = 32;

impl WalHeader {
    /// Reads and checks the header; `None` if the log is empty or its header does not hold, and SQLite would ignore it.
    pub(crate) fn read(wal: &File) -> std::io::Result<Option<WalHeader>> {
        let mut raw = [0; WAL_HEADER as usize];
        match wal.read_exact_at(&mut raw, 0) {
            Ok(()) => Ok(Self::parse(&raw)),
            Err(why) if why.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(why) => Err(why),
        }
    }

    fn parse(raw: &[u8; 32]) -> Option<WalHeader> {
        let magic = be32(raw, 0);
        if magic & !1 != 0x377f_0682 || be32(raw, 4) != 3_007_000 {
            return None;
        }
        let page_size = be32(raw, 8);
        if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return None;
        }
        let big_endian = magic & 1 == 1;
        let sums = checksum([0, 0], &raw[..24], big_endian);
        (sums == [be32(raw, 24), be32(raw, 28)]).then_some(WalHeader {
            page_size,
            salts: [be32(raw, 16), be32(raw, 20)],
            big_endian,
            sums,
        })
    }

    /// Reads frames up to the last commit, or up to the commit frame `until`; `None` if `until` is not a commit frame on
    /// an unbroken chain.
    pub(crate) fn frames(&self, wal: &File, until: Option<u32>) -> std::io::Result<Option<WalView>> {
        let size = self.page_size as usize;
        let mut frame = vec![0; FRAME_HEADER as usize + size];
        let mut sums = self.sums;
        let mut view = WalView::default();
        let mut pending: Vec<(u32, u64)> = Vec::new();
        let mut count = 0u32;
        while until.is_none_or(|until| count < until) {
            let offset = WAL_HEADER + u64::from(count) * (FRAME_HEADER + size as u64);
            match wal.read_exact_at(&mut frame, offset) {
                Ok(()) => {}
                Err(why) if why.kind() == std::io::ErrorKind::UnexpectedEof => break,
                Err(why) => return Err(why),
            }
            let page = be32(&frame, 0);
            if page == 0 || [be32(&frame, 8), be32(&frame, 12)] != self.salts {
                break;
            }
            sums = checksum(sums, &frame[..8], self.big_endian);
            sums = checksum(sums, &frame[FRAME_HEADER as usize..], self.big_endian);
            if sums != [be32(&frame, 16), be32(&frame, 20)] {
                break;
            }
            count += 1;
            pending.push((page, offset + FRAME_HEADER));
            let pages = be32(&frame, 4);
            if pages != 0 {
                view.overlay.extend(pending.drain(..));
                view.frames = count;
                view.commits += 1;
                view.pages = pages;
            }
        }
        view.uncommitted = count - view.frames;
        let pages = view.pages;
        view.overlay.retain(|page, _| *page <= pages);
        Ok(until.is_none_or(|until| view.frames == until).then_some(view))
    }
}

/// SQLite's WAL checksum over whole 8-byte steps.
fn checksum(start: [u32; 2], bytes: &[u8], big_endian: bool) -> [u32; 2] {
    let [mut first, mut second] = start;
    for step in bytes.as_chunks::<8>().0 {
        let [a, b, c, d, e, f, g, h] = *step;
        let read = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        first = first.wrapping_add(read([a, b, c, d])).wrapping_add(second);
        second = second.wrapping_add(read([e, f, g, h])).wrapping_add(first);
    }
    [first, second]
}

/// What the `-shm` file says at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShmState {
    /// The last committed frame.
    pub(crate) frames: u32,
    /// Frames copied back into the database file.
    pub(crate) copied_back: u32,
    /// The generation of the log.
    pub(crate) salts: [u32; 2],
}

impl ShmState {
    /// Reads it; `None` while a writer is changing it, or if it is not initialised.
    pub(crate) fn read(shm: &File) -> std::io::Result<Option<ShmState>> {
        let mut raw = [0u8; 136];
        match shm.read_exact_at(&mut raw, 0) {
            Ok(()) => {}
            Err(why) if why.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(why) => return Err(why),
        }
        let native = |at: usize| u32::from_ne_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
        // Both copies of the header must agree, and it must say that it is initialised.
        if raw[..48] != raw[48..96] || raw[12] == 0 {
            return Ok(None);
        }
        // Salts are kept as the bytes of the WAL header.
        let salts = [be32(&raw, 32), be32(&raw, 36)];
        Ok(Some(ShmState { frames: native(16), copied_back: native(96), salts }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn live() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let db = Connection::open(folder.path().join("a.db")).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a); INSERT INTO t VALUES(1); INSERT INTO t VALUES(2);",
        )
        .unwrap();
        (folder, db)
    }

    fn check(folder: &tempfile::TempDir, until: Option<u32>) -> Option<WalView> {
        let wal = File::open(folder.path().join("a.db-wal")).unwrap();
        WalHeader::read(&wal).unwrap()?.frames(&wal, until).unwrap()
    }

    #[test]
    fn commits_and_frames_are_those_of_the_shm_file() {
        let (folder, _db) = live();
        let shm = File::open(folder.path().join("a.db-shm")).unwrap();
        let state = ShmState::read(&shm).unwrap().unwrap();
        let view = check(&folder, None).unwrap();
        assert_eq!((view.frames, view.commits, view.pages), (state.frames, 3, 2));
        assert_eq!(state.copied_back, 0);
        let wal = File::open(folder.path().join("a.db-wal")).unwrap();
        assert_eq!(WalHeader::read(&wal).unwrap().unwrap().salts, state.salts);
    }

    #[test]
    fn frames_behind_the_last_commit_do_not_count() {
        let (folder, db) = live();
        let before = check(&folder, None).unwrap();
        db.execute_batch("PRAGMA cache_size=1; BEGIN;").unwrap();
        for _ in 0..200 {
            db.execute("INSERT INTO t VALUES(randomblob(900))", []).unwrap();
        }
        let during = check(&folder, None).unwrap();
        assert!(during.uncommitted > 10, "the cache must have spilled: {during:?}");
        assert_eq!(during.overlay, before.overlay);
        db.execute_batch("COMMIT").unwrap();
        assert!(check(&folder, None).unwrap().frames > before.frames);
    }

    #[test]
    fn a_changed_byte_ends_the_chain() {
        let (folder, db) = live();
        let bytes = std::fs::read(folder.path().join("a.db-wal")).unwrap();
        let whole = check(&folder, None).unwrap();
        drop(db);
        let mut cut = bytes.clone();
        let last = cut.len() - 1;
        cut[last] ^= 1;
        std::fs::write(folder.path().join("a.db-wal"), &cut).unwrap();
        let view = check(&folder, None).unwrap();
        assert_eq!(view.commits, whole.commits - 1);
        assert_eq!(check(&folder, Some(whole.frames)), None);
    }
}
