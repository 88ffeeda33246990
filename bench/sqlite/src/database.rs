//! The databases that are measured: one table of orders with seven indexes, in two shapes.
//!
//! How often `integrity_check` reads a file depends on the order of its index keys: it looks every row's entry up, in every
//! index, so an index whose keys come in the order of the rows costs it next to nothing, and one whose keys come in any
//! order costs it a page from far away per row. The shapes differ in that and in nothing else that matters.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::Outcome;

/// In which order the keys of the indexes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Three of seven indexes have keys in an order that is not the rows', as in most applications: a UUID that is shown
    /// outside, the reference of the payment (somebody else's hash), and the customer (a foreign key; for the three orders
    /// of five that are not a new customer's). Four follow the rows: a running number, the time, the time within each
    /// status, and the time of shipping, two days later at most.
    Scattered,
    /// Every index follows the rows, or does within each of a few values, because all values are made from the rowid with
    /// small steps. This is the best case of `integrity_check`.
    Ordered,
}

pub(crate) const SHAPES: &[(&str, Shape)] = &[("scattered", Shape::Scattered), ("ordered", Shape::Ordered)];

impl Shape {
    pub(crate) fn named(word: &str) -> Outcome<Shape> {
        let known = SHAPES.iter().find(|(name, _)| *name == word).map(|(_, shape)| *shape);
        known.ok_or_else(|| format!("--shape {word}: there are `scattered` and `ordered`").into())
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Scattered => "scattered",
            Shape::Ordered => "ordered",
        }
    }

    fn tables(self) -> &'static str {
        match self {
            Shape::Scattered => {
                "CREATE TABLE orders(id INTEGER PRIMARY KEY, number TEXT NOT NULL, public_id BLOB NOT NULL,
                   customer INTEGER NOT NULL, email TEXT, placed INTEGER, shipped INTEGER, status TEXT, price REAL,
                   quantity INTEGER, reference TEXT, note TEXT{check});"
            }
            Shape::Ordered => {
                "CREATE TABLE orders(id INTEGER PRIMARY KEY, number TEXT NOT NULL, customer INTEGER NOT NULL, placed INTEGER,
                   status TEXT, price REAL, quantity INTEGER, note TEXT, reference TEXT{check});"
            }
        }
    }

    /// Made when the rows are there, as after a restore or a VACUUM: pages of an index lie together and are full.
    fn indexes(self) -> &'static str {
        match self {
            Shape::Scattered => {
                "CREATE UNIQUE INDEX by_number ON orders(number);
                 CREATE INDEX by_placed ON orders(placed DESC);
                 CREATE INDEX by_status ON orders(status COLLATE NOCASE, placed);
                 CREATE INDEX by_shipped ON orders(shipped);
                 CREATE UNIQUE INDEX by_public_id ON orders(public_id);
                 CREATE INDEX by_customer ON orders(customer, placed);
                 CREATE INDEX by_reference ON orders(reference);"
            }
            Shape::Ordered => {
                "CREATE UNIQUE INDEX by_number ON orders(number);
                 CREATE INDEX by_customer ON orders(customer, placed);
                 CREATE INDEX by_placed ON orders(placed DESC);
                 CREATE INDEX by_status ON orders(status COLLATE NOCASE, price);
                 CREATE INDEX by_price ON orders(price);
                 CREATE INDEX by_quantity ON orders(quantity, number);
                 CREATE INDEX by_reference ON orders(reference);"
            }
        }
    }
}

/// Makes a database of `rows` rows, with a CHECK constraint or without. The same arguments give the same content.
pub(crate) fn make(file: &Path, shape: Shape, rows: u64, checked: bool) -> Outcome<()> {
    let sql = Connection::open(file)?;
    let check = if checked { ", CHECK (quantity >= 0)" } else { "" };
    sql.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000; BEGIN;")?;
    sql.execute_batch(&shape.tables().replace("{check}", check))?;
    match shape {
        Shape::Scattered => scattered_rows(&sql, rows)?,
        Shape::Ordered => ordered_rows(&sql, rows)?,
    }
    sql.execute_batch(shape.indexes())?;
    sql.execute_batch("COMMIT")?;
    drop(sql);
    // What is dirty cannot be dropped from the page cache.
    std::fs::File::open(file)?.sync_all()?;
    Ok(())
}

fn scattered_rows(sql: &Connection, rows: u64) -> Outcome<()> {
    const STATUS: [&str; 5] = ["open", "paid", "shipped", "returned", "closed"];
    const FIRST: [&str; 8] = ["anna", "ben", "chloe", "david", "elif", "farid", "greta", "hugo"];
    const LAST: [&str; 8] = ["adler", "brandt", "castro", "dubois", "eriksen", "fischer", "gruber", "haas"];
    const HOST: [&str; 4] = ["example.org", "mail.example", "post.example", "example.net"];
    let mut insert = sql.prepare("INSERT INTO orders VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)")?;
    for row in 1..=rows {
        let (one, two, three) = (mixed(3 * row), mixed(3 * row + 1), mixed(3 * row + 2));
        // Of five orders two are a new customer's, who has the next number; three come from any of those before.
        let customers = row * 2 / 5;
        let customer = if one % 5 < 2 { customers } else { (one / 5) % (customers + 1) };
        let person = mixed(!customer);
        let placed = 1_700_000_000 + 8 * row + one % 8;
        let pick = |names: &[&'static str], shift: u32| names[(person >> shift) as usize % names.len()];
        insert.execute(params![
            row as i64,
            format!("order-{row:08}"),
            uuid(two, three),
            customer as i64,
            format!("{}.{}{customer}@{}", pick(&FIRST, 0), pick(&LAST, 8), pick(&HOST, 16)),
            placed as i64,
            (placed + (two >> 40) % 172_800) as i64,
            STATUS[(two % 5) as usize],
            (three % 100_000) as f64 / 4.0,
            (one >> 40) as i64 % 17,
            format!("{:016x}", mixed(one ^ three)),
            format!("a note about order {row}, of the usual length: what was wished for, when it was, by whom, and how it was sent"),
        ])?;
    }
    Ok(())
}

/// A UUID of version 4 as its 16 bytes (RFC 9562, section 5.4).
fn uuid(high: u64, low: u64) -> [u8; 16] {
    let high = high & !0xf000 | 0x4000;
    let low = low >> 2 | 1 << 63;
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// The finalizer of SplitMix64: every input its own output, in no order.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn ordered_rows(sql: &Connection, rows: u64) -> Outcome<()> {
    sql.execute_batch(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO orders SELECT i, printf('order-%08d', i), (i * 7919) % 400000, 1700000000 + (i * 31) % 40000000,
           CASE i % 5 WHEN 0 THEN 'open' WHEN 1 THEN 'paid' WHEN 2 THEN 'shipped' WHEN 3 THEN 'returned' ELSE 'closed' END,
           (i % 100000) / 4.0, i % 17, printf('a note about order %d, which is of the usual length and says what was wished for, when it was, by whom, and how it was sent out in the end', i),
           printf('%016x', i * 2654435761) FROM n;"
    ))?;
    Ok(())
}

/// Changes the key of row 300 in the index by_reference only: its last digit, after which it still stands in order, as
/// references are far apart; or its first one, after which it does not.
pub(crate) fn spoil(file: &Path, disordered: bool) -> Outcome<()> {
    use std::os::unix::fs::FileExt;
    let sql = Connection::open(file)?;
    let reference: String = sql.query_row("SELECT reference FROM orders WHERE id = 300", [], |row| row.get(0))?;
    drop(sql);
    let file = std::fs::OpenOptions::new().read(true).write(true).open(file)?;
    // The entry: a text key followed by the rowid 300 (0x012c).
    let mut needle = reference.clone().into_bytes();
    needle.extend_from_slice(&[0x01, 0x2c]);
    let size = file.metadata()?.len();
    let mut chunk = vec![0; 4096];
    for page in 0..size / 4096 {
        file.read_exact_at(&mut chunk, page * 4096)?;
        if let Some(at) = chunk.windows(needle.len()).position(|window| window == needle) {
            let byte = if disordered { at } else { at + reference.len() - 1 };
            let new = match chunk[byte] {
                _ if disordered => b'~',
                b'f' => b'e',
                b'9' => b'a',
                digit => digit + 1,
            };
            file.write_all_at(&[new], page * 4096 + byte as u64)?;
            println!("page {}: the key of row 300 in by_reference was {reference}", page + 1);
            return Ok(());
        }
    }
    Err("the entry was not found".into())
}
