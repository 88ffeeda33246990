//! The table of Fail and Unknown, row by row: who is to blame for not passing is decided here and nowhere else.

use std::any::Any;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use steadfast_core::finding::{Code, Side, codes};

use crate::scene::{Scene, read};

/// A row: what happens, and what has to be said about it.
struct Row {
    code: Code,
    kind: &'static str,
    /// The check; `{at}` stands for what `arrange` has returned.
    table: &'static str,
    /// Makes it happen. What it returns beside the text lives as long as the look.
    arrange: fn(&mut Scene) -> (String, Box<dyn Any>),
}

fn as_it_is(_: &mut Scene) -> (String, Box<dyn Any>) {
    (String::new(), Box::new(()))
}

fn impatient(scene: &mut Scene) -> (String, Box<dyn Any>) {
    scene.timeout = Some(Duration::from_millis(400));
    as_it_is(scene)
}

fn run_ends_early(scene: &mut Scene) -> (String, Box<dyn Any>) {
    (scene.timeout, scene.deadline) = (Some(Duration::from_secs(20)), Some(Duration::from_millis(400)));
    as_it_is(scene)
}

fn closed(scene: &mut Scene) -> (String, Box<dyn Any>) {
    scene.routes = std::mem::take(&mut scene.routes).closed();
    as_it_is(scene)
}

fn with_a_database(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let connection = rusqlite::Connection::open(scene.root().join("shop.db")).unwrap();
    connection.execute_batch("create table accounts(id)").unwrap();
    (String::new(), Box::new(connection))
}

fn locked_by_another(scene: &mut Scene) -> (String, Box<dyn Any>) {
    // The wait for the lock ends after 80 % of this: the rest is for a busy machine to say so in.
    scene.timeout = Some(Duration::from_secs(4));
    let connection = rusqlite::Connection::open(scene.root().join("shop.db")).unwrap();
    connection.execute_batch("create table accounts(id); begin exclusive").unwrap();
    (String::new(), Box::new(connection))
}

fn not_ours_to_read(scene: &mut Scene) -> (String, Box<dyn Any>) {
    scene.write("locked/shop.db", "");
    scene.write("locked/run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(scene.root(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(scene.root().join("locked"), std::fs::Permissions::from_mode(0o000)).unwrap();
    (String::new(), Box::new(()))
}

fn many_files(scene: &mut Scene) -> (String, Box<dyn Any>) {
    (0..20).for_each(|n| drop(scene.write(&format!("many/{n}"), "1")));
    as_it_is(scene)
}

fn a_short_secret(scene: &mut Scene) -> (String, Box<dyn Any>) {
    scene.secrets.insert("TOKEN".into(), "abc".into());
    as_it_is(scene)
}

/// A server that answers every request with these bytes and closes the connection.
fn answering(bytes: &'static [u8]) -> (String, Box<dyn Any>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { break };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes);
        }
    });
    (address, Box::new(()))
}

/// A listener that takes connections and never says a word.
fn silent(scene: &mut Scene) -> (String, Box<dyn Any>) {
    impatient(scene);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap().to_string(), Box::new(listener))
}

const ENDLESS: &str = "database = 'shop.db'\nquery = 'with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n'\nexpect.rows = 1";

const ROWS: &[Row] = &[
    Row {
        code: codes::REFUSED,
        kind: "http",
        table: "get = 'http://127.0.0.1:1/'\nexpect.status = 200",
        arrange: as_it_is,
    },
    Row {
        code: codes::REFUSED,
        kind: "tls",
        table: "address = '127.0.0.1:1'\nexpect.trusted = true",
        arrange: as_it_is,
    },
    Row {
        code: codes::REFUSED,
        kind: "tcp",
        table: "address = '127.0.0.1:1'\nexpect.within = '1s'",
        arrange: as_it_is,
    },
    Row {
        code: codes::TIMEOUT,
        kind: "tcp",
        table: "address = '{at}'\nread = 'line'\nexpect.banner_contains = 'PONG'",
        arrange: silent,
    },
    Row { code: codes::TIMEOUT, kind: "http", table: "get = 'http://{at}/'\nexpect.status = 200", arrange: silent },
    Row { code: codes::TIMEOUT, kind: "tls", table: "address = '{at}'\nexpect.trusted = true", arrange: silent },
    Row {
        code: codes::RESET,
        kind: "http",
        table: "get = 'http://{at}/'\nexpect.status = 200",
        arrange: |_| answering(b""),
    },
    Row {
        code: codes::BAD_PROTOCOL,
        kind: "http",
        table: "get = 'http://{at}/'\nexpect.status = 200",
        arrange: |_| answering(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
    },
    Row {
        code: codes::BAD_LENGTH,
        kind: "http",
        table: "get = 'http://{at}/'\nexpect.status = 200",
        arrange: |_| answering(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort"),
    },
    Row {
        code: codes::TIMEOUT,
        kind: "sql",
        table: ENDLESS,
        arrange: |scene| {
            let database = with_a_database(scene);
            impatient(scene);
            database
        },
    },
    Row { code: codes::FILE_MISSING, kind: "files", table: "glob = 'gone/*'\nexpect.exists = true", arrange: as_it_is },
    Row {
        code: codes::FILE_MISSING,
        kind: "sql",
        table: "database = 'gone.db'\nexpect.tables = ['a']",
        arrange: as_it_is,
    },
    Row {
        code: codes::FILE_MISSING,
        kind: "command",
        table: "run = ['true']\nfolder = 'gone'\nexpect.exit = 0",
        arrange: as_it_is,
    },
    Row {
        code: codes::COMMAND_TIMEOUT,
        kind: "command",
        table: "run = ['sleep', '60']\nexpect.exit = 0",
        arrange: impatient,
    },
    Row {
        code: codes::NOT_JSON,
        kind: "command",
        table: "run = ['echo', '<html>']\nexpect.json = { '$.a' = { absent = true } }",
        arrange: as_it_is,
    },
    Row {
        code: codes::DATABASE_BUSY,
        kind: "sql",
        table: "database = 'shop.db'\nexpect.tables = ['accounts']",
        arrange: locked_by_another,
    },
    Row {
        code: codes::PERMISSION_DENIED,
        kind: "files",
        table: "glob = 'locked/*'\nexpect.exists = true",
        arrange: not_ours_to_read,
    },
    Row {
        code: codes::PERMISSION_DENIED,
        kind: "sql",
        table: "database = 'locked/shop.db'\nexpect.tables = ['a']",
        arrange: not_ours_to_read,
    },
    Row {
        code: codes::PROGRAM_NOT_FOUND,
        kind: "command",
        table: "run = ['locked/run.sh']\nexpect.exit = 0",
        arrange: not_ours_to_read,
    },
    Row {
        code: codes::PROGRAM_NOT_FOUND,
        kind: "command",
        table: "run = ['no-such-program']\nexpect.exit = 0",
        arrange: as_it_is,
    },
    Row {
        code: codes::MISSING_SECRET,
        kind: "command",
        table: "run = ['true']\nenv = { A = { env = 'TOKEN' } }\nexpect.exit = 0",
        arrange: as_it_is,
    },
    Row {
        code: codes::MISSING_SECRET,
        kind: "files",
        table: "folder = { env = 'FOLDER' }\nglob = '*'\nexpect.exists = true",
        arrange: as_it_is,
    },
    Row {
        code: codes::MISSING_SECRET,
        kind: "sql",
        table: "database = { file = 'gone' }\nexpect.tables = ['a']",
        arrange: as_it_is,
    },
    Row {
        code: codes::MISSING_SECRET,
        kind: "http",
        table: "get = 'http://127.0.0.1:1/'\nheaders = { authorization = { bearer = { env = 'TOKEN' } } }\nexpect.status = 200",
        arrange: as_it_is,
    },
    Row {
        code: codes::SHORT_SECRET,
        kind: "command",
        table: "run = ['true']\nenv = { A = { env = 'TOKEN' } }\nexpect.exit = 0",
        arrange: a_short_secret,
    },
    Row {
        code: codes::RUN_DEADLINE,
        kind: "command",
        table: "run = ['sleep', '60']\nexpect.exit = 0",
        arrange: run_ends_early,
    },
    Row {
        code: codes::RUN_DEADLINE,
        kind: "sql",
        table: ENDLESS,
        arrange: |scene| {
            let database = with_a_database(scene);
            run_ends_early(scene);
            database
        },
    },
    Row {
        code: codes::RUN_DEADLINE,
        kind: "http",
        table: "get = 'http://{at}/'\nexpect.status = 200",
        arrange: |scene| {
            let server = silent(scene);
            run_ends_early(scene);
            server
        },
    },
    Row {
        code: codes::BEYOND_THE_CUT,
        kind: "command",
        table: "run = ['seq', '1', '9999']\noutput_limit = 100\nexpect.stdout = { contains = '9999' }",
        arrange: as_it_is,
    },
    Row {
        code: codes::BEYOND_THE_CUT,
        kind: "files",
        table: "glob = 'many/*'\nlimit = 5\nexpect.count = 20",
        arrange: many_files,
    },
    Row {
        code: codes::BEYOND_THE_CUT,
        kind: "sql",
        table: "database = 'shop.db'\nquery = 'select hex(zeroblob(99999))'\nexpect.scalar = { contains = 'x' }",
        arrange: with_a_database,
    },
    Row { code: codes::NOT_IN_THIS_WORLD, kind: "command", table: "run = ['true']\nexpect.exit = 0", arrange: closed },
    Row { code: codes::NOT_IN_THIS_WORLD, kind: "files", table: "glob = '*'\nexpect.exists = true", arrange: closed },
    Row {
        code: codes::NOT_IN_THIS_WORLD,
        kind: "sql",
        table: "database = 'shop.db'\nexpect.tables = ['a']",
        arrange: closed,
    },
    Row {
        code: codes::NOT_IN_THIS_WORLD,
        kind: "http",
        table: "get = 'http://127.0.0.1:1/'\nexpect.status = 200",
        arrange: closed,
    },
    Row {
        code: codes::NOT_IN_THIS_WORLD,
        kind: "tls",
        table: "address = '127.0.0.1:1'\nexpect.trusted = true",
        arrange: closed,
    },
];

#[test]
fn each_row_ends_as_the_table_says() {
    let wrong: Vec<String> = ROWS
        .iter()
        .filter_map(|row| {
            let mut scene = Scene::new();
            let (at, _alive) = (row.arrange)(&mut scene);
            let check = read(row.kind, &row.table.replace("{at}", &at));
            let verdict = without_privileges(|| check.judge(&scene.look(&*check)));
            let side = if row.code.side == Side::Fail { "fail" } else { "unknown" };
            let right =
                verdict.word() == side && verdict.findings().iter().all(|finding| finding.code == row.code.word);
            let _ = std::fs::set_permissions(scene.root().join("locked"), std::fs::Permissions::from_mode(0o755));
            (!right).then(|| format!("{} {} `{}`: {verdict:?}", side, row.code.word, row.table))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}

#[test]
fn every_row_names_a_code_with_advice() {
    for row in ROWS {
        assert!(codes::SHARED.contains(&row.code) && !row.code.advice.is_empty(), "{}", row.code.word);
    }
}

/// Runs on a thread that may read what everybody may: root is held to permissions, too. Threads started by it inherit
/// that; the rest of this process does not.
fn without_privileges<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if rustix::process::geteuid().is_root() {
                let nobody = rustix::process::Uid::from_raw(65_534);
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            }
            work()
        });
        thread.join().unwrap()
    })
}
