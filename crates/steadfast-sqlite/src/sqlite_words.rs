//! What SQLite's checks say about one table, by the words of its `pragma.c`: which rule is broken, in which tree and row.

use crate::finding::{Code, Finding};
use crate::plan::Plan;
use crate::schema::{Role, Table};

/// The finding behind one line of `integrity_check` or `quick_check`. What it says of pages, and words that are not known,
/// stay what SQLite said about the table.
pub(crate) fn finding(line: &str, expected: &str, plan: &Plan, table: &Table) -> Finding {
    let (code, tree) = rule(line, table, |index| plan.schema.trees[index as usize].name.as_str())
        .unwrap_or((Code::ThroughSqlite, &table.name));
    let finding = Finding::new(code, expected, line).in_tree(tree);
    // Rows of a table WITHOUT ROWID are counted there, not named.
    let has_rowids = plan.schema.trees[table.tree as usize].role == Role::Rows;
    match row(line).filter(|_| has_rowids) {
        Some(rowid) => finding.at_row(rowid),
        None => finding,
    }
}

fn rule<'a>(line: &str, table: &'a Table, name: impl Fn(u32) -> &'a str) -> Option<(Code, &'a str)> {
    let whole = table.name.as_str();
    // An index may be called anything: it is believed to be one if the table has one of that name.
    let index = |words: &str| {
        let (_, rest) = line.split_once(words)?;
        table.indexes.iter().map(|index| name(index.tree)).find(|name| *name == rest)
    };
    for (words, code) in [
        (" missing from index ", Code::MissingEntry),
        (" values differ from index ", Code::EntryDiffers),
        ("rowid not at end-of-record for row ", Code::EntryDiffers),
        ("non-unique entry in index ", Code::NotUnique),
        ("wrong # of entries in index ", Code::EntryCount),
    ] {
        let found = if words.starts_with("rowid") {
            line.strip_prefix(words).and_then(|_| index(" of index "))
        } else {
            index(words)
        };
        if let Some(tree) = found {
            return Some((code, tree));
        }
    }
    let of_the_table = |words: &str| line.strip_prefix(words).is_some_and(|rest| rest == whole);
    let of_a_column =
        |words: &str| line.strip_prefix(words)?.strip_prefix(whole).filter(|rest| rest.starts_with('.')).map(drop);
    if of_the_table("CHECK constraint failed in ") {
        return Some((Code::CheckFailed, whole));
    }
    if of_the_table("row not in PRIMARY KEY order for ") {
        return Some((Code::KeyOrder, whole));
    }
    for (words, code) in [
        ("NULL value in ", Code::NullValue),
        ("NUMERIC value in ", Code::NumberInText),
        ("TEXT value in ", Code::TextInNumber),
    ] {
        if of_a_column(words).is_some() {
            return Some((code, whole));
        }
    }
    let strict = line.strip_prefix("non-").and_then(|rest| rest.split_once(" value in "));
    strict.filter(|(_, place)| place.starts_with(whole)).map(|_| (Code::WrongType, whole))
}

/// `row 17 missing from index i`.
fn row(line: &str) -> Option<i64> {
    let rest = line.strip_prefix("row ").or_else(|| line.strip_prefix("rowid not at end-of-record for row "))?;
    rest.split(' ').next()?.parse().ok()
}
