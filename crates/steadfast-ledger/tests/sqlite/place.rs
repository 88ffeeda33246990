//! A place for a ledger in a temporary folder.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, params};
use steadfast_core::ledger::{Ledger, LedgerError};
use steadfast_ledger::conformance::{Damage, Place};
use steadfast_ledger::sqlite::{Options, SqliteLedger};
use tempfile::TempDir;

/// A folder that is gone with it.
pub(crate) struct SqlitePlace {
    folder: TempDir,
}

impl SqlitePlace {
    /// An empty one.
    pub(crate) fn new() -> SqlitePlace {
        SqlitePlace { folder: tempfile::tempdir().unwrap() }
    }

    /// The ledger's file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(".steadfast/ledger.db")
    }
}

impl Place for SqlitePlace {
    fn open(&self) -> Result<Arc<dyn Ledger>, LedgerError> {
        Ok(Arc::new(SqliteLedger::open(self.path(), Options::default())?))
    }

    fn damage(&self, damage: Damage) {
        let connection = Connection::open(self.path()).unwrap();
        let flip = |bytes: &mut [u8]| bytes[bytes.len() / 2] ^= 1;
        let changed = match damage {
            Damage::FlipInRecord(seq) => {
                let seq = i64::try_from(seq).unwrap();
                let json: String =
                    connection.query_row("SELECT json FROM record WHERE seq = ?1", [seq], |row| row.get(0)).unwrap();
                let mut bytes = json.into_bytes();
                flip(&mut bytes);
                let json = String::from_utf8(bytes).unwrap();
                connection.execute("UPDATE record SET json = ?2 WHERE seq = ?1", params![seq, json])
            }
            Damage::FlipInPayload(digest) => {
                let mut bytes: Vec<u8> = connection
                    .query_row("SELECT bytes FROM payload WHERE digest = ?1", [digest.0], |row| row.get(0))
                    .unwrap();
                flip(&mut bytes);
                connection.execute("UPDATE payload SET bytes = ?2 WHERE digest = ?1", params![digest.0, bytes])
            }
            Damage::LosePayload(digest) => connection.execute("DELETE FROM payload WHERE digest = ?1", [digest.0]),
            Damage::LoseRecord(seq) => {
                connection.execute("DELETE FROM record WHERE seq = ?1", [i64::try_from(seq).unwrap()])
            }
            Damage::CutRecordsAfter(seq) => {
                connection.execute("DELETE FROM record WHERE seq > ?1", [i64::try_from(seq).unwrap()])
            }
            Damage::CutAfter(seq) => return self.begin_anew_with_the_first(seq),
            Damage::ChangeProjection => connection
                .execute("UPDATE projection SET value = replace(value, 'pass', 'fail') WHERE name = 'latest'", []),
            Damage::LoseProjections => connection.execute("DELETE FROM projection", []),
        };
        assert!(changed.unwrap() > 0, "{damage:?} did nothing");
    }
}

impl SqlitePlace {
    /// What a careful forger would do: the shorter history is whole in itself.
    fn begin_anew_with_the_first(&self, count: u64) {
        use steadfast_core::ledger::{Batch, Filter};
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let path = self.path();
        // A law runs in a runtime already; this one lives in a thread of its own.
        std::thread::spawn(move || {
            runtime.block_on(async {
                let ledger = SqliteLedger::open(&path, Options::default()).unwrap();
                let entries = ledger.read(Filter::default(), 0, usize::try_from(count).unwrap()).await.unwrap();
                drop(ledger);
                std::fs::remove_file(&path).unwrap();
                let ledger = SqliteLedger::open(&path, Options::default()).unwrap();
                let records = entries.into_iter().map(|entry| entry.record).collect();
                ledger.commit(Batch { records, ..Batch::default() }).await.unwrap();
            });
        })
        .join()
        .unwrap();
    }
}
