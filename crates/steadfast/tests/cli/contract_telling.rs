//! What `contract` tells people.

use scenarios::steadfast::Workplace;

#[test]
fn a_key_that_stands_in_two_files_is_told_with_both() {
    let folder = Workplace::new();
    folder.write("c.json", r#"{"x-key": "/id", "properties": {"id": {"type": "string"}}}"#);
    folder.write("a.jsonl", "{\"id\":\"x\"}\n{\"id\":\"y\"}\n{\"id\":\"y\"}\n");
    folder.write("b.jsonl", "{\"id\":\"z\"}\n{\"id\":\"x\"}\n");
    let ran = folder.run(&["contract", "check", "a.jsonl", "b.jsonl", "--contract", "c.json"]);
    ran.exits(1).tells("x: line 1 of a.jsonl and line 2 of b.jsonl").tells("y: line 2 and line 3");
}

/// A run that would write over what it reads, or twice into one place: refused, and every file is what it was.
#[track_caller]
fn refused(arguments: &[&str], says: &str) {
    let folder = Workplace::new();
    let data = "{\"id\":\"x\"}\n{\"id\":7}\n";
    let contract = r#"{"x-key": "/id", "properties": {"id": {"type": ["string", "integer"]}}}"#;
    folder.write("a.jsonl", data);
    folder.write("c.json", contract);
    folder.write("notes.txt", "not to be lost");
    std::fs::create_dir(folder.path().join("q")).unwrap();
    folder.write("q/records.jsonl", data);
    std::os::unix::fs::symlink("a.jsonl", folder.path().join("link")).unwrap();
    std::fs::hard_link(folder.path().join("a.jsonl"), folder.path().join("twin")).unwrap();
    let ran = folder.run(&[&["contract"], arguments, &["--contract", "c.json"]].concat());
    ran.exits(2).tells(says).tells("Nothing was touched");
    let kept = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!([kept("a.jsonl"), kept("q/records.jsonl"), kept("twin")], [data; 3]);
    assert_eq!([kept("c.json"), kept("notes.txt")], [contract, "not to be lost"]);
    assert!(!folder.path().join("new").exists());
}

#[test]
fn nothing_that_is_read_is_written_over_by_whatever_name() {
    for valid in ["a.jsonl", "./a.jsonl", "q/../a.jsonl", "link", "twin"] {
        refused(&["check", "a.jsonl", "--valid", valid], "--valid would be written over the data");
    }
    refused(&["check", "a.jsonl", "--valid", "c.json"], "over the contract");
    refused(&["check", "a.jsonl", "--write-baseline", "a.jsonl"], "the baseline would be written over the data");
    refused(&["accept", "a.jsonl", "--baseline", "link"], "the baseline would be written over the data");
    refused(&["check", "a.jsonl", "--previous", "twin", "--valid", "twin"], "over the data");
    refused(&["check", "q/records.jsonl", "--quarantine", "q"], "--quarantine would be written over the data");
    refused(&["check", "a.jsonl", "--quarantine", "q", "--valid", "q/good"], "over --valid");
    refused(&["check", "a.jsonl", "--valid", "new", "--write-baseline", "./new"], "over --valid");
}

#[test]
fn a_part_is_not_printed_onto_the_file_that_it_is_a_part_of() {
    let folder = Workplace::new();
    let data = "{\"id\":\"x\"}\n";
    folder.write("a.jsonl", data);
    folder.write("c.json", r#"{"properties": {"id": {"type": "string"}}}"#);
    let arguments = ["contract", "check", "a.jsonl", "--contract", "c.json", "--part", "1/1"];
    let onto = |name: &str| {
        let script = format!(r#"exec "$0" "$@" >>{name}"#);
        folder.start_through("bash", &["-c", &script], &arguments).wait()
    };
    onto("a.jsonl").exits(2).tells("standard output would be written over the data");
    assert_eq!(std::fs::read_to_string(folder.path().join("a.jsonl")).unwrap(), data);
    onto("part1").exits(0);
}

#[test]
fn a_baseline_takes_the_place_of_no_other_file() {
    refused(&["check", "a.jsonl", "--write-baseline", "notes.txt"], "a file that is no baseline");
    refused(&["accept", "a.jsonl", "--write-baseline", "notes.txt"], "a file that is no baseline");
    let folder = Workplace::new();
    folder.write("a.jsonl", "{\"id\":\"x\"}\n");
    folder.write("c.json", r#"{"x-key": "/id", "properties": {"id": {"type": "string"}}}"#);
    // Only a baseline may take its place, and a schema that the contract leads to is read as the contract is.
    folder.run(&["contract", "accept", "a.jsonl", "--contract", "c.json", "--baseline", "b"]).exits(0);
    let over = ["contract", "check", "a.jsonl", "--contract", "c.json", "--baseline", "b", "--valid", "b"];
    folder.run(&over).exits(2).tells("over the baseline that is compared with");
    folder.write("linked.json", r#"{"type": "string"}"#);
    folder.write("leads.json", r#"{"x-key": "/id", "properties": {"id": {"$ref": "linked.json"}}}"#);
    let over = ["contract", "check", "a.jsonl", "--contract", "leads.json", "--valid", "linked.json"];
    folder.run(&over).exits(2).tells("over the contract");
    for _ in 0..2 {
        folder.run(&["contract", "accept", "a.jsonl", "--contract", "c.json", "--baseline", "b"]).exits(0);
        let check =
            ["contract", "check", "a.jsonl", "--contract", "c.json", "--baseline", "b", "--write-baseline", "b"];
        folder.run(&check).exits(0);
    }
}
