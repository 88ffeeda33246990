//! The kind `sql` on a real Postgres: what it sees, who is to blame, and that it changes nothing.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use scenarios::certificates::Certificates;
use scenarios::pgbouncer::PgBouncer;
use scenarios::postgres::{Options, Postgres};
use serde_json::{Value, json};
use steadfast_core::secret::Text;

use crate::scene::{Scene, read, try_read};

/// A cluster with the database `shop`.
fn shop() -> Postgres {
    let postgres = Postgres::start();
    postgres.create("shop");
    let tables = "create table accounts(id int primary key, name text, joined timestamptz);
         insert into accounts values (1, 'Timothy', now()), (2, 'Ada', now() - interval '40 days');
         create schema auth; create table auth.sessions(id int, user_id int, expires_at timestamptz);
         create view names as select name from accounts; create materialized view many as select 1 as one;
         create table orders(id int, day date) partition by range (day);";
    postgres.sql("shop", tables);
    postgres
}

#[track_caller]
fn check(scene: &Scene, url: &str, rest: &str, expected: &str) {
    let table = format!("database = \"{url}\"\n{rest}");
    let verdict = scene.verdict("sql", &table);
    let codes: Vec<&str> = verdict.findings().iter().map(|finding| &*finding.code).collect();
    assert_eq!(format!("{} {}", verdict.word(), codes.join(" ")).trim_end(), expected, "{table}\n{verdict:#?}");
}

const COUNT: &str = "query = 'select count(*) from accounts'\nexpect.scalar = 2";

#[test]
fn a_wiped_database_is_seen() {
    let (scene, postgres) = (Scene::new(), shop());
    let url = postgres.url("shop");
    let wiped = "query = 'select count(*) from accounts'\nexpect.scalar = { at_least = 1 }\nexpect.tables = ['accounts', 'names']";
    check(&scene, &url, wiped, "pass");
    postgres.sql("shop", "delete from accounts");
    check(&scene, &url, wiped, "fail out-of-bounds");
    postgres.sql("shop", "drop view names; drop table accounts");
    check(&scene, &url, wiped, "fail query-failed");
    check(&scene, &url, "expect.tables = ['accounts']", "fail missing");
}

#[test]
fn tables_and_columns_are_found_across_schemas() {
    let (scene, postgres) = (Scene::new(), shop());
    let url = postgres.url("shop");
    let all = "expect.tables = ['accounts', 'public.accounts', 'auth.sessions', 'names', 'many', 'orders']";
    check(&scene, &url, all, "pass");
    check(&scene, &url, "expect.tables = ['sessions']", "fail missing");
    check(&scene, &format!("{url}?options=-c%20search_path%3Dauth"), "expect.tables = ['sessions']", "pass");
    check(&scene, &format!("{url}?options=-c%20search_path%3Dauth"), "expect.tables = ['accounts']", "fail missing");
    check(&scene, &url, "expect.tables = ['Accounts']", "fail missing");
    check(&scene, &url, "expect.tables = ['pg_class']", "fail missing");
    let columns =
        "expect.columns = { accounts = ['id', 'joined'], 'auth.sessions' = ['expires_at'], names = ['name'] }";
    check(&scene, &url, columns, "pass");
    postgres.sql("shop", "alter table auth.sessions drop column expires_at");
    check(&scene, &url, columns, "fail missing");
    check(&scene, &url, "expect.columns = { gone = ['id'] }", "fail missing");
}

#[test]
fn a_row_is_judged_by_its_columns_and_the_newest_by_its_age() {
    let (scene, postgres) = (Scene::new(), shop());
    let url = postgres.url("shop");
    let row = "query = 'select * from accounts order by id'\n";
    check(&scene, &url, &format!("{row}expect.row = {{ id = 1, name = 'Timothy' }}\nexpect.rows = 2"), "pass");
    check(&scene, &url, &format!("{row}expect.row = {{ id = '1' }}"), "fail unequal");
    check(&scene, &url, &format!("{row}expect.row = {{ nobody = '1' }}"), "fail missing");
    let newest = |query: &str, age: &str| format!("query = '{query}'\nexpect.newest = {{ younger_than = '{age}' }}");
    check(&scene, &url, &newest("select max(joined) from accounts", "1h"), "pass");
    check(&scene, &url, &newest("select min(joined) from accounts", "1h"), "fail too-old");
    check(&scene, &url, &newest("select max(joined) from accounts where id > 9", "1h"), "fail null");
    check(&scene, &url, &newest("select localtimestamp", "1h"), "fail no-date");
    check(&scene, &url, &newest("select joined from accounts where id > 9", "1h"), "fail missing");
}

/// What the first row of a query is seen as.
#[track_caller]
fn sees(scene: &Scene, url: &str, query: &str, expected: Value) {
    let table = json!({ "database": url, "query": query, "expect": { "rows": 1 } });
    let kind = steadfast_checks::kinds::kind_named("sql").unwrap();
    let check = crate::scene::try_read_json(kind, &table).unwrap();
    let stored = serde_json::to_value(scene.look(&*check).stored()).unwrap();
    let first = stored.pointer("/outcome/seen/answer/first/0").cloned().unwrap_or_else(|| panic!("{stored:#}"));
    assert_eq!(first, expected, "{query}");
}

#[test]
fn each_type_is_seen_without_loss() {
    let (scene, postgres) = (Scene::new(), shop());
    let url = postgres.url("shop");
    postgres.sql(
        "shop",
        "create type mood as enum ('sad', 'happy'); create domain price as numeric check (value > 0);
         create domain prices as price[]; create type pair as (a int, b text)",
    );
    for (query, expected) in [
        ("select 1::int2, 2::int4, 9223372036854775807::int8, 7::oid", json!([1, 2, i64::MAX, 7])),
        ("select true, false, null::bool", json!([true, false, null])),
        ("select 0.1::float8, 1e-7::float8, 'NaN'::float8, 0.1::float4", json!([0.1, 1e-7, "NaN", 0.1])),
        ("select 1.5::numeric, 12::numeric, 1e30::numeric", json!([1.5, 12, 1e30])),
        ("select 0.1000000000000000000001::numeric", json!(["0.1000000000000000000001"])),
        (
            "select timestamptz '2026-11-22 11:00:00.25+01', timestamp '2026-11-22 11:00:00', date '2026-11-22'",
            json!(["2026-11-22T10:00:00.25Z", "2026-11-22 11:00:00", "2026-11-22"]),
        ),
        ("select 'infinity'::timestamptz, interval '1 day 2 hours'", json!(["infinity", "1 day 02:00:00"])),
        ("select '{\"a\": [1, 2.5, null]}'::jsonb, 'null'::json", json!([{ "a": [1, 2.5, null] }, null])),
        (
            "select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, inet '10.0.0.1/8'",
            json!(["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "10.0.0.1/8"]),
        ),
        (
            "select array[1, null, 3], array['a', 'b, \"c\"'], '{}'::int[], array[[true], [false]]",
            json!([[1, null, 3], ["a", "b, \"c\""], [], [[true], [false]]]),
        ),
        ("select '\\x'::bytea, length('\\x00ff'::bytea)", json!(["", 2])),
        ("select 'happy'::mood, array['sad']::mood[]", json!(["happy", ["sad"]])),
        ("select 2.5::price, array[1.5]::price[], array[2.5, 3]::prices", json!([2.5, [1.5], [2.5, 3]])),
        ("select row(1, 'x')::pair, int4range(1, 3), 'ä'::text, ''::text", json!(["(1,x)", "[1,3)", "ä", ""])),
        ("select 1 as a, 2 as a, 3", json!([1, 2, 3])),
        ("values (1, 'one')", json!([1, "one"])),
        ("with n as (select 4 as four) select * from n -- the end", json!([4])),
        ("(table many);", json!([1])),
    ] {
        sees(&scene, &url, query, expected);
    }
    check(&scene, &url, "query = \"select decode('00ff', 'hex')\"\nexpect.scalar = { contains = '(2 bytes)' }", "pass");
}

#[test]
fn nothing_is_ever_written_and_no_second_statement_run() {
    let (scene, postgres) = (Scene::new(), shop());
    let url = postgres.url("shop");
    postgres.sql(
        "shop",
        "create function spoil() returns int language sql as 'delete from accounts returning 1'; create sequence s",
    );
    let dump = || postgres.sql("shop", "select string_agg(a::text, ',' order by id) from accounts a");
    let before = dump();
    for query in [
        "insert into accounts values (9)",
        "delete from accounts returning id",
        "create table t(x int)",
        "create temp table t(x int)",
        "copy accounts to program 'touch x'",
        "do $$ begin delete from accounts; end $$",
        "commit",
        "set transaction read write",
        "lock accounts",
        "vacuum",
        "explain analyze delete from accounts",
        "with gone as (delete from accounts returning id) select * from gone",
        "select * into t from accounts",
        "select * from accounts for update",
        "select spoil()",
        "select nextval('s')",
        "select 1; delete from accounts",
        "select 1; commit; delete from accounts",
    ] {
        check(&scene, &url, &format!("query = \"{query}\"\nexpect.rows = 1"), "unknown not-read-only");
    }
    check(&scene, &url, "query = 'select pg_notify($$x$$, $$y$$)'\nexpect.rows = 1", "pass");
    check(&scene, &url, "query = 'select $1::int'\nexpect.rows = 1", "fail query-failed");
    check(&scene, &url, "query = 'select 1) q on false; --'\nexpect.rows = 1", "fail query-failed");
    assert_eq!(dump(), before);
    assert_eq!(postgres.sql("shop", "select last_value, is_called from s"), "1|f");
}

#[test]
fn many_rows_and_long_values_are_bounded_and_the_bound_is_said() {
    let (scene, postgres) = (Scene::new(), shop());
    let url = postgres.url("shop");
    let many = |expect: &str| format!("query = 'select n from generate_series(1, 100005) n'\nexpect.rows = {expect}");
    check(&scene, &url, &many("{ at_least = 5 }"), "pass");
    check(&scene, &url, &many("100005"), "unknown beyond-the-cut");
    check(&scene, &url, &many("{ at_most = 5 }"), "fail out-of-bounds");
    check(&scene, &url, "query = 'select n from generate_series(1, 100000) n'\nexpect.rows = 100000", "pass");
    check(&scene, &url, "query = 'select n from generate_series(1, 11) n'\nexpect.rows = 11", "pass");
    let long = "query = \"select 'begin' || repeat('x', 100000) || 'end'\"\n";
    check(&scene, &url, &format!("{long}expect.scalar = {{ contains = 'begin' }}"), "pass");
    check(&scene, &url, &format!("{long}expect.scalar = {{ contains = 'end' }}"), "unknown beyond-the-cut");
    let huge = "query = \"select repeat('x', 30000000)\"\nexpect.rows = 1";
    check(&scene, &url, huge, "unknown beyond-the-cut");
}

fn with_password() -> Postgres {
    let postgres = Postgres::with(&Options { password: Some("correct-horse".into()), ..Options::default() });
    postgres.sql("postgres", "create role watcher login password 'w4tching-eyes'; create table t(x int)");
    postgres
}

#[test]
fn the_password_comes_from_where_the_configuration_says_and_is_never_kept() {
    let postgres = with_password();
    let mut scene = Scene::new();
    let url = format!("postgres://watcher@127.0.0.1:{}/postgres", postgres.port());
    let one = "query = 'select 1'\nexpect.scalar = 1";
    check(&scene, &url, one, "unknown missing-secret");
    check(&scene, &url, &format!("password = {{ env = 'PW' }}\n{one}"), "unknown missing-secret");
    scene.secrets.insert("PW".into(), "w4tching-eyes".into());
    check(&scene, &url, &format!("password = {{ env = 'PW' }}\n{one}"), "pass");
    scene.secrets.insert("PW".into(), "wrong-password".into());
    check(&scene, &url, &format!("password = {{ env = 'PW' }}\n{one}"), "fail sign-in-failed");
    scene.secrets.insert("PW".into(), "abc".into());
    check(&scene, &url, &format!("password = {{ env = 'PW' }}\n{one}"), "unknown short-secret");

    // The variables count only where the configuration asks for them.
    scene.secrets.insert("PGPASSWORD".into(), "w4tching-eyes".into());
    check(&scene, &url, one, "unknown missing-secret");
    check(&scene, &url, &format!("libpq_defaults = true\n{one}"), "pass");
    scene.secrets.remove("PGPASSWORD");
    scene.secrets.insert("HOME".into(), scene.root().display().to_string());
    let file = scene.write(".pgpass", "*:*:*:watcher:w4tching-eyes\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(&scene, &url, &format!("libpq_defaults = true\n{one}"), "unknown missing-secret");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    check(&scene, &url, &format!("libpq_defaults = true\n{one}"), "pass");
    check(&scene, &format!("{url}?passfile=.pgpass"), one, "pass");
    for (name, value) in [
        ("PGPORT", postgres.port().to_string()),
        ("PGHOST", "127.0.0.1".into()),
        ("PGUSER", "watcher".into()),
        ("PGDATABASE", "postgres".into()),
    ] {
        scene.secrets.insert(name.into(), value);
    }
    check(&scene, "postgres://", &format!("libpq_defaults = true\n{one}"), "pass");

    // A password in a URL, percent-encoded, and a server that repeats what it was sent.
    postgres.sql("postgres", "alter role watcher password 'w4tching/eyes'");
    let whole = format!("postgres://watcher:w4tching%2Feyes@127.0.0.1:{}/postgres", postgres.port());
    scene.secrets.insert("URL".into(), whole);
    let check = read("sql", "database = { env = 'URL' }\nquery = \"select 'w4tching/eyes'\"\nexpect.scalar = 'x'");
    let sighting = scene.look(&*check);
    let kept = format!("{} {:?}", serde_json::to_string(&sighting.stored()).unwrap(), check.judge(&sighting));
    assert!(kept.contains("first") && !kept.contains("w4tching"), "{kept}");
}

#[test]
fn each_way_of_not_getting_in_is_told_apart() {
    let mut postgres = with_password();
    postgres.sql(
        "postgres",
        "create database closed; revoke connect on database closed from public;
         create role nobody_in nologin password 'correct-horse'",
    );
    let mut scene = Scene::new();
    scene.secrets.extend([("PW".to_owned(), "w4tching-eyes".to_owned()), ("SUPER".into(), "correct-horse".into())]);
    let as_ = |user: &str, database: &str, secret: &str, rest: &str| {
        let url = format!("postgres://{user}@127.0.0.1:{}/{database}", postgres.port());
        (url, format!("password = {{ env = '{secret}' }}\n{rest}"))
    };
    let one = "query = 'select 1'\nexpect.scalar = 1";
    for (user, database, secret, rest, expected) in [
        ("watcher", "postgres", "PW", one, "pass"),
        ("watcher", "postgres", "SUPER", one, "fail sign-in-failed"),
        ("nobody", "postgres", "PW", one, "fail sign-in-failed"),
        ("nobody_in", "postgres", "SUPER", one, "fail sign-in-failed"),
        ("watcher", "gone", "PW", one, "fail no-such-database"),
        ("watcher", "closed", "PW", one, "unknown permission-denied"),
        ("watcher", "postgres", "PW", "query = 'select x from t'\nexpect.rows = 0", "unknown permission-denied"),
        ("watcher", "postgres", "PW", "expect.tables = ['t']", "pass"),
        ("watcher", "postgres", "PW", "query = 'select x from u'\nexpect.rows = 0", "fail query-failed"),
        ("watcher", "postgres", "PW", "query = 'select 1/0'\nexpect.rows = 0", "fail query-failed"),
        ("watcher", "postgres", "PW", "query = 'selec 1'\nexpect.rows = 0", "unknown not-read-only"),
        ("watcher", "postgres", "PW", "query = 'select from where'\nexpect.rows = 0", "fail query-failed"),
    ] {
        let (url, rest) = as_(user, database, secret, rest);
        check(&scene, &url, &rest, expected);
    }
    let (url, rest) = as_("watcher", "postgres", "PW", one);
    {
        // The server counts a session until its process is gone, which is later than the client's end of it.
        scenarios::patience::until("the end of the sessions before", || {
            let left = postgres.sql("postgres", "select count(*) from pg_stat_activity where usename = 'watcher'");
            if left == "0" { Ok(()) } else { Err(left) }
        });
        postgres.sql("postgres", "alter role watcher connection limit 1");
        let _held = Held::sign_in(&postgres, "watcher", "w4tching-eyes");
        check(&scene, &url, &rest, "fail too-many-connections");
    }
    postgres.stop();
    check(&scene, &url, &rest, "fail refused");
}

/// A session of psql that stays, and may be in the middle of something.
struct Held(std::process::Child);

impl Held {
    fn sign_in(postgres: &Postgres, user: &str, password: &str) -> Held {
        Held::run(postgres, user, password, "select pg_sleep(600)")
    }

    fn run(postgres: &Postgres, user: &str, password: &str, sql: &str) -> Held {
        let port = postgres.port().to_string();
        let child = std::process::Command::new(scenarios::postgres::programs().join("psql"))
            .args(["-X", "-q", "-h", "127.0.0.1", "-p", &port, "-U", user, "-d", "postgres", "-c", sql])
            .env("PGPASSWORD", password)
            .env("PGAPPNAME", "held")
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        scenarios::patience::until("the held session", || {
            let active =
                "select count(*) from pg_stat_activity where application_name = 'held' and wait_event = 'PgSleep'";
            if postgres.sql("postgres", active) == "1" { Ok(()) } else { Err("not yet".to_owned()) }
        });
        Held(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_lock_is_busy_and_a_slow_query_is_ended_on_the_server_too() {
    let postgres = Postgres::start();
    postgres.sql("postgres", "create table t(x int)");
    let mut scene = Scene::new();
    let url = postgres.url("postgres");
    let held = Held::run(&postgres, "postgres", "", "begin; lock t; select pg_sleep(600)");
    scene.timeout = Some(Duration::from_secs(5));
    check(&scene, &url, "query = 'select count(*) from t'\nexpect.scalar = 0", "unknown database-busy");
    drop(held);
    let began = Instant::now();
    let sleeps = "query = 'select pg_sleep(300)'\nexpect.rows = 1";
    scene.timeout = Some(Duration::from_secs(1));
    check(&scene, &url, sleeps, "fail timeout");
    (scene.timeout, scene.deadline) = (None, Some(Duration::from_secs(1)));
    check(&scene, &url, sleeps, "unknown run-deadline");
    assert!(began.elapsed() < Duration::from_secs(60));
    scenarios::patience::until("no query left behind", || {
        let left = "select count(*) from pg_stat_activity where application_name = 'steadfast'";
        if postgres.sql("postgres", left) == "0" { Ok(()) } else { Err("one is left".to_owned()) }
    });
}

#[test]
fn a_query_that_is_cancelled_or_whose_server_goes_away_is_told_apart() {
    let postgres = Postgres::start();
    let scene = Scene::new();
    let url = postgres.url("postgres");
    let sleeps = "query = 'select pg_sleep(300)'\nexpect.rows = 1";
    for (function, expected) in
        [("pg_cancel_backend", "unknown cancelled"), ("pg_terminate_backend", "fail not-accepting")]
    {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let act = format!("select count({function}(pid)) from pg_stat_activity where application_name = 'steadfast' and wait_event = 'PgSleep'");
                scenarios::patience::until("it sleeps", || if postgres.sql("postgres", &act) == "1" { Ok(()) } else { Err("no".to_owned()) });
            });
            let table = format!("database = '{url}'\n{sleeps}");
            assert_eq!(scene.said("sql", &table), expected);
        });
    }
}

/// Passes bytes on to a server, until it is told to cut.
fn wire(to: u16) -> (u16, std::sync::mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (cut, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
        for (mut from, mut to) in [
            (client.try_clone().unwrap(), server.try_clone().unwrap()),
            (server.try_clone().unwrap(), client.try_clone().unwrap()),
        ] {
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
        let _ = told.recv();
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    });
    (port, cut)
}

#[test]
fn a_connection_that_is_cut_in_the_middle_of_a_query_fails() {
    let postgres = Postgres::start();
    let scene = Scene::new();
    let (port, cut) = wire(postgres.port());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let asleep =
                "select count(*) from pg_stat_activity where application_name = 'steadfast' and wait_event = 'PgSleep'";
            scenarios::patience::until("it sleeps", || {
                if postgres.sql("postgres", asleep) == "1" { Ok(()) } else { Err("no".to_owned()) }
            });
            let _ = cut.send(());
        });
        check(
            &scene,
            &format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            "query = 'select pg_sleep(300)'\nexpect.rows = 1",
            "fail reset",
        );
    });
}

#[test]
fn a_server_that_is_starting_up_fails_and_is_not_a_mystery() {
    let mut postgres = Postgres::start();
    postgres.sql("postgres", "create table t(x int)");
    postgres.stop();
    postgres.resume_rejecting();
    check(&Scene::new(), &postgres.url("postgres"), "expect.tables = ['t']", "fail not-accepting");
}

#[test]
fn tls_is_asked_for_as_sslmode_says_and_trouble_with_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::write(folder.path());
    let with = |leaf: &str| Postgres::with(&Options { tls: Some(certificates.leaf(leaf)), ..Options::default() });
    let (good, expired, plain) = (with("good"), with("expired"), Postgres::start());
    let scene = Scene::new();
    scene.write("roots.pem", std::fs::read(certificates.authority()).unwrap());
    let ssl = "query = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'\nexpect.scalar = ";
    let at = |server: &Postgres, rest: &str| format!("postgres://postgres@127.0.0.1:{}/postgres?{rest}", server.port());
    for (server, rest, seen, expected) in [
        (&good, "sslmode=disable", "false", "pass"),
        (&good, "sslmode=prefer", "true", "pass"),
        (&plain, "sslmode=prefer", "false", "pass"),
        (&good, "sslmode=require", "true", "pass"),
        (&plain, "sslmode=require", "true", "fail tls-failed"),
        (&good, "sslmode=verify-full&sslrootcert=roots.pem", "true", "pass"),
        (&good, "sslmode=verify-full", "true", "fail bad-certificate"),
        (&expired, "sslmode=verify-ca&sslrootcert=roots.pem", "true", "fail bad-certificate"),
        (&good, "sslmode=verify-ca&sslrootcert=gone.pem", "true", "unknown local-trouble"),
        (&plain, "channel_binding=require", "true", "unknown sign-in-unknown"),
    ] {
        check(&scene, &at(server, rest), &format!("{ssl}{seen}"), expected);
    }
}

#[test]
fn a_pool_in_transaction_mode_is_left_as_it_was() {
    let postgres = shop();
    postgres.sql("shop", "create type mood as enum ('sad', 'happy')");
    let pool = PgBouncer::before(&postgres);
    let scene = Scene::new();
    let url = pool.url("shop");
    for _ in 0..3 {
        check(&scene, &url, COUNT, "pass");
        check(&scene, &url, "query = \"select 'sad'::mood, array['sad']::mood[]\"\nexpect.scalar = 'sad'", "pass");
        check(&scene, &url, "expect.columns = { 'auth.sessions' = ['user_id'] }", "pass");
        check(&scene, &url, "query = 'delete from accounts'\nexpect.rows = 0", "unknown not-read-only");
        check(&scene, &url, "query = 'select 1/0'\nexpect.rows = 0", "fail query-failed");
    }
    // The one connection of the pool: no setting, statement, cursor or transaction of ours is left on it.
    let left = "select current_setting('default_transaction_read_only'), current_setting('statement_timeout'),
         current_setting('lock_timeout'), (select count(*) from pg_prepared_statements), (select count(*) from pg_cursors)";
    let asked = std::process::Command::new(scenarios::postgres::programs().join("psql"))
        .args(["-X", "-q", "-A", "-t", "-d", &url, "-c", left])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "off|0|0|0|0");
    check(&scene, &pool.url("gone"), COUNT, "fail no-such-database");
}

#[test]
fn a_unix_socket_is_dialled_and_a_closed_world_dials_only_what_is_routed() {
    let (postgres, restored) = (shop(), shop());
    restored.sql("shop", "delete from accounts where id = 2");
    let mut scene = Scene::new();
    let socket = |server: &Postgres| {
        format!("postgres://postgres@/shop?host={}&port={}", server.sockets().display(), server.port())
    };
    check(&scene, &socket(&postgres), COUNT, "pass");
    check(&scene, "postgres://postgres@/shop?host=/nowhere", COUNT, "fail refused");
    scene.targets.insert("db".into(), Text::Literal(postgres.url("shop")));
    let targets = scene.targets.clone();
    let said = |scene: &Scene| scene.said("sql", &format!("database = {{ target = 'db' }}\n{COUNT}"));
    assert_eq!(said(&scene), "pass");
    scene.routes = std::mem::take(&mut scene.routes).closed();
    assert_eq!(said(&scene), "unknown not-in-this-world");
    check(&scene, &postgres.url("shop"), COUNT, "unknown not-in-this-world");
    check(&scene, &socket(&postgres), COUNT, "unknown not-in-this-world");
    for to in [restored.url("shop"), socket(&restored)] {
        scene.routes.add("db", &to, &targets).unwrap();
        assert_eq!(said(&scene), "fail unequal");
    }
    // What stands behind the `?` does not lead out of it, and neither do the variables.
    scene.routes.add("db", &format!("{}?host=127.0.0.2", restored.url("shop")), &targets).unwrap();
    assert_eq!(said(&scene), "unknown not-in-this-world");
    scene.secrets.insert("PGHOST".into(), "127.0.0.1".into());
    scene.secrets.insert("PGPORT".into(), postgres.port().to_string());
    scene.routes.add("db", "postgres://postgres@/shop?host=/nowhere", &targets).unwrap();
    assert_eq!(
        scene.said("sql", &format!("database = {{ target = 'db' }}\nlibpq_defaults = true\n{COUNT}")),
        "fail refused"
    );
}

#[test]
fn what_prove_suggests_for_a_schema_is_its_columns() {
    let (scene, postgres) = (Scene::new(), shop());
    let check = read("sql", &format!("database = '{}'\nexpect.tables = ['accounts']", postgres.url("shop")));
    let green = scene.look(&*check);
    let suggestion = check.propose(&[&green, &green], &[]).unwrap();
    let expected = json!({ "columns": {
        "auth.sessions": ["id", "user_id", "expires_at"], "public.accounts": ["id", "name", "joined"],
        "public.many": ["one"], "public.names": ["name"], "public.orders": ["id", "day"],
    } });
    assert_eq!(suggestion.expect, expected);
}

#[test]
fn addresses_that_cannot_be_meant_are_refused() {
    static KIND: LazyLock<&dyn steadfast_core::check::AnyKind> =
        LazyLock::new(|| steadfast_checks::kinds::kind_named("sql").unwrap());
    let check = |table: &str, what: &str| match try_read(*KIND, table) {
        Ok(_) => panic!("{table} was read"),
        Err(problems) => {
            let said = format!("{problems:?}");
            assert!(problems.iter().any(|p| p.what.contains(what) || p.why.contains(what)), "{table}: {said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    };
    let tables = "\nexpect.tables = ['a']";
    check(&format!("database = 'postgres://ada:s3cret@h/d'{tables}"), "an address with a password in it");
    check(&format!("database = 'postgres://ada@h/d?password=s3cret'{tables}"), "an address with a password in it");
    check(&format!("database = 'postgres://h/d'{tables}"), "names no user");
    check(&format!("database = 'postgres://ada@h:x/d'{tables}"), "port is no number");
    check(&format!("database = 'postgres://ada@h/d?sslmode=on'{tables}"), "sslmode");
    check(&format!("database = 'a.db'\npassword = {{ env = 'X' }}{tables}"), "`password` for an SQLite file");
    check(&format!("database = 'a.db'\nlibpq_defaults = true{tables}"), "`libpq_defaults` for an SQLite file");
    check("database = 'a.db'\nexpect.columns = { a = [] }", "a column without a name");
    check("database = 'a.db'\nquery = 'select 1'\nexpect.rows = 1\nexpect.columns = { a = ['b'] }", "beside a `query`");
    check(&format!("database = 'postgres://ada@h/d'\npassword = 's3cret'{tables}"), "a secret written out");
    assert!(try_read(*KIND, &format!("database = 'postgres://'\nlibpq_defaults = true{tables}")).is_ok());
}
