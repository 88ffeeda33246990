//! Troubles with files: a clear answer, and nothing half-written.

use std::path::Path;

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
fn a_full_disk_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    std::fs::write(&file, "\"x\"\n".repeat(100_000)).unwrap();
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    // A limit on the size of files stands for the end of the disk, in a process of its own.
    let exe = std::env::current_exe().unwrap();
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; STEADFAST_FULL_DISK='{}' STEADFAST_DATA='{}' exec '{}' --exact broken_input::helper_fills_the_disk --nocapture",
        small.display(),
        file.display(),
        exe.display()
    );
    let done = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("nothing was published"), "{said}");
    // What was judged before the disk was full is known all the same: broken beats cannot tell.
    assert!(said.contains("not kept, ") && !said.contains("not kept, 0 bad"), "{said}");
    assert_eq!(entries(&small), Vec::<String>::new());
}

/// Run by the test above, under a limit; alone it fills nothing.
#[test]
fn helper_fills_the_disk() {
    let (Ok(folder), Ok(file)) = (std::env::var("STEADFAST_FULL_DISK"), std::env::var("STEADFAST_DATA")) else {
        return;
    };
    let contract = contract(r#"{"type": "integer"}"#);
    let mut run = Run::new(&contract);
    run.running.quarantine = Some(Path::new(&folder).join("q"));
    let refusal = run.of(&[Path::new(&file)]).unwrap_err();
    std::io::Write::write_all(&mut std::io::stdout(), refusal.to_string().as_bytes()).unwrap();
}
