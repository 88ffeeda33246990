//! The kind `sql` on real SQLite files.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use steadfast_core::secret::Text;

use crate::scene::{Scene, read, try_read};

const COUNT: &str = "database = 'shop.db'\nquery = 'select count(*) from accounts'\n";

fn check(scene: &Scene, table: &str, expected: &str) {
    assert_eq!(scene.said("sql", table), expected, "{table}");
}

fn shop(scene: &Scene) -> Connection {
    let connection = Connection::open(scene.root().join("shop.db")).unwrap();
    let tables = "create table accounts(id integer primary key, name text, joined text, photo blob);
         insert into accounts values (1, 'Timothy', '2026-11-22 10:00:00', x'00ff'), (2, 'Ada', '2026-11-21 10:00:00', null);
         create index by_name on accounts(name);
         create view names as select name from accounts;";
    connection.execute_batch(tables).unwrap();
    connection
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_wiped_database_is_seen() {
    let scene = Scene::new();
    let shop = shop(&scene);
    let table = format!("{COUNT}expect.scalar = {{ at_least = 1 }}\nexpect.tables = ['accounts', 'names']");
    check(&scene, &table, "pass");
    shop.execute_batch("delete from accounts").unwrap();
    check(&scene, &table, "fail out-of-bounds");
    shop.execute_batch("drop view names; drop table accounts").unwrap();
    check(&scene, &table, "fail query-failed");
    check(&scene, "database = 'shop.db'\nexpect.tables = ['accounts']", "fail missing");
    drop(shop);
    scene.write("shop.db", "");
    check(&scene, &table, "fail query-failed");
}

#[test]
fn columns_are_held_to_be_there() {
    let scene = Scene::new();
    let connection = shop(&scene);
    let columns = "database = 'shop.db'\nexpect.columns = { accounts = ['id', 'photo'], names = ['name'] }";
    check(&scene, columns, "pass");
    connection.execute_batch("alter table accounts drop column photo").unwrap();
    check(&scene, columns, "fail missing");
    check(&scene, "database = 'shop.db'\nexpect.columns = { gone = ['id'] }", "fail missing");
}

#[test]
fn a_row_is_judged_by_its_columns() {
    let scene = Scene::new();
    shop(&scene);
    let row = "database = 'shop.db'\nquery = 'select * from accounts order by id'\n";
    check(
        &scene,
        &format!(
            "{row}expect.row = {{ name = 'Timothy', id = 1, photo = {{ contains = '(2 bytes)' }} }}\nexpect.rows = 2"
        ),
        "pass",
    );
    check(&scene, &format!("{row}expect.row = {{ Name = 'Timothy' }}"), "fail missing");
    check(&scene, &format!("{row}expect.row = {{ id = '1' }}"), "fail unequal");
    check(&scene, &format!("{row}expect.rows = {{ at_least = 3 }}"), "fail out-of-bounds");
    check(&scene, &format!("{row}expect.newest = {{ column = 'joined', younger_than = '30000d' }}"), "fail no-date");
    check(
        &scene,
        &format!("{row}expect.newest = {{ column = 'joined', younger_than = '30000d', zone = 'UTC' }}"),
        "pass",
    );
    check(
        &scene,
        &format!("{row}expect.newest = {{ column = 'joined', younger_than = '1s', zone = 'UTC' }}"),
        "fail too-old",
    );
    let none = "database = 'shop.db'\nquery = 'select id from accounts where id > 9'\n";
    check(&scene, &format!("{none}expect.scalar = {{ above = 0 }}"), "fail missing");
    check(&scene, &format!("{none}expect.rows = 0"), "pass");
}

#[test]
fn nothing_is_ever_written_and_nothing_created() {
    let scene = Scene::new();
    let connection = shop(&scene);
    let before = std::fs::read(scene.root().join("shop.db")).unwrap();
    for query in [
        "insert into accounts values (9, null, null, null)",
        "delete from accounts returning id",
        "update accounts set name = null",
        "create table t(x)",
        "create temp table t(x)",
        "drop table accounts",
        "attach 'other.db' as other",
        "pragma query_only = off",
        "pragma journal_mode = wal",
        "pragma user_version = 3",
        "pragma writable_schema = on",
        "vacuum into 'copy.db'",
        "begin immediate",
        "analyze",
        "reindex",
    ] {
        let table = format!("database = 'shop.db'\nquery = \"{query}\"\nexpect.rows = 0");
        check(&scene, &table, "unknown not-read-only");
    }
    check(
        &scene,
        "database = 'shop.db'\nquery = 'select 1; delete from accounts'\nexpect.rows = 1",
        "unknown not-read-only",
    );
    check(&scene, "database = 'gone.db'\nquery = 'select 1'\nexpect.rows = 1", "fail file-missing");
    // Built without it: there is no such function.
    check(&scene, "database = 'shop.db'\nquery = \"select load_extension('x')\"\nexpect.rows = 1", "fail query-failed");
    drop(connection);
    assert_eq!(std::fs::read(scene.root().join("shop.db")).unwrap(), before);
    assert_eq!(names_in(scene.root()), ["shop.db"]);
}

#[test]
fn pragmas_that_only_read_may_be_asked() {
    let scene = Scene::new();
    shop(&scene);
    for query in
        ["pragma quick_check", "pragma integrity_check(5)", "select 'ok' from pragma_table_info('accounts') limit 1"]
    {
        check(&scene, &format!("database = 'shop.db'\nquery = \"{query}\"\nexpect.scalar = 'ok'"), "pass");
    }
    check(&scene, "database = 'shop.db'\nquery = 'pragma user_version'\nexpect.scalar = 0", "pass");
}

#[test]
fn a_locked_database_is_unknown_and_a_slow_query_is_ended() {
    let mut scene = Scene::new();
    let connection = shop(&scene);
    connection.execute_batch("begin exclusive; delete from accounts").unwrap();
    // The wait for the lock ends after 80 % of this: the rest is for a busy machine to say so in.
    scene.timeout = Some(Duration::from_secs(4));
    check(&scene, &format!("{COUNT}expect.scalar = 2"), "unknown database-busy");
    connection.execute_batch("rollback").unwrap();
    check(&scene, &format!("{COUNT}expect.scalar = 2"), "pass");
    scene.timeout = Some(Duration::from_millis(500));

    let began = Instant::now();
    let endless = "database = 'shop.db'\nquery = 'with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n'\nexpect.rows = 1";
    check(&scene, endless, "fail timeout");
    (scene.timeout, scene.deadline) = (None, Some(Duration::from_millis(300)));
    check(&scene, endless, "unknown run-deadline");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_database_in_wal_mode_is_read_with_what_is_not_yet_checkpointed() {
    let scene = Scene::new();
    let writer = shop(&scene);
    writer.pragma_update(None, "journal_mode", "wal").unwrap();
    writer.execute_batch("insert into accounts values (3, 'Eve', null, null)").unwrap();
    check(&scene, &format!("{COUNT}expect.scalar = 3"), "pass");
    drop(writer);
    let before = std::fs::read(scene.root().join("shop.db")).unwrap();
    check(&scene, &format!("{COUNT}expect.scalar = 3"), "pass");
    assert_eq!(std::fs::read(scene.root().join("shop.db")).unwrap(), before);
    for left in ["shop.db-wal", "shop.db-shm"] {
        // What the manual says of them: they may stay, without content of their own.
        let wal = std::fs::metadata(scene.root().join(left)).map(|meta| meta.len()).unwrap_or(0);
        assert!(left.ends_with("shm") || wal == 0, "{left} holds {wal} bytes");
    }
}

#[test]
fn a_file_that_is_no_database_or_a_damaged_one_fails() {
    let scene = Scene::new();
    scene.write("shop.db", "this is a text that somebody wrote over the database\n".repeat(40));
    check(&scene, &format!("{COUNT}expect.scalar = 2"), "fail not-a-database");
    std::fs::create_dir(scene.root().join("folder")).unwrap();
    check(&scene, "database = 'folder'\nexpect.tables = ['a']", "fail not-a-database");
    std::fs::remove_file(scene.root().join("shop.db")).unwrap();
    let connection = shop(&scene);
    connection.execute_batch("insert into accounts select value, hex(randomblob(200)), null, null from generate_series(10, 400)").unwrap_or_else(|_| {
        let many = "with recursive n(i) as (select 10 union all select i + 1 from n where i < 400) insert into accounts select i, hex(randomblob(200)), null, null from n";
        connection.execute_batch(many).unwrap();
    });
    drop(connection);
    let path = scene.root().join("shop.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = 8 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    check(
        &scene,
        "database = 'shop.db'\nquery = 'select sum(length(name)) from accounts'\nexpect.rows = 1",
        "fail database-corrupt",
    );
}

#[test]
fn many_rows_and_long_texts_are_bounded_and_the_bound_is_said() {
    let scene = Scene::new();
    shop(&scene);
    let many = "database = 'shop.db'\nquery = 'with recursive n(i) as (select 1 union all select i + 1 from n where i < 100005) select i from n'\n";
    check(&scene, &format!("{many}expect.rows = {{ at_least = 5 }}"), "pass");
    check(&scene, &format!("{many}expect.rows = 100005"), "unknown beyond-the-cut");
    check(&scene, &format!("{many}expect.rows = {{ at_most = 5 }}"), "fail out-of-bounds");
    let long = "database = 'shop.db'\nquery = \"select 'begin' || hex(zeroblob(100000)) || 'end' as text\"\n";
    check(&scene, &format!("{long}expect.scalar = {{ contains = 'begin' }}"), "pass");
    check(&scene, &format!("{long}expect.scalar = {{ contains = 'end' }}"), "unknown beyond-the-cut");
    let stored = serde_json::to_string(&scene.look(&*read("sql", &format!("{many}expect.rows = 1"))).stored()).unwrap();
    assert!(stored.len() < 2_000, "{} bytes", stored.len());
}

#[test]
fn a_closed_world_asks_only_the_restored_copy() {
    let (mut scene, production) = (Scene::new(), Scene::new());
    shop(&production);
    let live = production.root().join("shop.db").display().to_string();
    scene.targets.insert("db".into(), Text::Literal(live.clone()));
    let targets = scene.targets.clone();
    let table = "database = { target = 'db' }\nquery = 'select count(*) from accounts'\nexpect.scalar = 2";
    check(&scene, table, "pass");
    scene.routes = std::mem::take(&mut scene.routes).closed();
    check(&scene, table, "unknown not-in-this-world");
    scene.routes.add("db", "restored/shop.db", &targets).unwrap();
    check(&scene, table, "fail file-missing");
    std::fs::create_dir(scene.root().join("restored")).unwrap();
    std::os::unix::fs::symlink(&live, scene.root().join("restored/shop.db")).unwrap();
    check(&scene, table, "unknown not-in-this-world");
    std::fs::remove_file(scene.root().join("restored/shop.db")).unwrap();
    std::fs::copy(&live, scene.root().join("restored/shop.db")).unwrap();
    check(&scene, table, "pass");
}

#[test]
fn what_init_proposes_for_a_database_catches_every_impostor() {
    let scene = Scene::new();
    shop(&scene);
    let check = read("sql", &format!("{COUNT}expect.rows = 1"));
    let green = scene.look(&*check);
    let suggestion = check.propose(&[&green, &green], &[]).unwrap();
    insta::assert_compact_json_snapshot!(suggestion.expect, @r#"{"scalar": {"at_least": 1}}"#);
}

#[test]
fn combinations_that_cannot_be_meant_are_refused() {
    let check = |table: &str, what: &str| {
        let kind = steadfast_checks::kinds::kind_named("sql").unwrap();
        match try_read(kind, table) {
            Ok(_) => panic!("{table} was read"),
            Err(problems) => assert!(problems.iter().any(|p| p.what.contains(what)), "{table}: {problems:#?}"),
        }
    };
    check("expect.tables = ['a']", "`database` is missing");
    check("database = 'a.db'\nexpect.scalar = 1", "`scalar` without a `query`");
    check("database = 'a.db'\nquery = 'select 1'\nexpect.tables = ['a']", "no expectation reads");
    check("database = 'a.db'\nquery = ' '\nexpect.rows = 1", "an empty query");
    check("database = 'a.db'\nquery = \"select 1\\u0000\"\nexpect.rows = 1", "a NUL in the query");
    check("database = 'a.db'\nexpect.tables = ['']", "without a name");
    check("database = 'a.db'\nquery = 'select 1'\nexpect.rows = { at_least = 0 }", "at least 0");
    check("database = 'a.db'\nquery = 'select 1'\nexpect.newest = { zone = 'UTC' }", "`younger_than` is missing");
    check("database = 'a.db'\nquery = 'select 1'\nexpect = {}", "no expectation");
}
