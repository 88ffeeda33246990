//! The shop's SQLite database: what it holds when all is well. It is a plain file, so that anybody can break it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

const WELL: &str = r##"
create table accounts (id integer primary key, email text not null unique, created_at text not null);
create table designs (id text primary key, name text not null, layers text not null check (json_valid(layers)));
create table meanings (design text primary key references designs (id), body text not null);
create table jobs (id integer primary key, design text not null references designs (id), state text not null);

insert into accounts (email, created_at) values
  ('ada@shop.example', '2026-01-09T08:30:00Z'),
  ('grace@shop.example', '2026-03-21T19:05:00Z'),
  ('timothy@shop.example', '2026-10-02T11:45:00Z');
insert into designs (id, name, layers) values
  ('7d0bd618', 'Timothy', '[{"name":"outline","colour":"#1b1b1b","ink_ml":4.2},{"name":"gold","colour":"#c9a227","ink_ml":1.1}]'),
  ('c41f02aa', 'Phoebe',  '[{"name":"outline","colour":"#1b1b1b","ink_ml":3.7},{"name":"moon","colour":"#e8e4d8","ink_ml":2.5}]');
insert into meanings (design, body) values
  ('7d0bd618', 'One who honours what was entrusted to him; the lantern stands for a watch kept through the night.'),
  ('c41f02aa', 'The bright one; the crescent recalls light that is lent and given back.');
insert into jobs (design, state) values ('7d0bd618', 'queued'), ('c41f02aa', 'queued'), ('7d0bd618', 'printed');
"##;

/// A design as the pages need it.
pub(super) struct Design {
    pub(super) id: String,
    pub(super) name: String,
    /// The layers as JSON text, as the column holds them.
    pub(super) layers: String,
    /// Empty if the table has none.
    pub(super) meaning: String,
}

/// Makes the database, or puts a broken one back as it was. Every change is in one transaction.
pub(super) fn fill(file: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open(file)?;
    let all = connection.transaction()?;
    all.execute_batch(
        "drop table if exists jobs; drop table if exists meanings; drop table if exists designs; drop table if exists accounts;",
    )?;
    all.execute_batch(WELL)?;
    all.commit()
}

/// Runs one breaking statement, as a bad migration would.
pub(super) fn run(file: &Path, statements: &str) -> rusqlite::Result<()> {
    Connection::open(file)?.execute_batch(statements)
}

/// Writes a consistent copy, as a backup job would.
pub(super) fn copy(file: &Path, to: &Path) -> rusqlite::Result<()> {
    Connection::open(file)?.execute("vacuum into ?1", [to.to_string_lossy()]).map(drop)
}

/// What one request reads.
pub(super) struct Reader(Connection);

impl Reader {
    /// Opens the file for reading only. A file that is not there is an error, never a new database.
    pub(super) fn open(file: &Path) -> rusqlite::Result<Reader> {
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map(Reader)
    }

    /// Every design, by name.
    pub(super) fn designs(&self) -> rusqlite::Result<Vec<(String, String)>> {
        let mut query = self.0.prepare("select id, name from designs order by name")?;
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// One design.
    pub(super) fn design(&self, id: &str) -> rusqlite::Result<Option<Design>> {
        self.0
            .query_row(
                "select id, name, layers, coalesce((select body from meanings where design = id), '') \
                 from designs where id = ?1",
                [id],
                |row| Ok(Design { id: row.get(0)?, name: row.get(1)?, layers: row.get(2)?, meaning: row.get(3)? }),
            )
            .optional()
    }

    /// How many jobs are queued, and how many were printed.
    pub(super) fn queue(&self) -> rusqlite::Result<(i64, i64)> {
        self.0.query_row(
            "select count(*) filter (where state = 'queued'), count(*) filter (where state = 'printed') from jobs",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}
