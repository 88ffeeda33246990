//! Which file, in which moment: everything that changes when somebody writes.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::{Deserialize, Serialize};

/// The identity of a database file at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Bytes.
    pub size: u64,
    /// Last change of content, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// Last change of content or metadata; no program can set it back.
    pub ctime_ns: i128,
    /// The device.
    pub device: u64,
    /// The file's number on the device.
    pub inode: u64,
    /// The first hundred bytes, in hexadecimal.
    pub header: String,
    /// The WAL's header and last commit, if there is one.
    pub wal: Option<WalIdentity>,
}

/// The identity of a WAL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalIdentity {
    /// Its two salts.
    pub salts: [u32; 2],
    /// The commit frame that was judged.
    pub frames: u32,
    /// Its bytes.
    pub size: u64,
    /// When it was last written.
    pub mtime_ns: i128,
}

impl WalIdentity {
    pub(crate) fn of(salts: [u32; 2], frames: u32, meta: &Metadata) -> WalIdentity {
        WalIdentity { salts, frames, size: meta.len(), mtime_ns: nanoseconds(meta.mtime(), meta.mtime_nsec()) }
    }
}

impl Identity {
    /// Looks at an open file.
    pub(crate) fn of(file: &File, wal: Option<WalIdentity>) -> std::io::Result<Identity> {
        let meta = file.metadata()?;
        let mut header = [0; 100];
        let there = file.read_at(&mut header, 0)?;
        Ok(Identity {
            size: meta.len(),
            mtime_ns: nanoseconds(meta.mtime(), meta.mtime_nsec()),
            ctime_ns: nanoseconds(meta.ctime(), meta.ctime_nsec()),
            device: meta.dev(),
            inode: meta.ino(),
            header: header[..there].iter().map(|byte| format!("{byte:02x}")).collect(),
            wal,
        })
    }

    /// Whether the file begins as every SQLite database does that is not encrypted.
    pub fn is_a_database(&self) -> bool {
        // "SQLite format 3" and a zero.
        self.header.starts_with("53514c69746520666f726d6174203300")
    }

    /// How often a transaction has changed the file, as its header counts; it only ever grows. In WAL mode it stands still.
    pub fn change_counter(&self) -> Option<u32> {
        self.header.get(48..56).and_then(|digits| u32::from_str_radix(digits, 16).ok())
    }

    /// Why `later` is not the same file at a later moment, if it is not: another file lies at its place, or an older copy
    /// was written over it.
    pub fn replaced_by(&self, later: &Identity) -> Option<String> {
        if (self.device, self.inode) != (later.device, later.inode) {
            return Some("it is another file (device or inode)".to_owned());
        }
        match (self.change_counter(), later.change_counter()) {
            (Some(then), Some(now)) if now < then => {
                Some(format!("its change counter went back from {then} to {now}: an older copy was put in its place"))
            }
            (Some(_) | None, Some(_) | None) => None,
        }
    }

    /// What is different between two moments, in words.
    pub fn differences(&self, later: &Identity) -> Vec<&'static str> {
        let mut all = Vec::new();
        let mut note = |differs: bool, what| {
            if differs {
                all.push(what);
            }
        };
        note(self.device != later.device || self.inode != later.inode, "it is another file");
        note(self.size != later.size, "its size");
        note(self.mtime_ns != later.mtime_ns, "its time of modification (mtime)");
        note(self.ctime_ns != later.ctime_ns, "its time of change (ctime)");
        note(self.header != later.header, "its header");
        note(self.wal != later.wal, "its WAL");
        all
    }
}

/// Size and times of a file, for comparisons while a run goes on.
pub(crate) fn stat(meta: &Metadata) -> (u64, i64, i64, i64, i64) {
    (meta.len(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec())
}

pub(crate) fn nanoseconds(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}
