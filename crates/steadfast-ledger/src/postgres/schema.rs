//! The shape of the schema `steadfast`: numbered migrations, each applied once, in order.

use steadfast_core::ledger::LedgerError;

use super::session::{Purpose, Refusal, Session};

/// The steps from an empty database to today's shape. `steadfast.about` counts those that are done. Never change one
/// that was released: add the next.
const MIGRATIONS: &[&str] = &[include_str!("schema/0001.sql"), include_str!("schema/0002.sql")];

/// The version of the shape that this program writes.
const LATEST: i32 = MIGRATIONS.len() as i32;

/// Who makes the ledger holds this advisory lock: "Stdf", twice.
const MAKING: i64 = 0x5374_6466_5374_6466;

/// What a database holds.
enum Contents {
    /// No schema of this name.
    Nothing,
    /// The schema, and nothing in it.
    EmptySchema,
    /// A ledger of this version.
    Ledger(i32),
}

/// Makes what is missing, all or nothing. Several machines may do so at once.
pub(super) async fn make(session: &mut Session) -> Result<(), Refusal> {
    if let Contents::Ledger(version) = contents(session).await?
        && version >= LATEST
    {
        return fits(version);
    }
    session.begin(Purpose::Overhaul).await?;
    session.execute("SELECT pg_advisory_xact_lock($1)", &[&MAKING]).await?;
    // Looked at again under the lock: another machine may have been first.
    let done = match contents(session).await? {
        Contents::Nothing => {
            session.batch("CREATE SCHEMA steadfast").await?;
            0
        }
        Contents::EmptySchema => 0,
        Contents::Ledger(version) => version,
    };
    fits(done)?;
    let encoding = session.query_opt("SELECT current_setting('server_encoding')", &[]).await?;
    let encoding: String = encoding.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    if encoding != "UTF8" {
        return Err(refuse(format!(
            "the encoding of the database is {encoding}, which cannot hold every record; make one with `createdb -E UTF8 -T template0`"
        )));
    }
    for migration in MIGRATIONS.iter().skip(done.unsigned_abs() as usize) {
        session.batch(migration).await?;
    }
    let set = "INSERT INTO steadfast.about (version) VALUES ($1) ON CONFLICT (single) DO UPDATE SET version = excluded.version";
    session.execute(set, &[&LATEST]).await?;
    session.commit().await
}

/// A ledger must be there, of the version that this program reads.
pub(super) async fn expect(session: &mut Session) -> Result<(), Refusal> {
    match contents(session).await? {
        Contents::Nothing | Contents::EmptySchema => {
            Err(refuse("the database holds no ledger yet; `steadfast verify` makes it".into()))
        }
        Contents::Ledger(version) if version < LATEST => Err(refuse(
            "the ledger was written by an older Steadfast and is brought up to date by the next `steadfast verify`"
                .into(),
        )),
        Contents::Ledger(version) => fits(version),
    }
}

async fn contents(session: &mut Session) -> Result<Contents, Refusal> {
    let relations = "SELECT relname::text FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace \
                     WHERE n.nspname = 'steadfast' AND relkind IN ('r', 'v', 'm', 'p', 'f')";
    let rows = session.query(relations, &[]).await?;
    if rows.is_empty() {
        let schema = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'steadfast'";
        let is_there = session.query_opt(schema, &[]).await?.is_some();
        return Ok(if is_there { Contents::EmptySchema } else { Contents::Nothing });
    }
    let another = || refuse("its schema `steadfast` is of another program; choose another database".into());
    if !rows.iter().any(|row| row.try_get(0).is_ok_and(|name: &str| name == "about")) {
        return Err(another());
    }
    let about =
        session.query_opt("SELECT version FROM steadfast.about WHERE product = 'steadfast ledger'", &[]).await?;
    about.map(|row| row.try_get(0)).transpose()?.map(Contents::Ledger).ok_or_else(another)
}

fn fits(version: i32) -> Result<(), Refusal> {
    if version <= LATEST {
        return Ok(());
    }
    Err(refuse(format!(
        "the ledger was written by a newer Steadfast (version {version} of the ledger, this program knows {LATEST}); update this program"
    )))
}

fn refuse(why: String) -> Refusal {
    Refusal::Ledger(LedgerError::Unreadable(why))
}
