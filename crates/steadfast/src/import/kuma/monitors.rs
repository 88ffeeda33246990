//! The monitors of Uptime Kuma, as its backup and its database have them.

use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

use crate::import::Source;
use crate::import::document::{At, Document, Trouble};

/// What was found.
pub(super) struct Found {
    pub(super) monitors: Vec<Monitor>,
    pub(super) notifications: usize,
    pub(super) proxies: usize,
    /// Whether the place of a monitor is its number and not a line.
    pub(super) by_id: bool,
}

/// A monitor: its fields under the names of the database, in small letters with `_`.
pub(super) struct Monitor {
    pub(super) place: usize,
    fields: Map<String, Value>,
}

impl Monitor {
    /// A text that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    /// A number, also one that is written as text.
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        let value = self.fields.get(key)?;
        value.as_i64().or_else(|| value.as_f64().map(|n| n as i64)).or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// A yes or no; the database has 1 and 0.
    pub(super) fn truth(&self, key: &str) -> Option<bool> {
        let value = self.fields.get(key)?;
        value.as_bool().or_else(|| value.as_i64().map(|number| number != 0))
    }

    /// Any value.
    pub(super) fn any(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }
}

/// Reads a backup or a database.
pub(super) fn read(source: &Source<'_>) -> Result<Found, Vec<Trouble>> {
    let database = source.bytes.starts_with(b"SQLite format 3\0");
    let result = if database { of_database(source) } else { of_backup(source) };
    result.map_err(|trouble| vec![trouble])
}

fn of_backup(source: &Source<'_>) -> Result<Found, Trouble> {
    let text = std::str::from_utf8(source.bytes)
        .map_err(|_| at_start("it is neither the JSON of a backup nor an SQLite database"))?;
    // serde_json knows what JSON is; the document knows where things stand in it.
    if let Err(why) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let at = At { line: why.line().max(1), column: why.column().max(1) };
        let shown = why.to_string();
        let what = shown.split(" at line ").next().unwrap_or_default();
        return Err(Trouble { at, what: format!("it is no JSON, which a backup of Uptime Kuma is: {what}") });
    }
    let document = Document::read(text)?;
    // Scripts keep the bare array, too: it is what the server is given to add monitors, and what its API returns.
    let bare = (!document.root.items().is_empty()).then_some(&document.root);
    let list = bare.or_else(|| document.root.get("monitorList")).ok_or_else(|| {
        at_start("there is no `monitorList` in it: export the backup in Settings > Backup, or give kuma.db")
    })?;
    let mut monitors = Vec::new();
    // The list is an array in a backup, and a table by number in what the server sends to its pages.
    let items = list.items().iter().chain(list.pairs().iter().map(|pair| &pair.value));
    for item in items {
        let fields: Map<String, Value> =
            item.pairs().iter().map(|pair| (snake(&pair.key), pair.value.json())).collect();
        if fields.is_empty() {
            return Err(Trouble { at: item.at, what: format!("a monitor is {}, and has to be a table", item.sort()) });
        }
        for key in ["name", "type"] {
            if !fields.get(key).is_some_and(Value::is_string) {
                return Err(Trouble { at: item.at, what: format!("a monitor without `{key}`") });
            }
        }
        monitors.push(Monitor { place: item.at.line, fields });
    }
    let count = |key: &str| document.root.get(key).map_or(0, |list| list.items().len());
    Ok(Found { monitors, notifications: count("notificationList"), proxies: count("proxyList"), by_id: false })
}

fn of_database(source: &Source<'_>) -> Result<Found, Trouble> {
    let path = source.path.ok_or_else(|| at_start("a database is read from its file, not from standard input"))?;
    let wrong = |why: rusqlite::Error| at_start(&format!("the database cannot be read: {why}"));
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(wrong)?;
    let mut statement = connection
        .prepare("select * from monitor order by id")
        .map_err(|why| at_start(&format!("it is no database of Uptime Kuma: {why}")))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).map_err(wrong)?;
    let mut monitors = Vec::new();
    while let Some(row) = rows.next().map_err(wrong)? {
        let mut fields = Map::new();
        for (i, column) in columns.iter().enumerate() {
            let value = match row.get_ref(i).map_err(wrong)? {
                ValueRef::Null | ValueRef::Blob(_) => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
            };
            fields.insert(snake(column), value);
        }
        let id = fields.get("id").and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
        monitors.push(Monitor { place: id.unwrap_or_default(), fields });
    }
    let count = |table: &str| {
        let count = connection.query_row(&format!("select count(*) from {table}"), [], |row| row.get::<_, i64>(0));
        // A table that an old version does not have yet.
        count.ok().and_then(|count| usize::try_from(count).ok()).unwrap_or_default()
    };
    Ok(Found { monitors, notifications: count("notification"), proxies: count("proxy"), by_id: true })
}

fn at_start(what: &str) -> Trouble {
    Trouble { at: At { line: 1, column: 1 }, what: what.to_owned() }
}

/// `retryInterval` as `retry_interval`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Result<&[&str], &str>) {
        let source = Source { name: "kuma.json", bytes: json.as_bytes(), path: None, scrape: None };
        match (read(&source), expected) {
            (Ok(found), Ok(names)) => {
                assert_eq!(found.monitors.iter().filter_map(|monitor| monitor.text("name")).collect::<Vec<_>>(), names);
            }
            (Err(troubles), Err(part)) => assert!(troubles[0].what.contains(part), "{}", troubles[0].what),
            (Ok(found), Err(part)) => panic!("{} monitors instead of: {part}", found.monitors.len()),
            (Err(troubles), Ok(_)) => panic!("{}", troubles[0].what),
        }
    }

    #[test]
    fn the_array_may_stand_in_a_backup_or_bare_or_as_a_table_by_number() {
        let one = r#"{ "name": "shop", "type": "http" }"#;
        check(&format!(r#"{{ "version": "1.23", "monitorList": [{one}] }}"#), Ok(&["shop"]));
        check(&format!(r#"{{ "monitorList": {{ "7": {one} }} }}"#), Ok(&["shop"]));
        check(&format!("[{one}, {one}]"), Ok(&["shop", "shop"]));
    }

    #[test]
    fn what_is_no_list_of_monitors_is_refused() {
        check("{}", Err("there is no `monitorList` in it"));
        check("[]", Err("there is no `monitorList` in it"));
        check("[1]", Err("a monitor is"));
        check(r#"[{ "name": "shop" }]"#, Err("a monitor without `type`"));
        check("[", Err("it is no JSON"));
    }
}
