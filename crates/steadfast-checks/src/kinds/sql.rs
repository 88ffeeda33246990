//! The kind `sql`: a query, and the tables of a database, held to what they should be. What depends on the engine is
//! in its own file: [`sqlite`].

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
use steadfast_core::setting::{Node, Problems, Setting};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;

use crate::blocking::on_a_thread;
use crate::text_claims::{Body, judge_predicate, predicate_claims, quoted};

steadfast_core::settings! {
    /// Asks a database. It is opened for reading only, and SQLite itself refuses whatever would change it.
    ///
    /// `database` is the path of an SQLite file; one that is not there is never created. A database in WAL mode that
    /// no process has open gets its `-wal` and `-shm` files beside it while it is read: without them nobody can read
    /// it, and SQLite may leave them there, empty.
    ///
    /// One statement is run. Its rows are counted up to 100,000, and the first ten are kept. Bytes (BLOBs) are kept
    /// as their BLAKE3 digest; texts up to 64 KiB.
    pub struct SqlLook {
        /// The path of the SQLite file, or a target that a drill can route to a restored copy.
        database: Address,
        /// The question: one SELECT, WITH, EXPLAIN, or a PRAGMA that only reads.
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
        /// Tables and views that must exist.
        tables: Vec<String>,
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
        /// The zone of dates that do not say theirs, as those of SQLite's `datetime()` do not: that one is UTC.
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlSeen {
    /// Its tables and views, by name.
    pub tables: Vec<String>,
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
    /// The database is damaged.
    pub const DATABASE_CORRUPT: Code = Code {
        word: "database-corrupt",
        side: Side::Fail,
        meaning: "the database engine has met damaged pages (SQLITE_CORRUPT)",
        advice: "stop the writers, keep a copy of the file with its -wal, and restore the last good backup",
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
        advice: "give the path of an SQLite file",
    };
}

/// The kind `sql`.
pub struct Sql;

impl Kind for Sql {
    const NAME: &'static str = "sql";
    const SHAPE: u16 = 1;
    const CODES: &'static [Code] =
        &[sql_codes::QUERY_FAILED, sql_codes::DATABASE_CORRUPT, sql_codes::NOT_READ_ONLY, sql_codes::NO_ENGINE];
    const DEAD: &'static [&'static str] = &[
        "database = \"no-such.db\"\nexpect.tables = [\"accounts\"]",
        "database = \"/etc/passwd\"\nquery = \"select 1\"\nexpect.scalar = 1",
        "database = \"/\"\nquery = \"select 1\"\nexpect.scalar = 1",
        "database = \"postgres://127.0.0.1:1/shop\"\nquery = \"select 1\"\nexpect.scalar = 1",
    ];
    const WITH_SECRETS: &'static [&'static str] = &[
        "database = { env = \"SECRET_DATABASE\" }\nquery = \"select file from pragma_database_list\"\nexpect.rows = 1",
        "database = { env = \"SECRET_DATABASE\" }\nquery = \"select * from no_such_table\"\nexpect.rows = 1",
        "database = { env = \"SECRET_FOLDER\" }\nexpect.tables = [\"t\"]",
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
        for table in expect.tables.iter().filter(|table| !seen.tables.contains(table)) {
            judgement.add(codes::MISSING, |f| {
                f.of(format!("tables.{}", quoted(table)))
                    .at(Place::Table(table.clone()))
                    .expected(table.as_str())
                    .seen(Seen::Missing)
            });
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
            let unread = seen.tables.iter().filter(|table| !expect.tables.contains(table));
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
    if let Some((scheme, _)) =
        address.expose().split_once("://").filter(|(scheme, _)| !matches!(*scheme, "sqlite" | "file"))
    {
        return Err(Trouble::new(sql_codes::NO_ENGINE, format!("{scheme}://")));
    }
    let path = world.path(&look.database)?;
    let query = look.query.clone();
    on_a_thread(world, move |world| sqlite::ask(&path, query.as_deref(), world)).await
}
