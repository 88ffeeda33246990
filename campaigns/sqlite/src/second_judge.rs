//! The second judge: confirms a fault that only the prover saw. It shares no code with the prover: it reads records in its
//! own slow way from the file, and compares index scans with table scans through SQLite. That bytes differ from what they
//! were confirms nothing.
//!
//! It runs after the pragma, whose connection has copied a WAL back into the file when it was closed.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use steadfast_sqlite::{Code, Finding, Proof};

use crate::databases::{self, Database};

/// The codes that the prover may report where the pragma passes. Anything else is a wrong verdict without further ado.
pub const ACCEPTED: &[Code] = &[
    // The pragma fills a page that is cut off with zeros and goes on.
    Code::Truncated,
    // The pragma reads serial types 10 and 11, which do not exist, as NULL.
    Code::ReservedType,
    // The pragma parses a record no further than the table's last column, and an entry's end only for its rowid.
    Code::RecordLength,
    Code::RecordHeader,
    Code::EntryShape,
    // The pragma does not count the entries of a partial index, so one that stands there twice or has no row goes unseen.
    Code::KeyOrder,
    Code::EntryCount,
    // The pragma looks entries up by collation, and compares bytes only of the columns that the index names.
    Code::MissingEntry,
    Code::StrayEntry,
    Code::EntryDiffers,
    // The pragma never looks at an index's empty root page, whatever kind of page it says it is.
    Code::PageType,
    // The pragma does not mind a schema row whose name is not the one in its SQL.
    Code::Schema,
    // The pragma allows a cell pointer array that runs into the content area if free blocks make up for it.
    Code::ContentStart,
];

/// Follows from another fault of the same table or of an index of it, and needs none of its own.
const FOLLOWING: &[Code] = &[Code::EntryCount, Code::IndexContent, Code::MissingEntry, Code::StrayEntry];

/// Confirms every finding of a proof, or says which one it cannot, and why if it could not look: an error confirms nothing.
pub fn confirms(database: &Database, file: &Path, proof: &Proof) -> Result<(), String> {
    let mut bytes = std::fs::read(file).map_err(|why| why.to_string())?;
    // SQL cannot say names that are not UTF-8: the judge looks at a twin in which they are.
    databases::replace(&mut bytes, databases::WRITTEN, databases::SPOKEN);
    let twin = file.with_extension("twin");
    std::fs::write(&twin, &bytes).map_err(|why| why.to_string())?;
    let spoken = |finding: &Finding| {
        let tree = finding.tree.as_ref().map(|tree| tree.replace("caf\\xe9", "cafX"));
        Finding { tree, ..finding.clone() }
    };
    let findings: Vec<Finding> = proof.findings.iter().map(spoken).collect();
    let judge = Judge { database, bytes: &bytes, file: &twin };
    let mut confirmed: Vec<&Finding> = Vec::new();
    let mut open: Vec<(&Finding, String)> = Vec::new();
    for finding in &findings {
        if !ACCEPTED.contains(&finding.code) {
            open.push((finding, "its code is not on the list".to_owned()));
            continue;
        }
        match judge.confirms(finding) {
            Ok(true) => confirmed.push(finding),
            Ok(false) => open.push((finding, "the second judge does not see it".to_owned())),
            Err(why) => open.push((finding, format!("the second judge could not look: {why}"))),
        }
    }
    for (finding, why) in open {
        let follows = FOLLOWING.contains(&finding.code)
            && confirmed.iter().any(|other| {
                other.code != Code::Truncated && other.code != Code::Schema && judge.are_of_one_table(finding, other)
            });
        if !follows {
            return Err(format!("{why}: {finding:?}"));
        }
    }
    Ok(())
}

/// Whether one of several looks confirms. A look that failed confirms nothing, and unless another confirms it is told: then
/// the case counts as wrong.
fn any_confirms<const N: usize>(looks: [rusqlite::Result<bool>; N]) -> Result<bool, String> {
    let mut failed = None;
    for look in looks {
        match look {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(why) => failed = Some(why.to_string()),
        }
    }
    failed.map_or(Ok(false), Err)
}

struct Judge<'a> {
    database: &'a Database,
    bytes: &'a [u8],
    file: &'a Path,
}

impl Judge<'_> {
    fn confirms(&self, finding: &Finding) -> Result<bool, String> {
        let is_seen = match finding.code {
            Code::Truncated => {
                let size = self.page_size();
                let pages = self.number(28, 4);
                !self.database.file.len().is_multiple_of(size) || self.database.file.len() < pages * size
            }
            Code::ReservedType => self.any_record(finding, |record| record.types.iter().any(|t| *t == 10 || *t == 11)),
            Code::RecordLength => self.any_record(finding, |record| record.end != Some(record.payload)),
            Code::RecordHeader => self.any_record(finding, |record| record.header_is_broken),
            Code::EntryShape => self.any_record(finding, |record| {
                let expected: usize =
                    finding.expected.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
                record.types.len() != expected || !matches!(record.types.last(), Some(1..=6 | 8 | 9))
            }),
            Code::MissingEntry | Code::StrayEntry | Code::EntryDiffers => {
                let Some(tree) = &finding.tree else { return Ok(false) };
                return any_confirms([self.scans_differ(tree), self.repeated_column_differs(finding, tree)]);
            }
            Code::KeyOrder => {
                let Some(tree) = &finding.tree else { return Ok(false) };
                return any_confirms([self.scans_differ(tree)]);
            }
            Code::EntryCount => {
                let Some(tree) = &finding.tree else { return Ok(false) };
                return any_confirms([self.scans_differ(tree), self.partial_counts_differ(tree)]);
            }
            Code::PageType => finding.page.is_some_and(|page| {
                let flag = self.number(self.page(page) + if page == 1 { 100 } else { 0 }, 1);
                let expected = match finding.expected.as_str() {
                    text if text.contains("index leaf") => 10,
                    text if text.contains("table leaf") => 13,
                    text if text.contains("index interior") => 2,
                    _ => 5,
                };
                flag != expected
            }),
            Code::Schema => return any_confirms([self.schema_has_a_stranger()]),
            Code::ContentStart => finding.page.is_some_and(|page| {
                let start = self.page(page);
                let header = start + if page == 1 { 100 } else { 0 };
                let pointers = if matches!(self.number(header, 1), 2 | 5) { 12 } else { 8 };
                let end = header - start + pointers + 2 * self.number(header + 3, 2);
                self.number(header + 5, 2) < end && self.number(header + 5, 2) != 0
            }),
            _ => false,
        };
        Ok(is_seen)
    }

    /// Whether two findings are about one table or its indexes.
    fn are_of_one_table(&self, one: &Finding, other: &Finding) -> bool {
        let table = |finding: &Finding| -> Option<String> {
            let tree = finding.tree.as_ref()?;
            let table = "SELECT tbl_name FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
            self.open().and_then(|sql| sql.query_row(table, [tree], |row| row.get(0))).ok()
        };
        table(one).is_some_and(|one| table(other).is_some_and(|other| one.eq_ignore_ascii_case(&other)))
    }

    fn page_size(&self) -> usize {
        match self.number(16, 2) {
            1 => 65536,
            size => size.max(512),
        }
    }

    fn page(&self, number: u32) -> usize {
        (number as usize - 1) * self.page_size()
    }

    fn number(&self, at: usize, length: usize) -> usize {
        (at..at + length).fold(0, |number, at| number << 8 | usize::from(self.bytes.get(at).copied().unwrap_or(0)))
    }

    fn varint(&self, at: &mut usize) -> u64 {
        let mut value = 0u64;
        for index in 0..9 {
            let byte = self.number(*at, 1) as u64;
            *at += 1;
            if index == 8 {
                return value << 8 | byte;
            }
            value = value << 7 | byte & 127;
            if byte < 128 {
                break;
            }
        }
        value
    }

    /// Whether a record on the finding's page (and of its rowid, if it has one) is as `is` says.
    fn any_record(&self, finding: &Finding, is: impl Fn(&Record) -> bool) -> bool {
        let Some(page) = finding.page else { return false };
        let start = self.page(page);
        let header = start + if page == 1 { 100 } else { 0 };
        let flag = self.number(header, 1);
        let pointers = header + if matches!(flag, 2 | 5) { 12 } else { 8 };
        (0..self.number(header + 3, 2)).any(|index| {
            let mut at = start + self.number(pointers + 2 * index, 2);
            if flag == 2 {
                at += 4;
            }
            let payload = self.varint(&mut at) & 0xffff_ffff;
            if flag == 13 {
                let rowid = self.varint(&mut at) as i64;
                if finding.rowid.is_some_and(|wanted| wanted != rowid) {
                    return false;
                }
            }
            is(&self.record(at, payload))
        })
    }

    /// A record whose header lies on its page.
    fn record(&self, at: usize, payload: u64) -> Record {
        let mut next = at;
        let length = self.varint(&mut next);
        let mut record =
            Record { payload, types: Vec::new(), fields: Vec::new(), end: Some(length), header_is_broken: false };
        let end = at + length as usize;
        record.header_is_broken = length == 0 || length > payload;
        while next < end && next < self.bytes.len() {
            let kind = self.varint(&mut next);
            record.types.push(kind);
            let bytes = match kind {
                0 | 8..=11 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                kind => (kind - 12) / 2,
            };
            record.fields.push((at + record.end.unwrap_or(0).min(1 << 32) as usize, bytes.min(1 << 32) as usize));
            record.end = record.end.and_then(|end| end.checked_add(bytes));
        }
        record.header_is_broken |= next > end;
        record
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(format!("file:{}?immutable=1", self.file.display()), flags)
    }

    /// Whether the index holds something else than the table: every column's class and bytes, as a multiset.
    fn scans_differ(&self, index: &str) -> rusqlite::Result<bool> {
        let sql = self.open()?;
        let table: String =
            sql.query_row("SELECT tbl_name FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE", [index], |row| {
                row.get(0)
            })?;
        let columns: Vec<String> = sql
            .prepare("SELECT coalesce(name, 'rowid') FROM pragma_index_xinfo(?1) ORDER BY seqno")?
            .query_map([index], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let list: Vec<String> = columns
            .iter()
            .map(|column| if column == "rowid" { column.clone() } else { format!("\"{column}\"") })
            .collect();
        let list = list.join(", ");
        let ddl: Option<String> =
            sql.query_row("SELECT sql FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE", [index], |row| row.get(0))?;
        let only = match ddl.as_deref().and_then(|ddl| ddl.split_once(" WHERE ")) {
            Some((_, condition)) => format!(" WHERE {condition}"),
            None => String::new(),
        };
        let from_index =
            bag(&sql, &format!("SELECT {list} FROM \"{table}\" INDEXED BY \"{index}\"{only}"), columns.len())?;
        // NOT INDEXED alone does not keep SQLite from a covering index of a table without rowids: ask for all columns.
        let from_table = bag(&sql, &format!("SELECT {list}, * FROM \"{table}\" NOT INDEXED{only}"), columns.len())?;
        Ok(from_index != from_table)
    }

    /// Whether a partial index has more or fewer entries than the table has rows for it. A scan of the index may seek to
    /// where its predicate begins and so pass over an entry whose own key fails it; the cells of its pages are all counted.
    fn partial_counts_differ(&self, index: &str) -> rusqlite::Result<bool> {
        let sql = self.open()?;
        let (table, ddl): (String, String) = sql.query_row(
            "SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND name = ?1 COLLATE NOCASE",
            [index],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let Some((_, condition)) = ddl.split_once(" WHERE ") else { return Ok(false) };
        let cells: i64 =
            sql.query_row("SELECT sum(ncell) FROM dbstat WHERE name = ?1 COLLATE NOCASE", [index], |row| row.get(0))?;
        let rows: i64 =
            sql.query_row(&format!("SELECT count(*) FROM \"{table}\" NOT INDEXED WHERE {condition}"), [], |row| {
                row.get(0)
            })?;
        Ok(cells != rows)
    }

    /// A column that the index holds twice, once for itself and once as part of the primary key: SQL shows the first one
    /// only, so the two are compared in the file.
    fn repeated_column_differs(&self, finding: &Finding, index: &str) -> rusqlite::Result<bool> {
        if finding.code == Code::MissingEntry {
            // Its page is the table's; the entry that took its place is told beside it.
            return Ok(false);
        }
        let columns: Vec<i64> = self
            .open()?
            .prepare("SELECT cid FROM pragma_index_xinfo(?1) ORDER BY seqno")?
            .query_map([index], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let twice = columns.iter().enumerate().find_map(|(at, column)| {
            columns[..at].iter().position(|earlier| earlier == column).map(|earlier| (earlier, at))
        });
        let Some((one, other)) = twice else { return Ok(false) };
        Ok(self.any_record(finding, |record| match (record.fields.get(one), record.fields.get(other)) {
            (Some(one), Some(other)) => {
                self.bytes.get(one.0..one.0 + one.1) != self.bytes.get(other.0..other.0 + other.1)
            }
            _ => true,
        }))
    }

    fn schema_has_a_stranger(&self) -> rusqlite::Result<bool> {
        let sql = self.open()?;
        sql.query_row(
            "SELECT count(*) > 0 FROM sqlite_schema WHERE rootpage > 0
               AND name COLLATE NOCASE NOT IN (SELECT name FROM pragma_table_list)
               AND name COLLATE NOCASE NOT IN (SELECT i.name FROM pragma_table_list AS t, pragma_index_list(t.name) AS i)",
            [],
            |row| row.get(0),
        )
    }
}

struct Record {
    payload: u64,
    types: Vec<u64>,
    /// Start and length in the file, as far as the record lies on its page.
    fields: Vec<(usize, usize)>,
    /// Where the fields end; `None` beyond all numbers.
    end: Option<u64>,
    header_is_broken: bool,
}

fn bag(sql: &Connection, query: &str, columns: usize) -> rusqlite::Result<HashMap<String, usize>> {
    let mut statement = sql.prepare(query)?;
    let mut bag = HashMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values: Vec<String> = (0..columns)
            .map(|at| {
                Ok(match row.get_ref(at)? {
                    rusqlite::types::ValueRef::Text(text) => format!("text {text:?}"),
                    other => match Value::try_from(other) {
                        Ok(Value::Real(real)) if real.fract() == 0.0 => format!("number {real}"),
                        Ok(Value::Integer(integer)) => format!("number {integer}"),
                        other => format!("{other:?}"),
                    },
                })
            })
            .collect::<rusqlite::Result<_>>()?;
        *bag.entry(values.join(", ")).or_default() += 1;
    }
    Ok(bag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Desk;
    use steadfast_sqlite::Planted;

    /// What the second judge says to one finding about a sound table `t` with an index `i` and a partial index `p`.
    fn check(change: &str, finding: Finding) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.db");
        let sql = Connection::open(&file).unwrap();
        let rows = "CREATE TABLE t(a, b); CREATE INDEX i ON t(a); CREATE INDEX p ON t(b) WHERE b > 1;
            CREATE TABLE u(a); CREATE INDEX j ON u(a); INSERT INTO t VALUES(1, 2), (3, 4); INSERT INTO u VALUES(1);";
        sql.execute_batch(rows).unwrap();
        let mut proof = Desk { file: file.clone(), planted: Planted::Nothing }.prove().unwrap();
        sql.execute_batch(change).unwrap();
        drop(sql);
        let bytes = std::fs::read(&file).unwrap();
        let database = Database { recipe: String::new(), file: bytes.clone(), older: bytes, wal: None };
        proof.findings = vec![finding];
        confirms(&database, &file, &proof)
    }

    /// Another entry in the index than the table has a row for, made by putting an older root back.
    const STRAY: &str = "PRAGMA writable_schema=ON;
        CREATE TABLE k(a); CREATE INDEX ki ON k(a); INSERT INTO k VALUES(7);
        UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'ki') WHERE name = 'i';";

    #[test]
    fn what_the_scans_show_is_confirmed_and_what_they_do_not_show_is_not() {
        let finding = || Finding::new(Code::StrayEntry, "a row", "none").in_tree("i");
        assert_eq!(check(STRAY, finding()), Ok(()));
        assert!(check("", finding()).unwrap_err().starts_with("the second judge does not see it"));
    }

    #[test]
    fn an_error_of_sql_confirms_nothing() {
        // The table is no index, a name that is not there is none either, and a dropped table answers no scan.
        for code in [Code::StrayEntry, Code::MissingEntry, Code::EntryDiffers, Code::KeyOrder, Code::EntryCount] {
            for (change, tree) in [("", "t"), ("", "nowhere"), ("DROP TABLE t", "i")] {
                let said = check(change, Finding::new(code, "", "").in_tree(tree)).unwrap_err();
                assert!(said.starts_with("the second judge could not look: "), "{code:?} {tree}: {said}");
            }
        }
        let unreadable = "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'nonsense' WHERE name = 't'";
        let said = check(unreadable, Finding::new(Code::Schema, "", "")).unwrap_err();
        assert!(said.starts_with("the second judge could not look: malformed database schema"), "{said}");
    }

    #[test]
    fn a_fault_follows_only_from_one_of_its_own_table() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.db");
        Connection::open(&file)
            .unwrap()
            .execute_batch("CREATE TABLE t(a); CREATE INDEX i ON t(a); CREATE TABLE u(a); CREATE INDEX j ON u(a)")
            .unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let database = Database { recipe: String::new(), file: bytes.clone(), older: Vec::new(), wal: None };
        let judge = Judge { database: &database, bytes: &bytes, file: &file };
        let at = |tree: &str| Finding::new(Code::EntryCount, "", "").in_tree(tree);
        assert!(judge.are_of_one_table(&at("i"), &at("t")));
        assert!(!judge.are_of_one_table(&at("i"), &at("u")));
        assert!(!judge.are_of_one_table(&at("i"), &at("j")));
        assert!(!judge.are_of_one_table(&at("i"), &Finding::new(Code::EntryCount, "", "")));
    }
}
