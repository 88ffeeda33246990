//! Several files, and files that cannot be read.

use std::fs;
use std::path::Path;

use steadfast_config::{Source, find, load};
use tempfile::TempDir;

use crate::toy::KINDS;

const CHECK: &str = "[[check]]\nid = \"ID\"\n[check.toy]\nexpect.status = 200\n";

/// Writes files into a folder of their own.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("its folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

/// The ids that load, in their order; or the refusal, its folder shown as `<folder>`.
fn outcome(folder: &Path, root: &str) -> String {
    match load(Source::File(folder.join(root)), KINDS) {
        Ok(project) => project.checks.iter().map(|check| &*check.id).collect::<Vec<_>>().join(" "),
        Err(refusal) => refusal.render(false, 200).replace(&folder.display().to_string(), "<folder>"),
    }
}

fn check(id: &str) -> String {
    CHECK.replace("ID", id)
}

#[test]
fn included_files_come_after_the_root_in_the_order_of_patterns_and_names() {
    let root =
        format!("include = [\"z/*.toml\", \"**/a*.toml\", \"*.toml\"]\n[project]\nname = \"shop\"\n{}", check("root"));
    let folder = folder(&[
        ("steadfast.toml", &root),
        ("z/b.toml", &check("z-b")),
        ("z/a.toml", &check("z-a")),
        ("deep/er/a1.toml", &check("deep")),
        ("beside.toml", &check("beside")),
        ("z/notes.txt", "not read"),
    ]);
    assert_eq!(outcome(folder.path(), "steadfast.toml"), "root z-a z-b deep beside");
}

#[test]
fn a_pattern_reaches_above_the_root_and_absolute_folders() {
    let folder = folder(&[
        ("shop/steadfast.toml", "include = [\"../shared/*.toml\", \"./own/*.toml\"]\n[project]\nname = \"shop\"\n"),
        ("shared/a.toml", &check("shared")),
        ("shop/own/b.toml", &check("own")),
    ]);
    assert_eq!(outcome(folder.path(), "shop/steadfast.toml"), "shared own");
    let root = format!("include = [\"{}/shared/*.toml\"]\n[project]\nname = \"shop\"\n", folder.path().display());
    fs::write(folder.path().join("shop/steadfast.toml"), root).expect("a file");
    assert_eq!(outcome(folder.path(), "shop/steadfast.toml"), "shared");
}

#[test]
fn an_included_file_brings_targets_and_defaults_for_all() {
    let folder = folder(&[
        ("steadfast.toml", &format!("include = [\"more.toml\"]\n[project]\nname = \"shop\"\n{}", check("a"))),
        ("more.toml", "[targets]\nshop = \"http://shop\"\n[defaults.toy]\nbase_url = { target = \"shop\" }\n"),
    ]);
    let project = load(Source::File(folder.path().join("steadfast.toml")), KINDS).expect("it loads");
    assert_eq!(&*project.checks[0].summary, "GET <shop>/");
    assert_eq!(project.root, folder.path());
}

#[test]
fn everything_wrong_in_all_files_is_reported_at_once() {
    let folder = folder(&[
        (
            "steadfast.toml",
            "include = [\"checks/*.toml\"]\n[project]\nname = \"shop\"\n[targets]\nshop = \"http://shop\"\n\
             [[check]]\nid = \"page\"\nevery = \"never\"\n[check.toy]\nexpect.status = 200\n",
        ),
        (
            "checks/a.toml",
            "[[check]]\nid = \"page\"\n[check.toy]\nexpect.status = 200\n[targets]\nshop = \"http://other\"\n",
        ),
        ("checks/b.toml", "include = [\"*.toml\"]\n[gate.boot]\nparallel = 2\n[chekc]\n"),
        ("checks/c.toml", "id = unquoted\n[defaults.toy]\ntimeout = 5\n[project]\nname = \"x\"\n"),
    ]);
    fs::write(folder.path().join("checks/d.toml"), b"# caf\xe9\n[[check]]\nid = \"d\"\n").expect("a file");
    insta::assert_snapshot!(outcome(folder.path(), "steadfast.toml"));
}

#[test]
fn a_circle_through_two_files_shows_both() {
    let circle =
        |id: &str, on: &str| check(id).replace("[check.toy]", &format!("depends_on = [\"{on}\"]\n[check.toy]"));
    let folder = folder(&[
        ("steadfast.toml", &format!("include = [\"b.toml\"]\n[project]\nname = \"shop\"\n{}", circle("a", "b"))),
        ("b.toml", &circle("b", "a")),
    ]);
    insta::assert_snapshot!(outcome(folder.path(), "steadfast.toml"));
}

#[test]
fn a_file_that_is_not_there_or_a_folder_or_too_large_is_said() {
    let folder = folder(&[("large.toml", &"#".repeat(5 << 20)), ("empty/x", "")]);
    fs::write(folder.path().join("bytes.toml"), b"[project]\nname = \"caf\xe9\"\n").expect("a file");
    let all: Vec<String> =
        ["none.toml", "empty", "large.toml", "bytes.toml"].iter().map(|name| outcome(folder.path(), name)).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_nearest_file_above_is_found() {
    let folder = folder(&[("steadfast.toml", ""), ("a/b/c/x", ""), ("a/steadfast.toml", "")]);
    let root = folder.path();
    assert_eq!(find(&root.join("a/b/c")), Some(root.join("a/steadfast.toml")));
    assert_eq!(find(root), Some(root.join("steadfast.toml")));
    fs::remove_file(root.join("a/steadfast.toml")).expect("removed");
    assert_eq!(find(&root.join("a/b/c")), Some(root.join("steadfast.toml")));
    fs::create_dir(root.join("a/steadfast.toml")).expect("a folder of that name is none");
    assert_eq!(find(&root.join("a/b/c")), Some(root.join("steadfast.toml")));
}

#[test]
fn a_pattern_over_too_many_files_is_refused() {
    let folder = folder(&[("steadfast.toml", "include = [\"**/*.toml\"]\n[project]\nname = \"shop\"\n")]);
    let many = folder.path().join("many");
    fs::create_dir(&many).expect("a folder");
    for n in 0..20_001 {
        fs::write(many.join(n.to_string()), "").expect("a file");
    }
    insta::assert_snapshot!(outcome(folder.path(), "steadfast.toml"));
}
