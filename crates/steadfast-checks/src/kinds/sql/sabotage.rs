//! How an answer is broken to prove that a check on it can fail.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp};
use serde_json::{Map, Value, json};
use steadfast_core::instant::{EpochUnit, Zone, read_instant, write_instant};
use steadfast_core::kind::{Exemplar, Other};
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::predicate::{self, JsonType};
use steadfast_core::proof::{Breakage, Sabotage};
use steadfast_core::setting::{Node, Problems, Raw, Setting};

use super::sql_codes::QUERY_FAILED;
use super::{Answer, Sql, SqlExpect, SqlLook, SqlSeen, cells, column_claim, columns_of};
use crate::text_claims::{quoted, story_of};

pub(super) fn impostors(look: &SqlLook, seen: &SqlSeen, others: &[Other<'_, Sql>]) -> Vec<Sabotage<SqlSeen>> {
    let mut all = Vec::new();
    let no_table = |name: &str, story, left: SqlSeen| Sabotage {
        name: name.to_owned(),
        story,
        outcome: match &look.query {
            Some(_) => Trouble::new(QUERY_FAILED, "no such table").into(),
            None => Outcome::Seen(left),
        },
    };
    let nothing = || SqlSeen { search_path: seen.search_path.clone(), ..SqlSeen::default() };
    let fresh =
        "the volume was not mounted: the service made a fresh database, and its health endpoint touches no table";
    all.push(no_table("fresh empty database", fresh, nothing()));
    if look.query.is_some() {
        let story = "a migration dropped or renamed the table, or ran on another database";
        all.push(no_table("missing table", story, nothing()));
    } else {
        for table in seen.tables.iter().take(100) {
            let story = "a migration dropped or renamed one table, and all others are there";
            all.push(no_table(&format!("missing table {table}"), story, without_table(seen, table)));
        }
        let mut half = seen.clone();
        half.columns.values_mut().for_each(|columns| drop(columns.pop()));
        let story = "the migration that adds the newest columns has not run: every table lacks its last one";
        all.push(Sabotage::seen("half a migration", story, half));
    }
    if let Some(answer) = &seen.answer {
        let mut add = |name: &str, story, answer: Answer| {
            all.push(Sabotage::seen(name, story, SqlSeen { answer: Some(answer), ..seen.clone() }));
        };
        let none = Answer { rows: 0, more: false, first: Vec::new(), cut: Vec::new(), ..answer.clone() };
        add("empty table", "a wiped table behind a service that is up: the query runs and finds nothing", none);
        if answer.rows == 1 {
            let zero = |_: usize, value: &Value| match value {
                Value::Number(_) => json!(0),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => Value::Null,
            };
            let story = "count(*) and max() over a wiped table: one row as always, with 0 and null in it";
            add("aggregate of nothing", story, each_cell(answer, zero));
            let story = "a join finds nothing any more, and the query answers with nulls";
            add("nulls", story, each_cell(answer, |_, _| Value::Null));
        } else if answer.rows > 1 {
            let first = answer.first.first().cloned().into_iter().collect();
            let story = "an import stopped after its first row, or a clean-up deleted all the others";
            add("one row left", story, Answer { rows: 1, more: false, first, ..answer.clone() });
        }
        let aged =
            each_cell(answer, |index, value| aged(&answer.columns[index], value).unwrap_or_else(|| value.clone()));
        add("stale rows", "the job that writes them stopped long ago, and the last rows still lie there", aged);
        let texts = |_: usize, value: &Value| match value {
            Value::Number(number) => json!(number.to_string()),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => value.clone(),
        };
        let story = "SQLite keeps whatever type it is given: an import wrote the numbers as texts";
        add("numbers as texts", story, each_cell(answer, texts));
    }
    for other in others.iter().filter(|other| other.look.database == look.database && other.seen.answer.is_some()) {
        let story = "a copied check: it asks what another one was meant to ask";
        all.push(Sabotage::seen(format!("answer of {}", other.id), story, other.seen.clone()));
    }
    all.retain(|sabotage| sabotage.outcome != Outcome::Seen(seen.clone()));
    all
}

fn without_table(seen: &SqlSeen, table: &str) -> SqlSeen {
    let mut left = seen.clone();
    left.tables.retain(|other| other != table);
    left.columns.remove(table);
    left
}

fn each_cell(answer: &Answer, change: impl Fn(usize, &Value) -> Value) -> Answer {
    let mut changed = answer.clone();
    for row in &mut changed.first {
        for (index, value) in row.iter_mut().enumerate() {
            *value = change(index, value);
        }
    }
    changed
}

/// A date three years older; `None` if it is none.
fn aged(column: &str, value: &Value) -> Option<Value> {
    let unit = unit_of(column, value);
    let instant = read_instant(value, utc().as_ref(), unit)?;
    let then = instant.saturating_sub(Span::new().hours(3 * 366 * 24)).ok()?;
    Some(write_instant(then, value, unit))
}

/// The unit of a number that is a date, by its size and the column's name.
fn unit_of(column: &str, value: &Value) -> Option<EpochUnit> {
    let name = column.to_ascii_lowercase();
    let dated = ["time", "date", "_at", "(at", "stamp", "epoch", "created", "updated", "seen", "since"];
    let number = value.as_f64().filter(|_| name == "at" || dated.iter().any(|word| name.contains(word)))?;
    match number {
        n if (1e9..5e9).contains(&n) => Some(EpochUnit::Seconds),
        n if (1e12..5e12).contains(&n) => Some(EpochUnit::Millis),
        _ => None,
    }
}

fn utc() -> Option<Zone> {
    Zone::read(&Node { span: Default::default(), raw: Raw::Text("UTC".into()) }, &mut Problems::default())
}

pub(super) fn breakages(expect: &SqlExpect, seen: &SqlSeen, at: Timestamp) -> Vec<Breakage<SqlSeen>> {
    let mut all = Vec::new();
    for table in &expect.tables {
        let claim = || format!("tables.{}", quoted(table));
        let Some(stored) = seen.stored_name(table) else { continue };
        let mut left = without_table(seen, stored);
        // A table of the same name in another schema of the search path would take its place.
        while let Some(twin) = left.stored_name(table).map(str::to_owned) {
            left = without_table(&left, &twin);
        }
        let story = "a migration dropped or renamed the table";
        all.push(Breakage::new(claim(), format!("without table {table}"), story, left));
        if stored != table {
            let story = "the search_path of the role was changed: a name without a schema leads nowhere";
            let broken = SqlSeen { search_path: vec!["another".into()], ..seen.clone() };
            all.push(Breakage::new(claim(), format!("{table} off the search path"), story, broken));
        }
    }
    for (table, column) in columns_of(expect) {
        let claim = || column_claim(table, column);
        let Some(stored) = seen.stored_name(table) else { continue };
        let mut broken = seen.clone();
        broken.columns.entry(stored.to_owned()).or_default().retain(|other| other != column);
        let story = "a migration dropped or renamed the column";
        all.push(Breakage::new(claim(), format!("without column {table}.{column}"), story, broken));
        if stored != table {
            let story = "the search_path of the role was changed: a name without a schema leads nowhere";
            let broken = SqlSeen { search_path: vec!["another".into()], ..seen.clone() };
            all.push(Breakage::new(claim(), format!("{table}.{column} off the search path"), story, broken));
        }
    }
    let Some(answer) = &seen.answer else { return all };
    let with = |answer: Answer| SqlSeen { answer: Some(answer), ..seen.clone() };
    let nothing = Answer { rows: 0, more: false, first: Vec::new(), cut: Vec::new(), ..answer.clone() };
    if let Some(count) = &expect.rows {
        for rows in count.wrong() {
            let kept = usize::try_from(rows).unwrap_or(usize::MAX);
            let first = answer.first.iter().take(kept).cloned().collect();
            let broken = with(Answer { rows, first, ..answer.clone() });
            all.push(Breakage::new("rows", format!("rows: {rows}"), story_of("one item more or fewer"), broken));
        }
        let story = "a table that was never pruned holds more rows than are counted";
        let broken = with(Answer { rows: 0, more: true, ..answer.clone() });
        all.push(Breakage::new("rows", "rows: more than are counted", story, broken));
    }
    for cell in cells(expect) {
        let Some(index) = seen.column_index(cell.column.as_deref()) else { continue };
        let value = seen.cell(cell.column.as_deref()).cloned().unwrap_or(Value::Null);
        let with_value = |value: Value| {
            let mut broken = answer.clone();
            match broken.first.first_mut().and_then(|row| row.get_mut(index)) {
                Some(cell) => *cell = value,
                None => {
                    broken.rows = broken.rows.max(1);
                    broken.first = vec![broken.columns.iter().map(|_| value.clone()).collect()];
                }
            }
            broken
        };
        for operator in cell.predicate.operators() {
            let claim = format!("{}.{operator}", cell.under);
            for (change, changed) in predicate::breakages(&cell.predicate, operator, &value, at) {
                let broken = match changed {
                    Some(changed) => with(with_value(changed)),
                    None => with(nothing.clone()),
                };
                all.push(Breakage::new(&claim, format!("{claim}: {change}"), story_of(change), broken));
            }
            if cell.column.is_some() {
                let mut broken = answer.clone();
                broken.columns[index].push_str("_old");
                let story = "a migration renamed the column, and `select *` still answers";
                all.push(Breakage::new(&claim, format!("{claim}: the column renamed"), story, with(broken)));
            }
            let mut cut = with_value(json!(""));
            cut.cut.push(cut.columns[index].clone());
            let story = "a text longer than what is kept of it: what was expected may stand in the rest";
            all.push(Breakage::new(&claim, format!("{claim}: cut"), story, with(cut)));
        }
    }
    all
}

pub(super) fn variations(seen: &SqlSeen) -> Vec<Sabotage<SqlSeen>> {
    let mut more = seen.clone();
    more.tables.push("zz_added_in_a_later_version".into());
    let mut all =
        vec![Sabotage::seen("an added table", "a later version adds a table that this one does not know", more)];
    if !seen.columns.is_empty() {
        let mut wider = seen.clone();
        wider.columns.values_mut().for_each(|columns| columns.push("added_in_a_later_version".into()));
        all.push(Sabotage::seen("added columns", "a later version adds a column to every table", wider));
    }
    if let Some(answer) = &seen.answer {
        let mut wider = answer.clone();
        wider.columns.push("added_in_a_later_version".into());
        wider.first.iter_mut().for_each(|row| row.push(Value::Null));
        let story = "a later version adds a column, which `select *` shows at the end";
        all.push(Sabotage::seen("an added column", story, SqlSeen { answer: Some(wider), ..seen.clone() }));
    }
    all
}

/// Best first.
pub(super) fn candidates(greens: &[&SqlSeen]) -> Vec<Value> {
    let Some((first, others)) = greens.split_first() else { return Vec::new() };
    let mut all = Vec::new();
    if let Some(answer) = &first.answer {
        let cell = |seen: &SqlSeen, index: usize| seen.answer.as_ref()?.first.first()?.get(index).cloned();
        let single =
            greens.iter().all(|green| green.answer.as_ref().is_some_and(|a| a.rows == 1 && a.columns.len() == 1));
        for (index, column) in answer.columns.iter().enumerate() {
            let Some(value) = cell(first, index) else { continue };
            let twins: Vec<Option<Value>> = others.iter().map(|other| cell(other, index)).collect();
            let kind = JsonType::of_value(&value);
            if value.is_null() || !twins.iter().all(|twin| twin.as_ref().is_some_and(|twin| kind.admits(twin))) {
                continue;
            }
            let claim = |predicate: Value| match single {
                true => json!({ "scalar": predicate }),
                false => json!({ "row": { column: predicate } }),
            };
            let unit = unit_of(column, &value);
            if read_instant(&value, utc().as_ref(), unit).is_some() {
                let zone = read_instant(&value, None, unit).is_none().then_some("UTC");
                for window in ["26h", "8d", "32d", "400d"] {
                    let mut newest = json!({ "column": column, "younger_than": window });
                    if let Some(zone) = zone {
                        newest["zone"] = json!(zone);
                    }
                    if let Some(unit) = unit {
                        newest["epoch"] = json!(unit.word());
                    }
                    all.push(json!({ "newest": newest }));
                }
                continue;
            }
            match &value {
                Value::Number(number) if number.as_f64().is_some_and(|n| n >= 1.0) => {
                    all.push(claim(json!({ "at_least": 1 })));
                }
                Value::String(text)
                    if (1..=40).contains(&text.len()) && twins.iter().all(|twin| twin.as_ref() == Some(&value)) =>
                {
                    all.push(claim(value.clone()));
                }
                Value::Number(_) => all.push(claim(value.clone())),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {}
            }
            all.push(claim(json!({ "type": kind.word() })));
        }
        let rows = greens.iter().filter_map(|green| green.answer.as_ref().map(|answer| answer.rows)).min().unwrap_or(0);
        match rows {
            0 => all.push(json!({ "rows": 0 })),
            1 => all.push(json!({ "rows": { "at_least": 1 } })),
            many => all.push(json!({ "rows": { "at_least": many.div_ceil(2).max(2) } })),
        }
    }
    let everywhere: Vec<&String> =
        first.tables.iter().filter(|table| others.iter().all(|other| other.tables.contains(table))).take(50).collect();
    if first.answer.is_none() && !everywhere.is_empty() {
        all.push(json!({ "tables": everywhere }));
        let columns = |table: &&String| {
            let columns = first.columns.get(*table)?;
            let stay = |column: &&String| {
                others.iter().all(|other| other.columns.get(*table).is_some_and(|there| there.contains(column)))
            };
            let columns: Vec<&String> = columns.iter().filter(stay).take(50).collect();
            (!columns.is_empty()).then(|| ((*table).clone(), json!(columns)))
        };
        let columns: Map<String, Value> = everywhere.iter().filter_map(columns).take(20).collect();
        if !columns.is_empty() {
            all.push(json!({ "columns": columns }));
        }
    }
    all
}

pub(super) fn exemplars() -> Vec<Exemplar<SqlSeen>> {
    let tables: Vec<String> = ["accounts", "designs", "orders", "sessions"].map(str::to_owned).to_vec();
    let answer = |columns: &[&str], rows: Vec<Vec<Value>>| SqlSeen {
        tables: tables.clone(),
        answer: Some(Answer {
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: rows.len() as u64,
            more: false,
            first: rows,
            cut: Vec::new(),
        }),
        ..SqlSeen::default()
    };
    let columns = |of: &[(&str, &[&str])]| -> BTreeMap<String, Vec<String>> {
        let named = |columns: &[&str]| columns.iter().map(|column| (*column).to_owned()).collect();
        of.iter().map(|(table, columns)| ((*table).to_owned(), named(columns))).collect()
    };
    vec![
        Exemplar {
            good: r#"
# The accounts are there, and more than a test account or two.
database = "shop.db"
query = "select count(*) from accounts"
expect.tables = ["accounts", "sessions"]
expect.scalar = { at_least = 10, type = "integer" }
"#,
            naive: "database = \"shop.db\"\nquery = \"select count(*) from accounts\"\nexpect.rows = { at_least = 1 }\n",
            naive_survivors: &["aggregate of nothing", "nulls", "numbers as texts", "answer of *"],
            seen: answer(&["count(*)"], vec![vec![json!(1_204)]]),
        },
        Exemplar {
            good: r#"
# Orders still come in. Dates of SQLite's datetime() say no zone: they are UTC.
database = "shop.db"
query = "select max(created_at) as newest, count(*) as orders, min(status) as status from orders"
expect.newest = { column = "newest", younger_than = "6h", zone = "UTC" }
expect.row = { orders = { above = 0 }, status = { one_of = ["open", "paid"] } }
"#,
            naive: "database = \"shop.db\"\n\
                    query = \"select max(created_at) as newest, count(*) as orders, min(status) as status from orders\"\n\
                    expect.row = { orders = { type = \"integer\" } }\n",
            naive_survivors: &["aggregate of nothing", "stale rows"],
            seen: answer(
                &["newest", "orders", "status"],
                vec![vec![json!("2026-11-23 01:12:45"), json!(88), json!("open")]],
            ),
        },
        Exemplar {
            good: r#"
# Every design has its meaning: no row is good news, so the tables are held to be there too.
database = "shop.db"
query = "select id from designs where meaning is null"
expect.rows = 0
expect.tables = ["designs"]
"#,
            naive: "database = \"shop.db\"\nquery = \"select id from designs where meaning is null\"\nexpect.rows = { at_most = 5 }\n",
            naive_survivors: &["answer of *"],
            seen: answer(&["id"], Vec::new()),
        },
        Exemplar {
            good: "# The schema that this version needs.\ndatabase = \"restored/shop.db\"\n\
                   expect.tables = [\"accounts\", \"designs\", \"orders\", \"sessions\"]\n\
                   expect.columns = { accounts = [\"id\", \"name\"] }\n",
            naive: "database = \"restored/shop.db\"\nexpect.tables = [\"accounts\"]\n",
            naive_survivors: &[
                "missing table designs",
                "missing table orders",
                "missing table sessions",
                "half a migration",
            ],
            seen: SqlSeen {
                tables: tables.clone(),
                columns: columns(&[("accounts", &["id", "name"]), ("orders", &["id", "status"])]),
                ..SqlSeen::default()
            },
        },
        Exemplar {
            good: r#"
# Postgres: people sign in. `DATABASE_URL` is postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full
database = { env = "DATABASE_URL" }
query = "select count(*) as live, max(created_at) as newest from auth.sessions where expires_at > now()"
expect.row = { live = { at_least = 1, type = "integer" } }
expect.newest = { column = "newest", younger_than = "26h" }
"#,
            naive: "database = { env = \"DATABASE_URL\" }\n\
                    query = \"select count(*) as live, max(created_at) as newest from auth.sessions where expires_at > now()\"\n\
                    expect.rows = 1\n",
            naive_survivors: &["aggregate of nothing", "nulls", "numbers as texts", "stale rows"],
            seen: SqlSeen {
                tables: vec!["auth.sessions".into(), "public.accounts".into()],
                search_path: vec!["public".into()],
                ..answer(&["live", "newest"], vec![vec![json!(31), json!("2026-11-23T02:58:11.25Z")]])
            },
        },
        Exemplar {
            good: r#"
# Postgres: the tables of every schema, and the columns that the newest migration adds.
database = "postgres://watcher@db.shop.example/shop?sslmode=verify-full"
password = { env = "WATCHER_PASSWORD" }
expect.tables = ["accounts", "auth.sessions"]
expect.columns = { accounts = ["id", "locale"], "auth.sessions" = ["expires_at"] }
"#,
            naive: "database = \"postgres://watcher@db.shop.example/shop?sslmode=verify-full\"\n\
                    password = { env = \"WATCHER_PASSWORD\" }\nexpect.tables = [\"accounts\"]\n",
            naive_survivors: &["missing table auth.sessions", "half a migration"],
            seen: SqlSeen {
                tables: vec!["auth.sessions".into(), "public.accounts".into()],
                search_path: vec!["public".into()],
                columns: columns(&[
                    ("auth.sessions", &["id", "user_id", "expires_at"]),
                    ("public.accounts", &["id", "name", "locale"]),
                ]),
                answer: None,
            },
        },
    ]
}
