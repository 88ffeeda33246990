//! Asking Postgres: one statement in a transaction that can only read and is always rolled back.
//!
//! The query goes through a cursor. `DECLARE` takes one SELECT and nothing else, so the server itself refuses a second
//! statement and whatever would write; `FETCH` brings only the rows that are kept, and `MOVE` counts the others where
//! they are. Nothing is given a name that outlives the transaction, so that a pool such as pgbouncer is left as found.

mod bounded;
mod trouble;
mod values;

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::StreamExt;
use steadfast_core::finding::codes;
use steadfast_core::observation::Trouble;
use steadfast_core::redact::SHORTEST_SECRET;
use steadfast_core::world::World;
use steadfast_postgres::address::{Address, Host};
use steadfast_postgres::password_file;
use steadfast_postgres::session::{Moving, sign_in};
use steadfast_postgres::tls::Tls;
use steadfast_probe::dial::{dial, dial_socket};
use steadfast_probe::patience::{try_within, within};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use self::bounded::Bounded;
use self::trouble::{Step, of_error};
use self::values::{Shape, shown};
use super::sql_codes::{BAD_ADDRESS, NOT_READ_ONLY};
use super::{Answer, SqlLook, SqlSeen};
use crate::blocking::on_a_thread;

const MOST_ROWS_COUNTED: u64 = 100_000;
const MOST_ROWS_KEPT: usize = 10;
const MOST_TABLES: usize = 50_000;
const MOST_COLUMNS: usize = 200_000;
/// Types are made of types: a domain of an array of a domain.
const DEEPEST_TYPE: usize = 8;
/// How long a look may take in a World without bounds.
const LONGEST: Duration = Duration::from_secs(60);

/// How a query may begin that is run here.
const READING: [&str; 4] = ["select", "with", "values", "table"];

pub(super) async fn ask(url: &str, look: &SqlLook, world: &World) -> Result<SqlSeen, Trouble> {
    if let Some(query) = look.query.as_deref().filter(|query| !only_reads(query)) {
        let begin = first_word(query);
        let why = format!("it begins with `{begin}`; a query on Postgres begins with {}", READING.join(", "));
        return Err(Trouble::new(NOT_READ_ONLY, why));
    }
    let address = address(url, look, world)?;
    let (address, tls) = on_a_thread(world, move |world| with_files(address, world)).await?;
    let connecting = connect(&address, tls, look, world);
    let (client, moving) = match address.connect_timeout {
        None => try_within(world, connecting).await?,
        Some(most) => tokio::select! {
            biased;
            done = try_within(world, connecting) => done?,
            () = world.clock().sleep(most) => {
                return Err(Trouble::new(codes::TIMEOUT, format!("no sign-in within connect_timeout, {}s", most.as_secs())));
            }
        },
    };
    let (seen, moving) = try_within(world, converse(client, moving, look, world)).await?;
    // The farewell is a courtesy: a server that does not take it changes nothing of what was seen.
    if let Some(moving) = moving {
        tokio::select! { _ = moving => {}, () = world.clock().sleep(Duration::from_secs(1)) => {} }
    }
    Ok(seen)
}

/// The address with what this look adds to it; the redactor knows its password.
fn address(url: &str, look: &SqlLook, world: &World) -> Result<Address, Trouble> {
    let closed = world.routes().is_closed();
    let variable = |name: &str| {
        let signs_in = matches!(name, "HOME" | "PGPASSWORD" | "PGPASSFILE");
        // In a closed World no variable says where to look.
        if look.libpq_defaults && (signs_in || !closed) { world.variable(name) } else { None }
    };
    let mut address = Address::parse(url, &variable).map_err(|why| Trouble::new(BAD_ADDRESS, why.to_string()))?;
    if let Some(password) = &look.password {
        address.password = Some(world.secret(password)?);
    }
    address.application_name.get_or_insert_with(|| "steadfast".to_owned());
    Ok(address)
}

/// What stands in files: the password, the roots.
fn with_files(mut address: Address, world: &World) -> Result<(Address, Tls), Trouble> {
    let rooted = |path: &std::path::Path| world.root().join(path);
    if address.password.is_none()
        && let Some(path) = address.password_file.as_deref().map(rooted)
        && let Some(text) = password_file::read(&path).map_err(|why| Trouble::new(codes::MISSING_SECRET, why))?
    {
        address = address.with_password_from(&text);
    }
    if let Some(password) = &address.password {
        if password.expose().len() < SHORTEST_SECRET {
            let why = format!("the password has {} characters", password.expose().len());
            return Err(Trouble::new(codes::SHORT_SECRET, why));
        }
        world.redactor().learn(password);
    }
    if let Some(steadfast_postgres::address::Roots::File(file)) = &mut address.roots {
        *file = rooted(file);
    }
    let tls = Tls::of(&address).map_err(|why| Trouble::new(codes::LOCAL_TROUBLE, why))?;
    Ok((address, tls))
}

async fn connect(address: &Address, tls: Tls, look: &SqlLook, world: &World) -> Result<(Client, Moving), Trouble> {
    let signed_in = match (&address.host, address.host.socket()) {
        (Host::Tcp { name, port }, None) => {
            let dialled = dial(world, name, *port).await?;
            sign_in(Bounded::new(dialled.stream), address, tls).await
        }
        (Host::Unix { .. } | Host::Tcp { .. }, socket) => {
            let stream = dial_socket(world, &socket.unwrap_or_default(), &look.database).await?;
            sign_in(Bounded::new(stream), address, tls).await
        }
    };
    signed_in.map_err(|why| of_error(&why, Step::SigningIn, world))
}

/// Asks, while the bytes are being moved. What moves them is given back if it still runs.
async fn converse(
    client: Client,
    mut moving: Moving,
    look: &SqlLook,
    world: &World,
) -> Result<(SqlSeen, Option<Moving>), Trouble> {
    let patience = world.patience().map_or(LONGEST, |(left, _)| left);
    let asking = async move {
        let seen = Session { client: &client, world, patience }.ask(look).await;
        // What follows a failed statement is a rollback, too, once the connection is gone.
        if seen.is_ok() {
            let _ = client.batch_execute("rollback").await;
        }
        seen
    };
    tokio::pin!(asking);
    let ended = tokio::select! {
        biased;
        seen = &mut asking => return Ok((seen?, Some(moving))),
        ended = &mut moving => ended,
    };
    // What the server said before the end is waiting to be read, and tells more than the end does; it is the last, as
    // nobody can send more once the connection is dropped.
    drop(moving);
    match (within(world, asking).await?, ended) {
        (Err(trouble), Err(why)) if trouble.code == codes::RESET.word => {
            Err(of_error(&why, Step::Asking(patience), world))
        }
        (said, _) => Ok((said?, None)),
    }
}

struct Session<'a> {
    client: &'a Client,
    world: &'a World,
    patience: Duration,
}

impl Session<'_> {
    async fn ask(&self, look: &SqlLook) -> Result<SqlSeen, Trouble> {
        self.client.batch_execute(&self.opening()).await.map_err(|why| self.said(&why))?;
        let search_path =
            self.column("select pg_catalog.unnest(pg_catalog.current_schemas(false))::text", 1_000).await?;
        let tables = self.column(TABLES, MOST_TABLES).await?;
        let mut seen = SqlSeen { tables, search_path, ..SqlSeen::default() };
        match &look.query {
            Some(query) => seen.answer = Some(self.answer(query).await?),
            None => {
                for row in self.texts(COLUMNS, MOST_COLUMNS).await? {
                    let mut cells = row.into_iter().flatten();
                    if let (Some(table), Some(column)) = (cells.next(), cells.next()) {
                        seen.columns.entry(table).or_default().push(column);
                    }
                }
            }
        }
        Ok(seen)
    }

    /// Begins the transaction. All of it ends with it: the settings are its own.
    fn opening(&self) -> String {
        let milliseconds = |share: f64| self.patience.mul_f64(share).as_millis().clamp(1, 2_147_483_647);
        // A lock is to be told as a lock, and a slow query is to end on the server, too: before the look's own end.
        format!(
            "begin transaction read only; set local default_transaction_read_only = on; \
             set local lock_timeout = {}; set local statement_timeout = {}; \
             set local idle_in_transaction_session_timeout = {}; \
             set local datestyle = 'ISO'; set local bytea_output = 'hex'; set local extra_float_digits = 3",
            milliseconds(0.8),
            milliseconds(0.95),
            milliseconds(1.0) + 1_000,
        )
    }

    async fn answer(&self, query: &str) -> Result<Answer, Trouble> {
        let query = query.trim_end().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
        let declare = format!("declare steadfast no scroll cursor for {query}");
        self.client.execute_typed(&declare, &[]).await.map_err(|why| self.said(&why))?;
        let (columns, rows) = self.fetch().await?;
        let shapes = self.shapes(query, columns.len()).await?;
        let mut answer = Answer { columns, rows: rows.len() as u64, more: false, first: Vec::new(), cut: Vec::new() };
        for row in rows {
            let mut values = Vec::with_capacity(row.len());
            for (index, cell) in row.into_iter().enumerate() {
                let (value, cut) = shown(cell, shapes.get(index).unwrap_or(&Shape::Text));
                if cut && answer.first.is_empty() {
                    answer.cut.push(answer.columns[index].clone());
                }
                values.push(value);
            }
            answer.first.push(values);
        }
        if answer.first.len() == MOST_ROWS_KEPT {
            let beyond = MOST_ROWS_COUNTED - answer.rows + 1;
            let moved = self.simple(&format!("move forward {beyond} from steadfast")).await?;
            let moved = moved.iter().find_map(|message| match message {
                SimpleQueryMessage::CommandComplete(moved) => Some((*moved).min(beyond)),
                _ => None,
            });
            answer.rows += moved.unwrap_or(0);
            answer.more = answer.rows > MOST_ROWS_COUNTED;
            answer.rows = answer.rows.min(MOST_ROWS_COUNTED);
        }
        Ok(answer)
    }

    /// The names of the columns, and the first rows as the server writes them.
    async fn fetch(&self) -> Result<(Vec<String>, Vec<Vec<Option<String>>>), Trouble> {
        let fetch = format!("fetch forward {MOST_ROWS_KEPT} from steadfast");
        let (mut columns, mut rows) = (Vec::new(), Vec::new());
        for message in self.simple(&fetch).await? {
            match message {
                SimpleQueryMessage::RowDescription(_) if !columns.is_empty() => {
                    return Err(Trouble::new(codes::BAD_PROTOCOL, "the server described the columns twice"));
                }
                SimpleQueryMessage::RowDescription(described) => {
                    columns = described.iter().map(|column| column.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => {
                    let cell = |index| row.try_get(index).map(|cell| cell.map(str::to_owned));
                    let cells: Result<Vec<_>, Error> = (0..row.len()).map(cell).collect();
                    rows.push(cells.map_err(|why| self.said(&why))?);
                }
                // Its tag, and whatever a later version of the library adds.
                _ => {}
            }
        }
        Ok((columns, rows))
    }

    async fn simple(&self, statement: &str) -> Result<Vec<SimpleQueryMessage>, Trouble> {
        let stream = self.client.simple_query_raw(statement).await.map_err(|why| self.said(&why))?;
        futures_util::pin_mut!(stream);
        let mut messages = Vec::new();
        while let Some(message) = stream.next().await {
            messages.push(message.map_err(|why| self.said(&why))?);
            if messages.len() > MOST_ROWS_KEPT + 2 {
                return Err(Trouble::new(codes::BAD_PROTOCOL, "the server sent more rows than it was asked for"));
            }
        }
        Ok(messages)
    }

    /// The types of the query's columns. The join finds nothing, so that the query is planned and not run.
    async fn shapes(&self, query: &str, columns: usize) -> Result<Vec<Shape>, Trouble> {
        if columns == 0 {
            return Ok(Vec::new());
        }
        let (mut types, mut names) = (String::new(), String::new());
        for n in 0..columns {
            let comma = if n == 0 { "" } else { ", " };
            let _ = write!(types, "{comma}pg_catalog.pg_typeof(q.c{n})::oid::text");
            let _ = write!(names, "{comma}c{n}");
        }
        let ask = format!("select {types} from (values (1)) one left join (\n{query}\n) q({names}) on false");
        let mut shapes = Vec::with_capacity(columns);
        for oid in self.texts(&ask, 1).await?.into_iter().flatten() {
            shapes.push(self.shape(oid.as_deref().unwrap_or_default()).await?);
        }
        Ok(shapes)
    }

    async fn shape(&self, oid: &str) -> Result<Shape, Trouble> {
        let (mut oid, mut arrays) = (oid.to_owned(), 0);
        for _ in 0..DEEPEST_TYPE {
            let known = oid.parse().ok().and_then(Type::from_oid);
            if let Some(shape) = known.as_ref().map(Shape::of) {
                return Ok((0..arrays).fold(shape, |shape, _| Shape::Array(Box::new(shape))));
            }
            // Made in this database: a domain is what it is over, an array holds what it is of; an enum is a text.
            let Ok(number) = oid.parse::<u32>() else { break };
            let ask = format!(
                "select typtype::text, typcategory::text, typbasetype::oid::text, typelem::oid::text \
                 from pg_catalog.pg_type where oid = {number}"
            );
            let row: Vec<String> = self.texts(&ask, 1).await?.into_iter().flatten().flatten().collect();
            let [sort, category, base, element] = row.as_slice() else { break };
            (oid, arrays) = match (sort.as_str(), category.as_str()) {
                ("d", _) => (base.clone(), arrays),
                (_, "A") if arrays == 0 => (element.clone(), 1),
                _ => (Type::TEXT.oid().to_string(), arrays),
            };
        }
        Ok(Shape::Text)
    }

    async fn column(&self, query: &str, most: usize) -> Result<Vec<String>, Trouble> {
        Ok(self.texts(query, most).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    /// The rows of a query of our own, all of whose columns are texts.
    async fn texts(&self, query: &str, most: usize) -> Result<Vec<Vec<Option<String>>>, Trouble> {
        let none: [(i32, Type); 0] = [];
        let rows = self.client.query_typed_raw(query, none).await.map_err(|why| self.said(&why))?;
        futures_util::pin_mut!(rows);
        let mut all = Vec::new();
        while let Some(row) = rows.next().await {
            let row = row.map_err(|why| self.said(&why))?;
            if all.len() == most {
                let why = format!("the server has more than {most} tables or columns");
                return Err(Trouble::new(codes::BEYOND_THE_CUT, why));
            }
            let cells: Result<Vec<Option<String>>, Error> = (0..row.len()).map(|index| row.try_get(index)).collect();
            all.push(cells.map_err(|why| self.said(&why))?);
        }
        Ok(all)
    }

    fn said(&self, why: &Error) -> Trouble {
        of_error(why, Step::Asking(self.patience), self.world)
    }
}

/// Tables, partitioned tables, views, materialized views and foreign tables, as `schema.table`.
const TABLES: &str = "select n.nspname || '.' || c.relname from pg_catalog.pg_class c \
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' \
     order by 1";

/// Their columns, in their order.
const COLUMNS: &str = "select n.nspname || '.' || c.relname, a.attname::text from pg_catalog.pg_attribute a \
     join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' \
     and a.attnum > 0 and not a.attisdropped order by 1, a.attnum";

fn only_reads(query: &str) -> bool {
    let word = first_word(query);
    READING.iter().any(|reading| word.eq_ignore_ascii_case(reading))
}

/// The first word behind comments and opening brackets; empty if there is none.
fn first_word(query: &str) -> &str {
    let mut rest = query;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        rest = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            after_comment(comment)
        } else {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            return &rest[..end];
        };
    }
}

/// Comments between `/*` and `*/` nest in Postgres.
fn after_comment(mut rest: &str) -> &str {
    let mut depth = 1;
    while depth > 0 {
        let Some(at) = rest.find(['*', '/']) else { return "" };
        let two = rest.get(at..at + 2).unwrap_or_default();
        depth = match two {
            "*/" => depth - 1,
            "/*" => depth + 1,
            _ => depth,
        };
        rest = &rest[at + if matches!(two, "*/" | "/*") { 2 } else { 1 }..];
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, word: &str, reads: bool) {
        assert_eq!((first_word(query), only_reads(query)), (word, reads), "{query}");
    }

    #[test]
    fn a_query_is_known_by_its_first_word() {
        check("select 1", "select", true);
        check("\n -- delete\n /* copy /* nested */ * / */ ((SELECT 1))", "SELECT", true);
        check("with a as (select 1) select * from a", "with", true);
        check("table accounts", "table", true);
        check("values(1)", "values", true);
        check("copy (select 1) to program 'x'", "copy", false);
        check("select_all()", "select_all", false);
        check("/* never closed select 1", "", false);
        check("/*é*/ commit", "commit", false);
        check("-- only a comment", "", false);
        check("$$select$$", "", false);
    }
}
