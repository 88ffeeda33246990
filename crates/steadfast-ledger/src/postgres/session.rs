//! A signed-in connection whose every statement has a bound, and why one was not done.

use std::collections::HashMap;
use std::time::Duration;

use steadfast_core::ledger::LedgerError;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// The bound of one statement of a job that goes through the whole ledger.
const LONG: Duration = Duration::from_secs(600);

/// How much longer than the server we wait, so that it is the server that says why.
const GRACE: Duration = Duration::from_secs(2);

/// A connection that is signed in.
pub(super) struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
    /// The bound of a statement of an ordinary job.
    short: Duration,
    /// The bound of the next statement.
    bound: Duration,
}

/// A transaction by what it is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Append something. READ COMMITTED: what is read after the head is locked is what the one before has committed.
    Append,
    /// Go through everything and write.
    Overhaul,
    /// Read one state.
    Look,
    /// Read one state of everything.
    LookThrough,
}

/// Why a job was not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The server says no, or the connection is lost.
    Postgres(tokio_postgres::Error),
    /// There is no connection to the server.
    Unreachable(std::io::Error),
    /// There is a connection, but nobody is signed in.
    NoSignIn(tokio_postgres::Error),
    /// No answer for so long.
    Silent(Duration),
    /// What is stored is not what a ledger stores.
    Damaged(String),
    /// It would not be right.
    Ledger(LedgerError),
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Self {
        Refusal::Postgres(error)
    }
}

/// The values of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Session {
    /// Prepares a connection for the ledger.
    pub(super) async fn new(client: Client, patience: Duration, read_only: bool) -> Result<Session, Refusal> {
        let bound = patience + GRACE;
        let mut session = Session { client, statements: HashMap::new(), short: bound, bound };
        let (lock, idle) = (patience.as_millis().max(1), patience.as_millis().max(1000));
        // Names are written in full. A machine that vanished within a transaction must not hold the head for ever. A
        // head that was printed must survive a crash of the server; stricter settings of the server stay.
        session
            .batch(&format!(
                "SET search_path = ''; SET client_min_messages = warning; SET lock_timeout = {lock}; \
                 SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {idle}; \
                 {read_only}\
                 SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
                statement = lock + GRACE.as_millis() / 2,
                read_only = if read_only { "SET default_transaction_read_only = on; " } else { "" },
            ))
            .await?;
        Ok(session)
    }

    /// Begins a transaction.
    pub(super) async fn begin(&mut self, purpose: Purpose) -> Result<(), Refusal> {
        let (how, long) = match purpose {
            Purpose::Append => ("READ COMMITTED", false),
            Purpose::Overhaul => ("READ COMMITTED", true),
            Purpose::Look => ("REPEATABLE READ READ ONLY", false),
            Purpose::LookThrough => ("REPEATABLE READ READ ONLY", true),
        };
        let mut sql = format!("BEGIN ISOLATION LEVEL {how}");
        if long {
            sql += &format!("; SET LOCAL statement_timeout = {}", LONG.as_millis());
        }
        self.batch(&sql).await?;
        self.bound = if long { LONG + GRACE } else { self.short };
        Ok(())
    }

    /// Ends it, with all that was done.
    pub(super) async fn commit(&mut self) -> Result<(), Refusal> {
        self.batch("COMMIT").await?;
        self.bound = self.short;
        Ok(())
    }

    /// Ends it, if there is one, with nothing done.
    pub(super) async fn roll_back(&mut self) -> Result<(), Refusal> {
        self.bound = self.short;
        self.batch("ROLLBACK").await
    }

    /// Runs statements without values, whatever they answer.
    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), Refusal> {
        within(self.bound, self.client.batch_execute(sql)).await
    }

    /// Runs one statement; all rows that it answers.
    pub(super) async fn query(&mut self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Refusal> {
        let statement = self.statement(sql).await?;
        within(self.bound, self.client.query(&statement, values)).await
    }

    /// Runs one statement that answers a row or none.
    pub(super) async fn query_opt(&mut self, sql: &str, values: Values<'_>) -> Result<Option<Row>, Refusal> {
        Ok(self.query(sql, values).await?.pop())
    }

    /// Runs one statement; how many rows it concerned.
    pub(super) async fn execute(&mut self, sql: &str, values: Values<'_>) -> Result<u64, Refusal> {
        let statement = self.statement(sql).await?;
        within(self.bound, self.client.execute(&statement, values)).await
    }

    /// The whole answer of a statement, a part of it at a time, in a transaction: the next rows of a cursor.
    pub(super) async fn fetch(&mut self, cursor: &str, rows: usize) -> Result<Vec<Row>, Refusal> {
        within(self.bound, self.client.query(&format!("FETCH {rows} FROM {cursor}"), &[])).await
    }

    async fn statement(&mut self, sql: &str) -> Result<Statement, Refusal> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = within(self.bound, self.client.prepare(sql)).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

async fn within<T>(
    bound: Duration,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Refusal> {
    match timeout(bound, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Refusal::Silent(bound)),
    }
}
