//! `sqlite diff`: files and manifests beside each other, and everything that can be wrong with them.

use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;
use scenarios::steadfast::{Ran, Workplace};

const ROWS: &str = "CREATE TABLE orders(id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX by_name ON orders(name);
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000)
    INSERT INTO orders SELECT x, printf('name %040d', x) FROM n;";

/// The databases `a.db` and `b.db`, equal byte for byte, and their manifests `a` and `b`.
fn twins() -> Workplace {
    let folder = Workplace::new();
    sql(&folder, "a.db", ROWS);
    std::fs::copy(folder.path().join("a.db"), folder.path().join("b.db")).unwrap();
    manifests(&folder);
    folder
}

fn sql(folder: &Workplace, name: &str, statements: &str) -> Connection {
    let sql = Connection::open(folder.path().join(name)).unwrap();
    sql.execute_batch(statements).unwrap();
    sql
}

fn manifests(folder: &Workplace) {
    for name in ["a", "b"] {
        folder.run(&["sqlite", "verify", &format!("{name}.db"), "--manifest-out", name]).exits(0);
    }
}

/// A manifest of the format that named no trees.
fn without_names(folder: &Workplace, name: &str) {
    let path = folder.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    let names = u64::from_le_bytes(bytes[56..64].try_into().unwrap());
    bytes.truncate(bytes.len() - names as usize);
    bytes[15] = 1;
    bytes[56..64].fill(0);
    std::fs::write(&path, bytes).unwrap();
}

fn put(path: &Path, at: u64, bytes: &[u8]) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

/// Both forms of the answer, which have to agree.
#[track_caller]
fn check(folder: &Workplace, one: &str, other: &str, code: i32) -> (Ran, serde_json::Value) {
    let text = folder.run(&["sqlite", "diff", one, other]);
    let json = folder.run(&["sqlite", "diff", one, other, "--json"]);
    text.exits(code);
    json.exits(code);
    let json = json.json();
    match code {
        3 => assert!(json["error"]["advice"].as_str().is_some_and(|advice| advice.len() > 20), "{json:#}"),
        code => {
            assert_eq!((json["same"] == true, json["bytes_read"].as_u64() > Some(0)), (code == 0, true), "{json:#}")
        }
    }
    (text, json)
}

/// Why there is no answer; it is the same in text and JSON.
#[track_caller]
fn refused(folder: &Workplace, one: &str, other: &str, kind: &str, why: &str) {
    let (text, json) = check(folder, one, other, 3);
    let seen = json["error"]["seen"].as_str().unwrap_or_default().to_owned();
    assert!(json["error"]["kind"] == kind && seen.contains(why), "{json:#}");
    text.tells("cannot tell");
}

#[test]
fn twins_are_the_same_in_every_pairing_and_so_is_one_file_beside_itself() {
    let folder = twins();
    for (one, other) in [("a.db", "b.db"), ("a.db", "b"), ("a", "b.db"), ("a", "b"), ("a.db", "a.db"), ("a", "a")] {
        let (text, _) = check(&folder, one, other, 0);
        text.tells("the same").tells("page by page").tells("read");
    }
}

#[test]
fn what_is_read_is_what_is_reported() {
    let folder = twins();
    let size = std::fs::metadata(folder.path().join("a.db")).unwrap().len();
    let manifest = std::fs::metadata(folder.path().join("a")).unwrap().len();
    let read = |one, other| check(&folder, one, other, 0).1["bytes_read"].as_u64().unwrap();
    let files = read("a.db", "b.db");
    assert!(files >= 2 * size && files < 2 * size + size / 5, "{files} of twice {size}");
    let mixed = read("a.db", "b");
    assert!(mixed > size && mixed < size + size / 3, "{mixed} of {size} and {manifest}");
    let both = read("a", "b");
    assert!(both > manifest && both <= 2 * manifest, "{both} of twice {manifest}");
}

#[test]
fn pages_and_trees_that_differ_are_the_same_ones_in_every_pairing() {
    let folder = twins();
    sql(
        &folder,
        "b.db",
        "UPDATE orders SET name = 'another' WHERE id = 7; CREATE TABLE late(a); INSERT INTO late VALUES(1);",
    );
    manifests(&folder);
    let (text, files) = check(&folder, "a.db", "b.db", 1);
    text.tells("different").tells("tree orders: 1 page").tells("only one has 1 page more in b.db");
    assert_eq!((&files["only_here"], &files["only_there"]), (&0.into(), &1.into()));
    let trees: Vec<&str> = files["by_tree"].as_array().unwrap().iter().map(|tree| tree[0].as_str().unwrap()).collect();
    assert_eq!(trees, ["by_name", "orders", "sqlite_schema"], "{files:#}");
    for (one, other) in [("a.db", "b"), ("a", "b")] {
        let (_, json) = check(&folder, one, other, 1);
        for key in ["pages", "first", "by_tree", "only_here", "only_there", "unnamed"] {
            assert_eq!(json[key], files[key], "{key} of {one} and {other}");
        }
    }
    // Read from the other side the trees are that side's, and so is what only one has.
    for (one, other) in [("b.db", "a.db"), ("b", "a"), ("a", "b.db")] {
        let (_, json) = check(&folder, one, other, 1);
        let only_b = if one == "a" { "only_there" } else { "only_here" };
        assert_eq!((&json["pages"], &json[only_b]), (&files["pages"], &1.into()), "{one} and {other}");
    }
}

#[test]
fn manifests_without_names_say_so_and_one_with_names_speaks_for_both() {
    let folder = twins();
    sql(&folder, "b.db", "UPDATE orders SET name = 'another' WHERE id = 7");
    manifests(&folder);
    without_names(&folder, "b");
    let (_, named) = check(&folder, "b", "a", 1);
    assert_eq!(named["unnamed"], 0);
    without_names(&folder, "a");
    let (text, json) = check(&folder, "a", "b", 1);
    text.tells("not known of").tells("written without the names of trees");
    assert_eq!((&json["unnamed"], &json["by_tree"]), (&json["pages"], &serde_json::json!([])));
}

#[test]
fn a_live_wal_beside_one_belongs_to_its_view() {
    let folder = twins();
    let live = sql(&folder, "b.db", "PRAGMA journal_mode=WAL");
    manifests(&folder);
    std::fs::copy(folder.path().join("b.db"), folder.path().join("a.db")).unwrap();
    live.execute_batch("PRAGMA wal_autocheckpoint=0; UPDATE orders SET name = 'another' WHERE id = 7").unwrap();
    // The file alone is still the twin; what counts is the last commit of its log.
    assert_eq!(std::fs::read(folder.path().join("a.db")).unwrap(), std::fs::read(folder.path().join("b.db")).unwrap());
    for (one, other) in [("a.db", "b.db"), ("b.db", "a.db"), ("b.db", "b")] {
        let (text, _) = check(&folder, one, other, 1);
        text.tells("orders: 1 page");
    }
    check(&folder, "b.db", "b.db", 0);
    assert!(folder.path().join("b.db-wal").exists());
}

#[test]
fn page_sizes_that_differ_cannot_be_compared() {
    let folder = twins();
    sql(&folder, "b.db", "PRAGMA page_size=1024; VACUUM");
    manifests(&folder);
    for (one, other) in [("a.db", "b.db"), ("a.db", "b"), ("a", "b.db"), ("a", "b")] {
        refused(&folder, one, other, "page-sizes", "pages of ");
    }
}

#[test]
fn a_damaged_page_is_a_page_that_differs() {
    let folder = twins();
    let path = folder.path().join("b.db");
    put(&path, 4 * 4096 + 2000, b"damage");
    for (one, other) in [("a.db", "b.db"), ("b.db", "a.db"), ("a", "b.db"), ("b.db", "a")] {
        let (_, json) = check(&folder, one, other, 1);
        assert_eq!(json["first"], serde_json::json!([5]));
    }
}

#[test]
fn a_damaged_manifest_is_no_difference() {
    let folder = twins();
    put(&folder.path().join("b"), 64 + 32 * 2 + 5, b"x");
    for (one, other) in [("a", "b"), ("b", "a"), ("a.db", "b"), ("b", "a.db")] {
        refused(&folder, one, other, "state", "contradicts its own root");
    }
    let verified = folder.run(&["sqlite", "verify", "a.db", "--against", "b", "--json"]);
    verified.exits(3);
    assert_eq!(verified.json()["error"]["kind"], "state");
    // The names of the trees are held to their hash, too; a file needs none of the manifest's.
    manifests(&folder);
    let length = std::fs::metadata(folder.path().join("b")).unwrap().len();
    put(&folder.path().join("b"), length - 2, b"x");
    refused(&folder, "b", "a", "state", "contradicts its own root");
    check(&folder, "a.db", "b", 0);
}

#[test]
fn what_is_cut_short_is_told_and_not_compared() {
    let folder = twins();
    for (name, keep) in [("b", 100), ("b.db", 3 * 4096)] {
        let file = std::fs::OpenOptions::new().write(true).open(folder.path().join(name)).unwrap();
        file.set_len(keep).unwrap();
    }
    refused(&folder, "a", "b", "state", "the manifest is cut short or damaged: 100 bytes");
    refused(&folder, "a.db", "b", "state", "the manifest is cut short or damaged: 100 bytes");
    refused(&folder, "a.db", "b.db", "faulty", "3 in the file");
    refused(&folder, "b.db", "a.db", "faulty", "3 in the file");
    refused(&folder, "b.db", "a", "faulty", "3 in the file");
}

#[test]
fn a_manifest_of_a_newer_version_is_called_one() {
    let folder = twins();
    put(&folder.path().join("b"), 15, &[9]);
    for (one, other) in [("a", "b"), ("b", "a"), ("a.db", "b"), ("b", "a.db")] {
        refused(&folder, one, other, "state", "a manifest of format 9, from a newer version of this program");
    }
}

#[test]
fn what_is_neither_database_nor_manifest_is_told_by_name() {
    let folder = twins();
    folder.write("text", "hello, world, this is neither the one nor the other");
    folder.write("empty", "");
    assert!(std::process::Command::new("mkfifo").arg(folder.path().join("fifo")).status().unwrap().success());
    for (name, kind, why) in [
        ("text", "not-a-database", "not an SQLite database"),
        ("empty", "empty", "the file is empty"),
        ("nowhere", "missing", "No such file"),
        (".", "not-a-file", "it is no regular file"),
        ("fifo", "not-a-file", "it is no regular file"),
    ] {
        for beside in ["a.db", "a"] {
            refused(&folder, beside, name, kind, why);
            refused(&folder, name, beside, kind, why);
        }
    }
}
