//! A place for a ledger: a database of its own in a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use scenarios::postgres::Postgres;
use steadfast_core::ledger::{Ledger, LedgerError};
use steadfast_core::observation::Hash;
use steadfast_ledger::conformance::{Damage, Place};
use steadfast_ledger::postgres::{Options, PostgresLedger};
use steadfast_postgres::address::Address;

/// An empty database.
pub(crate) struct PostgresPlace {
    server: Arc<Postgres>,
    database: String,
}

impl PostgresPlace {
    /// A new one.
    pub(crate) fn new(server: &Arc<Postgres>) -> PostgresPlace {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let database = format!("place_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.create(&database);
        PostgresPlace { server: Arc::clone(server), database }
    }

    /// Runs SQL behind the store's back.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.database, sql)
    }

    /// Where it is.
    pub(crate) fn address(&self) -> Address {
        address(&self.server.url(&self.database))
    }
}

/// An address, as in a test without variables.
pub(crate) fn address(url: &str) -> Address {
    Address::parse(url, &|_| None).unwrap()
}

impl Place for PostgresPlace {
    fn open(&self) -> Result<Arc<dyn Ledger>, LedgerError> {
        Ok(Arc::new(PostgresLedger::open(self.address(), Options::default())?))
    }

    fn damage(&self, damage: Damage) {
        let bytea = |digest: Hash| format!("'\\x{digest}'::bytea");
        let flip = |bytes: &str| {
            format!("set_byte({bytes}, octet_length({bytes}) / 2, get_byte({bytes}, octet_length({bytes}) / 2) # 1)")
        };
        let change = match damage {
            Damage::FlipInRecord(seq) => {
                let flipped = flip("convert_to(json, 'UTF8')");
                format!("UPDATE steadfast.record SET json = convert_from({flipped}, 'UTF8') WHERE seq = {seq}")
            }
            Damage::FlipInPayload(digest) => {
                format!("UPDATE steadfast.payload SET bytes = {} WHERE digest = {}", flip("bytes"), bytea(digest))
            }
            Damage::LosePayload(digest) => format!("DELETE FROM steadfast.payload WHERE digest = {}", bytea(digest)),
            Damage::LoseRecord(seq) => format!("DELETE FROM steadfast.record WHERE seq = {seq}"),
            Damage::CutRecordsAfter(seq) => format!("DELETE FROM steadfast.record WHERE seq > {seq}"),
            Damage::CutAfter(seq) => return self.begin_anew_with_the_first(seq),
            Damage::ChangeProjection => {
                "UPDATE steadfast.projection SET value = replace(value, 'pass', 'fail') WHERE name = 'latest'".into()
            }
            Damage::LoseProjections => "DELETE FROM steadfast.projection".into(),
        };
        // Whoever owns the tables can take away what keeps records from being changed.
        let changed = self.sql(&format!(
            "SET session_replication_role = replica; WITH changed AS ({change} RETURNING 1) SELECT count(*) FROM changed"
        ));
        assert_ne!(changed, "0", "{damage:?} did nothing");
    }
}

impl PostgresPlace {
    /// What a careful forger would do: the shorter history is whole in itself.
    fn begin_anew_with_the_first(&self, count: u64) {
        use steadfast_core::ledger::{Batch, Filter};
        let count = usize::try_from(count).unwrap();
        // A law runs in a runtime already; this one lives in a thread of its own.
        let begin_anew = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let ledger = self.open().unwrap();
                let entries = ledger.read(Filter::default(), 0, count).await.unwrap();
                drop(ledger);
                self.sql("DROP SCHEMA steadfast CASCADE");
                let ledger = self.open().unwrap();
                let records = entries.into_iter().map(|entry| entry.record).collect();
                ledger.commit(Batch { records, ..Batch::default() }).await.unwrap();
            });
        };
        std::thread::scope(|scope| scope.spawn(begin_anew).join().unwrap());
    }
}
