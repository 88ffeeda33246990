//! What cannot be said: standard output on a full disk.

use scenarios::steadfast::{Ran, Workplace};

fn onto_a_full_disk(folder: &Workplace, arguments: &[&str]) -> Ran {
    folder.start_through("bash", &["-c", r#"exec "$0" "$@" >/dev/full"#], arguments).wait()
}

/// A command that ends with 0 where its words arrive.
#[track_caller]
fn check(folder: &Workplace, arguments: &[&str]) {
    folder.run(arguments).exits(0);
    let unheard = onto_a_full_disk(folder, arguments);
    unheard.exits(3).tells("No space left on device");
}

#[test]
fn whoever_was_not_told_cannot_know_that_all_is_well() {
    let mut folder = Workplace::with(
        "[project]\nname = \"shop\"\n[[check]]\nid = \"file\"\n[check.files]\nglob = \"ther*\"\nexpect.count = 1\n",
    );
    folder.set("HOME", "/nonexistent");
    folder.write("there", "x");
    folder.write("data.jsonl", "{\"id\":1}\n");
    folder.write("contract.json", r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}"#);
    rusqlite::Connection::open(folder.path().join("a.db")).unwrap().execute_batch("CREATE TABLE t(a)").unwrap();
    folder.run(&["verify"]).exits(0);
    for arguments in [
        &["version"][..],
        &["verify", "--list"],
        &["explain"],
        &["explain", "http"],
        &["schema", "report"],
        &["config", "lint"],
        &["config", "show"],
        &["config", "schema"],
        &["history", "file"],
        &["ledger", "tail"],
        &["ledger", "verify"],
        &["ledger", "export"],
        &["look", "file"],
        &["contract", "check", "data.jsonl", "--contract", "contract.json"],
        &["contract", "check", "data.jsonl", "--contract", "contract.json", "--json"],
        &["contract", "explain", "id", "--contract", "contract.json"],
        &["sqlite", "verify", "a.db"],
        &["sqlite", "info", "a.db", "--json"],
    ] {
        check(&folder, arguments);
    }
    // What does not hold is told by the exit code, whoever heard the words.
    folder.write("data.jsonl", "{}\n");
    onto_a_full_disk(&folder, &["contract", "check", "data.jsonl", "--contract", "contract.json"]).exits(1);
}
