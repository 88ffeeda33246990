//! The kind `sql`: a query, and the tables of a database, held to what they should be. What depends on the engine is
//! in its own file: [`sqlite`], [`postgres`].

mod postgres;
mod sabotage;
mod sqlite;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::{Code, Finding, Place, Seen, Side, codes, excerpt};
use steadfast_core::instant::{EpochUnit, Zone};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::predicate::{Count, Operators, Predicate, Reading};
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::secret::SecretRef;
use steadfast_core::setting::{Node, Problems, Setting};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;
use steadfast_postgres::address::Address as PostgresAddress;

use crate::blocking::on_a_thread;
use crate::text_claims::{Body, judge_predicate, predicate_claims, quoted};

steadfast_core::settings! {
    /// Asks a database, SQLite or Postgres. It is only read: the database itself refuses whatever would change it.
    ///
    /// One statement is run. Its rows are counted up to 100,000, and the first ten are kept. Bytes (BLOBs, `bytea`) are
    /// kept as their BLAKE3 digest; texts up to 64 KiB. Without a `query` the tables are seen, and their columns.
    ///
    /// **SQLite.** `database` is the path of a file; one that is not there is never created. A database in WAL mode that
    /// no process has open gets its `-wal` and `-shm` files beside it while it is read: without them nobody can read
    /// it, and SQLite may leave them there, empty.
    ///
    /// **Postgres.** `database` is a URL as libpq reads it: `postgres://USER@HOST:PORT/DATABASE`, with `sslmode`,
    /// `sslrootcert`, `channel_binding`, `passfile`, `connect_timeout`, `options` and others behind a `?`; `?host=/folder`
    /// is a Unix socket. The password is never written out: it comes with the whole URL from `{ env = ... }`, from
    /// `password`, or from a password file. Sign-in is by SCRAM, MD5 or in plain text; GSSAPI and client certificates are
    /// not supported. At most 16 MiB of answers are read.
    ///
    /// The query is a SELECT, WITH, VALUES or TABLE. It runs in a read-only transaction that is always rolled back, with
    /// `statement_timeout` and `lock_timeout` inside the check's own `timeout`; a pool in transaction mode (pgbouncer) is
    /// left as it was. A function that acts outside of transactions, as `pg_terminate_backend` does, is not held back by
    /// that: give the check a role that may only read.
    ///
    /// Values of Postgres are seen without loss: integers, floats and booleans as such, `numeric` as a number if that is
    /// exactly it and otherwise as its text, `timestamptz` in RFC 3339 and UTC, `json` as JSON, arrays as lists, and all
    /// other types (`uuid`, `date`, enums, intervals) as the text that Postgres writes.
    pub struct SqlLook {
        /// The path of an SQLite file, a `postgres://` URL, or a target that a drill can route to a restored copy.
        database: Address,
        /// The password for Postgres, if it is not in the URL that `database` stands for.
        password: Option<SecretRef>,
        /// Whether what a `postgres://` URL leaves open comes from the `PG*` variables and `~/.pgpass`, as psql does it.
        /// In a closed World only the password does.
        libpq_defaults: bool = false,
        /// The question: one SELECT, WITH, VALUES or TABLE; in SQLite also EXPLAIN or a PRAGMA that only reads.
        query: Option<String>,
    }
}

steadfast_core::settings! {
    /// `scalar`, `row` and `newest` read the first row; if there is none, they fail with `missing`.
    pub struct SqlExpect {
        /// What the first column of the first row must be: `{ at_least = 1 }`.
        scalar: Option<Predicate>,
        /// How many rows: `3`, or `{ at_least = 1 }`.
        rows: Option<Count>,
        /// What the first row must be, column by column.
        row: BTreeMap<String, Predicate>,
        /// Tables and views that must exist. In Postgres `schema.table`, or a table alone if the role's `search_path`
        /// leads to it; names as they are stored, so usually in lower case.
        tables: Vec<String>,
        /// Columns that must exist, by table: `{ accounts = ["id", "name"], "auth.sessions" = ["expires_at"] }`. Without
        /// a `query`.
        columns: BTreeMap<String, Vec<String>>,
        /// How old a date in the first row may be: `{ younger_than = "2h", zone = "UTC" }`.
        newest: Option<Newest>,
    }
}

steadfast_core::settings! {
    /// The age of a date.
    pub struct Newest {
        /// The column; without it the first.
        column: Option<String>,
        /// Not older than this.
        younger_than: Lapse,
        /// The zone of dates that do not say theirs, as those of SQLite's `datetime()` (which is UTC) and of Postgres'
        /// `timestamp` do not.
        zone: Option<Zone>,
        /// The unit of dates that are numbers: `s` for those of SQLite's `unixepoch()`.
        epoch: Option<EpochUnit>,
    }
}

impl Newest {
    fn predicate(&self) -> Predicate {
        Predicate(Box::new(Operators {
            younger_than: Some(self.younger_than),
            zone: self.zone.clone(),
            epoch: self.epoch,
            ..Predicate::nothing()
        }))
    }
}

/// What the database says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SqlSeen {
    /// Its tables and views, by name; in Postgres as `schema.table`.
    pub tables: Vec<String>,
    /// The schemas in which Postgres looks for a name without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search_path: Vec<String>,
    /// The columns of each table, if there was no query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Vec<String>>,
    /// What it answered to the query, if there was one.
    pub answer: Option<Answer>,
}

/// The rows that a query has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The columns' names.
    pub columns: Vec<String>,
    /// How many rows were counted.
    pub rows: u64,
    /// Whether there are more.
    pub more: bool,
    /// The first rows.
    pub first: Vec<Vec<Value>>,
    /// Columns of the first row whose text was cut.
    pub cut: Vec<String>,
}

/// The codes that only this kind uses.
pub mod sql_codes {
    use super::{Code, Side};

    /// The query could not be run.
    pub const QUERY_FAILED: Code = Code {
        word: "query-failed",
        side: Side::Fail,
        meaning: "the database refused the query: a table or column that it names is not there, or it is no SQL",
        advice: "has a migration dropped or renamed it, or is this another database? run the query by hand",
    };
    /// The server refused the sign-in.
    pub const SIGN_IN_FAILED: Code = Code {
        word: "sign-in-failed",
        side: Side::Fail,
        meaning: "Postgres refused the role or its password (28P01, 28000, or pg_hba.conf has no line for it)",
        advice: "was the password changed, the role dropped, or pg_hba.conf edited? sign in by hand with psql",
    };
    /// We cannot sign in as the server wants it.
    pub const SIGN_IN_UNKNOWN: Code = Code {
        word: "sign-in-unknown",
        side: Side::Unknown,
        meaning: "Postgres asks for a way of signing in that is not supported (GSSAPI, SSPI), or cannot bind it to TLS",
        advice: "give the check a role that signs in with scram-sha-256",
    };
    /// There is no such database.
    pub const NO_SUCH_DATABASE: Code = Code {
        word: "no-such-database",
        side: Side::Fail,
        meaning: "the server is there and has no database of this name (3D000)",
        advice: "was it dropped or renamed, or is this another server?",
    };
    /// The server takes nobody in.
    pub const NOT_ACCEPTING: Code = Code {
        word: "not-accepting",
        side: Side::Fail,
        meaning: "the server is starting up, shutting down or recovering from a crash (57P01 to 57P04)",
        advice: "if it stays so, look at the server's log: a long recovery, or a restart that hangs",
    };
    /// The server is full.
    pub const TOO_MANY_CONNECTIONS: Code = Code {
        word: "too-many-connections",
        side: Side::Fail,
        meaning: "the server has no connection left for this role (53300), and so has none for others like it",
        advice: "look at pg_stat_activity for a client that leaks connections; `max_connections`, or a pool",
    };
    /// The server is out of something.
    pub const OUT_OF_RESOURCES: Code = Code {
        word: "out-of-resources",
        side: Side::Fail,
        meaning: "the server is out of memory or disk, or its own files fail it (classes 53 and 58)",
        advice: "look at the server's disk and log now",
    };
    /// Somebody ended the query.
    pub const CANCELLED: Code = Code {
        word: "cancelled",
        side: Side::Unknown,
        meaning: "the query was ended on the server by somebody else (57014), so there is no answer",
        advice: "run it again; who calls pg_cancel_backend?",
    };
    /// The address cannot be read.
    pub const BAD_ADDRESS: Code = Code {
        word: "bad-address",
        side: Side::Unknown,
        meaning: "the address begins with postgres:// and cannot be read as libpq would",
        advice: "postgres://USER@HOST:PORT/DATABASE; in a password / is written %2F, @ %40, : %3A",
    };
    /// The database is damaged.
    pub const DATABASE_CORRUPT: Code = Code {
        word: "database-corrupt",
        side: Side::Fail,
        meaning: "the database engine has met damaged pages (SQLITE_CORRUPT; XX001 and XX002 of Postgres)",
        advice: "stop the writers, keep a copy of the files (with SQLite its -wal), and restore the last good backup",
    };
    /// The query would change something.
    pub const NOT_READ_ONLY: Code = Code {
        word: "not-read-only",
        side: Side::Unknown,
        meaning: "the query would change something or is more than one statement, so it was not run",
        advice: "a check only looks: make it one statement that reads",
    };
    /// There is no engine for this address.
    pub const NO_ENGINE: Code = Code {
        word: "no-engine",
        side: Side::Unknown,
        meaning: "the address names a database engine that this kind cannot ask",
        advice: "give the path of an SQLite file, or a postgres:// URL",
    };
}

/// The kind `sql`.
pub struct Sql;

impl Kind for Sql {
    const NAME: &'static str = "sql";
    const SHAPE: u16 = 1;
    const CODES: &'static [Code] = &[
        sql_codes::QUERY_FAILED,
        sql_codes::SIGN_IN_FAILED,
        sql_codes::NO_SUCH_DATABASE,
        sql_codes::NOT_ACCEPTING,
        sql_codes::TOO_MANY_CONNECTIONS,
        sql_codes::OUT_OF_RESOURCES,
        sql_codes::DATABASE_CORRUPT,
        sql_codes::NOT_READ_ONLY,
        sql_codes::CANCELLED,
        sql_codes::SIGN_IN_UNKNOWN,
        sql_codes::BAD_ADDRESS,
        sql_codes::NO_ENGINE,
    ];
    const DEAD: &'static [&'static str] = &[
        "database = \"no-such.db\"\nexpect.tables = [\"accounts\"]",
        "database = \"/etc/passwd\"\nquery = \"select 1\"\nexpect.scalar = 1",
        "database = \"/\"\nquery = \"select 1\"\nexpect.scalar = 1",
        "database = \"postgres://ada@127.0.0.1:1/shop\"\nquery = \"select 1\"\nexpect.scalar = 1",
        "database = \"postgres://ada@/shop?host=/nowhere\"\nexpect.tables = [\"accounts\"]",
        "database = \"mysql://ada@127.0.0.1:1/shop\"\nquery = \"select 1\"\nexpect.scalar = 1",
    ];
    const WITH_SECRETS: &'static [&'static str] = &[
        "database = { env = \"SECRET_DATABASE\" }\nquery = \"select file from pragma_database_list\"\nexpect.rows = 1",
        "database = { env = \"SECRET_DATABASE\" }\nquery = \"select * from no_such_table\"\nexpect.rows = 1",
        "database = { env = \"SECRET_FOLDER\" }\nexpect.tables = [\"t\"]",
        "database = \"postgres://ada@{echo}/shop\"\npassword = { env = \"CANARY_TOKEN\" }\nexpect.tables = [\"t\"]",
    ];
    type Look = SqlLook;
    type Expect = SqlExpect;
    type Seen = SqlSeen;

    fn validate(look: &SqlLook, expect: &SqlExpect, table: &Node, problems: &mut Problems) {
        let asks = [
            ("scalar", expect.scalar.is_some()),
            ("rows", expect.rows.is_some()),
            ("row", !expect.row.is_empty()),
            ("newest", expect.newest.is_some()),
        ];
        let first = asks.into_iter().find(|(_, is_set)| *is_set);
        match (&look.query, first) {
            (None, Some((key, _))) => {
                let why = "it reads the answer of a query";
                problems.suggest(
                    table.place(&["expect", key]),
                    format!("`{key}` without a `query`"),
                    why,
                    "query = \"select ...\"",
                );
            }
            (Some(query), _) if query.trim().is_empty() => {
                problems.add(table.place(&["query"]), "an empty query", "there would be no answer");
            }
            (Some(query), _) if query.contains('\0') => {
                problems.add(table.place(&["query"]), "a NUL in the query", "no database would read on behind it");
            }
            (Some(_), None) => {
                let why = "its answer would be thrown away";
                problems.suggest(
                    table.place(&["query"]),
                    "a query that no expectation reads",
                    why,
                    "add scalar, rows or row",
                );
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        if expect.tables.iter().any(String::is_empty) {
            problems.add(table.place(&["expect", "tables"]), "a table without a name", "there is no such table");
        }
        for (name, columns) in &expect.columns {
            if columns.is_empty() || columns.iter().any(String::is_empty) {
                let why = "there would be nothing to hold it to";
                problems.add(table.place(&["expect", "columns", name]), "a column without a name", why);
            }
        }
        if look.query.is_some() && !expect.columns.is_empty() {
            let why = "columns are looked at by a check without a query";
            problems.suggest(
                table.place(&["expect", "columns"]),
                "`columns` beside a `query`",
                why,
                "make it two checks",
            );
        }
        validate_address(look, table, problems);
    }

    fn describe(look: &SqlLook) -> String {
        let database = look.database.shown();
        match &look.query {
            Some(query) => {
                format!("{database}: {}", excerpt(&query.split_whitespace().collect::<Vec<_>>().join(" "), 120))
            }
            None => format!("{database}: its tables"),
        }
    }

    fn addresses(look: &SqlLook) -> Vec<&Address> {
        vec![&look.database]
    }

    async fn observe(look: &SqlLook, world: &World) -> Outcome<SqlSeen> {
        match ask(look, world).await {
            Ok(seen) => Outcome::Seen(seen),
            Err(trouble) => trouble.into(),
        }
    }

    fn judge(expect: &SqlExpect, seen: &SqlSeen, at: Timestamp, judgement: &mut Judgement) {
        for table in expect.tables.iter().filter(|table| seen.stored_name(table).is_none()) {
            judgement.add(codes::MISSING, |f| {
                f.of(format!("tables.{}", quoted(table)))
                    .at(Place::Table(table.clone()))
                    .expected(table.as_str())
                    .seen(Seen::Missing)
            });
        }
        for (table, column) in columns_of(expect) {
            let stored = seen.stored_name(table).and_then(|stored| seen.columns.get(stored));
            if !stored.is_some_and(|columns| columns.contains(column)) {
                let detail = if stored.is_none() { "the table itself is not there" } else { "" };
                judgement.add(codes::MISSING, |f| {
                    f.of(column_claim(table, column))
                        .at(Place::Table(table.clone()))
                        .at(Place::Column(column.clone()))
                        .expected(column.as_str())
                        .seen(Seen::Missing)
                        .detail(detail)
                });
            }
        }
        if let Some(count) = &expect.rows {
            judge_rows(count, seen.answer.as_ref(), judgement);
        }
        if let Some(predicate) = &expect.scalar {
            seen.judge_cell("scalar", None, predicate, at, judgement);
        }
        for (column, predicate) in &expect.row {
            seen.judge_cell(&format!("row.{}", quoted(column)), Some(column), predicate, at, judgement);
        }
        if let Some(newest) = &expect.newest {
            seen.judge_cell("newest", newest.column.as_deref(), &newest.predicate(), at, judgement);
        }
    }

    fn claims(expect: &SqlExpect) -> Vec<String> {
        let mut all: Vec<String> = expect.tables.iter().map(|table| format!("tables.{}", quoted(table))).collect();
        all.extend(columns_of(expect).map(|(table, column)| column_claim(table, column)));
        all.extend(expect.rows.is_some().then(|| "rows".to_owned()));
        all.extend(cells(expect).into_iter().flat_map(|cell| predicate_claims(&cell.under, &cell.predicate)));
        all
    }

    fn numbers(seen: &SqlSeen) -> Map<String, Value> {
        let mut numbers = Map::new();
        numbers.insert("tables".into(), json!(seen.tables.len()));
        if let Some(answer) = &seen.answer {
            numbers.insert("rows".into(), json!(answer.rows));
            if let Some(scalar @ Value::Number(_)) = seen.cell(None) {
                numbers.insert("scalar".into(), scalar.clone());
            }
        }
        numbers
    }

    fn impostors(look: &SqlLook, seen: &SqlSeen, _: Timestamp, others: &[Other<'_, Self>]) -> Vec<Sabotage<SqlSeen>> {
        sabotage::impostors(look, seen, others)
    }

    fn breakages(expect: &SqlExpect, seen: &SqlSeen, at: Timestamp) -> Vec<Breakage<SqlSeen>> {
        sabotage::breakages(expect, seen, at)
    }

    fn variations(seen: &SqlSeen) -> Vec<Sabotage<SqlSeen>> {
        sabotage::variations(seen)
    }

    fn unclaimed(expect: &SqlExpect, seen: &SqlSeen) -> Unclaimed {
        let Some(answer) = &seen.answer else {
            let named = expect.tables.iter().chain(expect.columns.keys());
            let read: Vec<&str> = named.filter_map(|table| seen.stored_name(table)).collect();
            let unread = seen.tables.iter().filter(|table| !read.contains(&table.as_str()));
            return Unclaimed { of: seen.tables.len(), fields: unread.map(|table| format!("table {table}")).collect() };
        };
        let read: Vec<Option<String>> = cells(expect).into_iter().map(|cell| cell.column).collect();
        let is_read = |index: usize, column: &String| {
            read.iter().any(|read| read.as_ref().map_or(index == 0, |read| read == column))
        };
        let columns = answer.columns.iter().enumerate().filter(|(index, column)| !is_read(*index, column));
        let mut fields: Vec<String> = columns.map(|(_, column)| format!("column {column}")).collect();
        fields.extend(expect.rows.is_none().then(|| "rows".to_owned()));
        Unclaimed { of: answer.columns.len() + 1, fields }
    }

    fn candidates(_look: &SqlLook, greens: &[&SqlSeen]) -> Vec<Value> {
        sabotage::candidates(greens)
    }

    fn exemplars() -> Vec<Exemplar<SqlSeen>> {
        sabotage::exemplars()
    }
}

fn columns_of(expect: &SqlExpect) -> impl Iterator<Item = (&String, &String)> {
    expect.columns.iter().flat_map(|(table, columns)| columns.iter().map(move |column| (table, column)))
}

fn column_claim(table: &str, column: &str) -> String {
    format!("columns.{}.{}", quoted(table), quoted(column))
}

/// Refuses addresses that could never be looked at, as far as they are written out.
fn validate_address(look: &SqlLook, table: &Node, problems: &mut Problems) {
    let Address::Literal(text) = &look.database else { return };
    let place = table.place(&["database"]);
    if !PostgresAddress::is_meant_by(text) {
        for (key, is_set) in [("password", look.password.is_some()), ("libpq_defaults", look.libpq_defaults)] {
            if is_set {
                let why = "only Postgres has it, and `database` is no postgres:// URL";
                problems.add(table.place(&[key]), format!("`{key}` for an SQLite file"), why);
            }
        }
        return;
    }
    // The user may come from a variable; whether it does is seen when looking.
    let variable = |name: &str| (look.libpq_defaults && name == "USER").then(|| "somebody".to_owned());
    match PostgresAddress::parse(text, &variable) {
        Err(why) => {
            let form = "postgres://USER@HOST:PORT/DATABASE";
            // What cannot be read may hold a password where nobody looks for one.
            if text.contains('@') {
                problems.secret(place, "an address that cannot be read", why.to_string(), form);
            } else {
                problems.suggest(place, "an address that cannot be read", why.to_string(), form);
            }
        }
        Ok(_) if PostgresAddress::carries_password(text) => {
            let why = "a secret in a file under version control is no secret";
            problems.secret(place, "an address with a password in it", why, "password = { env = \"NAME\" }");
        }
        Ok(_) => {}
    }
}

/// A predicate on a column of the first row; `None` is the first column.
struct Cell {
    under: String,
    column: Option<String>,
    predicate: Predicate,
}

fn cells(expect: &SqlExpect) -> Vec<Cell> {
    let scalar = expect.scalar.iter().map(|predicate| Cell {
        under: "scalar".into(),
        column: None,
        predicate: predicate.clone(),
    });
    let row = expect.row.iter().map(|(column, predicate)| Cell {
        under: format!("row.{}", quoted(column)),
        column: Some(column.clone()),
        predicate: predicate.clone(),
    });
    let newest = expect.newest.iter().map(|newest| Cell {
        under: "newest".into(),
        column: newest.column.clone(),
        predicate: newest.predicate(),
    });
    scalar.chain(row).chain(newest).collect()
}

impl SqlSeen {
    /// The table that a name means: as it is written, or in the first schema of the search path that has it.
    fn stored_name(&self, name: &str) -> Option<&str> {
        let find = |name: &str| self.tables.iter().find(|table| *table == name).map(String::as_str);
        find(name).or_else(|| self.search_path.iter().find_map(|schema| find(&format!("{schema}.{name}"))))
    }

    fn column_index(&self, column: Option<&str>) -> Option<usize> {
        let columns = &self.answer.as_ref()?.columns;
        match column {
            Some(name) => columns.iter().position(|column| column == name),
            None => Some(0),
        }
    }

    /// The value in the first row.
    fn cell(&self, column: Option<&str>) -> Option<&Value> {
        self.answer.as_ref()?.first.first()?.get(self.column_index(column)?)
    }

    fn judge_cell(
        &self,
        under: &str,
        column: Option<&str>,
        predicate: &Predicate,
        at: Timestamp,
        judgement: &mut Judgement,
    ) {
        let answer = self.answer.as_ref();
        let name = self.column_index(column).and_then(|index| answer?.columns.get(index));
        let mut inner = Judgement::default();
        match self.cell(column) {
            Some(Value::String(text)) if answer.zip(name).is_some_and(|(answer, name)| answer.cut.contains(name)) => {
                judge_predicate(under, predicate, Body { bytes: text.as_bytes(), whole: false }, at, &mut inner);
            }
            value => {
                let mut bare = Judgement::default();
                predicate.judge(value.map_or(Reading::Missing, Reading::Value), at, &mut bare);
                inner.absorb(bare, |f| Finding { claim: format!("{under}.{}", f.claim), ..f });
            }
        }
        let column = name.map(String::as_str).or(column).unwrap_or("the first");
        let no_row = answer.is_none_or(|answer| answer.rows == 0);
        judgement.absorb(inner, |finding| {
            let finding = finding.at(Place::Row(1)).at(Place::Column(column.to_owned()));
            if no_row { finding.detail("the query found no row") } else { finding }
        });
    }
}

fn judge_rows(count: &Count, answer: Option<&Answer>, judgement: &mut Judgement) {
    let expected = count.write();
    let Some(answer) = answer else {
        return judgement.add(codes::MISSING, |f| f.of("rows").expected(expected).seen(Seen::Missing));
    };
    let seen = Seen::Value(json!(answer.rows));
    let settled = !answer.more
        || count.at_most.or(count.equals).is_some_and(|most| answer.rows > most)
        || (count.admits(answer.rows) && count.at_most.is_none() && count.equals.is_none());
    if !settled {
        let detail = format!("there are more than the {} rows that were counted", answer.rows);
        judgement.add(codes::BEYOND_THE_CUT, |f| f.of("rows").expected(expected).seen(seen).detail(detail));
    } else if !count.admits(answer.rows) {
        judgement.add(codes::OUT_OF_BOUNDS, |f| f.of("rows").expected(expected).seen(seen));
    }
}

/// Chooses the engine by the address.
async fn ask(look: &SqlLook, world: &World) -> Result<SqlSeen, Trouble> {
    let address = world.address(&look.database)?;
    if PostgresAddress::is_meant_by(address.expose()) {
        return postgres::ask(address.expose(), look, world).await;
    }
    if let Some((scheme, _)) =
        address.expose().split_once("://").filter(|(scheme, _)| !matches!(*scheme, "sqlite" | "file"))
    {
        return Err(Trouble::new(sql_codes::NO_ENGINE, format!("{scheme}://")));
    }
    let path = world.path(&look.database)?;
    let query = look.query.clone();
    on_a_thread(world, move |world| sqlite::ask(&path, query.as_deref(), world)).await
}
