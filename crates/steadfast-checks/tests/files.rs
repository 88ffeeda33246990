//! The kind `files` on a real file system.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use steadfast_core::secret::Text;

use crate::scene::{Scene, read, try_read};

fn check(scene: &Scene, table: &str, expected: &str) {
    assert_eq!(scene.said("files", table), expected, "{table}");
}

fn age(path: &std::path::Path, hours: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
}

#[test]
fn an_empty_hourly_backup_is_seen() {
    let scene = Scene::new();
    scene.write("backups/shop-1.gz", vec![1; 5_000]);
    let table = "glob = 'backups/*.gz'\nexpect.never_empty = true\nexpect.newest = { younger_than = '2h' }";
    check(&scene, table, "pass");
    scene.write("backups/shop-2.gz", "");
    check(&scene, table, "fail empty");
}

#[test]
fn a_folder_is_as_big_and_as_young_as_the_files_beneath_it() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.root().join("pg/base_1/global")).unwrap();
    let table = "glob = 'pg/base_*'\nexpect.never_empty = true";
    check(&scene, table, "fail empty");
    age(&scene.write("pg/base_1/global/pg_control", vec![0; 8192]), 30);
    check(&scene, table, "pass");
    check(&scene, "glob = 'pg/base_*'\nexpect.size = 8192\nexpect.newest = { younger_than = '29h' }", "fail too-old");
}

#[test]
fn no_match_is_a_missing_file_unless_none_is_expected() {
    let scene = Scene::new();
    check(&scene, "glob = 'backups/*.gz'\nexpect.exists = true", "fail file-missing");
    check(&scene, "glob = 'backups/*.gz'\nexpect.size = { at_least = 1 }", "fail file-missing");
    check(&scene, "glob = 'maintenance.flag'\nexpect.exists = false", "pass");
    scene.write("maintenance.flag", "");
    check(&scene, "glob = 'maintenance.flag'\nexpect.exists = false", "fail forbidden");
}

#[test]
fn patterns_match_as_in_a_shell() {
    let scene = Scene::new();
    for path in ["a.db", "x/a.db", "x/y/a.db", "x/y/b.db", "x/.hidden.db", ".git/a.db"] {
        scene.write(path, "1");
    }
    for (glob, count) in [
        ("*.db", 1),
        ("**/*.db", 4),
        ("x/**", 4),
        ("x/*/{a,b}.db", 2),
        ("x/.*.db", 1),
        ("**/a.db", 3),
        ("x/./y/[ab].db", 2),
    ] {
        check(&scene, &format!("glob = '{glob}'\nexpect.count = {count}"), "pass");
    }
    check(&scene, "glob = ['*.db', 'x/y/*.db', '**/a.db']\nexpect.count = 4", "pass");
}

#[test]
fn links_are_followed_to_files_and_never_in_circles() {
    let scene = Scene::new();
    scene.write("data/a.db", "1");
    symlink(scene.root().join("data"), scene.root().join("data/loop")).unwrap();
    symlink("nowhere", scene.root().join("data/dangling.db")).unwrap();
    symlink("a.db", scene.root().join("data/latest.db")).unwrap();
    symlink("self", scene.root().join("data/self")).unwrap();
    check(&scene, "glob = '**/*.db'\nexpect.count = 2", "pass");
    check(&scene, "glob = 'data/dangling.db'\nexpect.exists = true", "fail file-missing");
    check(&scene, "glob = 'data/self'\nexpect.exists = true", "fail file-missing");
}

#[test]
fn more_entries_than_the_limit_are_said_and_make_only_the_open_questions_unknown() {
    let scene = Scene::new();
    (0..30).for_each(|n| drop(scene.write(&format!("many/{n}.log"), "1")));
    let look = "glob = 'many/*.log'\nlimit = 10\n";
    check(&scene, &format!("{look}expect.count = {{ at_least = 5 }}"), "pass");
    check(&scene, &format!("{look}expect.count = {{ at_least = 20 }}"), "unknown beyond-the-cut");
    check(&scene, &format!("{look}expect.count = {{ at_most = 5 }}"), "fail out-of-bounds");
    check(&scene, &format!("{look}expect.size = {{ at_most = 100 }}"), "unknown beyond-the-cut");
    check(&scene, &format!("{look}expect.newest = {{ younger_than = '1h' }}"), "pass");
    check(&scene, "glob = 'many/*.log'\nexpect.count = 30", "pass");
}

#[test]
fn the_digest_is_that_of_the_only_file() {
    let scene = Scene::new();
    scene.write("app.toml", "test");
    let table = "glob = 'app*.toml'\ndigest = true\nexpect.sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'";
    check(&scene, table, "pass");
    scene.write("app.toml", "tesT");
    check(&scene, table, "fail unequal");
    scene.write("app-2.toml", "test");
    check(&scene, table, "fail missing");
}

#[test]
fn modes_and_room_are_seen() {
    let scene = Scene::new();
    let path = scene.write("key.pem", "1");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let table = "glob = 'key.pem'\nexpect.mode = '0600'\nexpect.free_space = '1kB'\nexpect.free_inodes = 1";
    check(&scene, table, "pass");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(&scene, table, "fail unequal");
    check(&scene, "glob = 'key.pem'\nexpect.free_space = '100%'", "fail out-of-bounds");
}

#[test]
fn a_closed_world_looks_only_where_it_has_a_route() {
    let (mut scene, elsewhere) = (Scene::new(), Scene::new());
    elsewhere.write("backups/live.gz", "live");
    scene.write("restored/a.gz", "1");
    scene.targets.insert("backups".into(), Text::Literal(elsewhere.root().join("backups").display().to_string()));
    let targets = scene.targets.clone();
    let routed = "folder = { target = 'backups' }\nglob = '*.gz'\nexpect.count = 1";
    check(&scene, routed, "pass");

    scene.routes = std::mem::take(&mut scene.routes).closed();
    check(&scene, routed, "unknown not-in-this-world");
    scene.routes.add("backups", "restored", &targets).unwrap();
    check(&scene, routed, "pass");
    check(&scene, "glob = 'restored/*.gz'\nexpect.count = 1", "pass");
    for glob in ["*", "restored/../*", "/etc/passwd", "**/passwd"] {
        check(&scene, &format!("glob = '{glob}'\nexpect.count = 1"), "unknown not-in-this-world");
    }
    symlink(elsewhere.root().join("backups/live.gz"), scene.root().join("restored/live.gz")).unwrap();
    check(&scene, routed, "unknown not-in-this-world");
    std::fs::remove_file(scene.root().join("restored/live.gz")).unwrap();
    symlink(elsewhere.root().join("backups"), scene.root().join("restored/live")).unwrap();
    check(&scene, "folder = { target = 'backups' }\nglob = 'live/*.gz'\nexpect.count = 1", "unknown not-in-this-world");
}

#[test]
fn combinations_that_cannot_be_meant_are_refused() {
    let check = |table: &str, what: &str| {
        let kind = steadfast_checks::kinds::kind_named("files").unwrap();
        match try_read(kind, table) {
            Ok(_) => panic!("{table} was read"),
            Err(problems) => assert!(problems.iter().any(|p| p.what.contains(what)), "{table}: {problems:#?}"),
        }
    };
    check("expect.exists = true", "no `glob`");
    check("glob = ''\nexpect.exists = true", "invalid glob");
    check("glob = 'a[b'\nexpect.exists = true", "invalid glob");
    check("glob = '*/../a'\nexpect.exists = true", "`..` after a wildcard");
    check("glob = 'a'\nexpect.sha256 = 'abc'", "no SHA-256");
    check("glob = 'a'\nexpect.mode = 600", "without quotes");
    check("glob = 'a'\nexpect.mode = '0980'", "no mode");
    check("glob = 'a'\nexpect.newest = '26h'", "`newest` is a time");
    check("glob = 'a'\nexpect.never_empty = false", "says nothing");
    check("glob = 'a'\nexpect.free_space = '120%'", "no share");
    check("glob = 'a'\nexpect.free_space = 0", "at least nothing");
    check("glob = 'a'\nexpect.exists = false\nexpect.never_empty = true", "beside another");
    check("glob = 'a'\nexpect.cuont = 1", "unknown key `cuont`");
    check("glob = 'a'", "no `expect`");
    check("glob = 'a'\nexpect = {}", "no expectation");
}

#[test]
fn a_finding_says_which_file_and_what_was_seen() {
    let scene = Scene::new();
    (0..5).for_each(|n| drop(scene.write(&format!("b/{n}.gz"), vec![0; n])));
    let verdict = scene.verdict("files", "glob = 'b/*.gz'\nexpect.size = { at_least = 10 }");
    insta::assert_json_snapshot!(verdict.findings().last(), @r#"
    {
      "code": "out-of-bounds",
      "claim": "size",
      "where": [
        {
          "file": "b/2.gz"
        }
      ],
      "expected": {
        "at_least": "10B"
      },
      "seen": {
        "value": 2
      },
      "detail": "and 2 more files",
      "advice": "compare what was seen with the bound"
    }
    "#);
}

#[test]
fn what_init_proposes_for_a_folder_of_backups_catches_every_impostor() {
    let scene = Scene::new();
    (0..3).for_each(|n| age(&scene.write(&format!("b/{n}.gz"), vec![0; 4_321]), 24 * n));
    let check = read("files", "glob = 'b/*.gz'\nexpect.exists = true");
    let green = scene.look(&*check);
    let suggestion = check.propose(&[&green], &[]).unwrap();
    insta::assert_json_snapshot!(suggestion.expect, @r#"
    {
      "newest": {
        "younger_than": "26h"
      },
      "size": {
        "at_least": 3200
      }
    }
    "#);
}
