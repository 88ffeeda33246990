//! Troubles with files: a clear answer, and nothing half-written.

use std::path::Path;

use serde_json::json;

use crate::data::{Run, contract};

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_that_is_not_there_is_a_usage_error() {
    let contract = contract("true");
    let refused = Run::new(&contract).of(&[Path::new("nowhere.jsonl")]).unwrap_err();
    assert!(refused.starts_with("usage: nowhere.jsonl: cannot be opened"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    assert!(Run::new(&contract).of(&[folder.path()]).unwrap_err().contains("is a folder"));
}

#[test]
fn a_quarantine_never_replaces_what_is_not_its_own() {
    let contract = contract(r#"{"type": "integer"}"#);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    std::fs::write(&file, "1\n\"x\"\n").unwrap();
    let quarantine = folder.path().join("q");
    std::fs::create_dir(&quarantine).unwrap();
    std::fs::write(quarantine.join("precious"), "").unwrap();
    let mut run = Run::new(&contract);
    run.running.quarantine = Some(quarantine.clone());
    assert!(run.of(&[&file]).unwrap_err().contains("holds precious"));
    std::fs::remove_file(quarantine.join("precious")).unwrap();
    for _ in 0..2 {
        run.of(&[&file]).unwrap();
        assert_eq!(entries(&quarantine), ["findings.jsonl", "records.jsonl"]);
        assert_eq!(std::fs::read_to_string(quarantine.join("records.jsonl")).unwrap(), "\"x\"\n");
        assert_eq!(entries(folder.path()), ["q", "x.jsonl"]);
    }
}

#[test]
fn a_full_disk_leaves_nothing_half_written_and_what_is_wrong_is_told_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    std::fs::write(&file, "\"x\"\n".repeat(100_000)).unwrap();
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let report = under_a_full_disk("quarantine", &small, &file);
    assert_eq!((&report["outcome"], &report["bad"]), (&json!("broken"), &json!(100_000)));
    assert_eq!(report["groups"][0]["text"], "(record): string where integer expected");
    check_reason(&report, "nothing was published there");
    assert_eq!(entries(&small), Vec::<String>::new());
}

#[test]
fn keys_that_there_is_no_room_for_are_said_and_the_records_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    // The first key again at the end: nobody can know.
    let records: String = (0..700_000).chain([0]).map(|n| format!("{{\"id\":\"a rather long key {n}\"}}\n")).collect();
    std::fs::write(&file, records + "{\"id\":7}\n").unwrap();
    let report = under_a_full_disk("keys", folder.path(), &file);
    assert_eq!((&report["outcome"], &report["bad"]), (&json!("broken"), &json!(1)));
    assert_eq!((&report["records"], &report["duplicates"]), (&json!(700_002), &json!(0)));
    check_reason(&report, "whether one stands twice, and what became of the earlier release, is not known");
}

fn check_reason(report: &serde_json::Value, reason: &str) {
    let reasons = report["cannot_tell"].as_array().unwrap();
    assert!(reasons.len() == 1 && reasons[0].as_str().unwrap().contains(reason), "{reasons:?}");
}

/// A limit on the size of files stands for the end of the disk, in a process of its own.
fn under_a_full_disk(what: &str, folder: &Path, file: &Path) -> serde_json::Value {
    let exe = std::env::current_exe().unwrap();
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; STEADFAST_FULL_DISK={what} STEADFAST_FOLDER='{}' STEADFAST_DATA='{}' exec '{}' \
         --exact broken_input::helper_fills_the_disk --nocapture",
        folder.display(),
        file.display(),
        exe.display()
    );
    let done = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let (_, told) =
        said.split_once("REPORT").unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&done.stderr)));
    serde_json::Deserializer::from_str(told).into_iter().next().unwrap().unwrap()
}

/// Run by the tests above, under a limit; alone it fills nothing.
#[test]
fn helper_fills_the_disk() {
    let variable = |name: &str| std::env::var(name).ok();
    let (Some(what), Some(folder), Some(file)) =
        (variable("STEADFAST_FULL_DISK"), variable("STEADFAST_FOLDER"), variable("STEADFAST_DATA"))
    else {
        return;
    };
    let contract = contract(match what.as_str() {
        "keys" => r#"{"x-key": "/id", "properties": {"id": {"type": "string"}}}"#,
        _ => r#"{"type": "integer"}"#,
    });
    let mut run = Run::new(&contract);
    run.running.quarantine = (what == "quarantine").then(|| Path::new(&folder).join("q"));
    let report = run.of(&[Path::new(&file)]).unwrap();
    let told = format!("REPORT{}", serde_json::to_string(&report).unwrap());
    std::io::Write::write_all(&mut std::io::stdout(), told.as_bytes()).unwrap();
}

#[test]
fn a_record_of_a_hundred_thousand_unknown_members_is_told_in_a_bounded_report() {
    let contract = contract(r#"{"properties": {"id": {}}, "additionalProperties": false}"#);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    let members: Vec<String> = (0..100_000).map(|number| format!("\"m{number:06}\":0")).collect();
    let record = format!("{{{}}}\n", members.join(","));
    std::fs::write(&file, &record).unwrap();
    let report = Run::new(&contract).of(&[&file]).unwrap();
    assert_eq!((report.bad, report.findings_in_all, report.groups.len()), (1, 100_000, 5_000));
    assert_eq!(report.groups[4_999].text, "m004999: no such member in the contract");
}
