//! Small databases over all hard cases: every page size, encoding, kind of table, kind of index and kind of value.

use std::path::Path;

use rusqlite::Connection;

use crate::dice::Dice;

/// A database as bytes, an older version of it, and its WAL if it has one.
#[derive(Debug, Clone)]
pub struct Database {
    /// What it is made of.
    pub recipe: String,
    /// The file.
    pub file: Vec<u8>,
    /// The same file some transactions earlier.
    pub older: Vec<u8>,
    /// The write-ahead log.
    pub wal: Option<Vec<u8>>,
}

/// What a part is called, and what makes it.
type Part = (&'static str, fn(&mut Dice, &Connection) -> rusqlite::Result<()>);

const PARTS: &[Part] = &[
    ("mixed", mixed),
    ("without-rowid", without_rowid),
    ("overflow", overflow),
    ("added-columns", added_columns),
    ("strict", strict),
    ("checks", checks),
    ("partial-and-expressions", partial),
    ("fts5", fts5),
    ("rtree", rtree),
    ("keys", keys),
    ("odd-defaults", odd_defaults),
    (ODD_NAMES, odd_names),
];

/// Tables whose names, constraints and defaults are not UTF-8.
const ODD_NAMES: &str = "odd-names";
/// In the SQL of those tables, and what stands in the file for it.
pub(crate) const SPOKEN: &[u8; 4] = b"cafX";
pub(crate) const WRITTEN: &[u8; 4] = b"caf\xe9";

/// Builds a database from a seed in `folder`.
pub fn build(seed: u64, folder: &Path) -> rusqlite::Result<Database> {
    let mut dice = Dice::new(seed);
    let path = folder.join("base.db");
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(folder.join(format!("base.db{suffix}")));
    }
    let page_size = *dice.pick(&[512, 512, 1024, 1024, 2048, 4096, 4096, 8192, 65536]);
    let encoding = *dice.pick(&["UTF-8", "UTF-8", "UTF-8", "UTF-16le", "UTF-16be"]);
    let vacuum = *dice.pick(&["NONE", "NONE", "FULL", "INCREMENTAL"]);
    let reserved = if dice.one_in(5) { *dice.pick(&[8u8, 16, 32]) } else { 0 };
    let is_wal = dice.one_in(5);
    let settings = format!("PRAGMA page_size={page_size}; PRAGMA encoding='{encoding}'; PRAGMA auto_vacuum={vacuum};");
    let mut recipe = format!("page size {page_size}, {encoding}, auto_vacuum {vacuum}, reserved {reserved}");
    if reserved > 0 {
        reserve(&path, &settings, page_size, reserved)?;
    }
    let mut sql = Connection::open(&path)?;
    sql.execute_batch(&settings)?;
    sql.execute_batch(QUICK)?;
    let parts = 1 + dice.below(2);
    for _ in 0..parts {
        let (name, make) = dice.pick(PARTS);
        if recipe.contains(name) {
            continue;
        }
        recipe = format!("{recipe}, {name}");
        sql.execute_batch("BEGIN")?;
        make(&mut dice, &sql)?;
        sql.execute_batch("COMMIT")?;
    }
    if recipe.contains(ODD_NAMES) {
        // A statement cannot say these names, so they are written into the file.
        drop(sql);
        let mut bytes = std::fs::read(&path).unwrap_or_default();
        replace(&mut bytes, SPOKEN, WRITTEN);
        let _ = std::fs::write(&path, bytes);
        sql = Connection::open(&path)?;
        sql.execute_batch(QUICK)?;
    }
    let older = std::fs::read(&path).unwrap_or_default();
    let mut wal = None;
    if is_wal {
        recipe.push_str(", wal");
        sql.execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;")?;
        update(&mut dice, &sql)?;
        wal = Some(std::fs::read(folder.join("base.db-wal")).unwrap_or_default());
    } else {
        update(&mut dice, &sql)?;
    }
    let file = std::fs::read(&path).unwrap_or_default();
    Ok(Database { recipe, file, older, wal })
}

const QUICK: &str = "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;";

/// Puts one word in the place of another, wherever it stands.
pub(crate) fn replace(bytes: &mut [u8], from: &[u8; 4], to: &[u8; 4]) {
    for at in 0..bytes.len().saturating_sub(3) {
        if bytes[at..].starts_with(from) {
            bytes[at..at + 4].copy_from_slice(to);
        }
    }
}

/// An empty database whose pages keep bytes back: SQLite takes the number from the header from then on.
fn reserve(path: &Path, settings: &str, page_size: u32, reserved: u8) -> rusqlite::Result<()> {
    let sql = Connection::open(path)?;
    sql.execute_batch(settings)?;
    sql.execute_batch("PRAGMA user_version=1")?;
    drop(sql);
    let mut bytes = std::fs::read(path).unwrap_or_default();
    bytes[20] = reserved;
    let start = (page_size - u32::from(reserved)) as u16;
    bytes[105..107].copy_from_slice(&start.to_be_bytes());
    let _ = std::fs::write(path, bytes);
    Ok(())
}

/// Some rows change and some go, so that there are freeblocks, free pages and an older version.
fn update(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    let tables: Vec<Option<String>> = sql
        .prepare("SELECT name FROM pragma_table_list WHERE schema='main' AND type='table' AND name NOT LIKE 'sqlite_%' AND wr=0")?
        .query_map([], |row| Ok(row.get_ref(0)?.as_str().ok().map(str::to_owned)))?
        .collect::<Result<_, _>>()?;
    for table in tables.into_iter().flatten() {
        let step = 3 + dice.below(5);
        let rest = dice.below(step);
        sql.execute(&format!("DELETE FROM \"{table}\" WHERE rowid % {step} = {rest}"), [])?;
        if dice.one_in(3) {
            let from = dice.below(100);
            sql.execute(&format!("DELETE FROM \"{table}\" WHERE rowid BETWEEN {from} AND {}", from + 60), [])?;
        }
    }
    if dice.one_in(2) {
        sql.execute_batch("CREATE TABLE late(a, b); INSERT INTO late VALUES(1, 'x'), (2.5, NULL);")?;
    }
    Ok(())
}

fn value(dice: &mut Dice) -> String {
    match dice.below(12) {
        0 => "NULL".into(),
        1 => "0".into(),
        2 => "1".into(),
        3 => format!("{}", dice.word() as i64 >> dice.below(63)),
        4 => format!("{}.5", dice.below(1000)),
        5 => format!("{}.0", dice.below(1000)),
        6 => format!("{}e{}", dice.below(99), dice.below(30)),
        7 => format!("x'{:x}'", 0x10 + dice.below(0xe0)),
        8 => format!("'{}'", ["a", "A", "b ", "b", "", "zz", "Ä", "\u{100}", "😀"][dice.below(9)]),
        9 => format!("'Key {:05}'", dice.below(99_999)),
        10 => format!("-{}", dice.below(70_000)),
        _ => format!("'key{:05}'", dice.below(300)),
    }
}

fn rows(dice: &mut Dice, sql: &Connection, table: &str, columns: usize, count: usize) -> rusqlite::Result<()> {
    for _ in 0..count {
        let values: Vec<String> = (0..columns).map(|_| value(dice)).collect();
        sql.execute(&format!("INSERT OR IGNORE INTO {table} VALUES({})", values.join(",")), [])?;
    }
    Ok(())
}

fn mixed(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch(
        "CREATE TABLE m(a INT, b TEXT, c REAL, d, e NUMERIC);
         CREATE INDEX m1 ON m(a); CREATE INDEX m2 ON m(b COLLATE NOCASE, c DESC);
         CREATE INDEX m3 ON m(d COLLATE RTRIM); CREATE UNIQUE INDEX m4 ON m(e, a, b);",
    )?;
    let count = 40 + dice.below(200);
    rows(dice, sql, "m", 5, count)
}

fn keys(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch(
        "CREATE TABLE k1(a INTEGER PRIMARY KEY, b, c); CREATE INDEX k1b ON k1(b, a);
         CREATE TABLE k2(a INTEGER PRIMARY KEY DESC, b);
         CREATE TABLE k3(a INTEGER PRIMARY KEY AUTOINCREMENT, b UNIQUE);
         CREATE TABLE k4(a TEXT PRIMARY KEY, b REAL NOT NULL);",
    )?;
    for at in 0..30 + dice.below(150) {
        let b = value(dice);
        let key = dice.word() as i64 >> dice.below(60);
        sql.execute(&format!("INSERT OR IGNORE INTO k1 VALUES({key}, {b}, {})", value(dice)), [])?;
        sql.execute(&format!("INSERT OR IGNORE INTO k2 VALUES({at}, {b})"), [])?;
        sql.execute(&format!("INSERT OR IGNORE INTO k3(b) VALUES({})", value(dice)), [])?;
        sql.execute(&format!("INSERT OR IGNORE INTO k4 VALUES({b}, {})", dice.below(9)), [])?;
    }
    Ok(())
}

fn without_rowid(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch(
        "CREATE TABLE w(a TEXT, b INT, c REAL NOT NULL, d, PRIMARY KEY(b, a COLLATE NOCASE)) WITHOUT ROWID;
         CREATE INDEX w1 ON w(d); CREATE INDEX w2 ON w(a, c DESC); CREATE UNIQUE INDEX w3 ON w(c, b, a);",
    )?;
    for _ in 0..40 + dice.below(200) {
        let (a, b, d) = (value(dice), dice.below(500), value(dice));
        sql.execute(&format!("INSERT OR IGNORE INTO w VALUES({a}, {b}, {}, {d})", dice.below(100)), [])?;
    }
    Ok(())
}

fn overflow(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch(
        "CREATE TABLE o(a, b TEXT, c BLOB, d NUMERIC); CREATE INDEX o1 ON o(b); CREATE INDEX o2 ON o(a, d);",
    )?;
    for at in 0..8 + dice.below(20) {
        let long = "abcdefghij".repeat(1 + dice.below(300));
        let number = if dice.one_in(2) { "'{\"json\": 1}'".to_owned() } else { value(dice) };
        let blob = 1 + dice.below(6000);
        sql.execute(&format!("INSERT INTO o VALUES({}, '{long}{at}', zeroblob({blob}), {number})", value(dice)), [])?;
    }
    Ok(())
}

fn added_columns(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch("CREATE TABLE ad(a)")?;
    let count = 10 + dice.below(60);
    rows(dice, sql, "ad", 1, count)?;
    sql.execute_batch(
        "ALTER TABLE ad ADD COLUMN b INT NOT NULL DEFAULT 7; ALTER TABLE ad ADD COLUMN c TEXT DEFAULT 'x';
         ALTER TABLE ad ADD COLUMN d REAL DEFAULT 3; CREATE INDEX ad1 ON ad(b, c); CREATE INDEX ad2 ON ad(d, a);",
    )?;
    rows(dice, sql, "ad", 4, 20)
}

/// Columns that are added to rows which do not hold them: every class of default under every affinity.
fn odd_defaults(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    const TYPES: &[&str] = &["INT", "TEXT", "REAL", "", "NUMERIC", "BLOB", "VARCHAR(9)", "DECIMAL(5,2)", "DATE"];
    const STRICT: &[&str] = &["INT", "TEXT", "REAL", "BLOB", "ANY"];
    const DEFAULTS: &[&str] = &[
        "7",
        "-7",
        "+3",
        "0",
        "1.5",
        "-2.50",
        "-0.0",
        "3.0",
        "1e3",
        "1e400",
        "-1e19",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "0x1F",
        "-0x10",
        "x'00ff'",
        "X''",
        "'x'",
        "''",
        "'1.10'",
        "'  12 '",
        "'1e2'",
        "'0x10'",
        "'-0'",
        "'abc'",
        "'Ä😀'",
        "'12abc'",
        "NULL",
        "TRUE",
        "FALSE",
        "word",
        "\"quoted\"",
        "(-5)",
        "(- -5)",
        "(+'4')",
        "(-'4')",
        "(-'x')",
        "(CAST('7' AS INT))",
        "(CAST(7.9 AS TEXT))",
        "(CAST(x'3132' AS NUMERIC))",
        "(x'41')",
        "('it''s')",
        "(1 + 2)",
        "(lower('X'))",
        "('a' || 'b')",
        "CURRENT_DATE",
        "(-x'31')",
        "(NOT 0)",
        "(~5)",
    ];
    let (strict, tail) = *dice.pick(&[(false, ""), (false, ""), (false, " WITHOUT ROWID"), (true, " STRICT")]);
    let key = if tail.contains("WITHOUT") { "INT" } else { "INTEGER" };
    sql.execute_batch(&format!("CREATE TABLE od(a {key} PRIMARY KEY, b ANY){tail}"))?;
    let fill = |dice: &mut Dice, from: usize, count: usize| -> rusqlite::Result<()> {
        for at in from..from + count {
            sql.execute(&format!("INSERT INTO od(a, b) VALUES({at}, {})", value(dice)), [])?;
        }
        Ok(())
    };
    let before = 5 + dice.below(40);
    fill(dice, 1, before)?;
    let mut added = Vec::new();
    for number in 0..1 + dice.below(6) {
        let declared = dice.pick(if strict { STRICT } else { TYPES });
        let not_null = if dice.one_in(3) { " NOT NULL" } else { "" };
        let default = dice.pick(DEFAULTS);
        // SQLite does not add every one of them to a table that has rows: what it refuses is left out.
        let add = format!("ALTER TABLE od ADD COLUMN c{number} {declared}{not_null} DEFAULT {default}");
        if sql.execute_batch(&add).is_ok() {
            added.push(format!("c{number}"));
        }
    }
    for (number, column) in added.iter().enumerate() {
        let collation = dice.pick(&["", "", " COLLATE NOCASE", " DESC"]);
        let only = if dice.one_in(5) { format!(" WHERE {column} IS NOT NULL") } else { String::new() };
        sql.execute_batch(&format!("CREATE INDEX od{number} ON od({column}{collation}, b){only}"))?;
    }
    // In a STRICT table not every default is allowed where it is used.
    for at in before + 1..before + 10 {
        let _ = sql.execute(&format!("INSERT INTO od(a, b) VALUES({at}, {})", value(dice)), []);
    }
    Ok(())
}

/// Tables of an application that wrote another encoding than UTF-8. No value begins like the words that are replaced.
fn odd_names(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    let tail = dice.pick(&["", " WITHOUT ROWID"]);
    sql.execute_batch(&format!(
        "CREATE TABLE cafX(a INTEGER PRIMARY KEY, b, \"c cafX\" TEXT); CREATE INDEX i_cafX ON cafX(b, \"c cafX\");
         CREATE TABLE \"x cafX\"(a TEXT NOT NULL, b INT CHECK(b > -1), \"cafX\", PRIMARY KEY(b, a)){tail};
         CREATE INDEX \"x i cafX\" ON \"x cafX\"(a DESC, \"cafX\" COLLATE NOCASE);"
    ))?;
    for at in 0..10 + dice.below(60) {
        sql.execute(&format!("INSERT INTO cafX VALUES({at}, {}, 'key{}')", value(dice), dice.below(50)), [])?;
        let (b, c) = (dice.below(1000), value(dice));
        sql.execute(&format!("INSERT OR IGNORE INTO \"x cafX\" VALUES('key{at}', {b}, {c})"), [])?;
    }
    let default = dice.pick(&["'cafX'", "'cafX '' s'", "(+ 'cafX')", "\"cafX\"", "x'63'"]);
    let not_null = dice.pick(&["", " NOT NULL"]);
    sql.execute_batch(&format!(
        "ALTER TABLE cafX ADD COLUMN d TEXT{not_null} DEFAULT {default}; CREATE INDEX j_cafX ON cafX(d, b);"
    ))?;
    if dice.one_in(4) {
        sql.execute_batch("CREATE INDEX e_cafX ON cafX(lower(\"c cafX\"))")?;
    }
    for at in 100..105 {
        sql.execute(&format!("INSERT OR IGNORE INTO cafX VALUES({at}, {}, 'x', {})", value(dice), value(dice)), [])?;
    }
    Ok(())
}

fn strict(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch(
        "CREATE TABLE s(a INT NOT NULL, b TEXT, c REAL, d BLOB, e ANY) STRICT; CREATE INDEX s1 ON s(c, b); CREATE INDEX s2 ON s(e);",
    )?;
    for _ in 0..40 + dice.below(100) {
        let (a, c) = (dice.below(1000), dice.below(100));
        sql.execute(&format!("INSERT INTO s VALUES({a}, 'text {c}', {c}.25, x'00ff', {})", value(dice)), [])?;
    }
    Ok(())
}

fn checks(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch(
        "CREATE TABLE c(a INT CHECK(a >= 0), b TEXT NOT NULL CHECK(length(b) < 20)); CREATE INDEX c1 ON c(b, a);",
    )?;
    for _ in 0..40 + dice.below(100) {
        sql.execute(&format!("INSERT INTO c VALUES({}, 'b{}')", dice.below(1000), dice.below(1000)), [])?;
    }
    Ok(())
}

fn partial(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch(
        "CREATE TABLE p(a INT, b TEXT, v AS (a + 1), s TEXT AS (b || '!') STORED, z);
         CREATE INDEX p1 ON p(a) WHERE a > 100; CREATE INDEX p2 ON p(lower(b)); CREATE INDEX p3 ON p(v);
         CREATE INDEX p4 ON p(s); CREATE INDEX p5 ON p(z, b);",
    )?;
    for _ in 0..30 + dice.below(80) {
        let (a, b, z) = (dice.below(300), dice.below(100), value(dice));
        sql.execute(&format!("INSERT INTO p(a, b, z) VALUES({a}, 'B{b}', {z})"), [])?;
    }
    Ok(())
}

fn fts5(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch("CREATE VIRTUAL TABLE f USING fts5(title, body)")?;
    for at in 0..10 + dice.below(30) {
        sql.execute(&format!("INSERT INTO f VALUES('title {at}', 'some words {} and more')", dice.below(99)), [])?;
    }
    Ok(())
}

fn rtree(dice: &mut Dice, sql: &Connection) -> rusqlite::Result<()> {
    sql.execute_batch("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1)")?;
    for at in 0..20 + dice.below(60) {
        let (x, y) = (dice.below(100), dice.below(100));
        sql.execute(&format!("INSERT INTO r VALUES({at}, {x}, {}, {y}, {})", x + 5, y + 5), [])?;
    }
    Ok(())
}
